//! Reports as files.

pub(crate) mod csv;
pub(crate) mod sheet;
pub(crate) mod usage;

use common::{BoxError, Locale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use sheet::Sheet;

/// What a file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    Csv,
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
    pub(crate) const ALL: [Self; 2] = [Self::Csv, Self::Json];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
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

/// Writes a sheet.
///
/// # Errors
/// When the sheet cannot be written, which no sheet of ours causes.
pub(crate) fn render(
    sheet: &Sheet,
    format: Format,
    dialect: Dialect,
    locale: Locale,
) -> Result<Vec<u8>, BoxError> {
    match format {
        Format::Csv => csv::render(sheet, dialect, locale),
        Format::Json => Ok(serde_json::to_vec(sheet)?),
    }
}
