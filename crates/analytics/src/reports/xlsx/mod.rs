//! The table as a workbook: typed cells, totals that follow a filter, print set-up, a chart, and a
//! sheet that tells what the file is.
//!
//! Rows go to the disk as they come ("constant memory"), so they are written strictly in order.

mod chart;
mod look;

use common::contract::onec::{Column, ColumnKind};
use common::{BoxError, Locale, Text};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Formula, Workbook, Worksheet, utility};

use self::look::Look;
use super::Style;
use super::cell::{Cell, row_count, shown_truth};
use super::rows::Rows;
use super::sheet::Sheet;

/// Letters of a sheet's name at most, by Excel.
const LONGEST_NAME: usize = 31;
/// Width of a column in letters: at least and at most; longer texts wrap.
const WIDTHS: (usize, usize) = (8, 55);
/// Columns that fit upright on A4.
const UPRIGHT_COLUMNS: usize = 6;

/// Where the table is on its sheet, counted from 0.
#[derive(Debug, Clone, Copy)]
struct Place {
    heading: u32,
    first: u32,
    /// The last row with data; before `first` when there is none.
    rows: u32,
}

impl Place {
    fn last(self) -> u32 {
        self.first + self.rows.saturating_sub(1)
    }
}

/// Writes the workbook.
pub(super) fn render(sheet: &Sheet, rows: &mut Rows<'_>, style: Style) -> Result<Vec<u8>, BoxError> {
    let locale = style.locale;
    let look = Look::new(sheet.currency.as_deref());
    let columns = sheet.shown_columns();
    let name = sheet_name(&sheet.title);
    let mut book = Workbook::new();
    // The moment of the data and not of the writing: the same table gives the same bytes.
    let created = ExcelDateTime::from_timestamp(sheet.as_of.timestamp())?;
    let properties = DocProperties::new()
        .set_title(&sheet.title)
        .set_creation_datetime(&created);
    book.set_properties(&properties);
    let page = book.add_worksheet_with_constant_memory()?;
    page.set_name(&name)?;
    let place = write_table(page, sheet, &columns, rows, style, &look)?;
    set_up_print(page, sheet, &columns, place, locale)?;
    if let Some(drawn) = chart::of(sheet, &columns, &name, place, locale) {
        let page = book.add_worksheet();
        page.set_name(Text::new("Диаграмма", "Chart").get(locale))?;
        page.set_landscape()
            .set_paper_size(9)
            .set_print_fit_to_pages(1, 1);
        page.insert_chart(0, 0, &drawn)?;
    }
    let page = book.add_worksheet();
    write_about(page, sheet, rows, style, &look)?;
    Ok(book.save_to_buffer()?)
}

fn write_table(
    page: &mut Worksheet,
    sheet: &Sheet,
    columns: &[&Column],
    rows: &mut Rows<'_>,
    style: Style,
    look: &Look,
) -> Result<Place, BoxError> {
    let locale = style.locale;
    page.write_string_with_format(0, 0, &sheet.title, &look.title)?;
    let mut line = 1;
    for (label, value) in sheet.captions(locale, style.time_zone) {
        page.write_string_with_format(line, 0, format!("{label}: {value}"), &look.caption)?;
        line += 1;
    }
    let heading = line + 1;
    let mut widths: Vec<usize> = Vec::with_capacity(columns.len());
    for (place, column) in (0..).zip(columns) {
        page.write_string_with_format(heading, place, &column.title, &look.heading)?;
        // A heading wraps at its words.
        let longest = column.title.split_whitespace().map(letters).max();
        widths.push(longest.unwrap_or(0).max(letters(&column.title).div_ceil(2)) + 2);
    }
    let first = heading + 1;
    let mut line = first;
    rows.write(|row| {
        for (place, column) in columns.iter().enumerate() {
            let cell = Cell::read(row.get(&column.key), column.kind);
            let wide = write_cell(page, (line, at(place)?), &cell, column.kind, look, locale)?;
            widths[place] = widths[place].max(wide);
        }
        line += 1;
        Ok(())
    })?;
    let place = Place {
        heading,
        first,
        rows: line - first,
    };
    if sheet.has_totals() {
        write_totals(page, sheet, columns, rows, place, look, locale, &mut widths)?;
        line += 1;
    }
    let counted = row_count(rows.control().rows, locale);
    page.write_string_with_format(line + 1, 0, counted, &look.caption)?;
    for (place, width) in widths.into_iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "at most 55")]
        page.set_column_width(at(place)?, width.clamp(WIDTHS.0, WIDTHS.1) as f64)?;
    }
    Ok(place)
}

