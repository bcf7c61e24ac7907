//! The program is killed while it appends.

use std::process::{Child, Command};
use std::time::Duration;

use common::auth::Permission::AuditRead;
use common::events::{self, Event, Stream};
use common::testing::{self, Client, Issuer, TestServer};
use security::SCHEMA;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{audited, eventually};

const EVENTS: usize = 6000;

/// Ends its program with the value, by SIGKILL.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(database: &str, redis: &str, jwks: &str, port: u16) -> Program {
    let child = Command::new(env!("CARGO_BIN_EXE_security"))
        .env_clear()
        .env("DATABASE_URL", database)
        .env("REDIS_URL", redis)
        .env("JWKS_URL", jwks)
        .env("PORT", port.to_string())
        .env("ADMIN_PORT", "0")
        .env("LOG_LEVEL", "error")
        .env("AUDIT_CHECKPOINT_EVERY", "100ms")
        .spawn()
        .unwrap();
    Program(child)
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_when_the_service_is_killed() {
    let (redis, database) = (testing::redis().await, testing::database_url(&SCHEMA).await);
    let db = PgPool::connect(&database).await.unwrap();
    let issuer = Issuer::new();
    let jwks = issuer.jwks();
    let keys = axum::Router::new().route(
        "/jwks.json",
        axum::routing::get(move || async move { axum::Json(jwks) }),
    );
    let keys = TestServer::serve(keys).await;
    let jwks = format!("{}/jwks.json", keys.url());
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let appended = async || -> i64 {
        sqlx::query_scalar("select sequence from security.audit_tip")
            .fetch_one(&db)
            .await
            .unwrap()
    };

    let events: Vec<(Stream, Event)> = (0..EVENTS)
        .map(|_| (Stream::Audit, audited("stock.moved")))
        .collect();
    for some in events.chunks(500) {
        events::publish(&redis.connect(), some).await.unwrap();
    }
    for round in 1..=3 {
        let program = start(&database, redis.url(), &jwks, port);
        let before = appended().await;
        eventually("some are appended", Duration::from_secs(30), async || {
            appended().await > before
        })
        .await;
        drop(program);
        assert!(appended().await > 0, "{round}");
    }
    let _program = start(&database, redis.url(), &jwks, port);
    eventually("all are appended", Duration::from_secs(60), async || {
        appended().await >= i64::try_from(EVENTS).unwrap()
    })
    .await;
    let client = Client::anonymous(format!("http://127.0.0.1:{port}")).with_token(issuer.token(&[AuditRead]));
    eventually("the service answers", Duration::from_secs(30), async || {
        reqwest::get(format!("http://127.0.0.1:{port}/health"))
            .await
            .is_ok()
    })
    .await;
    eventually("everything is signed", Duration::from_secs(30), async || {
        let page: Value = client.get("/audit/checkpoints?limit=1").await.json();
        page["items"][0]["size"] == json!(EVENTS)
    })
    .await;
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["entries"]),
        (&json!(true), &json!(EVENTS)),
        "{verified}"
    );
    let ids: i64 = sqlx::query_scalar("select count(distinct id) from security.audit_entries")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(usize::try_from(ids), Ok(EVENTS));
}
