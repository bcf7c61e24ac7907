//! Events as observations.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, DurationRound, TimeDelta, Timelike, Utc};
use common::contract::events::{
    self, ASSISTANT_ANSWERED, ATTACK_SUSPECTED, AUDIT_RECORDED, AttackEvent, AuditEvent, AuthEvent,
    REQUEST_HANDLED, RequestEvent, UsageEvent,
};
use common::events::{Event, HandleError, Stream};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::detect::{
    Observation, Ruleset, address_key, fingerprint, is_scanner, network_key, probe, subject_of,
};

/// Observations of refused requests that one address adds with one batch: a flood is found in few of them.
const MAX_REFUSED: usize = 50;
/// A prompt of so many tokens is large.
const LARGE_PROMPT: u64 = 5000;
/// The ends of the working day in hours of Moscow time, which accountants of most companies keep.
const WORKING_HOURS: std::ops::Range<u32> = 7..22;
/// Moscow is ahead of UTC by so much, without summer time.
const MOSCOW: TimeDelta = TimeDelta::hours(3);

/// What a batch of events tells the detectors.
#[derive(Debug, Default)]
pub(super) struct Observed {
    pub(super) observations: Vec<Observation>,
    /// Requests by who made them and the hour.
    pub(super) requests: BTreeMap<(String, DateTime<Utc>), i64>,
    refused: BTreeMap<String, usize>,
}

