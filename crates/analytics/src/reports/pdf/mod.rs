//! The table as a document to print and to send on: A4 (A3 when the figures need it), headings on
//! each page, «Стр. i из N», an embedded font.
//!
//! The rows are gone through three times: to measure them, to count the pages, to draw. So no more
//! than a piece of them is in memory, beside the pages that are finished.

mod bars;
mod face;
mod layout;
mod paper;

use chrono::{Datelike, Timelike};
use common::contract::onec::{Column, ColumnKind};
use common::{BoxError, Locale, Text};
use krilla::metadata::{DateTime, Metadata};
use krilla::{Document, SerializeSettings};
use unicode_normalization::UnicodeNormalization;

use self::bars::Bars;
use self::face::Face;
pub(crate) use self::face::MissingGlyph;
use self::layout::{BOTTOM, LEFT, Layout, Needs, PADDING, RIGHT, TOP};
use self::paper::{BLACK, GREY, Paper, RED, SHADE, STRIPE, Words};
use super::Style;
use super::cell::{Cell, is_number, row_count};
use super::rows::Rows;
use super::sheet::{Row, Sheet};

/// PT Sans by ParaType, under the SIL Open Font License (`assets/OFL.txt`), unmodified.
pub(super) const REGULAR: &[u8] = include_bytes!("../../../assets/PTSans-Regular.ttf");
pub(super) const BOLD: &[u8] = include_bytes!("../../../assets/PTSans-Bold.ttf");

const TITLE_SIZE: f32 = 14.0;
const CAPTION_SIZE: f32 = 9.0;
const FOOTER_SIZE: f32 = 7.5;

/// A row, cut into lines.
struct Lines {
    cells: Vec<CellLines>,
    /// Lines of the longest cell.
    height: usize,
}

struct CellLines {
    lines: Vec<String>,
    right: bool,
    red: bool,
}

/// Writes the document.
pub(super) fn render(sheet: &Sheet, rows: &mut Rows<'_>, style: Style) -> Result<Vec<u8>, BoxError> {
    let (regular, bold) = (Face::read(REGULAR)?, Face::read(BOLD)?);
    let columns = sheet.shown_columns();
    let mut needs = Needs::of(&columns, &bold)?;
    rows.look(|row| measure(row, &columns, &regular, &mut needs, style.locale))?;
    if sheet.has_totals() {
        // Their letters are wider.
        measure(&sheet.totals, &columns, &bold, &mut needs, style.locale)?;
    }
    let layout = Layout::choose(&columns, &needs);
    let mut count = Printer::new(sheet, &columns, &layout, (&regular, &bold), style)?;
    count.begin()?;
    rows.look(|row| count.row(row))?;
    let (_, pages) = count.end(&row_count(sheet.row_count, style.locale))?;
    let mut draw = Printer::new(sheet, &columns, &layout, (&regular, &bold), style)?;
    draw.pages = Some(pages);
    draw.begin()?;
    rows.write(|row| draw.row(row))?;
    let (mut document, _) = draw.end(&row_count(rows.control().rows, style.locale))?;
    document.set_metadata(metadata(sheet, style));
    document
        .finish()
        .map_err(|error| format!("the document cannot be finished: {error}").into())
}

fn measure(
    row: &Row,
    columns: &[&Column],
    face: &Face,
    needs: &mut Needs,
    locale: Locale,
) -> Result<(), BoxError> {
    for (place, column) in columns.iter().enumerate() {
        let shown = Cell::read(row.get(&column.key), column.kind).shown(column.kind, locale);
        needs.add(place, face.width(&printable(&shown))?);
    }
    Ok(())
}

fn metadata(sheet: &Sheet, style: Style) -> Metadata {
    // The moment of the data: the same table gives the same bytes.
    let at = sheet.as_of;
    let small = |number: u32| u8::try_from(number).unwrap_or_default();
    let moment = DateTime::new(u16::try_from(at.year()).unwrap_or_default())
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(sheet.title.clone())
        .language(style.locale.tag().to_owned())
        .creation_date(moment)
}

/// Goes down the pages. Without [`Self::pages`] it only counts them; with the same rows it makes the
/// same breaks both times.
struct Printer<'a> {
    sheet: &'a Sheet,
    columns: &'a [&'a Column],
    layout: &'a Layout,
    regular: &'a Face,
    bold: &'a Face,
    style: Style,
    heading: Lines,
    document: Document,
    paper: Paper,
    /// Number of the page at hand.
    page: usize,
    /// Of all pages, once it is known.
    pages: Option<usize>,
    /// Where the next thing goes.
    y: f32,
    /// Where the table begins on the page at hand; nowhere once it has ended.
    table_top: Option<f32>,
    odd: bool,
    bars: Option<Bars>,
}

