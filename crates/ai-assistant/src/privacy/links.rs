//! No links and images in the text of a model, but those that the user gave: an address could
//! carry data away, and data could have dictated it.

use common::Locale;

/// Characters of a link's text, of its address and of a tag that are waited for.
const MOST: usize = 2000;

/// Takes links, images and HTML out of a stream. Their texts stay.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    /// Addresses in what the user wrote.
    allowed: Vec<String>,
    notice: &'static str,
    held: String,
    last: Option<char>,
    removed: u32,
}

/// What begins at a place.
enum Found {
    /// So many bytes are replaced.
    Replace(usize, String),
    /// So many bytes stay, whatever comes.
    Keep(usize),
    /// More has to come.
    Wait,
}

impl Links {
    /// A filter that lets through the addresses of `question`.
    pub(crate) fn new(question: &str, locale: Locale) -> Self {
        let allowed = question
            .split(|c: char| {
                c.is_whitespace() || matches!(c, '<' | '>' | '"' | '«' | '»' | '(' | ')' | '[' | ']')
            })
            .filter(|word| word.contains("://") || word.starts_with("www."))
            .map(|word| word.trim_end_matches(['.', ',', ';', '!', '?']).to_owned())
            .collect();
        Self {
            allowed,
            notice: match locale {
                Locale::Ru => "(ссылка убрана)",
                Locale::En => "(link removed)",
            },
            held: String::new(),
            last: None,
            removed: 0,
        }
    }

