//! Values that are text in XML: from JSON and back. Numbers go by their text and never through
//! floating point.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use common::Text;
use serde_json::Value;
use uuid::Uuid;

use super::kind::Form;

/// The text of a JSON value.
///
/// # Errors
/// What the value should have been, for people.
pub(crate) fn from_json(form: Form, json: &Value) -> Result<String, Text> {
    match (form, json) {
        (Form::String, Value::String(text)) => Ok(text.clone()),
        (Form::Boolean, Value::Bool(value)) => Ok(value.to_string()),
        (Form::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(number.to_string())
        }
        (Form::Decimal | Form::Float, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(number.to_string())
        }
        // It is a floating number on both sides.
        (Form::Float, Value::Number(number)) => Ok(number.to_string()),
        (Form::String | Form::Boolean, _) => Err(expected(form)),
        (_, Value::String(text)) if is_valid(form, text) => Ok(text.clone()),
        _ => Err(expected(form)),
    }
}

/// The JSON of a text; nothing when it has not the form.
pub(crate) fn to_json(form: Form, text: &str) -> Option<Value> {
    if form == Form::String {
        return Some(text.into());
    }
    if form == Form::Base64 {
        let packed: String = text.split_ascii_whitespace().collect();
        return is_valid(form, &packed).then(|| packed.into());
    }
    let text = text.trim_matches(|character: char| character.is_ascii_whitespace());
    match form {
        Form::Boolean => match text {
            "true" | "1" => Some(true.into()),
            "false" | "0" => Some(false.into()),
            _ => None,
        },
        Form::Integer => {
            let plain = text.strip_prefix('+').unwrap_or(text);
            let signed = plain.parse::<i64>().ok().map(Value::from);
            signed.or_else(|| plain.parse::<u64>().ok().map(Value::from))
        }
        // 1C gives moments without a zone; others may add one, which is kept.
        Form::DateTime | Form::Date | Form::Time => is_valid(form, without_zone(text)).then(|| text.into()),
        _ => is_valid(form, text).then(|| text.into()),
    }
}

fn without_zone(text: &str) -> &str {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let Some(at) = text.len().checked_sub(6) else {
        return text;
    };
    match text.split_at_checked(at) {
        Some((plain, zone))
            if zone.starts_with(['+', '-'])
                && zone.as_bytes().get(3) == Some(&b':')
                && plain.contains(':') =>
        {
            plain
        }
        _ => text,
    }
}

