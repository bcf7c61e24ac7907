//! Checks of infobases: each trouble is named, with what to do about it.

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse;
use common::auth::Permission;
use common::testing::{Client, TestServer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::setup::{Service, demo, set_faults};
use crate::tls::Authority;

pub(crate) fn settings(address: &str) -> Value {
    json!({"name": "База", "base_url": address, "username": "odata", "password": "odata-demo"})
}

pub(crate) async fn check(admin: &Client, settings: &Value) -> Value {
    let answer = admin.post("/infobases/check", settings).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(!answer.text().contains("odata-demo"), "{}", answer.text());
    answer.json()
}

pub(crate) fn codes(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings
        .iter()
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

pub(crate) fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    assert!(found.is_some(), "no {code} in {report:#}");
    found.unwrap()
}

#[tokio::test]
async fn a_base_that_works_is_told_so() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let report = check(&service.admin(), &settings(&format!("{}/demo", demo.url()))).await;
    assert_eq!(
        codes(&report),
        [
            "address_reached",
            "clock_agrees",
            "login_accepted",
            "latency_fine",
            "sessions_reused",
            "composition_read",
            "exchange_plan_absent",
            "configuration_recognised",
            "rights_sufficient",
        ],
        "{report:#}"
    );
    assert_eq!(report["severity"], "warning");
    let recognised = finding(&report, "configuration_recognised");
    assert_eq!(recognised["measured"]["profile"], "accounting-3.0");
    assert!(recognised.get("advice").is_none());
    assert!(finding(&report, "latency_fine")["measured"]["first_ms"].is_u64());
    // In the language that is asked for.
    let english = service.admin().with_language("en");
    let report = check(&english, &settings(&format!("{}/demo", demo.url()))).await;
    assert_eq!(
        finding(&report, "exchange_plan_absent")["title"],
        "No exchange plan is set"
    );
}

#[tokio::test]
async fn troubles_of_1c_are_told_apart() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    let address = format!("{}/demo", demo.url());
    for (faults, code) in [
        (json!({"no_licence": true}), "no_licence"),
        (json!({"login_page": true}), "not_onec"),
        (json!({"maintenance": true}), "infobase_locked"),
        (json!({"empty_composition": true}), "composition_empty"),
        (json!({"fail_rate": 1.0}), "infobase_failed"),
        (json!({"rls": true}), "rights_missing"),
        (json!({"forbidden": true}), "role_missing"),
        (json!({"wrong_password": true}), "login_refused"),
        (json!({"device_full": true}), "infobase_failed"),
    ] {
        set_faults(&demo, &faults).await;
        let report = check(&admin, &settings(&address)).await;
        let found = finding(&report, code);
        assert!(found["advice"].is_string(), "{found}");
    }
    set_faults(&demo, &json!({})).await;
    let mut wrong = settings(&address);
    wrong["username"] = json!("nobody");
    let report = check(&admin, &wrong).await;
    assert_eq!(report["severity"], "error");
    finding(&report, "login_refused");
    // Settings of the exchange and of sessions that the base does not fit.
    let mut more = settings(&address);
    more["exchange_plan"] = json!("ExchangePlan_НетТакого");
    more["session_mode"] = json!("none");
    more["http_services"] = json!(["mcp/health"]);
    let report = check(&admin, &more).await;
    for code in [
        "exchange_plan_unpublished",
        "sessions_each_call",
        "service_missing",
    ] {
        finding(&report, code);
    }
}

#[tokio::test]
async fn the_exchange_plan_and_sessions_are_looked_at() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    let mut new = settings(&format!("{}/demo", demo.url()));
    new["exchange_plan"] = json!("ExchangePlan_ИИАссистент");
    for (node, code) in [
        (json!(null), "exchange_plan_ready"),
        (json!("ИИ"), "exchange_plan_ready"),
        (json!("нет"), "exchange_node_missing"),
    ] {
        new["exchange_node"] = node;
        finding(&check(&admin, &new).await, code);
    }
    // The publication gives sessions by itself only.
    new["session_mode"] = json!("use");
    finding(&check(&admin, &new).await, "sessions_not_reused");
    // Two licences, and checks that leave sessions behind would take them all.
    set_faults(
        &demo,
        &json!({"reuse_sessions": "use", "licences": 2, "bom": true}),
    )
    .await;
    for _ in 0..4 {
        let report = check(&admin, &new).await;
        finding(&report, "sessions_reused");
        finding(&report, "rights_sufficient");
    }
    let left: Value = Client::anonymous(demo.url())
        .get("/demo/_admin/sessions")
        .await
        .json();
    assert_eq!(left["named"], 0, "{left}");
}

