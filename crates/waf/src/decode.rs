//! Decodings, each of which makes a text no longer and gives up nothing on broken input.

use std::borrow::Cow;

fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn hex_number(digits: &[u8]) -> Option<u32> {
    let digits: Option<Vec<u8>> = digits.iter().copied().map(hex).collect();
    Some(
        digits?
            .iter()
            .fold(0, |number, digit| number << 4 | u32::from(*digit)),
    )
}

/// Percent-encoding, `%uXXXX` too; in forms a plus is a blank. What is no encoding stays as it is.
pub(crate) fn percent(text: &[u8], plus: bool) -> Cow<'_, [u8]> {
    let encoded = text.iter().any(|byte| *byte == b'%' || (plus && *byte == b'+'));
    if !encoded {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let (bytes, taken) = match (first, after) {
            (b'+', _) if plus => (None, 1),
            (b'%', [b'u' | b'U', digits @ ..]) => match digits.get(..4).and_then(hex_number) {
                Some(code) => {
                    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = &rest[6..];
                    continue;
                }
                None => (Some(*first), 1),
            },
            (b'%', [high, low, ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => (Some(high << 4 | low), 3),
                _ => (Some(*first), 1),
            },
            _ => (Some(*first), 1),
        };
        decoded.push(bytes.unwrap_or(b' '));
        rest = &rest[taken..];
    }
    Cow::Owned(decoded)
}

/// True when a text has something that percent-decoding would change.
pub(crate) fn has_percent(text: &str) -> bool {
    text.as_bytes().windows(3).any(|window| {
        window[0] == b'%'
            && (window[1].is_ascii_hexdigit() && window[2].is_ascii_hexdigit()
                || window[1].eq_ignore_ascii_case(&b'u') && window[2].is_ascii_hexdigit())
    })
}

/// Text out of bytes. Two bytes that spell an ASCII character in a longer way than they need are that
/// character: only attackers write so.
pub(crate) fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut fixed = Vec::with_capacity(bytes.len());
            let mut rest = bytes;
            while let [first, after @ ..] = rest {
                match (first, after) {
                    (0xc0 | 0xc1, [second, ..]) if (0x80..0xc0).contains(second) => {
                        fixed.push((first & 1) << 6 | (second & 0x3f));
                        rest = &rest[2..];
                    }
                    _ => {
                        fixed.push(*first);
                        rest = after;
                    }
                }
            }
            Cow::Owned(String::from_utf8_lossy(&fixed).into_owned())
        }
    }
}

/// `\uXXXX`, `\u{X}`, `\xXX` of JavaScript and JSON, and `\/`.
pub(crate) fn escapes(source: &str) -> Option<String> {
    let bytes = source.as_bytes();
    let mut decoded = String::with_capacity(source.len());
    let (mut from, mut at, mut changed) = (0, 0, false);
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == b'\\') {
        let start = at + next;
        let rest = &bytes[start + 1..];
        let found = match rest.first() {
            Some(b'u' | b'U') => match rest.get(1..5).and_then(hex_number) {
                Some(code) => Some((code, 6)),
                None if rest.get(1) == Some(&b'{') => rest[2..]
                    .iter()
                    .take(7)
                    .position(|byte| *byte == b'}')
                    .and_then(|length| Some((hex_number(&rest[2..2 + length])?, length + 4))),
                None => None,
            },
            Some(b'x' | b'X') => rest.get(1..3).and_then(hex_number).map(|code| (code, 4)),
            Some(b'/') => Some((u32::from(b'/'), 2)),
            _ => None,
        };
        match found {
            Some((code, taken)) => {
                decoded.push_str(&source[from..start]);
                decoded.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                at = start + taken;
                from = at;
                changed = true;
            }
            None => at = start + 1,
        }
    }
    decoded.push_str(&source[from..]);
    changed.then_some(decoded)
}

/// The entities that matter in HTML and XML.
const ENTITIES: [(&str, &str); 24] = [
    ("lt", "<"),
    ("gt", ">"),
    ("amp", "&"),
    ("quot", "\""),
    ("apos", "'"),
    ("colon", ":"),
    ("lpar", "("),
    ("rpar", ")"),
    ("lsqb", "["),
    ("rsqb", "]"),
    ("lcub", "{"),
    ("rcub", "}"),
    ("sol", "/"),
    ("bsol", "\\"),
    ("equals", "="),
    ("comma", ","),
    ("period", "."),
    ("semi", ";"),
    ("num", "#"),
    ("grave", "`"),
    ("tab", "\t"),
    ("newline", "\n"),
    ("nbsp", " "),
    ("excl", "!"),
];