fn is_valid(form: Form, text: &str) -> bool {
    match form {
        Form::String => true,
        Form::Boolean => matches!(text, "true" | "false"),
        Form::Integer => text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok(),
        Form::Decimal => is_decimal(text),
        Form::Float => {
            let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
            matches!(text, "INF" | "-INF" | "NaN")
                || (is_decimal(mantissa) && exponent.parse::<i32>().is_ok())
        }
        Form::DateTime => text.parse::<NaiveDateTime>().is_ok() && text.contains('T'),
        Form::Date => text.parse::<NaiveDate>().is_ok(),
        Form::Time => text.parse::<NaiveTime>().is_ok(),
        Form::Base64 => STANDARD.decode(text).is_ok(),
        Form::Hex => text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
        Form::Uuid => text.len() == 36 && Uuid::parse_str(text).is_ok(),
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !(whole.is_empty() && part.is_empty()) && all_digits(whole) && all_digits(part)
}

/// What a value of a form looks like in JSON.
fn expected(form: Form) -> Text {
    match form {
        Form::String => Text::new("Нужна строка.", "A string is needed."),
        Form::Boolean => Text::new("Нужно true или false.", "true or false is needed."),
        Form::Integer => Text::new("Нужно целое число.", "A whole number is needed."),
        Form::Decimal => Text::new(
            "Нужно целое число или число строкой, например \"10.50\": так не теряются копейки.",
            "A whole number or a number as a string, such as \"10.50\", is needed: so no kopeck is lost.",
        ),
        Form::Float => Text::new("Нужно число.", "A number is needed."),
        Form::DateTime => Text::new(
            "Нужны дата и время без часового пояса, например \"2026-01-31T12:00:00\".",
            "A date and time without a zone is needed, such as \"2026-01-31T12:00:00\".",
        ),
        Form::Date => Text::new(
            "Нужна дата, например \"2026-01-31\".",
            "A date is needed, such as \"2026-01-31\".",
        ),
        Form::Time => Text::new(
            "Нужно время, например \"12:00:00\".",
            "A time is needed, such as \"12:00:00\".",
        ),
        Form::Base64 => Text::new("Нужна строка base64.", "A base64 string is needed."),
        Form::Hex => Text::new(
            "Нужна строка шестнадцатеричных цифр.",
            "A string of hexadecimal digits is needed.",
        ),
        Form::Uuid => Text::new(
            "Нужен уникальный идентификатор, например \"c5a0384c-e9e4-11e5-8448-000c295e30eb\".",
            "A UUID is needed, such as \"c5a0384c-e9e4-11e5-8448-000c295e30eb\".",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_keep_their_text() {
        for (form, json, text) in [
            (
                Form::Decimal,
                json!("12345678901234567890.10"),
                "12345678901234567890.10",
            ),
            (Form::Decimal, json!("-0.5"), "-0.5"),
            (Form::Integer, json!(-7), "-7"),
            (Form::Integer, json!(u64::MAX), "18446744073709551615"),
            (Form::Boolean, json!(false), "false"),
            (
                Form::DateTime,
                json!("0001-01-01T00:00:00"),
                "0001-01-01T00:00:00",
            ),
            (Form::Date, json!("2026-01-31"), "2026-01-31"),
            (Form::Time, json!("23:59:59"), "23:59:59"),
            (Form::Base64, json!("AAH/"), "AAH/"),
            (Form::Hex, json!("00ff"), "00ff"),
            (Form::Float, json!("-INF"), "-INF"),
            (
                Form::Uuid,
                json!("c5a0384c-e9e4-11e5-8448-000c295e30eb"),
                "c5a0384c-e9e4-11e5-8448-000c295e30eb",
            ),
        ] {
            assert_eq!(from_json(form, &json).unwrap(), text);
            assert_eq!(to_json(form, text), Some(json));
        }
        assert_eq!(from_json(Form::Decimal, &json!(5)).unwrap(), "5");
    }

    #[test]
    fn what_has_not_the_form_is_refused() {
        for (form, wrong) in [
            (Form::Decimal, json!(10.5)),
            (Form::Decimal, json!("1e5")),
            (Form::Decimal, json!("")),
            (Form::Decimal, json!(".")),
            (Form::Integer, json!(1.5)),
            (Form::Integer, json!("x")),
            (Form::Boolean, json!("true")),
            (Form::String, json!(1)),
            (Form::DateTime, json!("2026-01-31T12:00:00Z")),
            (Form::DateTime, json!("2026-01-31")),
            (Form::Date, json!("31.01.2026")),
            (Form::Base64, json!("AA=")),
            (Form::Uuid, json!("{c5a0384c-e9e4-11e5-8448-000c295e30eb}")),
            (Form::Hex, json!("0")),
        ] {
            assert!(from_json(form, &wrong).is_err(), "{form:?} {wrong}");
        }
        assert_eq!(to_json(Form::Boolean, "да"), None);
        assert_eq!(to_json(Form::Integer, "1.0"), None);
    }

    #[test]
    fn answers_may_have_zones_and_spaces() {
        assert_eq!(to_json(Form::Boolean, " 1\n"), Some(json!(true)));
        assert_eq!(to_json(Form::Base64, "AA\n H/"), Some(json!("AAH/")));
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.5+03:00",
            "2026-01-31T12:00:00",
        ] {
            assert_eq!(to_json(Form::DateTime, text), Some(json!(text)));
        }
    }
}
