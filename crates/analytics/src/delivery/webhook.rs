//! Signed requests that tell of a report (Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`,
//! `webhook-signature`).

use std::time::Duration;

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::http::client;
use common::sealing::Unspecified;
use common::{BoxError, Locale, Text};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::settings::DeliverySettings;
use super::{Contents, NotDelivered, Parcel};

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// What a secret begins with, so that scanners know it.
const PREFIX: &str = "whsec_";

/// Calls webhooks.
#[derive(Debug)]
pub(crate) struct Hooks {
    client: reqwest::Client,
    hosts: Vec<String>,
    strict: bool,
}

/// A secret for the signatures of one schedule.
///
/// # Errors
/// Only when the machine has no randomness.
pub(crate) fn new_secret() -> Result<SecretString, Unspecified> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes)?;
    Ok(SecretString::from(format!("{PREFIX}{}", STANDARD.encode(bytes))))
}

impl Hooks {
    pub(super) fn new(settings: &DeliverySettings) -> Result<Self, BoxError> {
        Ok(Self {
            // Redirects are not followed: they could lead past the list of hosts.
            client: client::builder().timeout(PATIENCE).build()?,
            hosts: settings.hosts.clone(),
            strict: settings.strict,
        })
    }

    /// Whether an address may be called.
    pub(super) fn check(&self, url: &Url) -> Result<(), Text> {
        let secure = url.scheme() == "https" || (url.scheme() == "http" && !self.strict);
        if !secure {
            return Err(Text::new(
                "Нужен адрес https://.",
                "An https:// address is needed.",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Text::new(
                "Имя и пароль в адресе не нужны: запрос подписан.",
                "No name or password in the address: the request is signed.",
            ));
        }
        let host = url.host_str().unwrap_or_default().to_lowercase();
        if self.hosts.contains(&host) {
            return Ok(());
        }
        Err(Text::new(
            format!("{host} не разрешён: администратор перечисляет адресатов в REPORT_WEBHOOK_HOSTS."),
            format!("{host} is not allowed: an administrator lists hosts in REPORT_WEBHOOK_HOSTS."),
        ))
    }

    pub(super) async fn send(
        &self,
        url: &Url,
        secret: Option<&SecretString>,
        parcel: &Parcel,
    ) -> Result<(), NotDelivered> {
        self.check(url)
            .map_err(|text| NotDelivered::Refused(text.get(Locale::En).to_owned().into()))?;
        let secret = secret.ok_or_else(|| NotDelivered::Refused("there is no secret".into()))?;
        let body = body(parcel).to_string();
        let (id, at) = (parcel.id.to_string(), parcel.at.timestamp());
        let signature = sign(secret, &id, at, &body).map_err(NotDelivered::Refused)?;
        let request = self
            .client
            .post(url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", format!("v1,{signature}"))
            .body(body);
        let response = client::send(request)
            .await
            .map_err(|error| NotDelivered::NotNow(error.without_url().into()))?;
        let status = response.status();
        if status.is_success() {
            Ok(())
        } else if status.as_u16() == 410 {
            Err(NotDelivered::Refused("the receiver is gone (410)".into()))
        } else {
            Err(NotDelivered::NotNow(
                format!("the receiver answered {status}").into(),
            ))
        }
    }
}

fn body(parcel: &Parcel) -> serde_json::Value {
    match &parcel.contents {
        Contents::File {
            name,
            bytes,
            rows,
            link,
            ..
        } => json!({
            "type": "report.ready",
            "schedule": parcel.schedule,
            "title": parcel.title,
            "file": { "name": name, "size": bytes.len(), "rows": rows, "link": link },
        }),
        Contents::Failure { code, detail } => json!({
            "type": "report.failed",
            "schedule": parcel.schedule,
            "title": parcel.title,
            "error": { "code": code, "detail": detail },
        }),
    }
}

/// Base64 of the HMAC-SHA256 over id, time and body.
fn sign(secret: &SecretString, id: &str, at: i64, body: &str) -> Result<String, BoxError> {
    let encoded = secret.expose_secret().strip_prefix(PREFIX).unwrap_or_default();
    let key = hmac::Key::new(HMAC_SHA256, &STANDARD.decode(encoded)?);
    let signature = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
    Ok(STANDARD.encode(signature.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        // The example of the specification.
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(
            &secret,
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            "{\"test\": 2432232314}",
        );
        assert_eq!(signature.unwrap(), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let (one, two) = (new_secret().unwrap(), new_secret().unwrap());
        assert_ne!(one.expose_secret(), two.expose_secret());
    }
}
