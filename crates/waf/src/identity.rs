//! Tokens and names that have one known form.

use crate::decode;
use crate::json;

/// What is wrong with a token, going by its head alone: who signed it is for others to find out.
pub(crate) fn token(token: &str) -> Option<&'static str> {
    let mut parts = token.split('.');
    let (head, _) = (parts.next()?, parts.next()?);
    if !head.starts_with("ey") || head.len() > 4096 {
        return None;
    }
    let head = decode::base64(head)?;
    let mut found = None;
    let mut name = String::new();
    json::texts(&head, |text| {
        match text.value {
            None => {
                name = text.name.into_owned();
                if matches!(name.as_str(), "jku" | "jwk" | "x5u" | "x5c") {
                    found = Some("token.foreign_key");
                }
            }
            Some(value) => match text.name.as_ref() {
                "alg" if value.eq_ignore_ascii_case("none") || value.is_empty() => {
                    found = Some("token.unsigned")
                }
                "kid"
                    if value.contains(['/', '\\', '\'', '"', '|', ';', '`', '(', ' '])
                        || value.contains("..") =>
                {
                    found = Some("token.key_name");
                }
                _ => {}
            },
        }
        found.is_none()
    });
    found
}

/// True for what can be no address of e-mail and is no plain name either.
pub(crate) fn is_no_email(value: &str) -> bool {
    let local_end = value.rfind('@');
    let quotes = |c: char| matches!(c, '\'' | '`');
    value.contains([
        '<', '>', '"', '(', ')', ';', '\\', '{', '}', '[', ']', '|', '\0', '\r', '\n', '=',
    ]) || value.contains("--")
        || value.contains("/*")
        || (value.contains(quotes)
            && local_end.is_none_or(|at| value[at..].contains(quotes) || value[..at].contains(' ')))
}

/// Names of members whose values are never looked at, where accounts are.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "password",
        "secret",
        "token",
        "verifier",
        "assertion",
        "credential",
        "signature",
        "code_challenge",
    ]
    .iter()
    .any(|part| name.contains(part))
}

/// Headers that are looked at in another way, or hold nothing of a client.
pub(crate) fn is_plain_header(name: &str) -> bool {
    const PLAIN: [&str; 12] = [
        "host",
        "authorization",
        "cookie",
        "content-length",
        "connection",
        "accept-encoding",
        "traceparent",
        "x-request-id",
        "upgrade-insecure-requests",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-fetch-dest",
    ];
    PLAIN.iter().any(|plain| name.eq_ignore_ascii_case(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_that_bring_their_own_key_are_found() {
        // {"alg":"none"} {"alg":"RS256","jku":"http://x"} {"alg":"HS256","kid":"../../dev/null"} {"alg":"EdDSA","kid":"a1"}
        assert_eq!(token("eyJhbGciOiJub25lIn0.e30."), Some("token.unsigned"));
        assert_eq!(
            token("eyJhbGciOiJSUzI1NiIsImprdSI6Imh0dHA6Ly94In0.e30.x"),
            Some("token.foreign_key")
        );
        assert_eq!(
            token("eyJhbGciOiJIUzI1NiIsImtpZCI6Ii4uLy4uL2Rldi9udWxsIn0.e30.x"),
            Some("token.key_name")
        );
        assert_eq!(token("eyJhbGciOiJFZERTQSIsImtpZCI6ImExIn0.e30.x"), None);
        assert_eq!(token("opaque"), None);
    }

    #[test]
    fn addresses_have_a_known_form() {
        for fine in ["a@b.ru", "o'brien@example.com", "Иванов Иван", "admin", "a+b@c.d"] {
            assert!(!is_no_email(fine), "{fine}");
        }
        for bad in ["admin'--", "' or 1=1", "<script>", "a@b.ru'", "x\" or", "' x@y"] {
            assert!(is_no_email(bad), "{bad}");
        }
    }
}
