//! What pages of other origins may read of the provider.

use common::testing::Response;
use http::Method;
use serde_json::json;

use crate::harness::{Service, service, with_settings};
use crate::relying_party::Program;

const PAGE: &str = "https://app.example.ru";
const ALLOW_ORIGIN: &str = "access-control-allow-origin";

async fn call(service: &Service, method: Method, path: &str, origin: &str) -> Response {
    let request = service
        .client
        .request(method, path)
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("content-type", "application/x-www-form-urlencoded");
    service.client.send(request).await
}

#[tokio::test]
async fn pages_of_registered_clients_call_the_endpoints() {
    let service = service().await;
    // The same address, of a client with a secret: no page has one.
    Program::register(
        &service,
        json!({ "redirect_uris": ["https://server.example.ru/cb"] }),
    )
    .await;
    Program::register(
        &service,
        json!({ "client_id": "spa", "token_endpoint_auth_method": "none",
                "redirect_uris": ["https://app.example.ru/cb", "http://localhost:5173/cb", "cursor://x/cb"] }),
    )
    .await;
    for path in ["/oauth2/token", "/oauth2/userinfo", "/oauth2/revoke"] {
        for page in [PAGE, "http://localhost:5173"] {
            let asked = call(&service, Method::OPTIONS, path, page).await;
            assert_eq!(asked.status, 204, "{path}");
            assert_eq!(asked.headers[ALLOW_ORIGIN], page);
            assert_eq!(asked.headers["vary"], "origin");
            assert_eq!(asked.headers["access-control-allow-methods"], "GET, POST");
            let headers = asked.headers["access-control-allow-headers"].to_str().unwrap();
            assert!(
                headers.contains("authorization") && headers.contains("content-type"),
                "{headers}"
            );
            assert!(!asked.headers.contains_key("access-control-allow-credentials"));
        }
        // A refusal is to be read as well.
        let refused = call(&service, Method::POST, path, PAGE).await;
        assert!(refused.status.is_client_error());
        assert_eq!(refused.headers[ALLOW_ORIGIN], PAGE, "{path}");
        for other in [
            "https://evil.example",
            "https://app.example.ru.evil.example",
            "https://app.example",
            "http://app.example.ru",
            "https://app.example.ru:8443",
            "http://localhost",
            "https://server.example.ru",
            "https://app.example.ru/cb",
            "cursor://x",
            "null",
            "%",
        ] {
            for method in [Method::OPTIONS, Method::POST] {
                let answer = call(&service, method, path, other).await;
                assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{path} {other}");
            }
        }
    }
    let by_program = service.client.get("/oauth2/userinfo").await;
    assert!(!by_program.headers.contains_key(ALLOW_ORIGIN));
    // What is an administrator's or a person's business is no page's.
    for path in [
        "/oauth2/introspect",
        "/oauth2/authorize",
        "/oauth2/login",
        "/oauth2/clients",
        "/users/me",
    ] {
        let answer = call(&service, Method::OPTIONS, path, PAGE).await;
        assert!(!answer.headers.contains_key(ALLOW_ORIGIN), "{path}");
    }
    service.postgres.cut();
    let asked = call(&service, Method::OPTIONS, "/oauth2/token", PAGE).await;
    assert!(!asked.headers.contains_key(ALLOW_ORIGIN));
}

#[tokio::test]
async fn what_we_say_of_ourselves_is_for_every_page() {
    let service = service().await;
    for path in [
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource",
        "/.well-known/jwks.json",
        "/oauth2/jwks",
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let answer = call(&service, method, path, "https://any.example").await;
            assert!(answer.status.is_success(), "{path}");
            assert_eq!(answer.headers[ALLOW_ORIGIN], "*", "{path}");
        }
    }
    let closed = call(&service, Method::OPTIONS, "/oauth2/register", PAGE).await;
    assert!(!closed.headers.contains_key(ALLOW_ORIGIN));
    let service = with_settings(&[("CLIENT_REGISTRATION", "open")]).await;
    let open = call(&service, Method::OPTIONS, "/oauth2/register", PAGE).await;
    assert_eq!(open.headers[ALLOW_ORIGIN], "*");
    let body =
        json!({ "redirect_uris": ["https://app.example.ru/cb"], "token_endpoint_auth_method": "none" });
    let made = service.client.post("/oauth2/register", &body).await;
    assert_eq!(
        (made.status.as_u16(), &made.headers[ALLOW_ORIGIN]),
        (201, &"*".parse().unwrap())
    );
    // And from then on its page may ask for tokens.
    let asked = call(&service, Method::OPTIONS, "/oauth2/token", PAGE).await;
    assert_eq!(asked.headers[ALLOW_ORIGIN], PAGE);
}
