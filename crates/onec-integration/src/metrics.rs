//! Names of the service's metrics.

use metrics::{describe_counter, describe_gauge, describe_histogram};

use crate::odata::CALLS;

/// Histogram of calls of 1C by `operation` and `outcome` (`ok` or a code).
pub(crate) const REQUEST_DURATION: &str = "onec_request_duration_seconds";
/// Counter of rows written into the mirror by `entity`.
pub(crate) const SYNC_ROWS: &str = "onec_sync_rows_total";
/// Counter of objects that could not be read.
pub(crate) const SYNC_DEAD_OBJECTS: &str = "onec_sync_dead_objects_total";
/// Counter of registered changes of objects that are not mirrored.
pub(crate) const SYNC_CHANGES_IGNORED: &str = "onec_sync_changes_ignored_total";
/// Counter of synchronisations that ended, by `outcome`: `succeeded`, `failed` or `cancelled`.
pub(crate) const SYNC_JOBS: &str = "onec_sync_jobs_total";
/// Gauge by `infobase`: 1 when 1C answered the last call, else 0.
pub(crate) const INFOBASE_REACHABLE: &str = "onec_infobase_reachable";
/// Gauge by `infobase`: seconds since the oldest part of the mirror was true.
pub(crate) const MIRROR_AGE: &str = "onec_mirror_age_seconds";

/// Counter of files that bases have pushed, by `outcome`: `succeeded` or `failed`.
pub(crate) const EXCHANGE_IMPORTS: &str = "onec_exchange_imports_total";
/// Counter of objects in them, by `kind`: `items`, `offers`, `prices`, `stocks` and the like.
pub(crate) const EXCHANGE_ROWS: &str = "onec_exchange_rows_total";
/// Counter of logins of bases that push, by `outcome`: `accepted`, `refused` or `limited`.
pub(crate) const EXCHANGE_LOGINS: &str = "onec_exchange_logins_total";

/// Describes them to the recorder, and makes the series that alerts look at exist from the start.
pub(crate) fn describe() {
    describe_histogram!(REQUEST_DURATION, "Seconds that calls of 1C took");
    describe_counter!(SYNC_ROWS, "Rows written into the mirror");
    describe_counter!(SYNC_DEAD_OBJECTS, "Objects that could not be read");
    describe_counter!(
        SYNC_CHANGES_IGNORED,
        "Registered changes of objects that are not mirrored"
    );
    describe_counter!(SYNC_JOBS, "Synchronisations that ended");
    for counter in [SYNC_DEAD_OBJECTS, SYNC_CHANGES_IGNORED] {
        metrics::counter!(counter).absolute(0);
    }
    describe_gauge!(INFOBASE_REACHABLE, "Whether 1C answered the last call");
    describe_gauge!(MIRROR_AGE, "Seconds since the oldest part of the mirror was true");
    for outcome in ["succeeded", "failed", "cancelled"] {
        metrics::counter!(SYNC_JOBS, "outcome" => outcome).absolute(0);
    }
    describe_counter!(EXCHANGE_IMPORTS, "Files that bases have pushed");
    describe_counter!(EXCHANGE_ROWS, "Objects in the files that bases have pushed");
    describe_counter!(EXCHANGE_LOGINS, "Logins of bases that push");
    for outcome in ["succeeded", "failed"] {
        metrics::counter!(EXCHANGE_IMPORTS, "outcome" => outcome).absolute(0);
    }
    for outcome in ["accepted", "refused", "limited"] {
        metrics::counter!(EXCHANGE_LOGINS, "outcome" => outcome).absolute(0);
    }
    for operation in CALLS {
        for outcome in ["ok", "onec.infobase_unreachable"] {
            drop(metrics::histogram!(REQUEST_DURATION, "operation" => operation, "outcome" => outcome));
        }
    }
}
