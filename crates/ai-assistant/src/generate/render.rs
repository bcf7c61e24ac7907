//! Filling templates in: MiniJinja on fuel, which sees nothing but what it is given.

use chrono::NaiveDate;
use common::Locale;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, Output, State, UndefinedBehavior};
use rust_decimal::Decimal;

use crate::builtin::format::{self, escaped};
use crate::builtin::period::Span;

/// Instructions of one text, and 64 bytes of it each: far more than any letter takes, and no more
/// than some 6 MB.
const FUEL: u64 = 100_000;
/// Characters of a text.
const MAX_TEXT: usize = 256 * 1024;

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub(crate) struct Mistake {
    /// Its line, from 1.
    pub(crate) line: usize,
    /// What the template engine says.
    pub(crate) what: String,
}

impl From<minijinja::Error> for Mistake {
    fn from(error: minijinja::Error) -> Self {
        let what = match error.kind() {
            ErrorKind::OutOfFuel => "the template does too much work".to_owned(),
            kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
        };
        Self {
            line: error.line().unwrap_or(1),
            what: what.chars().take(300).collect(),
        }
    }
}

/// Tells whether a body can be read.
///
/// # Errors
/// The first mistake.
pub(super) fn check(body: &str) -> Result<(), Mistake> {
    environment(Locale::Ru).template_from_str(body)?;
    Ok(())
}

/// The text of a body with everything filled in.
///
/// # Errors
/// When the body does what cannot be done.
pub(super) fn render(body: &str, context: Value, locale: Locale) -> Result<String, Mistake> {
    let environment = environment(locale);
    let text = environment.template_from_str(body)?.render(context)?;
    if text.chars().count() > MAX_TEXT {
        return Err(Mistake {
            line: 1,
            what: format!("the text is longer than {MAX_TEXT} characters"),
        });
    }
    Ok(tidied(&text))
}

fn environment(locale: Locale) -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .unwrap_or_default(),
    );
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("markdown".into()));
    environment.set_formatter(formatted);
    minijinja_builtins(&mut environment);
    environment.add_filter("money", move |value: &Value, currency: Option<&str>| {
        let currency = currency.filter(|code| !code.is_empty()).unwrap_or("RUB");
        safe(decimal(value).map(|value| format::money(value, currency, locale)))
    });
    environment.add_filter("quantity", move |value: &Value| {
        safe(decimal(value).map(|value| format::quantity(value, locale)))
    });
    environment.add_filter("date", move |value: &Value| {
        let day = value.as_str().and_then(day);
        safe(day.map(|day| format::date(day, locale)))
    });
    environment.add_filter("absolute", |value: &Value| {
        decimal(value).map_or(Value::UNDEFINED, |value| Value::from(value.abs().to_string()))
    });
    environment.add_function("period", move |from: &str, to: &str| {
        let span = day(from).zip(day(to)).map(|(from, to)| Span::of(from, to));
        safe(span.map(|span| format::during(span, locale)))
    });
    environment.add_test("positive", |value: &Value| {
        decimal(value).is_some_and(|value| value > Decimal::ZERO)
    });
    environment.add_test("negative", |value: &Value| {
        decimal(value).is_some_and(|value| value < Decimal::ZERO)
    });
    environment
}

/// Filters and tests of MiniJinja that letters need. `safe` is not among them: nothing from 1C or
/// from a form becomes markup.
fn minijinja_builtins(environment: &mut Environment<'static>) {
    use minijinja::{filters, tests};
    environment.add_filter("upper", filters::upper);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("join", |lines: Vec<String>, between: Option<&str>| {
        lines.join(between.unwrap_or(", "))
    });
    environment.add_filter("default", filters::default);
    environment.add_filter("first", filters::first);
    environment.add_filter("last", filters::last);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("undefined", tests::is_undefined);
}

/// Values are words, whatever they hold; what our own filters made is text already.
fn formatted(
    out: &mut Output<'_>,
    _state: &mut State<'_, '_>,
    value: &Value,
) -> Result<(), minijinja::Error> {
    if value.is_undefined() || value.is_none() {
        return Ok(());
    }
    let text = value.to_string();
    let text = if value.is_safe() { text } else { escaped(&text) };
    out.write_str(&text).map_err(minijinja::Error::from)
}

fn safe(text: Option<String>) -> Value {
    text.map_or(Value::UNDEFINED, Value::from_safe_string)
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value.as_str() {
        Some(text) => text.parse().ok(),
        None => value.to_string().parse().ok(),
    }
}

fn day(text: &str) -> Option<NaiveDate> {
    text.get(..10)?.parse().ok()
}

/// No more than one empty line in a row, none at the ends, no spaces before the end of a line.
fn tidied(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in text.trim().lines().map(str::trim_end) {
        if !(line.is_empty() && lines.last().is_some_and(|last| last.is_empty())) {
            lines.push(line);
        }
    }
    lines.join("\n")
}
