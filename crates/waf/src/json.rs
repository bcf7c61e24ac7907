//! Strings of a JSON text, also of one that was cut off or is no good JSON: what a parser would make of it is
//! not known here, so every string counts.

use std::borrow::Cow;

/// One string of a JSON text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    /// The nearest name before it; empty in a list without one.
    pub(crate) name: Cow<'a, str>,
    /// The string; absent for a name whose value is no string.
    pub(crate) value: Option<Cow<'a, str>>,
}

/// Calls `each` for every name and string, until it says stop.
pub(crate) fn texts<'a>(source: &'a str, mut each: impl FnMut(Text<'a>) -> bool) {
    let bytes = source.as_bytes();
    let mut at = 0;
    let mut name: Cow<'a, str> = Cow::Borrowed("");
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == b'"') {
        let from = at + next + 1;
        let mut end = from;
        while end < bytes.len() && bytes[end] != b'"' {
            end += if bytes[end] == b'\\' { 2 } else { 1 };
        }
        let end = end.min(bytes.len());
        // A cut may be inside of a character.
        let text = unescaped(source.get(from..end).unwrap_or(""));
        at = (end + 1).min(bytes.len());
        let after = bytes[at..].iter().find(|byte| !byte.is_ascii_whitespace());
        if after == Some(&b':') {
            name = text;
            if !each(Text {
                name: name.clone(),
                value: None,
            }) {
                return;
            }
        } else if !each(Text {
            name: name.clone(),
            value: Some(text),
        }) {
            return;
        }
    }
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    // Letters outside the first plane come in two halves.
    let mut half: Option<u32> = None;
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('t') => plain.push('\t'),
            Some('b') => plain.push('\u{8}'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => {
                let digits: String = rest.clone().take(4).collect();
                match u32::from_str_radix(&digits, 16) {
                    Ok(code) if digits.len() == 4 => {
                        rest.nth(3);
                        match (half.take(), code) {
                            (_, 0xd800..=0xdbff) => half = Some(code),
                            (Some(high), 0xdc00..=0xdfff) => {
                                let code = 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00);
                                plain.extend(char::from_u32(code));
                            }
                            _ => plain.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
                        }
                    }
                    _ => plain.push_str("\\u"),
                }
            }
            Some(other @ ('"' | '\\' | '/')) => plain.push(other),
            Some(other) => {
                plain.push('\\');
                plain.push(other);
            }
            None => {}
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(source: &str) -> Vec<(String, Option<String>)> {
        let mut found = Vec::new();
        texts(source, |text| {
            found.push((text.name.into_owned(), text.value.map(Cow::into_owned)));
            true
        });
        found
    }

    #[test]
    fn every_string_is_found_with_its_name() {
        let found = all(r#"{"a": {"b" : ["x\n\u0434", "\ud83d\ude00"]}, "n": 1, "c": "cut of"#);
        let expected = [
            ("a", None),
            ("b", None),
            ("b", Some("x\nд")),
            ("b", Some("😀")),
            ("n", None),
            ("c", None),
            ("c", Some("cut of")),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned)));
        assert_eq!(found, expected);
    }

    #[test]
    fn broken_texts_do_no_harm() {
        for source in [
            "",
            "\"",
            "\"\\",
            "\"\\u12",
            "\"\\u12ж",
            "{\"a\":\"\\ud83d\"}",
            "\"ж\\",
        ] {
            all(source);
        }
    }
}
