//! Lists in pieces: `limit` and an opaque `cursor` in, `{items, next_cursor}` out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::Text;

/// What a client asks of a list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
pub struct PageQuery {
    /// How many items; 50 when absent, 500 at most.
    pub limit: Option<u32>,
    /// `next_cursor` of the previous piece.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// Default number of items.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// Greatest number of items.
    pub const MAX_LIMIT: u32 = 500;

    /// The number of items to return, within 1 to [`Self::MAX_LIMIT`].
    #[must_use]
    pub fn limit(&self) -> i64 {
        i64::from(
            self.limit
                .unwrap_or(Self::DEFAULT_LIMIT)
                .clamp(1, Self::MAX_LIMIT),
        )
    }

    /// The position after which to continue.
    ///
    /// # Errors
    /// 400 when the cursor is not one that we made.
    pub fn after<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_deref().map(Cursor::decode).transpose()
    }
}

/// One piece of a list.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// Where to continue; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page from up to `limit + 1` rows: the extra one only tells that there is more.
    /// `position` gives the sort key of an item.
    pub fn from_rows<P: Serialize>(mut rows: Vec<T>, limit: i64, position: impl Fn(&T) -> P) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = if more {
            rows.last().map(|last| Cursor::encode(&position(last)))
        } else {
            None
        };
        Self {
            items: rows,
            next_cursor,
        }
    }
}

/// The opaque form of a position.
#[derive(Debug)]
pub struct Cursor;

impl Cursor {
    /// Base64url of the position as JSON.
    pub fn encode<T: Serialize>(position: &T) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).unwrap_or_default())
    }

    /// The position.
    ///
    /// # Errors
    /// 400 when the cursor is not one that we made.
    pub fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, Problem> {
        URL_SAFE_NO_PAD
            .decode(cursor)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| {
                Problem::bad_request(Text::new(
                    "Неверный cursor: передайте next_cursor из предыдущего ответа.",
                    "Invalid cursor: send next_cursor of the previous answer.",
                ))
            })
    }
}
