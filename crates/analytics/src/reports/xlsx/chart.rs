//! A chart that Excel draws itself from the cells, for reports that compare or go through time.

use common::Locale;
use common::contract::onec::{Column, ColumnKind};
use rust_xlsxwriter::{Chart, ChartLegendPosition, ChartType};

use super::Place;
use crate::reports::sheet::Sheet;

/// More bars than that are no picture any more; the report has its greatest rows first.
const MOST_BARS: u32 = 15;
/// Figures side by side.
const MOST_SERIES: usize = 2;

/// Columns whose values are moments.
const TIMES: [&str; 3] = ["day", "week", "month"];

/// Reports whose rows are no quantities to compare: entries, documents, balances of accounts.
const LISTS: [&str; 8] = [
    "trial_balance",
    "account_analysis",
    "account_card",
    "statement",
    "counterparty_card",
    "documents",
    "postings",
    "user_activity",
];

/// The chart, when the report is of a kind that has one and there are at least two rows.
pub(super) fn of(
    sheet: &Sheet,
    columns: &[&Column],
    name: &str,
    place: Place,
    locale: Locale,
) -> Option<Chart> {
    if place.rows < 2 || LISTS.contains(&sheet.report.as_str()) {
        return None;
    }
    let find = |wanted: &dyn Fn(&Column) -> bool| columns.iter().position(|column| wanted(column));
    let label = find(&|column| matches!(column.kind, ColumnKind::Text | ColumnKind::Date))?;
    let has_total = |column: &Column| sheet.totals.contains_key(&column.key);
    let money = |column: &Column| column.kind == ColumnKind::Money && has_total(column);
    let mut shown: Vec<usize> = (0..columns.len())
        .filter(|place| money(columns[*place]))
        .take(MOST_SERIES)
        .collect();
    if shown.is_empty() {
        shown.extend(find(&|column| {
            column.kind != ColumnKind::Text && column.kind != ColumnKind::Date && has_total(column)
        }));
    }
    if shown.is_empty() {
        return None;
    }
    let by_time = columns[label].kind == ColumnKind::Date
        || TIMES.contains(&columns[label].key.as_str())
        || sheet.parameters["group_by"]
            .as_str()
            .is_some_and(|group| TIMES.contains(&group));
    let last = if by_time {
        place.last()
    } else {
        place.last().min(place.first + MOST_BARS - 1)
    };
    let mut chart = Chart::new(if by_time {
        ChartType::Column
    } else {
        ChartType::Bar
    });
    let labels = u16::try_from(label).ok()?;
    for value in shown.iter().copied() {
        let values = u16::try_from(value).ok()?;
        chart
            .add_series()
            .set_name((name, place.heading, values))
            .set_categories((name, place.first, labels, last, labels))
            .set_values((name, place.first, values, last, values));
    }
    let title = if last < place.last() {
        let bars = MOST_BARS;
        match locale {
            Locale::Ru => format!("{}: первые {bars}", sheet.title),
            Locale::En => format!("{}: the first {bars}", sheet.title),
        }
    } else {
        sheet.title.clone()
    };
    chart.title().set_name(&title);
    if shown.len() == 1 {
        chart.legend().set_hidden();
    } else {
        chart.legend().set_position(ChartLegendPosition::Bottom);
    }
    if !by_time {
        // The first row on top, as in the table.
        chart.x_axis().set_reverse();
    }
    chart.y_axis().set_num_format("#,##0");
    chart.set_width(960).set_height(560);
    Some(chart)
}