impl Observed {
    /// Observations that we have made ourselves.
    pub(super) fn of(observations: Vec<Observation>) -> Self {
        Self {
            observations,
            ..Self::default()
        }
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// Poison for an event of ours with data of another shape.
    pub(super) fn read(
        rules: &Ruleset,
        batch: &[(Stream, Event)],
        now: DateTime<Utc>,
    ) -> Result<Self, HandleError> {
        let poison = |error: serde_json::Error| HandleError::Poison(error.into());
        let mut observed = Self::default();
        let mut ids = HashSet::new();
        // The same event may come twice even within a batch.
        for (stream, event) in batch.iter().filter(|(_, event)| ids.insert(event.id)) {
            match (stream, event.kind.as_str()) {
                (Stream::Audit, AUDIT_RECORDED) => {
                    observed.audit(rules, event, &event.data().map_err(poison)?, now);
                }
                (Stream::Auth, events::LOGIN_SUCCEEDED | events::LOGIN_FAILED | events::REFRESH_REUSED) => {
                    observed.login(event, &event.data().map_err(poison)?, now);
                }
                (Stream::Usage, ASSISTANT_ANSWERED) => {
                    observed.answer(event, &event.data().map_err(poison)?, now);
                }
                (Stream::Requests, REQUEST_HANDLED) => {
                    observed.request(event, &event.data().map_err(poison)?, now);
                }
                (Stream::Requests, ATTACK_SUSPECTED) => {
                    observed.attack(event, &event.data().map_err(poison)?, now);
                }
                // Other events are not for us; those of a later release must not stop us.
                _ => {}
            }
        }
        Ok(observed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.observations.is_empty() && self.requests.is_empty()
    }

    fn login(&mut self, event: &Event, data: &AuthEvent, now: DateTime<Utc>) {
        let wrong_code = matches!(
            data.reason.as_deref(),
            Some("wrong_code" | "wrong_passkey" | "passkey_copied")
        );
        let signal = match event.kind.as_str() {
            events::LOGIN_SUCCEEDED => "login_succeeded",
            events::REFRESH_REUSED => "refresh_reused",
            _ if wrong_code => "code_failed",
            _ => "login_failed",
        };
        let account = data.email_hash.clone().filter(|hash| hash.len() <= 128);
        let account = account.or_else(|| data.user_id.map(|id| format!("user:{id}")));
        let mut one = observation(event, signal, data.ip.as_deref(), data.user_id, account, now);
        one.agent = data.user_agent.as_deref().map(fingerprint);
        if data.reason.as_deref() == Some("unknown_account") {
            let mut unknown = one.clone();
            "account_unknown".clone_into(&mut unknown.signal);
            self.observations.push(unknown);
        }
        if signal == "refresh_reused" {
            one.details = Some(json!({ "address": data.ip, "user_agent": data.user_agent }));
        }
        self.observations.push(one);
    }

    fn audit(&mut self, rules: &Ruleset, event: &Event, data: &AuditEvent, now: DateTime<Utc>) {
        if let Some(actor) = event.actor.as_ref().filter(|actor| actor.role == "admin")
            && data.action == events::LOGIN_SUCCEEDED
        {
            let mut one = observation(
                event,
                "admin_login",
                data.ip.as_deref(),
                Some(actor.user_id),
                None,
                now,
            );
            one.value = i64::from(has_second_factor(&data.details));
            self.observations.push(one);
        }
        for signal in rules.signals_of(data) {
            let user = match signal.of {
                crate::detect::Whose::Actor => event
                    .actor
                    .as_ref()
                    .map(|actor| actor.user_id)
                    .or_else(|| target_user(data)),
                crate::detect::Whose::Target => target_user(data),
            };
            let mut one = observation(event, &signal.name, data.ip.as_deref(), user, None, now);
            one.target = data.target.as_deref().map(fingerprint);
            one.details = signal.details.then(|| particulars(data));
            self.observations.push(one.clone());
            let hour = (one.at + MOSCOW).hour();
            if signal.name == "exported" && !WORKING_HOURS.contains(&hour) {
                "exported_off_hours".clone_into(&mut one.signal);
                self.observations.push(one);
            }
        }
    }

    fn answer(&mut self, event: &Event, data: &UsageEvent, now: DateTime<Utc>) {
        if data.cached {
            return;
        }
        let user = event.actor.as_ref().map(|actor| actor.user_id);
        let mut one = observation(event, "model_called", None, user, None, now);
        one.value = i64::try_from(data.input_tokens.saturating_add(data.output_tokens)).unwrap_or(i64::MAX);
        self.observations.push(one.clone());
        if data.input_tokens > LARGE_PROMPT {
            "large_prompt".clone_into(&mut one.signal);
            self.observations.push(one);
        }
    }

    fn attack(&mut self, event: &Event, data: &AttackEvent, now: DateTime<Utc>) {
        let refused = self.refused.entry(data.ip.clone()).or_default();
        if *refused >= MAX_REFUSED {
            return;
        }
        *refused += 1;
        // Words for the assistant are no attack on the system: whoever wrote them is looked at, not the address.
        let words = data.findings.iter().all(|finding| finding.family == "prompt");
        let signal = if words {
            "injection_suspected"
        } else {
            "attack_request"
        };
        let mut one = observation(event, signal, Some(&data.ip), data.user_id, None, now);
        one.agent = data.user_agent.as_deref().map(fingerprint);
        one.value = i64::from(data.score);
        let rules: Vec<&str> = data
            .findings
            .iter()
            .map(|finding| finding.rule.as_str())
            .collect();
        one.details = Some(json!({
            "request_id": event.request_id, "route": data.route, "score": data.score, "blocked": data.blocked,
            "rules": rules,
        }));
        self.observations.push(one);
    }

    fn request(&mut self, event: &Event, data: &RequestEvent, now: DateTime<Utc>) {
        // What a ban refuses must not lead to the next one.
        if data.code.as_deref() == Some("gateway.banned") {
            return;
        }
        let mut one = observation(event, "request_refused", Some(&data.ip), data.user_id, None, now);
        one.agent = data.user_agent.as_deref().map(fingerprint);
        one.target.clone_from(&data.target);
        if let Ok(hour) = one.at.duration_trunc(TimeDelta::hours(1))
            && data.user_id.is_some()
        {
            *self.requests.entry((one.who.clone(), hour)).or_default() += 1;
        }
        let mut signals = Vec::new();
        if data.user_agent.as_deref().is_some_and(is_scanner) {
            signals.push("scanner_agent");
        }
        signals.extend(refusal(data));
        if let Some(probed) = data.path.as_deref().and_then(probe) {
            signals.push(probed.signal());
        }
        if signals.is_empty() {
            return;
        }
        let refused = self.refused.entry(data.ip.clone()).or_default();
        if *refused >= MAX_REFUSED {
            return;
        }
        *refused += 1;
        one.details = Some(json!({
            "request_id": event.request_id, "route": data.route, "status": data.status, "path": data.path,
        }));
        for signal in signals {
            let mut one = one.clone();
            signal.clone_into(&mut one.signal);
            self.observations.push(one);
        }
    }
}

/// What a refused request is to the detectors.
fn refusal(data: &RequestEvent) -> Vec<&'static str> {
    let known = data.user_id.is_some();
    let code = data.code.as_deref().unwrap_or_default();
    if code == "gateway.request_blocked" {
        // Told by an event of its own.
        return Vec::new();
    }
    match data.status {
        401 if code == "auth.token_invalid" => vec!["token_invalid"],
        // Expired tokens and unfinished logins are everyday.
        401 => Vec::new(),
        403 if known && data.upstream.is_some() => vec!["request_forbidden", "object_refused"],
        403 if known => vec!["request_forbidden"],
        404 if known && data.upstream.is_some() => vec!["object_refused"],
        400 | 403 | 404 | 405 if !known => vec!["request_refused"],
        429 => vec!["request_limited"],
        _ => Vec::new(),
    }
}

fn observation(
    event: &Event,
    signal: &str,
    ip: Option<&str>,
    user: Option<Uuid>,
    account: Option<String>,
    now: DateTime<Utc>,
) -> Observation {
    let key = ip.and_then(address_key);
    Observation {
        event_id: event.id,
        signal: signal.to_owned(),
        // A sender whose clock is ahead must not place observations beyond every window.
        at: event.time.min(now),
        who: subject_of(user, account.as_deref(), key.as_deref()),
        ip: key,
        network: ip.and_then(network_key),
        account,
        agent: None,
        target: None,
        value: 0,
        details: None,
        fresh: false,
    }
}

/// Whether a login was by more than a password; what another provider vouches for counts as more (RFC 8176).
fn has_second_factor(details: &Value) -> bool {
    let methods = details["methods"].as_array();
    let mut names = methods.into_iter().flatten().filter_map(Value::as_str);
    names.any(|method| method != "pwd")
}

fn target_user(data: &AuditEvent) -> Option<Uuid> {
    data.target.as_deref()?.strip_prefix("user:")?.parse().ok()
}

/// The particulars of an entry, with its target, unless they are too long to repeat.
fn particulars(data: &AuditEvent) -> Value {
    let mut details = match &data.details {
        Value::Object(members) if data.details.to_string().len() <= 4096 => Value::Object(members.clone()),
        _ => json!({}),
    };
    if let (Some(target), Some(members)) = (&data.target, details.as_object_mut()) {
        members.entry("target").or_insert_with(|| json!(target));
    }
    details
}

#[cfg(test)]
mod tests {
    use common::clock::Clock;

