//! A browser, and a program that logs its user in with the service.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::testing::{Client, Response};
use http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

use crate::harness::{PASSWORD, Service};

pub(crate) const REDIRECT_URI: &str = "https://app.example.ru/cb?tenant=1";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Keeps cookies and follows nothing by itself.
pub(crate) struct Browser {
    client: Client,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(service: &Service) -> Self {
        Self {
            client: service.client.clone(),
            cookies: BTreeMap::new(),
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        let request = self.client.request(Method::GET, path);
        self.send(request).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.client.request(Method::POST, path);
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.header("cookie", cookies.join("; "))
        };
        let answer = self.client.send(request).await;
        for set in answer.headers.get_all("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    /// Sends the only form, or the first, of a page with these fields beside the hidden ones.
    pub(crate) async fn submit(&mut self, page: &Response, fields: &[(&str, &str)]) -> Response {
        self.submit_in("/oauth2", page, fields).await
    }

    /// The same of a page in another folder.
    pub(crate) async fn submit_in(
        &mut self,
        folder: &str,
        page: &Response,
        fields: &[(&str, &str)],
    ) -> Response {
        let html = page.text();
        let action = between(&html, "action=\"", "\"").unwrap();
        let form = between(&html, "<form", "</form>").unwrap();
        let hidden: Vec<(String, String)> = form
            .split("<input type=\"hidden\" name=\"")
            .skip(1)
            .map(|field| {
                let (name, rest) = field.split_once("\" value=\"").unwrap();
                let value = rest.split('"').next().unwrap();
                (name.to_owned(), value.replace("&#39;", "'").replace("&amp;", "&"))
            })
            .collect();
        let mut all: Vec<(&str, &str)> = hidden.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        all.extend_from_slice(fields);
        self.post(&format!("{folder}/{action}"), &all).await
    }

    /// Logs in by the page, and follows the way back to the request.
    pub(crate) async fn log_in(&mut self, query: &str, email: &str) -> Response {
        let page = self.get(&format!("/oauth2/authorize?{query}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let sent = self
            .submit(&page, &[("email", email), ("password", PASSWORD)])
            .await;
        assert_eq!(sent.status, 303, "{}", sent.text());
        self.get(&format!("/oauth2/{}", location(&sent))).await
    }
}

pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    Some(rest.split_once(to)?.0)
}

pub(crate) fn location(answer: &Response) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// Parameters of the address that the browser is sent to.
pub(crate) fn sent_back(answer: &Response) -> BTreeMap<String, String> {
    let url = Url::parse(&location(answer)).unwrap();
    url.query_pairs().into_owned().collect()
}

/// A program that is registered.
pub(crate) struct Program {
    pub(crate) id: String,
    pub(crate) secret: Option<String>,
}

impl Program {
    /// Registered by the administrator, with these members beside the usual ones.
    pub(crate) async fn register(service: &Service, members: Value) -> Self {
        let mut body = json!({
            "client_name": "Grafana <b>", "redirect_uris": [REDIRECT_URI],
            "post_logout_redirect_uris": ["https://app.example.ru/bye"],
            "scope": "openid profile email groups offline_access chat onec:read users:admin",
        });
        body.as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        let admin = service.admin().await;
        let made: Value = admin.client.post("/oauth2/clients", &body).await.json();
        Self {
            id: made["client_id"].as_str().unwrap().to_owned(),
            secret: made["client_secret"].as_str().map(str::to_owned),
        }
    }

    /// One of ours, whose users are not asked.
    pub(crate) async fn first_party(service: &Service) -> Self {
        Self::register(service, json!({ "client_id": "grafana", "first_party": true })).await
    }

    /// The query of a request, with these parameters in place of the usual ones; empty ones fall out.
    pub(crate) fn request(&self, changes: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut params = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile email groups"),
            ("state", "s&t"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        params.extend(changes.iter().copied());
        params.retain(|_, value| !value.is_empty());
        Serializer::new(String::new()).extend_pairs(params).finish()
    }

    /// Calls an endpoint as the program.
    pub(crate) async fn call(&self, service: &Service, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut body = Serializer::new(String::new());
        body.extend_pairs(fields);
        let request = service.client.request(Method::POST, path);
        let request = match &self.secret {
            Some(secret) => request.basic_auth(&self.id, Some(secret)),
            None => {
                body.append_pair("client_id", &self.id);
                request
            }
        };
        let request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.finish());
        service.client.send(request).await
    }

    /// Redeems a code.
    pub(crate) async fn redeem(&self, service: &Service, code: &str) -> Response {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        self.call(service, "/oauth2/token", &fields).await
    }

    pub(crate) async fn refresh(&self, service: &Service, token: &str) -> Response {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.call(service, "/oauth2/token", &fields).await
    }

    pub(crate) async fn introspect(&self, service: &Service, token: &str) -> Value {
        self.call(service, "/oauth2/introspect", &[("token", token)])
            .await
            .json()
    }

    /// The tokens of a new user who logs in with a new browser.
    pub(crate) async fn tokens(
        &self,
        service: &Service,
        browser: &mut Browser,
        changes: &[(&str, &str)],
    ) -> Value {
        let answer = browser.log_in(&self.request(changes), "anna@example.com").await;
        let answer = if answer.status == 200 {
            browser.submit(&answer, &[("answer", "allow")]).await
        } else {
            answer
        };
        let code = sent_back(&answer).remove("code").unwrap();
        self.redeem(service, &code).await.json()
    }
}

/// Asserts an error of OAuth.
#[track_caller]
pub(crate) fn assert_error(answer: &Response, status: u16, error: &str) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body["error"], error, "{body}");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["cache-control"], "no-store");
}

/// Gives somebody an authenticator application; returns their recovery codes.
pub(crate) async fn second_factor_of(service: &Service, session: &crate::harness::Session) -> Vec<String> {
    let begun: Value = session.client.post("/users/me/totp", &json!({})).await.json();
    let letters = begun["secret"].as_str().unwrap().bytes();
    let bits: Vec<u8> = letters
        .flat_map(|letter| {
            let value = if letter.is_ascii_uppercase() {
                letter - b'A'
            } else {
                letter - b'2' + 26
            };
            (0..5).rev().map(move |bit| value >> bit & 1)
        })
        .collect();
    let secret: Vec<u8> = bits
        .chunks_exact(8)
        .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit))
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secret);
    let step = service.clock.now().timestamp() / 30;
    let mac = hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let offset = usize::from(mac[19] & 0x0f);
    let word = u32::from_be_bytes(mac[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    let code = format!("{:06}", word % 1_000_000);
    let confirmed: Value = session
        .client
        .post("/users/me/totp/confirm", &json!({ "code": code }))
        .await
        .json();
    let codes = confirmed["recovery_codes"].as_array().unwrap();
    codes
        .iter()
        .map(|code| code.as_str().unwrap().to_owned())
        .collect()
}
