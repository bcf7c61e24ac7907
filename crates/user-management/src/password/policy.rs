//! Which passwords are accepted, after NIST SP 800-63B-4, section 3.1.1: length and a list of
//! known ones, no rules about kinds of characters, no expiry.

use common::Text;
use unicode_normalization::UnicodeNormalization;

use super::guessable::is_guessable;
use crate::account::Email;

/// Words that anybody would try against this product, beside the account's own.
const CONTEXT: [&str; 14] = [
    "assistants",
    "assistant",
    "ассистенты",
    "ассистент",
    "предприятие",
    "бухгалтерия",
    "enterprise",
    "accounting",
    "onec",
    "one-c",
    "1c",
    "1с",
    "ai",
    "ии",
];

/// The rules for new passwords.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Policy {
    /// Of a password that is the only factor.
    min_length: usize,
    /// Of one that a second factor stands beside.
    min_length_with_second_factor: usize,
}

impl Policy {
    /// For a password that is the only factor.
    pub(crate) const DEFAULT_MIN_LENGTH: usize = 15;
    /// For one with a second factor.
    pub(crate) const DEFAULT_MIN_LENGTH_WITH_SECOND_FACTOR: usize = 8;
    /// Greatest length in code points; a longer one is refused, never cut.
    pub(crate) const MAX_LENGTH: usize = 128;

    pub(crate) fn new(min_length: usize, min_length_with_second_factor: usize) -> Self {
        Self {
            min_length,
            min_length_with_second_factor: min_length_with_second_factor.min(min_length),
        }
    }

    /// The least length of a password that is the only factor, or is not.
    pub(crate) fn min_length(self, only_factor: bool) -> usize {
        if only_factor {
            self.min_length
        } else {
            self.min_length_with_second_factor
        }
    }

    /// True for a password that is too short to be the only factor.
    pub(crate) fn needs_second_factor(self, password: &str) -> bool {
        normalised(password).chars().count() < self.min_length
    }

    /// Everything that is wrong with a password for the account of `email`, of which it is the only
    /// factor or is not; nothing when it is accepted.
    pub(crate) fn objections(self, password: &str, email: &Email, only_factor: bool) -> Vec<Text> {
        let password = normalised(password);
        let length = password.chars().count();
        let min_length = self.min_length(only_factor);
        if length > Self::MAX_LENGTH {
            return vec![Text::new(
                format!("Пароль длиннее {} символов.", Self::MAX_LENGTH),
                format!("The password is longer than {} characters.", Self::MAX_LENGTH),
            )];
        }
        let mut objections = Vec::new();
        if length < min_length {
            objections.push(too_short(min_length));
        }
        let folded = password.to_lowercase();
        if is_guessable(&folded) {
            objections.push(Text::new(
                "Этот пароль из тех, что подбирают первыми.",
                "This password is among those that are tried first.",
            ));
        } else if is_made_of_context(&folded, email, min_length) {
            objections.push(Text::new(
                "Пароль состоит почти только из имени почты или названия программы.",
                "The password is little more than the e-mail name or the name of the product.",
            ));
        }
        objections
    }
}

/// What is said of a password of too few characters.
pub(crate) fn too_short(min_length: usize) -> Text {
    Text::new(
        format!("Пароль короче {min_length} символов."),
        format!("The password is shorter than {min_length} characters."),
    )
}

/// True when less than half of the required length is left without the words that anybody
/// would try against this account.
fn is_made_of_context(folded: &str, email: &Email, min_length: usize) -> bool {
    let mut rest = folded.to_owned();
    let own = email.local_part();
    let own = own
        .split(['.', '_', '-', '+'])
        .chain([own])
        .filter(|word| word.chars().count() >= 3);
    let mut words: Vec<&str> = own.chain(CONTEXT).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        rest = rest.replace(word, "");
    }
    rest.chars().count() < min_length / 2 && rest.len() < folded.len()
}

/// The form in which a password is checked, hashed and compared: NFKC, so that one password typed
/// on two systems is one.
pub(super) fn normalised(password: &str) -> String {
    password.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objections(min_length: usize, password: &str) -> Vec<Text> {
        let email = "anna.petrova@example.com".parse().unwrap();
        Policy::new(min_length, 8).objections(password, &email, true)
    }

    #[test]
    fn long_unusual_passwords_of_any_characters_are_accepted() {
        for password in [
            "gentle otters sing at noon",
            "кот пьёт чай по средам",
            "1c connects my horse and staple",
            "aaaaaaaaaaaaaab",
            &"я ".repeat(3).replace(' ', "q7%Kz"),
        ] {
            assert_eq!(objections(15, password), [], "{password}");
        }
        let longest: String = "gentle otters sing at noon. ".chars().cycle().take(128).collect();
        assert_eq!(objections(15, &longest), []);
    }

    #[test]
    fn short_long_and_known_passwords_are_refused() {
        assert_eq!(objections(15, "short").len(), 1);
        assert_eq!(objections(15, "").len(), 1);
        assert_eq!(objections(15, &"aB3 ".repeat(40)).len(), 1);
        assert_eq!(
            objections(15, "password").len(),
            2,
            "too short and known: both are told"
        );
        for password in [
            "passwordpassword",
            "PasswordPassword",
            "123456789012345",
            "987654321098765",
            "qwertyuiopasdfgh",
            "йцукенгшщзхъфыва",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabcabc",
            "anna.petrova-1c",
            "petrova-assistant-1c",
            "1С-Ассистент-2026",
        ] {
            assert_eq!(objections(15, password).len(), 1, "{password}");
        }
    }

    #[test]
    fn code_points_are_counted_not_bytes() {
        assert_eq!(objections(15, "кот пьёт чай по"), []);
        let fourteen = "кот пьёт чай п";
        assert_eq!(fourteen.chars().count(), 14);
        assert_eq!(objections(15, fourteen).len(), 1);
    }

    #[test]
    fn beside_a_second_factor_eight_characters_are_enough() {
        let policy = Policy::new(15, 8);
        let email: Email = "anna@example.com".parse().unwrap();
        assert_eq!(policy.objections("otter-11", &email, false), []);
        assert_eq!(policy.objections("otter-11", &email, true).len(), 1);
        assert_eq!(policy.objections("otter-1", &email, false).len(), 1);
        assert_eq!(policy.objections("password", &email, false).len(), 1, "known");
        assert!(policy.needs_second_factor("otter-11"));
        assert!(!policy.needs_second_factor("gentle otters sing"));
        // A second factor never asks for more.
        assert_eq!(Policy::new(8, 12).min_length(false), 8);
    }
}
