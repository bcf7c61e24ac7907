//! Waiting for what another task or process does.

use std::time::{Duration, Instant};

/// How long something may take when the test does not say; one that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until something holds.
///
/// # Panics
/// When it does not within 20 seconds.
pub async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    eventually_within(what, PATIENCE, holds).await;
}

/// Waits until something holds.
///
/// # Panics
/// When it does not in that time.
pub async fn eventually_within(what: &str, within: Duration, mut holds: impl AsyncFnMut() -> bool) {
    eventually_some(what, within, async || holds().await.then_some(())).await;
}

/// Waits until there is a value.
///
/// # Panics
/// When there is none in that time.
pub async fn eventually_some<T>(
    what: &str,
    within: Duration,
    mut value: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(value) = value().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(PAUSE).await;
    }
}
