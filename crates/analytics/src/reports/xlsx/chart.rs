//! A chart that Excel draws itself from the cells.

use common::Locale;
use common::contract::onec::Column;
use rust_xlsxwriter::{Chart, ChartLegendPosition, ChartType};

use super::Place;
use crate::reports::picture::Picture;
use crate::reports::sheet::Sheet;

/// The chart of a table that is worth one.
pub(super) fn of(
    sheet: &Sheet,
    columns: &[&Column],
    name: &str,
    place: Place,
    locale: Locale,
) -> Option<Chart> {
    let picture = Picture::of(sheet, columns)?;
    let last = place.first + u32::try_from(picture.rows).ok()?.saturating_sub(1);
    let mut chart = Chart::new(if picture.by_time {
        ChartType::Column
    } else {
        ChartType::Bar
    });
    let labels = u16::try_from(picture.label).ok()?;
    for value in picture.values.iter().copied() {
        let values = u16::try_from(value).ok()?;
        chart
            .add_series()
            .set_name((name, place.heading, values))
            .set_categories((name, place.first, labels, last, labels))
            .set_values((name, place.first, values, last, values));
    }
    chart.title().set_name(&picture.title(sheet, locale));
    if picture.values.len() == 1 {
        chart.legend().set_hidden();
    } else {
        chart.legend().set_position(ChartLegendPosition::Bottom);
    }
    if !picture.by_time {
        // The first row on top, as in the table.
        chart.x_axis().set_reverse();
    }
    chart.y_axis().set_num_format("#,##0");
    chart.set_width(960).set_height(560);
    Some(chart)
}
