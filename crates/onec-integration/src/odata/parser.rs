//! Reading a `$filter` that somebody wrote into an [`Expression`]. What was read is written anew for
//! 1C, so that nothing reaches it that is not understood here.

use chrono::NaiveDateTime;
use uuid::Uuid;

use super::expression::{Expression, FUNCTIONS, NOT_BINDING, Operator, Path, Quantifier, Value};

/// Characters of a filter.
const LONGEST: usize = 4000;
/// Expressions within expressions.
const DEEPEST: usize = 32;

/// Why a filter was not understood, and where: characters before the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} at {offset}")]
pub(crate) struct FilterError {
    /// The place.
    pub(crate) offset: usize,
    /// What is wrong there.
    pub(crate) kind: FilterErrorKind,
}

/// What may be wrong with a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FilterErrorKind {
    /// Longer or deeper than is taken.
    TooComplex,
    /// A value or property was expected.
    OperandExpected,
    /// A word or sign that does not belong there.
    Unexpected,
    /// A literal that is not what it says it is.
    BadLiteral,
    /// 1C has no such function.
    UnknownFunction,
    /// The function has another number of arguments.
    WrongArguments,
    /// The apostrophe that ends a string is missing.
    OpenString,
}

/// Reads a filter.
///
/// # Errors
/// When it is not one.
pub(crate) fn parse(text: &str) -> Result<Expression, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser {
        chars: &chars,
        place: 0,
        depth: 0,
    };
    if chars.len() > LONGEST {
        return Err(parser.error(FilterErrorKind::TooComplex));
    }
    let expression = parser.expression(0)?;
    parser.space();
    if parser.place < chars.len() {
        return Err(parser.error(FilterErrorKind::Unexpected));
    }
    Ok(expression)
}

