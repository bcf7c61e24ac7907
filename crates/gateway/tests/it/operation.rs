//! What an operator sees and changes while the gateway runs.

use axum::Router;
use axum::routing::get;
use common::testing::{self, Client, TestServer};
use http::StatusCode;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::world::{World, eventually, stand_in};

#[tokio::test]
async fn the_admin_port_tells_of_the_replicas() {
    let (app, _issuer, _redis, _context, _stand_ins) = World::builder().build().await;
    let admin = TestServer::serve(app.admin.clone()).await;
    let states: Value = Client::anonymous(admin.url()).get("/upstreams").await.json();
    let services: Vec<&str> = states
        .as_array()
        .unwrap()
        .iter()
        .map(|state| state["service"].as_str().unwrap())
        .collect();
    assert_eq!(
        services,
        [
            "ai-assistant",
            "onec-integration",
            "user-management",
            "analytics",
            "security"
        ]
    );
    let replica = &states[0]["replicas"][0];
    assert_eq!(states[0]["breaker"], "closed");
    assert_eq!(replica["breaker"], "closed");
    assert_eq!(replica["readiness"], "unknown");
    assert_eq!(replica["in_flight"], 0);
    assert!(replica["latency_ms"].is_null());
}

/// A replica of analytics whose admin port is `offset` above it; `ready` is what it says there.
async fn replica(name: &'static str, ready: Arc<AtomicBool>) -> (TestServer, TestServer, u16) {
    let answer = move || async move {
        if ready.load(Ordering::SeqCst) {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let api = TestServer::serve(stand_in(name, Router::new())).await;
    let admin = TestServer::serve(Router::new().route("/ready", get(answer))).await;
    let offset = admin.address().port().wrapping_sub(api.address().port());
    (api, admin, offset)
}

#[tokio::test]
async fn a_replica_that_says_it_is_not_ready_gets_nothing() {
    let ready = Arc::new(AtomicBool::new(true));
    // The admin port must be above; which of two free ports is, is chance.
    let (first, _admin, offset) = loop {
        let replica = replica("first", ready.clone()).await;
        if replica.2 < 32_768 {
            break replica;
        }
    };
    let second = TestServer::serve(stand_in("second", Router::new())).await;
    let world = World::builder()
        .set("ANALYTICS_URL", format!("{},{}", first.url(), second.url()))
        .set("UPSTREAM_CHECK_INTERVAL", "50ms")
        .set("UPSTREAM_CHECK_PORT_OFFSET", offset.to_string())
        .start()
        .await;
    let user = world.user();
    let asked = async || {
        let answer: Value = user.get("/api/analytics/metrics").await.json();
        answer["service"].as_str().unwrap().to_owned()
    };
    eventually("the first is asked", async || asked().await == "first").await;
    let shown = |value: u8| {
        let line = format!("replica=\"{}\"}} {value}", first.address());
        let metrics = common::telemetry::render_metrics();
        metrics
            .lines()
            .any(|text| text.starts_with("gateway_replica_ready") && text.ends_with(&line))
    };
    eventually("the first is known to be ready", async || shown(1)).await;
    ready.store(false, Ordering::SeqCst);
    eventually("the first is known not to be ready", async || shown(0)).await;
    for _ in 0..20 {
        assert_eq!(asked().await, "second");
    }
    ready.store(true, Ordering::SeqCst);
    eventually("the first is asked again", async || asked().await == "first").await;
}

#[tokio::test]
async fn a_name_stands_for_its_addresses() {
    let users = TestServer::serve(stand_in("named", Router::new())).await;
    let port = users.address().port();
    let world = World::builder()
        .set("ANALYTICS_URL", format!("http://localhost:{port}"))
        .start()
        .await;
    let user = world.user();
    eventually("the name is looked up", async || {
        user.get("/api/analytics/metrics").await.status == 200
    })
    .await;
    let answer: Value = user.get("/api/analytics/metrics").await.json();
    assert_eq!(answer["service"], "named");
    assert_eq!(answer["headers"]["host"], format!("localhost:{port}"));
}

#[tokio::test]
async fn sighup_brings_new_settings_and_bad_ones_are_refused() {
    let redis = testing::redis().await;
    let first = TestServer::serve(stand_in("first", Router::new())).await;
    let second = TestServer::serve(stand_in("second", Router::new())).await;
    let free = async || {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        listener.local_addr().unwrap().port().to_string()
    };
    let (port, admin_port) = (free().await, free().await);
    let file = std::env::temp_dir().join(format!("gateway-{port}.toml"));
    let write = |url: String, limit: &str| {
        let text = format!("USER_MANAGEMENT_URL = \"{url}\"\nRATE_LIMIT_ANONYMOUS = \"{limit}\"\n");
        std::fs::write(&file, text).unwrap();
    };
    write(first.url(), "100");
    let mut program = Command::new(env!("CARGO_BIN_EXE_gateway"))
        .env_clear()
        .env("CONFIG_FILE", &file)
        .env("REDIS_URL", redis.url())
        .env("PORT", &port)
        .env("ADMIN_PORT", &admin_port)
        .env("LOG_LEVEL", "error")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    eventually("the gateway listens", async || {
        TcpStream::connect(format!("127.0.0.1:{port}")).await.is_ok()
    })
    .await;
    let client = Client::anonymous(format!("http://127.0.0.1:{port}"));
    let admin = Client::anonymous(format!("http://127.0.0.1:{admin_port}"));
    let answered = async || {
        let answer = client.get("/api/users/auth/login").await;
        let body: Value = answer.json();
        let policy = answer.headers["ratelimit-policy"].to_str().unwrap();
        (body["service"].as_str().unwrap().to_owned(), policy.to_owned())
    };
    let policy = |limit: u32| format!("\"anonymous\";q={limit};w=60");
    assert_eq!(answered().await, ("first".to_owned(), policy(100)));
    let id = program.id().unwrap().to_string();
    let reload = async || {
        let sent = Command::new("kill").args(["-HUP", &id]).status().await.unwrap();
        assert!(sent.success());
    };
    let counted = async |line: &str| admin.get("/metrics").await.text().contains(line);

    write(second.url(), "0");
    reload().await;
    eventually("the bad settings are refused", async || {
        counted("gateway_config_reloads_total{result=\"refused\"} 1").await
    })
    .await;
    assert_eq!(answered().await, ("first".to_owned(), policy(100)));

    write(second.url(), "50");
    reload().await;
    eventually("the new settings are used", async || {
        answered().await == ("second".to_owned(), policy(50))
    })
    .await;
    program.kill().await.unwrap();
    std::fs::remove_file(&file).unwrap();
}
