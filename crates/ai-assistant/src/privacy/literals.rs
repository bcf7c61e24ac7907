//! Text that looks like a token. In texts of ours it is hidden itself, or a row of 1C could have
//! itself replaced by a name that the conversation hides.

use std::sync::LazyLock;

use regex::Regex;

use super::kind::{Kind, Span};

static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
    Regex::new(&format!(
        r"(?i)\\?\[(?:{words})\\?[-\x{{2010}}-\x{{2015}}\x{{2212}}]\d{{1,7}}\\?\]|\b(?:{words})\\?[-\x{{2010}}-\x{{2015}}\x{{2212}}]\d{{1,7}}\b",
        words = words.join("|")
    ))
    .ok()
});

/// What looks like a token.
pub(super) fn find(text: &str) -> Vec<Span> {
    let Some(token) = &*TOKEN else {
        return Vec::new();
    };
    token
        .find_iter(text)
        .map(|found| Span {
            start: found.start(),
            end: found.end(),
            kind: Kind::Literal,
            key: found.as_str().to_owned(),
            value: found.as_str().to_owned(),
        })
        .collect()
}
