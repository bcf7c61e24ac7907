//! Words of `$filter` and of keys.

use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use uuid::Uuid;

use super::error::Refusal;

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Number(Decimal),
    Text(String),
    Guid(Uuid),
    Date(NaiveDateTime),
    Open,
    Close,
    Comma,
    Slash,
    Colon,
    Equals,
}

/// Cuts `text` into words. `option` names the query option in the refusal.
pub(crate) fn tokens(text: &str, option: &str) -> Result<Vec<Token>, Refusal> {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut list = Vec::new();
    while let Some(&first) = chars.get(at) {
        let single = match first {
            '(' => Some(Token::Open),
            ')' => Some(Token::Close),
            ',' => Some(Token::Comma),
            '/' => Some(Token::Slash),
            ':' => Some(Token::Colon),
            '=' => Some(Token::Equals),
            _ => None,
        };
        if let Some(token) = single {
            list.push(token);
            at += 1;
        } else if first == ' ' {
            at += 1;
        } else if first == '\'' {
            list.push(Token::Text(quoted(&chars, &mut at, option)?));
        } else if first.is_ascii_digit() || first == '-' {
            list.push(Token::Number(number(&chars, &mut at, option)?));
        } else if first.is_alphabetic() || first == '_' || first == '$' {
            list.push(word(&chars, &mut at, option)?);
        } else {
            return Err(Refusal::parse(option));
        }
    }
    Ok(list)
}

/// A string between quotes, a doubled quote standing for one.
fn quoted(chars: &[char], at: &mut usize, option: &str) -> Result<String, Refusal> {
    let mut text = String::new();
    *at += 1;
    loop {
        match (chars.get(*at), chars.get(*at + 1)) {
            (Some('\''), Some('\'')) => {
                text.push('\'');
                *at += 2;
            }
            (Some('\''), _) => {
                *at += 1;
                return Ok(text);
            }
            (Some(other), _) => {
                text.push(*other);
                *at += 1;
            }
            (None, _) => return Err(Refusal::parse(option)),
        }
    }
}

fn number(chars: &[char], at: &mut usize, option: &str) -> Result<Decimal, Refusal> {
    let start = *at;
    *at += 1;
    while chars
        .get(*at)
        .is_some_and(|next| next.is_ascii_digit() || *next == '.')
    {
        *at += 1;
    }
    let text: String = chars[start..*at].iter().collect();
    // A type suffix (10L, 10.5M, 10d) means nothing here.
    if chars
        .get(*at)
        .is_some_and(|next| matches!(next, 'L' | 'l' | 'M' | 'm' | 'd' | 'D' | 'f'))
    {
        *at += 1;
    }
    text.parse().map_err(|_| Refusal::parse(option))
}

fn word(chars: &[char], at: &mut usize, option: &str) -> Result<Token, Refusal> {
    let start = *at;
    while chars
        .get(*at)
        .is_some_and(|next| next.is_alphanumeric() || matches!(next, '_' | '.' | '$'))
    {
        *at += 1;
    }
    let name: String = chars[start..*at].iter().collect();
    if chars.get(*at) != Some(&'\'') {
        return Ok(Token::Name(name));
    }
    match name.as_str() {
        "guid" => {
            let text = quoted(chars, at, option)?;
            text.parse()
                .map(Token::Guid)
                .map_err(|_| Refusal::value(&text, "Edm.Guid"))
        }
        "datetime" => {
            let text = quoted(chars, at, option)?;
            moment(&text)
                .map(Token::Date)
                .ok_or_else(|| Refusal::value(&text, "Edm.DateTime"))
        }
        _ => Err(Refusal::parse(option)),
    }
}

/// A moment without a zone, with or without seconds.
pub(crate) fn moment(text: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M"))
        .ok()
}
