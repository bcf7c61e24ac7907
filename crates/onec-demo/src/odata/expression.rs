//! Expressions of `$filter`: what they are and how they are worked out for a row.

use std::borrow::Cow;
use std::cmp::Ordering;

use chrono::{Datelike, Duration, Months, NaiveDateTime, Timelike};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::error::Refusal;
use super::source::{Source, target, type_name};
use crate::ids::Kind;
use crate::infobase::Infobase;
use crate::schema::{Edm, Row, SCHEMA, Value};

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

/// Arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
}

/// Functions of the query language that OData offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    SubstringOf,
    StartsWith,
    EndsWith,
    Like,
    Concat,
    Substring,
    Year,
    Quarter,
    Month,
    Day,
    DayOfYear,
    DayOfWeek,
    Hour,
    Minute,
    Second,
    DateAdd,
    DateDifference,
    Round,
}

/// Name, function, least and most arguments.
pub(crate) const FUNCTIONS: [(&str, Function, usize, usize); 18] = [
    ("substringof", Function::SubstringOf, 2, 2),
    ("startswith", Function::StartsWith, 2, 2),
    ("endswith", Function::EndsWith, 2, 2),
    ("like", Function::Like, 2, 3),
    ("concat", Function::Concat, 2, 2),
    ("substring", Function::Substring, 2, 3),
    ("year", Function::Year, 1, 1),
    ("quarter", Function::Quarter, 1, 1),
    ("month", Function::Month, 1, 1),
    ("day", Function::Day, 1, 1),
    ("dayofyear", Function::DayOfYear, 1, 1),
    ("dayofweek", Function::DayOfWeek, 1, 1),
    ("hour", Function::Hour, 1, 1),
    ("minute", Function::Minute, 1, 1),
    ("second", Function::Second, 1, 1),
    ("dateadd", Function::DateAdd, 3, 3),
    ("datedifference", Function::DateDifference, 3, 3),
    ("round", Function::Round, 1, 2),
];

/// A further step of a path, after a reference.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A property of objects of a known kind; other kinds give null.
    Known(Kind, usize),
    /// A property looked up by name in whatever the reference points to.
    Named(String),
}

/// A path to a property.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    /// Starts at the variable of the lambda, not at the row.
    pub(crate) inner: bool,
    pub(crate) first: usize,
    pub(crate) steps: Vec<Step>,
    /// The `…_Type` of a composite property is meant.
    pub(crate) type_name: bool,
}

/// An expression, its names already found.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Literal(Value<'static>),
    Path(Path),
    Compare(Comparison, Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Arithmetic(Arithmetic, Box<Self>, Box<Self>),
    Call(Function, Vec<Self>),
    /// `any` or, when `every`, `all` over the rows of a tabular part.
    Lambda {
        part: usize,
        every: bool,
        body: Option<Box<Self>>,
    },
    /// The reference if it is of the kind, else null.
    Cast(Box<Self>, Kind),
    IsOf(Box<Self>, Kind),
}

/// The row an expression is worked out for.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) base: &'a Infobase,
    pub(crate) source: &'a Source,
    pub(crate) row: Row,
    /// Set and row of the variable of a lambda.
    pub(crate) inner: Option<(usize, Row)>,
}

impl<'a> Context<'a> {
    /// A row of a source.
    pub(crate) fn new(base: &'a Infobase, source: &'a Source, row: Row) -> Self {
        Self {
            base,
            source,
            row,
            inner: None,
        }
    }
}

impl Path {
    /// The value at the end of the path; null where a reference on the way is empty.
    pub(crate) fn value<'a>(&self, context: &Context<'a>) -> Value<'a> {
        let base = context.base;
        let mut value = match context.inner {
            Some((set, row)) if self.inner => base.value(set, row, self.first),
            _ => context.source.value(base, context.row, self.first),
        };
        for step in &self.steps {
            let Some(object) = target(&value) else {
                return Value::Null;
            };
            let Some(set) = base.set_of(object.kind) else {
                return Value::Null;
            };
            let at = set;
            let set = &SCHEMA.sets[at];
            value = match step {
                Step::Known(kind, column) if object.kind == *kind => base.value(at, object.index, *column),
                Step::Known(..) => return Value::Null,
                Step::Named(name) => match set.column(name) {
                    Some(column) => base.value(at, object.index, column),
                    None => return Value::Null,
                },
            };
        }
        if self.type_name {
            Value::text(type_name(base, &value))
        } else {
            value
        }
    }
}

