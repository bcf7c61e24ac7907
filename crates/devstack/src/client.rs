//! Calls of the running system through its gateway, as any client would make them.

use anyhow::{Context, Result, bail};
use common::http::client;
use reqwest::Method;
use serde_json::{Value, json};

/// A client of the gateway.
#[derive(Debug, Clone)]
pub struct Gateway {
    base: String,
    http: reqwest::Client,
    token: Option<String>,
}

/// An answer of the gateway.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body as JSON; a string when it is something else.
    pub body: Value,
}

impl Gateway {
    /// A client without a login.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(base: impl Into<String>) -> Result<Self> {
        let http = client::builder().build().context("make an HTTP client")?;
        Ok(Self {
            base: base.into(),
            http,
            token: None,
        })
    }

    /// The same client, logged in.
    ///
    /// # Errors
    /// When the login is refused.
    pub async fn log_in(&self, email: &str, password: &str) -> Result<Self> {
        let body = json!({"email": email, "password": password});
        let answer = self
            .call(Method::POST, "/api/users/auth/login", Some(&body))
            .await?;
        let Some(token) = answer.body["access_token"].as_str() else {
            bail!(
                "the login as {email} was refused: {} {}",
                answer.status,
                answer.body
            );
        };
        Ok(Self {
            token: Some(token.to_owned()),
            ..self.clone()
        })
    }

    /// The access token of the login.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// One call, whatever its status.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = client::send(request)
            .await
            .with_context(|| format!("call {path}"))?;
        let status = response.status().as_u16();
        let text = response
            .text()
            .await
            .with_context(|| format!("read the answer of {path}"))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, body })
    }

    /// GET that must succeed.
    ///
    /// # Errors
    /// When the answer is not 2xx.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None).await?.success(path)
    }

    /// POST that must succeed.
    ///
    /// # Errors
    /// When the answer is not 2xx.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Method::POST, path, Some(body)).await?.success(path)
    }

    /// PUT that must succeed.
    ///
    /// # Errors
    /// When the answer is not 2xx.
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.call(Method::PUT, path, Some(body)).await?.success(path)
    }

    /// Asks the assistant.
    ///
    /// # Errors
    /// When the answer is not 2xx.
    pub async fn ask(&self, question: &str) -> Result<Value> {
        self.post("/api/ai/chat", &json!({"message": question})).await
    }
}

impl Answer {
    fn success(self, path: &str) -> Result<Value> {
        if (200..300).contains(&self.status) {
            Ok(self.body)
        } else {
            bail!("{path} answered {} {}", self.status, self.body)
        }
    }
}
