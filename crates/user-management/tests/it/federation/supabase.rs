//! POST /auth/supabase

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use common::testing::TestServer;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::provider::ec;
use crate::harness::{PASSWORD, Service, with_settings};

const ANON_KEY: &str = "the public key of the project";

/// A Supabase project, as far as logins go.
struct Project {
    key: EncodingKey,
    state: Shared,
    server: TestServer,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Inner>>);

struct Inner {
    jwk: Value,
    user: Value,
    asked: usize,
    down: bool,
}

impl Project {
    async fn start() -> Self {
        common::service::install_crypto_provider();
        let (kid, algorithm, key) = ec("project");
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, algorithm).unwrap()).unwrap();
        jwk["kid"] = json!(kid);
        let user = json!({
            "id": "0b9d1b0e", "aud": "authenticated", "role": "authenticated", "email": "anna@example.com",
            "email_confirmed_at": "2026-01-01T00:00:00Z", "user_metadata": { "full_name": "Анна Петрова" },
        });
        let state = Shared(Arc::new(Mutex::new(Inner {
            jwk,
            user,
            asked: 0,
            down: false,
        })));
        let router = Router::new()
            .route("/auth/v1/.well-known/jwks.json", get(keys))
            .route("/auth/v1/user", get(user_of_token))
            .with_state(state.clone());
        Self {
            key,
            state,
            server: TestServer::serve(router).await,
        }
    }

    async fn service(&self) -> Service {
        let url = format!("{}/", self.server.url());
        with_settings(&[("SUPABASE_URL", &url), ("SUPABASE_KEY", ANON_KEY)]).await
    }

    fn now(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.state.0.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.state.0.lock().unwrap().asked
    }

    /// An access token, with these claims over the usual ones.
    fn token(&self, service: &Service, claims: Value) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some("project".to_owned());
        jsonwebtoken::encode(&header, &self.claims(service, claims), &self.key).unwrap()
    }

    fn claims(&self, service: &Service, more: Value) -> Value {
        let now = service.clock.now().timestamp();
        let mut all = json!({
            "iss": format!("{}/auth/v1", self.server.url()), "aud": "authenticated", "role": "authenticated",
            "sub": "0b9d1b0e", "iat": now, "exp": now + 3600, "email": "anna@example.com", "is_anonymous": false,
            "user_metadata": { "email_verified": true },
        });
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        all
    }
}

async fn keys(State(shared): State<Shared>) -> Response {
    let inner = shared.0.lock().unwrap();
    if inner.down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    axum::Json(json!({ "keys": [inner.jwk] })).into_response()
}

async fn user_of_token(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let mut inner = shared.0.lock().unwrap();
    inner.asked += 1;
    assert_eq!(headers["apikey"], ANON_KEY);
    let token = headers["authorization"]
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap()
        .to_owned();
    if inner.down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    // The key itself is a token as well, but nobody's.
    if token == ANON_KEY || token == "stolen" {
        return (
            StatusCode::FORBIDDEN,
            axum::Json(json!({ "code": 403, "msg": "invalid claim: missing sub claim" })),
        )
            .into_response();
    }
    axum::Json(inner.user.clone()).into_response()
}

async fn log_in(service: &Service, token: &str) -> common::testing::Response {
    service
        .client
        .post("/auth/supabase", &json!({ "access_token": token }))
        .await
}

#[tokio::test]
async fn a_token_of_the_project_logs_in() {
    let project = Project::start().await;
    let service = project.service().await;
    let answer = log_in(&service, &project.token(&service, json!({}))).await;
    let user = answer.json::<Value>()["user"].clone();
    assert_eq!(
        (user["email"].as_str(), user["name"].as_str()),
        (Some("anna@example.com"), Some("Анна Петрова"))
    );
    assert_eq!(user["role"], "user");
    assert_eq!(project.asked(), 1, "whether the address is confirmed");
    let again = log_in(&service, &project.token(&service, json!({}))).await;
    assert_eq!(again.json::<Value>()["user"]["id"], user["id"]);
    assert_eq!(
        project.asked(),
        1,
        "the token alone is enough for an account that is known"
    );
    let session = service.session(&again);
    let identities: Value = session.client.get("/users/me/identities").await.json();
    assert_eq!(identities["items"][0]["provider"], "supabase");
}

