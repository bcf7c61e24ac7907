//! Events: audit entries into the chain, everything that tells of an attack to the detectors.

use std::collections::HashSet;

use common::contract::events;
use common::db::StoreResult;
use common::events::{Event, HandleError, Handler, Stream};

use super::detect::detect_in;
use super::observe::Observed;
use crate::audit::NewEntry;
use crate::state::AppState;
use crate::store;

pub(super) use super::raise::raise;

/// Handles the streams `Audit`, `Auth`, `Requests` and `Usage`.
#[derive(Debug)]
pub(crate) struct EventHandler {
    state: AppState,
}

impl EventHandler {
    pub(crate) fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl Handler for EventHandler {
    async fn handle(&self, events: &[(Stream, Event)]) -> Result<(), HandleError> {
        let now = self.state.clock.now();
        let entries = entries(events)?;
        let observed = Observed::read(self.state.defence.rules(), events, now)?;
        if entries.is_empty() && observed.is_empty() {
            return Ok(());
        }
        let mut transaction = self.state.db.begin().await.store("begin")?;
        detect_in(&mut transaction, &self.state.defence, observed, now).await?;
        if !entries.is_empty() {
            store::audit::append(&mut transaction, entries, now).await?;
        }
        transaction.commit().await.store("commit")?;
        self.state.defence.ring();
        Ok(())
    }
}

/// The entries for the audit log. The same event may come twice even within a batch.
fn entries(events: &[(Stream, Event)]) -> Result<Vec<NewEntry>, HandleError> {
    let mut ids = HashSet::new();
    let audited = |(stream, event): &&(Stream, Event)| {
        *stream == Stream::Audit && event.kind == events::AUDIT_RECORDED && ids.insert(event.id)
    };
    let entries = events
        .iter()
        .filter(audited)
        .map(|(_, event)| NewEntry::from_event(event));
    entries
        .collect::<Result<_, _>>()
        .map_err(|error| HandleError::Poison(error.into()))
}
