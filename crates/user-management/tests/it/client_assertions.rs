//! Clients that prove to be themselves by a token that they sign (`private_key_jwt`).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use common::events::Stream;
use common::ids;
use common::testing::{Response, TestServer};
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use url::form_urlencoded::Serializer;

use crate::harness::{Service, Session, service};
use crate::relying_party::{REDIRECT_URI, assert_error};

const ISSUER: &str = "http://localhost:3000/api/users";
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key of a program.
struct Key {
    kid: &'static str,
    signing: EncodingKey,
    public: Value,
}

impl Key {
    fn new(kid: &'static str) -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Self {
            kid,
            signing: EncodingKey::from_ed_der(document.as_ref()),
            public: json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig" }),
        }
    }

    fn set(&self) -> Value {
        json!({ "keys": [self.public] })
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.to_owned());
        jsonwebtoken::encode(&header, claims, &self.signing).unwrap()
    }
}

/// What an assertion of the client says, with changes.
fn claims(service: &Service, client_id: &str, changes: Value) -> Value {
    let now = service.clock.now().timestamp();
    let mut claims = json!({
        "iss": client_id, "sub": client_id, "aud": format!("{ISSUER}/oauth2/token"), "jti": ids::new_id(),
        "iat": now, "exp": now + 60,
    });
    claims
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    claims
}

async fn show(service: &Service, path: &str, assertion: &str, more: &[(&str, &str)]) -> Response {
    let mut body = Serializer::new(String::new());
    body.append_pair("client_assertion_type", TYPE);
    body.append_pair("client_assertion", assertion);
    body.extend_pairs(more);
    let request = service.client.request(Method::POST, path);
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.finish());
    service.client.send(request).await
}

async fn token(service: &Service, assertion: &str) -> Response {
    show(
        service,
        "/oauth2/token",
        assertion,
        &[("grant_type", "client_credentials")],
    )
    .await
}

