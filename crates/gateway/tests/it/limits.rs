//! How often somebody may ask.

use common::testing::{Client, Issuer, Proxy, TestServer};
use http::Method;

use crate::world::{World, app};

#[tokio::test]
async fn a_user_is_told_of_the_quota_and_refused_beyond_it() {
    let world = World::builder().set("RATE_LIMIT_USER", "3").start().await;
    let user = world.user();
    for remaining in ["2", "1", "0"] {
        let answer = user.get("/api/1c/reports").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["ratelimit-policy"], "\"user\";q=3;w=60");
        let quota = answer.headers["ratelimit"].to_str().unwrap();
        assert!(
            quota.starts_with(&format!("\"user\";r={remaining};t=")),
            "{quota}"
        );
        assert_eq!(answer.headers["x-ratelimit-limit"], "3");
        assert_eq!(answer.headers["x-ratelimit-remaining"], remaining);
    }
    let refused = user.get("/api/1c/reports").await;
    let problem = refused.assert_problem(429, "gateway.rate_limited");
    let retry: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&retry), "{retry}");
    assert_eq!(problem["retry_after_seconds"], retry);
    assert_eq!(refused.headers["x-ratelimit-remaining"], "0");
    // The quota is of the user, not of the token or the route, and nobody else's.
    user.get("/api/analytics/metrics")
        .await
        .assert_problem(429, "gateway.rate_limited");
    assert_eq!(world.user().get("/api/1c/reports").await.status, 200);
}

#[tokio::test]
async fn questions_to_a_model_have_a_quota_of_their_own() {
    let world = World::builder().set("RATE_LIMIT_CHAT", "1").start().await;
    let user = world.user();
    let question = serde_json::json!({"message": "?"});
    let answer = user.post("/api/ai/chat", &question).await;
    assert_eq!(answer.headers["ratelimit-policy"], "\"chat\";q=1;w=60");
    user.post("/api/ai/chat", &question)
        .await
        .assert_problem(429, "gateway.rate_limited");
    // Whoever has used up the quota can still stop an answer.
    let stop = "/api/ai/chat/01a21af6-fce0-70e1-a405-cef110c9bb23/cancel";
    assert_eq!(user.post(stop, &question).await.status, 200);
    // The same questions by another door, which has words of its own.
    assert_eq!(user.post("/v1/chat/completions", &question).await.status, 429);
    assert_eq!(user.get("/api/ai/conversations").await.status, 200);
}

#[tokio::test]
async fn logging_in_is_limited_by_address_and_forged_tokens_count() {
    let world = World::builder().set("RATE_LIMIT_ANONYMOUS", "3").start().await;
    let client = world.anonymous();
    let login = serde_json::json!({});
    assert_eq!(client.post("/api/users/auth/login", &login).await.status, 200);
    let forged = client.with_token(Issuer::new().token(&[]));
    for _ in 0..2 {
        forged
            .get("/api/users/me")
            .await
            .assert_problem(401, "auth.token_invalid");
    }
    forged
        .get("/api/users/me")
        .await
        .assert_problem(429, "gateway.rate_limited");
    client
        .post("/api/users/auth/login", &login)
        .await
        .assert_problem(429, "gateway.rate_limited");
    // Somebody else's address in a header does not help, and users who are in stay in.
    let pretended = client
        .request(Method::POST, "/api/users/auth/login")
        .header("x-forwarded-for", "192.0.2.1");
    client
        .send(pretended)
        .await
        .assert_problem(429, "gateway.rate_limited");
    assert_eq!(world.user().get("/api/users/me").await.status, 200);
    assert_eq!(client.get("/api/ai/health").await.status, 200);
}

#[tokio::test]
async fn behind_a_known_proxy_each_client_has_a_quota() {
    let world = World::builder()
        .set("RATE_LIMIT_ANONYMOUS", "1")
        .set("TRUSTED_PROXIES", "127.0.0.1/32")
        .start()
        .await;
    let client = world.anonymous();
    let from = async |address: &str| {
        let request = client
            .request(Method::POST, "/api/users/auth/login")
            .header("x-forwarded-for", address);
        client.send(request).await.status.as_u16()
    };
    assert_eq!(from("192.0.2.1").await, 200);
    assert_eq!(from("192.0.2.2").await, 200);
    assert_eq!(from("198.51.100.7, 192.0.2.1").await, 429);
    assert_eq!(from("2001:db8::1").await, 200);
    assert_eq!(from("2001:db8::2").await, 429);
}

#[tokio::test]
async fn everything_from_one_address_has_an_end() {
    let world = World::builder().set("RATE_LIMIT_ADDRESS", "5").start().await;
    let client = world.anonymous();
    for _ in 0..5 {
        client
            .get("/nowhere")
            .await
            .assert_problem(404, "request.not_found");
    }
    let refused = world.user().get("/api/users/me").await;
    refused.assert_problem(429, "gateway.rate_limited");
    assert_eq!(refused.headers["ratelimit-policy"], "\"address\";q=5;w=60");
}

#[tokio::test]
async fn gateways_count_together() {
    let world = World::builder().set("RATE_LIMIT_USER", "4").start().await;
    let users = TestServer::serve(crate::world::stand_in("user-management", axum::Router::new())).await;
    let keys = world.anonymous().get("/api/users/.well-known/jwks.json").await;
    assert_eq!(keys.status, 200);
    let (app, _context) = app(vec![
        ("REDIS_URL".to_owned(), world.redis.url().to_owned()),
        (
            "JWKS_URL".to_owned(),
            format!("{}/api/users/.well-known/jwks.json", world.server.url()),
        ),
        ("USER_MANAGEMENT_URL".to_owned(), users.url()),
        ("RATE_LIMIT_USER".to_owned(), "4".to_owned()),
        ("RATE_LIMIT_PATIENCE".to_owned(), "2s".to_owned()),
    ])
    .await;
    let second = TestServer::start_own(app).await;
    let token = world.issuer.token(&[]);
    let gateways = [
        world.anonymous().with_token(&token),
        Client::anonymous(second.url()).with_token(&token),
    ];
    for turn in 0..4 {
        assert_eq!(
            gateways[turn % 2].get("/api/users/me").await.status,
            200,
            "turn {turn}"
        );
    }
    for gateway in &gateways {
        gateway
            .get("/api/users/me")
            .await
            .assert_problem(429, "gateway.rate_limited");
    }
}

#[tokio::test]
async fn without_redis_requests_pass_and_are_limited_all_the_same() {
    let outside = common::testing::redis().await;
    let proxy = Proxy::start(outside.url()[8..].trim_end_matches('/').parse().unwrap()).await;
    let world = World::builder()
        .set("REDIS_URL", format!("redis://{}/", proxy.address()))
        .set("RATE_LIMIT_USER", "3")
        .start()
        .await;
    proxy.cut();
    let user = world.user();
    for _ in 0..3 {
        let answer = user.get("/api/users/me").await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["x-ratelimit-limit"], "3");
    }
    user.get("/api/users/me")
        .await
        .assert_problem(429, "gateway.rate_limited");
    let health = world.anonymous().get("/health").await;
    assert_eq!(health.status, 503, "{}", health.text());
    proxy.restore();
    crate::world::eventually("Redis counts again", async || {
        world.user().get("/api/users/me").await;
        let mut connection = outside.connect().connection();
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg("rate:user:*")
            .query_async(&mut connection)
            .await
            .unwrap();
        !keys.is_empty()
    })
    .await;
}
