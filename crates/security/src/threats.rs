//! What a threat is.

use chrono::{DateTime, Utc};
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Many failed logins from one address in a minute.
    LoginBurst,
    /// Failed logins from one address, slowly enough not to be a burst.
    LoginSlowBurst,
    /// One account is tried from many addresses.
    AccountManyAddresses,
    /// An account was entered after many failures.
    LoginAfterFailures,
    /// A refresh token came twice: one of the two had stolen it.
    RefreshTokenReused,
    /// A text in the data of 1C, in a file or in a question tried to command the assistant.
    PromptInjection,
    /// The audit log is not what was written.
    AuditChainBroken,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::LoginBurst,
        Self::LoginSlowBurst,
        Self::AccountManyAddresses,
        Self::LoginAfterFailures,
        Self::RefreshTokenReused,
        Self::PromptInjection,
        Self::AuditChainBroken,
    ];

    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::LoginBurst => "login_burst",
            Self::LoginSlowBurst => "login_slow_burst",
            Self::AccountManyAddresses => "account_many_addresses",
            Self::LoginAfterFailures => "login_after_failures",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::PromptInjection => "prompt_injection",
            Self::AuditChainBroken => "audit_chain_broken",
        }
    }

    pub(crate) const fn severity(self) -> Severity {
        match self {
            Self::LoginBurst | Self::LoginSlowBurst | Self::PromptInjection => Severity::Medium,
            Self::AccountManyAddresses | Self::LoginAfterFailures | Self::RefreshTokenReused => {
                Severity::High
            }
            Self::AuditChainBroken => Severity::Critical,
        }
    }
}

/// One line for people. `kind` is as the database has it: one of a later release gets a general
/// title instead of an error.
pub(crate) fn title(kind: &str, subject: &str, locale: Locale) -> String {
    let subject = short(subject);
    let text = match kind {
        "login_burst" => Text::new(
            format!("Подбор пароля с адреса {subject}"),
            format!("Password guessing from {subject}"),
        ),
        "login_slow_burst" => Text::new(
            format!("Медленный подбор пароля с адреса {subject}"),
            format!("Slow password guessing from {subject}"),
        ),
        "account_many_addresses" => Text::new(
            format!("Подбор пароля к учётной записи {subject} с многих адресов"),
            format!("Password guessing on account {subject} from many addresses"),
        ),
        "login_after_failures" => Text::new(
            format!("Вход в учётную запись {subject} после серии неудачных попыток"),
            format!("Login to account {subject} after a series of failures"),
        ),
        "refresh_token_reused" => Text::new(
            format!("Повторное использование токена обновления: учётная запись {subject}"),
            format!("A refresh token was used twice: account {subject}"),
        ),
        "prompt_injection" => Text::new(
            format!("Текст, похожий на указание помощнику, в вопросе или данных пользователя {subject}"),
            format!("A text like a command to the assistant in a question or the data of {subject}"),
        ),
        "audit_chain_broken" => Text::new(
            "Журнал аудита изменён в обход системы",
            "The audit log was changed behind the system's back",
        ),
        _ => Text::new(format!("Угроза: {subject}"), format!("Threat: {subject}")),
    };
    text.get(locale).to_owned()
}

/// The subject without its prefix; a hash by its first digits, which is enough to compare by eye.
fn short(subject: &str) -> &str {
    let name = subject
        .split_once(':')
        .map_or(subject, |(prefix, name)| match prefix {
            "ip" | "account" => name,
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
        let account = format!("account:{}", "ab".repeat(32));
        let kinds = [
            Kind::LoginBurst,
            Kind::LoginSlowBurst,
            Kind::AccountManyAddresses,
            Kind::LoginAfterFailures,
            Kind::RefreshTokenReused,
            Kind::PromptInjection,
            Kind::AuditChainBroken,
        ];
        for kind in kinds {
            let (ru, en) = (
                title(kind.as_str(), &account, Locale::Ru),
                title(kind.as_str(), &account, Locale::En),
            );
            assert_ne!(ru, en);
            assert!(!ru.starts_with("Угроза"), "{ru}");
            assert!(!ru.contains(&account[8..]), "{ru}");
        }
        assert_eq!(
            title("login_burst", "ip:2001:db8::/64", Locale::En),
            "Password guessing from 2001:db8::/64"
        );
    }
}
