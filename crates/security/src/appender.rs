//! Entries of concurrent requests go into the log in one transaction.
//!
//! Only one writer at a time can hold the end of the chain, until its transaction is on the disk. So
//! whoever gets the turn takes along what all others wait with, and 50 writers cost about as much as one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgPool;
use tokio::sync::{Mutex as Turn, oneshot};
use uuid::Uuid;

use crate::audit::{Entry, NewEntry};
use crate::store::audit as store;

/// Entries of one transaction.
const MOST: usize = 500;

/// The entry that the log has under the id of the one that was to be appended; an error when the
/// database did not take what was taken along.
type Appended = Result<Option<Entry>, ()>;

/// An entry, and who waits for it.
type Waiting = (NewEntry, oneshot::Sender<Appended>);

/// Appends single entries. Cheap to clone; clones share the turn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Appender {
    waiting: Arc<Mutex<Vec<Waiting>>>,
    turn: Arc<Turn<()>>,
}

impl Appender {
    /// Appends the entry unless the log has one with its id, and returns what the log has then.
    ///
    /// # Errors
    /// When the database does not take it.
    pub(crate) async fn append(
        &self,
        db: &PgPool,
        entry: NewEntry,
        now: DateTime<Utc>,
    ) -> Result<Option<Entry>, StoreError> {
        loop {
            let (sender, mut answer) = oneshot::channel();
            self.waiting().push((entry.clone(), sender));
            let turn = self.turn.lock().await;
            match answer.try_recv() {
                Ok(appended) => return appended.map_err(|()| failed_together()),
                // The client of whoever took it along has gone away meanwhile: again.
                Err(oneshot::error::TryRecvError::Closed) => {
                    drop(turn);
                    continue;
                }
                Err(oneshot::error::TryRecvError::Empty) => {}
            }
            self.append_waiting(db, now).await?;
            drop(turn);
            if let Ok(appended) = answer.await {
                return appended.map_err(|()| failed_together());
            }
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn append_waiting(&self, db: &PgPool, now: DateTime<Utc>) -> Result<(), StoreError> {
        let (entries, answers): (Vec<NewEntry>, Vec<_>) = {
            let mut waiting = self.waiting();
            let some = waiting.len().min(MOST);
            waiting.drain(..some).unzip()
        };
        let ids: Vec<Uuid> = entries.iter().map(|entry| entry.id).collect();
        let known = append_all(db, entries, &ids, now).await;
        for (id, answer) in ids.iter().zip(answers) {
            // Nobody waits any more where a client has gone away; the entry is recorded all the same.
            let _ = answer.send(known.as_ref().map(|known| known.get(id).cloned()).map_err(|_| ()));
        }
        known.map(|_| ())
    }
}

/// Appends what is new, in one transaction, and finds what is not.
async fn append_all(
    db: &PgPool,
    entries: Vec<NewEntry>,
    ids: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Entry>, StoreError> {
    let mut transaction = db.begin().await.store("begin")?;
    let appended = store::append(&mut transaction, entries, now).await?;
    let mut known: HashMap<Uuid, Entry> = appended.into_iter().map(|entry| (entry.id, entry)).collect();
    let repeated: Vec<Uuid> = ids.iter().copied().filter(|id| !known.contains_key(id)).collect();
    if !repeated.is_empty() {
        let found = store::by_ids(&mut transaction, &repeated).await?;
        known.extend(found.into_iter().map(|entry| (entry.id, entry)));
    }
    transaction.commit().await.store("commit")?;
    Ok(known)
}

/// The transaction of another request, which had this entry too, has failed; the cause is in its log line.
fn failed_together() -> StoreError {
    StoreError {
        operation: "audit_append_together",
        source: sqlx::Error::Io(std::io::Error::other(
            "the transaction of several requests has failed",
        )),
    }
}
