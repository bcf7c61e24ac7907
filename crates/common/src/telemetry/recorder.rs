//! The process's metrics registry.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;
use tokio_util::sync::CancellationToken;

/// Seconds. The two upper bounds are for calls of language models and reports of 1C.
const DURATION_BUCKETS: [f64; 13] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

const UPKEEP_EVERY: Duration = Duration::from_secs(5);

static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Installs the recorder; later calls have no effect.
pub fn install_recorder() {
    HANDLE.get_or_init(|| {
        let handle = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &DURATION_BUCKETS)
            .ok()?
            .install_recorder()
            .ok()?;
        Collector::default().describe();
        Some(handle)
    });
}

/// Folds recorded durations into their buckets until `end`. Scrapes do that too; without any, each
/// duration would stay in memory.
pub(crate) async fn keep_metrics_small(end: CancellationToken) {
    while end
        .run_until_cancelled(tokio::time::sleep(UPKEEP_EVERY))
        .await
        .is_some()
    {
        if let Some(Some(handle)) = HANDLE.get() {
            handle.run_upkeep();
        }
    }
}

/// All metrics in the Prometheus text format, version 0.0.4, with those of the process (memory,
/// processor time, open files, start) as they are at this moment.
#[must_use]
pub fn render_metrics() -> String {
    match HANDLE.get() {
        Some(Some(handle)) => {
            Collector::default().collect();
            handle.run_upkeep();
            handle.render()
        }
        _ => String::new(),
    }
}
