//! Addresses: segments with their brackets, keys, arguments of functions, query options.

use percent_encoding::percent_decode_str;

use super::error::Refusal;
use super::lexer::{Token, tokens};
use crate::ids::{Kind, Ref};
use crate::infobase::{Infobase, Rows};
use crate::schema::{Edm, EntitySet, Row, SCHEMA, Shape, Value};

/// A part of a path between slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) name: String,
    /// What stands in brackets, if there are any.
    pub(crate) arguments: Option<String>,
}

/// Percent-decodes UTF-8; `+` stays a plus.
pub(crate) fn decode(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Refusal::request("Адрес не в кодировке UTF-8"))
}

/// Cuts a decoded path into segments; slashes inside brackets do not cut.
pub(crate) fn segments(path: &str) -> Vec<Segment> {
    let mut list = Vec::new();
    let mut depth = 0_usize;
    let mut current = String::new();
    for letter in path.chars().chain(['/']) {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '/' if depth == 0 => {
                if !current.is_empty() {
                    list.push(segment(&current));
                    current.clear();
                }
                continue;
            }
            _ => {}
        }
        current.push(letter);
    }
    if !current.is_empty() {
        list.push(segment(&current));
    }
    list
}

fn segment(text: &str) -> Segment {
    match text.split_once('(') {
        Some((name, rest)) => {
            let inside = rest.strip_suffix(')').unwrap_or(rest);
            Segment {
                name: name.to_owned(),
                arguments: Some(inside.trim().to_owned()),
            }
        }
        None => Segment {
            name: text.to_owned(),
            arguments: None,
        },
    }
}

/// Arguments of a bound function: name and text. A string's quotes are taken off; those inside it may be doubled or not.
pub(crate) fn arguments(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut list = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, tail) = rest.split_once('=').ok_or_else(|| Refusal::argument(rest))?;
        let end = argument_end(tail);
        let value = tail[..end].trim();
        let value = value
            .strip_prefix('\'')
            .and_then(|inner| inner.strip_suffix('\''))
            .unwrap_or(value);
        list.push((name.trim().to_owned(), value.to_owned()));
        rest = tail[end..].trim_start_matches(',').trim();
    }
    Ok(list)
}

/// Where an argument ends: at the comma before the next `Name=`, or at the end. Commas in strings are followed by other
/// things than a name and an equals sign, so quotes need not be understood.
fn argument_end(text: &str) -> usize {
    for (at, _) in text.match_indices(',') {
        let next = text[at + 1..].trim_start();
        let name: String = next
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric())
            .collect();
        if !name.is_empty()
            && PARAMETERS.contains(&name.as_str())
            && next[name.len()..].trim_start().starts_with('=')
        {
            return at;
        }
    }
    text.len()
}

/// Parameters of the functions of registers.
const PARAMETERS: [&str; 13] = [
    "Period",
    "StartPeriod",
    "EndPeriod",
    "Condition",
    "Dimensions",
    "AccountCondition",
    "BalancedAccountCondition",
    "ExtraDimensions",
    "BalancedExtraDimensions",
    "AccountDrCondition",
    "AccountCrCondition",
    "Top",
    "OrderBy",
];

/// Key parts: name (none for a lone value) and value.
fn key_parts(text: &str) -> Result<Vec<(Option<String>, Token)>, Refusal> {
    let words = tokens(text, "key").map_err(|refusal| match refusal.code {
        1 => refusal,
        _ => Refusal::request("Неверный ключ сущности"),
    })?;
    let mut list = Vec::new();
    for part in words.split(|word| *word == Token::Comma) {
        match part {
            [Token::Name(name), Token::Equals, value] => list.push((Some(name.clone()), value.clone())),
            [value] => list.push((None, value.clone())),
            _ => return Err(Refusal::request("Неверный ключ сущности")),
        }
    }
    Ok(list)
}

/// Finds the row of a set by the text of its key.
pub(crate) fn find(base: &Infobase, at: usize, text: &str) -> Result<Row, Refusal> {
    let set = &SCHEMA.sets[at];
    let parts = key_parts(text)?;
    let part = |name: &str| {
        let alone = parts.len() == 1 && set.key.first().is_some_and(|first| *first == name);
        parts.iter().find(|(known, _)| match known {
            Some(known) => known == name || (name == "Recorder" && known == "Recorder_Key"),
            None => alone,
        })
    };
    let missing = || Refusal::not_found(&set.name);
    let found = match set.shape {
        Shape::Object(kind) => object(base, kind, part("Ref_Key").map(|found| &found.1))?,
        Shape::Rows(owner) => {
            let Shape::Object(kind) = SCHEMA.sets[owner].shape else {
                return Err(missing());
            };
            let document = object(base, kind, part("Ref_Key").map(|found| &found.1))?.ok_or_else(missing)?;
            let line = number(part("LineNumber").map(|found| &found.1))?;
            let range = SCHEMA.sets[owner]
                .parts
                .iter()
                .find(|one| one.set == at)
                .map(|one| base.part(&SCHEMA.sets[owner], one, document));
            range.and_then(|rows| nth(&rows, line))
        }
        Shape::RecordSets | Shape::Records if set.recorder.is_some() => {
            let recorder = recorder(
                base,
                part("Recorder").map(|found| &found.1),
                part("Recorder_Type").map(|found| &found.1),
            )?;
            let rows = recorder.map_or(Rows::Range(0..0), |recorder| base.recorded(at, recorder));
            if set.shape == Shape::RecordSets {
                rows.iter().next()
            } else {
                nth(&rows, number(part("LineNumber").map(|found| &found.1))?)
            }
        }
        _ => information(base, at, &|name| part(name).map(|found| &found.1))?,
    };
    found.ok_or_else(missing)
}