impl<'a> Printer<'a> {
    fn new(
        sheet: &'a Sheet,
        columns: &'a [&'a Column],
        layout: &'a Layout,
        (regular, bold): (&'a Face, &'a Face),
        style: Style,
    ) -> Result<Self, BoxError> {
        let mut cells = Vec::with_capacity(columns.len());
        for (place, column) in columns.iter().enumerate() {
            cells.push(CellLines {
                lines: bold.wrap(&printable(&column.title), layout.text_room(place))?,
                right: is_number(column.kind),
                red: false,
            });
        }
        Ok(Self {
            sheet,
            columns,
            layout,
            regular,
            bold,
            style,
            heading: tallest(cells),
            document: Document::new_with(SerializeSettings {
                compress_content_streams: true,
                ..SerializeSettings::default()
            }),
            paper: Paper::default(),
            page: 1,
            pages: None,
            y: TOP,
            table_top: None,
            odd: false,
            bars: Bars::of(sheet, columns, style),
        })
    }

    fn text(&self, ru: &'static str, en: &'static str) -> String {
        Text::new(ru, en).get(self.style.locale).to_owned()
    }

    /// What stands above the table on the first page.
    fn begin(&mut self) -> Result<(), BoxError> {
        let title = printable(&self.sheet.title);
        for line in self.bold.wrap(&title, self.layout.page_room(TITLE_SIZE))? {
            self.y += TITLE_SIZE;
            self.write(LEFT, self.y, TITLE_SIZE, true, BLACK, line);
            self.y += TITLE_SIZE * 0.3;
        }
        self.y += 2.0;
        for (label, value) in self.sheet.captions(self.style.locale, self.style.time_zone) {
            let line = printable(&format!("{label}: {value}"));
            for line in self.regular.wrap(&line, self.layout.page_room(CAPTION_SIZE))? {
                self.y += CAPTION_SIZE * 1.25;
                self.write(LEFT, self.y, CAPTION_SIZE, false, GREY, line);
            }
        }
        self.y += CAPTION_SIZE;
        self.table_top = Some(self.y);
        self.head();
        Ok(())
    }

    /// The headings of the columns.
    fn head(&mut self) {
        let heading = std::mem::replace(&mut self.heading, tallest(Vec::new()));
        self.put(&heading, 0..heading.height, true, Some(SHADE));
        self.heading = heading;
    }

    fn row(&mut self, row: &Row) -> Result<(), BoxError> {
        if let Some(bars) = &mut self.bars {
            bars.take(row, self.columns, self.style);
        }
        let lines = self.cut(row, self.regular)?;
        self.odd = !self.odd;
        let shade = if self.odd { None } else { Some(STRIPE) };
        self.place(&lines, false, shade)
    }

    /// Puts a row on this page, or on the next one; one that is taller than a page goes on over
    /// several.
    fn place(&mut self, lines: &Lines, bold: bool, shade: Option<paper::Colour>) -> Result<(), BoxError> {
        let whole = self.layout.row(lines.height);
        let page_room = self.layout.floor() - TOP - self.layout.row(self.heading.height);
        if self.y + whole > self.layout.floor() && whole <= page_room {
            self.turn()?;
        }
        let mut from = 0;
        while from < lines.height {
            let mut until = lines.height;
            while until > from + 1 && self.y + self.layout.row(until - from) > self.layout.floor() {
                until -= 1;
            }
            if self.y + self.layout.row(until - from) > self.layout.floor() && self.y > TOP + page_room * 0.2
            {
                self.turn()?;
                continue;
            }
            self.put(lines, from..until, bold, shade);
            from = until;
        }
        Ok(())
    }

    fn put(&mut self, lines: &Lines, part: std::ops::Range<usize>, bold: bool, shade: Option<paper::Colour>) {
        let height = self.layout.row(part.len());
        let (left, right) = (LEFT, self.right_edge());
        if self.pages.is_some() {
            if let Some(colour) = shade {
                self.paper.area((left, self.y), (right - left, height), colour);
            }
            let size = self.layout.size;
            let face = if bold { self.bold } else { self.regular };
            for (place, cell) in lines.cells.iter().enumerate() {
                let mut base = self.y + PADDING * 0.7 + size * 0.93;
                let cut = part.start.min(cell.lines.len())..part.end.min(cell.lines.len());
                for line in &cell.lines[cut] {
                    let x = if cell.right {
                        // The line has been cut with this face, so all letters are known.
                        let wide = face.width(line).unwrap_or_default() * size;
                        self.layout.edges[place + 1] - PADDING - wide
                    } else {
                        self.layout.edges[place] + PADDING
                    };
                    let colour = if cell.red { RED } else { BLACK };
                    self.write(x, base, size, bold, colour, line.clone());
                    base += self.layout.line();
                }
            }
            self.paper.rule(left, right, self.y);
            self.paper.rule(left, right, self.y + height);
        }
        self.y += height;
    }

    /// Finishes the page and begins the next, with the headings.
    fn turn(&mut self) -> Result<(), BoxError> {
        self.close_table();
        self.finish_page()?;
        self.table_top = Some(self.y);
        self.head();
        Ok(())
    }

    /// The lines between the columns, down to here.
    fn close_table(&mut self) {
        let top = self.table_top.take();
        if self.pages.is_some()
            && let Some(top) = top
        {
            for edge in &self.layout.edges {
                self.paper.bar(*edge, top, self.y);
            }
        }
    }

    /// Puts the page down; what follows goes to the top of the next.
    fn finish_page(&mut self) -> Result<(), BoxError> {
        let (page, y) = (self.page, TOP);
        self.page += 1;
        self.y = y;
        let Some(pages) = self.pages else { return Ok(()) };
        let base = self.layout.height - BOTTOM + FOOTER_SIZE * 2.0;
        let title = printable(&self.sheet.title);
        let number = Text::new(
            format!("Стр. {page} из {pages}"),
            format!("Page {page} of {pages}"),
        );
        let number = number.get(self.style.locale).to_owned();
        let wide = self.regular.width(&number)? * FOOTER_SIZE;
        let room = self.layout.page_room(FOOTER_SIZE) - wide / FOOTER_SIZE - 2.0;
        let lines = self.regular.wrap(&title, room.max(1.0))?;
        if let Some(line) = lines.into_iter().next() {
            self.write(LEFT, base, FOOTER_SIZE, false, GREY, line);
        }
        let x = self.layout.width - RIGHT - wide;
        self.write(x, base, FOOTER_SIZE, false, GREY, number);
        let paper = std::mem::take(&mut self.paper);
        let size = (self.layout.width, self.layout.height);
        paper.put(&mut self.document, size, self.regular, self.bold)
    }

    /// Totals, the number of rows, and where a statement is signed. Tells how many pages there are.
    fn end(mut self, counted: &str) -> Result<(Document, usize), BoxError> {
        if self.sheet.has_totals() {
            let mut lines = self.cut(&self.sheet.totals, self.bold)?;
            if let Some((place, label)) = self.sheet.total_label(self.columns, self.style.locale) {
                lines.cells[place].lines = vec![label.to_owned()];
                lines.cells[place].right = false;
            }
            self.place(&lines, true, Some(SHADE))?;
        }
        self.close_table();
        let signed = self.sheet.report == "statement";
        let below = CAPTION_SIZE * if signed { 9.0 } else { 3.5 };
        if self.y + below > self.layout.floor() {
            self.finish_page()?;
        }
        self.y += CAPTION_SIZE * 1.6;
        self.write(LEFT, self.y, CAPTION_SIZE, false, GREY, printable(counted));
        if self.sheet.row_count == 0 {
            let nothing = self.text("Данных нет.", "There is nothing.");
            self.y += CAPTION_SIZE * 1.4;
            self.write(LEFT, self.y, CAPTION_SIZE, false, GREY, nothing);
        }
        self.draw_bars()?;
        if signed {
            for who in [
                self.text("От нашей организации", "For our company"),
                self.text("От контрагента", "For the counterparty"),
            ] {
                self.y += CAPTION_SIZE * 3.0;
                let line = format!("{who}  ____________________ / ____________________ /");
                self.write(LEFT, self.y, CAPTION_SIZE, false, BLACK, line);
            }
        }
        self.finish_page()?;
        Ok((self.document, self.page - 1))
    }

    /// Where there is something to compare.
    fn draw_bars(&mut self) -> Result<(), BoxError> {
        let Some(bars) = self.bars.take() else {
            return Ok(());
        };
        self.y += CAPTION_SIZE * 2.0;
        if self.y + bars.height() > self.layout.floor() {
            self.finish_page()?;
        }
        if self.pages.is_some() {
            let how = (self.regular, self.style);
            bars.draw(&mut self.paper, self.y, self.layout, self.columns, how)?;
        }
        self.y += bars.height();
        Ok(())
    }

    fn right_edge(&self) -> f32 {
        self.layout.edges.last().copied().unwrap_or(LEFT)
    }

    fn cut(&self, row: &Row, face: &Face) -> Result<Lines, BoxError> {
        let locale = self.style.locale;
        let mut cells = Vec::with_capacity(self.columns.len());
        for (place, column) in self.columns.iter().enumerate() {
            let cell = Cell::read(row.get(&column.key), column.kind);
            let shown = printable(&cell.shown(column.kind, locale));
            let right = matches!(cell, Cell::Number(_));
            let red = matches!(cell, Cell::Number(number) if number.is_sign_negative() && !number.is_zero())
                && column.kind != ColumnKind::Integer;
            let lines = face.wrap(&shown, self.layout.text_room(place))?;
            cells.push(CellLines { lines, right, red });
        }
        Ok(tallest(cells))
    }

    fn write(&mut self, x: f32, base: f32, size: f32, bold: bool, colour: paper::Colour, text: String) {
        if self.pages.is_some() {
            self.paper.write(Words {
                x,
                base,
                size,
                bold,
                colour,
                text,
            });
        }
    }
}

