//! Waiting for what another task or process does.

use std::time::{Duration, Instant};

/// A loaded machine may need this long; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until something holds.
///
/// # Panics
/// When it does not within two minutes.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    eventually_some(what, async || holds().await.then_some(())).await;
}

/// Waits until there is a value.
///
/// # Panics
/// When there is none within two minutes.
pub async fn eventually_some<T>(what: &str, mut value: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = value().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(PAUSE).await;
    }
}
