//! Names of the service's metrics.

use crate::threats::Kind;

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
    for kind in Kind::ALL {
        metrics::counter!(THREATS_DETECTED, "kind" => kind.as_str()).absolute(0);
    }
    for outcome in ["success", "failure"] {
        metrics::counter!(AUTH_ATTEMPTS, "outcome" => outcome).absolute(0);
    }
    drop(metrics::histogram!(AUDIT_VERIFICATION_SECONDS));
    for result in ["valid", "broken", "failed"] {
        metrics::counter!(AUDIT_VERIFICATIONS, "result" => result).absolute(0);
    }
}
