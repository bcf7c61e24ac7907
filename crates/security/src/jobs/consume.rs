//! Events: audit entries into the chain, logins to the detectors.

use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Duration, Utc};
use common::contract::events::{self, AuditEvent, AuthEvent, INJECTION_SUSPECTED};
use common::db::{StoreError, StoreResult};
use common::events::{Event, HandleError, Handler, Stream};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::audit::NewEntry;
use crate::detect::{self, Attempt, LONGEST_WINDOW, address_key};
use crate::metrics::{AUTH_ATTEMPTS, THREATS_DETECTED};
use crate::state::AppState;
use crate::store;
use crate::store::attempts::AttemptRow;
use crate::threats::{Finding, Kind};

/// Handles the streams `Audit`, `Auth` and `Requests`. Requests are read so that their stream can
/// be trimmed; nothing is looked for in them yet.
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
        let batch = Batch::sort(events, now)?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut transaction = self.state.db.begin().await.store("begin")?;
        detect_in(&mut transaction, &batch, now).await?;
        if !batch.entries.is_empty() {
            store::audit::append(&mut transaction, batch.entries, now).await?;
        }
        transaction.commit().await.store("commit")?;
        Ok(())
    }
}

/// Events by what is done with them.
#[derive(Debug, Default)]
struct Batch {
    entries: Vec<NewEntry>,
    attempts: Vec<AttemptRow>,
    /// Events that are findings by themselves.
    reported: Vec<(Uuid, Finding)>,
}

impl Batch {
    fn sort(events: &[(Stream, Event)], now: DateTime<Utc>) -> Result<Self, HandleError> {
        let poison = |error: serde_json::Error| HandleError::Poison(error.into());
        let mut batch = Self::default();
        let mut ids = HashSet::new();
        // The same event may come twice even within a batch.
        for (stream, event) in events.iter().filter(|(_, event)| ids.insert(event.id)) {
            match (stream, event.kind.as_str()) {
                (Stream::Audit, events::AUDIT_RECORDED) => {
                    let data: AuditEvent = event.data().map_err(poison)?;
                    if data.action == INJECTION_SUSPECTED {
                        batch.reported.push((event.id, injection(event, &data)));
                    }
                    batch.entries.push(NewEntry::from_event(event).map_err(poison)?);
                }
                (Stream::Auth, events::LOGIN_SUCCEEDED | events::LOGIN_FAILED) => {
                    let data: AuthEvent = event.data().map_err(poison)?;
                    batch.attempts.push(attempt(event, data, now));
                }
                (Stream::Auth, events::REFRESH_REUSED) => {
                    let data: AuthEvent = event.data().map_err(poison)?;
                    batch.reported.push((event.id, reuse(event, &data)));
                }
                // Other events are not for us; those of a later release must not stop us.
                _ => {}
            }
        }
        Ok(batch)
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.attempts.is_empty() && self.reported.is_empty()
    }
}

fn attempt(event: &Event, data: AuthEvent, now: DateTime<Utc>) -> AttemptRow {
    let account = data.email_hash.filter(|hash| hash.len() <= 128);
    AttemptRow {
        event_id: event.id,
        // A sender whose clock is ahead must not place attempts beyond every window.
        occurred_at: event.time.min(now),
        success: event.kind == events::LOGIN_SUCCEEDED,
        account: account.or_else(|| data.user_id.map(|id| format!("user:{id}"))),
        ip: data.ip.as_deref().and_then(address_key),
    }
}

fn reuse(event: &Event, data: &AuthEvent) -> Finding {
    let subject = match (data.user_id, &data.email_hash) {
        (Some(id), _) => format!("user:{id}"),
        (None, Some(hash)) => format!("account:{hash}"),
        (None, None) => "unknown".to_owned(),
    };
    Finding {
        kind: Kind::RefreshTokenReused,
        subject,
        first_seen: event.time,
        last_seen: event.time,
        count: 1,
        fresh: 1,
        evidence: json!({ "addresses": data.ip, "user_agent": data.user_agent }),
    }
}

fn injection(event: &Event, data: &AuditEvent) -> Finding {
    let user = event.actor.as_ref().map(|actor| actor.user_id);
    Finding {
        kind: Kind::PromptInjection,
        subject: user.map_or_else(|| "unknown".to_owned(), |id| format!("user:{id}")),
        first_seen: event.time,
        last_seen: event.time,
        count: 1,
        fresh: 1,
        evidence: json!({ "target": data.target, "details": data.details }),
    }
}

