//! Events that leave with the transaction that they tell of.
//!
//! The table is the same in every schema that has one; a migration of the service makes it:
//!
//! ```sql
//! create table identity.outbox (
//!     id         uuid primary key,           -- id of the event; UUIDv7, so it also orders
//!     stream     text not null,
//!     event      jsonb not null,
//!     created_at timestamptz not null default now()
//! );
//! ```
//!
//! Published rows are deleted.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Event, Stream, publish};
use crate::BoxError;
use crate::cache::Redis;
use crate::db::{Schema, StoreError, StoreResult};
use crate::telemetry::Chain;

/// Events taken from the table at once.
const BATCH: i64 = 200;
/// How long an event may lie before the relay looks again.
const POLL: Duration = Duration::from_millis(250);
/// How often the waiting events are counted.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// How long the relay rests after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Writes an event into the outbox of `schema` within the caller's transaction.
///
/// # Errors
/// When the statement fails.
pub async fn append(
    connection: &mut PgConnection,
    schema: &Schema,
    stream: Stream,
    event: &Event,
) -> Result<(), StoreError> {
    // The name of a schema is a constant of ours; it cannot be bound as a parameter.
    let statement = format!(
        "insert into {}.outbox (id, stream, event) values ($1, $2, $3)",
        schema.name
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(event.id)
        .bind(stream.key())
        .bind(sqlx::types::Json(event))
        .execute(connection)
        .await
        .store("outbox_append")?;
    Ok(())
}

/// Publishes the outbox of one schema. Replicas may run it at the same time: each takes rows that
/// no other holds.
#[derive(Debug)]
pub struct Relay {
    pool: PgPool,
    redis: Redis,
    schema: &'static Schema,
}

impl Relay {
    /// A relay for the outbox of `schema`.
    #[must_use]
    pub fn new(pool: PgPool, redis: Redis, schema: &'static Schema) -> Self {
        Self { pool, redis, schema }
    }

    /// Publishes until `shutdown`, and once more then. Run it as a background task.
    pub async fn run(self, shutdown: CancellationToken) {
        metrics::describe_gauge!(
            "outbox_events_pending",
            "Events that wait in the outbox for Redis"
        );
        let mut measured: Option<Instant> = None;
        loop {
            let pause = match self.publish_batch().await {
                Ok(published) if published == BATCH => Duration::ZERO,
                Ok(_) => POLL,
                Err(error) => {
                    tracing::warn!(error = %Chain(error.as_ref()), "the outbox cannot be published; events wait in it");
                    AFTER_FAILURE
                }
            };
            if measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
                self.measure().await;
                measured = Some(Instant::now());
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        if let Err(error) = self.publish_batch().await {
            tracing::warn!(error = %Chain(error.as_ref()), "the outbox keeps events for the next start");
        }
    }

    async fn publish_batch(&self) -> Result<i64, BoxError> {
        let mut transaction = self.pool.begin().await?;
        // Published and deleted in one transaction: a crash in between repeats events, loses none.
        let statement = format!(
            "delete from {0}.outbox where id in (select id from {0}.outbox order by id limit {BATCH} for update skip locked) \
             returning id, stream, event",
            self.schema.name
        );
        let mut rows: Vec<(Uuid, String, sqlx::types::Json<Event>)> =
            sqlx::query_as(AssertSqlSafe(statement))
                .fetch_all(&mut *transaction)
                .await?;
        if rows.is_empty() {
            return Ok(0);
        }
        rows.sort_by_key(|(id, _, _)| *id);
        let taken = i64::try_from(rows.len()).unwrap_or(BATCH);
        let events: Vec<(Stream, Event)> = rows
            .into_iter()
            .filter_map(|(_, stream, event)| Some((Stream::from_key(&stream)?, event.0)))
            .collect();
        publish(&self.redis, &events).await?;
        transaction.commit().await?;
        Ok(taken)
    }

    async fn measure(&self) {
        let statement = format!(
            "select count(*) from (select 1 from {}.outbox limit 100000) pending",
            self.schema.name
        );
        if let Ok(pending) = sqlx::query_scalar::<_, i64>(AssertSqlSafe(statement))
            .fetch_one(&self.pool)
            .await
        {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
            metrics::gauge!("outbox_events_pending", "schema" => self.schema.name).set(pending as f64);
        }
    }
}