#[tokio::test]
async fn troubles_on_the_way_are_told_apart() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    // A port that was free a moment ago.
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    // A server that takes connections and says nothing is waited for only so long.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let page =
        TestServer::serve(Router::new().fallback(|| async { axum::response::Html("<h1>Вход</h1>") })).await;
    let missing = TestServer::serve(Router::new().fallback(|| async {
        (StatusCode::NOT_FOUND, axum::response::Html("<h1>404</h1>")).into_response()
    }))
    .await;
    let disabled = TestServer::serve(Router::new().fallback(|| async {
        let body = "{\"#exception\":\"{http://v8.1c.ru/8.2/virtual-resource-system}Exception\",\"exception\":{\"descr\":\"x\"}}";
        (StatusCode::NOT_FOUND, body).into_response()
    }))
    .await;
    let lower = TestServer::serve(Router::new().fallback(|uri: axum::http::Uri| async move {
        (
            StatusCode::MOVED_PERMANENTLY,
            [(LOCATION, uri.path().to_lowercase())],
        )
            .into_response()
    }))
    .await;
    let elsewhere = TestServer::serve(Router::new().fallback(|| async {
        (
            StatusCode::FOUND,
            [(LOCATION, "https://login.example.com/?token=s3cret")],
        )
            .into_response()
    }))
    .await;
    let windows = TestServer::serve(Router::new().fallback(|| async {
        (StatusCode::UNAUTHORIZED, [("www-authenticate", "Negotiate")]).into_response()
    }))
    .await;
    let wants_tls = TestServer::serve(Router::new().fallback(|| async {
        (
            StatusCode::BAD_REQUEST,
            "The plain HTTP request was sent to HTTPS port",
        )
            .into_response()
    }))
    .await;
    for (address, code) in [
        (format!("http://{closed}/base"), "port_closed"),
        ("http://no-such-host.invalid/base".to_owned(), "name_not_resolved"),
        (format!("{}/base", page.url()), "not_onec"),
        (format!("{}/base", missing.url()), "publication_missing"),
        (format!("{}/base", disabled.url()), "odata_disabled"),
        (format!("{}/Base", lower.url()), "publication_case"),
        (format!("{}/base", elsewhere.url()), "redirected"),
        (format!("{}/base", windows.url()), "login_method"),
        (format!("{}/base", wants_tls.url()), "http_on_https_port"),
        (format!("https://{}/demo", demo.address()), "tls_not_spoken"),
    ] {
        let report = check(&admin, &settings(&address)).await;
        let found = finding(&report, code);
        assert_eq!(found["severity"], "error", "{found}");
        assert!(!report.to_string().contains("s3cret"), "{report}");
    }
    let mut waiting = settings(&format!("http://{}/base", silent.local_addr().unwrap()));
    let mut proxied = settings(&format!("{}/demo", demo.url()));
    proxied["proxy_url"] = json!(format!("http://user:s3cret@{closed}"));
    let report = check(&admin, &proxied).await;
    finding(&report, "proxy_unreachable");
    assert!(!report.to_string().contains("s3cret"), "{report}");
    waiting["request_timeout_seconds"] = json!(1);
    finding(&check(&admin, &waiting).await, "answer_timeout");
}

#[tokio::test]
async fn certificates_are_verified_and_an_own_authority_may_be_named() {
    let demo = demo().await;
    let service = Service::start(None).await;
    let admin = service.admin();
    let authority = Authority::new();
    let good = authority.serve(demo.address(), "127.0.0.1", 2100).await;
    let expired = authority.serve(demo.address(), "127.0.0.1", 2021).await;
    let other_name = authority.serve(demo.address(), "1c.example.com", 2100).await;

    let mut new = settings(&format!("https://{good}/demo"));
    finding(&check(&admin, &new).await, "tls_unknown_authority");
    for (address, code) in [
        (good, "tls_verified"),
        (expired, "tls_expired"),
        (other_name, "tls_wrong_name"),
    ] {
        new["base_url"] = json!(format!("https://{address}/demo"));
        new["ca_certificate"] = json!(authority.pem());
        finding(&check(&admin, &new).await, code);
    }
    // What the check says is right, works.
    new["base_url"] = json!(format!("https://{good}/demo"));
    let added = admin.post("/infobases", &new).await;
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(service.job_end().await["state"], "succeeded");
}

#[tokio::test]
async fn the_last_check_is_kept_and_nobody_else_may_check() {
    let demo = demo().await;
    let service = Service::start(Some(&demo.url())).await;
    service.job_end().await;
    let admin = service.admin();
    let list: Value = admin.get("/infobases").await.json();
    let id = list["items"][0]["id"].as_str().unwrap();
    assert!(list["items"][0].get("last_check").is_none());
    let report: Value = admin
        .post(&format!("/infobases/{id}/check"), &json!({}))
        .await
        .json();
    let infobase: Value = admin
        .with_language("en")
        .get(&format!("/infobases/{id}"))
        .await
        .json();
    let kept = &infobase["last_check"];
    assert_eq!(codes(kept), codes(&report));
    assert_eq!(finding(kept, "login_accepted")["title"], "1C accepted the login");

    let reader = service.client(&[Permission::OnecRead, Permission::OnecSync]);
    for path in ["/infobases/check".to_owned(), format!("/infobases/{id}/check")] {
        reader
            .post(&path, &json!({}))
            .await
            .assert_problem(403, "auth.permission_denied");
    }
    admin
        .post(&format!("/infobases/{}/check", Uuid::nil()), &json!({}))
        .await
        .assert_problem(404, "onec.infobase_not_found");
    for wrong in [
        json!({}),
        json!({"name": "x", "base_url": "http://169.254.169.254/", "username": "a"}),
    ] {
        admin
            .post("/infobases/check", &wrong)
            .await
            .assert_problem(422, "request.validation_failed");
    }
    let site = json!({"name": "Сайт", "kind": "commerceml"});
    admin
        .post("/infobases/check", &site)
        .await
        .assert_problem(503, "onec.infobase_not_called");
}
