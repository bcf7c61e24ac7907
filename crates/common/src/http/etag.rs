//! Versions as entity tags (RFC 9110, section 8.8.3): whoever changes something may say which
//! version they have seen.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::header::{ETAG, IF_MATCH};
use http::request::Parts;
use http::{HeaderName, HeaderValue};

use super::Problem;

/// The header that names a version.
#[must_use]
pub fn etag(version: i64) -> [(HeaderName, HeaderValue); 1] {
    let value = HeaderValue::from_str(&format!("\"{version}\""));
    [(ETAG, value.unwrap_or(HeaderValue::from_static("\"\"")))]
}

/// `If-Match`, when the client sent one.
#[derive(Debug, Clone)]
pub struct IfMatch(Vec<String>);

impl IfMatch {
    /// Refuses a change of another version than the client has seen. Without the header any will do.
    ///
    /// # Errors
    /// 412 `request.version_mismatch`.
    pub fn check(&self, version: i64) -> Result<(), Problem> {
        let current = format!("\"{version}\"");
        let mut tags = self.0.iter().flat_map(|line| line.split(',')).map(str::trim);
        // A weak tag matches nothing (RFC 9110, section 13.1.1).
        if self.0.is_empty() || tags.any(|tag| tag == "*" || tag == current) {
            Ok(())
        } else {
            Err(Problem::version_mismatch())
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(IF_MATCH).iter();
        Ok(Self(
            lines
                .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_matches_itself_only() {
        let check = |lines: &[&str]| {
            let lines = lines.iter().map(|&line| line.to_owned()).collect();
            IfMatch(lines).check(7).is_ok()
        };
        for lines in [
            &[][..],
            &["\"7\""],
            &["*"],
            &["\"6\", \"7\""],
            &["\"6\"", "\"7\""],
        ] {
            assert!(check(lines), "{lines:?}");
        }
        for lines in [&["\"6\""][..], &["7"], &["W/\"7\""], &[""], &["\"77\""]] {
            assert!(!check(lines), "{lines:?}");
        }
    }
}