async fn account(admin: &Session, keys: Value) -> Value {
    let mut body = json!({
        "name": "Обмен", "client_id": "erp", "permissions": ["chat"],
        "token_endpoint_auth_method": "private_key_jwt",
    });
    body.as_object_mut()
        .unwrap()
        .extend(keys.as_object().unwrap().clone());
    let made = admin.client.post("/service-accounts", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    made.json()
}

#[tokio::test]
async fn a_program_that_signs_has_no_secret_and_gets_tokens() {
    let service = service().await;
    let admin = service.admin().await;
    let key = Key::new("one");
    let made = account(&admin, json!({ "jwks": key.set() })).await;
    assert!(made.get("client_secret").is_none());
    assert_eq!(made["jwks"], key.set());
    let assertion = key.sign(&claims(&service, "erp", json!({})));
    let answer = token(&service, &assertion).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let access = answer.json::<Value>()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(service.other_service().verify(&access).await.is_ok());
    // The issuer is a name of ours as well, and the client may name itself.
    let by_issuer = key.sign(&claims(&service, "erp", json!({ "aud": [ISSUER] })));
    let fields = [("grant_type", "client_credentials"), ("client_id", "erp")];
    assert_eq!(
        show(&service, "/oauth2/token", &by_issuer, &fields).await.status,
        200
    );
    let asking = key.sign(&claims(&service, "erp", json!({})));
    let told: Value = show(&service, "/oauth2/introspect", &asking, &[("token", &access)])
        .await
        .json();
    assert_eq!(told["active"], true);
    let giving = key.sign(&claims(&service, "erp", json!({})));
    let given = show(&service, "/oauth2/revoke", &giving, &[("token", &access)]).await;
    assert_eq!(given.status, 200);
    let secret = admin
        .client
        .post(
            &format!("/service-accounts/{}/secret", made["id"].as_str().unwrap()),
            &json!({}),
        )
        .await;
    secret.assert_problem(409, "oauth.client_has_no_secret");

    let discovered: Value = service
        .client
        .get("/.well-known/openid-configuration")
        .await
        .json();
    let has = |member: &str, value: &str| discovered[member].as_array().unwrap().contains(&json!(value));
    assert!(has("grant_types_supported", "client_credentials"));
    assert!(has("token_endpoint_auth_methods_supported", "private_key_jwt"));
    assert!(has("token_endpoint_auth_signing_alg_values_supported", "EdDSA"));
    assert!(!has("token_endpoint_auth_signing_alg_values_supported", "HS256"));
}

#[tokio::test]
async fn an_assertion_counts_once() {
    let service = service().await;
    let admin = service.admin().await;
    let key = Key::new("one");
    account(&admin, json!({ "jwks": key.set() })).await;
    let assertion = key.sign(&claims(&service, "erp", json!({})));
    let answers = futures_util::future::join_all((0..5).map(|_| token(&service, &assertion))).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(good, 1, "of five at once");
    let refused = answers.iter().filter(|answer| answer.status != 200);
    refused.for_each(|answer| assert_error(answer, 401, "invalid_client"));
    service.events(Stream::Audit, "oauth.assertion_reused", 4).await;
    // What has expired is forgotten by and by, but not accepted.
    service.clock.advance(Duration::minutes(2));
    assert_error(&token(&service, &assertion).await, 401, "invalid_client");
}

#[tokio::test]
async fn what_the_client_did_not_sign_for_us_is_refused() {
    let service = service().await;
    let admin = service.admin().await;
    let (key, stranger) = (Key::new("one"), Key::new("one"));
    account(&admin, json!({ "jwks": key.set() })).await;
    let now = service.clock.now().timestamp();
    for changes in [
        json!({ "aud": "https://other.example/token" }),
        json!({ "iss": "other" }),
        json!({ "exp": now - 31 }),
        json!({ "exp": now + 7200 }),
        json!({ "exp": null }),
        json!({ "nbf": now + 60 }),
        json!({ "jti": null }),
        json!({ "sub": "nobody", "iss": "nobody" }),
    ] {
        let assertion = key.sign(&claims(&service, "erp", changes.clone()));
        let refused = token(&service, &assertion).await;
        assert_error(&refused, 401, "invalid_client");
    }
    let good = claims(&service, "erp", json!({}));
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(json!({ "alg": "none" })), part(good.clone()));
    let x = URL_SAFE_NO_PAD.decode(key.public["x"].as_str().unwrap()).unwrap();
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("one".to_owned());
    let confused = jsonwebtoken::encode(&header, &good, &EncodingKey::from_secret(&x)).unwrap();
    let brings_a_key = {
        let signed = stranger.sign(&good);
        let rest = signed.split_once('.').unwrap().1;
        let head = part(json!({ "alg": "EdDSA", "kid": "one", "jwk": stranger.public }));
        format!("{head}.{rest}")
    };
    for forged in [
        stranger.sign(&good),
        unsigned,
        confused,
        brings_a_key,
        "x".to_owned(),
    ] {
        assert_error(&token(&service, &forged).await, 401, "invalid_client");
    }
    // Two proofs, a wrong kind of proof, another client's name, no proof at all.
    let assertion = key.sign(&good);
    let fields = [("grant_type", "client_credentials"), ("client_secret", "cs_x")];
    let both = show(&service, "/oauth2/token", &assertion, &fields).await;
    assert_error(&both, 400, "invalid_request");
    let fields = [("grant_type", "client_credentials"), ("client_id", "other")];
    let other = show(&service, "/oauth2/token", &assertion, &fields).await;
    assert_error(&other, 401, "invalid_client");
    for body in [
        "grant_type=client_credentials&client_id=erp".to_owned(),
        "grant_type=client_credentials&client_id=erp&client_secret=cs_x".to_owned(),
    ] {
        let request = service.client.request(Method::POST, "/oauth2/token");
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        assert_error(&service.client.send(request).await, 401, "invalid_client");
    }
    // A client with a secret signs nothing.
    let body = json!({ "name": "x", "client_id": "site", "permissions": [] });
    assert_eq!(admin.client.post("/service-accounts", &body).await.status, 201);
    let assertion = key.sign(&claims(&service, "site", json!({})));
    assert_error(&token(&service, &assertion).await, 401, "invalid_client");
    assert_eq!(
        service.count("identity.client_assertions").await,
        0,
        "none counted"
    );
}