    /// The next piece of the text.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        self.give(false)
    }

    /// The rest, when no more comes.
    pub(crate) fn finish(&mut self) -> String {
        self.give(true)
    }

    /// How many were taken out.
    pub(crate) fn removed(&self) -> u32 {
        self.removed
    }

    fn give(&mut self, ended: bool) -> String {
        let text = std::mem::take(&mut self.held);
        let mut given = String::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            let before = given.chars().next_back().or(self.last);
            match self.look(&text[at..], before, ended) {
                Found::Keep(length) => {
                    given.push_str(&text[at..at + length]);
                    at += length;
                }
                Found::Replace(length, by) => {
                    self.removed += 1;
                    given.push_str(&by);
                    at += length;
                }
                Found::Wait => {
                    text[at..].clone_into(&mut self.held);
                    break;
                }
            }
        }
        self.last = given.chars().next_back().or(self.last);
        given
    }

    fn look(&self, text: &str, before: Option<char>, ended: bool) -> Found {
        let Some(first) = text.chars().next() else {
            return Found::Keep(0);
        };
        match first {
            '\\' => match text[1..].chars().next() {
                Some(next) => Found::Keep(1 + next.len_utf8()),
                None => wait_unless(ended, 1),
            },
            '!' => match text[1..].chars().next() {
                Some('[') => self.bracket(text, 1, before, ended),
                Some(_) => Found::Keep(1),
                None => wait_unless(ended, 1),
            },
            '[' => self.bracket(text, 0, before, ended),
            '<' => self.tag(text, ended),
            c if c.is_ascii_alphabetic() && !before.is_some_and(char::is_alphanumeric) => {
                self.word(text, ended)
            }
            _ => {
                let length = text
                    .char_indices()
                    .skip(1)
                    .find(|(_, c)| matches!(c, '\\' | '!' | '[' | '<') || c.is_ascii_alphabetic())
                    .map_or(text.len(), |(at, _)| at);
                Found::Keep(length)
            }
        }
    }

    /// `[text](address)`, `![text](address)`, `[text][label]`, `[label]: address`.
    fn bracket(&self, text: &str, open: usize, before: Option<char>, ended: bool) -> Found {
        let mut depth = 0_u32;
        let close = text[open..].char_indices().take(MOST).find_map(|(at, c)| {
            match c {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(open + at)
        });
        let Some(close) = close else {
            let enough = ended || text.len() > MOST;
            return if enough {
                Found::Keep(open + 1)
            } else {
                Found::Wait
            };
        };
        let inner = &text[open + 1..close];
        match text[close + 1..].chars().next() {
            None if !ended => Found::Wait,
            Some('(') => {
                let end = text[close + 2..]
                    .char_indices()
                    .take(MOST)
                    .find(|(_, c)| *c == ')');
                match end {
                    Some((at, _)) => {
                        let address = text[close + 2..close + 2 + at].trim();
                        let length = close + 2 + at + 1;
                        if open == 0 && self.is_allowed(address) {
                            return Found::Keep(length);
                        }
                        Found::Replace(
                            length,
                            Self {
                                held: String::new(),
                                ..self.clone()
                            }
                            .whole(inner),
                        )
                    }
                    // An address that never ends is none.
                    None if ended || text.len() > 2 * MOST => {
                        Found::Replace(close + 2, format!("[{inner}] ("))
                    }
                    None => Found::Wait,
                }
            }
            Some('[') if !is_number(inner) || open == 1 => Found::Replace(close + 1, format!("[{inner}] ")),
            Some(':') if before.is_none_or(|c| c == '\n') => Found::Replace(close + 1, format!("[{inner}] ")),
            _ if open == 1 => Found::Replace(close + 1, format!("[{inner}]")),
            _ => Found::Keep(1),
        }
    }

    fn whole(mut self, text: &str) -> String {
        let given = self.push(text);
        given + &self.finish()
    }

    /// `<b>`, `<img …>`, `<https://…>`, but not `a < b`.
    fn tag(&self, text: &str, ended: bool) -> Found {
        match text[1..].chars().next() {
            None => wait_unless(ended, 1),
            Some(c) if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?') => {
                match text.char_indices().take(MOST).find(|(_, c)| *c == '>') {
                    Some((end, _)) if self.is_allowed(&text[1..end]) => Found::Keep(end + 1),
                    Some((end, _)) => {
                        let address = text[1..end].contains("://");
                        Found::Replace(
                            end + 1,
                            if address {
                                self.notice.to_owned()
                            } else {
                                String::new()
                            },
                        )
                    }
                    None if ended || text.len() > MOST => Found::Replace(1, "‹".to_owned()),
                    None => Found::Wait,
                }
            }
            Some(_) => Found::Keep(1),
        }
    }

    /// `https://…`, `www.…`, `javascript:…`, or a word.
    fn word(&self, text: &str, ended: bool) -> Found {
        let end = text
            .char_indices()
            .find(|(_, c)| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')))
            .map_or(text.len(), |(at, _)| at);
        let word = &text[..end];
        let lower = word.to_ascii_lowercase();
        let rest = &text[end..];
        if end == text.len() && !ended && end < 64 {
            return Found::Wait;
        }
        // «https:» may go on with «//».
        let cut = rest.len() < 3 && "://".starts_with(rest) && !rest.is_empty();
        if cut && !ended {
            return Found::Wait;
        }
        let bad_scheme = matches!(
            lower.as_str(),
            "javascript" | "data" | "vbscript" | "file" | "mailto" | "tel" | "ftp"
        ) && rest.starts_with(':')
            && !rest[1..].starts_with([' ', '\n']);
        let is_address = rest.starts_with("://") || lower.starts_with("www.") || bad_scheme;
        if !is_address {
            return Found::Keep(end);
        }
        let stop = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '»' | '`' | ')' | ']' | '|');
        let behind = text
            .char_indices()
            .take(MOST)
            .find(|(_, c)| stop(*c))
            .map(|(at, _)| at);
        let behind = match behind {
            Some(behind) => behind,
            None if ended || text.len() > MOST => text.len(),
            None => return Found::Wait,
        };
        let whole = &text[..behind];
        let address = whole.trim_end_matches(['.', ',', ';', '!', '?', '*', '_']);
        if self.is_allowed(address) {
            return Found::Keep(address.len());
        }
        Found::Replace(address.len(), self.notice.to_owned())
    }

    fn is_allowed(&self, address: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == address)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn wait_unless(ended: bool, length: usize) -> Found {
    if ended { Found::Keep(length) } else { Found::Wait }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter() -> Links {
        Links::new("Добавь наш сайт https://romashka.example/a.", Locale::Ru)
    }

    #[test]
    fn links_images_and_tags_go_and_their_texts_stay() {
        for (text, expected) in [
            ("Долг [1] и [2][3], всего [1].", "Долг [1] и [2][3], всего [1]."),
            ("см. [акт](https://evil.example/?d=5) тут", "см. акт тут"),
            ("![лого](https://evil.example/p.png)", "лого"),
            ("![a][b] и [c][d]", "[a] [b] и [c] [d]"),
            ("[b]: https://evil.example", "[b] : (ссылка убрана)"),
            (
                "по адресу https://evil.example/x?y=1, а также www.evil.example.",
                "по адресу (ссылка убрана), а также (ссылка убрана).",
            ),
            ("<img src=x onerror=alert(1)>Долг <b>5</b>", "Долг 5"),
            ("<https://evil.example>", "(ссылка убрана)"),
            ("a < b, 5 > 3, x<y", "a < b, 5 > 3, x‹y"),
            ("javascript:alert(1) и data: нет", "(ссылка убрана)) и data: нет"),
            (
                "Наш сайт https://romashka.example/a.",
                "Наш сайт https://romashka.example/a.",
            ),
            ("Вектор ООО: ABC Ltd, TH-100!", "Вектор ООО: ABC Ltd, TH-100!"),
            ("\\[не ссылка\\](x)", "\\[не ссылка\\](x)"),
            ("[![a](http://x)](http://y)", "a"),
            ("[незакрытая", "[незакрытая"),
        ] {
            assert_eq!(filter().whole(text), expected, "{text}");
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            for cut in places {
                let mut stream = filter();
                let mut given = stream.push(&text[..cut]);
                given += &stream.push(&text[cut..]);
                given += &stream.finish();
                assert_eq!(given, expected, "{text} cut at {cut}");
            }
            let mut stream = filter();
            let mut given: String = text.chars().map(|c| stream.push(&c.to_string())).collect();
            given += &stream.finish();
            assert_eq!(given, expected, "{text} by letters");
        }
    }
}
