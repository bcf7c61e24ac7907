//! Numbers as people read them: «1 234 567,89 ₽», «1,2 млн», `1.2M`.

use common::Locale;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Between groups of digits and before units: it does not break a line.
const SPACE: char = '\u{A0}';
/// The real minus, as wide as a digit.
const MINUS: char = '\u{2212}';

/// What values are measured in: an ISO 4217 code of a currency, `%`, `ms`, `s`, or any short word,
/// which is shown as it is; empty for plain numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Unit(pub(crate) String);

impl Unit {
    /// Characters of a unit at most.
    pub(super) const LONGEST: usize = 24;

    pub(crate) fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The sign after a number, with the space that goes before it.
    pub(super) fn sign(&self, locale: Locale) -> String {
        let ru = locale == Locale::Ru;
        let sign = match self.0.as_str() {
            "" => return String::new(),
            "RUB" => "₽",
            "USD" => "$",
            "EUR" => "€",
            "ms" if ru => "мс",
            "s" if ru => "с",
            "requests" | "questions" | "calls" | "users" | "tokens" | "rows" => return String::new(),
            other => other,
        };
        format!("{SPACE}{sign}")
    }

    /// Decimals that amounts always have.
    fn decimals(&self) -> u32 {
        match self.0.as_str() {
            "RUB" | "EUR" => 2,
            _ => 0,
        }
    }
}

/// The whole number with its unit; money with kopecks.
pub(crate) fn exact(value: Decimal, unit: &Unit, locale: Locale) -> String {
    let shown = value.round_dp(if unit.0 == "USD" { 4 } else { 2 }).normalize();
    let decimals = unit.decimals().max(shown.scale());
    format!("{}{}", grouped(shown, decimals, locale), unit.sign(locale))
}

/// The number to about three digits, for axes and labels: «1,2 млн ₽».
pub(crate) fn compact(value: Decimal, unit: &Unit, locale: Locale) -> String {
    let (ru, en): (&[&str], &[&str]) = (&["", "тыс.", "млн", "млрд", "трлн"], &["", "K", "M", "B", "T"]);
    let mut scaled = value;
    let mut power = 0;
    let thousand = Decimal::ONE_THOUSAND;
    // Numbers of four digits are read as they are.
    if value.abs() >= Decimal::from(10_000) {
        while scaled.abs() >= thousand && power + 1 < ru.len() {
            scaled /= thousand;
            power += 1;
        }
    }
    let size = scaled.abs();
    let places = if size >= Decimal::ONE_HUNDRED {
        0
    } else if size >= Decimal::TEN {
        1
    } else if size >= Decimal::ONE || size.is_zero() {
        2
    } else {
        3
    };
    let rounded = scaled.round_dp(places).normalize();
    let number = grouped(rounded, rounded.scale(), locale);
    let word = match locale {
        Locale::Ru if power > 0 => format!("{SPACE}{}", ru[power]),
        Locale::En => en[power].to_owned(),
        Locale::Ru => String::new(),
    };
    format!("{number}{word}{}", unit.sign(locale))
}

/// A mark of an axis.
pub(super) fn mark(value: f64, unit: &Unit, locale: Locale) -> String {
    let decimal = Decimal::from_f64_retain(value).unwrap_or_default().round_dp(6);
    compact(decimal, unit, locale)
}

/// Digits in groups of three, with so many decimals.
fn grouped(value: Decimal, decimals: u32, locale: Locale) -> String {
    let (group, point) = match locale {
        Locale::Ru => (SPACE, ','),
        Locale::En => (',', '.'),
    };
    let text = format!("{:.*}", usize::try_from(decimals).unwrap_or(0), value.abs());
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut shown = String::new();
    // −0 is nothing but 0.
    if value.is_sign_negative() && !value.is_zero() {
        shown.push(MINUS);
    }
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            shown.push(group);
        }
        shown.push(digit);
    }
    if !fraction.is_empty() {
        shown.push(point);
        shown.push_str(fraction);
    }
    shown
}

/// For geometry only; what is shown is made of the decimal.
pub(super) fn float(value: Decimal) -> f64 {
    value.to_f64().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_written_as_in_the_language() {
        let rub = Unit::new("RUB");
        let exactly = |text, locale| exact(decimal(text), &rub, locale);
        assert_eq!(
            exactly("-1234567.89", Locale::Ru),
            "−1\u{A0}234\u{A0}567,89\u{A0}₽"
        );
        assert_eq!(exactly("-1234567.89", Locale::En), "−1,234,567.89\u{A0}₽");
        assert_eq!(exactly("100", Locale::Ru), "100,00\u{A0}₽");
        assert_eq!(exactly("-0.00", Locale::Ru), "0,00\u{A0}₽");
        assert_eq!(exact(decimal("1234"), &Unit::default(), Locale::Ru), "1\u{A0}234");
        assert_eq!(
            exact(decimal("0.0012"), &Unit::new("USD"), Locale::En),
            "0.0012\u{A0}$"
        );
    }

    #[test]
    fn large_numbers_are_shortened() {
        let plain = Unit::default();
        let short = |text, locale| compact(decimal(text), &plain, locale);
        for (number, ru, en) in [
            ("0", "0", "0"),
            ("9999", "9\u{A0}999", "9,999"),
            ("12345", "12,3\u{A0}тыс.", "12.3K"),
            ("-1500000", "−1,5\u{A0}млн", "−1.5M"),
            ("2500000000", "2,5\u{A0}млрд", "2.5B"),
            ("0.125", "0,125", "0.125"),
        ] {
            assert_eq!(short(number, Locale::Ru), ru);
            assert_eq!(short(number, Locale::En), en);
        }
        assert_eq!(
            compact(decimal("12.5"), &Unit::new("%"), Locale::Ru),
            "12,5\u{A0}%"
        );
        assert_eq!(
            mark(250_000.0, &Unit::new("RUB"), Locale::Ru),
            "250\u{A0}тыс.\u{A0}₽"
        );
    }
}
