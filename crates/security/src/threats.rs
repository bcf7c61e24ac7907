//! What a threat is.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::{Rule, Ruleset};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub(crate) const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// The severity of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|severity| severity.as_str() == name)
    }

    /// The next worse one.
    pub(crate) const fn raised(self) -> Self {
        match self {
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }

    /// A number for programs that sort by risk, 0 to 99.
    pub(crate) const fn risk(self) -> u8 {
        match self {
            Self::Low => 21,
            Self::Medium => 47,
            Self::High => 73,
            Self::Critical => 99,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// What a rule of the detectors looks for.
    Rule(Arc<Rule>),
    /// The audit log is not what was written.
    AuditChainBroken,
}

/// The name of [`Kind::AuditChainBroken`].
pub(crate) const AUDIT_CHAIN_BROKEN: &str = "audit_chain_broken";

impl Kind {
    /// The name in JSON and in the database.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Rule(rule) => &rule.id,
            Self::AuditChainBroken => AUDIT_CHAIN_BROKEN,
        }
    }

    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::Rule(rule) => rule.severity,
            Self::AuditChainBroken => Severity::Critical,
        }
    }

    /// How surely it is an attack, 0 to 3.
    pub(crate) fn confidence(&self) -> u8 {
        match self {
            Self::Rule(rule) => rule.confidence,
            Self::AuditChainBroken => 3,
        }
    }

    /// Technique of MITRE ATT&CK or ATLAS.
    pub(crate) fn technique(&self) -> Option<&str> {
        match self {
            Self::Rule(rule) => rule.technique.as_deref(),
            // Indicator removal.
            Self::AuditChainBroken => Some("T1070"),
        }
    }
}

/// One line for people. `kind` is as the database has it: one of a later release, or of a rule that
/// an operator has removed, gets a general title instead of an error.
pub(crate) fn title(rules: &Ruleset, kind: &str, subject: &str, locale: Locale) -> String {
    let subject = short(subject);
    if let Some(rule) = rules.get(kind) {
        return rule.title(subject, locale);
    }
    let text = match kind {
        AUDIT_CHAIN_BROKEN => Text::new(
            "Журнал аудита изменён в обход системы",
            "The audit log was changed behind the system's back",
        ),
        _ => Text::new(format!("Угроза: {subject}"), format!("Threat: {subject}")),
    };
    text.get(locale).to_owned()
}

/// What to do about it.
pub(crate) fn advice(rules: &Ruleset, kind: &str, locale: Locale) -> Option<String> {
    if kind == AUDIT_CHAIN_BROKEN {
        let text = Text::new(
            "Ничего не исправляйте: сохраните копию базы и сравните её с последней резервной копией.",
            "Repair nothing: save a copy of the database and compare it with the last backup.",
        );
        return Some(text.get(locale).to_owned());
    }
    rules.get(kind).map(|rule| rule.advice.get(locale).to_owned())
}

/// The subject without its prefix; a hash by its first digits, which is enough to compare by eye.
pub(crate) fn short(subject: &str) -> &str {
    let name = subject
        .split_once(':')
        .map_or(subject, |(prefix, name)| match prefix {
            "ip" | "account" | "network" => name,
            _ => subject,
        });
    let is_hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { &name[..12] } else { name }
}

/// Something that a detector found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    /// What it is about: `ip:<address>`, `account:<hash>`, `user:<id>` or `audit_log`.
    pub(crate) subject: String,
    pub(crate) first_seen: DateTime<Utc>,
    pub(crate) last_seen: DateTime<Utc>,
    /// Events in all.
    pub(crate) count: u64,
    /// Those of them that no detector had seen before.
    pub(crate) fresh: u64,
    pub(crate) evidence: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_in_both_languages_and_short() {
        let rules = Ruleset::new(None).unwrap();
        let account = format!("account:{}", "ab".repeat(32));
        let kinds = rules.all().iter().map(|rule| rule.id.as_str());
        for kind in kinds.chain([AUDIT_CHAIN_BROKEN]) {
            let (ru, en) = (
                title(&rules, kind, &account, Locale::Ru),
                title(&rules, kind, &account, Locale::En),
            );
            assert_ne!(ru, en);
            assert!(!ru.starts_with("Угроза"), "{ru}");
            assert!(!ru.contains(&account[8..]), "{ru}");
            assert!(advice(&rules, kind, Locale::Ru).is_some());
        }
        assert_eq!(
            title(&rules, "login_burst", "ip:2001:db8::/64", Locale::En),
            "Password guessing from 2001:db8::/64"
        );
        assert_eq!(
            title(&rules, "of_later", "ip:192.0.2.1", Locale::En),
            "Threat: 192.0.2.1"
        );
    }
}
