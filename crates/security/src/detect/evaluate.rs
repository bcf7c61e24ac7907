//! One rule over the observations of one subject.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::Duration;
use serde_json::{Map, Value, json};

use super::observation::Observation;
use super::rule::{Field, Rule, Score, Spread};
use super::ruleset::Ruleset;
use crate::threats::{Finding, Kind};

/// Addresses and accounts that the evidence lists.
const MAX_LISTED: usize = 20;
/// Observations that a threat keeps as samples.
const MAX_SAMPLES: usize = 10;

/// What the rule finds; `observations` are all of that subject, in the order of their times.
pub(crate) fn evaluate(
    rule: &Arc<Rule>,
    rules: &Ruleset,
    subject: &str,
    observations: &[Observation],
) -> Option<Finding> {
    let own: Vec<&Observation> = observations.iter().filter(|one| rule.sees(&one.signal)).collect();
    let stronger: Vec<&Arc<Rule>> = rule
        .unless
        .iter()
        .filter_map(|id| rules.get(id))
        .filter(|other| other.enabled)
        .collect();
    let outdone = |window: &[&Observation]| {
        stronger.iter().any(|other| {
            let seen: Vec<&Observation> = window
                .iter()
                .copied()
                .filter(|one| other.sees(&one.signal))
                .collect();
            any_window(&seen, other)
        })
    };
    match &rule.then {
        None => {
            let is_new = |part: &[&Observation]| part.iter().any(|one| one.fresh);
            let span = span(&own, rule.window.0, is_new, |part| {
                holds(rule, part) && !outdone(part)
            })?;
            // What came shortly before the stronger one is part of it.
            let last = span.last().map(|one| one.at + rule.window.0);
            let near: Vec<&Observation> = own
                .iter()
                .copied()
                .filter(|one| Some(one.at) >= span.first().map(|one| one.at) && Some(one.at) <= last)
                .collect();
            if outdone(&near) {
                return None;
            }
            Some(finding(rule, subject, span, None))
        }
        Some(then) => {
            let (before, last) = followed(rule, then, &own)?;
            Some(finding(rule, subject, &before, Some(last)))
        }
    }
}

/// The last observation of `then` that the others precede, with none of its kind between.
fn followed<'a>(
    rule: &Rule,
    then: &str,
    own: &[&'a Observation],
) -> Option<(Vec<&'a Observation>, &'a Observation)> {
    let mut found = None;
    let mut since = 0;
    for (at, last) in own.iter().enumerate().filter(|(_, one)| one.signal == then) {
        let before: Vec<&Observation> = own[since..at]
            .iter()
            .copied()
            .filter(|one| last.at - one.at <= rule.window.0)
            .collect();
        since = at + 1;
        let is_new = last.fresh || before.iter().any(|one| one.fresh);
        if is_new && holds(rule, &before) {
            found = Some((before, *last));
        }
    }
    found
}

/// From the first to the last observation of all windows that are new and hold.
fn span<'a, 'b>(
    own: &'b [&'a Observation],
    length: Duration,
    is_new: impl Fn(&[&Observation]) -> bool,
    holds: impl Fn(&[&Observation]) -> bool,
) -> Option<&'b [&'a Observation]> {
    let mut start = 0;
    let mut found: Option<(usize, usize)> = None;
    for end in 0..own.len() {
        while own[end].at - own[start].at > length {
            start += 1;
        }
        let window = &own[start..=end];
        if is_new(window) && holds(window) {
            let first = found.map_or(start, |(first, _)| first);
            found = Some((first, end));
        }
    }
    found.map(|(first, last)| &own[first..=last])
}

/// Whether the rule holds in some window; stops at the first.
fn any_window(own: &[&Observation], rule: &Rule) -> bool {
    let mut start = 0;
    (0..own.len()).any(|end| {
        while own[end].at - own[start].at > rule.window.0 {
            start += 1;
        }
        holds(rule, &own[start..=end])
    })
}

/// Whether all conditions of the rule hold in a window.
fn holds(rule: &Rule, window: &[&Observation]) -> bool {
    // The cheap ones first: most windows end here.
    window.len() >= rule.count
        && rule.lasts.is_none_or(|lasts| lasting(window) >= lasts.0)
        && rule
            .sum
            .is_none_or(|sum| window.iter().map(|one| one.value).sum::<i64>() >= sum)
        && rule
            .distinct
            .iter()
            .all(|(field, least)| distinct(window, *field).len() >= *least)
        && rule
            .spread
            .as_ref()
            .is_none_or(|spread| is_spread(window, spread))
        && rule
            .score
            .as_ref()
            .is_none_or(|score| weight(window, score) >= score.least)
}

