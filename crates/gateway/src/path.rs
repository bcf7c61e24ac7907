//! Paths in one spelling, so that there are no two readings of one.

use std::borrow::Cow;

/// Why a path cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with a slash.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// A percent sign without two hexadecimal digits.
    #[error("the path has a broken percent-encoding")]
    BrokenEncoding,
    /// A slash, backslash or control character that some readers of the path would see and others
    /// would not.
    #[error("the path has an encoded slash, a backslash or a control character")]
    Ambiguous,
}

/// Brings a path into one spelling (RFC 3986, section 6.2.2): encoded unreserved characters are
/// decoded, other encodings get capital digits, dot segments are resolved, empty segments dropped.
///
/// # Errors
/// [`BadPath`] for what has no single meaning.
pub fn normalise(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if !path.starts_with('/') {
        return Err(BadPath::NotAbsolute);
    }
    if is_normal(path) {
        return Ok(Cow::Borrowed(path));
    }
    let decoded = decode(path)?;
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_with_slash = false;
    for segment in decoded.split('/') {
        ends_with_slash = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            name => segments.push(name),
        }
    }
    let mut normal = String::with_capacity(decoded.len());
    for segment in &segments {
        normal.push('/');
        normal.push_str(segment);
    }
    if ends_with_slash || normal.is_empty() {
        normal.push('/');
    }
    Ok(Cow::Owned(normal))
}

/// True for the common case, which needs no work.
fn is_normal(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'\\');
    path.bytes().all(plain) && !path.contains("//") && !path.contains("/.")
}

fn decode(path: &str) -> Result<String, BadPath> {
    let mut decoded = String::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let encoded = byte == b'%';
        let byte = if encoded {
            let mut digit = || {
                let digit = bytes.next().map(char::from)?;
                digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())
            };
            let high = digit().ok_or(BadPath::BrokenEncoding)?;
            let low = digit().ok_or(BadPath::BrokenEncoding)?;
            high * 16 + low
        } else {
            byte
        };
        let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        match byte {
            b'\\' => return Err(BadPath::Ambiguous),
            b'/' if encoded => return Err(BadPath::Ambiguous),
            byte if byte.is_ascii_control() => return Err(BadPath::Ambiguous),
            byte if unreserved || (!encoded && byte.is_ascii()) => decoded.push(char::from(byte)),
            byte => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                decoded.push('%');
                decoded.push(char::from(DIGITS[usize::from(byte >> 4)]));
                decoded.push(char::from(DIGITS[usize::from(byte & 15)]));
            }
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_path_are_one() {
        for (spelling, normal) in [
            ("/api/ai/chat", "/api/ai/chat"),
            ("//api///ai//chat", "/api/ai/chat"),
            ("/api/./ai/chat/.", "/api/ai/chat/"),
            ("/api/users/.well-known/../me", "/api/users/me"),
            ("/api/users/%2ewell-known/%2E%2e/me", "/api/users/me"),
            ("/../../api/%61i", "/api/ai"),
            ("/a/..", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/a%3ab%3B/", "/a%3Ab%3B/"),
            ("/%D0%B4", "/%D0%B4"),
            ("/д", "/%D0%B4"),
            ("/a%252e", "/a%252e"),
            ("/a%20b", "/a%20b"),
        ] {
            let once = normalise(spelling).unwrap();
            assert_eq!(once, normal, "{spelling}");
            assert_eq!(normalise(&once).unwrap(), once, "{spelling} again");
        }
        for (path, error) in [
            ("/api%2fai", BadPath::Ambiguous),
            ("/api%5Cai", BadPath::Ambiguous),
            ("/api\\ai", BadPath::Ambiguous),
            ("/a%00", BadPath::Ambiguous),
            ("/a%0d%0a", BadPath::Ambiguous),
            ("/a%", BadPath::BrokenEncoding),
            ("/a%4", BadPath::BrokenEncoding),
            ("/a%zz", BadPath::BrokenEncoding),
            ("*", BadPath::NotAbsolute),
            ("", BadPath::NotAbsolute),
        ] {
            assert_eq!(normalise(path), Err(error), "{path}");
        }
    }
}
