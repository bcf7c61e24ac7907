//! Reports as files.

mod availability;
mod captions;
mod cell;
mod csv;
mod html;
mod json;
mod logins;
pub(crate) mod own;
pub(crate) mod pdf;
mod picture;
pub(crate) mod relative;
mod rows;
mod sheet;
mod usage;
mod xlsx;

use chrono_tz::Tz;
use common::{BoxError, Locale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use rows::{Control, Progress, Rows};
pub(crate) use sheet::{Row, Sheet};

/// What a file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// For Excel and LibreOffice.
    Xlsx,
    /// For printing and sending on.
    Pdf,
    /// For other programs, and for those who like it.
    Csv,
    /// For a browser and for the text of a letter.
    Html,
    /// For programs.
    Json,
}

/// How CSV is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dialect {
    /// As a Russian Excel opens it: UTF-8 with a byte order mark, semicolons, decimal commas.
    #[default]
    RuExcel,
    /// RFC 4180, for programs: commas, decimal points, dates of ISO 8601.
    Rfc4180,
}

impl Format {
    pub(crate) const ALL: [Self; 5] = [Self::Xlsx, Self::Pdf, Self::Csv, Self::Html, Self::Json];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Xlsx => "xlsx",
            Self::Pdf => "pdf",
            Self::Csv => "csv",
            Self::Html => "html",
            Self::Json => "json",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Self::Pdf => "application/pdf",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

impl Dialect {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::RuExcel => "ru_excel",
            Self::Rfc4180 => "rfc4180",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::RuExcel, Self::Rfc4180]
            .into_iter()
            .find(|dialect| dialect.as_str() == name)
    }
}

/// How a file is to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) format: Format,
    pub(crate) dialect: Dialect,
    pub(crate) locale: Locale,
    /// What a moment is shown in.
    pub(crate) time_zone: Tz,
}

/// Writes a table. The same table gives the same bytes.
///
/// # Errors
/// When rows are missing, the disk is full, a page lacks a letter, or nobody wants the file any more.
pub(crate) fn render(sheet: &Sheet, rows: &mut Rows<'_>, style: Style) -> Result<Vec<u8>, BoxError> {
    match style.format {
        Format::Xlsx => xlsx::render(sheet, rows, style),
        Format::Pdf => pdf::render(sheet, rows, style),
        Format::Csv => csv::render(sheet, rows, style),
        Format::Html => html::render(sheet, rows, style),
        Format::Json => json::render(sheet, rows),
    }
}
