//! Builds report files. A replica holds a job by a lease; when it dies, another takes the job up
//! and the file is made once all the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Duration as Span;
use chrono_tz::Tz;
use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use common::{BoxError, Locale, Text, ids};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::metrics::{REPORT_BUILDS, REPORT_ROWS, REPORT_SECONDS};
use crate::reports::pdf::MissingGlyph;
use crate::reports::{self, Control, Dialect, Format, Progress, Row, Rows, Sheet, Style};
use crate::state::AppState;
use crate::store::reports::{self as store, Failure, MAX_ATTEMPTS, NewFile, TakenJob};

/// How often the table is looked at when nobody says that there is work.
const POLL: Duration = Duration::from_secs(1);
/// How often the holder of a job says how far it is, and learns that it was cancelled. The lease is
/// many times longer.
const HEARTBEAT: Duration = Duration::from_secs(1);

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
    title: String,
    format: Format,
    content: Vec<u8>,
    control: Control,
}

/// What became of an attempt.
enum Attempt {
    Built(Built),
    Failed(BoxError),
    /// Another replica has the job, or its owner has cancelled it.
    Lost,
    /// This process ends.
    Interrupted,
}

impl Builder {
    pub(super) fn new(state: AppState, instance: &str, file_ttl: Span) -> Self {
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
            match self.build_next(&shutdown).await {
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
    async fn build_next(&self, shutdown: &CancellationToken) -> Result<bool, StoreError> {
        let mut connection = self.state.db.acquire().await.store("acquire")?;
        let Some(job) = store::take(&mut connection, &self.holder, self.state.clock.now()).await? else {
            return Ok(false);
        };
        drop(connection);
        if job.attempts > MAX_ATTEMPTS {
            let failure = Failure {
                code: "analytics.build_abandoned",
                detail: None,
            };
            self.finish(&job, Err(&failure)).await?;
            metrics::counter!(REPORT_BUILDS, "outcome" => "abandoned").increment(1);
            return Ok(true);
        }
        let started = Instant::now();
        match self.build(&job, shutdown).await? {
            Attempt::Built(built) => {
                let format = built.format.as_str();
                metrics::histogram!(REPORT_SECONDS, "format" => format)
                    .record(started.elapsed().as_secs_f64());
                metrics::counter!(REPORT_ROWS).increment(built.control.rows);
                self.finish(&job, Ok(&built)).await?;
                metrics::counter!(REPORT_BUILDS, "outcome" => "built").increment(1);
            }
            Attempt::Failed(error) => {
                tracing::error!(error = %Chain(error.as_ref()), "the file of report job {} cannot be built", job.id);
                self.finish(&job, Err(&failure(&error, &job.locale))).await?;
                metrics::counter!(REPORT_BUILDS, "outcome" => "failed").increment(1);
            }
            Attempt::Lost => {
                tracing::info!(
                    "report job {} was cancelled or taken up by another replica",
                    job.id
                );
            }
            Attempt::Interrupted => {
                let mut connection = self.state.db.acquire().await.store("acquire")?;
                store::release(&mut connection, job.id, &self.holder).await?;
            }
        }
        Ok(true)
    }

    /// Writes the file on a thread of its own, renewing the lease meanwhile.
    async fn build(&self, job: &TakenJob, shutdown: &CancellationToken) -> Result<Attempt, StoreError> {
        let progress = Arc::<Progress>::default();
        let work = Work::of(job, self.state.time_zone);
        let (state, written) = (self.state.clone(), Arc::clone(&progress));
        let mut building = tokio::task::spawn_blocking(move || work?.write(&state, written));
        let ended = loop {
            tokio::select! {
                built = &mut building => {
                    return Ok(match built {
                        Ok(Ok(built)) => Attempt::Built(built),
                        Ok(Err(error)) => Attempt::Failed(error),
                        Err(panic) => Attempt::Failed(panic.into()),
                    });
                }
                () = shutdown.cancelled() => break Ok(Attempt::Interrupted),
                () = tokio::time::sleep(HEARTBEAT) => match self.renew(job, &progress).await {
                    Ok(true) => {}
                    Ok(false) => break Ok(Attempt::Lost),
                    Err(error) => break Err(error),
                }
            }
        };
        // The thread ends with the next piece of rows; nobody looks at what it has.
        progress.stop();
        let _ = building.await;
        ended
    }

    async fn renew(&self, job: &TakenJob, progress: &Progress) -> Result<bool, StoreError> {
        let mut connection = self.state.db.acquire().await.store("acquire")?;
        let rows = i64::try_from(progress.rows()).unwrap_or(i64::MAX);
        store::renew(&mut connection, job.id, &self.holder, rows).await
    }

    async fn finish(&self, job: &TakenJob, outcome: Result<&Built, &Failure>) -> Result<(), StoreError> {
        let now = self.state.clock.now();
        let mut transaction = self.state.db.begin().await.store("begin")?;
        let ended = match outcome {
            Ok(built) => {
                let file = NewFile {
                    id: ids::new_id(),
                    name: &built.name,
                    title: &built.title,
                    content_type: built.format.content_type(),
                    content: &built.content,
                    sha256: &Sha256::digest(&built.content),
                    rows: i64::try_from(built.control.rows).unwrap_or(i64::MAX),
                    control: serde_json::to_value(&built.control).unwrap_or_default(),
                    created_at: now,
                    expires_at: now + self.file_ttl,
                };
                store::finish(&mut transaction, job, &self.holder, Ok(&file), now).await?
            }
            Err(failure) => store::finish(&mut transaction, job, &self.holder, Err(failure), now).await?,
        };
        transaction.commit().await.store("commit")?;
        if !ended {
            tracing::warn!(
                "report job {} was ended by another replica or by its owner",
                job.id
            );
        }
        Ok(())
    }
}

/// What the owner is told.
fn failure(error: &BoxError, locale: &str) -> Failure {
    if let Some(MissingGlyph(letter)) = error.downcast_ref() {
        let text = Text::new(
            format!(
                "В данных есть знак «{letter}», которого нет в шрифте документа. Сформируйте отчёт в XLSX или HTML."
            ),
            format!(
                "The data has the letter “{letter}”, which the font of the document lacks. Generate XLSX or HTML."
            ),
        );
        return Failure {
            code: "analytics.glyph_missing",
            detail: Some(text.get(Locale::from_accept_language(locale)).to_owned()),
        };
    }
    Failure {
        code: "analytics.build_failed",
        detail: None,
    }
}

/// A job as values of ours.
struct Work {
    job: uuid::Uuid,
    sheet: Sheet,
    style: Style,
}

impl Work {
    fn of(job: &TakenJob, time_zone: Tz) -> Result<Self, BoxError> {
        Ok(Self {
            job: job.id,
            sheet: serde_json::from_value(job.payload.clone())?,
            style: Style {
                format: Format::from_name(&job.format).ok_or("an unknown format")?,
                dialect: Dialect::from_name(&job.dialect).ok_or("an unknown dialect")?,
                locale: Locale::from_accept_language(&job.locale),
                time_zone,
            },
        })
    }

    /// Runs on a thread that may block.
    fn write(self, state: &AppState, progress: Arc<Progress>) -> Result<Built, BoxError> {
        let (sheet, style) = (self.sheet, self.style);
        let runtime = Handle::current();
        let mut rows = Rows::new(&sheet, progress, |piece| {
            let bytes = runtime.block_on(async {
                let mut connection = state.db.acquire().await.store("acquire")?;
                store::piece(&mut connection, self.job, piece).await
            })?;
            let read = |bytes: Vec<u8>| serde_json::from_slice::<Vec<Row>>(&bytes);
            Ok(bytes.map(read).transpose()?)
        });
        let content = reports::render(&sheet, &mut rows, style)?;
        let control = rows.control();
        drop(rows);
        let (day, kind) = (sheet.as_of.format("%Y-%m-%d"), style.format.as_str());
        Ok(Built {
            name: format!("{}-{day}.{kind}", sheet.report),
            title: format!("{} {day}.{kind}", sheet.title),
            format: style.format,
            content,
            control,
        })
    }
}
