//! Values of properties: as a caller gives them, as we compare and show them, and as 1C takes them.
//! The form that we compare and show is that of [`crate::catalogue::values`].

use chrono::{Datelike, NaiveDate, NaiveDateTime};
use common::Text;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Number, Value};
use uuid::Uuid;

use crate::catalogue::values::PRESENTATION;
use crate::store::catalogue::StoredProperty;

/// What 1C calls an empty date.
const EMPTY_DATE: &str = "0001-01-01T00:00:00";
/// Digits that a binary number keeps whatever they are.
const EXACT_DIGITS: usize = 15;

/// A value that is not a reference, checked; what is wrong with it otherwise.
pub(crate) fn scalar(edm_type: &str, given: &Value) -> Result<Value, Text> {
    match edm_type {
        "Edm.String" => match given {
            Value::String(text) => Ok(text.trim_end().into()),
            Value::Null => Ok("".into()),
            _ => Err(Text::new("Нужна строка.", "A string is needed.")),
        },
        "Edm.Boolean" => match given {
            Value::Bool(_) => Ok(given.clone()),
            _ => Err(Text::new("Нужно true или false.", "true or false is needed.")),
        },
        "Edm.DateTime" => date(given),
        "Edm.Guid" => match given {
            Value::Null => Ok(Value::Null),
            Value::String(text) => guid(text)
                .map(|guid| (!guid.is_nil()).then(|| guid.to_string()).into())
                .ok_or_else(|| Text::new("Нужен GUID.", "A GUID is needed.")),
            _ => Err(Text::new("Нужен GUID.", "A GUID is needed.")),
        },
        "Edm.Byte" => whole(given, 0, u8::MAX.into()),
        "Edm.Int16" => whole(given, i16::MIN.into(), i16::MAX.into()),
        "Edm.Int32" => whole(given, i32::MIN.into(), i32::MAX.into()),
        "Edm.Int64" => whole(given, i64::MIN, i64::MAX),
        "Edm.Double" | "Edm.Single" | "Edm.Decimal" => number(given).and_then(exact),
        _ => Err(Text::new(
            "Реквизит этого типа так не записывается.",
            "A property of this type cannot be written so.",
        )),
    }
}

/// A GUID in its usual form only.
pub(crate) fn guid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

fn date(given: &Value) -> Result<Value, Text> {
    let wrong = || {
        Text::new(
            "Нужны дата и время базы без часового пояса: 2026-10-31T12:00:00.",
            "A date and time of the infobase without a zone is needed: 2026-10-31T12:00:00.",
        )
    };
    let text = match given {
        Value::Null => return Ok(Value::Null),
        Value::String(text) => text,
        _ => return Err(wrong()),
    };
    let moment = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
        .ok()
        .or_else(|| {
            NaiveDate::parse_from_str(text, "%Y-%m-%d")
                .ok()?
                .and_hms_opt(0, 0, 0)
        })
        .filter(|moment| (1..=3999).contains(&moment.year()))
        .ok_or_else(wrong)?;
    let text = moment.format("%Y-%m-%dT%H:%M:%S").to_string();
    Ok((text != EMPTY_DATE).then_some(text).into())
}

