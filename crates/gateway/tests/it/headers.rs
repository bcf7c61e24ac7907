//! What of a request's and an answer's head goes through.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::Method;
use serde_json::Value;

use crate::world::{World, raw};

#[tokio::test]
async fn services_see_who_asked_and_nothing_that_pretends() {
    let world = World::new().await;
    let user = world.user();
    let request = user
        .request(Method::GET, "/api/1c/reports")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "for=192.0.2.1")
        .header("x-real-ip", "192.0.2.1")
        .header("x-user-id", "1")
        .header("x-internal-role", "admin")
        .header("x_user_id", "1")
        .header("x-request-id", "request-1")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .header("idempotency-key", "once")
        .header("accept-language", "en")
        .header("cookie", "a=1");
    let seen: Value = user.send(request).await.json();
    let headers = seen["headers"].as_object().unwrap();
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(headers["x-forwarded-proto"], "http");
    let gateway = world.server.address().to_string();
    assert_eq!(headers["x-forwarded-host"], gateway);
    assert_ne!(headers["host"], gateway, "the host is the service's own");
    assert!(headers["host"].as_str().unwrap().starts_with("127.0.0.1:"));
    for (name, value) in [("idempotency-key", "once"), ("cookie", "a=1")] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(
        headers["authorization"]
            .as_str()
            .unwrap()
            .starts_with("Bearer ey")
    );
    let trace = headers["traceparent"].as_str().unwrap();
    assert!(trace.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && !trace.contains("00f067aa0ba902b7"));
    assert_eq!(
        headers["forwarded"],
        format!("for=127.0.0.1;host=\"{gateway}\";proto=http")
    );
    assert_eq!(headers["via"], "1.1 gateway");
    for name in ["x-real-ip", "x-user-id", "x-internal-role", "x_user_id"] {
        assert!(!headers.contains_key(name), "{name}");
    }
}

#[tokio::test]
async fn the_request_id_is_one_for_client_and_service() {
    let world = World::new().await;
    let token = world.issuer.token(&[]);
    let head = format!(
        "GET /api/ai/models HTTP/1.1\r\nHost: g\r\nX-Request-Id: mine-7\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    let (status, text) = raw(world.server.address(), &head).await;
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("x-request-id: mine-7\r\n"), "{text}");
    assert!(text.contains("\"x-request-id\":\"mine-7\""), "{text}");
}

#[tokio::test]
async fn headers_of_one_connection_do_not_reach_the_other() {
    let answer = || async {
        (
            [
                ("connection", "x-hop"),
                ("x-hop", "1"),
                ("keep-alive", "timeout=9"),
                ("proxy-authenticate", "Basic"),
                ("x-kept", "1"),
                ("content-security-policy", "default-src 'self'"),
                ("access-control-allow-origin", "*"),
            ],
            "text",
        )
            .into_response()
    };
    let world = World::builder()
        .assistant(Router::new().route("/hop", get(answer)))
        .start()
        .await;
    let token = world.issuer.token(&[]);
    let head = format!(
        "GET /api/ai/echo HTTP/1.1\r\nHost: g\r\nConnection: close, X-Secret, Te\r\nX-Secret: 1\r\nTE: trailers\r\n\
         Keep-Alive: timeout=5\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    let (status, text) = raw(world.server.address(), &head).await;
    assert_eq!(status, 200, "{text}");
    for name in [
        "x-secret",
        "\"te\"",
        "keep-alive",
        "proxy-authorization",
        "upgrade",
        "\"connection\"",
    ] {
        assert!(!text.contains(name), "{name}: {text}");
    }
    let answer = world.user().get("/api/ai/hop").await;
    assert_eq!(answer.text(), "text");
    for name in [
        "x-hop",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "access-control-allow-origin",
    ] {
        assert!(!answer.headers.contains_key(name), "{name}");
    }
    assert_eq!(answer.headers["x-kept"], "1");
    assert_eq!(answer.headers["via"], "1.1 gateway");
    assert_eq!(answer.headers["content-length"], "4");
    assert_eq!(answer.headers["content-security-policy"], "default-src 'self'");
}

#[tokio::test]
async fn statuses_and_bodiless_answers_pass_as_they_are() {
    let router = Router::new()
        .route("/none", get(|| async { http::StatusCode::NO_CONTENT }))
        .route("/kept", get(|| async { http::StatusCode::NOT_MODIFIED }))
        .route(
            "/moved",
            get(|| async { (http::StatusCode::FOUND, [("location", "/elsewhere")]) }),
        )
        .route(
            "/broken",
            get(|| async { (http::StatusCode::INTERNAL_SERVER_ERROR, "x") }),
        )
        .route("/sized", get(|| async { "12345" }));
    let world = World::builder().assistant(router).start().await;
    let user = world.user();
    for (path, status) in [("/none", 204), ("/kept", 304), ("/moved", 302), ("/broken", 500)] {
        let answer = user.get(&format!("/api/ai{path}")).await;
        assert_eq!(answer.status, status, "{path}");
    }
    let head = user.send(user.request(Method::HEAD, "/api/ai/sized")).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], "5");
}

#[tokio::test]
async fn http_2_comes_in_and_http_1_goes_on() {
    let world = World::new().await;
    let client = common::http::client::builder()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    let request = client
        .post(format!("{}/api/1c/sync/data", world.server.url()))
        .bearer_auth(world.issuer.token(&[]))
        .header("cookie", "a=1")
        .header("cookie", "b=2")
        .body("text");
    let answer = common::http::client::send(request).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.version()),
        (200, http::Version::HTTP_2)
    );
    let seen: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(
        (seen["path"].as_str(), seen["body"].as_str()),
        (Some("/sync/data"), Some("text"))
    );
    let headers = &seen["headers"];
    assert_eq!(headers["x-forwarded-host"], world.server.address().to_string());
    assert_eq!(headers["cookie"], "a=1; b=2");
    assert_eq!(headers["via"], "2.0 gateway");
}

/// 1C logs in to the service with Basic authentication, then with a cookie, and sends parts of files.
#[tokio::test]
async fn a_base_that_pushes_is_passed_on_as_it_is() {
    let world = World::new().await;
    let client = world.anonymous();
    let path = "/api/1c/commerceml/01a21af6-fce0-70e1-a405-cef110c9bb23/exchange";
    let login = client
        .request(Method::GET, &format!("{path}?type=catalog&mode=checkauth"))
        .basic_auth("1c-1", Some("secret"));
    let seen: Value = client.send(login).await.json();
    let headers = &seen["headers"];
    assert_eq!(headers["authorization"], "Basic MWMtMTpzZWNyZXQ=");
    // Refused logins are counted by the address of 1C.
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    let part = client
        .request(
            Method::POST,
            &format!("{path}?type=catalog&mode=file&filename=import.xml"),
        )
        .header("cookie", "ONEC_EXCHANGE=1")
        .body(vec![b' '; 4 * 1024 * 1024]);
    let seen: Value = client.send(part).await.json();
    assert_eq!(seen["headers"]["cookie"], "ONEC_EXCHANGE=1");
    assert_eq!(seen["body"].as_str().unwrap().len(), 4 * 1024 * 1024);
    let administration = client.get("/api/1c/commerceml/exchanges").await;
    assert_eq!(administration.status, 401);
}
