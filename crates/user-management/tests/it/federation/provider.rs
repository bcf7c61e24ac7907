//! A small OpenID Connect provider: discovery, keys, authorization, tokens and userinfo over real
//! HTTP, with switchable faults. It stands in for a foreign system and shares no code with our client.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use common::testing::TestServer;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const CLIENT_ID: &str = "ai1c";
/// With characters that a form and a Basic header write differently.
pub(crate) const CLIENT_SECRET: &str = "s:e c%r+et";

type Form = BTreeMap<String, String>;

/// What the provider does next.
#[derive(Default)]
pub(crate) struct Behaviour {
    /// Who logs in, as claims over the defaults; null takes one away.
    pub(crate) claims: BTreeMap<String, Value>,
    /// What the userinfo endpoint says; nothing means that there is none.
    pub(crate) userinfo: Option<Value>,
    /// Answers everything with 500.
    pub(crate) down: bool,
    /// Takes the place of the ID token.
    pub(crate) id_token: Option<String>,
    /// The `iss` of the callback; `None` leaves it out.
    pub(crate) callback_issuer: Option<String>,
    /// Extra parameters of the callback.
    pub(crate) callback_extra: Vec<(String, String)>,
    /// An `error` in place of a code.
    pub(crate) error: Option<String>,
}

struct Key {
    kid: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Key {
    /// The public half, as the key set has it.
    fn jwk(&self) -> Value {
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&self.key, self.algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }
}

struct Inner {
    behaviour: Behaviour,
    key: Key,
    /// Code to what was asked for it.
    codes: HashMap<String, Form>,
    /// Access token to the claims of its person.
    issued: HashMap<String, Value>,
    calls: Vec<String>,
    /// The last request to the token endpoint.
    token_request: Form,
    issuer: String,
    made: u32,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Inner>>);

/// A running provider.
pub(crate) struct Provider {
    shared: Shared,
    server: TestServer,
}

pub(crate) fn rsa(kid: &str) -> (String, Algorithm, EncodingKey) {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'static> = pair.as_der().unwrap();
    // The RSAPrivateKey within: version and algorithm of a key of 2048 bits take 26 bytes.
    let key = EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]);
    (kid.to_owned(), Algorithm::RS256, key)
}

pub(crate) fn ec(kid: &str) -> (String, Algorithm, EncodingKey) {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
    (
        kid.to_owned(),
        Algorithm::ES256,
        EncodingKey::from_ec_der(pkcs8.as_ref()),
    )
}

impl Provider {
    pub(crate) async fn start() -> Self {
        common::service::install_crypto_provider();
        let (kid, algorithm, key) = rsa("first");
        let shared = Shared(Arc::new(Mutex::new(Inner {
            behaviour: Behaviour::default(),
            key: Key { kid, algorithm, key },
            codes: HashMap::new(),
            issued: HashMap::new(),
            calls: Vec::new(),
            token_request: Form::new(),
            issuer: String::new(),
            made: 0,
        })));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo).post(userinfo_by_form))
            .with_state(shared.clone());
        let server = TestServer::serve(router).await;
        shared.0.lock().unwrap().issuer = server.url();
        Self { shared, server }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// Changes what happens next.
    pub(crate) fn now(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.0.lock().unwrap().behaviour);
    }

    /// Who logs in next.
    pub(crate) fn person(&self, claims: Value) {
        let claims = claims.as_object().unwrap().clone();
        self.now(|behaviour| behaviour.claims = claims.into_iter().collect());
    }

    /// Signs with another key from now on.
    pub(crate) fn rotate(&self, (kid, algorithm, key): (String, Algorithm, EncodingKey)) {
        self.shared.0.lock().unwrap().key = Key { kid, algorithm, key };
    }

    /// How often an endpoint was called.
    pub(crate) fn calls(&self, endpoint: &str) -> usize {
        let inner = self.shared.0.lock().unwrap();
        inner.calls.iter().filter(|call| *call == endpoint).count()
    }

    pub(crate) fn token_request(&self) -> Form {
        self.shared.0.lock().unwrap().token_request.clone()
    }

    /// A token of these claims, signed with the present key.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let inner = self.shared.0.lock().unwrap();
        inner.sign(claims)
    }
}

impl Inner {
    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(self.key.algorithm);
        header.kid = Some(self.key.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.key.key).unwrap()
    }

    fn called(&mut self, endpoint: &str) -> Option<Response> {
        self.calls.push(endpoint.to_owned());
        self.behaviour
            .down
            .then(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())
    }

    fn new_secret(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}-{}-{}", self.made, common::ids::new_id())
    }
}

async fn discovery(State(shared): State<Shared>) -> Response {
    let mut inner = shared.0.lock().unwrap();
    if let Some(down) = inner.called("discovery") {
        return down;
    }
    let issuer = inner.issuer.clone();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    if inner.behaviour.userinfo.is_some() {
        document["userinfo_endpoint"] = json!(format!("{issuer}/userinfo"));
    }
    axum::Json(document).into_response()
}