#[tokio::test]
async fn a_token_signed_with_the_shared_secret_is_shown_to_the_project() {
    let project = Project::start().await;
    let service = project.service().await;
    let secret = EncodingKey::from_secret(b"the secret of the project, which we do not have");
    let claims = project.claims(&service, json!({}));
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &secret).unwrap();
    for count in 1..=2 {
        assert_eq!(log_in(&service, &token).await.status, 200);
        assert_eq!(project.asked(), count);
    }
}

#[tokio::test]
async fn what_is_not_a_persons_token_is_refused() {
    let project = Project::start().await;
    let service = project.service().await;
    for claims in [
        json!({ "role": "anon" }),
        json!({ "role": "service_role" }),
        json!({ "aud": "other" }),
        json!({ "iss": "https://other.supabase.co/auth/v1" }),
        json!({ "exp": service.clock.now().timestamp() - 120 }),
        json!({ "sub": "" }),
        json!({ "is_anonymous": true }),
    ] {
        let answer = log_in(&service, &project.token(&service, claims.clone())).await;
        assert_eq!(answer.status, 401, "{claims}");
        answer.assert_problem(401, "federation.token_invalid");
    }
    let (_, algorithm, stranger) = ec("project");
    let mut header = Header::new(algorithm);
    header.kid = Some("project".to_owned());
    let forged = jsonwebtoken::encode(&header, &project.claims(&service, json!({})), &stranger).unwrap();
    for token in ["", "x", ANON_KEY, &forged] {
        log_in(&service, token)
            .await
            .assert_problem(401, "federation.token_invalid");
    }
    // One that only the project could know, which does not.
    project.now(|inner| inner.user["aud"] = json!("anon"));
    let answer = log_in(&service, &project.token(&service, json!({}))).await;
    answer.assert_problem(401, "federation.token_invalid");
    assert_eq!(service.count("identity.users").await, 1);
    for body in [json!({}), json!({ "access_token": 1 })] {
        let answer = service.client.post("/auth/supabase", &body).await;
        answer.assert_problem(422, "request.validation_failed");
    }
}

#[tokio::test]
async fn what_people_write_about_themselves_confirms_no_address() {
    let project = Project::start().await;
    let service = project.service().await;
    project.now(|inner| {
        inner.user.as_object_mut().unwrap().remove("email_confirmed_at");
        inner.user["user_metadata"]["email_verified"] = json!(true);
    });
    let answer = log_in(&service, &project.token(&service, json!({}))).await;
    answer.assert_problem(403, "federation.email_unverified");
}

#[tokio::test]
async fn an_account_of_the_address_is_linked_after_logging_in_to_it() {
    let project = Project::start().await;
    let service = project.service().await;
    service.register("anna@example.com").await;
    let token = project.token(&service, json!({}));
    log_in(&service, &token)
        .await
        .assert_problem(409, "federation.link_required");
    let anna = service.login("anna@example.com", PASSWORD).await;
    let path = "/users/me/identities/supabase";
    let answer = anna.client.post(path, &json!({})).await;
    let problem = answer.assert_problem(422, "request.validation_failed");
    assert_eq!(problem["errors"][0]["pointer"], "/access_token");
    let answer = anna.client.post(path, &json!({ "access_token": token })).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    let user = log_in(&service, &token).await.json::<Value>()["user"]["id"].clone();
    assert_eq!(user, anna.id.to_string());
}

#[tokio::test]
async fn a_project_that_is_down_is_told() {
    let project = Project::start().await;
    let service = project.service().await;
    let token = project.token(&service, json!({}));
    project.now(|inner| inner.down = true);
    let answer = log_in(&service, &token).await;
    answer.assert_problem(503, "federation.provider_unavailable");
    service.postgres.cut();
    project.now(|inner| inner.down = false);
    service.clock.advance(chrono::Duration::seconds(6));
    log_in(&service, &token)
        .await
        .assert_problem(503, "dependency.unavailable");
}

#[tokio::test]
async fn guessing_is_limited_by_address() {
    let project = Project::start().await;
    let url = project.server.url();
    let service = with_settings(&[
        ("SUPABASE_URL", &url),
        ("SUPABASE_KEY", ANON_KEY),
        ("LOGIN_FAILURES_PER_ADDRESS", "2"),
    ])
    .await;
    for _ in 0..2 {
        log_in(&service, "stolen")
            .await
            .assert_problem(401, "federation.token_invalid");
    }
    let answer = log_in(&service, &project.token(&service, json!({}))).await;
    answer.assert_problem(429, "auth.too_many_failures");
}
