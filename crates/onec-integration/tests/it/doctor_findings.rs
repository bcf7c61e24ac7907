//! Findings of a check that a demo base as it stands does not give: each is provoked over a socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::testing::TestServer;
use onec_demo::ServerOptions;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::doctor::{check, codes, finding, settings};
use crate::setup::{Service, base, demo};

const PLAN: &str = "ExchangePlan_ИИАссистент";

/// A demo server whose JSON answers about an address go through `change`.
async fn changed(end: &'static str, change: fn(&mut Value)) -> TestServer {
    let demo = onec_demo::router(base(), ServerOptions::default());
    let answer = move |request: Request| {
        let demo = demo.clone();
        async move {
            let path = percent_encoding::percent_decode_str(request.uri().path())
                .decode_utf8_lossy()
                .into_owned();
            let (parts, body) = demo.oneshot(request).await.into_response().into_parts();
            if !path.ends_with(end) {
                return Response::from_parts(parts, body);
            }
            let bytes = to_bytes(body, usize::MAX).await.unwrap();
            let mut body = serde_json::from_slice(&bytes).unwrap();
            change(&mut body);
            let kind = parts.headers["content-type"].clone();
            (parts.status, [("content-type", kind)], body.to_string()).into_response()
        }
    };
    TestServer::serve(Router::new().fallback(answer)).await
}

/// Takes sets out of a service document.
fn unpublish(document: &mut Value, gone: impl Fn(&str) -> bool) {
    let sets = document["value"].as_array_mut().unwrap();
    sets.retain(|set| !gone(set["name"].as_str().unwrap()));
}

/// A base without sets that takes so long for its first answer, and so long for each further one.
async fn slow(first: Duration, further: Duration) -> TestServer {
    let calls = Arc::new(AtomicUsize::new(0));
    let answer = move || {
        let is_first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            tokio::time::sleep(if is_first { first } else { further }).await;
            json_body(r#"{"value":[]}"#)
        }
    };
    TestServer::serve(Router::new().fallback(answer)).await
}

fn json_body(document: &'static str) -> Response {
    ([("content-type", "application/json;charset=utf-8")], document).into_response()
}

/// A server that reads a request, says `answer` and closes.
async fn says(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            let _read = client.read(&mut asked).await;
            let _written = client.write_all(answer).await;
        }
    });
    address.to_string()
}

#[tokio::test]
async fn what_is_not_published_is_listed_by_notion() {
    let server = changed("standard.odata/", |document| {
        unpublish(document, |set| {
            matches!(set, "Catalog_Склады" | "Document_ПоступлениеТоваровУслуг")
        });
    })
    .await;
    let service = Service::start(None).await;
    let report = check(&service.admin(), &settings(&format!("{}/demo", server.url()))).await;
    assert_eq!(report["severity"], "warning", "{report:#}");
    let missing = finding(&report, "notions_missing");
    let sets = missing["measured"]["sets"].as_array().unwrap();
    for set in ["Catalog_Склады", "Document_ПоступлениеТоваровУслуг"] {
        assert!(sets.contains(&set.into()), "{missing}");
        assert!(missing["detail"].as_str().unwrap().contains(set), "{missing}");
    }
    assert_eq!(sets.len(), 2, "{missing}");
    let notions = missing["measured"]["notions"].as_array().unwrap();
    assert!(notions.contains(&"warehouses".into()), "{missing}");
    assert!(missing["advice"].is_string(), "{missing}");
    // What is there, is looked at all the same.
    finding(&report, "rights_sufficient");
}

#[tokio::test]
async fn a_configuration_of_ones_own_is_told_to_be_unknown() {
    let server = changed("standard.odata/", |document| {
        unpublish(document, |set| {
            matches!(set, "Catalog_Организации" | "Catalog_Контрагенты")
        });
    })
    .await;
    let service = Service::start(None).await;
    let report = check(&service.admin(), &settings(&format!("{}/demo", server.url()))).await;
    let unknown = finding(&report, "configuration_unknown");
    assert!(unknown["advice"].is_string(), "{unknown}");
    let found = codes(&report);
    assert!(!found.contains(&"notions_missing"), "{found:?}");
}

