//! Replaces what must not leave the company by tokens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::dictionary::Dictionary;
use super::kind::{Kind, Span};
use super::policy::Policy;
use super::unmask::Unmasker;
use super::vault::{Secret, Vault};
use super::words::{plain, words};
use super::{literals, organisations, patterns, persons};

/// Hides names and requisites in what is sent to a model, with the same tokens throughout a
/// conversation. Figures stay: a model without them could not answer.
#[derive(Debug)]
pub(crate) struct Mask {
    policy: Policy,
    dictionary: Arc<Dictionary>,
    vault: Arc<Mutex<Vault>>,
}

impl Mask {
    /// A mask with the tokens that the conversation has so far.
    pub(crate) fn new(policy: Policy, dictionary: Arc<Dictionary>, secrets: Vec<Secret>) -> Self {
        Self {
            policy,
            dictionary,
            vault: Arc::new(Mutex::new(Vault::new(secrets))),
        }
    }

    /// True when that kind is hidden.
    pub(super) fn hides(&self, kind: Kind) -> bool {
        self.policy.hides(kind)
    }

    /// A text as it may leave.
    pub(crate) fn outgoing(&self, text: &str) -> String {
        let found = words(text);
        let hides = |kind| self.policy.hides(kind);
        let mut spans = literals::find(text);
        spans.extend(patterns::find(text));
        spans.extend(self.dictionary.find(text, &found, hides));
        spans.extend(organisations::find(text, &found));
        spans.extend(persons::find(text, &found));
        spans.retain(|span| hides(span.kind) && span.start < span.end);
        let spans = apart(spans);
        let mut masked = String::with_capacity(text.len());
        let mut at = 0;
        for span in &spans {
            masked.push_str(&text[at..span.start]);
            masked.push_str(&self.token(span));
            at = span.end;
        }
        masked.push_str(&text[at..]);
        masked
    }

    /// The token of a value that is known to be a thing of that kind as a whole.
    pub(super) fn value(&self, kind: Kind, text: &str) -> String {
        let trimmed = text.trim();
        if trimmed.is_empty() || !self.hides(kind) {
            return text.to_owned();
        }
        let known = self.dictionary.whole(trimmed);
        let (kind, value) = known
            .filter(|(kind, _)| self.hides(*kind))
            .unwrap_or((kind, trimmed));
        self.token(&Span {
            start: 0,
            end: text.len(),
            kind,
            key: plain(value),
            value: value.to_owned(),
        })
    }

    fn token(&self, span: &Span) -> String {
        self.vault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .token_for(span)
    }

    /// What puts everything back; one for each stream.
    pub(crate) fn incoming(&self) -> Unmasker {
        Unmasker::new(self.vault.clone())
    }

    /// Tokens that were given first by this mask.
    pub(crate) fn fresh(&self) -> Vec<Secret> {
        let vault = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        vault.fresh().to_vec()
    }

    /// What the tokens of a text stand for, each once, in the order of the text.
    pub(crate) fn used(&self, text: &str) -> Vec<Secret> {
        let vault = self.vault.lock().unwrap_or_else(PoisonError::into_inner);
        let mut used: Vec<Secret> = Vec::new();
        for found in literals::find(text) {
            if let Some(secret) = vault.secret(&text[found.start..found.end])
                && !used.contains(&secret)
            {
                used.push(secret);
            }
        }
        used
    }

    /// How many things of each kind were hidden first by this mask.
    pub(crate) fn counts(&self) -> BTreeMap<Kind, u64> {
        let mut counts = BTreeMap::new();
        for secret in self.fresh() {
            *counts.entry(secret.kind).or_default() += 1;
        }
        counts
    }
}

