//! Keys that clients sign with: registered by value, or published by the client (RFC 7591,
//! section 2, `jwks` and `jwks_uri`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use common::http::address::has_refused_host;
use common::{BoxError, Text};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Host, Url};

use crate::federation::{KeySet, key_client};

/// Keys that one client may register.
const MAX_KEYS: usize = 10;
/// Length of a registered set as JSON: ten RSA keys of 8192 bits fit.
const MAX_SET_BYTES: usize = 32 * 1024;
/// Published sets that are remembered.
const MAX_REMEMBERED: usize = 1000;
/// What the calls are counted under in metrics, whichever client publishes.
const LABEL: &str = "oauth_client";

/// The public keys of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientKeys {
    /// A set (RFC 7517) that was registered.
    Registered(Value),
    /// The address of the set.
    Published(Url),
}

impl ClientKeys {
    /// The set to be stored or shown, when there is one.
    pub(crate) fn jwks(&self) -> Option<&Value> {
        match self {
            Self::Registered(set) => Some(set),
            Self::Published(_) => None,
        }
    }

    /// The address to be stored or shown, when there is one.
    pub(crate) fn jwks_uri(&self) -> Option<&str> {
        match self {
            Self::Registered(_) => None,
            Self::Published(url) => Some(url.as_str()),
        }
    }

    /// The keys of stored columns; the checks of the table hold one of the two at most.
    pub(crate) fn from_row(jwks: Option<Value>, jwks_uri: Option<String>) -> Option<Self> {
        let published = |uri: String| Url::parse(&uri).ok().map(Self::Published);
        jwks.map(Self::Registered)
            .or_else(|| jwks_uri.and_then(published))
    }

    /// Checks what a request says; `plain` tells that we are reached by plain http ourselves, as in
    /// development.
    ///
    /// # Errors
    /// JSON pointers, with what is wrong.
    pub(crate) fn check(
        jwks: Option<Value>,
        jwks_uri: Option<&str>,
        plain: bool,
    ) -> Result<Self, (&'static str, Text)> {
        match (jwks, jwks_uri) {
            (Some(set), None) => match set_of(&set) {
                Ok(()) => Ok(Self::Registered(set)),
                Err(detail) => Err(("/jwks", detail)),
            },
            (None, Some(uri)) => address_of(uri, plain)
                .map(Self::Published)
                .map_err(|detail| ("/jwks_uri", detail)),
            (None, None) | (Some(_), Some(_)) => Err((
                "/jwks",
                Text::new(
                    "Нужны либо открытые ключи программы (jwks), либо адрес, по которому она их публикует (jwks_uri).",
                    "Either the public keys of the client (jwks) are needed, or the address where it publishes them (jwks_uri).",
                ),
            )),
        }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Map<String, Value>>,
}

fn set_of(set: &Value) -> Result<(), Text> {
    let wrong = |ru: &'static str, en: &'static str| Err(Text::new(ru, en));
    let Ok(Set { keys }) = Set::deserialize(set) else {
        return wrong(
            "Нужен набор ключей JWKS: {\"keys\": […]}.",
            "A set of keys (JWKS) is needed: {\"keys\": […]}.",
        );
    };
    if keys.is_empty() || keys.len() > MAX_KEYS || set.to_string().len() > MAX_SET_BYTES {
        return wrong(
            "В наборе должно быть от 1 до 10 ключей.",
            "The set must have 1 to 10 keys.",
        );
    }
    // "d" is the private half of keys of every kind, "k" a shared secret (RFC 7518, section 6).
    if keys
        .iter()
        .any(|key| key.contains_key("d") || key.contains_key("k"))
    {
        return wrong(
            "В наборе есть закрытый ключ. Не передавайте его никому: нужны только открытые ключи.",
            "The set has a private key. Give it to nobody: only public keys are needed.",
        );
    }
    let usable = |key: &Map<String, Value>| {
        let key = serde_json::from_value::<Jwk>(Value::Object(key.clone()));
        key.is_ok_and(|key| DecodingKey::from_jwk(&key).is_ok())
    };
    if keys.iter().all(usable) {
        Ok(())
    } else {
        wrong(
            "Подходят ключи RSA, EC (P-256, P-384) и Ed25519.",
            "Keys of RSA, EC (P-256, P-384) and Ed25519 will do.",
        )
    }
}

fn address_of(uri: &str, plain: bool) -> Result<Url, Text> {
    let wrong = |ru: &'static str, en: &'static str| Err(Text::new(ru, en));
    let Some(url) = Url::parse(uri).ok().filter(|_| uri.len() <= 2000) else {
        return wrong("Это не полный адрес.", "This is not an absolute address.");
    };
    let on_own_machine = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && plain && on_own_machine) {
        return wrong(
            "Адрес должен начинаться с https://.",
            "The address must begin with https://.",
        );
    }
    let has_login = !url.username().is_empty() || url.password().is_some();
    if has_login || url.fragment().is_some() || has_refused_host(&url) {
        return wrong(
            "По такому адресу ключи не запрашиваются.",
            "Keys are not asked for at such an address.",
        );
    }
    Ok(url)
}

