//! A gateway with everything around it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use common::config::{Environment, Reader};
use common::service::{Context, OwnServer};
pub(crate) use common::testing::eventually;
use common::testing::{self, Client, Issuer, TestRedis, TestServer};
use gateway::config::Config;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers every request with what it saw of it.
pub(crate) async fn echo(name: &'static str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let headers: serde_json::Map<String, Value> = parts
        .headers
        .keys()
        .map(|header| {
            let values = parts.headers.get_all(header).iter();
            let values: Vec<String> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into())
                .collect();
            (header.to_string(), values.join(" | ").into())
        })
        .collect();
    axum::Json(json!({
        "service": name,
        "method": parts.method.as_str(),
        "path": parts.uri.to_string(),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    }))
    .into_response()
}

/// A stand-in that answers the routes of `router` with them and everything else with an echo.
pub(crate) fn stand_in(name: &'static str, router: Router) -> Router {
    router.fallback(move |request: Request<Body>| echo(name, request))
}

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) issuer: Issuer,
    pub(crate) redis: TestRedis,
    pub(crate) context: Context,
    // Kept for as long as the world.
    _stand_ins: Vec<TestServer>,
}

/// The variables of the services, in the order of the stand-ins.
const SERVICES: [(&str, &str); 5] = [
    ("ai-assistant", "AI_ASSISTANT_URL"),
    ("onec-integration", "ONEC_INTEGRATION_URL"),
    ("user-management", "USER_MANAGEMENT_URL"),
    ("analytics", "ANALYTICS_URL"),
    ("security", "SECURITY_URL"),
];

/// A world under construction.
pub(crate) struct Builder {
    settings: Vec<(String, String)>,
    assistant: Router,
    users: Router,
}

impl World {
    /// A world with the defaults of the gateway, except for a Redis that slow machines reach.
    pub(crate) async fn new() -> Self {
        Self::builder().start().await
    }

    pub(crate) fn builder() -> Builder {
        Builder {
            settings: vec![
                ("RATE_LIMIT_PATIENCE".to_owned(), "2s".to_owned()),
                ("GATEWAY_THREADS".to_owned(), "2".to_owned()),
            ],
            assistant: Router::new(),
            users: Router::new(),
        }
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::anonymous(self.server.url())
    }

    /// Somebody whose token grants nothing: the gateway asks for no more.
    pub(crate) fn user(&self) -> Client {
        self.anonymous().with_token(self.issuer.token(&[]))
    }
}

impl Builder {
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.push((name.to_owned(), value.into()));
        self
    }

    /// Routes of the stand-in for ai-assistant.
    pub(crate) fn assistant(mut self, router: Router) -> Self {
        self.assistant = router;
        self
    }

    /// Routes of the stand-in for user-management, beside the keys.
    pub(crate) fn users(mut self, router: Router) -> Self {
        self.users = router;
        self
    }

    pub(crate) async fn start(self) -> World {
        let (app, issuer, redis, context, stand_ins) = self.build().await;
        World {
            server: TestServer::start_own(app).await,
            issuer,
            redis,
            context,
            _stand_ins: stand_ins,
        }
    }

    /// All parts, for tests that serve the gateway in their own way.
    pub(crate) async fn build(self) -> (OwnServer, Issuer, TestRedis, Context, Vec<TestServer>) {
        let issuer = Issuer::new();
        let redis = testing::redis().await;
        let jwks = issuer.jwks();
        let mut settings = vec![("REDIS_URL".to_owned(), redis.url().to_owned())];
        let mut stand_ins = Vec::new();
        for (name, variable) in SERVICES {
            let router = match name {
                "ai-assistant" => self.assistant.clone(),
                "user-management" => {
                    let jwks = jwks.clone();
                    let keys = self.users.clone();
                    keys.route("/.well-known/jwks.json", get(move || async { axum::Json(jwks) }))
                }
                _ => Router::new(),
            };
            let server = TestServer::serve(stand_in(name, router)).await;
            if name == "user-management" {
                settings.push((
                    "JWKS_URL".to_owned(),
                    format!("{}/.well-known/jwks.json", server.url()),
                ));
            }
            settings.push((variable.to_owned(), server.url()));
            stand_ins.push(server);
        }
        settings.extend(self.settings);
        let (app, context) = app(settings).await;
        (app, issuer, redis, context, stand_ins)
    }
}

/// A gateway with these settings; later ones win.
pub(crate) async fn app(settings: Vec<(String, String)>) -> (OwnServer, Context) {
    common::telemetry::install_recorder();
    let mut reader = Reader::from_values(settings);
    let config = Config::read(&mut reader);
    let config = reader.finish(config).unwrap();
    let context = Context::new("gateway", "test".to_owned(), Environment::Development);
    let app = gateway::start(config, context.clone()).await.unwrap();
    (app, context)
}

/// Sends bytes as they are and reads the answer to the end of the connection: status and text.
pub(crate) async fn raw(address: SocketAddr, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .unwrap()
        .unwrap();
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    (status.unwrap_or_default(), text)
}

/// An end that must come soon.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(Duration::from_secs(20), future).await;
    assert!(ended.is_ok(), "{what} did not happen");
    ended.unwrap()
}