/// Writes a value; tells how many letters wide it is.
fn write_cell(
    page: &mut Worksheet,
    (row, column): (u32, u16),
    cell: &Cell<'_>,
    kind: ColumnKind,
    look: &Look,
    locale: Locale,
) -> Result<usize, BoxError> {
    match cell {
        Cell::Empty => {
            page.write_blank(row, column, &look.text)?;
        }
        // A string is never taken for a formula, whatever it begins with.
        Cell::Text(text) => {
            page.write_string_with_format(row, column, text.as_ref(), &look.text)?;
        }
        Cell::Number(number) => {
            let format = look.number(kind, *number);
            page.write_number_with_format(row, column, float(*number)?, format)?;
        }
        Cell::Date(day) => match excel_day(*day) {
            Some(day) => {
                page.write_datetime_with_format(row, column, &day, &look.date)?;
            }
            // Excel knows no days before 1900.
            None => {
                page.write_string_with_format(row, column, day.to_string(), &look.text)?;
            }
        },
        Cell::Truth(yes) => {
            page.write_string_with_format(row, column, shown_truth(*yes, locale), &look.text)?;
        }
    }
    let currency = if kind == ColumnKind::Money { 3 } else { 1 };
    Ok(letters(&cell.shown(kind, locale)) + currency)
}

/// The line under the table. Where the total is the sum of the rows, it is a formula that counts what
/// a filter leaves.
#[expect(clippy::too_many_arguments, reason = "all of what a line needs, in one place")]
fn write_totals(
    page: &mut Worksheet,
    sheet: &Sheet,
    columns: &[&Column],
    rows: &Rows<'_>,
    place: Place,
    look: &Look,
    locale: Locale,
    widths: &mut [usize],
) -> Result<(), BoxError> {
    let line = place.first + place.rows;
    let label = sheet.total_label(columns, locale);
    for (number, column) in columns.iter().enumerate() {
        let at = at(number)?;
        if let Some((labelled, text)) = label
            && labelled == number
        {
            page.write_string_with_format(line, at, text, &look.total_text)?;
            continue;
        }
        match Cell::read(sheet.totals.get(&column.key), column.kind) {
            Cell::Number(total) => {
                let format = look.total(column.kind, total);
                widths[number] =
                    widths[number].max(letters(&Cell::Number(total).shown(column.kind, locale)) + 3);
                if place.rows > 0 && rows.sum(&column.key) == Some(total) {
                    let range = utility::cell_range(place.first, at, place.last(), at);
                    let formula =
                        Formula::new(format!("=SUBTOTAL(109,{range})")).set_result(total.to_string());
                    page.write_formula_with_format(line, at, formula, format)?;
                } else {
                    page.write_number_with_format(line, at, float(total)?, format)?;
                }
            }
            other => {
                let text = other.shown(column.kind, locale);
                page.write_string_with_format(line, at, text, &look.total_text)?;
            }
        }
    }
    Ok(())
}

/// How the sheet looks on the screen and on paper.
fn set_up_print(
    page: &mut Worksheet,
    sheet: &Sheet,
    columns: &[&Column],
    place: Place,
    locale: Locale,
) -> Result<(), BoxError> {
    let frozen = u16::from(
        columns
            .first()
            .is_some_and(|column| column.kind == ColumnKind::Text),
    );
    page.set_freeze_panes(place.first, if columns.len() > 3 { frozen } else { 0 })?;
    page.set_repeat_rows(place.heading, place.heading)?;
    if let Some(last) = columns.len().checked_sub(1)
        && place.rows > 0
    {
        page.autofilter(place.heading, 0, place.last(), at(last)?)?;
    }
    page.set_paper_size(9).set_print_fit_to_pages(1, 0);
    if columns.len() > UPRIGHT_COLUMNS {
        page.set_landscape();
    }
    page.set_margins(0.6, 0.4, 0.5, 0.6, 0.3, 0.3);
    let pages = Text::new("Стр. &P из &N", "Page &P of &N");
    // An ampersand in a title is not a command.
    page.set_footer(format!(
        "&L{}&R{}",
        sheet.title.replace('&', "&&"),
        pages.get(locale)
    ));
    Ok(())
}

