//! Drafts of changes in 1C, as onec-integration makes them and as the answer tells them. The model is
//! told what a draft says, but not its digest: whoever confirms has to be shown it by somebody else.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// A draft that waits for its user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drafted {
    /// Its id.
    pub id: Uuid,
    /// The infobase that it is for.
    pub infobase_id: Uuid,
    /// The set, such as `Document_СчетНаОплатуПокупателю`.
    pub entity: String,
    /// Reference of the object in 1C.
    #[serde(rename = "ref")]
    pub reference: Uuid,
    /// False when an object that exists is changed.
    pub is_new: bool,
    /// What people know the object by, when there is one.
    pub name: String,
    /// Whether the document is posted afterwards.
    pub post: bool,
    /// What will be written, with the names of the objects that it refers to.
    pub values: Map<String, Value>,
    /// What that changes.
    pub differences: Value,
    /// What a person should know before confirming.
    pub warnings: Vec<String>,
    /// To be sent back with the confirmation: what is confirmed is what was shown.
    pub digest: String,
    /// When it is too late.
    pub expires_at: DateTime<Utc>,
    /// How the user confirms.
    #[serde(default)]
    pub confirm: Confirm,
}

/// The request that confirms a draft, with `{"digest": …}` as its body.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirm {
    /// The method.
    pub method: String,
    /// The path at the gateway.
    pub path: String,
}

impl Drafted {
    /// The draft with the way to confirm it.
    pub(super) fn with_confirmation(self) -> Self {
        let path = format!("/api/1c/documents/drafts/{}/confirm", self.id);
        Self {
            confirm: Confirm {
                method: "POST".to_owned(),
                path,
            },
            ..self
        }
    }

    /// What a model is told.
    pub(super) fn shown(&self) -> String {
        json!({
            "draft": {
                "id": self.id,
                "entity": self.entity,
                "name": self.name,
                "is_new": self.is_new,
                "post": self.post,
                "values": self.values,
                "differences": self.differences,
                "warnings": self.warnings,
            },
            "note": "Это черновик: в 1С ничего не записано. Пользователь видит его рядом с ответом и сам подтвердит или отбросит; подтвердить за него нельзя. Скажи, что подготовлено, и назови предупреждения.",
        })
        .to_string()
    }
}
