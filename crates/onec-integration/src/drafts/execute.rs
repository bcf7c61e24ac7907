//! Carries a draft out. The change is sent once; whatever happens, what is known of the outcome is told.

use common::Text;
use common::http::Problem;
use common::telemetry::RequestContext;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::differences::{Difference, named, planned, unmet};
use super::plan::Plan;
use super::problem::Failure;
use super::reading::{Object, object, told};
use super::validate::Declared;
use super::values::presented;
use crate::error::Error;
use crate::infobase::Connection;
use crate::odata::write::WriteError;
use crate::odata::{Key, OdataError, Row};
use crate::state::AppState;
use crate::store::infobases::Infobase;

/// How it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// Nothing was written, and it may be tried again.
    Unsent(Problem),
    /// Nothing was written: 1C or the state of the object forbids it.
    Refused(Failure),
    /// Nobody knows.
    Unknown,
    /// Written.
    Written(Box<Written>),
}

/// What was written.
#[derive(Debug)]
pub(crate) struct Written {
    /// The object's key: 1C may not take the one that it is given.
    pub(crate) reference: Uuid,
    /// The object as it is now.
    pub(crate) object: Object,
    /// Where it is not as it was meant: meant, and found.
    pub(crate) differences: Vec<Difference>,
    /// True when this posted it.
    pub(crate) was_posted_now: bool,
    /// Why it was not posted, when that was asked for.
    pub(crate) posting_refusal: Option<String>,
    /// It could not be read again: `object` is what 1C answered to the change.
    pub(crate) is_unverified: bool,
}

/// True when nothing was written for sure: 1C was not reached, or refused before it looked at the
/// change.
pub(crate) fn is_unsent(error: &OdataError) -> bool {
    match error {
        OdataError::Unreachable(error) => error.is_connect(),
        OdataError::CredentialsRefused
        | OdataError::AccessDenied(_)
        | OdataError::NoLicence
        | OdataError::Locked
        | OdataError::NotPublished(_)
        | OdataError::NotFound(_)
        | OdataError::Refused(..) => true,
        OdataError::TimedOut
        | OdataError::Failed(..)
        | OdataError::TooLarge
        | OdataError::NotOdata
        | OdataError::Data(_) => false,
    }
}

/// Sends the change of a draft that was claimed, reads it again and posts it if asked.
pub(crate) async fn carry_out(
    state: &AppState,
    infobase: &Infobase,
    declared: &Declared,
    plan: &Plan,
) -> End {
    let onec = match state.connections.of(infobase).await {
        Ok(onec) => onec,
        Err(error) => return End::Unsent(Error::from(error).into()),
    };
    if !plan.is_new {
        let current = object(&onec, declared, plan.reference).await;
        match told(state, infobase.id, current).await {
            Err(problem) => return End::Unsent(problem),
            Ok(None) => return End::Refused(Failure::ObjectNotFound),
            Ok(Some(current)) if has_moved(plan, &current) => {
                return End::Refused(changed(declared, plan, &current));
            }
            Ok(Some(_)) => {}
        }
    }
    let key = Key::object(plan.reference);
    let answer = if plan.is_new {
        onec.client.create(&plan.entity, &plan.body).await
    } else if plan.values.is_empty() {
        // It is posted as it is.
        Ok(bytes::Bytes::new())
    } else {
        onec.client
            .update(&plan.entity, &key, &plan.body, plan.version.as_deref())
            .await
    };
    let answered = match answer {
        Ok(body) => Row::parse(&body)
            .ok()
            .map(|row| (row.guid("Ref_Key"), Object::of(&row, declared).ok())),
        Err(WriteError::Business(text)) => return End::Refused(Failure::Business(text)),
        Err(WriteError::Refused(..)) => return End::Refused(Failure::Refused),
        Err(WriteError::Changed) => {
            let current = object(&onec, declared, plan.reference).await;
            return End::Refused(match current {
                Ok(Some(current)) => changed(declared, plan, &current),
                Ok(None) | Err(_) => Failure::ObjectChanged(Value::Null),
            });
        }
        Err(WriteError::Odata(error)) if is_unsent(&error) => {
            return match told::<()>(state, infobase.id, Err(error)).await {
                Err(problem) => End::Unsent(problem),
                Ok(()) => End::Unknown,
            };
        }
        // The change may have arrived.
        Err(WriteError::Odata(_)) => {
            let current = object(&onec, declared, plan.reference).await;
            match current {
                Ok(Some(found)) if plan.is_new || is_done(declared, plan, &found) => {
                    Some((Some(plan.reference), Some(found)))
                }
                Ok(_) | Err(_) => return End::Unknown,
            }
        }
    };
    let (reference, answered) = answered.unwrap_or_default();
    let reference = reference.unwrap_or(plan.reference);
    let (found, is_unverified) = match (object(&onec, declared, reference).await, answered) {
        (Ok(Some(found)), _) => (found, false),
        // A version in an answer may not be the one that counts.
        (_, Some(answered)) => (
            Object {
                version: None,
                ..answered
            },
            true,
        ),
        (_, None) => return End::Unknown,
    };
    let mut written = Written {
        reference,
        differences: unmet(declared, &plan.values, &found.values),
        object: found,
        was_posted_now: false,
        posting_refusal: None,
        is_unverified,
    };
    if plan.post {
        post(&onec, declared, plan, &mut written).await;
    }
    End::Written(Box::new(written))
}

