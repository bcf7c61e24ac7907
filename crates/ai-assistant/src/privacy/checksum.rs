//! Check digits of Russian requisites. They tell an ИНН from a number that is as long.

/// Taxpayer number: 10 digits of an organisation, 12 of a person.
pub(super) fn inn(digits: &[u8]) -> bool {
    let control = |weights: &[u32]| {
        let sum: u32 = digits
            .iter()
            .zip(weights)
            .map(|(digit, weight)| u32::from(*digit) * weight)
            .sum();
        u8::try_from(sum % 11 % 10).unwrap_or_default()
    };
    match digits.len() {
        // Twelve zeros and the like have a right control digit.
        _ if digits.iter().all(|digit| *digit == digits[0]) => false,
        10 => control(&[2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[9],
        12 => {
            control(&[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[10]
                && control(&[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[11]
        }
        _ => false,
    }
}

/// Registration number: 13 digits of an organisation, 15 of an entrepreneur.
pub(super) fn ogrn(digits: &[u8]) -> bool {
    let (body, divisor) = match digits.len() {
        13 => (&digits[..12], 11),
        15 => (&digits[..14], 13),
        _ => return false,
    };
    matches!(digits[0], 1 | 3 | 5) && u64::from(digits[digits.len() - 1]) == number(body) % divisor % 10
}

/// Insurance number of a person, 11 digits.
pub(super) fn snils(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits.iter().all(|digit| *digit == 0) {
        return false;
    }
    let sum: u64 = digits[..9]
        .iter()
        .zip((1..=9).rev())
        .map(|(digit, weight): (&u8, u64)| u64::from(*digit) * weight)
        .sum();
    sum % 101 % 100 == number(&digits[9..])
}

/// Bank card (Luhn), 16 to 19 digits.
pub(super) fn card(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(*digit) * if place % 2 == 1 { 2 } else { 1 };
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    (16..=19).contains(&digits.len()) && matches!(digits[0], 2..=6) && sum.is_multiple_of(10)
}

fn number(digits: &[u8]) -> u64 {
    digits
        .iter()
        .fold(0, |number, digit| number * 10 + u64::from(*digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|byte| byte - b'0').collect()
    }

    #[test]
    fn real_numbers_have_right_control_digits() {
        assert!(inn(&digits("7707083893")) && inn(&digits("500100732259")));
        assert!(!inn(&digits("7707083892")) && !inn(&digits("500100732258")) && !inn(&digits("0000000000")));
        assert!(ogrn(&digits("1027700132195")) && ogrn(&digits("304500116000157")));
        assert!(!ogrn(&digits("1027700132196")));
        assert!(snils(&digits("11223344595")) && !snils(&digits("11223344596")));
        assert!(card(&digits("4111111111111111")) && !card(&digits("4111111111111112")));
    }
}
