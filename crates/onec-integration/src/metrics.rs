//! Names of the service's metrics.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Histogram of calls of 1C by `operation` and `outcome` (`ok` or a code).
pub(crate) const REQUEST_DURATION: &str = "onec_request_duration_seconds";
/// Counter of rows written into the mirror by `entity`.
pub(crate) const SYNC_ROWS: &str = "onec_sync_rows_total";
/// Gauge by `infobase`: 1 when 1C answered the last call, else 0.
pub(crate) const INFOBASE_REACHABLE: &str = "onec_infobase_reachable";
/// Gauge by `infobase`: seconds since the oldest part of the mirror was true.
pub(crate) const MIRROR_AGE: &str = "onec_mirror_age_seconds";

/// Describes them to the recorder.
pub(crate) fn describe() {
    describe_histogram!(REQUEST_DURATION, "Seconds that calls of 1C took");
    describe_counter!(SYNC_ROWS, "Rows written into the mirror");
    describe_gauge!(INFOBASE_REACHABLE, "Whether 1C answered the last call");
    describe_gauge!(MIRROR_AGE, "Seconds since the oldest part of the mirror was true");
}
