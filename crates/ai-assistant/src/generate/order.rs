//! What is to be written, and how.

use common::Locale;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::output::Format;
use super::template::Definition;

/// How a text sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tone {
    /// Business-like.
    #[default]
    Neutral,
    /// Friendly.
    Polite,
    /// Demanding.
    Firm,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Length {
    Short,
    #[default]
    Standard,
    Detailed,
}

/// How a text is to be.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Style {
    pub(crate) tone: Tone,
    pub(crate) length: Length,
    #[serde(serialize_with = "tag")]
    pub(crate) language: Locale,
}

fn tag<S: Serializer>(locale: &Locale, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(locale.tag())
}

/// What is to be written.
#[derive(Debug, Clone, Serialize)]
pub(crate) enum What {
    /// A text after the words of the caller; `true` for a letter.
    Free { letter: bool },
    /// A document by template.
    Template {
        /// Its name, or the id of one of the users' own.
        name: String,
        /// 0 for those that come with the product.
        version: i32,
        #[serde(skip)]
        definition: Box<Definition>,
    },
}

/// A request.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    pub(crate) what: What,
    pub(crate) prompt: Option<String>,
    pub(crate) parameters: Map<String, Value>,
    pub(crate) style: Style,
    pub(crate) format: Format,
    pub(crate) company_id: Option<Uuid>,
    pub(crate) infobase_id: Option<Uuid>,
    pub(crate) model: Option<String>,
}

impl Order {
    /// The name under which it is asked for.
    pub(crate) fn name(&self) -> &str {
        match &self.what {
            What::Free { letter: true } => LETTER,
            What::Free { letter: false } => TEXT,
            What::Template { name, .. } => name,
        }
    }

    /// A title for files of it.
    pub(crate) fn title(&self) -> &str {
        let english = self.style.language == Locale::En;
        match &self.what {
            What::Template { definition, .. } => definition.title.get(self.style.language),
            What::Free { letter: true } => {
                if english {
                    "Letter"
                } else {
                    "Письмо"
                }
            }
            What::Free { letter: false } => {
                if english {
                    "Text"
                } else {
                    "Текст"
                }
            }
        }
    }
}

/// A free text.
pub(crate) const TEXT: &str = "text";
/// A free business letter.
pub(crate) const LETTER: &str = "letter";
