//! Tokens that are not what they say, and keys that nobody has.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::auth::{Authenticator, Keys, Permission, Revocations};
use common::clock::Clock;
use common::config;
use common::testing::{Issuer, TestServer};
use http::StatusCode;
use serde_json::{Value, json};

/// The parts of a good token: header, claims, and both as they are signed.
fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap();
        serde_json::from_slice(&bytes).unwrap_or_default()
    });
    (parts.next().unwrap(), parts.next().unwrap())
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn with(value: &Value, members: &Value) -> Value {
    let mut changed = value.clone();
    for (name, member) in members.as_object().unwrap() {
        changed[name] = member.clone();
    }
    changed
        .as_object_mut()
        .unwrap()
        .retain(|_, member| !member.is_null());
    changed
}

#[tokio::test]
async fn a_token_counts_only_as_it_was_signed_by_our_key() {
    let issuer = Issuer::new();
    let authenticator = issuer.authenticator();
    let good = issuer.token(&[Permission::Chat]);
    authenticator.verify(&good).await.unwrap();
    let (header, claims) = parts(&good);
    let jwk = issuer.jwks()["keys"][0].clone();
    let public = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    let pair = Ed25519KeyPair::generate().unwrap();
    let own_jwk = json!({
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": jwk["kid"],
        "x": URL_SAFE_NO_PAD.encode(pair.public_key().as_ref()),
    });
    let unsigned = |_: &[u8]| Vec::new();
    let by_own_key = |data: &[u8]| pair.sign(data).as_ref().to_vec();
    // The public key as the secret of an HMAC, in each form that somebody could take it for.
    let mut secrets = vec![
        public,
        jwk.to_string().into_bytes(),
        jwk["x"].to_string().into_bytes(),
    ];
    secrets.push(jwk["x"].as_str().unwrap().as_bytes().to_vec());
    secrets.push(Vec::new());
    let mut forged = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", "EdDSA"] {
        forged.push(token(&with(&header, &json!({ "alg": alg })), &claims, unsigned));
    }
    for secret in &secrets {
        for (alg, algorithm) in [
            ("HS256", hmac::HMAC_SHA256),
            ("HS384", hmac::HMAC_SHA384),
            ("HS512", hmac::HMAC_SHA512),
            ("EdDSA", hmac::HMAC_SHA512),
        ] {
            let key = hmac::Key::new(algorithm, secret);
            let by_public_key = |data: &[u8]| hmac::sign(&key, data).as_ref().to_vec();
            forged.push(token(
                &with(&header, &json!({ "alg": alg })),
                &claims,
                by_public_key,
            ));
        }
    }
    // A key that comes with the token, or an address to have it from.
    for own in [
        json!({}),
        json!({ "jwk": own_jwk }),
        json!({ "jku": "https://evil.example/jwks.json" }),
        json!({ "x5u": "https://evil.example/cert.pem" }),
        json!({ "jwk": own_jwk, "kid": null }),
        json!({ "kid": "https://evil.example/jwks.json" }),
        json!({ "kid": "../../dev/null" }),
        json!({ "kid": "' union select 'x" }),
        json!({ "kid": "" }),
        json!({ "crit": ["exp"] }),
    ] {
        forged.push(token(&with(&header, &own), &claims, by_own_key));
    }
    for forged in &forged {
        let problem = authenticator.verify(forged).await.unwrap_err();
        assert_eq!(problem.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(problem.code(), "auth.token_invalid", "{:?}", parts(forged));
    }
    // Signed by our key, but as a token of another use: an ID token, or one without a type.
    let (kid, claims_of) = (&header["kid"], |changes: Value| with(&claims, &changes));
    assert!(kid.is_string());
    for typ in ["JWT", "id+jwt", "logout+jwt", "", "at+jwt\u{0}"] {
        let wrong = issuer.sign_as(typ, &claims);
        let problem = authenticator.verify(&wrong).await.unwrap_err();
        assert_eq!(problem.code(), "auth.token_invalid", "{typ}");
    }
    for (wrong, code) in [
        (json!({ "aud": "other" }), "auth.token_invalid"),
        (json!({ "aud": null }), "auth.token_invalid"),
        (json!({ "iss": "https://evil.example" }), "auth.token_invalid"),
        (json!({ "iss": null }), "auth.token_invalid"),
        (json!({ "exp": null }), "auth.token_invalid"),
        (json!({ "sub": null }), "auth.token_invalid"),
        (json!({ "sub": "admin" }), "auth.token_invalid"),
        (json!({ "exp": 1 }), "auth.token_expired"),
    ] {
        let wrong = issuer.sign_as("at+jwt", &claims_of(wrong));
        assert_eq!(authenticator.verify(&wrong).await.unwrap_err().code(), code);
    }
    authenticator
        .verify(&issuer.sign_as("at+jwt", &claims))
        .await
        .unwrap();
}

/// An authenticator that asks `server` for its keys.
fn asking(server: &TestServer) -> Authenticator {
    let auth = config::Auth {
        jwks_url: format!("{}/keys", server.url()).parse().unwrap(),
        issuer: config::Auth::ISSUER.to_owned(),
        audience: config::Auth::AUDIENCE.to_owned(),
    };
    let keys = Keys::remote(auth.jwks_url.clone()).unwrap();
    Authenticator::new(&auth, keys, Revocations::new(), Clock::system())
}

#[tokio::test]
async fn a_flood_of_unknown_keys_is_one_request_for_keys() {
    let issuer = Issuer::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let (set, count) = (issuer.jwks(), asked.clone());
    let keys = move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(axum::Json(set.clone()))
    };
    let server = TestServer::serve(Router::new().route("/keys", get(keys))).await;
    let authenticator = asking(&server);
    let good = issuer.token(&[Permission::Chat]);
    authenticator.verify(&good).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    // Every forged token has a key id of its own. They may come slowly on a busy machine, so that the
    // pause between two requests is over once; not five hundred times.
    let forged: Vec<String> = (0..500).map(|_| Issuer::new().token(Permission::ALL)).collect();
    let started = std::time::Instant::now();
    let answers =
        futures_util::future::join_all(forged.iter().map(|forged| authenticator.verify(forged))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().code(), "auth.token_invalid");
    }
    let allowed = 1 + started.elapsed().as_secs() as usize / 5;
    assert!(asked.load(Ordering::Relaxed) <= 1 + allowed, "{asked:?}");
    authenticator.verify(&good).await.unwrap();
}

#[tokio::test]
async fn without_keys_everybody_is_told_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let keys = move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(StatusCode::BAD_GATEWAY)
    };
    let server = TestServer::serve(Router::new().route("/keys", get(keys))).await;
    let authenticator = asking(&server);
    let tokens: Vec<String> = (0..100).map(|_| Issuer::new().token(&[])).collect();
    let started = std::time::Instant::now();
    let answers =
        futures_util::future::join_all(tokens.iter().map(|token| authenticator.verify(token))).await;
    for answer in answers {
        assert_eq!(answer.unwrap_err().code(), "dependency.unavailable");
    }
    let allowed = 1 + started.elapsed().as_secs() as usize;
    assert!(asked.load(Ordering::Relaxed) <= allowed, "{asked:?}");
}