async fn keys(State(shared): State<Shared>) -> Response {
    let mut inner = shared.0.lock().unwrap();
    if let Some(down) = inner.called("keys") {
        return down;
    }
    let strange = json!({ "kty": "AKP", "kid": "post-quantum", "alg": "ML-DSA-44", "pub": "x" });
    axum::Json(json!({ "keys": [strange, inner.key.jwk()] })).into_response()
}

async fn authorize(State(shared): State<Shared>, Query(query): Query<Form>) -> Response {
    let mut inner = shared.0.lock().unwrap();
    inner.called("authorize");
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], CLIENT_ID);
    assert_eq!(query["code_challenge_method"], "S256");
    let mut back: url::Url = query["redirect_uri"].parse().unwrap();
    back.query_pairs_mut().append_pair("state", &query["state"]);
    if let Some(issuer) = &inner.behaviour.callback_issuer {
        back.query_pairs_mut().append_pair("iss", issuer);
    }
    back.query_pairs_mut()
        .extend_pairs(inner.behaviour.callback_extra.clone());
    if let Some(error) = &inner.behaviour.error {
        back.query_pairs_mut().append_pair("error", error);
    } else {
        let code = inner.new_secret("code");
        back.query_pairs_mut().append_pair("code", &code);
        inner.codes.insert(code, query);
    }
    Redirect::to(back.as_str()).into_response()
}

fn refusal(error: &str) -> Response {
    (StatusCode::BAD_REQUEST, axum::Json(json!({ "error": error }))).into_response()
}

fn is_client(headers: &HeaderMap, form: &Form) -> bool {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let basic = format!("{}:{}", encode(CLIENT_ID), encode(CLIENT_SECRET));
    let basic = format!("Basic {}", STANDARD.encode(basic));
    let by_header = headers
        .get("authorization")
        .is_some_and(|value| value.as_bytes() == basic.as_bytes());
    let by_form = form.get("client_id").is_some_and(|id| id == CLIENT_ID)
        && form
            .get("client_secret")
            .is_some_and(|secret| secret == CLIENT_SECRET);
    by_header || by_form
}

fn parse(body: &str) -> Form {
    url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect()
}

async fn token(State(shared): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let mut inner = shared.0.lock().unwrap();
    if let Some(down) = inner.called("token") {
        return down;
    }
    let form = parse(&body);
    inner.token_request = form.clone();
    if !is_client(&headers, &form) {
        return refusal("invalid_client");
    }
    // A code works once.
    let Some(asked) = form.get("code").and_then(|code| inner.codes.remove(code)) else {
        return refusal("invalid_grant");
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&form["code_verifier"]));
    if asked["code_challenge"] != challenge || asked["redirect_uri"] != form["redirect_uri"] {
        return refusal("invalid_grant");
    }
    let access_token = inner.new_secret("access");
    let now = common::clock::Clock::system().now().timestamp();
    let half = Sha256::digest(&access_token)[..16].to_vec();
    let mut claims = json!({
        "iss": inner.issuer, "aud": CLIENT_ID, "sub": "person-1", "iat": now, "exp": now + 300,
        "email": "anna@example.com", "email_verified": true, "name": "Анна Петрова",
        "nonce": asked.get("nonce"), "at_hash": URL_SAFE_NO_PAD.encode(half),
    });
    for (name, value) in &inner.behaviour.claims {
        claims[name] = value.clone();
    }
    claims
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    inner.issued.insert(access_token.clone(), claims.clone());
    let id_token = inner
        .behaviour
        .id_token
        .clone()
        .unwrap_or_else(|| inner.sign(&claims));
    axum::Json(json!({
        "access_token": access_token, "token_type": "Bearer", "expires_in": 300, "id_token": id_token,
    }))
    .into_response()
}

async fn userinfo(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let value = headers.get("authorization").unwrap().to_str().unwrap().to_owned();
    let (scheme, token) = value.split_once(' ').unwrap();
    assert!(matches!(scheme, "Bearer" | "OAuth"), "{scheme}");
    answer_userinfo(&shared, token)
}

async fn userinfo_by_form(State(shared): State<Shared>, body: String) -> Response {
    let form = parse(&body);
    assert_eq!(form["client_id"], CLIENT_ID);
    answer_userinfo(&shared, &form["access_token"])
}

fn answer_userinfo(shared: &Shared, token: &str) -> Response {
    let mut inner = shared.0.lock().unwrap();
    if let Some(down) = inner.called("userinfo") {
        return down;
    }
    if !inner.issued.contains_key(token) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    axum::Json(inner.behaviour.userinfo.clone().unwrap()).into_response()
}
