//! From the answer of a query to what a panel shows.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use common::{Locale, Text};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::definition::GaugeDefinition;
use super::frame::{Field, FieldKind, Fields, Frame};
use crate::charts::{Cell, Chart, ChartKind, Figure, Series, Table, Unit, decimal, exact};

/// Categories of a chart at most; the rest is in the table.
const MOST_CATEGORIES: usize = 400;
/// Series of a chart at most.
const MOST_SERIES: usize = 12;
/// Rows of a heat map at most.
const MOST_ROWS: usize = 60;

/// The figures of a panel: the sums that it names, or all of them.
pub(super) fn figures(frame: &Frame, fields: &Fields) -> Vec<Figure> {
    let keys: Vec<&str> = if fields.totals.is_empty() {
        let numbers = frame.fields.iter().filter(|field| field.is_number());
        numbers
            .map(|field| field.key.as_str())
            .filter(|key| frame.totals.contains_key(*key))
            .take(4)
            .collect()
    } else {
        fields.totals.iter().map(String::as_str).collect()
    };
    keys.into_iter()
        .map(|key| {
            let value = |totals: &Map<String, Value>| totals.get(key).and_then(decimal);
            let title = frame.field(key).map_or(key, |field| field.title.as_str());
            let previous = frame.previous.as_ref().and_then(value);
            Figure::new(
                key,
                title.to_owned(),
                frame.unit(key),
                value(&frame.totals),
                previous,
            )
        })
        .collect()
}

/// The chart of an answer; `None` when it has nothing that such a chart can show. `names` are the
/// steps of a series, those without rows too.
pub(super) fn chart(
    frame: &Frame,
    kind: ChartKind,
    title: String,
    fields: &Fields,
    gauge: Option<&GaugeDefinition>,
    names: Option<&[String]>,
    locale: Locale,
) -> Option<Chart> {
    let (unit, categories, series) = if !fields.steps.is_empty() {
        steps(frame, fields)?
    } else if !fields.totals.is_empty() {
        totals(frame, fields, kind, locale)?
    } else {
        rows(frame, fields, kind, names, locale)?
    };
    let gauge = gauge.cloned().unwrap_or_default();
    Some(Chart {
        kind,
        title,
        note: None,
        unit,
        categories,
        series,
        min: gauge.min,
        max: gauge.max,
        thresholds: gauge.thresholds,
    })
}

type Parts = (Unit, Vec<String>, Vec<Series>);

fn steps(frame: &Frame, fields: &Fields) -> Option<Parts> {
    let unit = fields
        .steps
        .iter()
        .find_map(|step| step.key.as_deref())
        .map(|key| frame.unit(key))?;
    let (mut categories, mut values) = (Vec::new(), Vec::new());
    for step in &fields.steps {
        let name = |key: &str| frame.field(key).map_or(key, |field| &field.title).to_owned();
        let title = step.title.clone().or_else(|| step.key.as_deref().map(name));
        categories.push(title.unwrap_or_else(|| "=".to_owned()));
        values.push(match &step.key {
            Some(key) => {
                let value = frame.totals.get(key).and_then(decimal)?;
                Some(if step.minus { -value } else { value })
            }
            None => None,
        });
    }
    let name = String::new();
    Some((unit, categories, vec![Series { name, values }]))
}

/// Sums as categories.
fn totals(frame: &Frame, fields: &Fields, kind: ChartKind, locale: Locale) -> Option<Parts> {
    let unit = frame.unit(fields.totals.first()?);
    let (mut categories, mut values) = (Vec::new(), Vec::new());
    for key in &fields.totals {
        let value = frame.totals.get(key).and_then(decimal);
        // A part that is less than nothing cannot be shown as one.
        let value = value.filter(|value| kind != ChartKind::Pie || !value.is_sign_negative());
        categories.push(frame.field(key).map_or(key, |field| &field.title).clone());
        values.push(value);
    }
    let name = if kind == ChartKind::Gauge {
        categories.first().cloned().unwrap_or_default()
    } else {
        Text::new("Сумма", "Sum").get(locale).to_owned()
    };
    Some((unit, categories, vec![Series { name, values }]))
}

/// The fields of the categories and of the values.
fn choose<'a>(frame: &'a Frame, fields: &Fields) -> Option<(&'a Field, Vec<&'a Field>)> {
    let x = match &fields.x {
        Some(key) => frame.field(key)?,
        None => frame.fields.iter().find(|field| {
            let named = matches!(field.kind, FieldKind::Time | FieldKind::Date | FieldKind::Text);
            // What names the series does not name the categories as well.
            named && fields.series.as_deref() != Some(field.key.as_str())
        })?,
    };
    let y = if fields.y.is_empty() {
        let money = frame.fields.iter().find(|field| field.kind == FieldKind::Money);
        let number = || frame.fields.iter().find(|field| field.is_number());
        vec![money.or_else(number)?]
    } else {
        let named: Option<Vec<&Field>> = fields.y.iter().map(|key| frame.field(key)).collect();
        named?
    };
    Some((x, y))
}