fn number(given: &Value) -> Result<Decimal, Text> {
    let wrong = || {
        Text::new(
            "Нужно число: 1250.50 или \"1250.50\".",
            "A number is needed: 1250.50 or \"1250.50\".",
        )
    };
    match given {
        // A longer number may have lost digits when the request was read.
        Value::Number(number) => {
            let text = number.to_string();
            let digits = text
                .chars()
                .take_while(|letter| *letter != 'e')
                .filter(char::is_ascii_digit);
            if number.is_f64() && digits.count() > EXACT_DIGITS + 1 {
                return Err(Text::new(
                    "Такое длинное число передавайте строкой.",
                    "Give so long a number as a string.",
                ));
            }
            text.parse()
                .or_else(|_| Decimal::from_scientific(&text))
                .map_err(|_| wrong())
        }
        Value::String(text) => text.trim().parse().map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

/// A number that 1C's interface, which speaks binary fractions, passes on as it is.
fn exact(number: Decimal) -> Result<Value, Text> {
    let number = number.normalize();
    let passed = binary(number).is_some_and(|binary| {
        let text = Number::from_f64(binary)
            .map(|binary| binary.to_string())
            .unwrap_or_default();
        let back = text.parse().or_else(|_| Decimal::from_scientific(&text));
        back.is_ok_and(|back: Decimal| back == number)
    });
    if passed {
        Ok(number.to_string().into())
    } else {
        Err(Text::new(
            "Столько знаков 1С через этот интерфейс не примет без потерь.",
            "1C cannot take so many digits by this interface without a loss.",
        ))
    }
}

fn binary(number: Decimal) -> Option<f64> {
    // Parsing gives the nearest one; a conversion by steps may not.
    number
        .to_string()
        .parse()
        .ok()
        .filter(|binary: &f64| binary.is_finite())
}

fn whole(given: &Value, least: i64, most: i64) -> Result<Value, Text> {
    let wrong = || {
        Text::new(
            format!("Нужно целое число от {least} до {most}."),
            format!("A whole number from {least} to {most} is needed."),
        )
    };
    let number = number(given).map_err(|_| wrong())?;
    let whole = number.is_integer().then(|| number.to_i64()).flatten();
    whole
        .filter(|whole| (least..=most).contains(whole))
        .map(Value::from)
        .ok_or_else(wrong)
}

/// The value that a property of this type has when nothing is written into it.
pub(crate) fn empty(edm_type: &str) -> Value {
    match edm_type {
        "Edm.String" => "".into(),
        "Edm.Boolean" => false.into(),
        "Edm.Byte" | "Edm.Int16" | "Edm.Int32" | "Edm.Int64" => 0.into(),
        "Edm.Double" | "Edm.Single" | "Edm.Decimal" => "0".into(),
        _ => Value::Null,
    }
}

/// A value as 1C takes it.
pub(crate) fn wire(edm_type: &str, value: &Value) -> Value {
    match (edm_type, value) {
        ("Edm.Guid", Value::Null) => Uuid::nil().to_string().into(),
        ("Edm.DateTime", Value::Null) => EMPTY_DATE.into(),
        // 1C writes these as strings itself.
        ("Edm.Int64", Value::Number(number)) => number.to_string().into(),
        ("Edm.Double" | "Edm.Single" | "Edm.Decimal", Value::String(text)) => match text.parse::<i64>() {
            Ok(whole) => whole.into(),
            Err(_) => text.parse::<f64>().map_or_else(|_| value.clone(), Value::from),
        },
        _ => value.clone(),
    }
}

/// Properties as 1C takes them.
pub(crate) fn wire_object(object: &Map<String, Value>, declared: &[StoredProperty]) -> Map<String, Value> {
    object
        .iter()
        .map(|(name, value)| {
            let edm_type = declared.iter().find(|property| &property.name == name);
            let edm_type = edm_type.map_or("", |property| property.edm_type.as_str());
            (name.clone(), wire(edm_type, value))
        })
        .collect()
}

/// The properties with the names of the objects that they refer to beside them.
pub(crate) fn presented(object: &Map<String, Value>, names: &Map<String, Value>) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, value) in object {
        if let Some(found) = value.as_str().and_then(|text| names.get(text)) {
            let plain = name.strip_suffix("_Key").unwrap_or(name);
            shown.insert(format!("{plain}{PRESENTATION}"), found.clone());
        }
        let value = match value {
            Value::Array(rows) => rows
                .iter()
                .map(|row| match row {
                    Value::Object(row) => Value::Object(presented(row, names)),
                    other => other.clone(),
                })
                .collect(),
            other => other.clone(),
        };
        shown.insert(name.clone(), value);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_taken_without_loss_or_refused() {
        let guid = "1fa1a135-d89b-11e6-8343-40167e2531c3";
        for (edm_type, given, taken, sent) in [
            ("Edm.Double", json!(336.1), json!("336.1"), json!(336.1)),
            ("Edm.Double", json!("1250.50"), json!("1250.5"), json!(1250.5)),
            ("Edm.Double", json!(20000), json!("20000"), json!(20000)),
            (
                "Edm.Double",
                json!("9007199254740.93"),
                json!("9007199254740.93"),
                json!(9_007_199_254_740.93),
            ),
            ("Edm.Int64", json!(12), json!(12), json!("12")),
            ("Edm.Int64", json!("12"), json!(12), json!("12")),
            ("Edm.Int16", json!(-5), json!(-5), json!(-5)),
            ("Edm.Boolean", json!(true), json!(true), json!(true)),
            ("Edm.String", json!("А  "), json!("А"), json!("А")),
            ("Edm.String", json!(null), json!(""), json!("")),
            (
                "Edm.DateTime",
                json!("2026-10-31"),
                json!("2026-10-31T00:00:00"),
                json!("2026-10-31T00:00:00"),
            ),
            ("Edm.DateTime", json!(null), json!(null), json!(EMPTY_DATE)),
            ("Edm.DateTime", json!(EMPTY_DATE), json!(null), json!(EMPTY_DATE)),
            ("Edm.Guid", json!(guid), json!(guid), json!(guid)),
            ("Edm.Guid", json!(Uuid::nil()), json!(null), json!(Uuid::nil())),
        ] {
            let found = scalar(edm_type, &given).unwrap();
            assert_eq!(found, taken, "{edm_type} {given}");
            assert_eq!(wire(edm_type, &found), sent, "{edm_type} {given}");
        }
        for (edm_type, given) in [
            ("Edm.Double", json!("90071992547409.93")),
            ("Edm.Double", json!(0.123_456_789_012_345_67)),
            ("Edm.Double", json!("1,5")),
            ("Edm.Double", json!(null)),
            ("Edm.Double", json!(true)),
            ("Edm.Double", json!("NaN")),
            ("Edm.Int16", json!(40000)),
            ("Edm.Int64", json!(1.5)),
            ("Edm.Int64", json!("9223372036854775808")),
            ("Edm.Boolean", json!("true")),
            ("Edm.String", json!(5)),
            ("Edm.DateTime", json!("2026-10-31T12:00:00Z")),
            ("Edm.DateTime", json!("31.10.2026")),
            ("Edm.DateTime", json!("2026-02-30")),
            ("Edm.DateTime", json!(5)),
            ("Edm.Guid", json!("x")),
            ("Edm.Stream", json!("x")),
        ] {
            assert!(scalar(edm_type, &given).is_err(), "{edm_type} {given}");
        }
    }
}
