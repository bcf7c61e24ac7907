//! From observations to threats, within the transaction that makes the batch known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};
use common::db::StoreError;
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use super::observe::Observed;
use super::raise::raise;
use crate::defence::Defence;
use crate::detect::{Field, Observation, Rule, Ruleset, evaluate};
use crate::metrics::{AUTH_ATTEMPTS, OBSERVATIONS};
use crate::store;
use crate::threats::Finding;

/// A beginning and an end.
type Times = (DateTime<Utc>, DateTime<Utc>);

/// Records what a batch tells and raises the threats found in it.
pub(super) async fn detect_in(
    connection: &mut PgConnection,
    defence: &Defence,
    observed: Observed,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if !observed.requests.is_empty() {
        store::observations::count_requests(connection, &observed.requests).await?;
    }
    if observed.observations.is_empty() {
        return Ok(());
    }
    store::observations::lock_detection(connection).await?;
    let mut fresh = note(connection, observed.observations).await?;
    let places = new_places(connection, &fresh).await?;
    fresh.extend(note(connection, places).await?);
    for finding in look_around(connection, defence.rules(), &fresh).await? {
        raise(connection, defence, &finding, now).await?;
    }
    Ok(())
}

/// Raises what the detectors find about observations made by ourselves.
pub(super) async fn detect_own(
    connection: &mut PgConnection,
    defence: &Defence,
    observations: Vec<Observation>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    detect_in(connection, defence, Observed::of(observations), now).await
}

/// Keeps observations and returns those that were not there.
async fn note(
    connection: &mut PgConnection,
    observations: Vec<Observation>,
) -> Result<Vec<Observation>, StoreError> {
    if observations.is_empty() {
        return Ok(Vec::new());
    }
    let fresh = store::observations::insert(connection, &observations).await?;
    let mut signals: BTreeMap<String, u64> = BTreeMap::new();
    let mut new = Vec::new();
    for mut one in observations {
        if fresh.contains(&(one.event_id, one.signal.clone())) {
            one.fresh = true;
            *signals.entry(one.signal.clone()).or_default() += 1;
            new.push(one);
        }
    }
    for (signal, count) in signals {
        match signal.as_str() {
            "login_succeeded" => metrics::counter!(AUTH_ATTEMPTS, "outcome" => "success").increment(count),
            "login_failed" | "code_failed" => {
                metrics::counter!(AUTH_ATTEMPTS, "outcome" => "failure").increment(count)
            }
            _ => {}
        }
        metrics::counter!(OBSERVATIONS, "signal" => signal).increment(count);
    }
    Ok(new)
}

/// Logins of known users from networks and by programs that they had not used.
async fn new_places(
    connection: &mut PgConnection,
    fresh: &[Observation],
) -> Result<Vec<Observation>, StoreError> {
    let mut found = Vec::new();
    for login in fresh
        .iter()
        .filter(|one| one.signal == "login_succeeded" && one.who.starts_with("user:"))
    {
        for (kind, value, signal) in [
            ("network", &login.network, "new_network"),
            ("agent", &login.agent, "new_device"),
        ] {
            let Some(value) = value else { continue };
            if store::observations::visit(connection, &login.who, kind, value, login.at).await? {
                found.push(Observation {
                    signal: signal.to_owned(),
                    fresh: false,
                    ..login.clone()
                });
            }
        }
    }
    Ok(found)
}

/// Runs the rules over everything around the new observations.
async fn look_around(
    connection: &mut PgConnection,
    rules: &Ruleset,
    fresh: &[Observation],
) -> Result<Vec<Finding>, StoreError> {
    let ids: BTreeSet<(Uuid, &str)> = fresh
        .iter()
        .map(|one| (one.event_id, one.signal.as_str()))
        .collect();
    let mut findings = Vec::new();
    for field in Field::GROUPS {
        let touched: Vec<&Arc<Rule>> = rules
            .by(field)
            .filter(|rule| fresh.iter().any(|one| rule.sees(&one.signal)))
            .collect();
        let Some((keys, times)) = around(field, &touched, fresh) else {
            continue;
        };
        let signals: Vec<String> = signals(rules, &touched);
        let groups = store::observations::groups(connection, field, &keys, &signals, times).await?;
        for (key, mut group) in groups {
            for one in &mut group {
                one.fresh = ids.contains(&(one.event_id, one.signal.as_str()));
            }
            let subject = field.subject(&key);
            findings.extend(
                touched
                    .iter()
                    .filter_map(|rule| evaluate(rule, rules, &subject, &group)),
            );
        }
    }
    Ok(findings)
}

/// The subjects that new observations touch, and the times in which a window may hold one.
fn around(field: Field, touched: &[&Arc<Rule>], fresh: &[Observation]) -> Option<(Vec<String>, Times)> {
    let seen = || {
        fresh
            .iter()
            .filter(|one| touched.iter().any(|rule| rule.sees(&one.signal)))
    };
    let keys: BTreeSet<&str> = seen().filter_map(|one| one.field(field)).collect();
    let longest = touched
        .iter()
        .map(|rule| rule.window.0)
        .max()
        .unwrap_or(Duration::zero());
    let first = seen().map(|one| one.at).min()?;
    let last = seen().map(|one| one.at).max()?;
    (!keys.is_empty()).then(|| {
        let keys = keys.into_iter().map(str::to_owned).collect();
        (keys, (first - longest, last + longest))
    })
}

/// All signals that the rules, and those which outdo them, look at.
fn signals(rules: &Ruleset, touched: &[&Arc<Rule>]) -> Vec<String> {
    let outdoing = touched
        .iter()
        .flat_map(|rule| &rule.unless)
        .filter_map(|id| rules.get(id));
    let all: BTreeSet<&String> = touched
        .iter()
        .copied()
        .chain(outdoing)
        .flat_map(|rule| rule.signals.iter().chain(&rule.then))
        .collect();
    all.into_iter().cloned().collect()
}

/// An observation of ourselves that a user's requests in an hour are unusual.
pub(super) fn unusual_rate(who: &str, hour: DateTime<Utc>, count: u64, median: u64) -> Observation {
    Observation {
        event_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("rate {who} {hour}").as_bytes()),
        signal: "rate_anomaly".to_owned(),
        at: hour,
        ip: None,
        network: None,
        account: None,
        who: who.to_owned(),
        agent: None,
        target: None,
        value: i64::try_from(count).unwrap_or(i64::MAX),
        details: Some(json!({ "requests": count, "usual": median, "hour": hour })),
        fresh: false,
    }
}
