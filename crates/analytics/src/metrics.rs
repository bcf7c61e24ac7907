//! Names of the service's metrics.

use crate::reports::Format;

/// Events by `stream` and `result`: `stored`, `duplicate`, `future` or `expired`.
pub(crate) const EVENTS_INGESTED: &str = "events_ingested_total";
/// Hours whose rollups have to be counted again.
pub(crate) const DIRTY_HOURS: &str = "rollup_dirty_hours";
/// Report jobs that exist, by `state`.
pub(crate) const REPORT_JOBS: &str = "reports_jobs";
/// Rows written into report files.
pub(crate) const REPORT_ROWS: &str = "report_rows_total";
/// Seconds to build a report file, by `format`.
pub(crate) const REPORT_SECONDS: &str = "report_generation_seconds";

/// Files that were built or given up, by `outcome`: `built`, `failed` or `abandoned`.
pub(crate) const REPORT_BUILDS: &str = "report_builds_total";

/// Times of report schedules that have ended, by `outcome`: `delivered`, `failed` or `skipped`.
pub(crate) const REPORT_RUNS: &str = "report_runs_total";

/// Describes the metrics, and makes the series that alerts look at exist from the start.
pub(crate) fn describe() {
    metrics::describe_counter!(EVENTS_INGESTED, "Events taken from the streams");
    metrics::describe_gauge!(DIRTY_HOURS, "Hours whose rollups have to be counted again");
    metrics::describe_gauge!(REPORT_JOBS, "Report jobs that exist");
    metrics::describe_counter!(REPORT_BUILDS, "Report files that were built or given up");
    metrics::describe_counter!(REPORT_ROWS, "Rows written into report files");
    metrics::describe_histogram!(
        REPORT_SECONDS,
        metrics::Unit::Seconds,
        "Time to build a report file"
    );
    metrics::describe_counter!(REPORT_RUNS, "Times of report schedules that have ended");
    for outcome in ["delivered", "failed", "skipped"] {
        metrics::counter!(REPORT_RUNS, "outcome" => outcome).absolute(0);
    }
    for outcome in ["built", "failed", "abandoned"] {
        metrics::counter!(REPORT_BUILDS, "outcome" => outcome).absolute(0);
    }
    metrics::counter!(REPORT_ROWS).absolute(0);
    for format in Format::ALL {
        drop(metrics::histogram!(REPORT_SECONDS, "format" => format.as_str()));
    }
    for stream in ["auth", "usage", "requests", "sync"] {
        for result in ["stored", "duplicate", "future", "expired"] {
            metrics::counter!(EVENTS_INGESTED, "stream" => stream, "result" => result).absolute(0);
        }
    }
}
