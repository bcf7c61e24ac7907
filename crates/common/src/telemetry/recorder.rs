//! The process's metrics registry.

use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};
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
            without_hidden(handle.render())
        }
        _ => String::new(),
    }
}

/// Labels as they stand in a line, of series that are not shown.
static HIDDEN: Mutex<Option<HashSet<Vec<String>>>> = Mutex::new(None);

/// Leaves out of [`render_metrics`] all series with these labels: the registry forgets nothing, and a
/// gauge of something that has gone would say for ever how it was.
pub fn hide_series(labels: &[(&str, &str)]) {
    let mut hidden = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    hidden.get_or_insert_default().insert(written(labels));
}

/// Shows them again.
pub fn show_series(labels: &[(&str, &str)]) {
    let mut hidden = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(hidden) = hidden.as_mut() {
        hidden.remove(&written(labels));
    }
}

fn written(labels: &[(&str, &str)]) -> Vec<String> {
    let text = |(name, value): &(&str, &str)| format!("{name}=\"{value}\"");
    labels.iter().map(text).collect()
}

fn without_hidden(text: String) -> String {
    let hidden = HIDDEN.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(hidden) = hidden.as_ref().filter(|hidden| !hidden.is_empty()) else {
        return text;
    };
    let is_hidden = |line: &str| {
        hidden
            .iter()
            .any(|labels| labels.iter().all(|label| line.contains(label.as_str())))
    };
    text.split_inclusive('\n')
        .filter(|line| !is_hidden(line))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_of_what_has_gone_are_not_shown_until_it_is_back() {
        install_recorder();
        let gauge = |replica: &'static str| {
            metrics::gauge!("test_hidden", "upstream" => "a", "replica" => replica).set(1.0);
        };
        gauge("1");
        gauge("2");
        let shown = |replica: &str| render_metrics().contains(&format!("replica=\"{replica}\"}} 1"));
        assert!(shown("1") && shown("2"));
        let labels = [("upstream", "a"), ("replica", "1")];
        hide_series(&labels);
        hide_series(&[("upstream", "b"), ("replica", "2")]);
        assert!(!shown("1") && shown("2"));
        show_series(&labels);
        assert!(shown("1") && shown("2"));
    }
}