struct Parser<'a> {
    chars: &'a [char],
    place: usize,
    depth: usize,
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Parser<'_> {
    fn error(&self, kind: FilterErrorKind) -> FilterError {
        FilterError {
            offset: self.place,
            kind,
        }
    }

    fn error_at(offset: usize, kind: FilterErrorKind) -> FilterError {
        FilterError { offset, kind }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.place).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.place += 1;
        }
    }

    fn eat(&mut self, sign: char) -> bool {
        self.space();
        let found = self.peek() == Some(sign);
        self.place += usize::from(found);
        found
    }

    fn expect(&mut self, sign: char) -> Result<(), FilterError> {
        if self.eat(sign) {
            Ok(())
        } else {
            Err(self.error(FilterErrorKind::Unexpected))
        }
    }

    /// Characters from here that fit.
    fn taken(&mut self, fits: impl Fn(char) -> bool) -> String {
        let rest = self.chars.get(self.place..).unwrap_or_default();
        let taken: String = rest.iter().copied().take_while(|c| fits(*c)).collect();
        self.place += taken.chars().count();
        taken
    }

    /// An operator that binds at least so tightly; what is not one stays unread.
    fn operator(&mut self, least: u8) -> Option<Operator> {
        self.space();
        let start = self.place;
        let word = self.taken(is_name);
        let found = Operator::ALL
            .into_iter()
            .find(|operator| operator.as_str() == word && operator.binding() >= least);
        if found.is_none() {
            self.place = start;
        }
        found
    }

    fn expression(&mut self, least: u8) -> Result<Expression, FilterError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(self.error(FilterErrorKind::TooComplex));
        }
        let mut left = self.operand()?;
        let mut joined = 0;
        while let Some(operator) = self.operator(least) {
            joined += 1;
            // Each makes the tree deeper, and whoever walks it goes as deep.
            if joined > 200 {
                return Err(self.error(FilterErrorKind::TooComplex));
            }
            let right = self.expression(operator.binding() + 1)?;
            left = Expression::binary(left, operator, right);
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, FilterError> {
        self.space();
        let start = self.place;
        match self.peek() {
            Some('(') => {
                self.place += 1;
                let inner = self.expression(0)?;
                self.expect(')')?;
                Ok(inner)
            }
            Some('\'') => Ok(Expression::Value(Value::Text(self.string()?))),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            Some(c) if is_name(c) => {
                let word = self.taken(|c| is_name(c) || c == '/');
                self.named(start, &word)
            }
            _ => Err(self.error(FilterErrorKind::OperandExpected)),
        }
    }

    /// What begins with a word.
    fn named(&mut self, start: usize, word: &str) -> Result<Expression, FilterError> {
        let bad = || Self::error_at(start, FilterErrorKind::BadLiteral);
        match (word, self.peek()) {
            ("true", _) => return Ok(Expression::Value(Value::Bool(true))),
            ("false", _) => return Ok(Expression::Value(Value::Bool(false))),
            ("null", _) => return Ok(Expression::Value(Value::Null)),
            ("guid", Some('\'')) => {
                let guid = Uuid::parse_str(&self.string()?).map_err(|_| bad())?;
                return Ok(Expression::Value(Value::Guid(guid)));
            }
            ("datetime", Some('\'')) => {
                let text = self.string()?;
                let moment = NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S").map_err(|_| bad())?;
                return Ok(Expression::Value(Value::DateTime(moment)));
            }
            ("not", _) => {
                let inner = self.expression(NOT_BINDING + 1)?;
                return Ok(Expression::Not(Box::new(inner)));
            }
            _ => {}
        }
        if Operator::ALL.iter().any(|operator| operator.as_str() == word) {
            return Err(Self::error_at(start, FilterErrorKind::OperandExpected));
        }
        if !self.eat('(') {
            if word.split('/').any(str::is_empty) {
                return Err(Self::error_at(start, FilterErrorKind::OperandExpected));
            }
            return Ok(Expression::Property(Path::at(start, word)));
        }
        self.call(start, word)
    }

    /// After the parenthesis that follows `word`.
    fn call(&mut self, start: usize, word: &str) -> Result<Expression, FilterError> {
        if let Some((part, quantifier)) = word.rsplit_once('/') {
            let quantifier = match quantifier {
                "any" => Quantifier::Any,
                "all" => Quantifier::All,
                _ => return Err(Self::error_at(start, FilterErrorKind::UnknownFunction)),
            };
            self.space();
            let at = self.place;
            let variable = self.taken(is_name);
            if variable.is_empty() || part.split('/').any(str::is_empty) {
                return Err(Self::error_at(at, FilterErrorKind::Unexpected));
            }
            self.expect(':')?;
            let condition = Box::new(self.expression(0)?);
            self.expect(')')?;
            return Ok(Expression::Lambda {
                part: Path::at(start, part),
                quantifier,
                variable: Path::at(at, &variable),
                condition,
            });
        }
        let mut arguments = vec![self.expression(0)?];
        if matches!(word, "cast" | "isof") {
            self.expect(',')?;
            self.space();
            let at = self.place;
            let kind = self.string()?;
            if kind.is_empty() || !kind.chars().all(is_name) {
                return Err(Self::error_at(at, FilterErrorKind::BadLiteral));
            }
            self.expect(')')?;
            let value = Box::new(arguments.swap_remove(0));
            let kind = Path::at(at, &kind);
            return Ok(if word == "cast" {
                Expression::Cast(value, kind)
            } else {
                Expression::IsOf(value, kind)
            });
        }
        let Some((name, least, most)) = FUNCTIONS.into_iter().find(|(name, ..)| *name == word) else {
            return Err(Self::error_at(start, FilterErrorKind::UnknownFunction));
        };
        while self.eat(',') {
            arguments.push(self.expression(0)?);
            if arguments.len() > most {
                return Err(Self::error_at(start, FilterErrorKind::WrongArguments));
            }
        }
        self.expect(')')?;
        if arguments.len() < least {
            return Err(Self::error_at(start, FilterErrorKind::WrongArguments));
        }
        Ok(Expression::Call(name, arguments))
    }

    /// A string, whose first apostrophe is here.
    fn string(&mut self) -> Result<String, FilterError> {
        let start = self.place;
        self.expect('\'')?;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.place += 1;
            if c != '\'' {
                text.push(c);
            } else if self.peek() == Some('\'') {
                self.place += 1;
                text.push('\'');
            } else {
                return Ok(text);
            }
        }
        Err(Self::error_at(start, FilterErrorKind::OpenString))
    }

    fn number(&mut self) -> Result<Expression, FilterError> {
        let start = self.place;
        let sign = if self.eat('-') { "-" } else { "" };
        let digits = self.taken(|c| c.is_ascii_digit() || c == '.');
        let number = format!("{sign}{digits}").parse();
        match number {
            Ok(number) if !self.peek().is_some_and(is_name) => Ok(Expression::Value(Value::Number(number))),
            _ => Err(Self::error_at(start, FilterErrorKind::BadLiteral)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn filters_are_understood_and_written_anew() {
        for (text, written) in [
            (
                "Цена gt 10 and  not  (A eq 1 or B eq 'it''s')",
                "Цена gt 10 and not (A eq 1 or B eq 'it''s')",
            ),
            ("(a add b) mul 2 le 10.50", "(a add b) mul 2 le 10.50"),
            ("a sub (b sub c) eq -1", "a sub (b sub c) eq -1"),
            ("a or b and c", "(a or b and c)"),
            ("Товары/any(d: d/Цена gt 10000)", "Товары/any(d: d/Цена gt 10000)"),
            (
                "substringof('x',Контрагент/ИНН) eq true",
                "substringof('x',Контрагент/ИНН) eq true",
            ),
            (
                "Док eq cast(guid'1fa1a135-d89b-11e6-8343-40167e2531c3', 'Document_X')",
                "Док eq cast(guid'1fa1a135-d89b-11e6-8343-40167e2531c3','Document_X')",
            ),
            (
                "Date ge datetime'2026-01-01T00:00:00'",
                "Date ge datetime'2026-01-01T00:00:00'",
            ),
            (
                "isof(X,'Catalog_Y') or a eq null",
                "(isof(X,'Catalog_Y') or a eq null)",
            ),
        ] {
            let parsed = parse(text).unwrap();
            assert_eq!(parsed.to_string(), written, "{text}");
            assert_eq!(parse(written).unwrap(), parsed, "{text}");
        }
    }

    #[test]
    fn what_1c_does_not_have_is_refused_with_its_place() {
        use FilterErrorKind as Kind;
        for (text, offset, kind) in [
            ("", 0, Kind::OperandExpected),
            ("a eq", 4, Kind::OperandExpected),
            ("a eq 1 b", 7, Kind::Unexpected),
            ("a eq 'x", 5, Kind::OpenString),
            ("length(a) eq 1", 0, Kind::UnknownFunction),
            ("contains(a,'x')", 0, Kind::UnknownFunction),
            ("a eq guid'x'", 5, Kind::BadLiteral),
            ("year(a,b) eq 1", 0, Kind::WrongArguments),
            ("a eq 1;drop", 6, Kind::Unexpected),
            ("a in (1)", 2, Kind::Unexpected),
            ("a eq 1&$top=1", 6, Kind::Unexpected),
        ] {
            assert_eq!(parse(text), Err(FilterError { offset, kind }), "{text}");
        }
        assert!(parse(&"(".repeat(3000)).is_err());
        assert!(parse(&"not ".repeat(900)).is_err());
        assert!(parse(&"a or ".repeat(700)).is_err());
    }

    fn name() -> impl Strategy<Value = String> {
        "[A-Zа-я][A-Za-zА-я0-9_]{0,8}(/[А-Я][а-я]{1,4}){0,2}".prop_filter("a word of the language", |name| {
            !matches!(
                name.as_str(),
                "true" | "false" | "null" | "not" | "guid" | "datetime"
            )
        })
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<u128>().prop_map(|bits| Value::Guid(Uuid::from_u128(bits))),
            (0_i64..4_000_000_000).prop_map(|seconds| {
                let moment = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
                Value::DateTime(moment.naive_utc())
            }),
            ".{0,12}".prop_map(Value::Text),
            (any::<i64>(), 0_u32..10)
                .prop_map(|(digits, scale)| { Value::Number(rust_decimal::Decimal::new(digits, scale)) }),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ]
    }

    fn expression() -> impl Strategy<Value = Expression> {
        let leaf = prop_oneof![
            name().prop_map(|name| Expression::Property(Path::new(&name))),
            value().prop_map(Expression::Value),
        ];
        leaf.prop_recursive(5, 40, 3, |inner| {
            let operator = prop::sample::select(Operator::ALL.to_vec());
            prop_oneof![
                (inner.clone(), operator, inner.clone())
                    .prop_map(|(left, operator, right)| Expression::binary(left, operator, right)),
                inner.clone().prop_map(|inner| Expression::Not(Box::new(inner))),
                (
                    prop::sample::select(FUNCTIONS.to_vec()),
                    prop::collection::vec(inner.clone(), 3)
                )
                    .prop_map(|((name, least, _), mut arguments)| {
                        arguments.truncate(least);
                        Expression::Call(name, arguments)
                    }),
                inner
                    .clone()
                    .prop_map(|inner| Expression::Cast(Box::new(inner), Path::new("Catalog_Х"))),
                (name(), any::<bool>(), inner).prop_map(|(part, is_any, condition)| Expression::Lambda {
                    part: Path::new(&part),
                    quantifier: if is_any { Quantifier::Any } else { Quantifier::All },
                    variable: Path::new("d"),
                    condition: Box::new(condition),
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(expression in expression()) {
            let text = expression.to_string();
            prop_assert_eq!(parse(&text), Ok(expression), "{}", text);
        }

        #[test]
        fn a_text_stays_one_value(text in ".{0,40}") {
            let filter = super::super::Filter::eq("X", &super::super::Literal::Text(&text)).to_string();
            let expected = Expression::binary(
                Expression::Property(Path::new("X")),
                Operator::Eq,
                Expression::Value(Value::Text(text)),
            );
            prop_assert_eq!(parse(&filter), Ok(expected));
        }

        #[test]
        fn nothing_makes_it_panic(text in ".{0,60}") {
            let _ = parse(&text);
        }
    }
}
