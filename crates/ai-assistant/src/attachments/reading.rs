//! Which kind of file an upload is, by its content, and what is in it.

use std::io;

use zip::result::ZipError;

use super::multipart::Upload;
use super::{Content, Kind, MAX_CELL, MAX_CONTENT, csv, encoding, xlsx};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// Neither text nor a table that is known here.
    #[error("the file is neither text, CSV nor XLSX")]
    Unsupported,
    /// A workbook that is protected by a password.
    #[error("the workbook is encrypted")]
    Encrypted,
    /// It unfolds to more than is read.
    #[error("the workbook is too large when unpacked")]
    TooLarge,
    /// A workbook that is damaged.
    #[error("the workbook is damaged")]
    Damaged(#[source] common::BoxError),
    /// There is nothing in it.
    #[error("the file is empty")]
    Empty,
}

impl From<ZipError> for Unreadable {
    fn from(error: ZipError) -> Self {
        Self::Damaged(error.into())
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error.into())
    }
}

/// Reads a file. This takes processor time in proportion to what is unpacked.
///
/// # Errors
/// When it is of another kind, damaged, protected, empty or too large.
pub(crate) fn read(upload: &Upload) -> Result<(Kind, Content), Unreadable> {
    let bytes = &upload.bytes[..];
    // The container of encrypted workbooks and of those of Excel 97–2003.
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return Err(if upload.has_extension(&["xlsx", "xlsm"]) {
            Unreadable::Encrypted
        } else {
            Unreadable::Unsupported
        });
    }
    if bytes.starts_with(b"PK") {
        let sheets = xlsx::sheets(bytes)?;
        if sheets.iter().all(|sheet| sheet.row_count == 0) {
            return Err(Unreadable::Empty);
        }
        return Ok((Kind::Xlsx, Content::Sheets(sheets)));
    }
    let text = encoding::decode(bytes).ok_or(Unreadable::Unsupported)?;
    if text.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    if upload.has_extension(&["csv", "tsv"]) || upload.is_of_type(&["text/csv", "text/tab-separated-values"])
    {
        return Ok((Kind::Csv, Content::Sheets(vec![csv::table(&text)])));
    }
    Ok((Kind::Text, words(&text)))
}

/// A text with its lines cut to what is kept.
fn words(text: &str) -> Content {
    let (mut kept, mut line_count, mut is_full) = (String::new(), 0, false);
    for line in text.lines() {
        line_count += 1;
        let line: String = line.trim_end().chars().take(MAX_CELL).collect();
        is_full |= kept.len() + line.len() > MAX_CONTENT;
        if !is_full {
            kept.push_str(&line);
            kept.push('\n');
        }
    }
    Content::Text {
        text: kept,
        line_count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(name: &str, bytes: &[u8]) -> Upload {
        Upload {
            name: name.to_owned(),
            media_type: String::new(),
            bytes: bytes.to_vec().into(),
        }
    }

    #[test]
    fn the_content_tells_what_a_file_is() {
        let (kind, content) = read(&upload("a.txt", "Долг 5\nещё".as_bytes())).unwrap();
        assert_eq!(
            (kind, content.row_count(), content.is_whole()),
            (Kind::Text, 2, true)
        );
        let (kind, _) = read(&upload("A.CSV", b"a;b\n1;2")).unwrap();
        assert_eq!(kind, Kind::Csv);
        for (name, bytes) in [
            ("a.exe", &b"MZ\0\0"[..]),
            ("a.xls", b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"),
            ("a.png", b"\x89PNG\r\n\x1a\n\0\0\0"),
        ] {
            assert!(
                matches!(read(&upload(name, bytes)), Err(Unreadable::Unsupported)),
                "{name}"
            );
        }
        assert!(matches!(
            read(&upload("a.xlsx", b"\xD0\xCF\x11\xE0")),
            Err(Unreadable::Encrypted)
        ));
        assert!(matches!(read(&upload("a.txt", b" \n")), Err(Unreadable::Empty)));
        assert!(matches!(
            read(&upload("a.xlsx", b"PK\x03\x04junk")),
            Err(Unreadable::Damaged(_))
        ));
    }
}
