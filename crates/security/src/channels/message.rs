//! What is told: a fact about an alert, for programs and in words.

use chrono::{DateTime, Utc};
use common::{Locale, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::detect::Words;

/// What happened to the alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    #[serde(rename = "alert.opened")]
    Opened,
    #[serde(rename = "alert.escalated")]
    Escalated,
    #[serde(rename = "alert.resolved")]
    Resolved,
    /// Somebody tries the channel out.
    #[serde(rename = "alert.test")]
    Test,
}

impl Told {
    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "alert.opened",
            Self::Escalated => "alert.escalated",
            Self::Resolved => "alert.resolved",
            Self::Test => "alert.test",
        }
    }
}

/// The body of a webhook, and what letters are made of. No address of a person is in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    #[serde(rename = "type")]
    pub(crate) told: Told,
    pub(crate) at: DateTime<Utc>,
    pub(crate) alert_id: Option<Uuid>,
    pub(crate) threat_id: Option<Uuid>,
    pub(crate) rule: String,
    pub(crate) severity: String,
    /// 0 to 99.
    pub(crate) risk: u8,
    pub(crate) technique: Option<String>,
    pub(crate) subject: String,
    pub(crate) title: Words,
    pub(crate) advice: Option<Words>,
    pub(crate) count: i64,
    pub(crate) first_seen: DateTime<Utc>,
    pub(crate) last_seen: DateTime<Utc>,
    pub(crate) evidence: Value,
}

impl Message {
    /// One line.
    pub(crate) fn headline(&self, locale: Locale) -> String {
        let severity = match self.severity.as_str() {
            "low" => Text::new("низкая", "low"),
            "medium" => Text::new("средняя", "medium"),
            "high" => Text::new("высокая", "high"),
            _ => Text::new("критическая", "critical"),
        };
        let what = match self.told {
            Told::Opened => Text::new("Угроза", "Threat"),
            Told::Escalated => Text::new("Угроза растёт", "A threat grows"),
            Told::Resolved => Text::new("Угроза закрыта", "A threat is resolved"),
            Told::Test => Text::new("Проверка", "Test"),
        };
        let (what, severity) = (what.get(locale), severity.get(locale));
        format!("{what} ({severity}): {}", self.title.get(locale))
    }

    /// All of it in plain text.
    pub(crate) fn text(&self, locale: Locale) -> String {
        let mut lines = vec![self.headline(locale), String::new()];
        if let Some(advice) = &self.advice {
            let label = Text::new("Что делать", "What to do");
            lines.push(format!("{}: {}", label.get(locale), advice.get(locale)));
        }
        let times = Text::new(
            format!(
                "Событий: {}, с {} по {} UTC",
                self.count,
                self.first_seen.format("%d.%m.%Y %H:%M:%S"),
                self.last_seen.format("%d.%m.%Y %H:%M:%S")
            ),
            format!(
                "Events: {}, from {} to {} UTC",
                self.count,
                self.first_seen.format("%Y-%m-%d %H:%M:%S"),
                self.last_seen.format("%Y-%m-%d %H:%M:%S")
            ),
        );
        lines.push(times.get(locale).to_owned());
        let subject = Text::new("Кто или откуда", "Who or from where");
        lines.push(format!("{}: {}", subject.get(locale), self.subject));
        if let Some(alert) = self.alert_id {
            lines.push(format!("GET /api/security/alerts/{alert}"));
        }
        lines.join("\n")
    }
}
