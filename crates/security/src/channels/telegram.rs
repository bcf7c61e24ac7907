//! Messages of a Telegram bot.

use common::Locale;
use common::http::client;
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use url::Url;

use super::{Message, NotDelivered, judged};

/// A bot and the chat that it writes to.
#[derive(Debug, Clone)]
pub(crate) struct Telegram {
    /// Where the Bot API is.
    pub(super) api: Url,
    pub(super) token: SecretString,
    pub(super) chat: String,
}

impl Telegram {
    pub(super) async fn deliver(
        &self,
        http: &Client,
        message: &Message,
        locale: Locale,
    ) -> Result<(), NotDelivered> {
        let mut url = self.api.clone();
        // Not by `join`, which would take the colon of the token for a scheme.
        let base = self.api.path().trim_end_matches('/');
        url.set_path(&format!("{base}/bot{}/sendMessage", self.token.expose_secret()));
        // The Bot API takes 4096 characters.
        let text: String = message.text(locale).chars().take(4000).collect();
        let body = json!({ "chat_id": self.chat, "text": text, "disable_web_page_preview": true });
        judged(client::send(http.post(url).json(&body)).await?.status())
    }
}