async fn post(onec: &Connection, declared: &Declared, plan: &Plan, written: &mut Written) {
    if !written.differences.is_empty() {
        written.posting_refusal = Some(say(Text::new(
            "Записано не то, что задумано, поэтому документ не проведён.",
            "What was written is not what was meant, so the document was not posted.",
        )));
        return;
    }
    let key = Key::object(written.reference);
    let posted = onec.client.post_document(&plan.entity, &key, false).await;
    let now = object(onec, declared, written.reference).await;
    let is_posted = match &now {
        Ok(Some(now)) => Some(now.is_posted),
        Ok(None) | Err(_) => None,
    };
    match now {
        Ok(Some(now)) => written.object = now,
        // Another version counts now.
        Ok(None) | Err(_) => written.object.version = None,
    }
    match (posted, is_posted) {
        (Ok(()), is_posted) => {
            written.was_posted_now = is_posted != Some(false);
            written.object.is_posted = written.was_posted_now;
        }
        (Err(WriteError::Business(text)), _) => written.posting_refusal = Some(text),
        (Err(WriteError::Odata(error)), Some(true)) if !plan.was_posted && !is_unsent(&error) => {
            written.was_posted_now = true;
        }
        (Err(WriteError::Odata(error)), _) if !is_unsent(&error) => {
            written.posting_refusal = Some(say(Text::new(
                "Неизвестно, провела ли 1С документ: проверьте его в 1С.",
                "It is not known whether 1C posted the document: look at it in 1C.",
            )));
        }
        (Err(_), _) => {
            written.posting_refusal = Some(say(Text::new(
                "1С не стала проводить документ.",
                "1C did not post the document.",
            )));
        }
    }
}

fn say(text: Text) -> String {
    text.get(RequestContext::current_locale()).to_owned()
}

/// True when the object is not what the draft was made for.
pub(super) fn has_moved(plan: &Plan, current: &Object) -> bool {
    let were_others = || {
        plan.before
            .iter()
            .flatten()
            .any(|(name, value)| current.values.get(name) != Some(value))
    };
    current.version != plan.version || (plan.version.is_none() && were_others())
}

/// True when a change is there although 1C did not say so.
pub(super) fn is_done(declared: &Declared, plan: &Plan, current: &Object) -> bool {
    has_moved(plan, current) && unmet(declared, &plan.values, &current.values).is_empty()
}

fn changed(declared: &Declared, plan: &Plan, current: &Object) -> Failure {
    let differences = planned(declared, Some(&current.values), &plan.values);
    Failure::ObjectChanged(named(&differences, &plan.names))
}

/// What the caller is told of it.
pub(crate) fn result(plan: &Plan, written: &Written, write: Uuid) -> Value {
    let object = &written.object;
    let mut told: Map<String, Value> = ["Number", "Code", "Date", "Description"]
        .into_iter()
        .filter_map(|name| Some((name.to_owned(), object.values.get(name)?.clone())))
        .collect();
    for name in plan.values.keys() {
        let value = object.values.get(name).cloned().unwrap_or_default();
        told.insert(name.clone(), value);
    }
    json!({
        "write_id": write,
        "outcome": outcome(written),
        "entity": plan.entity,
        "ref": written.reference,
        "name": object.name(),
        "is_new": plan.is_new,
        "posted": object.is_posted,
        "posting_refusal": written.posting_refusal,
        "verified": !written.is_unverified,
        "differences": named(&written.differences, &plan.names),
        "values": presented(&told, &plan.names),
    })
}

/// Its name in the history.
pub(crate) fn outcome(written: &Written) -> &'static str {
    if written.differences.is_empty() {
        "written"
    } else {
        "written_with_differences"
    }
}