impl Expression {
    /// Whether the value is a reference, as far as can be told without a row.
    pub(crate) fn is_reference(&self, source: &Source) -> bool {
        match self {
            Self::Literal(value) => value.is_reference(),
            Self::Path(path) if path.type_name => false,
            Self::Path(path) => {
                let edm = match path.steps.last() {
                    Some(Step::Known(kind, column)) => SCHEMA
                        .of(source.configuration(), *kind)
                        .map(|set| SCHEMA.sets[set].columns[*column].edm),
                    Some(Step::Named(_)) => None,
                    None if path.inner => None,
                    None => Some(source.field(path.first).1),
                };
                matches!(edm, Some(Edm::Own | Edm::Key(_) | Edm::Composite))
            }
            Self::Cast(..) => true,
            _ => false,
        }
    }

    /// Whether the row meets the condition.
    pub(crate) fn holds(&self, context: &Context<'_>) -> Result<bool, Refusal> {
        Ok(matches!(self.value(context)?, Value::Bool(true)))
    }

    /// The value of the expression for a row.
    pub(crate) fn value<'a>(&'a self, context: &Context<'a>) -> Result<Value<'a>, Refusal> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Path(path) => path.value(context),
            Self::And(a, b) => Value::Bool(a.holds(context)? && b.holds(context)?),
            Self::Or(a, b) => Value::Bool(a.holds(context)? || b.holds(context)?),
            Self::Not(a) => Value::Bool(!a.holds(context)?),
            Self::Compare(how, a, b) => Value::Bool(compare(
                *how,
                &a.value(context)?,
                &b.value(context)?,
                context.base,
            )?),
            Self::Arithmetic(how, a, b) => arithmetic(*how, &a.value(context)?, &b.value(context)?),
            Self::Call(function, arguments) => {
                let values = arguments
                    .iter()
                    .map(|one| one.value(context))
                    .collect::<Result<Vec<_>, _>>()?;
                call(*function, &values)
            }
            Self::Lambda { part, every, body } => {
                Value::Bool(lambda(*part, *every, body.as_deref(), context)?)
            }
            Self::Cast(inner, kind) => match inner.value(context)? {
                Value::Key(found) | Value::Composite(found) if found.kind == *kind => Value::Composite(found),
                _ => Value::Null,
            },
            Self::IsOf(inner, kind) => {
                let value = inner.value(context)?;
                Value::Bool(
                    matches!(value, Value::Key(found) | Value::Composite(found) if found.kind == *kind),
                )
            }
        })
    }
}

fn compare(how: Comparison, a: &Value<'_>, b: &Value<'_>, base: &Infobase) -> Result<bool, Refusal> {
    Ok(match how {
        Comparison::Eq => a.equals(b, base),
        // As in SQL, something unknown differs from nothing known.
        Comparison::Ne => (*a == Value::Null) == (*b == Value::Null) && !a.equals(b, base),
        _ if a.is_reference() || b.is_reference() => return Err(Refusal::incomparable()),
        _ => match a.compare(b) {
            None => false,
            Some(order) => match how {
                Comparison::Gt => order == Ordering::Greater,
                Comparison::Ge => order != Ordering::Less,
                Comparison::Lt => order == Ordering::Less,
                _ => order != Ordering::Greater,
            },
        },
    })
}

fn arithmetic(how: Arithmetic, a: &Value<'_>, b: &Value<'_>) -> Value<'static> {
    let (Value::Number(a), Value::Number(b)) = (a, b) else {
        return Value::Null;
    };
    let result = match how {
        Arithmetic::Add => a.checked_add(*b),
        Arithmetic::Sub => a.checked_sub(*b),
        Arithmetic::Mul => a.checked_mul(*b),
        Arithmetic::Div => a.checked_div(*b),
    };
    result.map_or(Value::Null, Value::Number)
}

fn lambda(
    part: usize,
    every: bool,
    body: Option<&Expression>,
    context: &Context<'_>,
) -> Result<bool, Refusal> {
    let Some((set, part)) = context
        .source
        .set()
        .and_then(|set| set.parts.get(part).map(|part| (set, part)))
    else {
        return Ok(false);
    };
    for row in context.base.part(set, part, context.row).iter() {
        let Some(body) = body else { return Ok(true) };
        let inner = Context {
            inner: Some((part.set, row)),
            ..*context
        };
        if body.holds(&inner)? != every {
            return Ok(!every);
        }
    }
    Ok(every)
}

fn lower<'a>(value: &'a Value<'a>) -> Option<Cow<'a, str>> {
    match value {
        Value::Text(text) => Some(Cow::Owned(text.to_lowercase())),
        _ => None,
    }
}