    use super::*;

    fn request(
        status: u16,
        user: Option<u128>,
        code: Option<&str>,
        path: Option<&str>,
        agent: &str,
    ) -> Vec<String> {
        let data = RequestEvent {
            method: "GET".to_owned(),
            route: "unmatched".to_owned(),
            upstream: user.map(|_| "onec-integration".to_owned()),
            status,
            duration_ms: 1,
            ip: "192.0.2.1".to_owned(),
            user_id: user.map(Uuid::from_u128),
            user_agent: Some(agent.to_owned()),
            code: code.map(str::to_owned),
            target: path.map(fingerprint),
            path: path.map(str::to_owned),
        };
        let clock = Clock::system();
        let event = Event::new("gateway", REQUEST_HANDLED, &clock, &data);
        let rules = Ruleset::new(None).unwrap();
        let observed = Observed::read(&rules, &[(Stream::Requests, event)], clock.now()).unwrap();
        observed.observations.into_iter().map(|one| one.signal).collect()
    }

    #[test]
    fn requests_are_judged_by_status_caller_and_path() {
        assert_eq!(request(404, None, None, Some("/x"), "curl"), ["request_refused"]);
        assert_eq!(
            request(404, None, None, Some("/.env"), "curl"),
            ["request_refused", "probe_sensitive_file"]
        );
        assert_eq!(request(200, None, None, None, "sqlmap/1.7"), ["scanner_agent"]);
        assert_eq!(request(200, None, None, None, "curl"), [""; 0]);
        assert_eq!(
            request(403, Some(1), None, None, "curl"),
            ["request_forbidden", "object_refused"]
        );
        assert_eq!(request(404, Some(1), None, None, "curl"), ["object_refused"]);
        assert_eq!(
            request(401, None, Some("auth.token_expired"), None, "curl"),
            [""; 0]
        );
        assert_eq!(
            request(401, None, Some("auth.token_invalid"), None, "curl"),
            ["token_invalid"]
        );
        assert_eq!(
            request(403, None, Some("gateway.request_blocked"), None, "curl"),
            [""; 0]
        );
    }

    #[test]
    fn attacks_are_of_addresses_and_words_of_who_wrote_them() {
        let told = |family: &str| {
            let data = json!({
                "method": "GET", "route": "/api/1c/*", "ip": "192.0.2.1", "user_id": null, "session_id": null,
                "user_agent": "curl", "score": 5, "blocked": true,
                "findings": [{"rule": "a.b", "family": family, "points": 5, "place": "query", "name": "q"}],
            });
            let clock = Clock::system();
            let event = Event::new("gateway", ATTACK_SUSPECTED, &clock, &data);
            let rules = Ruleset::new(None).unwrap();
            let observed = Observed::read(&rules, &[(Stream::Requests, event)], clock.now()).unwrap();
            observed.observations[0].signal.clone()
        };
        assert_eq!(told("sqli"), "attack_request");
        assert_eq!(told("prompt"), "injection_suspected");
    }

    #[test]
    fn what_a_ban_refuses_is_not_observed() {
        assert_eq!(
            request(403, None, Some("gateway.banned"), Some("/.env"), "sqlmap"),
            [""; 0]
        );
    }
}
