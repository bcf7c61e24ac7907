//! Takes a change back, where 1C allows: a new object is marked for deletion, a changed one gets what
//! stood there, and a posting goes.

use common::Text;
use common::http::Problem;
use serde_json::{Value, json};

use super::execute::is_unsent;
use super::problem::Failure;
use super::reading::{Object, object, told};
use super::validate::Declared;
use crate::error::Error;
use crate::infobase::Connection;
use crate::odata::Key;
use crate::odata::write::WriteError;
use crate::state::AppState;
use crate::store::drafts::Write;
use crate::store::infobases::Infobase;

/// Hours in which a change may be taken back.
pub(crate) const HOURS: i64 = 24;

/// Why it was not taken back.
#[derive(Debug)]
pub(crate) enum NotUndone {
    /// Nothing was done, and it may be tried again.
    Unsent(Problem),
    /// It cannot be done, or 1C refused.
    Failed(Failure),
    /// The connection broke on the way.
    Unknown,
}

/// Takes a change back; what was done.
pub(crate) async fn take_back(
    state: &AppState,
    infobase: &Infobase,
    declared: &Declared,
    write: &Write,
) -> Result<&'static str, NotUndone> {
    let onec = state.connections.of(infobase).await;
    let onec = onec.map_err(|error| NotUndone::Unsent(Error::from(error).into()))?;
    let current = object(&onec, declared, write.reference).await;
    let current = told(state, infobase.id, current)
        .await
        .map_err(NotUndone::Unsent)?;
    let Some(current) = current else {
        return Err(not_possible("Объекта больше нет.", "The object is gone."));
    };
    if write.data_version.is_none() || current.version != write.data_version {
        return Err(not_possible(
            "После записи объект меняли: отмена стёрла бы чужие изменения.",
            "The object was changed afterwards: undoing would wipe out changes of others.",
        ));
    }
    let undoing = Undoing {
        state,
        infobase,
        onec: &onec,
        declared,
        write,
        key: Key::object(write.reference),
    };
    if write.is_new {
        let version = undoing.unpost(current, false).await?;
        undoing.change(&json!({"DeletionMark": true}), version).await?;
        return Ok("marked_for_deletion");
    }
    let Some(body) = &write.undo else {
        return Err(not_possible(
            "Прежние значения неизвестны.",
            "The former values are not known.",
        ));
    };
    let version = undoing.unpost(current, write.was_posted).await?;
    if body.as_object().is_some_and(|body| !body.is_empty()) {
        undoing.change(body, version).await?;
    }
    if write.was_posted && write.posted_now {
        let posted = onec
            .client
            .post_document(&write.entity, &undoing.key, false)
            .await;
        undoing.outcome(posted).await?;
    }
    Ok("changed_back")
}

struct Undoing<'a> {
    state: &'a AppState,
    infobase: &'a Infobase,
    onec: &'a Connection,
    declared: &'a Declared,
    write: &'a Write,
    key: Key,
}

impl Undoing<'_> {
    /// Takes the posting away that came with the change; the version that the object has then.
    async fn unpost(&self, current: Object, stays_posted: bool) -> Result<Option<String>, NotUndone> {
        if !current.is_posted || stays_posted {
            return Ok(current.version);
        }
        let unposted = self.onec.client.unpost(&self.write.entity, &self.key).await;
        self.outcome(unposted).await?;
        let current = object(self.onec, self.declared, self.write.reference).await;
        Ok(current.ok().flatten().and_then(|current| current.version))
    }

    async fn change(&self, body: &Value, version: Option<String>) -> Result<(), NotUndone> {
        let changed = self
            .onec
            .client
            .update(&self.write.entity, &self.key, body, version.as_deref())
            .await;
        self.outcome(changed.map(drop)).await
    }

    async fn outcome(&self, answer: Result<(), WriteError>) -> Result<(), NotUndone> {
        match answer {
            Ok(()) => Ok(()),
            Err(WriteError::Business(text)) => Err(NotUndone::Failed(Failure::Business(text))),
            Err(WriteError::Refused(..)) => Err(NotUndone::Failed(Failure::Refused)),
            Err(WriteError::Changed) => Err(not_possible(
                "Объект меняют прямо сейчас.",
                "The object is being changed right now.",
            )),
            Err(WriteError::Odata(error)) if is_unsent(&error) => {
                match told::<()>(self.state, self.infobase.id, Err(error)).await {
                    Err(problem) => Err(NotUndone::Unsent(problem)),
                    Ok(()) => Err(NotUndone::Unknown),
                }
            }
            Err(WriteError::Odata(_)) => Err(NotUndone::Unknown),
        }
    }
}

fn not_possible(ru: &'static str, en: &'static str) -> NotUndone {
    NotUndone::Failed(Failure::UndoNotPossible(Text::new(ru, en)))
}
