//! Registration numbers with valid check digits (orders of the Federal Tax Service on ИНН and ОГРН).

use super::rng::Rng;

fn control(digits: &[u8], weights: &[u32]) -> u8 {
    let sum: u32 = digits
        .iter()
        .zip(weights)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .sum();
    u8::try_from(sum % 11 % 10).unwrap_or(0)
}

fn text(digits: &[u8]) -> String {
    digits.iter().map(|digit| char::from(b'0' + digit)).collect()
}

fn random_digits(rng: &mut Rng, region: &str, length: usize) -> Vec<u8> {
    let mut digits: Vec<u8> = region.bytes().map(|byte| byte - b'0').collect();
    while digits.len() < length {
        digits.push(u8::try_from(rng.below(10)).unwrap_or(0));
    }
    digits
}

/// ИНН of a company: nine digits and a check digit.
pub(crate) fn company_inn(rng: &mut Rng, region: &str) -> String {
    let mut digits = random_digits(rng, region, 9);
    digits.push(control(&digits, &[2, 4, 10, 3, 5, 9, 4, 6, 8]));
    text(&digits)
}

/// ИНН of a person: ten digits and two check digits.
pub(crate) fn person_inn(rng: &mut Rng, region: &str) -> String {
    let mut digits = random_digits(rng, region, 10);
    digits.push(control(&digits, &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]));
    digits.push(control(&digits, &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]));
    text(&digits)
}

/// ОГРН of a company: twelve digits and a check digit.
pub(crate) fn ogrn(rng: &mut Rng, region: &str) -> String {
    let year = rng.range(2, 23);
    let digits = random_digits(rng, &format!("1{year:02}{region}"), 12);
    let number = digits
        .iter()
        .fold(0_u64, |value, digit| value * 10 + u64::from(*digit));
    format!("{}{}", text(&digits), number % 11 % 10)
}

/// КПП of a head office.
pub(crate) fn kpp(inn: &str) -> String {
    format!("{}01001", &inn[..4])
}

/// Whether `inn` has the right length and check digits.
pub fn is_valid_inn(inn: &str) -> bool {
    let digits: Vec<u8> = inn
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|byte| byte - b'0')
        .collect();
    match digits.len() {
        _ if digits.len() != inn.len() => false,
        10 => control(&digits[..9], &[2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[9],
        12 => {
            control(&digits[..10], &[7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[10]
                && control(&digits[..11], &[3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8]) == digits[11]
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_numbers_are_judged_rightly() {
        // Numbers of public bodies: the Federal Tax Service and Sberbank.
        assert!(is_valid_inn("7707329152"));
        assert!(is_valid_inn("7707083893"));
        assert!(!is_valid_inn("7707083894"));
        assert!(is_valid_inn("500100732259"));
        assert!(!is_valid_inn("500100732258"));
        assert!(!is_valid_inn("77070838"));
    }

    #[test]
    fn made_numbers_are_valid() {
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            assert!(is_valid_inn(&company_inn(&mut rng, "77")));
            assert!(is_valid_inn(&person_inn(&mut rng, "50")));
            let ogrn = ogrn(&mut rng, "78");
            let body: u64 = ogrn[..12].parse().unwrap();
            assert_eq!((body % 11 % 10).to_string(), ogrn[12..]);
        }
    }
}