async fn detect_in(
    connection: &mut PgConnection,
    batch: &Batch,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if batch.attempts.is_empty() && batch.reported.is_empty() {
        return Ok(());
    }
    store::attempts::lock_detection(connection).await?;
    let mut findings = reported(connection, batch).await?;
    let fresh = store::attempts::insert(connection, &batch.attempts).await?;
    findings.extend(look_around(connection, &batch.attempts, &fresh).await?);
    for finding in &findings {
        raise(connection, finding, now).await?;
    }
    for (outcome, success) in [("success", true), ("failure", false)] {
        let count = batch
            .attempts
            .iter()
            .filter(|row| row.success == success && fresh.contains(&row.event_id))
            .count();
        metrics::counter!(AUTH_ATTEMPTS, "outcome" => outcome).increment(count as u64);
    }
    Ok(())
}

/// The findings of reused tokens and the like whose event has not come before. It is remembered as an attempt
/// without account and address, which no detector looks at.
async fn reported(connection: &mut PgConnection, batch: &Batch) -> Result<Vec<Finding>, StoreError> {
    let rows: Vec<AttemptRow> = batch
        .reported
        .iter()
        .map(|(id, finding)| AttemptRow {
            event_id: *id,
            occurred_at: finding.first_seen,
            success: false,
            account: None,
            ip: None,
        })
        .collect();
    let fresh = store::attempts::insert(connection, &rows).await?;
    let new = batch.reported.iter().filter(|(id, _)| fresh.contains(id));
    Ok(new.map(|(_, finding)| finding.clone()).collect())
}

/// Runs the detectors over everything around the new attempts.
async fn look_around(
    connection: &mut PgConnection,
    attempts: &[AttemptRow],
    fresh: &HashSet<Uuid>,
) -> Result<Vec<Finding>, StoreError> {
    let new = || attempts.iter().filter(|row| fresh.contains(&row.event_id));
    let times = || new().map(|row| row.occurred_at);
    let (Some(first), Some(last)) = (times().min(), times().max()) else {
        return Ok(Vec::new());
    };
    let around = |by: Duration| (first - by, last + by);
    let (from, to) = around(LONGEST_WINDOW);
    let addresses: BTreeSet<String> = new().filter_map(|row| row.ip.clone()).collect();
    let addresses: Vec<String> = addresses.into_iter().collect();
    let accounts: BTreeSet<String> = new().filter_map(|row| row.account.clone()).collect();
    let accounts: Vec<String> = accounts.into_iter().collect();

    let mut findings = Vec::new();
    let rows = store::attempts::by_addresses(connection, &addresses, from, to).await?;
    for group in rows.chunk_by(|one, other| one.ip == other.ip) {
        let ip = group[0].ip.clone().unwrap_or_default();
        findings.extend(detect::by_address(&ip, &seen(group, fresh)));
    }
    let rows = store::attempts::by_accounts(connection, &accounts, from, to).await?;
    for group in rows.chunk_by(|one, other| one.account == other.account) {
        let account = group[0].account.clone().unwrap_or_default();
        findings.extend(detect::by_account(&account, &seen(group, fresh)));
    }
    Ok(findings)
}

fn seen(rows: &[AttemptRow], fresh: &HashSet<Uuid>) -> Vec<Attempt> {
    rows.iter()
        .map(|row| Attempt {
            at: row.occurred_at,
            success: row.success,
            account: row.account.clone(),
            ip: row.ip.clone(),
            fresh: fresh.contains(&row.event_id),
        })
        .collect()
}

/// Records a finding, with an alert when it opens a threat.
pub(super) async fn raise(
    connection: &mut PgConnection,
    finding: &Finding,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(threat) = store::threats::record(connection, finding, now).await? else {
        return Ok(());
    };
    let (kind, severity) = (finding.kind.as_str(), finding.kind.severity().as_str());
    store::alerts::insert(connection, threat, severity, now).await?;
    metrics::counter!(THREATS_DETECTED, "kind" => kind).increment(1);
    tracing::warn!("threat {threat}: {kind}, {severity}, {}", finding.subject);
    Ok(())
}