fn rows(
    frame: &Frame,
    fields: &Fields,
    kind: ChartKind,
    names: Option<&[String]>,
    locale: Locale,
) -> Option<Parts> {
    let (x, y) = choose(frame, fields)?;
    let unit = frame.unit(&y.first()?.key);
    // Steps without rows are there with nothing, which of sums is zero.
    let mut order: Vec<String> = names.map(<[String]>::to_vec).unwrap_or_default();
    let empty = names.map(|_| Decimal::ZERO);
    let mut index: BTreeMap<String, usize> = order.iter().cloned().zip(0..).collect();
    let mut series: Vec<(String, Vec<Option<Decimal>>)> = Vec::new();
    if fields.series.is_none() {
        series = y.iter().map(|field| (field.title.clone(), Vec::new())).collect();
    }
    let most_series = if kind == ChartKind::HeatMap {
        MOST_ROWS
    } else {
        MOST_SERIES
    };
    for row in &frame.rows {
        let category = text(row.get(&x.key));
        let place = match index.get(&category) {
            Some(place) => *place,
            None if order.len() >= MOST_CATEGORIES => continue,
            None => {
                index.insert(category.clone(), order.len());
                order.push(category);
                order.len() - 1
            }
        };
        let cells: Vec<(usize, Option<Decimal>)> = match &fields.series {
            Some(key) => {
                let name = text(row.get(key));
                let number = match series.iter().position(|(known, _)| *known == name) {
                    Some(number) => number,
                    None if series.len() >= most_series => continue,
                    None => {
                        series.push((name, Vec::new()));
                        series.len() - 1
                    }
                };
                vec![(number, row.get(&y[0].key).and_then(decimal))]
            }
            None => {
                let values = y.iter().map(|field| row.get(&field.key).and_then(decimal));
                values.enumerate().collect()
            }
        };
        for (number, value) in cells {
            let values = &mut series[number].1;
            if values.len() <= place {
                values.resize(place + 1, empty);
            }
            values[place] = value;
        }
    }
    let series = series
        .into_iter()
        .take(most_series)
        .map(|(name, mut values)| {
            values.resize(order.len(), empty);
            if kind == ChartKind::Pie {
                for value in &mut values {
                    *value = value.filter(|value| !value.is_sign_negative());
                }
            }
            Series { name, values }
        })
        .collect();
    let step = labels(&order, x, locale);
    Some((unit, step, series))
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "—".to_owned(),
        Some(Value::String(text)) if text.is_empty() => "—".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

const MONTHS_RU: [&str; 12] = [
    "янв", "фев", "мар", "апр", "май", "июн", "июл", "авг", "сен", "окт", "ноя", "дек",
];
const MONTHS_EN: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Names of categories as they are read on an axis: «27.11», «ноя 2026», «14:00».
fn labels(order: &[String], x: &Field, locale: Locale) -> Vec<String> {
    let months = match locale {
        Locale::Ru => MONTHS_RU,
        Locale::En => MONTHS_EN,
    };
    order
        .iter()
        .map(|name| {
            if x.kind == FieldKind::Time {
                // The moment has been brought into the time zone of the dashboard.
                return name.clone();
            }
            if let Ok(day) = name.parse::<NaiveDate>() {
                return match locale {
                    Locale::Ru => day.format("%d.%m").to_string(),
                    Locale::En => day.format("%b %-d").to_string(),
                };
            }
            let month = name.split_once('-').and_then(|(year, month)| {
                let number: usize = month.parse().ok()?;
                (year.len() == 4 && month.len() == 2)
                    .then(|| Some(format!("{} {year}", months.get(number.checked_sub(1)?)?)))?
            });
            month.unwrap_or_else(|| name.clone())
        })
        .collect()
}

/// Brings moments into a time zone, as short as the step allows, for the categories of a chart.
pub(super) fn moments(frame: &Frame, zone: Tz, step: super::Step, locale: Locale) -> Frame {
    let mut shown = frame.clone();
    let keys: Vec<&str> = frame
        .fields
        .iter()
        .filter(|field| field.kind == FieldKind::Time)
        .map(|field| field.key.as_str())
        .collect();
    let months = match locale {
        Locale::Ru => MONTHS_RU,
        Locale::En => MONTHS_EN,
    };
    for row in &mut shown.rows {
        for key in &keys {
            let at = row
                .get(*key)
                .and_then(Value::as_str)
                .and_then(|text| text.parse::<DateTime<Utc>>().ok());
            let Some(at) = at else { continue };
            let local = at.with_timezone(&zone);
            let text = match step {
                super::Step::Hour => local.format("%d.%m %H:%M").to_string(),
                super::Step::Day | super::Step::Week => local.format("%d.%m").to_string(),
                super::Step::Month => {
                    let month = chrono::Datelike::month0(&local) as usize;
                    format!("{} {}", months[month % 12], local.format("%Y"))
                }
            };
            row.insert((*key).to_owned(), text.into());
        }
    }
    shown
}

/// «На 27.11.2026 12:30»: the moment that figures are of.
pub(super) fn as_of(at: DateTime<Utc>, zone: Tz, locale: Locale) -> String {
    let at = at.with_timezone(&zone);
    Text::new(
        format!("По данным на {}", at.format("%d.%m.%Y %H:%M")),
        format!("As of {}", at.format("%Y-%m-%d %H:%M")),
    )
    .get(locale)
    .to_owned()
}

/// The rows as a table to be read. `most` is how many are shown.
pub(super) fn table(
    frame: &Frame,
    fields: &Fields,
    title: &str,
    zone: Tz,
    locale: Locale,
    most: usize,
) -> Table {
    let shown: Vec<&Field> = if fields.y.is_empty() && fields.x.is_none() {
        let visible = frame.fields.iter().filter(|field| field.kind != FieldKind::Id);
        visible
            // Sums that are no columns.
            .filter(|field| {
                frame.rows.iter().any(|row| row.contains_key(&field.key)) || frame.rows.is_empty()
            })
            .collect()
    } else {
        let keys = fields.x.iter().chain(&fields.series).chain(&fields.y);
        keys.filter_map(|key| frame.field(key)).collect()
    };
    let rows = frame
        .rows
        .iter()
        .take(most)
        .map(|row| {
            shown
                .iter()
                .map(|field| cell(row.get(&field.key), field, frame, zone, locale))
                .collect()
        })
        .collect();
    let more = frame.row_count.saturating_sub(most.min(frame.rows.len()) as u64);
    let note = (more > 0).then(|| {
        Text::new(
            format!("Ещё строк: {more}. Всего {}.", frame.row_count),
            format!("{more} more rows, {} in all.", frame.row_count),
        )
        .get(locale)
        .to_owned()
    });
    Table {
        title: title.to_owned(),
        headings: shown.iter().map(|field| field.title.clone()).collect(),
        rows,
        note,
    }
}

fn cell(value: Option<&Value>, field: &Field, frame: &Frame, zone: Tz, locale: Locale) -> Cell {
    let value = value.unwrap_or(&Value::Null);
    if field.is_number() {
        let number = decimal(value);
        return Cell {
            text: number.map_or("—".to_owned(), |number| {
                exact(number, &frame.unit(&field.key), locale)
            }),
            number: true,
            negative: number.is_some_and(|number| number.is_sign_negative() && !number.is_zero()),
        };
    }
    let words = match (field.kind, value) {
        (FieldKind::Boolean, Value::Bool(yes)) => {
            let word = if *yes {
                Text::new("да", "yes")
            } else {
                Text::new("нет", "no")
            };
            word.get(locale).to_owned()
        }
        (FieldKind::Date, Value::String(day)) => match (day.parse::<NaiveDate>(), locale) {
            (Ok(day), Locale::Ru) => day.format("%d.%m.%Y").to_string(),
            _ => day.clone(),
        },
        (FieldKind::Time, Value::String(at)) => at.parse::<DateTime<Utc>>().map_or_else(
            |_| at.clone(),
            |at| at.with_timezone(&zone).format("%d.%m.%Y %H:%M").to_string(),
        ),
        (_, value) => text(Some(value)),
    };
    Cell {
        text: words,
        number: false,
        negative: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_names_the_series_does_not_name_the_categories() {
        let field = |key: &str, kind| Field::new(key, key, kind);
        let rows = json!([
            {"direction": "Поступления", "day": "2026-11-02", "amount": "100.00"},
            {"direction": "Платежи", "day": "2026-11-02", "amount": "30.00"},
            {"direction": "Поступления", "day": "2026-11-03", "amount": "5.00"},
        ]);
        let frame = Frame {
            fields: vec![
                field("direction", FieldKind::Text),
                field("day", FieldKind::Text),
                field("amount", FieldKind::Money),
            ],
            rows: serde_json::from_value(rows).unwrap(),
            totals: Map::new(),
            previous: None,
            row_count: 3,
            currency: "RUB".to_owned(),
            as_of: DateTime::UNIX_EPOCH,
        };
        let fields = Fields {
            series: Some("direction".to_owned()),
            y: vec!["amount".to_owned()],
            ..Fields::default()
        };
        let names = ["2026-11-01", "2026-11-02", "2026-11-03"].map(str::to_owned);
        let chart = chart(
            &frame,
            ChartKind::Bar,
            String::new(),
            &fields,
            None,
            Some(&names),
            Locale::Ru,
        )
        .unwrap();
        assert_eq!(chart.categories, ["01.11", "02.11", "03.11"]);
        let values = |index: usize| -> Vec<String> {
            let values = chart.series[index].values.iter();
            values.map(|value| value.unwrap().to_string()).collect()
        };
        // A day without payments is one of nothing.
        assert_eq!(values(0), ["0", "100.00", "5.00"]);
        assert_eq!(values(1), ["0", "30.00", "0"]);
    }
}
