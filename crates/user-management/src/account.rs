//! Accounts, with their e-mail addresses and names.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use common::auth::{Companies, Infobases, PermissionSet};
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// A normalised e-mail address: NFKC, lower case, no surrounding spaces. One person typing it in
/// two ways means one account.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Email(String);

/// Text that is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an e-mail address")]
pub(crate) struct NotAnEmail;

/// Greatest length of an address in bytes (RFC 5321, section 4.5.3.1.3, without the brackets).
const MAX_EMAIL_BYTES: usize = 254;
/// Greatest length of what stands before the `@` (RFC 5321, section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;

impl Email {
    /// The address.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub(crate) fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// True for the addresses of service accounts: no letter arrives there (RFC 2606, section 2).
    pub(crate) fn is_nobodys(&self) -> bool {
        self.0.ends_with(".invalid")
    }

    /// An address that has been stored is normalised already.
    pub(crate) fn from_stored(email: String) -> Self {
        Self(email)
    }
}

impl FromStr for Email {
    type Err = NotAnEmail;

    fn from_str(text: &str) -> Result<Self, NotAnEmail> {
        let email = normalise(text);
        let (local, domain) = email.rsplit_once('@').ok_or(NotAnEmail)?;
        let local_is_fine = !local.is_empty()
            && local.len() <= MAX_LOCAL_BYTES
            && !local.starts_with('.')
            && !local.ends_with('.')
            && local
                .chars()
                .all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c));
        let domain_is_fine = domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
        if local_is_fine && domain_is_fine && email.len() <= MAX_EMAIL_BYTES {
            Ok(Self(email))
        } else {
            Err(NotAnEmail)
        }
    }
}

/// An address is personal data and must not reach a log by way of `{:?}`.
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(..)")
    }
}

/// What a login names, as a key for counting: the SHA-256 of the normalised text, whether it is an
/// address of an account, of nobody, or no address at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountKey([u8; 32]);

impl AccountKey {
    /// The key of any text.
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(normalise(text)).into())
    }

    /// The key of something that belongs to it. No text that somebody types leads to the same: none
    /// has a byte 255.
    pub(crate) fn part(self, name: &str, of: &[u8]) -> Self {
        let digest = Sha256::new().chain_update([0xff]).chain_update(self.0);
        Self(
            digest
                .chain_update(name)
                .chain_update([0xff])
                .chain_update(of)
                .finalize()
                .into(),
        )
    }

    /// The 32 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// In hex, as events carry it.
    pub(crate) fn to_hex(self) -> String {
        hex::encode(self.0)
    }
}

fn normalise(text: &str) -> String {
    // Normalised again at the end: lower case of some letters is not in normal form.
    text.trim()
        .nfkc()
        .flat_map(char::to_lowercase)
        .collect::<String>()
        .nfkc()
        .collect()
}

/// The name of a person as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PersonName(String);

/// Greatest length of a name in characters.
const MAX_NAME_CHARS: usize = 100;

impl PersonName {
    /// A name without surrounding spaces.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Text> {
        let name: String = text.trim().nfc().collect();
        if name.is_empty() {
            return Err(Text::new("Укажите имя.", "Give a name."));
        }
        if name.chars().count() > MAX_NAME_CHARS {
            return Err(Text::new(
                format!("Имя длиннее {MAX_NAME_CHARS} символов."),
                format!("The name is longer than {MAX_NAME_CHARS} characters."),
            ));
        }
        if name.chars().any(char::is_control) {
            return Err(Text::new(
                "В имени есть управляющие символы.",
                "The name contains control characters.",
            ));
        }
        Ok(Self(name))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserState {
    Active,
    /// Nobody has shown yet that the address is theirs.
    Unverified,
    /// An administrator has shut it.
    Disabled,
}

impl UserState {
    /// The name in the database and in the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Unverified => "unverified",
            Self::Disabled => "disabled",
        }
    }

    /// The state of a stored name; one of a later version opens nothing.
    pub(crate) fn from_stored(name: &str) -> Self {
        match name {
            "active" => Self::Active,
            "unverified" => Self::Unverified,
            _ => Self::Disabled,
        }
    }
}

/// The language of a stored tag.
pub(crate) fn locale_of(tag: &str) -> Locale {
    if tag == Locale::En.tag() {
        Locale::En
    } else {
        Locale::Ru
    }
}

/// An account with the rights of its role.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) email: Email,
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) permissions: PermissionSet,
    pub(crate) companies: Companies,
    pub(crate) infobases: Infobases,
    pub(crate) created_at: DateTime<Utc>,
    /// Counts changes of the account.
    pub(crate) version: i64,
    /// Counts changes of what the account may do; tokens carry it.
    pub(crate) rights_version: i64,
    pub(crate) state: UserState,
    pub(crate) email_verified: bool,
    /// The language of letters to them.
    pub(crate) locale: Locale,
    /// They may do nothing else before they have changed their password.
    pub(crate) must_change_password: bool,
}

impl User {
    /// What their tokens grant.
    pub(crate) fn granted(&self) -> PermissionSet {
        if self.must_change_password {
            PermissionSet::EMPTY
        } else {
            self.permissions
        }
    }
}

/// Text as a search compares it: lower case, and ё as е, since both are typed for one another.
pub(crate) fn folded(text: &str) -> String {
    text.trim().to_lowercase().replace('ё', "е")
}

/// What a search for a user looks at.
pub(crate) fn search_text(name: &str, email: &Email) -> String {
    format!("{}\n{}", folded(name), folded(email.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_has_one_address() {
        for text in [
            "Anna.Petrova@Example.COM",
            "  anna.petrova@example.com ",
            // Full-width letters, as an East Asian input method gives them.
            "\u{ff21}nna.petrova@example.com",
        ] {
            let email: Email = text.parse().unwrap();
            assert_eq!(email.as_str(), "anna.petrova@example.com");
            assert_eq!(AccountKey::of(text), AccountKey::of("anna.petrova@example.com"));
        }
        assert_eq!(
            "ivan@почта.рф".parse::<Email>().unwrap().as_str(),
            "ivan@почта.рф"
        );
        assert!("service-1@service.invalid".parse::<Email>().unwrap().is_nobodys());
        assert!(!"ivan@valid".parse::<Email>().unwrap().is_nobodys());
        assert_eq!("a+b@localhost".parse::<Email>().unwrap().local_part(), "a+b");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "@",
            "anna",
            "anna@",
            "@example.com",
            "a b@example.com",
            "a@b@c",
            "anna@exa mple.com",
            "anna@example..com",
            "anna@-example.com",
            "anna\u{0}@example.com",
            ".anna@example.com",
            &long,
        ] {
            assert_eq!(text.parse::<Email>(), Err(NotAnEmail), "{text:?}");
        }
    }

    #[test]
    fn names_are_trimmed_and_bounded() {
        assert_eq!(
            PersonName::parse("  Анна Петрова ").unwrap().as_str(),
            "Анна Петрова"
        );
        for text in ["", "   ", "a\u{0}b", "a\nb", &"я".repeat(101)] {
            assert!(PersonName::parse(text).is_err(), "{text:?}");
        }
        assert!(PersonName::parse(&"я".repeat(100)).is_ok());
    }

    #[test]
    fn a_search_ignores_case_and_the_dots_of_yo() {
        let email = "fedor@example.com".parse().unwrap();
        assert!(search_text("Фёдор Семёнов", &email).contains(&folded("СЕМЕНОВ")));
    }
}
