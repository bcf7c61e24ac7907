//! The rows of a table, read in pieces: no file needs all of them at once in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use common::BoxError;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::cell::{Cell, is_number};
use super::sheet::{Row, Sheet};

/// How far the writing of a file is; shared with whoever waits for it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    rows: AtomicU64,
    stopped: AtomicBool,
}

impl Progress {
    /// Rows that have been written.
    pub(crate) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Nobody wants the file any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }
}

/// What tells that a file is whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Control {
    /// Rows in the file.
    pub(crate) rows: u64,
    /// Sums over those rows, by column, of the columns that the report has totals of.
    pub(crate) totals: Map<String, Value>,
}

/// Why rows cannot be read to the end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowsError {
    #[error("nobody wants the file any more")]
    Stopped,
    #[error("there are {read} rows of {expected}")]
    Incomplete { expected: u64, read: u64 },
}

/// Reads one piece by its number; `None` behind the last.
type ReadPiece<'a> = Box<dyn FnMut(i32) -> Result<Option<Vec<Row>>, BoxError> + Send + 'a>;

/// The rows, which can be gone through more than once.
pub(crate) struct Rows<'a> {
    read: ReadPiece<'a>,
    expected: u64,
    summed: Vec<(String, Decimal)>,
    written: u64,
    progress: Arc<Progress>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(
        sheet: &Sheet,
        progress: Arc<Progress>,
        read: impl FnMut(i32) -> Result<Option<Vec<Row>>, BoxError> + Send + 'a,
    ) -> Self {
        let summed = sheet
            .shown_columns()
            .into_iter()
            .filter(|column| is_number(column.kind) && sheet.totals.contains_key(&column.key))
            .map(|column| (column.key.clone(), Decimal::ZERO))
            .collect();
        Self {
            read: Box::new(read),
            expected: sheet.row_count,
            summed,
            written: 0,
            progress,
        }
    }

    /// Goes through the rows without writing them, such as to measure them.
    pub(crate) fn look(
        &mut self,
        mut take: impl FnMut(&Row) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut read = 0;
        for piece in 0.. {
            if self.progress.stopped.load(Ordering::Relaxed) {
                return Err(RowsError::Stopped.into());
            }
            let Some(rows) = (self.read)(piece)? else { break };
            for row in &rows {
                take(row)?;
            }
            read += rows.len() as u64;
        }
        if read == self.expected {
            Ok(())
        } else {
            let expected = self.expected;
            Err(RowsError::Incomplete { expected, read }.into())
        }
    }

    /// Goes through the rows that are written, once for a file.
    pub(crate) fn write(
        &mut self,
        mut take: impl FnMut(&Row) -> Result<(), BoxError>,
    ) -> Result<(), BoxError> {
        let mut summed = std::mem::take(&mut self.summed);
        let progress = Arc::clone(&self.progress);
        let mut written = 0;
        let looked = self.look(|row| {
            for (key, sum) in &mut summed {
                if let Cell::Number(number) =
                    Cell::read(row.get(key), common::contract::onec::ColumnKind::Quantity)
                {
                    *sum = sum.checked_add(number).ok_or("a sum is too large")?;
                }
            }
            take(row)?;
            written += 1;
            progress.rows.store(written, Ordering::Relaxed);
            Ok(())
        });
        self.summed = summed;
        self.written = written;
        looked
    }

    /// Sum of a column over the rows that were written, if it is one with a total.
    pub(crate) fn sum(&self, key: &str) -> Option<Decimal> {
        self.summed
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, sum)| *sum)
    }

    /// What tells that the file is whole.
    pub(crate) fn control(&self) -> Control {
        Control {
            rows: self.written,
            totals: self
                .summed
                .iter()
                .map(|(key, sum)| (key.clone(), sum.to_string().into()))
                .collect(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// Rows that are in memory, in pieces of two.
    pub(in super::super) fn of(sheet: &Sheet, rows: &Value) -> Rows<'static> {
        let rows: Vec<Row> = serde_json::from_value(rows.clone()).unwrap();
        let pieces: Vec<Vec<Row>> = rows.chunks(2).map(<[Row]>::to_vec).collect();
        Rows::new(sheet, Arc::default(), move |piece| {
            Ok(pieces.get(usize::try_from(piece)?).cloned())
        })
    }

    fn sheet(row_count: u64) -> Sheet {
        serde_json::from_value(json!({"report": "cash", "title": "", "parameters": {}, "columns": [
                {"key": "place", "title": "", "kind": "text"}, {"key": "money", "title": "", "kind": "money"}],
            "totals": {"money": "0.30"}, "row_count": row_count, "as_of": "2026-11-20T10:00:00Z"}))
        .unwrap()
    }

    #[test]
    fn sums_are_exact_and_rows_counted() {
        let sheet = sheet(3);
        let mut rows = of(
            &sheet,
            &json!([{"money": "0.10"}, {"money": "0.20"}, {"money": null}]),
        );
        rows.look(|_| Ok(())).unwrap();
        rows.write(|_| Ok(())).unwrap();
        assert_eq!(rows.sum("money"), Some("0.30".parse().unwrap()));
        assert_eq!(
            serde_json::to_value(rows.control()).unwrap(),
            json!({"rows": 3, "totals": {"money": "0.30"}})
        );
    }

    #[test]
    fn a_missing_row_is_an_error_and_so_is_a_stop() {
        let sheet = sheet(4);
        let error = of(&sheet, &json!([{}, {}, {}])).write(|_| Ok(())).unwrap_err();
        assert_eq!(error.to_string(), "there are 3 rows of 4");
        let progress = Arc::<Progress>::default();
        let mut rows = Rows::new(&sheet, Arc::clone(&progress), |_| Ok(Some(vec![Row::new()])));
        let error = rows
            .write(|_| {
                progress.stop();
                Ok(())
            })
            .unwrap_err();
        assert!(matches!(error.downcast_ref(), Some(RowsError::Stopped)));
    }
}
