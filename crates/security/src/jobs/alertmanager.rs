//! Keeps an Alertmanager informed by its API v2: open alerts again and again, resolved ones with their end.

use chrono::{DateTime, Duration, Utc};
use common::BoxError;
use common::Locale;
use common::http::client;
use common::telemetry::Chain;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::defence::Waiter;
use crate::metrics::ALERTMANAGER;
use crate::state::AppState;
use crate::store;
use crate::store::alerts::AlertRow;
use crate::threats::{Severity, advice, title};

/// An alert that is not told again ends there after so long: it must outlast a restart of ours.
const OUTLASTS: Duration = Duration::minutes(15);

/// How often it is told when nothing has happened.
const EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs until `shutdown`.
pub(super) async fn run(state: AppState, shutdown: CancellationToken) {
    while !shutdown.is_cancelled() {
        inform(&state).await;
        let _ = shutdown
            .run_until_cancelled(state.defence.wait(Waiter::Alertmanager, EVERY))
            .await;
    }
}

async fn inform(state: &AppState) {
    let Some(base) = state.defence.channels().alertmanager() else {
        return;
    };
    let informed = send(state, base).await;
    let outcome = if informed.is_ok() { "delivered" } else { "failed" };
    metrics::counter!(ALERTMANAGER, "outcome" => outcome).increment(1);
    if let Err(error) = informed {
        tracing::warn!(error = %Chain(error.as_ref()), "the Alertmanager does not take alerts; it will be tried again");
    }
}

async fn send(state: &AppState, base: &url::Url) -> Result<(), BoxError> {
    let now = state.clock.now();
    let mut connection = state.db.acquire().await?;
    let rows = store::alerts::for_alertmanager(&mut connection, now - OUTLASTS, now).await?;
    let silences = store::exceptions::silences(&mut connection, now).await?;
    drop(connection);
    let least = state.defence.channels().least();
    let told = rows.into_iter().filter(|row| {
        let severity = Severity::from_name(&row.severity).unwrap_or(Severity::Critical);
        let silenced = silences.iter().any(|silence| {
            silence.starts_at <= now
                && silence.rule.as_deref().is_none_or(|rule| rule == row.kind)
                && silence
                    .up_to
                    .as_deref()
                    .and_then(Severity::from_name)
                    .is_none_or(|up_to| severity <= up_to)
        });
        severity >= least && !silenced
    });
    let alerts: Vec<Value> = told.map(|row| alert(state, &row, now)).collect();
    if alerts.is_empty() {
        return Ok(());
    }
    let mut url = base.clone();
    url.set_path(&format!("{}/api/v2/alerts", base.path().trim_end_matches('/')));
    let request = state.defence.channels().http().post(url).json(&alerts);
    client::send(request)
        .await
        .map_err(reqwest::Error::without_url)?
        .error_for_status()
        .map_err(reqwest::Error::without_url)?;
    Ok(())
}

fn alert(state: &AppState, row: &AlertRow, now: DateTime<Utc>) -> Value {
    let rules = state.defence.rules();
    json!({
        "labels": {
            "alertname": "SecurityThreat",
            "service": "security",
            "rule": row.kind,
            "severity": row.severity,
            "subject": row.subject,
            "alert_id": row.id,
        },
        "annotations": {
            "summary": title(rules, &row.kind, &row.subject, Locale::En),
            "summary_ru": title(rules, &row.kind, &row.subject, Locale::Ru),
            "description": advice(rules, &row.kind, Locale::En),
            "count": row.count.to_string(),
        },
        "startsAt": row.created_at,
        "endsAt": row.resolved_at.unwrap_or(now + OUTLASTS),
    })
}
