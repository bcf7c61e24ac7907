//! The grammar of `$filter`, and of paths in the other options.

use super::error::Refusal;
use super::expression::{Arithmetic, Comparison, Expression, FUNCTIONS, Path, Step};
use super::lexer::{Token, tokens};
use super::source::Source;
use crate::ids::{Kind, Ref};
use crate::infobase::Infobase;
use crate::schema::{Edm, EntitySet, SCHEMA, Value};

const FILTER: &str = "$filter";

/// How deep brackets may nest, so that a hostile filter cannot exhaust the stack.
const DEEPEST: usize = 60;

struct Parser<'a> {
    base: &'a Infobase,
    source: &'a Source,
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// Variable of the lambda being parsed and the set of its rows.
    variable: Option<(String, usize)>,
}

/// Parses a condition over the rows of `source`.
pub(crate) fn filter(base: &Infobase, source: &Source, text: &str) -> Result<Expression, Refusal> {
    let mut parser = Parser {
        base,
        source,
        tokens: tokens(text, FILTER)?,
        at: 0,
        depth: 0,
        variable: None,
    };
    let expression = parser.or()?;
    if parser.at < parser.tokens.len() {
        Err(Refusal::parse(FILTER))
    } else {
        Ok(expression)
    }
}

/// Parses a path such as `Контрагент/ИНН`.
pub(crate) fn path(source: &Source, text: &str) -> Result<Path, Refusal> {
    let names: Vec<&str> = text.split('/').collect();
    bind(source, None, &names)
}

