//! Services that are away, slow, or broken.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use common::testing::TestServer;
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::world::{World, eventually, stand_in};

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn a_service_that_is_away_is_left_alone_and_found_again() {
    let address = nobody().await;
    let world = World::builder()
        .set("ANALYTICS_URL", format!("http://{address}"))
        .set("BREAKER_OPEN_FOR", "1s")
        .start()
        .await;
    let user = world.user();
    let mut refusals = Vec::new();
    for _ in 0..6 {
        let refused = user.get("/api/analytics/metrics").await;
        refused.assert_problem(503, "gateway.upstream_unavailable");
        refusals.push(refused.headers["retry-after"].to_str().unwrap().to_owned());
    }
    // Five attempts failed; the sixth was refused without one, for as long as the breaker is open.
    assert_eq!(refusals, ["2", "2", "2", "2", "2", "1"]);
    let state = |value: u8| {
        let line = format!("replica=\"{address}\"}} {value}");
        let metrics = common::telemetry::render_metrics();
        metrics
            .lines()
            .any(|text| text.starts_with("gateway_breaker_state") && text.ends_with(&line))
    };
    assert!(state(2), "the open breaker shows");
    // Nobody else's service is touched by it.
    assert_eq!(user.get("/api/security/alerts").await.status, 200);

    let listener = TcpListener::bind(address).await.unwrap();
    let shutdown = CancellationToken::new();
    let router = stand_in("analytics", Router::new());
    let serving = common::http::server::serve(
        listener,
        router,
        shutdown.clone(),
        common::http::server::Ending::within(Duration::from_secs(1)),
    );
    let recovering = async {
        eventually("the service is found", async || {
            user.get("/api/analytics/metrics").await.status == 200
        })
        .await;
        for _ in 0..20 {
            assert_eq!(user.get("/api/analytics/metrics").await.status, 200);
        }
        assert!(state(0), "the closed breaker shows");
        shutdown.cancel();
    };
    futures_util::future::join(serving, recovering).await;
}

#[tokio::test]
async fn another_replica_takes_what_could_not_be_sent() {
    let other = TestServer::serve(stand_in("second", Router::new())).await;
    let dead = nobody().await;
    let world = World::builder()
        .set("ANALYTICS_URL", format!("http://{dead},{}", other.url()))
        .start()
        .await;
    let user = world.user();
    // Both replicas get their turn; the body goes along to the second.
    for n in 0..12 {
        let answer: Value = user.post("/api/analytics/reports", &n).await.json();
        assert_eq!(answer["service"], "second");
        assert_eq!(answer["body"], n.to_string());
    }
}

#[tokio::test]
async fn replicas_share_the_work() {
    let first = TestServer::serve(stand_in("first", Router::new())).await;
    let second = TestServer::serve(stand_in("second", Router::new())).await;
    let world = World::builder()
        .set("SECURITY_URL", format!("{},{}", first.url(), second.url()))
        .start()
        .await;
    let user = world.user();
    let mut turns = Vec::new();
    for _ in 0..40 {
        let answer: Value = user.get("/api/security/alerts").await.json();
        turns.push(answer["service"].as_str().unwrap().to_owned());
    }
    for name in ["first", "second"] {
        assert!(turns.iter().any(|turn| turn == name), "{turns:?}");
    }
}

#[tokio::test]
async fn a_service_that_does_not_answer_gives_504() {
    let router = Router::new().route("/never", get(std::future::pending::<&'static str>));
    let world = World::builder()
        .set("UPSTREAM_MODEL_TIMEOUT", "200ms")
        .assistant(router)
        .start()
        .await;
    let user = world.user();
    for _ in 0..5 {
        user.get("/api/ai/never")
            .await
            .assert_problem(504, "gateway.upstream_timeout");
    }
    user.get("/api/ai/chat")
        .await
        .assert_problem(503, "gateway.upstream_unavailable");
}

#[tokio::test]
async fn a_connection_that_breaks_after_sending_gives_502_and_no_second_try() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let other = TestServer::serve(stand_in("second", Router::new())).await;
    let world = World::builder()
        .set("ANALYTICS_URL", format!("http://{address},{}", other.url()))
        .start()
        .await;
    let user = world.user();
    let breaking = async {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut head = [0; 10];
        connection.read_exact(&mut head).await.unwrap();
    };
    // Which of the two is asked first is left to chance.
    let asking = async {
        loop {
            let answer = user.post("/api/analytics/reports", &1).await;
            if answer.status != 200 {
                return answer;
            }
        }
    };
    let (answer, ()) = futures_util::future::join(asking, breaking).await;
    answer.assert_problem(502, "gateway.upstream_broken");
}

#[tokio::test]
async fn what_may_be_repeated_is_asked_of_another_replica() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let other = TestServer::serve(stand_in("second", Router::new())).await;
    let world = World::builder()
        .set("ANALYTICS_URL", format!("http://{address},{}", other.url()))
        .start()
        .await;
    let user = world.user();
    let asking = async {
        for _ in 0..30 {
            let answer: Value = user.get("/api/analytics/metrics").await.json();
            assert_eq!(answer["service"], "second");
        }
    };
    let breaking = async {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = [0; 10];
            connection.read_exact(&mut head).await.unwrap();
        }
    };
    tokio::select! {
        () = asking => {}
        () = breaking => {}
    }
    let metrics = common::telemetry::render_metrics();
    let retries = metrics
        .lines()
        .find_map(|line| line.strip_prefix("gateway_upstream_retries_total{upstream=\"analytics\"} "));
    assert!(retries.is_some_and(|retries| retries != "0"), "{retries:?}");
}

