//! The pages that people see while a program logs them in, and those that links in letters lead to:
//! plain HTML, no script, readable on a telephone, in Russian or English.
//!
//! Whatever comes from a request or the database goes through [`Escaped`]. The content security
//! policy allows our one style, by its hash, and forms that end here or at the program that asked.

mod account;
mod forms;
mod html;

use std::sync::LazyLock;

use ::http::header::{
    CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    WWW_AUTHENTICATE, X_FRAME_OPTIONS,
};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::http::Problem;
use common::http::openapi::{Answer, Operation};
use common::telemetry::RequestContext;
use common::{Locale, Text};
use sha2::{Digest, Sha256};

pub(crate) use account::{AccountForm, Field};
pub(crate) use forms::{Consent, Login, SecondFactor, confirm_logout, message};

use html::Escaped;

const STYLE: &str = include_str!("style.css");

/// The hash of the style, as the policy names it.
static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(STYLE))));

/// A finished page.
#[derive(Debug)]
pub(crate) struct Page {
    locale: Locale,
    title: String,
    body: String,
    status: StatusCode,
    /// Where the forms of the page may end beside here.
    form_target: Option<String>,
    headers: HeaderMap,
}

impl Page {
    fn new(locale: Locale, title: String, body: String) -> Self {
        Self {
            locale,
            title,
            body,
            status: StatusCode::OK,
            form_target: None,
            headers: HeaderMap::new(),
        }
    }

    /// The page with another status than 200.
    pub(crate) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The page whose forms may end at that origin or scheme, too.
    pub(crate) fn form_target(mut self, target: Option<String>) -> Self {
        self.form_target = target;
        self
    }

    /// The page with a cookie.
    pub(crate) fn cookie(mut self, set_cookie: Option<HeaderValue>) -> Self {
        if let Some(value) = set_cookie {
            self.headers.append(::http::header::SET_COOKIE, value);
        }
        self
    }

    fn policy(&self) -> String {
        let target = self.form_target.as_deref().unwrap_or_default();
        let style = STYLE_HASH.as_str();
        format!(
            "default-src 'none'; style-src {style}; form-action 'self' {target}; base-uri 'none'; \
             frame-ancestors 'none'"
        )
    }

    fn html(&self) -> String {
        let (tag, title, body) = (self.locale.tag(), Escaped(&self.title), &self.body);
        format!(
            "<!doctype html>\n<html lang=\"{tag}\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
        )
    }

    fn dress(self, response: &mut Response) {
        *response.status_mut() = self.status;
        *response.body_mut() = Body::from(self.html());
        let policy = HeaderValue::from_str(&self.policy());
        let headers = response.headers_mut();
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_LANGUAGE, self.locale.tag()),
            (CACHE_CONTROL, "no-store"),
            (X_FRAME_OPTIONS, "DENY"),
            (REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let closed = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(CONTENT_SECURITY_POLICY, policy.unwrap_or(closed));
        headers.extend(self.headers);
    }
}

impl Answer for Page {
    fn describe(operation: &mut Operation<'_>) {
        operation.answer("2XX", Some(("text/html", &serde_json::json!({"type": "string"}))));
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        self.dress(&mut response);
        response
    }
}

/// The language that the browser asks for.
pub(crate) fn locale() -> Locale {
    RequestContext::current().map_or(Locale::default(), |context| context.locale)
}

/// A problem as a page; for what goes wrong while somebody looks at a browser.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Problem);

impl<E> From<E> for Failure
where
    Problem: From<E>,
{
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let locale = locale();
        let context = RequestContext::current();
        let told = self.0.to_json(locale, None);
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        let number = context.map(|context| context.request_id);
        let page =
            message(locale, &text("title"), &text("detail"), number.as_deref()).status(self.0.status());
        // Logs the cause, and tells when it is worth trying again.
        let mut response = self.0.into_response();
        response.headers_mut().remove(WWW_AUTHENTICATE);
        page.dress(&mut response);
        response
    }
}

/// Both languages of a text that stands on several pages.
fn in_locale(locale: Locale, ru: &'static str, en: &'static str) -> String {
    Text::new(ru, en).get(locale).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_our_style_and_the_forms_of_the_page_only() {
        let page = message(Locale::Ru, "Заголовок", "<b>текст</b>", Some("id"))
            .form_target(Some("https://a".to_owned()));
        let policy = page.policy();
        assert!(
            policy.contains("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(policy.contains("form-action 'self' https://a;"), "{policy}");
        let html = page.html();
        assert!(
            html.contains("&lt;b&gt;текст&lt;/b&gt;") && !html.contains("<b>"),
            "{html}"
        );
        assert!(html.contains(&format!("<style>{STYLE}</style>")));
        assert!(!html.contains("<script") && !html.contains("style="));
    }
}