fn lasting(window: &[&Observation]) -> Duration {
    match (window.first(), window.last()) {
        (Some(first), Some(last)) => last.at - first.at,
        _ => Duration::zero(),
    }
}

fn distinct<'a>(window: &[&'a Observation], field: Field) -> BTreeSet<&'a str> {
    window.iter().filter_map(|one| one.field(field)).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts of observations are small")]
fn is_spread(window: &[&Observation], spread: &Spread) -> bool {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for value in window.iter().filter_map(|one| one.field(spread.field)) {
        *counts.entry(value).or_default() += 1;
    }
    let within = counts
        .values()
        .filter(|count| (spread.least..=spread.most).contains(count))
        .count();
    !counts.is_empty() && within as f64 >= counts.len() as f64 * spread.share
}

/// Each signal weighs once, however often it occurs.
fn weight(window: &[&Observation], score: &Score) -> u32 {
    let signals: BTreeSet<&str> = window.iter().map(|one| one.signal.as_str()).collect();
    signals
        .iter()
        .filter_map(|signal| score.weights.get(*signal))
        .sum()
}

fn finding(rule: &Arc<Rule>, subject: &str, span: &[&Observation], last: Option<&Observation>) -> Finding {
    let all = || span.iter().copied().chain(last);
    let times = || all().map(|one| one.at);
    Finding {
        kind: Kind::Rule(Arc::clone(rule)),
        subject: subject.to_owned(),
        first_seen: times().min().unwrap_or_default(),
        last_seen: times().max().unwrap_or_default(),
        count: all().count() as u64,
        fresh: all().filter(|one| one.fresh).count() as u64,
        evidence: evidence(rule, span, last),
    }
}

fn evidence(rule: &Rule, span: &[&Observation], last: Option<&Observation>) -> Value {
    let mut evidence = Map::new();
    let mut signals: BTreeMap<&str, usize> = BTreeMap::new();
    for one in span.iter().copied().chain(last) {
        *signals.entry(&one.signal).or_default() += 1;
    }
    let failures: usize = ["login_failed", "code_failed"]
        .iter()
        .filter_map(|signal| signals.get(signal))
        .sum();
    if failures > 0 {
        evidence.insert("failures".to_owned(), json!(failures));
    }
    evidence.insert("signals".to_owned(), json!(signals));
    evidence.insert("window_seconds".to_owned(), json!(rule.window.0.num_seconds()));
    for (field, count, list) in [
        (Field::Ip, "address_count", Some("addresses")),
        (Field::Account, "account_count", Some("account_hashes")),
        (Field::Network, "network_count", None),
        (Field::Agent, "agent_count", None),
        (Field::Target, "target_count", None),
    ] {
        let values = distinct(span, field);
        evidence.insert(count.to_owned(), json!(values.len()));
        if let Some(list) = list {
            evidence.insert(
                list.to_owned(),
                json!(values.iter().take(MAX_LISTED).collect::<Vec<_>>()),
            );
        }
    }
    if let Some(score) = &rule.score {
        evidence.insert("score".to_owned(), json!(weight(span, score)));
    }
    if let Some(success) = last {
        evidence.insert("succeeded_at".to_owned(), json!(success.at));
        evidence.insert("succeeded_from".to_owned(), json!(success.ip));
    }
    if let Some(details) = span.iter().rev().find_map(|one| one.details.as_ref()) {
        evidence.insert("details".to_owned(), details.clone());
    }
    let samples = span.iter().copied().chain(last).rev_samples();
    evidence.insert("samples".to_owned(), Value::Array(samples));
    Value::Object(evidence)
}

/// The latest observations, as samples.
trait Samples {
    fn rev_samples(self) -> Vec<Value>;
}

impl<'a, I: Iterator<Item = &'a Observation>> Samples for I {
    fn rev_samples(self) -> Vec<Value> {
        let all: Vec<&Observation> = self.collect();
        let latest = all.iter().rev().take(MAX_SAMPLES).rev();
        latest
            .map(|one| {
                json!({
                    "event_id": one.event_id, "at": one.at, "signal": one.signal,
                    "ip": one.ip, "who": one.who, "target": one.target,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod sequences;
#[cfg(test)]
mod tests;
