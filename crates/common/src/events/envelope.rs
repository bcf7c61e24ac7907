//! The envelope of an event, after CloudEvents 1.0.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::Identity;
use crate::clock::Clock;
use crate::ids;
use crate::telemetry::RequestContext;

/// Who caused an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user.
    pub user_id: Uuid,
    /// The role at that time.
    pub role: String,
}

impl From<&Identity> for Actor {
    fn from(identity: &Identity) -> Self {
        Self {
            user_id: identity.user_id,
            role: identity.role.clone(),
        }
    }
}

/// One event. Its data is any JSON, or of the type `D` for who writes many of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event<D = serde_json::Value> {
    /// Unique; consumers recognise a repeated delivery by it.
    pub id: Uuid,
    /// What happened, such as `auth.login_failed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The service that tells of it.
    pub source: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// What it happened to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<String>,
    /// Who caused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub actor: Option<Actor>,
    /// The request that caused it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
    /// Particulars, by the type of the event; see `contract::events`.
    pub data: D,
}

impl Event {
    /// An event of now, caused by the request being handled, if any.
    #[must_use]
    pub fn new(source: &str, kind: &str, clock: &Clock, data: &impl Serialize) -> Self {
        Self {
            id: ids::new_id(),
            kind: kind.to_owned(),
            source: source.to_owned(),
            time: clock.now(),
            subject: None,
            actor: None,
            request_id: RequestContext::current().map(|context| context.request_id),
            data: serde_json::to_value(data).unwrap_or_default(),
        }
    }

    /// Names what the event happened to.
    #[must_use]
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Names who caused the event.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<Actor>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// The particulars as their type.
    ///
    /// # Errors
    /// When the data has another shape.
    pub fn data<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.data)
    }
}