/// The last sheet: what the file is and what tells that it is whole.
fn write_about(
    page: &mut Worksheet,
    sheet: &Sheet,
    rows: &Rows<'_>,
    style: Style,
    look: &Look,
) -> Result<(), BoxError> {
    let locale = style.locale;
    let text = |ru: &'static str, en: &'static str| Text::new(ru, en).get(locale).to_owned();
    page.set_name(text("О файле", "About"))?;
    page.set_column_width(0, 34)?.set_column_width(1, 60)?;
    page.write_string_with_format(0, 0, &sheet.title, &look.title)?;
    let mut lines = sheet.captions(locale, style.time_zone);
    for citation in &sheet.citations {
        lines.push((text("Объект 1С", "Object of 1C"), citation.object.clone()));
    }
    let mut line = 2;
    for (label, value) in lines {
        page.write_string_with_format(line, 0, label, &look.caption)?;
        page.write_string_with_format(line, 1, value, &look.text)?;
        line += 1;
    }
    line += 1;
    page.write_string_with_format(
        line,
        0,
        text("Контрольные суммы", "Control totals"),
        &look.heading_left,
    )?;
    page.write_string_with_format(
        line,
        1,
        text("по строкам файла", "of the rows in the file"),
        &look.heading_left,
    )?;
    line += 1;
    page.write_string_with_format(line, 0, text("Строк", "Rows"), &look.caption)?;
    let counted = Decimal::from(rows.control().rows);
    page.write_number_with_format(line, 1, float(counted)?, &look.plain_number)?;
    for column in &sheet.columns {
        let Some(sum) = rows.sum(&column.key) else {
            continue;
        };
        line += 1;
        page.write_string_with_format(line, 0, &column.title, &look.caption)?;
        page.write_number_with_format(line, 1, float(sum)?, look.number(column.kind, sum))?;
    }
    Ok(())
}

/// A number as Excel keeps it: exact to fifteen digits, so for money to trillions.
fn float(number: Decimal) -> Result<f64, BoxError> {
    number
        .to_f64()
        .ok_or_else(|| format!("{number} is no number for Excel").into())
}

fn excel_day(day: chrono::NaiveDate) -> Option<ExcelDateTime> {
    use chrono::Datelike;
    let year = u16::try_from(day.year()).ok()?;
    ExcelDateTime::from_ymd(
        year,
        u8::try_from(day.month()).ok()?,
        u8::try_from(day.day()).ok()?,
    )
    .ok()
}

fn at(column: usize) -> Result<u16, BoxError> {
    Ok(u16::try_from(column)?)
}

fn letters(text: &str) -> usize {
    text.chars().count()
}

/// A title as a sheet may be called.
fn sheet_name(title: &str) -> String {
    let name: String = title
        .chars()
        .map(|letter| {
            if r"[]:*?/\".contains(letter) || letter.is_control() {
                ' '
            } else {
                letter
            }
        })
        .take(LONGEST_NAME)
        .collect();
    let name = name.trim_matches(['\'', ' ']);
    if name.is_empty() {
        "1".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::rows::tests::of;
    use crate::reports::{Dialect, Format as FileFormat};
    use chrono_tz::Tz;
    use serde_json::json;

    #[test]
    fn a_sheet_is_called_as_excel_allows() {
        assert_eq!(sheet_name("Продажи: [2026]/11?"), "Продажи   2026  11");
        assert_eq!(sheet_name("'кавычки'"), "кавычки");
        assert_eq!(sheet_name("***"), "1");
        assert_eq!(sheet_name(&"я".repeat(40)).chars().count(), LONGEST_NAME);
    }

    #[test]
    fn the_same_table_gives_the_same_bytes() {
        let sheet: Sheet = serde_json::from_value(json!({
            "report": "sales", "title": "Продажи", "parameters": {}, "currency": "RUB",
            "columns": [{"key": "key", "title": "Покупатель", "kind": "text"},
                {"key": "revenue", "title": "Выручка", "kind": "money"},
                {"key": "day", "title": "Дата", "kind": "date"}],
            "totals": {"revenue": "-1.50"}, "row_count": 3, "as_of": "2026-11-20T10:00:00Z"}))
        .unwrap();
        let rows = json!([{"key": "=1+1", "revenue": "-2.00", "day": "2026-11-01"},
            {"key": "Ёж", "revenue": "0.50", "day": "1899-01-01"}, {"key": null, "revenue": null, "day": null}]);
        let style = Style {
            format: FileFormat::Xlsx,
            dialect: Dialect::RuExcel,
            locale: Locale::Ru,
            time_zone: Tz::UTC,
        };
        let written = || render(&sheet, &mut of(&sheet, &rows), style).unwrap();
        let first = written();
        assert_eq!(&first[..2], b"PK");
        assert_eq!(first, written());
    }
}
