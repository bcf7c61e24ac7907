//! Recovery codes: what stands in for a second factor that was lost, once each.

use rand::RngExt;
use secrecy::SecretString;

/// How many somebody gets.
const COUNT: usize = 10;
/// Characters of a code: 50 bits.
const LENGTH: usize = 10;
/// Without those that are taken for others in handwriting.
const ALPHABET: [char; 32] = [
    'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N', 'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y',
    'Z', '1', '2', '3', '4', '5', '6', '7', '8', '9', '0',
];

/// New codes, as they are shown: `XXXXX-XXXXX`.
pub(crate) fn make() -> Vec<SecretString> {
    let mut random = rand::rng();
    let mut code = || {
        let letter = |n| {
            if n == LENGTH / 2 {
                '-'
            } else {
                ALPHABET[random.random_range(0..ALPHABET.len())]
            }
        };
        SecretString::from((0..=LENGTH).map(letter).collect::<String>())
    };
    (0..COUNT).map(|_| code()).collect()
}

/// A code as it is stored and compared, whatever a person typed between the characters.
pub(crate) fn normalised(code: &str) -> String {
    code.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn codes_differ_and_survive_being_typed() {
        let codes = make();
        let shown: std::collections::BTreeSet<&str> = codes.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(shown.len(), COUNT);
        for code in shown {
            assert_eq!(code.len(), LENGTH + 1);
            let stored = normalised(code);
            assert_eq!(stored.len(), LENGTH, "{code}");
            let typed = format!(" {} ", code.to_lowercase().replace('-', " "));
            let typed = typed.replace('0', "o").replace('1', "l");
            assert_eq!(normalised(&typed), stored);
        }
    }
}
