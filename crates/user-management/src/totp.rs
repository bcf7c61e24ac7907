//! Time-based one-time passwords (RFC 6238) as authenticator applications make them: HMAC-SHA-1,
//! six digits, thirty seconds.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};

const STEP_SECONDS: i64 = 30;
/// Clocks of telephones differ: one step before and one after the present one are accepted.
const WINDOW: i64 = 1;
/// As long as the output of SHA-1 (RFC 4226, section 4, R6).
pub(crate) const SECRET_BYTES: usize = 20;

/// The step in which a code is right, when it is right now and of a later step than the last one
/// that was taken: none is taken twice (RFC 6238, section 5.2).
pub(crate) fn step_of(secret: &[u8], code: &str, last_step: i64, now: DateTime<Utc>) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let present = now.timestamp().div_euclid(STEP_SECONDS);
    // All are computed, so that the time does not tell how far a clock is off.
    let right: Vec<i64> = (present - WINDOW..=present + WINDOW)
        .filter(|&step| verify_slices_are_equal(at(secret, step).as_bytes(), code.as_bytes()).is_ok())
        .collect();
    right.into_iter().find(|&step| step > last_step)
}

/// The code of a step (RFC 4226, section 5.3).
fn at(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let mac = hmac::sign(&key, &step.to_be_bytes());
    let mac = mac.as_ref();
    let offset = usize::from(mac.last().copied().unwrap_or_default() & 0x0f);
    let word = mac
        .iter()
        .skip(offset)
        .take(4)
        .fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
    format!("{:06}", (word & 0x7fff_ffff) % 1_000_000)
}

/// The secret as a person types it in: base32 without padding (RFC 4648, section 6).
pub(crate) fn base32(bytes: &[u8]) -> String {
    const ALPHABET: [char; 32] = [
        'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'I', 'J', 'K', 'L', 'M', 'N', 'O', 'P', 'Q', 'R', 'S', 'T',
        'U', 'V', 'W', 'X', 'Y', 'Z', '2', '3', '4', '5', '6', '7',
    ];
    let bit = |n: usize| bytes.get(n / 8).is_some_and(|byte| byte & (0x80 >> (n % 8)) != 0);
    (0..(bytes.len() * 8).div_ceil(5))
        .map(|digit| (0..5).fold(0, |value, n| value << 1 | usize::from(bit(digit * 5 + n))))
        .filter_map(|value| ALPHABET.get(value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, the last six of the eight digits there.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];
    const SECRET: &[u8] = b"12345678901234567890";

    fn time(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (seconds, code) in VECTORS {
            assert_eq!(
                step_of(SECRET, code, 0, time(seconds)),
                Some(seconds / 30),
                "{seconds}"
            );
        }
    }

    #[test]
    fn a_neighbouring_step_is_right_and_no_step_twice() {
        let code = "005924";
        let (now, step) = (1_234_567_890, 1_234_567_890 / 30);
        assert_eq!(step_of(SECRET, "005 924", 0, time(now + 30)), Some(step));
        assert_eq!(step_of(SECRET, code, 0, time(now - 30)), Some(step));
        assert_eq!(step_of(SECRET, code, 0, time(now + 60)), None);
        assert_eq!(step_of(SECRET, code, 0, time(now - 60)), None);
        assert_eq!(step_of(SECRET, code, step, time(now)), None, "taken already");
        assert_eq!(step_of(SECRET, code, step - 1, time(now)), Some(step));
        for wrong in ["", "5924", "0059244", "005925", "٠٠٥٩٢٤"] {
            assert_eq!(step_of(SECRET, wrong, 0, time(now)), None, "{wrong}");
        }
    }

    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (text, encoded) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(text.as_bytes()), encoded);
        }
    }
}
