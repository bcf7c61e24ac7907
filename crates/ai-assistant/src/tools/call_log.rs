//! What is kept of the calls of one answer. The log is filled in as calls begin and end, so that those of
//! an answer that was cancelled in the middle are known too.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use common::ids;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{OnecError, Tool};
use crate::store::tool_calls as store;

/// Bytes of arguments that are kept.
const MAX_ARGUMENTS: usize = 16 * 1024;
/// Characters of an error.
const MAX_ERROR: usize = 500;

/// The calls of one answer, in their order. A clone is the same log.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallLog(Arc<Mutex<Vec<Entry>>>);

/// A call that is being made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket(usize);

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    /// The arguments, or a limit, did not allow it.
    Refused,
    /// The caller lacks the right.
    Denied,
    Unreachable,
    Malformed,
    /// The answer ended before.
    Unfinished,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Unreachable => "unreachable",
            Self::Malformed => "malformed",
            Self::Unfinished => "unfinished",
        }
    }

    pub(super) fn of(error: &OnecError) -> Self {
        match error {
            OnecError::Refused { status, .. } if *status == http::StatusCode::FORBIDDEN => Self::Denied,
            OnecError::Refused { .. } => Self::Refused,
            OnecError::Unreachable(_) => Self::Unreachable,
            OnecError::Malformed(_) => Self::Malformed,
        }
    }
}

/// What a call brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Brought {
    /// The number that the answer refers to it by.
    pub(super) source: Option<u32>,
    pub(super) rows: Option<u64>,
    pub(super) shown: Option<u64>,
}

#[derive(Debug)]
struct Entry {
    id: Uuid,
    name: String,
    arguments: Value,
    begun: Instant,
    duration: Option<Duration>,
    outcome: Outcome,
    error: Option<String>,
    brought: Brought,
}

impl CallLog {
    /// A call begins.
    pub(super) fn begin(&self, name: &str, arguments: &Result<Map<String, Value>, String>) -> Ticket {
        let arguments = match arguments {
            Ok(arguments) => Value::Object(arguments.clone()),
            Err(text) => json!({ "text": text }),
        };
        let length = arguments.to_string().len();
        let arguments = if length > MAX_ARGUMENTS {
            json!({ "omitted_bytes": length })
        } else {
            arguments
        };
        let mut entries = self.entries();
        entries.push(Entry {
            id: ids::new_id(),
            name: name.chars().take(100).collect(),
            arguments,
            begun: Instant::now(),
            duration: None,
            outcome: Outcome::Unfinished,
            error: None,
            brought: Brought::default(),
        });
        Ticket(entries.len() - 1)
    }

    /// It ends well.
    pub(super) fn end(&self, ticket: Ticket, duration: Duration, brought: Brought) {
        if let Some(entry) = self.entries().get_mut(ticket.0) {
            entry.duration = Some(duration);
            entry.outcome = Outcome::Ok;
            entry.brought = brought;
        }
    }

    /// It ends otherwise.
    pub(super) fn fail(&self, ticket: Ticket, duration: Duration, outcome: Outcome, error: &str) {
        if let Some(entry) = self.entries().get_mut(ticket.0) {
            entry.duration = Some(duration);
            entry.outcome = outcome;
            entry.error = Some(error.chars().take(MAX_ERROR).collect());
        }
    }

    /// Another engine begins anew: the answer will not refer to what went before.
    pub(super) fn restart(&self) {
        for entry in self.entries().iter_mut() {
            entry.brought.source = None;
        }
    }

    /// Tools that the caller lacked the right for, each once.
    pub(crate) fn denied(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .entries()
            .iter()
            .filter(|entry| entry.outcome == Outcome::Denied)
            .map(|entry| entry.name.clone())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// True when all was read from the synchronised copy, so that the same calls bring the same until
    /// that changes.
    pub(crate) fn is_of_copy(&self) -> bool {
        self.entries().iter().all(|entry| {
            entry.outcome == Outcome::Ok && Tool::from_name(&entry.name).is_some_and(Tool::is_of_copy)
        })
    }

    /// The calls as they are kept.
    pub(crate) fn rows(&self, now: DateTime<Utc>) -> Vec<store::ToolCall> {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        self.entries()
            .iter()
            .map(|entry| {
                let since = entry.begun.elapsed();
                store::ToolCall {
                    id: entry.id,
                    name: entry.name.clone(),
                    arguments: entry.arguments.clone(),
                    source: entry.brought.source.and_then(|number| i32::try_from(number).ok()),
                    row_count: entry.brought.rows.map(count),
                    shown_rows: entry.brought.shown.map(count),
                    duration_ms: millis(entry.duration.unwrap_or(since)),
                    outcome: entry.outcome.as_str().to_owned(),
                    error: entry.error.clone(),
                    created_at: now - TimeDelta::from_std(since).unwrap_or_default(),
                }
            })
            .collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
