//! Writing into 1C. No call is made twice: whether the first one succeeded cannot be known. What was
//! written is read again and compared by the caller, since 1C drops what it does not understand.

use std::time::Instant;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, IF_MATCH};
use http::{HeaderValue, Method, StatusCode};

use super::client::{Client, measure};
use super::code::{Cause, Refusal};
use super::query::encode;
use super::{Key, OdataError};

/// The largest object that comes back.
const LARGEST_ANSWER: usize = 48 * 1024 * 1024;

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// A rule of the configuration, in the words of 1C, which are for the person who asked only.
    #[error("1C refused the change by a rule of its own")]
    Business(String),
    /// 1C refused the change as such: why, and its words.
    #[error("1C refused the change: {0:?}")]
    Refused(Cause, String),
    /// The object was changed since it was read.
    #[error("the object has been changed meanwhile")]
    Changed,
    /// Nothing is known of the outcome when 1C did not answer; nothing was written otherwise.
    #[error(transparent)]
    Odata(#[from] OdataError),
}

impl Client {
    /// Creates an object; its JSON with what 1C added.
    pub(crate) async fn create(&self, set: &str, object: &serde_json::Value) -> Result<Bytes, WriteError> {
        self.write(Method::POST, set, encode(set), Some(object), None)
            .await
    }

    /// Changes the properties given; a tabular part is replaced whole. `version` is the DataVersion
    /// that the change is based on: not every infobase looks at it.
    pub(crate) async fn update(
        &self,
        set: &str,
        key: &Key,
        changes: &serde_json::Value,
        version: Option<&str>,
    ) -> Result<Bytes, WriteError> {
        let address = encode(&format!("{set}{key}"));
        self.write(Method::PATCH, set, address, Some(changes), version)
            .await
    }

    /// Posts a document.
    pub(crate) async fn post_document(
        &self,
        set: &str,
        key: &Key,
        operational: bool,
    ) -> Result<(), WriteError> {
        let path = encode(&format!("{set}{key}/Post"));
        let address = format!("{path}?PostingModeOperational={operational}");
        self.write(Method::POST, set, address, None, None).await.map(drop)
    }

    /// Takes the postings of a document back.
    pub(crate) async fn unpost(&self, set: &str, key: &Key) -> Result<(), WriteError> {
        let address = encode(&format!("{set}{key}/Unpost"));
        self.write(Method::POST, set, address, None, None).await.map(drop)
    }

    async fn write(
        &self,
        method: Method,
        set: &str,
        address: String,
        body: Option<&serde_json::Value>,
        version: Option<&str>,
    ) -> Result<Bytes, WriteError> {
        let started = Instant::now();
        let written = self.write_once(method, set, &address, body, version).await;
        let failure = match &written {
            Err(WriteError::Odata(error)) => Some(error),
            // 1C did what it should.
            Ok(_) | Err(_) => None,
        };
        measure("write", started, failure);
        written
    }

    async fn write_once(
        &self,
        method: Method,
        set: &str,
        address: &str,
        body: Option<&serde_json::Value>,
        version: Option<&str>,
    ) -> Result<Bytes, WriteError> {
        let mut address = format!("{}{address}", self.transport().odata());
        address.push_str(if address.contains('?') { "&" } else { "?" });
        address.push_str("$format=json");
        let mut request = self
            .transport()
            .request(method, &address)
            .header(ACCEPT, "application/json");
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json; charset=utf-8")
                .body(body.to_string());
        }
        if let Some(version) = version.and_then(|text| HeaderValue::from_str(text).ok()) {
            request = request.header(IF_MATCH, version);
        }
        let answer = self.transport().send(request).await?;
        let status = answer.status();
        let is_json = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_none_or(|value| value.starts_with("application/json"));
        let body = answer.bytes(LARGEST_ANSWER).await?;
        match status {
            StatusCode::NO_CONTENT => Ok(Bytes::new()),
            StatusCode::OK | StatusCode::CREATED if is_json || body.is_empty() => Ok(body),
            StatusCode::PRECONDITION_FAILED => Err(WriteError::Changed),
            status => Err(refused(set, status, &body)),
        }
    }
}

/// What a refusal means.
fn refused(set: &str, status: StatusCode, body: &[u8]) -> WriteError {
    let general = OdataError::from_answer(set, status.as_u16(), body);
    // What has a word of its own keeps it.
    if !matches!(general, OdataError::Refused(..) | OdataError::Failed(..)) {
        return general.into();
    }
    match Refusal::read(body) {
        Some(Refusal {
            cause: Some(Cause::Exception),
            text,
        })
        | Some(Refusal { cause: None, text }) => WriteError::Business(text),
        Some(Refusal {
            cause: Some(cause),
            text,
        }) => WriteError::Refused(cause, text),
        None => general.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_1c_are_kept_where_they_are_the_answer() {
        let body = |code: &str| {
            format!(
                "{{\"odata.error\":{{\"code\":\"{code}\",\"message\":{{\"lang\":\"ru\",\"value\":\"Проведенный документ\"}}}}}}"
            )
        };
        let of = |status: u16, body: &str| {
            refused(
                "Document_X",
                StatusCode::from_u16(status).unwrap(),
                body.as_bytes(),
            )
        };
        let business = of(500, &body("-1"));
        assert!(matches!(&business, WriteError::Business(text) if text == "Проведенный документ"));
        assert!(!business.to_string().contains("документ"), "not for logs");
        assert!(matches!(
            of(400, &body("15")),
            WriteError::Refused(Cause::KeyExists, _)
        ));
        assert!(matches!(
            of(404, &body("9")),
            WriteError::Odata(OdataError::NotFound(_))
        ));
        assert!(matches!(
            of(502, "<html>"),
            WriteError::Odata(OdataError::Failed(502, None))
        ));
    }
}
