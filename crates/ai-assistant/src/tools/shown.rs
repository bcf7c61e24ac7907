//! What a model sees of a result: as many rows as fit, and how many there are.

use common::Locale;
use common::contract::onec::Report;
use serde_json::{Map, Value, json};

use super::Limits;
use super::entities::Rows;
use crate::builtin::format::count;

/// A result as a model sees it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) content: String,
    /// Rows in it.
    pub(super) rows: usize,
}

/// A report.
pub(super) fn report(number: usize, report: &Report, limits: Limits) -> Shown {
    fitting(&report.rows, limits, |rows| {
        let total = report.row_count;
        let is_part = (rows.len() as u64) < total;
        let note = is_part.then(|| format!("{}; итоги — по всем строкам", of(rows.len(), total)));
        json!({
            "source": format!("[{number}]"),
            "report": report.report,
            "title": report.title,
            "parameters": report.parameters,
            "currency": report.currency,
            "as_of": report.as_of,
            "onec_reachable": report.onec_reachable,
            "rows": rows,
            "totals": report.totals,
            "row_count": total,
            "note": note,
        })
    })
}

/// Rows of a set.
pub(super) fn rows(number: usize, entity: &str, found: &Rows, limits: Limits) -> Shown {
    let all = found.rows().len();
    fitting(found.rows(), limits, |rows| {
        let mut notes = Vec::new();
        if found.goes_on() {
            notes.push(format!(
                "показано {}, есть ещё",
                count(rows.len() as u64, Locale::Ru)
            ));
        } else if rows.len() < all {
            notes.push(of(rows.len(), all as u64));
        }
        if found.partial {
            notes.push("1С показала не всё: у её пользователя не хватает прав".to_owned());
        }
        json!({
            "source": format!("[{number}]"),
            "entity": entity,
            "as_of": found.as_of,
            "rows": rows,
            "note": (!notes.is_empty()).then(|| notes.join("; ")),
        })
    })
}

/// A list of things that are not referred to by a number.
pub(super) fn list<T: serde::Serialize>(key: &str, items: &[T], limits: Limits) -> Shown {
    fitting(items, limits, |shown| {
        let note = (shown.len() < items.len()).then(|| of(shown.len(), items.len() as u64));
        let mut object = Map::new();
        object.insert(key.to_owned(), json!(shown));
        if let Some(note) = note {
            object.insert("note".to_owned(), Value::String(note));
        }
        Value::Object(object)
    })
}

fn of(shown: usize, total: u64) -> String {
    let shown = count(shown as u64, Locale::Ru);
    format!("показано {shown} из {}", count(total, Locale::Ru))
}

fn fitting<T>(rows: &[T], limits: Limits, told: impl Fn(&[T]) -> Value) -> Shown {
    let mut most = rows.len().min(limits.rows);
    loop {
        let content = told(&rows[..most]).to_string();
        if content.len() <= limits.bytes || most == 0 {
            return Shown { content, rows: most };
        }
        most /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_when_not_all_is_shown() {
        let items: Vec<String> = (0..1240).map(|number| format!("товар {number}")).collect();
        let shown = list("items", &items, Limits::default());
        assert_eq!(shown.rows, 50);
        assert!(
            shown.content.contains("показано 50 из 1\u{a0}240"),
            "{}",
            shown.content
        );
        let long: Vec<String> = (0..10).map(|_| "я".repeat(3000)).collect();
        let shown = list("items", &long, Limits::default());
        assert!(shown.rows < 10 && shown.content.len() <= Limits::default().bytes);
        assert!(shown.content.contains("из 10"));
    }
}
