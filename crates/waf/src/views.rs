//! What a value may mean, once decoded: the texts that rules are matched against.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::decode;
use crate::limits::{PERCENT_PASSES, VALUE};

/// The texts of one value, all in small letters.
#[derive(Debug, Default)]
pub(crate) struct Views {
    /// Decoded.
    pub(crate) plain: String,
    /// What shells, databases and browsers may make of it, where that differs.
    pub(crate) others: Vec<String>,
}

impl Views {
    /// Of a value as the service would get it.
    pub(crate) fn of(value: &str) -> Self {
        let value = cut(value, VALUE);
        let decoded = decoded(value);
        let plain = small(&folded(&decoded));
        let mut others = Vec::new();
        let mut add = |text: Option<String>| {
            if let Some(text) = text.filter(|text| *text != plain) {
                others.push(text);
            }
        };
        add(without_comments(&plain, " "));
        add(without_comments(&plain, ""));
        add(without_line_comments(&plain));
        add(as_a_shell_reads(&plain));
        add(without_blanks(&plain));
        Self { plain, others }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.plain.as_str()).chain(self.others.iter().map(String::as_str))
    }
}

/// The start of a text.
pub(crate) fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// Without percent-encoding that was applied more than once, escapes and entities.
pub(crate) fn decoded(value: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(value);
    for _ in 0..PERCENT_PASSES {
        let mut changed = false;
        if decode::has_percent(&text) {
            let bytes = decode::percent(text.as_bytes(), false);
            let next = decode::text(&bytes).into_owned();
            changed |= next != *text;
            text = Cow::Owned(next);
        }
        if text.contains('\\')
            && let Some(next) = decode::escapes(&text)
        {
            changed = true;
            text = Cow::Owned(next);
        }
        if text.contains('&')
            && let Some(next) = decode::entities(&text)
        {
            changed = true;
            text = Cow::Owned(next);
        }
        if !changed {
            break;
        }
    }
    text
}

/// True for characters that nobody sees.
pub(crate) fn is_unseen(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{180e}' | '\u{fe00}'..='\u{fe0f}')
}

/// With characters of other widths and styles as the plain ones that programs may take them for.
pub(crate) fn folded(text: &str) -> Cow<'_, str> {
    let plain = |c: char| {
        c < '\u{500}' && c != '\u{ad}'
            || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2116}' | '\u{20bd}' | '\u{20ac}')
    };
    if text.chars().all(|c| plain(c) && c != '\0') {
        return Cow::Borrowed(text);
    }
    let folded = text.chars().filter(|c| !is_unseen(*c) && *c != '\0').nfkc();
    // Some characters stand for a dozen others.
    Cow::Owned(folded.take(VALUE).collect())
}

fn small(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// With SQL comments replaced; what MySQL executes inside of them stays.
fn without_comments(text: &str, by: &str) -> Option<String> {
    if !text.contains("/*") {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        plain.push_str(before);
        plain.push_str(by);
        if let Some(executed) = after.strip_prefix('!') {
            rest = executed.trim_start_matches(|c: char| c.is_ascii_digit());
            continue;
        }
        rest = after.split_once("*/").map_or("", |(_, after)| after);
    }
    plain.push_str(rest);
    Some(plain.replace("*/", by))
}

/// With the rests of lines that a database takes for comments replaced.
fn without_line_comments(text: &str) -> Option<String> {
    if !text.contains('\n') || !text.contains("--") && !text.contains('#') {
        return None;
    }
    let lines = text.lines().map(|line| {
        let end = line.find("--").into_iter().chain(line.find('#')).min();
        &line[..end.unwrap_or(line.len())]
    });
    Some(lines.collect::<Vec<_>>().join(" "))
}

/// Without what a shell throws away between the letters of a command.
fn as_a_shell_reads(text: &str) -> Option<String> {
    if !text.contains(['\'', '"', '\\', '^', '$', '`', '{']) {
        return None;
    }
    let text = text
        .replace("${ifs}", " ")
        .replace("$ifs$9", " ")
        .replace("$ifs", " ")
        .replace("$@", "")
        .replace("$*", "")
        .replace("\\\n", "");
    let bytes = text.as_bytes();
    let word = |byte: Option<&u8>| {
        byte.is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'?' | b'*')
        })
    };
    let mut plain = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let thrown_away = match c {
            // Between letters, or a pair of quotes that holds nothing or a piece of a word.
            '\'' | '"' => {
                let before = at.checked_sub(1).and_then(|at| bytes.get(at));
                let after = bytes.get(at + 1);
                word(before) && (word(after) || matches!(after, Some(b'\'' | b'"')))
                    || word(after) && (matches!(before, Some(b'\'' | b'"')) || at == 0)
                    || word(before) && matches!(after, None | Some(b' '))
            }
            '\\' | '^' => word(bytes.get(at + 1)),
            _ => false,
        };
        if !thrown_away {
            plain.push(c);
        }
    }
    Some(plain)
}

/// Without blanks and control characters, which browsers skip inside of an address.
fn without_blanks(text: &str) -> Option<String> {
    let odd = text.bytes().any(|byte| byte < 0x20) && text.contains(':');
    odd.then(|| {
        text.chars()
            .filter(|c| !c.is_whitespace() && !c.is_control())
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(value: &str) -> Vec<String> {
        Views::of(value).all().map(str::to_owned).collect()
    }

    #[test]
    fn a_value_is_decoded_as_often_as_attackers_encode_it() {
        assert_eq!(Views::of("%252e%252e%252f").plain, "../");
        assert_eq!(Views::of("&lt;SCRIPT&gt;\\u0041").plain, "<script>a");
        assert_eq!(Views::of("＜script＞").plain, "<script>");
        assert_eq!(Views::of("игно\u{200b}рируй").plain, "игнорируй");
    }

    #[test]
    fn a_value_is_read_as_databases_shells_and_browsers_do() {
        assert!(all("un/**/ion").contains(&"union".to_owned()));
        assert!(all("1/*!50000union*/").contains(&"1 union ".to_owned()));
        assert!(all("c\\at /e'tc'/passwd").contains(&"cat /etc/passwd".to_owned()));
        assert!(all("w'h'o^ami").contains(&"whoami".to_owned()));
        assert!(all("java\nscript:alert").contains(&"javascript:alert".to_owned()));
        assert_eq!(all("plain words").len(), 1);
    }
}
