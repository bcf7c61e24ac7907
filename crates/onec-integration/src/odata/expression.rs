//! Expressions of `$filter` as trees, whose text cannot be anything else than what the tree says:
//! names have only letters, digits and underscores, and values are literals.

use std::fmt;

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::Literal;

/// Names joined by slashes: a property, or one of an object that is referred to.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    names: Vec<String>,
    /// Where it stands in the text that it was read from: characters before it.
    pub(crate) offset: usize,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

impl Eq for Path {}

impl Path {
    /// The path written so. Anything that a name cannot hold is dropped, so that it cannot become an
    /// operator; names come from the metadata and have nothing else.
    pub(crate) fn new(text: &str) -> Self {
        let names = text.split('/').map(|name| {
            name.chars()
                .filter(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        });
        Self {
            names: names.collect(),
            offset: 0,
        }
    }

    /// The path written at a place of a text.
    pub(super) fn at(offset: usize, text: &str) -> Self {
        Self {
            offset,
            ..Self::new(text)
        }
    }

    /// Its names.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join("/"))
    }
}

/// A value that an expression owns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Guid(Uuid),
    DateTime(NaiveDateTime),
    Text(String),
    Number(Decimal),
    Bool(bool),
    Null,
}

impl Value {
    fn literal(&self) -> Literal<'_> {
        match self {
            Self::Guid(guid) => Literal::Guid(*guid),
            Self::DateTime(moment) => Literal::DateTime(*moment),
            Self::Text(text) => Literal::Text(text),
            Self::Number(number) => Literal::Number(*number),
            Self::Bool(value) => Literal::Bool(*value),
            Self::Null => Literal::Null,
        }
    }
}

/// An operator between two operands, by how tightly it binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Add,
    Sub,
    Mul,
    Div,
}

impl Operator {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Or,
        Self::And,
        Self::Eq,
        Self::Ne,
        Self::Gt,
        Self::Ge,
        Self::Lt,
        Self::Le,
        Self::Add,
        Self::Sub,
        Self::Mul,
        Self::Div,
    ];

    /// Its word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Eq => "eq",
            Self::Ne => "ne",
            Self::Gt => "gt",
            Self::Ge => "ge",
            Self::Lt => "lt",
            Self::Le => "le",
            Self::Add => "add",
            Self::Sub => "sub",
            Self::Mul => "mul",
            Self::Div => "div",
        }
    }

    /// A tighter one has a greater number.
    pub(super) const fn binding(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne => 4,
            Self::Gt | Self::Ge | Self::Lt | Self::Le => 5,
            Self::Add | Self::Sub => 6,
            Self::Mul | Self::Div => 7,
        }
    }
}

/// How tightly `not` binds its operand.
pub(super) const NOT_BINDING: u8 = 3;
/// Nothing binds tighter than a name, a value or a call.
const ATOM_BINDING: u8 = 9;

/// The functions that 1C has, with the least and the greatest number of their arguments. `cast` and
/// `isof`, whose second argument is a type, are expressions of their own.
pub(crate) const FUNCTIONS: [(&str, usize, usize); 18] = [
    ("concat", 2, 2),
    ("endswith", 2, 2),
    ("startswith", 2, 2),
    ("substringof", 2, 2),
    ("like", 2, 2),
    ("substring", 2, 3),
    ("dateadd", 3, 3),
    ("datedifference", 3, 3),
    ("day", 1, 1),
    ("dayofweek", 1, 1),
    ("dayofyear", 1, 1),
    ("hour", 1, 1),
    ("minute", 1, 1),
    ("month", 1, 1),
    ("quarter", 1, 1),
    ("second", 1, 1),
    ("year", 1, 1),
    ("round", 1, 2),
];

/// For which rows of a tabular part a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// For one at least.
    Any,
    /// For each.
    All,
}

impl Quantifier {
    /// Its word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::All => "all",
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    /// A property.
    Property(Path),
    /// A value.
    Value(Value),
    /// An operator between two.
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// A condition that does not hold.
    Not(Box<Expression>),
    /// One of [`FUNCTIONS`] and its arguments.
    Call(&'static str, Vec<Expression>),
    /// `cast(…,'Catalog_X')`: a reference as one of a type.
    Cast(Box<Expression>, Path),
    /// `isof(…,'Catalog_X')`: whether a value is of a type.
    IsOf(Box<Expression>, Path),
    /// A condition on the rows of a tabular part, each under a name of its own.
    Lambda {
        /// The part.
        part: Path,
        /// How many rows must fulfil it.
        quantifier: Quantifier,
        /// The name of a row.
        variable: Path,
        /// The condition.
        condition: Box<Expression>,
    },
}

impl Expression {
    /// `left operator right`.
    pub(crate) fn binary(left: Self, operator: Operator, right: Self) -> Self {
        Self::Binary(operator, Box::new(left), Box::new(right))
    }

    fn binding(&self) -> u8 {
        match self {
            Self::Binary(operator, ..) => operator.binding(),
            Self::Not(_) => NOT_BINDING,
            _ => ATOM_BINDING,
        }
    }

    fn operand(&self, least: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Alternatives have parentheses already.
        let is_or = matches!(self, Self::Binary(Operator::Or, ..));
        if self.binding() < least && !is_or {
            write!(f, "({self})")
        } else {
            write!(f, "{self}")
        }
    }

    /// Alternatives without the parentheses around them all.
    fn alternatives(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary(Operator::Or, left, right) => {
                left.alternatives(f)?;
                f.write_str(" or ")?;
                right.operand(Operator::Or.binding() + 1, f)
            }
            other => other.operand(Operator::Or.binding(), f),
        }
    }
}

impl From<&Literal<'_>> for Expression {
    fn from(literal: &Literal<'_>) -> Self {
        Self::Value(match literal {
            Literal::Guid(guid) => Value::Guid(*guid),
            Literal::Cast(guid, set) => {
                return Self::Cast(Box::new(Self::Value(Value::Guid(*guid))), Path::new(set));
            }
            Literal::DateTime(moment) => Value::DateTime(*moment),
            Literal::Text(text) => Value::Text((*text).to_owned()),
            Literal::Number(number) => Value::Number(*number),
            Literal::Bool(value) => Value::Bool(*value),
            Literal::Null => Value::Null,
        })
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Property(path) => write!(f, "{path}"),
            Self::Value(value) => write!(f, "{}", value.literal()),
            // So that whatever they are joined to cannot take one of them away.
            Self::Binary(Operator::Or, ..) => {
                f.write_str("(")?;
                self.alternatives(f)?;
                f.write_str(")")
            }
            Self::Binary(operator, left, right) => {
                left.operand(operator.binding(), f)?;
                write!(f, " {} ", operator.as_str())?;
                right.operand(operator.binding() + 1, f)
            }
            Self::Not(inner) => {
                f.write_str("not ")?;
                inner.operand(ATOM_BINDING, f)
            }
            Self::Call(name, arguments) => {
                write!(f, "{name}(")?;
                for (place, argument) in arguments.iter().enumerate() {
                    if place > 0 {
                        f.write_str(",")?;
                    }
                    write!(f, "{argument}")?;
                }
                f.write_str(")")
            }
            Self::Cast(value, set) => write!(f, "cast({value},'{set}')"),
            Self::IsOf(value, set) => write!(f, "isof({value},'{set}')"),
            Self::Lambda {
                part,
                quantifier,
                variable,
                condition,
            } => write!(f, "{part}/{}({variable}: {condition})", quantifier.as_str()),
        }
    }
}
