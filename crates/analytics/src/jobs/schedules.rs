//! Reports that come by themselves: finds the times that have come, has the files built with the
//! rights of their owners, and sends them.
//!
//! A run goes through its steps in the database, so any replica may do the next one.

use ::http::header::AUTHORIZATION;
use ::http::{HeaderMap, HeaderValue};
use chrono::Duration as Span;
use chrono_tz::Tz;
use common::auth::{Authenticator, Identity, Permission};
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::db::{StoreError, StoreResult};
use common::events::{Event, Stream, outbox};
use common::http::Problem;
use common::telemetry::{Chain, RequestContext};
use common::{BoxError, Locale, Text, ids};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::DEFINITION;
use crate::cron::Cron;
use crate::delivery::{Contents, Delivery, NotDelivered, Parcel};
use crate::error::Error;
use crate::metrics::REPORT_RUNS;
use crate::orders::{self, Fetched, Order};
use crate::schedules::{backoff, due};
use crate::state::AppState;
use crate::store::SCHEMA;
use crate::store::reports as jobs;
use crate::store::schedules::{self as store, ScheduleRow, Step, TakenRun};

/// How often times are looked at.
const POLL: std::time::Duration = std::time::Duration::from_secs(1);
/// Attempts of a step before it is given up: over two hours.
const MOST_ATTEMPTS: i32 = 8;
/// How often a file in the making is looked at.
const GLANCE: Span = Span::seconds(1);

/// Runs schedules.
pub(super) struct Scheduler {
    state: AppState,
    authenticator: Authenticator,
    holder: String,
}

/// What a step has come to.
enum Ended {
    /// The file is in the making.
    Building(uuid::Uuid),
    /// It is still in the making.
    StillBuilding,
    /// It was sent.
    Delivered,
    /// It may go better later.
    Later(String, String),
    /// It never will.
    Failed(String, String),
}

impl Scheduler {
    pub(super) fn new(state: AppState, authenticator: Authenticator, instance: &str) -> Self {
        let holder = format!("{instance}/{}", ids::new_id());
        Self {
            state,
            authenticator,
            holder,
        }
    }

