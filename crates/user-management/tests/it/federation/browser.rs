//! What a browser does between us and a provider: it follows redirects and keeps cookies.

use std::collections::BTreeMap;

use common::testing::{Client, Response};
use http::Method;
use serde_json::{Value, json};

use crate::harness::Service;

/// Where browsers find the gateway, which takes `/api/users` off.
pub(crate) const OUTSIDE: &str = "http://localhost:3000/api/users";

pub(crate) struct Browser<'a> {
    service: &'a Service,
    pub(crate) cookies: BTreeMap<String, String>,
}

/// The members of the fragment of a page's address.
pub(crate) type Fragment = BTreeMap<String, String>;

impl<'a> Browser<'a> {
    pub(crate) fn new(service: &'a Service) -> Self {
        Self {
            service,
            cookies: BTreeMap::new(),
        }
    }

    /// A request to the service with the cookies of this browser.
    pub(crate) async fn send(
        &mut self,
        client: &Client,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Response {
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = client.request(method, path).header("cookie", cookies.join("; "));
        if let Some(body) = body {
            request = request.json(&body);
        } else {
            request = request.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
        }
        let answer = client.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("; HttpOnly"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        let client = self.service.client.clone();
        self.send(&client, Method::GET, path, None).await
    }

    /// Sets out; the address at the provider.
    pub(crate) async fn start(&mut self, query: &str) -> String {
        let answer = self.get(&format!("/auth/oidc/test/start{query}")).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.headers["location"].to_str().unwrap().to_owned()
    }

    /// What the provider sends the browser back with: a path of the service.
    pub(crate) async fn at_provider(&self, url: &str) -> String {
        let answer = Client::anonymous("").get(url).await;
        let back = answer.headers["location"].to_str().unwrap();
        back.strip_prefix(OUTSIDE).unwrap().to_owned()
    }

    /// The whole way to the page.
    pub(crate) async fn log_in(&mut self) -> (String, Fragment) {
        let url = self.start("").await;
        let back = self.at_provider(&url).await;
        let answer = self.get(&back).await;
        page(&answer)
    }

    /// The page fetches its tokens.
    pub(crate) async fn complete(&mut self, code: &str) -> Response {
        let client = self.service.client.clone();
        let body = json!({ "code": code });
        self.send(&client, Method::POST, "/auth/oidc/complete", Some(body))
            .await
    }
}

/// The page that an answer leads to, and what its fragment says.
pub(crate) fn page(answer: &Response) -> (String, Fragment) {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.headers["location"].to_str().unwrap();
    let (page, fragment) = location.split_once('#').unwrap();
    let fragment = url::form_urlencoded::parse(fragment.as_bytes())
        .into_owned()
        .collect();
    (
        page.strip_prefix("http://localhost:3000").unwrap().to_owned(),
        fragment,
    )
}