/// Finds the properties behind the names of a path. `inner` is the set of a lambda's variable.
fn bind(source: &Source, inner: Option<usize>, names: &[&str]) -> Result<Path, Refusal> {
    let inner_source = inner.map(Source::Set);
    let start = inner_source.as_ref().unwrap_or(source);
    let (first_name, mut rest) = names.split_first().ok_or_else(|| Refusal::segment(""))?;
    let mut path = Path {
        inner: inner.is_some(),
        first: 0,
        steps: Vec::new(),
        type_name: false,
    };
    if let Some(at) = start.find(first_name).filter(|_| rest.is_empty()) {
        path.first = at;
        return Ok(path);
    }
    if let Some(at) = first_name.strip_suffix("_Type").and_then(|name| start.find(name))
        && start.field(at).1 == Edm::Composite
        && rest.is_empty()
    {
        (path.first, path.type_name) = (at, true);
        return Ok(path);
    }
    path.first = start
        .navigation(first_name)
        .ok_or_else(|| Refusal::segment(first_name))?;
    let mut edm = start.field(path.first).1;
    while let Some((name, tail)) = rest.split_first() {
        let mut kind = match edm {
            Edm::Key(kind) => Some(kind),
            _ => None,
        };
        let mut name = *name;
        rest = tail;
        if edm == Edm::Composite
            && let Some(named) = source.configuration().kind_named(name)
        {
            kind = Some(named);
            let Some((next, tail)) = rest.split_first() else {
                break;
            };
            (name, rest) = (next, tail);
        }
        let Some(kind) = kind else {
            // Whatever it points to: only the last name may be looked up late.
            path.steps.push(Step::Named(name.to_owned()));
            return if rest.is_empty() {
                Ok(path)
            } else {
                Err(Refusal::segment(name))
            };
        };
        let set: &EntitySet = SCHEMA
            .of(source.configuration(), kind)
            .map(|at| &SCHEMA.sets[at])
            .ok_or_else(|| Refusal::segment(name))?;
        let column = if rest.is_empty() {
            set.column(name)
        } else {
            set.navigation(name)
        };
        let column = column.ok_or_else(|| Refusal::segment(name))?;
        edm = set.columns[column].edm;
        path.steps.push(Step::Known(kind, column));
    }
    Ok(path)
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn need(&mut self, token: &Token) -> Result<(), Refusal> {
        if self.take(token) {
            Ok(())
        } else {
            Err(Refusal::parse(FILTER))
        }
    }

    fn take_name(&mut self, name: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(found)) if found == name);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Expression, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Refusal::parse(FILTER));
        }
        let mut left = self.and()?;
        while self.take_name("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.not()?;
        while self.take_name("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, Refusal> {
        let mut count = 0_u32;
        while self.take_name("not") {
            count += 1;
        }
        let inner = self.comparison()?;
        Ok(if count % 2 == 1 {
            Expression::Not(Box::new(inner))
        } else {
            inner
        })
    }

    fn comparison(&mut self) -> Result<Expression, Refusal> {
        let left = self.sum()?;
        let how = match self.peek() {
            Some(Token::Name(name)) => match name.as_str() {
                "eq" => Comparison::Eq,
                "ne" => Comparison::Ne,
                "gt" => Comparison::Gt,
                "ge" => Comparison::Ge,
                "lt" => Comparison::Lt,
                "le" => Comparison::Le,
                _ => return Ok(left),
            },
            _ => return Ok(left),
        };
        self.at += 1;
        let right = self.sum()?;
        let ordered = !matches!(how, Comparison::Eq | Comparison::Ne);
        if ordered && (left.is_reference(self.source) || right.is_reference(self.source)) {
            return Err(Refusal::incomparable());
        }
        Ok(Expression::Compare(how, Box::new(left), Box::new(right)))
    }

    fn sum(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.product()?;
        loop {
            let how = if self.take_name("add") {
                Arithmetic::Add
            } else if self.take_name("sub") {
                Arithmetic::Sub
            } else {
                return Ok(left);
            };
            left = Expression::Arithmetic(how, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Expression, Refusal> {
        let mut left = self.primary()?;
        loop {
            let how = if self.take_name("mul") {
                Arithmetic::Mul
            } else if self.take_name("div") {
                Arithmetic::Div
            } else {
                return Ok(left);
            };
            left = Expression::Arithmetic(how, Box::new(left), Box::new(self.primary()?));
        }
    }

    fn primary(&mut self) -> Result<Expression, Refusal> {
        let token = self.peek().cloned().ok_or_else(|| Refusal::parse(FILTER))?;
        self.at += 1;
        Ok(match token {
            Token::Open => {
                let inner = self.or()?;
                self.need(&Token::Close)?;
                inner
            }
            Token::Number(number) => Expression::Literal(Value::Number(number)),
            Token::Text(text) => Expression::Literal(Value::text(text)),
            Token::Guid(guid) => Expression::Literal(Value::Guid(guid)),
            Token::Date(date) => Expression::Literal(Value::Date(date)),
            Token::Name(name) => match name.as_str() {
                "true" => Expression::Literal(Value::Bool(true)),
                "false" => Expression::Literal(Value::Bool(false)),
                "null" => Expression::Literal(Value::Null),
                _ if self.peek() == Some(&Token::Open) => self.call(&name)?,
                _ => self.path(name)?,
            },
            _ => return Err(Refusal::parse(FILTER)),
        })
    }

    fn arguments(&mut self) -> Result<Vec<Expression>, Refusal> {
        self.need(&Token::Open)?;
        let mut list = vec![self.or()?];
        while self.take(&Token::Comma) {
            list.push(self.or()?);
        }
        self.need(&Token::Close)?;
        Ok(list)
    }

    fn call(&mut self, name: &str) -> Result<Expression, Refusal> {
        if matches!(name, "cast" | "isof") {
            let mut list = self.arguments()?;
            let (Some(Expression::Literal(Value::Text(type_name))), Some(inner), true) =
                (list.pop(), list.pop(), list.is_empty())
            else {
                return Err(Refusal::parse(FILTER));
            };
            let kind = self
                .base
                .kind_named(&type_name)
                .ok_or_else(|| Refusal::unknown_entity(&type_name))?;
            return Ok(if name == "isof" {
                Expression::IsOf(Box::new(inner), kind)
            } else {
                self.cast(inner, kind)
            });
        }
        let (_, function, least, most) = FUNCTIONS
            .iter()
            .find(|known| known.0 == name)
            .ok_or_else(|| Refusal::parse(FILTER))?;
        let list = self.arguments()?;
        if (*least..=*most).contains(&list.len()) {
            Ok(Expression::Call(*function, list))
        } else {
            Err(Refusal::parse(FILTER))
        }
    }

    /// A guid becomes a reference of the kind, one that equals nothing if there is no such object.
    fn cast(&self, inner: Expression, kind: Kind) -> Expression {
        match inner {
            Expression::Literal(Value::Guid(guid)) => {
                let found = self.base.resolve(kind, guid);
                Expression::Literal(Value::Composite(found.unwrap_or(Ref::new(kind, u32::MAX))))
            }
            other => Expression::Cast(Box::new(other), kind),
        }
    }

    fn path(&mut self, first: String) -> Result<Expression, Refusal> {
        let mut names = vec![first];
        while self.take(&Token::Slash) {
            let Some(Token::Name(name)) = self.peek().cloned() else {
                return Err(Refusal::parse(FILTER));
            };
            self.at += 1;
            if matches!(name.as_str(), "any" | "all") && self.peek() == Some(&Token::Open) {
                return self.lambda(&names, name == "all");
            }
            names.push(name);
        }
        let inner = match &self.variable {
            Some((variable, set)) if *variable == names[0] => Some(*set),
            _ => None,
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let path = match inner {
            Some(set) => bind(self.source, Some(set), &names[1..])?,
            None => bind(self.source, None, &names)?,
        };
        Ok(Expression::Path(path))
    }

    fn lambda(&mut self, names: &[String], every: bool) -> Result<Expression, Refusal> {
        self.need(&Token::Open)?;
        let parts = self.source.set().map(|set| &set.parts);
        let part = parts.and_then(|list| {
            list.iter()
                .position(|part| names.len() == 1 && part.name == names[0])
        });
        let (Some(part), Some(list)) = (part, parts) else {
            return Err(Refusal::segment(&names[0]));
        };
        if self.take(&Token::Close) {
            return if every {
                Err(Refusal::parse(FILTER))
            } else {
                Ok(Expression::Lambda {
                    part,
                    every,
                    body: None,
                })
            };
        }
        let Some(Token::Name(variable)) = self.peek().cloned() else {
            return Err(Refusal::parse(FILTER));
        };
        self.at += 1;
        self.need(&Token::Colon)?;
        let outer = self.variable.replace((variable, list[part].set));
        let body = self.or()?;
        self.variable = outer;
        self.need(&Token::Close)?;
        Ok(Expression::Lambda {
            part,
            every,
            body: Some(Box::new(body)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odata::expression::Context;
    use crate::schema::Row;

    /// A source whose row has a number, a text, a date and a null.
    fn table() -> Source {
        let date = crate::odata::lexer::moment("2026-11-09T08:07:06").unwrap();
        let cells = vec![
            Value::whole(7),
            Value::str("О'Нил и К"),
            Value::Date(date),
            Value::Null,
            Value::Bool(true),
        ];
        let names = [
            ("Число", Edm::Double),
            ("Строка", Edm::Text),
            ("Дата", Edm::Date),
            ("Пусто", Edm::Text),
            ("Да", Edm::Bool),
        ];
        let fields = names.map(|(name, edm)| (name.to_owned(), edm)).to_vec();
        Source::Table(std::sync::Arc::new(crate::odata::source::Table {
            configuration: crate::Configuration::Accounting,
            name: String::new(),
            fields,
            rows: vec![cells],
        }))
    }

    fn holds(text: &str) -> Result<bool, i32> {
        let (base, source) = (
            Infobase::new(std::sync::Arc::new(crate::base::Base::empty(
                1,
                crate::Configuration::Accounting,
            ))),
            table(),
        );
        let parsed = filter(&base, &source, text).map_err(|refusal| refusal.code)?;
        let row: Row = 0;
        parsed
            .holds(&Context::new(&base, &source, row))
            .map_err(|refusal| refusal.code)
    }

    #[test]
    fn conditions_are_read_and_worked_out() {
        for (text, expected) in [
            ("Число eq 7", Ok(true)),
            ("Число eq 7.0", Ok(true)),
            ("Число ne 7", Ok(false)),
            ("Число gt 6.99 and Число lt 7.01", Ok(true)),
            ("Число add 3 mul 2 eq 13", Ok(true)),
            ("(Число add 3) mul 2 eq 20", Ok(true)),
            ("Число sub 8 eq -1", Ok(true)),
            ("Число div 2 ge 3.5", Ok(true)),
            ("false or true and false", Ok(false)),
            ("(true or false) and true", Ok(true)),
            ("not Число eq 8", Ok(true)),
            ("not not Да", Ok(true)),
            ("Строка eq 'О''Нил и К'", Ok(true)),
            ("Строка eq 'о''нил и к  '", Ok(true)),
            ("Строка gt 'Н'", Ok(true)),
            ("substringof('нил',Строка) eq true", Ok(true)),
            ("startswith(Строка,'О') and endswith(Строка,'К')", Ok(true)),
            ("like(Строка,'О%К')", Ok(true)),
            ("like(Строка,'О_Нил')", Ok(false)),
            ("substring(Строка,3,3) eq 'Нил'", Ok(true)),
            ("Дата ge datetime'2026-11-09T00:00:00'", Ok(true)),
            (
                "year(Дата) eq 2026 and quarter(Дата) eq 4 and month(Дата) eq 11 and day(Дата) eq 9",
                Ok(true),
            ),
            (
                "hour(Дата) eq 8 and minute(Дата) eq 7 and second(Дата) eq 6",
                Ok(true),
            ),
            ("dayofweek(Дата) eq 1 and dayofyear(Дата) eq 313", Ok(true)),
            (
                "dateadd(Дата,'month',2) gt datetime'2027-01-01T00:00:00'",
                Ok(true),
            ),
            (
                "datedifference(datetime'2026-11-01T00:00:00',Дата,'day') eq 8",
                Ok(true),
            ),
            ("round(Число div 2,0) eq 4", Ok(true)),
            ("Пусто eq null", Ok(true)),
            ("Пусто ne 'x'", Ok(false)),
            ("Пусто eq 'x'", Ok(false)),
            ("Число eq 'x'", Ok(false)),
            ("", Err(14)),
            ("Число eq", Err(14)),
            ("Число = 7", Err(14)),
            ("(Число eq 7", Err(14)),
            ("Число eq 7)", Err(14)),
            ("Число eq 7 Число", Err(14)),
            ("tolower(Строка) eq 'x'", Err(14)),
            ("indexof(Строка,'x') eq 1", Err(14)),
            ("startswith(Строка)", Err(14)),
            ("Строка eq 'x", Err(14)),
            ("Число in (1,2)", Err(14)),
            ("Нет eq 7", Err(6)),
            ("Строка eq guid'12'", Err(1)),
            ("Дата gt datetime'вчера'", Err(1)),
            ("isof(Строка,'Catalog_Нет')", Err(8)),
            ("guid'00000000-0000-0000-0000-000000000000' gt Строка", Err(-1)),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn brackets_without_end_do_not_exhaust_the_stack() {
        let text = format!("{}true{}", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(holds(&text), Err(14));
    }
}