fn call(function: Function, values: &[Value<'_>]) -> Value<'static> {
    let text = |at: usize| values.get(at).and_then(lower);
    let pair = |a: usize, b: usize, test: fn(&str, &str) -> bool| match (text(a), text(b)) {
        (Some(a), Some(b)) => Value::Bool(test(&a, &b)),
        _ => Value::Bool(false),
    };
    match function {
        Function::SubstringOf => pair(1, 0, |whole, part| whole.contains(part)),
        Function::StartsWith => pair(0, 1, |whole, part| whole.starts_with(part)),
        Function::EndsWith => pair(0, 1, |whole, part| whole.trim_end_matches(' ').ends_with(part)),
        Function::Like => match (text(0), text(1)) {
            (Some(whole), Some(pattern)) => {
                let (whole, pattern): (Vec<char>, Vec<char>) =
                    (whole.chars().collect(), pattern.chars().collect());
                Value::Bool(like(&whole, &pattern))
            }
            _ => Value::Bool(false),
        },
        Function::Concat => match (&values[0], &values[1]) {
            (Value::Text(a), Value::Text(b)) => Value::text(format!("{a}{b}")),
            _ => Value::Null,
        },
        Function::Substring => substring(values),
        Function::Round => match (&values[0], values.get(1)) {
            (Value::Number(number), None) => Value::Number(number.round()),
            (Value::Number(number), Some(Value::Number(places))) => {
                Value::Number(number.round_dp(places.to_u32().unwrap_or(0)))
            }
            _ => Value::Null,
        },
        Function::DateAdd => date_add(values),
        Function::DateDifference => date_difference(values),
        _ => match values.first() {
            Some(Value::Date(date)) => Value::Number(Decimal::from(date_part(function, *date))),
            _ => Value::Null,
        },
    }
}

fn date_part(function: Function, date: NaiveDateTime) -> i64 {
    match function {
        Function::Year => i64::from(date.year()),
        Function::Quarter => i64::from(date.month0() / 3 + 1),
        Function::Month => i64::from(date.month()),
        Function::Day => i64::from(date.day()),
        Function::DayOfYear => i64::from(date.ordinal()),
        Function::DayOfWeek => i64::from(date.weekday().number_from_monday()),
        Function::Hour => i64::from(date.hour()),
        Function::Minute => i64::from(date.minute()),
        _ => i64::from(date.second()),
    }
}

/// Positions count from 1, as in the query language.
fn substring(values: &[Value<'_>]) -> Value<'static> {
    let (Value::Text(text), Value::Number(from)) = (&values[0], &values[1]) else {
        return Value::Null;
    };
    let skip = from.to_usize().unwrap_or(1).saturating_sub(1);
    let length = match values.get(2) {
        Some(Value::Number(length)) => length.to_usize().unwrap_or(0),
        _ => usize::MAX,
    };
    Value::text(text.chars().skip(skip).take(length).collect())
}

/// `%` is any run of characters, `_` any one.
fn like(text: &[char], pattern: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('%', rest)) => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        Some((first, rest)) => text
            .split_first()
            .is_some_and(|(letter, tail)| (*first == '_' || first == letter) && like(tail, rest)),
    }
}

fn date_add(values: &[Value<'_>]) -> Value<'static> {
    let (Value::Date(date), Value::Text(unit), Value::Number(count)) = (&values[0], &values[1], &values[2])
    else {
        return Value::Null;
    };
    let Some(count) = count.to_i64() else {
        return Value::Null;
    };
    let months = |per: i64| {
        let total = count * per;
        let step = Months::new(u32::try_from(total.unsigned_abs()).unwrap_or(0));
        if total < 0 {
            date.checked_sub_months(step)
        } else {
            date.checked_add_months(step)
        }
    };
    let moved = match unit.to_lowercase().as_str() {
        "second" => Duration::try_seconds(count).and_then(|step| date.checked_add_signed(step)),
        "minute" => Duration::try_minutes(count).and_then(|step| date.checked_add_signed(step)),
        "hour" => Duration::try_hours(count).and_then(|step| date.checked_add_signed(step)),
        "day" => Duration::try_days(count).and_then(|step| date.checked_add_signed(step)),
        "week" => Duration::try_weeks(count).and_then(|step| date.checked_add_signed(step)),
        "month" => months(1),
        "quarter" => months(3),
        "year" => months(12),
        _ => None,
    };
    moved.map_or(Value::Null, Value::Date)
}

fn date_difference(values: &[Value<'_>]) -> Value<'static> {
    let (Value::Date(from), Value::Date(to), Value::Text(unit)) = (&values[0], &values[1], &values[2]) else {
        return Value::Null;
    };
    let month = |date: &NaiveDateTime| i64::from(date.year()) * 12 + i64::from(date.month0());
    let number = match unit.to_lowercase().as_str() {
        "second" => (*to - *from).num_seconds(),
        "minute" => (*to - *from).num_minutes(),
        "hour" => (*to - *from).num_hours(),
        "day" => (to.date() - from.date()).num_days(),
        "month" => month(to) - month(from),
        "quarter" => month(to) / 3 - month(from) / 3,
        "year" => i64::from(to.year()) - i64::from(from.year()),
        _ => return Value::Null,
    };
    Value::whole(number)
}