fn tallest(cells: Vec<CellLines>) -> Lines {
    let height = cells.iter().map(|cell| cell.lines.len()).max().unwrap_or(1);
    Lines { cells, height }
}

/// A text as the font can show it: composed letters, plain spaces, nothing invisible.
fn printable(text: &str) -> String {
    text.nfc()
        .filter_map(|letter| match letter {
            '\n' | '\r' | '\t' => Some(' '),
            // Other spaces that keep things together, the narrow one above all.
            '\u{202f}' | '\u{2007}' => Some('\u{a0}'),
            '\u{2000}'..='\u{200a}' => Some(' '),
            '\u{2010}' | '\u{2011}' => Some('-'),
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => None,
            letter if letter.is_control() => None,
            letter => Some(letter),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reports::rows::tests::of;
    use crate::reports::{Dialect, Format};
    use chrono_tz::Tz;
    use serde_json::{Value, json};

    fn written(rows: &Value) -> Result<Vec<u8>, BoxError> {
        let sheet: Sheet = serde_json::from_value(json!({
            "report": "statement", "title": "Акт сверки", "parameters": {}, "currency": "RUB",
            "columns": [{"key": "name", "title": "Контрагент", "kind": "text"},
                {"key": "debt", "title": "Долг", "kind": "money"}],
            "totals": {"debt": "-1234567.89"}, "row_count": rows.as_array().unwrap().len(),
            "as_of": "2026-11-20T10:00:00Z"}))
        .unwrap();
        let style = Style {
            format: Format::Pdf,
            dialect: Dialect::RuExcel,
            locale: Locale::Ru,
            time_zone: Tz::UTC,
        };
        render(&sheet, &mut of(&sheet, rows), style)
    }

    fn pages(document: &[u8]) -> usize {
        let text = String::from_utf8_lossy(document);
        text.matches("/Type/Page/").count() + text.matches("/Type /Page\n").count()
    }

    #[test]
    fn the_same_table_gives_the_same_bytes() {
        let rows = json!([{"name": "Ёжик №5 Қазақ", "debt": "-1234567.89"}]);
        let document = written(&rows).unwrap();
        assert!(document.starts_with(b"%PDF-1."));
        assert_eq!(document, written(&rows).unwrap());
    }

    #[test]
    fn rows_go_on_over_pages_even_one_that_is_taller_than_a_page() {
        let row = json!({"name": "ООО «Ромашка»", "debt": "1.00"});
        let many = written(&Value::Array(vec![row.clone(); 200])).unwrap();
        let tall = json!([{"name": "слово ".repeat(20_000), "debt": null}]);
        let tall = written(&tall).unwrap();
        let one = written(&json!([row])).unwrap();
        assert!(one.len() < many.len() && one.len() < tall.len());
        assert_eq!(pages(&one) * 4, pages(&many));
        assert!(pages(&tall) > 2, "{}", pages(&tall));
    }

    #[test]
    fn a_letter_without_a_glyph_is_named() {
        let error = written(&json!([{"name": "漢字", "debt": null}])).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&MissingGlyph('漢')));
        assert!(written(&json!([{"name": "Й\u{202f}и\u{306}\n\u{200b}x", "debt": null}])).is_ok());
    }
}