#[tokio::test]
async fn what_a_service_says_of_its_own_troubles_does_not_close_the_door() {
    let problem = || async {
        let headers = [("content-type", "application/problem+json")];
        (
            StatusCode::SERVICE_UNAVAILABLE,
            headers,
            "{\"code\":\"onec.infobase_unreachable\"}",
        )
    };
    let between = || async { (StatusCode::BAD_GATEWAY, "<html>nginx</html>") };
    let router = Router::new()
        .route("/problem", get(problem))
        .route("/between", get(between));
    let world = World::builder().assistant(router).start().await;
    let user = world.user();
    for _ in 0..30 {
        let answer = user.get("/api/ai/problem").await;
        assert_eq!(answer.status, 503);
        assert!(answer.text().contains("onec.infobase_unreachable"));
    }
    for _ in 0..5 {
        assert_eq!(user.get("/api/ai/between").await.text(), "<html>nginx</html>");
    }
    user.get("/api/ai/between")
        .await
        .assert_problem(503, "gateway.upstream_unavailable");
}

#[tokio::test]
async fn a_client_that_stops_sending_is_not_the_service_s_fault() {
    let read = |body: axum::body::Bytes| async move { body.len().to_string() };
    let world = World::builder()
        .set("UPSTREAM_MODEL_TIMEOUT", "200ms")
        .assistant(Router::new().route("/read", post(read)))
        .start()
        .await;
    let user = world.user();
    for _ in 0..6 {
        let silent = futures_util::stream::pending::<Result<bytes::Bytes, std::convert::Infallible>>();
        let request = user
            .request(Method::POST, "/api/ai/read")
            .body(reqwest::Body::wrap_stream(silent));
        user.send(request)
            .await
            .assert_problem(408, "request.body_timeout");
    }
    assert_eq!(user.post("/api/ai/read", &1).await.text(), "1");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_request() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let world = World::builder()
        .set(
            "ANALYTICS_URL",
            format!("http://{}", listener.local_addr().unwrap()),
        )
        .start()
        .await;
    // Says nothing of closing, and closes after each answer.
    let closing = async {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(connection.read_u8().await.unwrap());
            }
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
            connection.write_all(answer).await.unwrap();
        }
    };
    let user = world.user();
    let asking = async {
        for _ in 0..50 {
            assert_eq!(user.get("/api/analytics/metrics").await.text(), "ok");
        }
    };
    tokio::select! {
        () = closing => {}
        () = asking => {}
    }
}

/// A replica until it is told to end; what is in flight is finished.
async fn replica(address: SocketAddr, end: CancellationToken) {
    let listener = TcpListener::bind(address).await.unwrap();
    let ending = common::http::server::Ending::within(Duration::from_secs(5));
    common::http::server::serve(listener, stand_in("analytics", Router::new()), end, ending).await;
}

#[tokio::test]
async fn no_request_is_lost_while_replicas_restart_one_after_another() {
    let addresses = [nobody().await, nobody().await];
    let world = World::builder()
        .set(
            "ANALYTICS_URL",
            format!("http://{},http://{}", addresses[0], addresses[1]),
        )
        .set("RATE_LIMIT_USER", "1000000")
        .set("RATE_LIMIT_ADDRESS", "1000000")
        .start()
        .await;
    let mut replicas = tokio::task::JoinSet::new();
    let start = |replicas: &mut tokio::task::JoinSet<()>, address: SocketAddr| {
        let end = CancellationToken::new();
        replicas.spawn(replica(address, end.clone()));
        end
    };
    let listens = async |address: SocketAddr| {
        eventually("the replica listens", async || {
            tokio::net::TcpStream::connect(address).await.is_ok()
        })
        .await;
    };
    let mut ends = addresses.map(|address| start(&mut replicas, address));
    for address in addresses {
        listens(address).await;
    }
    let answered = AtomicUsize::new(0);
    let user = world.user();
    let asking = async {
        loop {
            let answer = user.get("/api/analytics/metrics").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
            answered.fetch_add(1, Ordering::SeqCst);
        }
    };
    let restarting = async {
        for turn in 0..6 {
            let which = turn % 2;
            let enough = answered.load(Ordering::SeqCst) + 30;
            eventually("requests pass", async || {
                answered.load(Ordering::SeqCst) >= enough
            })
            .await;
            ends[which].cancel();
            replicas.join_next().await.unwrap().unwrap();
            ends[which] = start(&mut replicas, addresses[which]);
            listens(addresses[which]).await;
        }
    };
    tokio::select! {
        () = asking => {}
        () = restarting => {}
    }
    assert!(answered.load(Ordering::SeqCst) >= 180);
}
