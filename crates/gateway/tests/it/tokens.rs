//! Who gets in.

use common::auth::{Claims, Companies, Infobases, PermissionSet, Revocations};
use common::clock::Clock;
use common::testing::{Client, Grant, Issuer, TestServer};
use common::{config, ids};
use serde_json::Value;

use crate::world::{World, app, eventually};

/// One path of every route that needs a token; `protocols` has those of other protocols.
const PROTECTED: [&str; 8] = [
    "/api/ai/chat",
    "/api/1c/reports",
    "/api/users",
    "/api/users/me",
    "/api/users/auth/logout",
    "/api/users/oauth/start",
    "/api/analytics/metrics",
    "/api/security/alerts",
];

fn claims(exp: i64) -> Claims {
    let now = Clock::system().now().timestamp();
    Claims {
        iss: config::Auth::ISSUER.to_owned(),
        sub: ids::new_id(),
        sid: ids::new_id(),
        aud: config::Auth::AUDIENCE.to_owned(),
        exp: now + exp,
        iat: now,
        jti: ids::new_id(),
        role: "admin".to_owned(),
        perms: PermissionSet::all(),
        companies: Companies::All,
        amr: Vec::new(),
        auth_time: now,
        client_id: None,
        scope: None,
        infobases: Infobases::All,
        pv: 0,
    }
}

#[tokio::test]
async fn nothing_is_reached_without_a_valid_token() {
    let world = World::new().await;
    let client = world.anonymous();
    let expired = client.with_token(world.issuer.sign_claims(&claims(-40)));
    let mut foreign = claims(60);
    foreign.aud = "other".to_owned();
    let foreign = client.with_token(world.issuer.sign_claims(&foreign));
    let forged = client.with_token(Issuer::new().sign_claims(&claims(60)));
    let user = world.user();
    for path in PROTECTED {
        let refused = client.get(path).await;
        refused.assert_problem(401, "auth.token_required");
        assert_eq!(refused.headers["www-authenticate"], "Bearer");
        expired.get(path).await.assert_problem(401, "auth.token_expired");
        foreign.get(path).await.assert_problem(401, "auth.token_invalid");
        forged.get(path).await.assert_problem(401, "auth.token_invalid");
        assert_eq!(user.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_token_on_a_public_route_is_not_looked_at() {
    let world = World::new().await;
    let nonsense = world.anonymous().with_token("nonsense");
    for path in [
        "/api/users/auth/login",
        "/api/users/auth/register",
        "/api/users/auth/refresh",
        "/api/ai/health",
    ] {
        assert_eq!(nonsense.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_revoked_session_ends_within_a_second_though_its_token_is_known() {
    let world = World::new().await;
    let grant = Grant::new(&[]);
    let user = world.anonymous().with_token(world.issuer.sign(&grant));
    for _ in 0..3 {
        assert_eq!(user.get("/api/users/me").await.status, 200);
    }
    // Revocations made before the gateway had subscribed are loaded, later ones are told to it.
    let until = Clock::system().now() + chrono::Duration::minutes(15);
    Revocations::new()
        .publish(&world.redis.connect(), grant.session_id, until)
        .await
        .unwrap();
    eventually("the revocation", async || {
        user.get("/api/users/me").await.status == 401
    })
    .await;
    user.get("/api/users/me")
        .await
        .assert_problem(401, "auth.session_revoked");
    assert_eq!(world.user().get("/api/users/me").await.status, 200);
}

#[tokio::test]
async fn without_keys_only_public_routes_work() {
    let world = World::new().await;
    let users = TestServer::serve(crate::world::stand_in("user-management", axum::Router::new())).await;
    let (app, _context) = app(vec![
        ("REDIS_URL".to_owned(), world.redis.url().to_owned()),
        ("JWKS_URL".to_owned(), "http://127.0.0.1:1/keys".to_owned()),
        ("USER_MANAGEMENT_URL".to_owned(), users.url()),
    ])
    .await;
    let server = TestServer::start_own(app).await;
    let user = Client::anonymous(server.url()).with_token(world.issuer.token(&[]));
    let refused = user.get("/api/users/me").await;
    refused.assert_problem(503, "dependency.unavailable");
    assert!(refused.headers.contains_key("retry-after"));
    let open: Value = user.get("/api/users/auth/login").await.json();
    assert_eq!(open["service"], "user-management");
}