/// Spans that do not overlap, in order: of two the longer one, of equal ones the first one.
pub(super) fn apart(spans: Vec<Span>) -> Vec<Span> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|i| (std::cmp::Reverse(spans[*i].end - spans[*i].start), *i));
    let mut chosen: Vec<Span> = Vec::new();
    for i in order {
        let span = &spans[i];
        if chosen
            .iter()
            .all(|other| span.end <= other.start || other.end <= span.start)
        {
            chosen.push(span.clone());
        }
    }
    chosen.sort_by_key(|span| span.start);
    chosen
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mask() -> Mask {
        let names = [
            (Kind::Organisation, "Ромашка Торг ООО"),
            (Kind::Organisation, "ООО \"Вектор\""),
            (Kind::Person, "Иванова Анна Петровна"),
        ];
        let dictionary = Dictionary::new(names.map(|(kind, name)| (kind, name.to_owned(), None)));
        Mask::new(Policy::default(), Arc::new(dictionary), Vec::new())
    }

    #[test]
    fn nothing_that_has_a_name_leaves() {
        let mask = mask();
        for (text, sent) in [
            (
                "Сколько нам должен вектор (ИНН 7707083893, КПП 770701001)?",
                "Сколько нам должен [ORG-1] (ИНН [INN-1], КПП [KPP-1])?",
            ),
            ("У «Вектора» и Ромашки", "У [ORG-1] и [ORG-2]"),
            (
                "Иванова А.П., +7 916 123-45-67, anna@vector.ru",
                "[PER-1], [PHONE-1], [EMAIL-1]",
            ),
            ("звонить 8(916)1234567", "звонить [PHONE-1]"),
            ("долг ООО «Лютик» 5 000,50 ₽", "долг [ORG-3] 5 000,50 ₽"),
            ("что такое [ORG-1] и ORG-2?", "что такое [TXT-1] и [TXT-2]?"),
        ] {
            assert_eq!(mask.outgoing(text), sent, "{text}");
        }
        assert_eq!(
            mask.incoming().text("[ORG-1]: [PER-1], [INN-1], [TXT-1]"),
            "ООО \"Вектор\": Иванова Анна Петровна, 7707083893, [ORG-1]"
        );
    }

    #[test]
    fn tokens_are_those_of_the_conversation() {
        let first = mask();
        first.outgoing("Вектор и Ромашка Торг");
        let again = Mask::new(Policy::default(), Arc::new(Dictionary::default()), first.fresh());
        assert_eq!(again.incoming().text("[ORG-2]"), "Ромашка Торг ООО");
        assert_eq!(again.outgoing("ООО «Лютик»"), "[ORG-3]");
    }

    #[test]
    fn a_policy_chooses_what_is_hidden() {
        let policy = Policy {
            keep: [Kind::Organisation].into(),
            ..Policy::default()
        };
        let mask = Mask::new(policy, mask().dictionary, Vec::new());
        assert_eq!(
            mask.outgoing("ООО «Вектор», ИНН 7707083893"),
            "ООО «Вектор», ИНН [INN-1]"
        );
    }

    /// Parts of texts: things to hide, tokens of ours, brackets and ordinary words.
    fn part() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("Ромашка Торг ООО".to_owned()),
            Just("ООО \"Вектор\"".to_owned()),
            Just("Иванова Анна Петровна".to_owned()),
            (1_u64..9_999_999).prop_map(|number| format!("+7916{number:07}")),
            (1_u64..9_999_999).prop_map(|number| format!("u{number}@firm.ru")),
            (1_u64..99).prop_map(|number| format!("[ORG-{number}]")),
            (1_u64..9).prop_map(|number| format!("[{number}]")),
            (1_u64..9_999_999).prop_map(|number| format!("{number},50 ₽")),
            "[а-я]{1,9}".prop_map(|word| word),
            Just("\\[".to_owned()),
            Just("](".to_owned()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_was_hidden_comes_back_however_the_stream_is_cut(
            parts in prop::collection::vec(part(), 1..12),
            cuts in prop::collection::vec(0_usize..400, 0..8),
        ) {
            let text = parts.join(", ");
            let mask = mask();
            let sent = mask.outgoing(&text);
            for (place, part) in parts.iter().enumerate() {
                if part.starts_with(['Р', 'О', 'И', '+', 'u']) {
                    prop_assert!(!sent.contains(part.as_str()), "{} of {} in {}", place, text, sent);
                }
            }
            let mut stream = mask.incoming();
            let (mut given, mut at) = (String::new(), 0);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| sent.floor_char_boundary(cut.min(sent.len()))).collect();
            cuts.sort_unstable();
            for cut in cuts.into_iter().chain([sent.len()]) {
                given += &stream.push(&sent[at..cut]);
                at = cut;
            }
            given += &stream.finish();
            prop_assert_eq!(given, text);
        }

        #[test]
        fn any_text_is_survived(text in "\\PC{0,120}") {
            let mask = mask();
            let sent = mask.outgoing(&text);
            let _ = mask.incoming().text(&sent);
            let _ = mask.outgoing_result(&text);
        }
    }
}
