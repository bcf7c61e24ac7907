//! What texts and particulars lose before they are hashed and kept.

use serde_json::{Value, json};

/// Characters of a text field; what is longer is cut.
const MAX_TEXT: usize = 512;
/// Bytes of the particulars as JSON.
pub(crate) const MAX_DETAILS: usize = 16 * 1024;

/// Control characters as escapes, so that no entry can pass for two lines of an export (OWASP
/// ASVS 16.4.1).
pub(crate) fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars().take(MAX_TEXT) {
        if character.is_control() {
            clean.extend(character.escape_default());
        } else {
            clean.push(character);
        }
    }
    clean
}

/// The particulars as they are kept: without secrets, or only their size when that is too large.
pub(crate) fn stored_details(mut details: Value) -> String {
    mask_secrets(&mut details);
    let text = details.to_string();
    if text.len() > MAX_DETAILS {
        json!({ "omitted_bytes": text.len() }).to_string()
    } else {
        text
    }
}

fn mask_secrets(value: &mut Value) {
    const SECRET: [&str; 7] = [
        "password",
        "passwd",
        "secret",
        "token",
        "authorization",
        "api_key",
        "cookie",
    ];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.to_lowercase();
                if member.is_string() && SECRET.iter().any(|secret| name.contains(secret)) {
                    *member = Value::from("***");
                } else {
                    mask_secrets(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask_secrets),
        _ => {}
    }
}
