//! Signed webhooks after Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp` and `webhook-signature`,
//! HMAC-SHA-256 over `<id>.<timestamp>.<body>`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::http::client;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use uuid::Uuid;

use super::{Message, NotDelivered, judged};

/// A receiver.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(super) url: Url,
    pub(super) secret: SecretString,
}

impl Webhook {
    pub(super) async fn deliver(
        &self,
        http: &Client,
        id: Uuid,
        message: &Message,
        now: i64,
    ) -> Result<(), NotDelivered> {
        let body =
            serde_json::to_string(message).map_err(|error| NotDelivered::Refused(error.to_string()))?;
        let request = http
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", id.to_string())
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", self.signature(id, now, &body))
            .body(body);
        judged(client::send(request).await?.status())
    }

    /// `v1,<base64>`. A secret that begins with `whsec_` is base64, as the standard writes secrets.
    fn signature(&self, id: Uuid, now: i64, body: &str) -> String {
        let secret = self.secret.expose_secret();
        let decoded = secret
            .strip_prefix("whsec_")
            .and_then(|text| STANDARD.decode(text).ok());
        let key = decoded.as_deref().unwrap_or(secret.as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let tag = hmac::sign(&key, format!("{id}.{now}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // Secret and key of the standard's example are other ones; this was computed by Python's hmac.
        let webhook = Webhook {
            url: "http://127.0.0.1/".parse().unwrap(),
            secret: SecretString::from("a secret of the receiver"),
        };
        let id = Uuid::nil();
        assert_eq!(
            webhook.signature(id, 1_700_000_000, "{}"),
            "v1,dah1JAjkcKUjmNPIfHxSqjms4gyQi72F0tUbivM/rCk="
        );
        let same = Webhook {
            secret: SecretString::from(format!("whsec_{}", STANDARD.encode("a secret of the receiver"))),
            ..webhook.clone()
        };
        assert_eq!(same.signature(id, 7, "{}"), webhook.signature(id, 7, "{}"));
    }
}
