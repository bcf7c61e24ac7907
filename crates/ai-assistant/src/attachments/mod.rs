//! Files that users give along with a question: read at once into rows or lines within limits, kept as
//! that, and shown to a model as data.
//!
//! In reading order: `multipart` (the upload), `reading` (which kind of file it is), `encoding`, `csv`,
//! `xlsx` (its content), `shown` (what a model sees).

mod csv;
mod encoding;
mod multipart;
mod reading;
mod shown;
mod xlsx;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use multipart::{MultipartError, Upload, upload};
pub(crate) use reading::{Unreadable, read};
pub(crate) use shown::block;

/// Bytes of a file.
pub(crate) const MAX_BYTES: usize = 5 * 1024 * 1024;
/// Files of one question, with those that the conversation has already.
pub(crate) const MAX_OF_QUESTION: usize = 10;
/// Files that a user may keep.
pub(crate) const MAX_OF_USER: i64 = 200;
/// Bytes of content that a user may keep.
pub(crate) const MAX_STORED: i64 = 50 * 1024 * 1024;
/// Days that a file stays which no conversation needs.
pub(crate) const KEPT_DAYS: i64 = 30;

/// Rows that are read of a sheet; more are counted only.
const MAX_ROWS: usize = 5000;
/// Columns that are read of a row.
const MAX_COLUMNS: usize = 100;
/// Sheets that are read of a workbook.
const MAX_SHEETS: usize = 20;
/// Characters of a cell or a line.
const MAX_CELL: usize = 2000;
/// Bytes of all that is kept of a file.
const MAX_CONTENT: usize = 2 * 1024 * 1024;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Text,
    Csv,
    Xlsx,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Text, Self::Csv, Self::Xlsx];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

/// A table of a file, or rows of 1C: cells as text, numbers with a point and dates as `YYYY-MM-DD`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sheet {
    /// Name of the sheet; empty for a file that has but one table.
    pub(crate) name: String,
    /// Headings; as many as the widest row has cells.
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Rows that there are, read or not.
    pub(crate) row_count: u64,
}

/// What was read from a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Content {
    /// Its text, and how many lines it has, read or not.
    Text {
        text: String,
        line_count: u64,
    },
    Sheets(Vec<Sheet>),
}

impl Content {
    /// Rows or lines that there are.
    pub(crate) fn row_count(&self) -> u64 {
        match self {
            Self::Text { line_count, .. } => *line_count,
            Self::Sheets(sheets) => sheets.iter().map(|sheet| sheet.row_count).sum(),
        }
    }

    /// False when only a part was read.
    pub(crate) fn is_whole(&self) -> bool {
        match self {
            Self::Text { text, line_count } => text.lines().count() as u64 >= *line_count,
            Self::Sheets(sheets) => sheets
                .iter()
                .all(|sheet| sheet.rows.len() as u64 >= sheet.row_count),
        }
    }
}

/// A file that belongs to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) content: Content,
}

/// Puts rows together within the limits, and finds the headings.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Vec<String>>,
    count: u64,
    bytes: usize,
}

impl Rows {
    /// Adds a row; one without content counts for nothing. `bytes` is what all tables of the file take.
    fn push(&mut self, mut cells: Vec<String>, bytes: &mut usize) {
        while cells.last().is_some_and(|cell| cell.trim().is_empty()) {
            cells.pop();
        }
        if cells.is_empty() {
            return;
        }
        self.count += 1;
        cells.truncate(MAX_COLUMNS);
        let size: usize = cells.iter().map(|cell| cell.len() + 3).sum();
        if self.rows.len() < MAX_ROWS + 1 && *bytes + size <= MAX_CONTENT {
            *bytes += size;
            self.bytes += size;
            self.rows.push(cells);
        }
    }

    fn sheet(self, name: String) -> Sheet {
        let mut rows = self.rows;
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        let at = heading(&rows, width);
        let mut count = self.count;
        let mut columns: Vec<String> = match at {
            Some(at) => {
                // What stands above the heading is a title, and read as rows too.
                let heading = rows.remove(at);
                count = count.saturating_sub(1);
                heading
            }
            None => Vec::new(),
        };
        columns.resize(width, String::new());
        let mut taken: Vec<String> = Vec::with_capacity(width);
        for (at, column) in columns.into_iter().enumerate() {
            let name = match column.split_whitespace().collect::<Vec<_>>().join(" ") {
                name if name.is_empty() => format!("Колонка {}", at + 1),
                name => name,
            };
            let name = if taken.contains(&name) {
                format!("{name} ({})", at + 1)
            } else {
                name
            };
            taken.push(name);
        }
        Sheet {
            name,
            columns: taken,
            rows,
            row_count: count,
        }
    }
}

/// The row that holds the headings: among the first ones, wide enough, of words only.
fn heading(rows: &[Vec<String>], width: usize) -> Option<usize> {
    let filled = |row: &Vec<String>| row.iter().filter(|cell| !cell.trim().is_empty()).count();
    rows.iter().take(10).position(|row| {
        filled(row) >= (width.div_ceil(2)).max(1)
            && row
                .iter()
                .all(|cell| cell.trim().is_empty() || number(cell).is_none())
    })
}

/// The number that a cell holds: `1234.5`, `1 234,50`, `(5)` is none.
pub(crate) fn number(cell: &str) -> Option<rust_decimal::Decimal> {
    let text: String = cell
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{a0}' | '\u{202f}'))
        .map(|c| if c == '\u{2212}' { '-' } else { c })
        .collect();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let is_digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',');
    // Longer ones are accounts and the like; sums of shorter ones fit into a decimal.
    if digits.len() > 18
        || !digits.starts_with(|c: char| c.is_ascii_digit())
        || !digits.chars().all(is_digits)
    {
        return None;
    }
    let text = if text.contains('.') {
        // A comma before a point groups thousands.
        text.replace(',', "")
    } else {
        text.replace(',', ".")
    };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_cells() {
        let read = |text: &str| number(text).map(|value| value.to_string());
        assert_eq!(read("1\u{a0}234,50"), Some("1234.50".to_owned()));
        assert_eq!(read("1,234.5"), Some("1234.5".to_owned()));
        assert_eq!(read("\u{2212}5"), Some("-5".to_owned()));
        for text in ["", "-", "2026-10-01", "12 шт", "№ 5", "1.2.3", "15/2"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn headings_are_found_below_a_title() {
        let mut rows = Rows::default();
        let mut bytes = 0;
        for line in [
            "Остатки",
            "Товар;Остаток;Остаток",
            "Бумага;5;6",
            ";;",
            "Папка;7;8",
        ] {
            rows.push(line.split(';').map(str::to_owned).collect(), &mut bytes);
        }
        let sheet = rows.sheet(String::new());
        assert_eq!(sheet.columns, ["Товар", "Остаток", "Остаток (3)"]);
        assert_eq!(sheet.row_count, 3);
        assert_eq!(sheet.rows[0], ["Остатки"]);
    }
}
