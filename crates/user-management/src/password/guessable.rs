//! Passwords that are guessed first: words that everybody takes, dressed up with digits, signs, other
//! letters or another keyboard layout.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Passwords and words that everybody tries first, one on each line, in lower case.
const WORDS: &str = include_str!("common.txt");

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| WORDS.lines().map(str::trim).collect());

/// Greatest number of digits and signs around a word that make it no better.
const MAX_DRESS: usize = 8;

/// Rows of keys and of characters in their order; a password must not be a piece of one.
const SEQUENCES: [&str; 6] = [
    "01234567890123456789012345678901234567890123456789012345678901234",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertyuiop[]asdfghjkl;'zxcvbnm,./",
    "йцукенгшщзхъфывапролджэячсмитьбю",
];

/// The keys of the two layouts in the same places.
const LATIN_KEYS: &str = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`";
const RUSSIAN_KEYS: &str = "йцукенгшщзхъфывапролджэячсмитьбюё";

/// True when a password (in lower case) is among the first that anybody tries.
pub(super) fn is_guessable(folded: &str) -> bool {
    is_repetition(folded)
        || is_sequence(folded)
        || [
            folded.to_owned(),
            in_other_layout(folded, LATIN_KEYS, RUSSIAN_KEYS),
        ]
        .iter()
        .any(|text| is_dressed_word(text))
        || is_dressed_word(&in_other_layout(folded, RUSSIAN_KEYS, LATIN_KEYS))
}

/// A common word, or a few of them, with digits and signs around and between.
fn is_dressed_word(text: &str) -> bool {
    COMMON.contains(text) || is_words(text) || is_words(&undisguised(text))
}

fn is_words(text: &str) -> bool {
    let mut dress = text.chars().filter(|c| !c.is_alphabetic()).count();
    let mut words = 0;
    for piece in text.split(|c: char| !c.is_alphabetic()) {
        match piece.chars().count() {
            // Nothing, or a letter or two beside a word, such as initials.
            length @ 0..=2 => dress += length,
            _ if COMMON.contains(piece) || is_repetition(piece) || is_sequence(piece) => words += 1,
            _ => return false,
        }
    }
    (1..=3).contains(&words) && dress <= MAX_DRESS
}

/// Letters for the signs that are written in their place, within words; what stands before the first
/// and after the last letter is a number rather than letters.
fn undisguised(text: &str) -> String {
    let is_dress = |c: &char| !c.is_alphabetic();
    let begin = text.chars().take_while(is_dress).count();
    let end = text.chars().count() - text.chars().rev().take_while(is_dress).count();
    let letter = |(index, c): (usize, char)| match c {
        c if index < begin || index >= end => c,
        '@' | '4' => 'a',
        '0' => 'o',
        '3' => 'e',
        '$' | '5' => 's',
        '1' | '!' => 'i',
        '7' => 't',
        c => c,
    };
    text.chars().enumerate().map(letter).collect()
}

fn in_other_layout(text: &str, from: &str, to: &str) -> String {
    text.chars()
        .map(|c| {
            let key = from.chars().position(|key| key == c);
            key.and_then(|key| to.chars().nth(key)).unwrap_or(c)
        })
        .collect()
}

/// One to four characters over and over.
fn is_repetition(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=4).any(|period| {
        chars.len() >= 2 * period
            && chars
                .iter()
                .zip(chars.iter().skip(period))
                .all(|(one, next)| one == next)
    })
}

fn is_sequence(text: &str) -> bool {
    let reversed: String = text.chars().rev().collect();
    text.chars().count() >= 4
        && SEQUENCES
            .iter()
            .any(|sequence| sequence.contains(text) || sequence.contains(&reversed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_words_stay_common_however_they_are_dressed() {
        for password in [
            "password",
            "password2026!",
            "p@ssw0rd123",
            "пароль2026",
            "gfhjkm",
            "gfhjkm123",
            "зфыыцщкв",
            "марина1985",
            "marina_1985",
            "spartak.1922",
            "любовь-2000",
            "москва1147!",
            "12.qwerty.34",
            "admin1",
            "qwerty5",
            "марина.марина",
            "aaaaaaaaaaaaaaa",
            "zxcvbnm,./",
        ] {
            assert!(is_guessable(password), "{password}");
        }
    }

    #[test]
    fn other_passwords_are_none_of_them() {
        for password in [
            "gentle otters sing at noon",
            "кот пьёт чай по средам",
            "otter-11",
            "j4kd8sm2lq",
            "q7%kzq7%kz",
            "марина купила 14 груш",
            "aaaaaaaaaaaaaab",
            "xkcd-936-otters",
        ] {
            assert!(!is_guessable(password), "{password}");
        }
    }

    #[test]
    fn the_words_are_in_the_form_that_is_looked_up() {
        let mut seen = HashSet::new();
        for line in WORDS.lines() {
            assert_eq!(line, super::super::policy::normalised(line).to_lowercase().trim());
            assert!(seen.insert(line), "{line} is there twice");
        }
    }
}
