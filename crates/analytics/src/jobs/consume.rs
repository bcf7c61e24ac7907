//! Events of the streams into the table, each once.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Datelike, Duration, NaiveDate, Utc};
use common::db::{StoreError, StoreResult};
use common::events::{Event, HandleError, Handler, Stream};
use tokio::sync::Mutex;

use crate::ingest::{self, EventRow, Rejected, stream_name};
use crate::metrics::EVENTS_INGESTED;
use crate::pseudonyms::Pseudonyms;
use crate::state::AppState;
use crate::store::events as store;

/// Handles all streams of analytics.
#[derive(Debug)]
pub(super) struct EventHandler {
    state: AppState,
    retention: Duration,
    pseudonyms: Pseudonyms,
    /// Months whose partition is known to be there.
    months: Mutex<HashSet<NaiveDate>>,
}

impl EventHandler {
    pub(super) fn new(state: AppState, retention: Duration, pseudonyms: Pseudonyms) -> Self {
        Self {
            state,
            retention,
            pseudonyms,
            months: Mutex::default(),
        }
    }

    /// Makes the partitions that these events need, before the transaction that fills them.
    async fn prepare_months(&self, rows: &[EventRow]) -> Result<(), StoreError> {
        let needed: BTreeSet<NaiveDate> = rows.iter().filter_map(|row| month(row.time)).collect();
        let mut known = self.months.lock().await;
        for month in needed {
            if !known.contains(&month) {
                let mut connection = self.state.db.acquire().await.store("acquire")?;
                store::ensure_month(&mut connection, month).await?;
                known.insert(month);
            }
        }
        Ok(())
    }
}

impl Handler for EventHandler {
    async fn handle(&self, events: &[(Stream, Event)]) -> Result<(), HandleError> {
        let now = self.state.clock.now();
        let (mut rows, mut rejected) = (Vec::new(), Vec::new());
        for (stream, event) in events {
            match ingest::check_time(event.time, now, self.retention) {
                Ok(()) => {
                    let row = ingest::row(*stream, event, &self.pseudonyms);
                    rows.push(row.map_err(|error| HandleError::Poison(error.into()))?);
                }
                Err(reason) => rejected.push((*stream, event, reason)),
            }
        }
        self.prepare_months(&rows).await?;
        let mut transaction = self.state.db.begin().await.store("begin")?;
        let stored = if rows.is_empty() {
            HashSet::new()
        } else {
            store::insert(&mut transaction, &rows).await?
        };
        for (stream, event, reason) in &rejected {
            store::reject(&mut transaction, stream_name(*stream), event, *reason, now).await?;
        }
        transaction.commit().await.store("commit")?;
        count(rows, stored, &rejected);
        Ok(())
    }
}

fn count(rows: Vec<EventRow>, mut stored: HashSet<uuid::Uuid>, rejected: &[(Stream, &Event, Rejected)]) {
    for row in rows {
        // The second of two in one batch is a duplicate too.
        let result = if stored.remove(&row.id) {
            "stored"
        } else {
            "duplicate"
        };
        metrics::counter!(EVENTS_INGESTED, "stream" => row.stream, "result" => result).increment(1);
    }
    for (stream, _, reason) in rejected {
        let (stream, result) = (stream_name(*stream), reason.as_str());
        metrics::counter!(EVENTS_INGESTED, "stream" => stream, "result" => result).increment(1);
    }
}

fn month(time: DateTime<Utc>) -> Option<NaiveDate> {
    time.date_naive().with_day(1)
}
