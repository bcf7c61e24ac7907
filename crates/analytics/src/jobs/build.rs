//! Builds report files. A replica holds a job by a lease; when it dies, another takes the job up
//! and the file is made once all the same.

use std::time::{Duration, Instant};

use chrono::Duration as Span;
use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use common::{BoxError, Locale, ids};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::metrics::{REPORT_BUILDS, REPORT_ROWS, REPORT_SECONDS};
use crate::reports::{self, Dialect, Format, Sheet};
use crate::state::AppState;
use crate::store::reports::{self as store, MAX_ATTEMPTS, NewFile, TakenJob};

/// How often the table is looked at when nobody says that there is work.
const POLL: Duration = Duration::from_secs(1);
/// How often the holder of a job says that it works on it; a third of the lease.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Builds files one after the other.
#[derive(Debug)]
pub(super) struct Builder {
    state: AppState,
    holder: String,
    file_ttl: Span,
}

/// A file that is ready to be stored.
struct Built {
    name: String,
    format: Format,
    content: Vec<u8>,
    rows: i64,
}

impl Builder {
    pub(super) fn new(state: AppState, instance: String, file_ttl: Span) -> Self {
        // Unique to this start of the process: what an earlier one held is not ours.
        let holder = format!("{instance}/{}", ids::new_id());
        Self {
            state,
            holder,
            file_ttl,
        }
    }

    pub(super) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.build_next().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "a report job could not be handled; it will be tried again");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.state.work.notified() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Builds one file; false when there is nothing to do.
    async fn build_next(&self) -> Result<bool, StoreError> {
        let mut connection = self.state.db.acquire().await.store("acquire")?;
        let Some(job) = store::take(&mut connection, &self.holder, self.state.clock.now()).await? else {
            return Ok(false);
        };
        drop(connection);
        if job.attempts > MAX_ATTEMPTS {
            self.finish(&job, Err("analytics.build_abandoned")).await?;
            metrics::counter!(REPORT_BUILDS, "outcome" => "abandoned").increment(1);
            return Ok(true);
        }
        let started = Instant::now();
        match self.build(&job).await? {
            Some(Ok(built)) => {
                let format = built.format.as_str();
                metrics::histogram!(REPORT_SECONDS, "format" => format)
                    .record(started.elapsed().as_secs_f64());
                metrics::counter!(REPORT_ROWS).increment(built.rows.unsigned_abs());
                self.finish(&job, Ok(built)).await?;
                metrics::counter!(REPORT_BUILDS, "outcome" => "built").increment(1);
            }
            Some(Err(error)) => {
                tracing::error!(error = %Chain(error.as_ref()), "the file of report job {} cannot be built", job.id);
                self.finish(&job, Err("analytics.build_failed")).await?;
                metrics::counter!(REPORT_BUILDS, "outcome" => "failed").increment(1);
            }
            None => tracing::warn!("report job {} was taken up by another replica", job.id),
        }
        Ok(true)
    }

    /// Writes the file on a thread of its own, renewing the lease meanwhile; `None` when the lease
    /// was lost.
    async fn build(&self, job: &TakenJob) -> Result<Option<Result<Built, BoxError>>, StoreError> {
        let work = Work::of(job);
        let building = tokio::task::spawn_blocking(move || work?.write());
        tokio::pin!(building);
        loop {
            tokio::select! {
                built = &mut building => {
                    return Ok(Some(built.unwrap_or_else(|panic| Err(panic.into()))));
                }
                () = tokio::time::sleep(HEARTBEAT) => {
                    let mut connection = self.state.db.acquire().await.store("acquire")?;
                    if !store::renew(&mut connection, job.id, &self.holder).await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    async fn finish(&self, job: &TakenJob, outcome: Result<Built, &str>) -> Result<(), StoreError> {
        let now = self.state.clock.now();
        let mut transaction = self.state.db.begin().await.store("begin")?;
        let ended = match outcome {
            Ok(built) => {
                let file = NewFile {
                    id: ids::new_id(),
                    name: &built.name,
                    content_type: built.format.content_type(),
                    content: &built.content,
                    sha256: &Sha256::digest(&built.content),
                    rows: built.rows,
                    created_at: now,
                    expires_at: now + self.file_ttl,
                };
                store::finish(&mut transaction, job, &self.holder, Ok(&file), now).await?
            }
            Err(code) => store::finish(&mut transaction, job, &self.holder, Err(code), now).await?,
        };
        transaction.commit().await.store("commit")?;
        if !ended {
            tracing::warn!("report job {} was ended by another replica", job.id);
        }
        Ok(())
    }
}

/// A job as values of ours.
struct Work {
    sheet: Sheet,
    report: String,
    format: Format,
    dialect: Dialect,
    locale: Locale,
}

impl Work {
    fn of(job: &TakenJob) -> Result<Self, BoxError> {
        Ok(Self {
            sheet: serde_json::from_value(job.payload.clone())?,
            report: job.report.clone(),
            format: Format::from_name(&job.format).ok_or("an unknown format")?,
            dialect: Dialect::from_name(&job.dialect).ok_or("an unknown dialect")?,
            locale: Locale::from_accept_language(&job.locale),
        })
    }

    fn write(self) -> Result<Built, BoxError> {
        let content = reports::render(&self.sheet, self.format, self.dialect, self.locale)?;
        Ok(Built {
            name: format!(
                "{}-{}.{}",
                self.report,
                self.sheet.as_of.format("%Y-%m-%d"),
                self.format.as_str()
            ),
            format: self.format,
            rows: i64::try_from(self.sheet.rows.len()).unwrap_or(i64::MAX),
            content,
        })
    }
}