    pub(super) async fn run(self, shutdown: CancellationToken) {
        while !shutdown.is_cancelled() {
            match self.round().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = %Chain(&error), "report schedules could not be handled; it will be tried again");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Does one thing; false when there is nothing to do.
    async fn round(&self) -> Result<bool, StoreError> {
        if self.start_due().await? {
            return Ok(true);
        }
        let mut connection = self.state.db.acquire().await.store("acquire")?;
        let now = self.state.clock.now();
        let Some(run) = store::take_run(&mut connection, &self.holder, now).await? else {
            return Ok(false);
        };
        let schedule = store::of_run(&mut connection, run.schedule_id).await?;
        drop(connection);
        // Deleted at this moment; its runs go with it.
        let Some(schedule) = schedule else { return Ok(true) };
        let locale = Locale::from_accept_language(&schedule.locale);
        let mut context = RequestContext::background();
        context.locale = locale;
        context.scope(self.step(&run, &schedule, locale)).await?;
        Ok(true)
    }

    /// Makes the run of a schedule whose time has come; false when there is none.
    async fn start_due(&self) -> Result<bool, StoreError> {
        let now = self.state.clock.now();
        let mut transaction = self.state.db.begin().await.store("begin")?;
        let Some(schedule) = store::due(&mut transaction, now).await? else {
            return Ok(false);
        };
        // Both were checked when the schedule was saved.
        let parsed = Cron::parse(&schedule.cron)
            .ok()
            .zip(schedule.time_zone.parse::<Tz>().ok());
        let mut next = None;
        if let Some((cron, zone)) = parsed {
            let due = due(&cron, zone, schedule.next_at, schedule.catch_up, now);
            let made = store::insert_run(
                &mut transaction,
                ids::new_id(),
                schedule.id,
                due.at,
                due.skipped,
                now,
            );
            if made.await? && due.skipped {
                metrics::counter!(REPORT_RUNS, "outcome" => "skipped").increment(1);
            }
            next = due.next;
        }
        store::advance(&mut transaction, schedule.id, next).await?;
        transaction.commit().await.store("commit")?;
        Ok(true)
    }

    /// Does the next step of a run.
    async fn step(&self, run: &TakenRun, schedule: &ScheduleRow, locale: Locale) -> Result<(), StoreError> {
        let outcome = match (run.state.as_str(), run.job_id) {
            ("waiting", _) => self.begin(run, schedule, locale).await,
            (_, Some(job)) => self.look(run, schedule, job, locale).await?,
            // Jobs are forgotten long after they have ended.
            (_, None) => Ended::Failed("analytics.build_abandoned".to_owned(), String::new()),
        };
        let now = self.state.clock.now();
        let mut step = Step {
            state: &run.state,
            job_id: run.job_id,
            attempts: run.attempts,
            next_attempt: now + GLANCE,
            error: None,
            error_detail: None,
            finished_at: None,
        };
        let outcome = match outcome {
            Ended::Later(code, detail) if run.attempts + 1 >= MOST_ATTEMPTS => Ended::Failed(code, detail),
            other => other,
        };
        let label = match &outcome {
            Ended::Building(job) => {
                (step.state, step.job_id, step.attempts) = ("building", Some(*job), 0);
                None
            }
            Ended::StillBuilding => None,
            Ended::Later(code, detail) => {
                step.attempts = run.attempts + 1;
                step.next_attempt = now + backoff(run.attempts);
                (step.error, step.error_detail) = (Some(code.as_str()), Some(detail.as_str()));
                None
            }
            Ended::Delivered => {
                (step.state, step.finished_at) = ("delivered", Some(now));
                Some("delivered")
            }
            Ended::Failed(code, detail) => {
                (step.state, step.finished_at) = ("failed", Some(now));
                (step.error, step.error_detail) = (Some(code.as_str()), Some(detail.as_str()));
                Some("failed")
            }
        };
        let mut connection = self.state.db.acquire().await.store("acquire")?;
        let ended = store::end_step(&mut connection, run.id, &self.holder, &step).await?;
        drop(connection);
        if !ended {
            return Ok(());
        }
        if let Some(label) = label {
            metrics::counter!(REPORT_RUNS, "outcome" => label).increment(1);
        }
        if let Ended::Failed(code, detail) = outcome {
            tracing::warn!(error.code = %code, "the run {} of report schedule {} has failed", run.id, schedule.id);
            self.tell_failure(run, schedule, code, detail, locale).await;
        }
        Ok(())
    }

    /// Reads the report with the owner's rights, and leaves the file to a job.
    async fn begin(&self, run: &TakenRun, schedule: &ScheduleRow, locale: Locale) -> Ended {
        match self.order(run, schedule, locale).await {
            Ok(job) => {
                self.state.work.notify_one();
                Ended::Building(job)
            }
            Err(error) => {
                let later = error.is_temporary();
                let (code, detail) = error.told(locale);
                if later {
                    Ended::Later(code, detail)
                } else {
                    Ended::Failed(code, detail)
                }
            }
        }
    }

    async fn order(
        &self,
        run: &TakenRun,
        schedule: &ScheduleRow,
        locale: Locale,
    ) -> Result<uuid::Uuid, Error> {
        let order: Order = serde_json::from_value(schedule.definition.clone())?;
        let wanted = order.wanted(self.state.today())?;
        let key = self.state.vault.open(schedule.id, &schedule.sealed_key);
        let key = key.ok_or(Error::KeySealed)?;
        let token = self.state.users.exchange(&key).await?;
        let identity = self.identity(&token).await?;
        identity.require(Permission::Reports)?;
        wanted.require(identity.permissions)?;
        let fetched = orders::fetch(&self.state, &token, &wanted, locale).await?;
        self.create(run, schedule, &order, &fetched, &identity).await
    }

    /// Who the token is of, as any service would see it.
    async fn identity(&self, token: &secrecy::SecretString) -> Result<Identity, Problem> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))
            .map_err(|_| Problem::token_required())?;
        value.set_sensitive(true);
        self.authenticator
            .authenticate(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
            .await
    }

    /// Makes the job of a run; after a crash the one that it has already.
    async fn create(
        &self,
        run: &TakenRun,
        schedule: &ScheduleRow,
        order: &Order,
        fetched: &Fetched,
        identity: &Identity,
    ) -> Result<uuid::Uuid, Error> {
        let (id, sheet) = (ids::new_id(), &fetched.sheet);
        // No client can send such a key: it has a space.
        let key = format!("schedule {}", run.id);
        let job = jobs::NewJob {
            id,
            owner: schedule.owner,
            idempotency_key: Some(&key),
            request_hash: &[],
            report: &order.report,
            format: order.format.as_str(),
            dialect: order.dialect.as_str(),
            locale: &schedule.locale,
            title: &sheet.title,
            payload: serde_json::to_value(sheet)?,
            rows: i64::try_from(sheet.row_count).unwrap_or(i64::MAX),
            created_at: self.state.clock.now(),
        };
        let mut transaction = self.state.db.begin().await.store("begin")?;
        if !jobs::insert(&mut transaction, &job).await? {
            transaction.rollback().await.store("rollback")?;
            let now = self.state.clock.now();
            let mut connection = self.state.db.acquire().await.store("acquire")?;
            let former = jobs::job_by_key(&mut connection, schedule.owner, &key, now).await?;
            return former.map(|job| job.id).ok_or(Error::NotFound);
        }
        for (number, piece) in (0..).zip(&fetched.pieces) {
            jobs::insert_piece(&mut transaction, id, number, piece).await?;
        }
        let audit = AuditEvent {
            action: "reports.generated".to_owned(),
            outcome: Outcome::Success,
            target: Some(format!("report_job:{id}")),
            ip: None,
            details: json!({
                "report": order.report, "format": order.format, "parameters": sheet.parameters,
                "rows": sheet.row_count, "schedule": schedule.id,
            }),
        };
        let event = Event::new(DEFINITION.name, AUDIT_RECORDED, &self.state.clock, &audit).actor(identity);
        outbox::append(&mut transaction, &SCHEMA, Stream::Audit, &event).await?;
        transaction.commit().await.store("commit")?;
        Ok(id)
    }

    /// Looks whether the file is there, and sends it.
    async fn look(
        &self,
        run: &TakenRun,
        schedule: &ScheduleRow,
        id: uuid::Uuid,
        locale: Locale,
    ) -> Result<Ended, StoreError> {
        let mut connection = self.state.db.acquire().await.store("acquire")?;
        let job = jobs::job(&mut connection, schedule.owner, id).await?;
        let file = match job.as_ref().and_then(|job| job.file_id) {
            Some(file) => jobs::linked_file(&mut connection, file).await?,
            None => None,
        };
        drop(connection);
        let gone = || Ended::Failed("analytics.file_expired".to_owned(), String::new());
        let Some(job) = job else { return Ok(gone()) };
        if let (Some(file), Some(id)) = (file, job.file_id) {
            let Some(bytes) = file.content else {
                return Ok(gone());
            };
            let link = self.state.public_url.as_ref().map(|base| {
                let query = self.state.links.sign(id, file.expires_at);
                let base = base.as_str().trim_end_matches('/');
                format!("{base}/api/analytics/reports/links/{id}?{query}")
            });
            let contents = Contents::File {
                name: file.title,
                content_type: file.content_type,
                bytes,
                rows: job.rows,
                link,
            };
            return Ok(self.deliver(run, schedule, job.title, contents, locale).await);
        }
        Ok(match job.state.as_str() {
            "queued" | "running" => Ended::StillBuilding,
            "cancelled" => Ended::Failed("analytics.job_cancelled".to_owned(), String::new()),
            _ => Ended::Failed(
                job.error.unwrap_or_default(),
                job.error_detail.unwrap_or_default(),
            ),
        })
    }

    async fn deliver(
        &self,
        run: &TakenRun,
        schedule: &ScheduleRow,
        title: String,
        contents: Contents,
        locale: Locale,
    ) -> Ended {
        let parcel = Parcel {
            id: run.id,
            at: self.state.clock.now(),
            schedule: schedule.name.clone(),
            title,
            contents,
            locale,
        };
        let sent = match self.send(schedule, &parcel).await {
            Ok(()) => return Ended::Delivered,
            Err(error) => error,
        };
        tracing::warn!(error = ?sent, "a report of schedule {} was not delivered", schedule.id);
        let text = Text::new(
            "Отчёт готов, но не доставлен: получатель его не принял.",
            "The report is ready but was not delivered: its receiver did not take it.",
        );
        let (code, text) = ("analytics.not_delivered".to_owned(), text.get(locale).to_owned());
        match sent {
            NotDelivered::NotNow(_) => Ended::Later(code, text),
            NotDelivered::Refused(_) => Ended::Failed(code, text),
        }
    }

    async fn send(&self, schedule: &ScheduleRow, parcel: &Parcel) -> Result<(), NotDelivered> {
        let delivery: Delivery = serde_json::from_value(schedule.delivery.clone())
            .map_err(|error| NotDelivered::Refused(error.into()))?;
        let sealed = schedule.sealed_webhook_secret.as_deref();
        let secret = sealed.and_then(|sealed| self.state.vault.open(schedule.id, sealed));
        self.state.ways.deliver(&delivery, secret.as_ref(), parcel).await
    }

    /// Whoever waits for the report learns that it does not come. Once: what fails to be told is in
    /// the list of runs.
    async fn tell_failure(
        &self,
        run: &TakenRun,
        schedule: &ScheduleRow,
        code: String,
        detail: String,
        locale: Locale,
    ) {
        let parcel = Parcel {
            id: run.id,
            at: self.state.clock.now(),
            schedule: schedule.name.clone(),
            title: schedule.name.clone(),
            contents: Contents::Failure { code, detail },
            locale,
        };
        if let Err(error) = self.send(schedule, &parcel).await {
            let error: BoxError = format!("{error:?}").into();
            tracing::warn!(error = %Chain(error.as_ref()), "the failure of a report could not be told");
        }
    }
}
