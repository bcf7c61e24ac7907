//! A rule, as its file has it.

use std::collections::BTreeMap;

use chrono::Duration;
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::threats::Severity;

/// What observations are grouped by and told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Field {
    Ip,
    Network,
    Account,
    Who,
    Agent,
    Target,
    Everybody,
}

impl Field {
    /// What rules may group by.
    pub(crate) const GROUPS: [Self; 5] = [Self::Ip, Self::Network, Self::Account, Self::Who, Self::Everybody];

    /// The subject of a threat found in the group of that key.
    pub(crate) fn subject(self, key: &str) -> String {
        match self {
            Self::Ip => format!("ip:{key}"),
            Self::Network => format!("network:{key}"),
            Self::Account => format!("account:{key}"),
            // Has its prefix already.
            Self::Who => key.to_owned(),
            Self::Agent | Self::Target | Self::Everybody => "everybody".to_owned(),
        }
    }
}

/// What is done by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Response {
    /// The subject is shut out at the gateway for a time.
    Ban,
    /// All sessions of the user are ended.
    RevokeSessions,
    /// The user has to set a new password.
    ForcePasswordReset,
}

impl Response {
    pub(crate) const ALL: [Self; 3] = [Self::Ban, Self::RevokeSessions, Self::ForcePasswordReset];

    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ban => "ban",
            Self::RevokeSessions => "revoke_sessions",
            Self::ForcePasswordReset => "force_password_reset",
        }
    }

    /// The response of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|response| response.as_str() == name)
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub(crate) ru: String,
    pub(crate) en: String,
}

impl Words {
    /// The text in a language.
    pub(crate) fn get(&self, locale: Locale) -> &str {
        match locale {
            Locale::Ru => &self.ru,
            Locale::En => &self.en,
        }
    }
}

impl From<&Words> for Text {
    fn from(words: &Words) -> Self {
        Self::new(words.ru.clone(), words.en.clone())
    }
}

/// A length of time, written as `60s`, `30m`, `12h` or `7d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_span(&text).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is no time such as 60s, 30m, 12h or 7d"))
        })
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}s", self.0.num_seconds()))
    }
}

fn parse_span(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: i64 = number
        .parse()
        .ok()
        .filter(|number| (1..=100_000).contains(number))?;
    match unit {
        "s" => Duration::try_seconds(number),
        "m" => Duration::try_minutes(number),
        "h" => Duration::try_hours(number),
        "d" => Duration::try_days(number),
        _ => None,
    }
}

/// How observations are shared out over the values of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Spread {
    pub(crate) field: Field,
    /// From so many observations of one value …
    pub(crate) least: usize,
    /// … to so many, …
    pub(crate) most: usize,
    /// … for this part of the values (0 to 1).
    pub(crate) share: f64,
}

/// Signals that weigh differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Score {
    pub(crate) least: u32,
    pub(crate) weights: BTreeMap<String, u32>,
}

/// A rule; the head of `rules.toml` explains its fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) title: Words,
    pub(crate) advice: Words,
    pub(crate) severity: Severity,
    /// How surely it is an attack, 0 to 3.
    #[serde(default = "middling")]
    pub(crate) confidence: u8,
    /// Technique of MITRE ATT&CK or ATLAS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) technique: Option<String>,
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    pub(crate) by: Field,
    pub(crate) signals: Vec<String>,
    pub(crate) window: Span,
    #[serde(default = "one")]
    pub(crate) count: usize,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) distinct: BTreeMap<Field, usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spread: Option<Spread>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lasts: Option<Span>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sum: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) score: Option<Score>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) then: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) unless: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) respond: Vec<Response>,
}

fn middling() -> u8 {
    2
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

impl Rule {
    /// True for the signals that the rule looks at.
    pub(crate) fn sees(&self, signal: &str) -> bool {
        self.signals.iter().any(|own| own == signal) || self.then.as_deref() == Some(signal)
    }

    /// One line for people about a threat of this rule.
    pub(crate) fn title(&self, subject: &str, locale: Locale) -> String {
        self.title.get(locale).replace("{subject}", subject)
    }

    /// What is wrong with the rule, if anything.
    pub(crate) fn mistake(&self) -> Option<String> {
        let named = |name: &str| {
            !name.is_empty()
                && name.len() <= 64
                && name
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        let mistake = if !named(&self.id) {
            "its id is not lower-case letters, digits and underscores"
        } else if self.signals.is_empty() || !self.signals.iter().all(|signal| named(signal)) {
            "it looks at no signals"
        } else if !Field::GROUPS.contains(&self.by) {
            "`by` is not ip, network, account, who or everybody"
        } else if self.count == 0 || self.count > 1500 {
            "`count` is not within 1 and 1500"
        } else if self.window.0 > Duration::hours(24) {
            "`window` is longer than a day"
        } else if self
            .spread
            .as_ref()
            .is_some_and(|spread| !(0.0..=1.0).contains(&spread.share) || spread.least > spread.most)
        {
            "`spread` contradicts itself"
        } else if self.confidence > 3 {
            "`confidence` is not within 0 and 3"
        } else {
            return None;
        };
        Some(mistake.to_owned())
    }
}