/// `&lt;`, `&#60;` and `&#x3c`, with or without the semicolon.
pub(crate) fn entities(source: &str) -> Option<String> {
    let bytes = source.as_bytes();
    let mut decoded = String::with_capacity(source.len());
    let (mut from, mut at, mut changed) = (0, 0, false);
    while let Some(next) = bytes[at..].iter().position(|byte| *byte == b'&') {
        let start = at + next;
        match entity(&bytes[start + 1..]) {
            Some((character, taken)) => {
                decoded.push_str(&source[from..start]);
                decoded.push(character);
                at = start + 1 + taken;
                from = at;
                changed = true;
            }
            None => at = start + 1,
        }
    }
    decoded.push_str(&source[from..]);
    changed.then_some(decoded)
}

fn entity(rest: &[u8]) -> Option<(char, usize)> {
    if rest.first() == Some(&b'#') {
        let hexadecimal = matches!(rest.get(1), Some(b'x' | b'X'));
        let from = if hexadecimal { 2 } else { 1 };
        let digits = rest[from..]
            .iter()
            .take(9)
            .take_while(|byte| {
                if hexadecimal {
                    byte.is_ascii_hexdigit()
                } else {
                    byte.is_ascii_digit()
                }
            })
            .count();
        let text = std::str::from_utf8(&rest[from..from + digits]).ok()?;
        let code = u32::from_str_radix(text, if hexadecimal { 16 } else { 10 }).ok()?;
        let end = from + digits;
        let semicolon = usize::from(rest.get(end) == Some(&b';'));
        return Some((char::from_u32(code)?, end + semicolon));
    }
    let length = rest
        .iter()
        .take(8)
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    let name = std::str::from_utf8(&rest[..length]).ok()?;
    let semicolon = rest.get(length) == Some(&b';');
    let (_, text) = ENTITIES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    // `&lt` works in browsers without its end, `&num` does not.
    let old = matches!(name, "lt" | "gt" | "amp" | "quot" | "LT" | "GT");
    (semicolon || old).then(|| {
        (
            text.chars().next().unwrap_or(' '),
            length + usize::from(semicolon),
        )
    })
}

/// The text that a run of base64 letters stands for, when it stands for text.
pub(crate) fn base64(run: &str) -> Option<String> {
    let run = run.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(run.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0);
    for byte in run.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' | b' ' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    let decoded = String::from_utf8(bytes).ok()?;
    let odd = decoded
        .chars()
        .filter(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t' | '\0'))
        .count();
    (odd == 0 && decoded.chars().count() >= 6).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs_stand_for_bytes() {
        let decode = |text: &str, plus| String::from_utf8_lossy(&percent(text.as_bytes(), plus)).into_owned();
        assert_eq!(decode("a%20b+c", true), "a b c");
        assert_eq!(decode("a%20b+c", false), "a b+c");
        assert_eq!(decode("%u0441%zz%4", false), "с%zz%4");
        assert!(has_percent("%41") && has_percent("%u0041") && !has_percent("100% of"));
    }

    #[test]
    fn overlong_characters_are_what_they_pretend_not_to_be() {
        assert_eq!(text(&[0xc0, 0xae, b'/', 0xc0, 0xaf]), "./".to_owned() + "/");
        assert_eq!(text("да".as_bytes()), "да");
    }

    #[test]
    fn escapes_and_entities_are_read() {
        assert_eq!(escapes("\\u003cb\\x3e\\u{41}").as_deref(), Some("<b>A"));
        assert_eq!(escapes("C:\\users\\q"), None);
        assert_eq!(entities("&lt;b&#62;&#x41;&colon;").as_deref(), Some("<b>A:"));
        assert_eq!(entities("R&D & B"), None);
    }

    #[test]
    fn base64_counts_only_when_it_is_text() {
        assert_eq!(base64("KGFsZXJ0KSgxKQ").as_deref(), Some("(alert)(1)"));
        assert_eq!(base64("nomenclature"), None);
    }
}
