//! A text in Markdown as other files: plain text, HTML, DOCX.
//!
//! Texts hold names from 1C and words of models, so nothing of them becomes markup: HTML is shown
//! as the characters it is made of, links lose their addresses, images their sources.

mod document;
mod docx;
mod html;
mod plain;

use common::BoxError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use document::Document;

/// What a text is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// Markdown (CommonMark with tables).
    #[default]
    Markdown,
    /// Plain text: what can be put into a message.
    Text,
    /// A page of HTML that needs nothing else.
    Html,
    /// A document of Office Open XML (ECMA-376), as Word and LibreOffice open it.
    Docx,
}

/// Media type of DOCX.
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

impl Format {
    /// All formats.
    pub(crate) const ALL: [Self; 4] = [Self::Markdown, Self::Text, Self::Html, Self::Docx];

    /// Its media type.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Docx => DOCX,
        }
    }

    /// How names of its files end.
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Markdown => "md",
            Self::Text => "txt",
            Self::Html => "html",
            Self::Docx => "docx",
        }
    }

    /// The file of a text in Markdown.
    ///
    /// # Errors
    /// When the archive of a DOCX cannot be written.
    pub(crate) fn file(self, title: &str, markdown: &str) -> Result<Vec<u8>, BoxError> {
        Ok(match self {
            Self::Markdown => markdown.as_bytes().to_vec(),
            Self::Text => plain::written(&Document::parse(markdown)).into_bytes(),
            Self::Html => html::written(title, &Document::parse(markdown)).into_bytes(),
            Self::Docx => docx::written(title, &Document::parse(markdown))?,
        })
    }
}
