//! A bare client: requests go through the router, answers come back as text and JSON.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, Response};
use base64::Engine as _;
use chrono::NaiveDate;
use onec_demo::{Base, Configuration, Options, ServerOptions, router};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rust_decimal::Decimal;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) const ROOT: &str = "/demo/odata/standard.odata/";

/// What must not stand in an address as it is.
const UNSAFE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'#');

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn grown(seed: u64, until: &str) -> Arc<Base> {
    seen_as(Configuration::default(), seed, until)
}

/// The same company as a configuration shows it.
pub(crate) fn seen_as(configuration: Configuration, seed: u64, until: &str) -> Arc<Base> {
    Arc::new(Base::generate(&Options {
        seed,
        scale: 1,
        until: day(until),
        configuration,
    }))
}

/// The base most tests look at.
pub(crate) static BASE: LazyLock<Arc<Base>> = LazyLock::new(|| grown(1, "2026-11-24"));

/// A server of its own over the common base.
pub(crate) struct Client {
    router: Router,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Code and message of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let error = &self.json()["odata.error"];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (
            self.status,
            text(&error["code"]),
            text(&error["message"]["value"]),
        )
    }
}

async fn reply(response: Response<Body>) -> Reply {
    let status = response.status().as_u16();
    let content_type = response.headers().get("content-type");
    let content_type = content_type
        .map_or("", |value| value.to_str().unwrap())
        .to_owned();
    let headers = response.headers().clone();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    Reply {
        status,
        content_type,
        headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::over(Arc::clone(&BASE))
    }

    pub(crate) fn over(base: Arc<Base>) -> Self {
        Self {
            router: router(base, ServerOptions::default()),
        }
    }

    /// A server over a base whose user may change data.
    pub(crate) fn writable_over(base: Arc<Base>) -> Self {
        Self {
            router: router(base, ServerOptions::writable()),
        }
    }

    /// A server whose user may change data.
    pub(crate) fn writable() -> Self {
        Self::with(ServerOptions::writable())
    }

    pub(crate) fn with(options: ServerOptions) -> Self {
        Self {
            router: router(Arc::clone(&BASE), options),
        }
    }

    /// A request with a JSON body as the right user.
    pub(crate) async fn write(&self, method: &str, path: &str, body: &Value) -> Reply {
        self.write_with(method, path, &[], &body.to_string()).await
    }

    /// A request as the right user; the answer is JSON.
    pub(crate) async fn write_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut all = vec![("authorization", "Basic b2RhdGE6b2RhdGEtZGVtbw==")];
        all.extend_from_slice(headers);
        self.send(method, &format!("{ROOT}{path}{sign}$format=json"), &all, body)
            .await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let address = utf8_percent_encode(address, UNSAFE).to_string();
        let mut request = Request::builder()
            .method(method)
            .uri(address)
            .header("host", "1c.test");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        reply(self.router.clone().oneshot(request).await.unwrap()).await
    }

    /// GET as the right user; `path` is below the service's root.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        let secret = base64::engine::general_purpose::STANDARD.encode("odata:odata-demo");
        self.send(
            "GET",
            &format!("{ROOT}{path}"),
            &[("authorization", &format!("Basic {secret}"))],
            "",
        )
        .await
    }

    /// GET with `$format=json`, which must succeed.
    pub(crate) async fn json(&self, path: &str) -> Value {
        let sign = if path.contains('?') { '&' } else { '?' };
        let reply = self.get(&format!("{path}{sign}$format=json")).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    }

    /// The rows of a collection.
    pub(crate) async fn rows(&self, path: &str) -> Vec<Value> {
        self.json(path).await["value"].as_array().unwrap().clone()
    }

    /// GET with `$format=json`, which must be refused.
    pub(crate) async fn refused(&self, path: &str) -> (u16, String, String) {
        let sign = if path.contains('?') { '&' } else { '?' };
        self.get(&format!("{path}{sign}$format=json")).await.refusal()
    }

    pub(crate) async fn set_faults(&self, faults: &str) -> Reply {
        self.send("POST", "/demo/_faults", &[], faults).await
    }
}

/// A number of an answer, to the kopeck. The text is read, not a float of it.
pub(crate) fn number(value: &Value) -> Decimal {
    match value {
        Value::Null => Decimal::ZERO,
        Value::Number(number) => number.to_string().parse().unwrap(),
        other => panic!("not a number: {other}"),
    }
}

/// The sum of a property over rows.
pub(crate) fn sum(rows: &[Value], name: &str) -> Decimal {
    rows.iter().map(|row| number(&row[name]).round_dp(2)).sum()
}

/// A value of a truth report as a number.
pub(crate) fn told(text: &str) -> Decimal {
    text.parse().unwrap()
}
