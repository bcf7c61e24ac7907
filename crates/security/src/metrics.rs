//! Names of the service's metrics.

use crate::detect::{Response, Ruleset};
use crate::threats::AUDIT_CHAIN_BROKEN;

/// Entries of the audit log, ever.
pub(crate) const AUDIT_ENTRIES: &str = "audit_entries_total";
/// Recomputations of the audit chain, by `result`: `valid`, `broken` or `failed`.
pub(crate) const AUDIT_VERIFICATIONS: &str = "audit_verifications_total";
/// 1 when the last recomputation found the chain unbroken, else 0.
pub(crate) const AUDIT_VALID: &str = "audit_verification_valid";
/// Seconds that the last recomputation took.
pub(crate) const AUDIT_VERIFICATION_SECONDS: &str = "audit_verification_duration_seconds";
/// Checkpoints of the audit log that were signed, ever.
pub(crate) const AUDIT_CHECKPOINTS: &str = "audit_checkpoints_total";
/// Checkpoints that the outside has not got.
pub(crate) const AUDIT_CHECKPOINTS_UNDELIVERED: &str = "audit_checkpoints_undelivered";
/// Entries that no checkpoint has signed.
pub(crate) const AUDIT_UNSIGNED_ENTRIES: &str = "audit_unsigned_entries";
/// Age of the first of them.
pub(crate) const AUDIT_UNSIGNED_SECONDS: &str = "audit_unsigned_age_seconds";
/// Alerts that are not resolved, by `severity`.
pub(crate) const ALERTS_OPEN: &str = "alerts_open";
/// Threats found, by `kind`; those that add to an open one are not counted again.
pub(crate) const THREATS_DETECTED: &str = "threats_detected_total";
/// Login attempts that the detectors have looked at, by `outcome`.
pub(crate) const AUTH_ATTEMPTS: &str = "auth_attempts_total";

/// Describes the metrics, and makes the series that alerts look at exist from the start.
pub(crate) fn describe() {
    metrics::describe_counter!(AUDIT_ENTRIES, "Entries of the audit log");
    metrics::describe_counter!(AUDIT_VERIFICATIONS, "Recomputations of the audit chain");
    metrics::describe_gauge!(
        AUDIT_VALID,
        "Whether the audit chain was unbroken when last recomputed"
    );
    metrics::describe_histogram!(
        AUDIT_VERIFICATION_SECONDS,
        metrics::Unit::Seconds,
        "Time to recompute the audit chain"
    );
    metrics::describe_counter!(AUDIT_CHECKPOINTS, "Checkpoints of the audit log");
    metrics::describe_gauge!(
        AUDIT_CHECKPOINTS_UNDELIVERED,
        "Checkpoints that have not left for the outside"
    );
    metrics::describe_gauge!(AUDIT_UNSIGNED_ENTRIES, "Entries that no checkpoint has signed");
    metrics::describe_gauge!(
        AUDIT_UNSIGNED_SECONDS,
        metrics::Unit::Seconds,
        "Age of the first entry that no checkpoint has signed"
    );
    metrics::describe_gauge!(ALERTS_OPEN, "Alerts that are not resolved");
    metrics::describe_counter!(THREATS_DETECTED, "Threats found");
    metrics::describe_counter!(AUTH_ATTEMPTS, "Login attempts looked at");
    for outcome in ["success", "failure"] {
        metrics::counter!(AUTH_ATTEMPTS, "outcome" => outcome).absolute(0);
    }
    drop(metrics::histogram!(AUDIT_VERIFICATION_SECONDS));
    for result in ["valid", "broken", "failed"] {
        metrics::counter!(AUDIT_VERIFICATIONS, "result" => result).absolute(0);
    }
}

// --- Detection, responses and notifications ---

/// Observations that the detectors look at, by `signal`.
pub(crate) const OBSERVATIONS: &str = "security_observations_total";
/// Findings that an exception covers.
pub(crate) const FINDINGS_EXCEPTED: &str = "security_findings_excepted_total";
/// Bans in force.
pub(crate) const BANS: &str = "security_bans";
/// Seconds from the decision to ban until the gateways are told.
pub(crate) const BAN_DELAY: &str = "security_ban_delay_seconds";
/// Attempts at responses, by `action` and `outcome`: `done`, `retried` or `failed`.
pub(crate) const RESPONSES: &str = "security_responses_total";
/// Attempts to deliver messages about alerts, by `channel` and `outcome`: `delivered`, `retried` or `dead`.
pub(crate) const DELIVERIES: &str = "alert_deliveries_total";
/// Messages that wait to be delivered.
pub(crate) const DELIVERIES_PENDING: &str = "alert_deliveries_pending";
/// Messages that were given up and not revived.
pub(crate) const DELIVERIES_DEAD: &str = "alert_deliveries_dead";
/// Rounds in which an Alertmanager was informed, by `outcome`: `delivered` or `failed`.
pub(crate) const ALERTMANAGER: &str = "alertmanager_updates_total";

/// Describes the metrics of the defence.
pub(crate) fn describe_defence(rules: &Ruleset) {
    metrics::describe_counter!(OBSERVATIONS, "Observations that the detectors look at");
    metrics::describe_counter!(FINDINGS_EXCEPTED, "Findings that an exception covers");
    metrics::describe_gauge!(BANS, "Bans in force");
    metrics::describe_histogram!(
        BAN_DELAY,
        metrics::Unit::Seconds,
        "Time from the decision to ban until the gateways are told"
    );
    metrics::describe_counter!(RESPONSES, "Attempts at responses to threats");
    metrics::describe_counter!(DELIVERIES, "Attempts to deliver messages about alerts");
    metrics::describe_gauge!(DELIVERIES_PENDING, "Messages about alerts that wait");
    metrics::describe_gauge!(DELIVERIES_DEAD, "Messages about alerts that were given up");
    metrics::describe_counter!(ALERTMANAGER, "Rounds in which an Alertmanager was informed");
    let kinds = rules.all().iter().map(|rule| rule.id.clone());
    for kind in kinds.chain([AUDIT_CHAIN_BROKEN.to_owned()]) {
        metrics::counter!(THREATS_DETECTED, "kind" => kind).absolute(0);
    }
    metrics::counter!(FINDINGS_EXCEPTED).absolute(0);
    metrics::gauge!(BANS).set(0.0);
    metrics::gauge!(DELIVERIES_PENDING).set(0.0);
    metrics::gauge!(DELIVERIES_DEAD).set(0.0);
    for response in Response::ALL {
        for outcome in ["done", "retried", "failed"] {
            metrics::counter!(RESPONSES, "action" => response.as_str(), "outcome" => outcome).absolute(0);
        }
    }
    for outcome in ["delivered", "retried", "dead"] {
        for channel in crate::channels::Channel::ALL {
            metrics::counter!(DELIVERIES, "channel" => channel.as_str(), "outcome" => outcome).absolute(0);
        }
    }
    for outcome in ["delivered", "failed"] {
        metrics::counter!(ALERTMANAGER, "outcome" => outcome).absolute(0);
    }
    drop(metrics::histogram!(BAN_DELAY));
}