/// Asks for published keys and remembers them for a while.
#[derive(Debug)]
pub(crate) struct PublishedKeys {
    client: reqwest::Client,
    known: Mutex<HashMap<Url, Arc<KeySet>>>,
}

impl PublishedKeys {
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: key_client()?,
            known: Mutex::new(HashMap::new()),
        })
    }

    /// The keys of a client that may have signed something with that `kid`.
    ///
    /// # Errors
    /// When they are published and cannot be had.
    pub(crate) async fn of(
        &self,
        keys: &ClientKeys,
        kid: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Jwk>, BoxError> {
        match keys {
            ClientKeys::Registered(set) => Ok(registered(set, kid)),
            ClientKeys::Published(url) => self.source(url).get(url, kid, now).await,
        }
    }

    fn source(&self, url: &Url) -> Arc<KeySet> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_REMEMBERED && !known.contains_key(url) {
            known.clear();
        }
        let source = known
            .entry(url.clone())
            .or_insert_with(|| Arc::new(KeySet::new(LABEL, self.client.clone())));
        source.clone()
    }
}

fn registered(set: &Value, kid: Option<&str>) -> Vec<Jwk> {
    let keys = Set::deserialize(set).map(|set| set.keys).unwrap_or_default();
    let fits = |jwk: &Jwk| {
        let own = jwk.common.key_id.as_deref();
        kid.is_none() || own.is_none() || own == kid
    };
    keys.into_iter()
        .filter_map(|key| serde_json::from_value(Value::Object(key)).ok())
        .filter(fits)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key() -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
    }

    #[test]
    fn only_public_keys_are_registered() {
        let check = |set: Value| ClientKeys::check(Some(set), None, false);
        assert!(check(json!({ "keys": [key()] })).is_ok());
        let mut private = key();
        private["d"] = json!("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let many: Vec<Value> = (0..11).map(|_| key()).collect();
        for wrong in [
            json!({ "keys": [private] }),
            json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }),
            json!({ "keys": [] }),
            json!({ "keys": many }),
            json!({ "keys": [{ "kty": "RSA" }] }),
            json!({ "keys": ["x"] }),
            json!([]),
        ] {
            assert_eq!(check(wrong.clone()).unwrap_err().0, "/jwks", "{wrong}");
        }
        assert!(ClientKeys::check(None, None, false).is_err());
        let both = ClientKeys::check(
            Some(json!({ "keys": [key()] })),
            Some("https://a.example/jwks"),
            false,
        );
        assert!(both.is_err());
    }

    #[test]
    fn keys_are_published_by_https_and_nowhere_secret() {
        let check = |uri, plain| ClientKeys::check(None, Some(uri), plain).is_ok();
        assert!(check("https://erp.example.ru/keys", false));
        assert!(check("https://10.0.0.5/keys", false), "a private network");
        assert!(check("http://127.0.0.1:8080/keys", true), "development");
        for wrong in [
            "http://erp.example.ru/keys",
            "http://127.0.0.1:8080/keys",
            "https://169.254.169.254/latest/meta-data",
            "https://metadata.google.internal/",
            "https://[fe80::1]/",
            "https://user:secret@erp.example.ru/keys",
            "https://erp.example.ru/keys#one",
            "file:///etc/passwd",
            "/keys",
        ] {
            assert!(!check(wrong, false), "{wrong}");
        }
    }

    #[test]
    fn a_registered_key_is_found_by_its_id_or_for_want_of_one() {
        let set = json!({ "keys": [key()] });
        assert_eq!(registered(&set, Some("one")).len(), 1);
        assert_eq!(registered(&set, None).len(), 1);
        assert_eq!(registered(&set, Some("two")).len(), 0);
    }
}