fn nth(rows: &Rows, line: Row) -> Option<Row> {
    let skipped = usize::try_from(line.checked_sub(1)?).ok()?;
    rows.iter().nth(skipped)
}

fn number(token: Option<&Token>) -> Result<Row, Refusal> {
    let text = match token {
        Some(Token::Number(number)) => number.to_string(),
        Some(Token::Text(text)) => text.clone(),
        _ => return Err(Refusal::key_part("LineNumber")),
    };
    text.parse().map_err(|_| Refusal::value(&text, "Edm.Int64"))
}

fn object(base: &Infobase, kind: Kind, token: Option<&Token>) -> Result<Option<Row>, Refusal> {
    match token {
        Some(Token::Guid(guid)) => Ok(base
            .reference(*guid)
            .filter(|found| found.kind == kind)
            .map(|found| found.index)),
        Some(Token::Text(text)) => Err(Refusal::value(text, "Edm.Guid")),
        _ => Err(Refusal::key_part("Ref_Key")),
    }
}

/// The recorder named by a string (a guid is taken too) and its type.
fn recorder(
    base: &Infobase,
    token: Option<&Token>,
    type_name: Option<&Token>,
) -> Result<Option<Ref>, Refusal> {
    let guid = match token {
        Some(Token::Guid(guid)) => *guid,
        Some(Token::Text(text)) => text.parse().map_err(|_| Refusal::value(text, "Edm.Guid"))?,
        _ => return Err(Refusal::key_part("Recorder")),
    };
    let Some(Token::Text(name)) = type_name else {
        return Err(Refusal::key_part("Recorder_Type"));
    };
    let kind = base.kind_named(name);
    Ok(kind.and_then(|kind| base.resolve(kind, guid)))
}

/// A record of an information register by period and dimension.
fn information<'t>(
    base: &Infobase,
    at: usize,
    part: &dyn Fn(&str) -> Option<&'t Token>,
) -> Result<Option<Row>, Refusal> {
    let set = &SCHEMA.sets[at];
    let mut wanted = Vec::new();
    for name in set.key {
        let value = match part(name) {
            Some(Token::Guid(guid)) => Value::Guid(*guid),
            Some(Token::Date(date)) => Value::Date(*date),
            _ => return Err(Refusal::key_part(name)),
        };
        wanted.push((set.column(name), value));
    }
    Ok(base.rows(at).iter().find(|row| {
        wanted.iter().all(|(column, value)| {
            column.is_some_and(|column| base.value(at, *row, column).equals(value, base))
        })
    }))
}

/// The canonical key of a row, brackets and all.
pub(crate) fn key_of(base: &Infobase, set: &EntitySet, row: Row) -> String {
    let own = base.position(&set.name);
    let value = |name: &str| {
        set.column(name).map(|column| {
            (
                set.columns[column].edm,
                own.map_or(Value::Null, |own| base.value(own, row, column)),
            )
        })
    };
    if let [only] = set.key
        && let Some((_, Value::Key(own))) = value(only)
    {
        return format!("(guid'{}')", base.guid(own));
    }
    let parts: Vec<String> = set
        .key
        .iter()
        .map(|name| format!("{name}={}", key_literal(base, name, &value)))
        .collect();
    format!("({})", parts.join(", "))
}

fn key_literal<'a>(base: &Infobase, name: &str, value: &dyn Fn(&str) -> Option<(Edm, Value<'a>)>) -> String {
    if let Some(composite) = name.strip_suffix("_Type") {
        return value(composite).map_or_else(String::new, |(_, found)| {
            format!("'{}'", super::source::type_name(base, &found))
        });
    }
    match value(name) {
        Some((_, Value::Key(found))) => format!("guid'{}'", base.guid(found)),
        Some((_, Value::Composite(found))) => format!("'{}'", base.guid(found)),
        Some((_, Value::Date(date))) => format!("datetime'{}'", date.format("%Y-%m-%dT%H:%M:%S")),
        Some((_, Value::Number(number))) => number.normalize().to_string(),
        Some((_, Value::Text(text))) => format!("'{}'", text.replace('\'', "''")),
        _ => String::new(),
    }
}

/// Query options as they are written, decoded.
pub(crate) fn options(query: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut list = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        list.push((decode(name)?, decode(value)?));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cut_outside_brackets() {
        let list =
            segments("AccountingRegister_Х/Balance(AccountCondition='Account/Code eq '62.01'')/$count");
        let names: Vec<&str> = list.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["AccountingRegister_Х", "Balance", "$count"]);
        assert_eq!(
            list[1].arguments.as_deref(),
            Some("AccountCondition='Account/Code eq '62.01''")
        );
    }

    #[test]
    fn arguments_keep_their_inner_quotes() {
        let text = "Period=datetime'2026-01-01T00:00:00',Condition='startswith(A,'x') and B eq guid'1'', Dimensions='A,B'";
        let list = arguments(text).unwrap();
        assert_eq!(
            list[0],
            ("Period".to_owned(), "datetime'2026-01-01T00:00:00'".to_owned())
        );
        assert_eq!(list[1].1, "startswith(A,'x') and B eq guid'1'");
        assert_eq!(list[2], ("Dimensions".to_owned(), "A,B".to_owned()));
    }

    #[test]
    fn a_plus_is_a_plus() {
        assert_eq!(
            options("$filter=a+b%20c").unwrap(),
            [("$filter".to_owned(), "a+b c".to_owned())]
        );
    }
}
