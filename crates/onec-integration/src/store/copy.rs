//! Rows in the text format of `COPY`, the fastest way into a table.

use std::fmt::Write as _;

use chrono::NaiveDateTime;
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use uuid::Uuid;

/// Bytes that are sent at once.
const CHUNK: usize = 256 * 1024;

/// Rows on their way into a table.
#[derive(Debug, Default)]
pub(super) struct CopyText {
    text: String,
    is_row_open: bool,
}

impl CopyText {
    fn separate(&mut self) {
        if std::mem::replace(&mut self.is_row_open, true) {
            self.text.push('\t');
        }
    }

    /// A value without characters that mean something to `COPY`.
    pub(super) fn plain(&mut self, value: impl std::fmt::Display) -> &mut Self {
        self.separate();
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
        self
    }

    fn optional(&mut self, value: Option<impl std::fmt::Display>) -> &mut Self {
        match value {
            Some(value) => self.plain(value),
            None => self.plain("\\N"),
        }
    }

    pub(super) fn uuid(&mut self, value: Option<Uuid>) -> &mut Self {
        self.optional(value)
    }

    pub(super) fn decimal(&mut self, value: Option<Decimal>) -> &mut Self {
        self.optional(value)
    }

    pub(super) fn moment(&mut self, value: NaiveDateTime) -> &mut Self {
        self.plain(value.format("%Y-%m-%dT%H:%M:%S"))
    }

    /// A text; PostgreSQL has no place for the character 0.
    pub(super) fn text(&mut self, value: &str) -> &mut Self {
        self.separate();
        for c in value.chars() {
            match c {
                '\\' => self.text.push_str("\\\\"),
                '\t' => self.text.push_str("\\t"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\0' => {}
                c => self.text.push(c),
            }
        }
        self
    }

    pub(super) fn end_row(&mut self) {
        self.text.push('\n');
        self.is_row_open = false;
    }

    /// Copies the rows by a statement that reads from standard input.
    pub(super) async fn send(
        self,
        connection: &mut PgConnection,
        statement: &str,
    ) -> Result<u64, StoreError> {
        if self.text.is_empty() {
            return Ok(0);
        }
        let mut copy = connection.copy_in_raw(statement).await.store("copy_begin")?;
        for chunk in self.text.as_bytes().chunks(CHUNK) {
            copy.send(chunk).await.store("copy_send")?;
        }
        copy.finish().await.store("copy_end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_end_their_field() {
        let mut copy = CopyText::default();
        copy.uuid(Some(Uuid::nil())).text("a\tb\\N\nc\r\0d").decimal(None);
        copy.end_row();
        copy.plain(7).text("").plain(true);
        copy.end_row();
        assert_eq!(
            copy.text,
            "00000000-0000-0000-0000-000000000000\ta\\tb\\\\N\\nc\\rd\t\\N\n7\t\ttrue\n"
        );
    }
}