#[tokio::test]
async fn keys_are_replaced_at_once() {
    let service = service().await;
    let admin = service.admin().await;
    let (one, two) = (Key::new("one"), Key::new("two"));
    let made = account(&admin, json!({ "jwks": one.set() })).await;
    let path = format!("/service-accounts/{}", made["id"].as_str().unwrap());
    let private = json!({ "jwks": { "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": "AA", "d": "AA" }] } });
    for wrong in [
        private,
        json!({ "jwks": {} }),
        json!({ "jwks_uri": "https://169.254.169.254/" }),
    ] {
        let wrong = admin.client.patch(&path, &wrong).await;
        wrong.assert_problem(422, "request.validation_failed");
    }
    let changed = admin.client.patch(&path, &json!({ "jwks": two.set() })).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    let former = one.sign(&claims(&service, "erp", json!({})));
    assert_error(&token(&service, &former).await, 401, "invalid_client");
    let present = two.sign(&claims(&service, "erp", json!({})));
    assert_eq!(token(&service, &present).await.status, 200);
    let renamed = admin.client.patch(&path, &json!({ "name": "Другое" })).await;
    assert_eq!(
        renamed.json::<Value>()["jwks"],
        two.set(),
        "a name changes no keys"
    );
}

/// A server where a program publishes keys; how often it was asked.
async fn publisher(keys: Arc<Mutex<Value>>) -> (TestServer, Arc<Mutex<u32>>) {
    let asked = Arc::new(Mutex::new(0));
    let count = asked.clone();
    let answer = move || {
        *count.lock().unwrap() += 1;
        let keys = keys.lock().unwrap().clone();
        async move { axum::Json(keys) }
    };
    let server = TestServer::serve(Router::new().route("/keys", get(answer))).await;
    (server, asked)
}

#[tokio::test]
async fn published_keys_are_asked_for_when_they_are_needed() {
    let service = service().await;
    let admin = service.admin().await;
    let (one, two) = (Key::new("one"), Key::new("two"));
    let published = Arc::new(Mutex::new(one.set()));
    let (server, asked) = publisher(published.clone()).await;
    account(&admin, json!({ "jwks_uri": format!("{}/keys", server.url()) })).await;
    let show = async |key: &Key| {
        let assertion = key.sign(&claims(&service, "erp", json!({})));
        token(&service, &assertion).await
    };
    assert_eq!(show(&one).await.status, 200);
    assert_eq!(show(&one).await.status, 200);
    assert_eq!(*asked.lock().unwrap(), 1, "remembered");
    // A key that nobody knows makes us ask again, but a flood of such does not.
    *published.lock().unwrap() = json!({ "keys": [one.public, two.public] });
    service.clock.advance(Duration::seconds(6));
    assert_eq!(show(&two).await.status, 200, "rotated");
    let three = Key::new("three");
    for _ in 0..20 {
        assert_error(&show(&three).await, 401, "invalid_client");
    }
    assert_eq!(*asked.lock().unwrap(), 2, "once in five seconds");
    server.stop().await;
    service.clock.advance(Duration::hours(2));
    assert_eq!(show(&one).await.status, 200, "the former keys count for a day");
    service.clock.advance(Duration::hours(24));
    let refused = show(&one).await;
    assert_error(&refused, 401, "invalid_client");
    assert!(refused.text().contains("jwks_uri"), "{}", refused.text());
}

#[tokio::test]
async fn a_program_that_logs_people_in_may_sign_too() {
    let service = service().await;
    let admin = service.admin().await;
    let key = Key::new("one");
    let body = json!({
        "client_id": "portal", "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": key.set(),
    });
    let made = admin.client.post("/oauth2/clients", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert!(made.json::<Value>().get("client_secret").is_none());
    let assertion = key.sign(&claims(&service, "portal", json!({})));
    let told = show(&service, "/oauth2/introspect", &assertion, &[("token", "x")]).await;
    assert_eq!(told.json::<Value>()["active"], false);
    let body = json!({ "client_name": "Портал", "redirect_uris": [REDIRECT_URI] });
    let renamed: Value = admin.client.put("/oauth2/clients/portal", &body).await.json();
    assert_eq!(
        renamed["jwks"],
        key.set(),
        "the keys stay when nothing is said of them"
    );
    let body =
        json!({ "redirect_uris": [REDIRECT_URI], "token_endpoint_auth_method": "client_secret_basic" });
    let refused = admin.client.put("/oauth2/clients/portal", &body).await;
    refused.assert_problem(422, "request.validation_failed");
    let own = key.sign(&claims(&service, "portal", json!({})));
    assert_error(&token(&service, &own).await, 400, "unauthorized_client");
}
