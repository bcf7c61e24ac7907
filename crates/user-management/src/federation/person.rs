//! A person as a provider describes them.

use serde_json::{Map, Value};

use crate::account::{Email, PersonName};

/// Somebody at a provider.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Who says so. With the subject it names the person for ever.
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) email: Option<Email>,
    /// True when the provider vouches that the address is the person's.
    pub(crate) email_verified: bool,
    pub(crate) name: Option<PersonName>,
    /// All that the provider said, for rules about roles.
    pub(crate) claims: Map<String, Value>,
}

/// OpenID Connect Core, section 2: 255 characters at most.
const MAX_SUBJECT_BYTES: usize = 255;

/// A subject as it is stored; some providers send numbers.
pub(crate) fn subject_of(value: &Value) -> Option<String> {
    let subject = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let fits = !subject.is_empty() && subject.len() <= MAX_SUBJECT_BYTES && !subject.contains('\0');
    fits.then_some(subject)
}

/// A claim by its name, or by a JSON pointer (`/realm_access/roles`).
pub(crate) fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let Some(pointer) = name.strip_prefix('/') else {
        return claims.get(name);
    };
    let (first, rest) = pointer.split_once('/').unwrap_or((pointer, ""));
    let first = first.replace("~1", "/").replace("~0", "~");
    let value = claims.get(&first)?;
    if rest.is_empty() {
        Some(value)
    } else {
        value.pointer(&format!("/{rest}"))
    }
}

/// True when the claim is the value, a list with it, or an object with a member of that name.
pub(crate) fn claim_has(claims: &Map<String, Value>, name: &str, wanted: &str) -> bool {
    let is_wanted = |value: &Value| match value {
        Value::String(text) => text == wanted,
        Value::Bool(flag) => flag.to_string() == wanted,
        Value::Number(number) => number.to_string() == wanted,
        _ => false,
    };
    match claim(claims, name) {
        Some(Value::Array(items)) => items.iter().any(is_wanted),
        Some(Value::Object(members)) => members.contains_key(wanted),
        Some(value) => is_wanted(value),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claims() -> Map<String, Value> {
        let value = json!({
            "groups": ["buh", "it"],
            "department": "sales",
            "realm_access": { "roles": ["one", "two"] },
            "https://example.com/roles": ["three"],
            "urn:zitadel:roles": { "four": { "id": "1" } },
            "staff": true,
        });
        value.as_object().unwrap().clone()
    }

    #[test]
    fn claims_are_named_plainly_or_by_a_pointer() {
        for (name, value) in [
            ("groups", "it"),
            ("department", "sales"),
            ("/realm_access/roles", "two"),
            ("https://example.com/roles", "three"),
            ("/https:~1~1example.com~1roles", "three"),
            ("urn:zitadel:roles", "four"),
            ("staff", "true"),
        ] {
            assert!(claim_has(&claims(), name, value), "{name} {value}");
            assert!(!claim_has(&claims(), name, "other"), "{name}");
        }
        assert!(!claim_has(&claims(), "groups", "i"), "a part is not the whole");
        assert!(!claim_has(&claims(), "/realm_access/absent", "two"));
        assert!(!claim_has(&claims(), "absent", ""));
    }

    #[test]
    fn a_subject_is_text_or_a_number() {
        assert_eq!(subject_of(&json!("a1")).unwrap(), "a1");
        assert_eq!(subject_of(&json!(42)).unwrap(), "42");
        for wrong in [
            json!(""),
            json!(null),
            json!(["a"]),
            json!("a\u{0}"),
            json!("x".repeat(256)),
        ] {
            assert!(subject_of(&wrong).is_none(), "{wrong}");
        }
    }
}