#[tokio::test]
async fn the_check_and_the_synchronisation_agree_about_nodes() {
    for (change, node, code, error) in [
        // A base that does not say which node is its own, as many do not.
        (
            silent as fn(&mut Value),
            None,
            "exchange_node_ambiguous",
            Some("onec.exchange_node_ambiguous"),
        ),
        (silent, Some("ИИ"), "exchange_plan_ready", None),
        (
            silent,
            Some("НЕТ"),
            "exchange_node_missing",
            Some("onec.exchange_node_missing"),
        ),
        (
            none,
            None,
            "exchange_node_missing",
            Some("onec.exchange_node_missing"),
        ),
        (unreadable, None, "infobase_failed", Some("onec.unexpected_data")),
    ] {
        let server = changed(PLAN, change).await;
        let service = Service::start(None).await;
        let admin = service.admin();
        let mut new = settings(&format!("{}/demo", server.url()));
        new["exchange_plan"] = json!(PLAN);
        new["exchange_node"] = json!(node);
        let report = check(&admin, &new).await;
        let found = finding(&report, code);
        if code == "exchange_node_ambiguous" {
            assert_eq!(found["measured"]["codes"], json!(["ЭТА", "ИИ"]), "{found}");
        }
        let added = admin.post("/infobases", &new).await;
        assert_eq!(added.status, 201, "{}", added.text());
        let job = service.job_end().await;
        assert_eq!(job.get("error").and_then(Value::as_str), error, "{job}");
    }

    fn silent(nodes: &mut Value) {
        for (node, code) in nodes["value"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .zip(["ЭТА", "ИИ"])
        {
            node.as_object_mut().unwrap().remove("ThisNode");
            node["Code"] = code.into();
        }
    }
    fn none(nodes: &mut Value) {
        nodes["value"].as_array_mut().unwrap().truncate(1);
    }
    fn unreadable(nodes: &mut Value) {
        nodes["value"][1]["Ref_Key"] = "?".into();
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_measured() {
    let hour =
        |hours: i64| (common::clock::Clock::system().now() + chrono::Duration::hours(hours)).to_rfc2822();
    let service = Service::start(None).await;
    for hours in [-2, 3] {
        let date = hour(hours);
        let answer = move || {
            let body = json_body(r#"{"value":[]}"#);
            let date = date.clone();
            async move { ([("date", date)], body) }
        };
        let server = TestServer::serve(Router::new().fallback(answer)).await;
        let report = check(&service.admin(), &settings(&server.url())).await;
        let skew = finding(&report, "clock_skew");
        let seconds = skew["measured"]["seconds"].as_i64().unwrap();
        assert!((seconds - hours * 3600).abs() < 60, "{skew}");
    }
}

#[tokio::test]
async fn services_that_answer_are_told_so() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let mut new = settings(&format!("{}/demo", demo.url()));
    new["http_services"] = json!(["assistant/health"]);
    new["soap_url"] = json!(format!("{}/demo/ws", demo.url()));
    let report = check(&service.admin(), &new).await;
    finding(&report, "services_reached");
    // Neither is there, and a server that does not answer counts as well.
    for soap in [
        format!("{}/other/ws", demo.url()),
        format!("http://{}/ws", says(b"").await),
    ] {
        new["http_services"] = json!(["assistant/health", "нет/такого"]);
        new["soap_url"] = json!(soap);
        let report = check(&service.admin(), &new).await;
        let missing = finding(&report, "service_missing");
        assert_eq!(
            missing["measured"]["services"],
            json!(["hs/нет/такого", "ws/"]),
            "{missing}"
        );
    }
}

#[tokio::test]
async fn the_way_through_a_proxy_is_looked_at() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    // The demo server plays the proxy, so that the name in the address need not be known.
    let mut new = settings("http://1c.example.com/demo");
    new["proxy_url"] = json!(demo.url());
    let report = check(&admin, &new).await;
    let plain = finding(&report, "plain_http");
    assert_eq!(plain["severity"], "warning", "{plain}");
    finding(&report, "login_accepted");
    let closed = TestServer::serve(
        Router::new().fallback(|| async { StatusCode::PROXY_AUTHENTICATION_REQUIRED.into_response() }),
    )
    .await;
    new["proxy_url"] = json!(closed.url());
    finding(&check(&admin, &new).await, "proxy_login");
}

#[tokio::test]
async fn connections_that_come_to_nothing_are_told_apart() {
    let service = Service::start(None).await;
    let admin = service.admin();
    // Closed without a word; and the alert "handshake_failure", as a server of TLS 1.0 gives it.
    let closes = says(b"").await;
    let alerts = says(&[21, 3, 3, 0, 2, 2, 40]).await;
    for (address, code) in [
        (format!("http://{closes}/base"), "no_connection"),
        (format!("https://{alerts}/base"), "tls_failed"),
    ] {
        let report = check(&admin, &settings(&address)).await;
        let found = finding(&report, code);
        assert_eq!(found["severity"], "error", "{found}");
        assert!(found["advice"].is_string(), "{found}");
    }
}

#[tokio::test]
async fn slowness_at_first_and_slowness_always_are_two_things() {
    let service = Service::start(None).await;
    let admin = service.admin();
    let always = slow(Duration::from_millis(2100), Duration::from_millis(2100)).await;
    let cold = slow(Duration::from_millis(10_100), Duration::ZERO).await;
    let (always_settings, cold_settings) = (settings(&always.url()), settings(&cold.url()));
    let (always, cold) = tokio::join!(check(&admin, &always_settings), check(&admin, &cold_settings));
    let found = finding(&always, "slow_calls");
    assert!(found["measured"]["warm_ms"].as_u64().unwrap() >= 2100, "{found}");
    finding(&always, "sessions_each_call");
    let found = finding(&cold, "slow_first_call");
    assert!(
        found["measured"]["first_ms"].as_u64().unwrap() >= 10_000,
        "{found}"
    );
    finding(&cold, "sessions_reused");
}
