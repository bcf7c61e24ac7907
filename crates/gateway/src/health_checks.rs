//! Asks each replica at its admin port whether it takes requests.
//!
//! A replica that says no, because it starts or drains, gets nothing more at once; one that does not say
//! anything gets nothing more after three times. One that has never said anything is asked like any
//! other: its admin port may be elsewhere or out of reach, and the circuit breaker sees what it needs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use common::BoxError;
use common::http::client;
use http::StatusCode;
use tokio_util::sync::CancellationToken;

use crate::replica::{Readiness, Replica};
use crate::routing::Service;
use crate::state::AppState;

/// A check without an answer by then has failed.
const PATIENCE: Duration = Duration::from_secs(1);
/// This many checks without an answer in a row make a replica unready.
const FALL: u32 = 3;
/// This many good answers in a row bring it back.
const RISE: u32 = 2;
/// While checks are switched off, the setting is looked at so often.
const OFF: Duration = Duration::from_secs(5);

/// What a check has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Ready,
    NotReady,
    Nothing,
}

/// What has been said in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    good: u32,
    silent: u32,
}

impl Row {
    /// What follows from one more answer.
    fn after(&mut self, said: Said, before: Readiness) -> Readiness {
        match said {
            Said::Ready => {
                self.silent = 0;
                self.good += 1;
                if before == Readiness::NotReady && self.good < RISE {
                    before
                } else {
                    Readiness::Ready
                }
            }
            Said::NotReady => {
                *self = Self::default();
                Readiness::NotReady
            }
            Said::Nothing => {
                self.good = 0;
                self.silent += 1;
                if before == Readiness::Ready && self.silent >= FALL {
                    Readiness::NotReady
                } else {
                    before
                }
            }
        }
    }
}

/// Checks until `shutdown`. Run it as a background task.
///
/// # Errors
/// When no HTTP client can be made.
pub(crate) fn checks(
    gateway: AppState,
    shutdown: CancellationToken,
) -> Result<impl Future<Output = ()>, BoxError> {
    let client = client::builder()
        .timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        // A replica that has gone must not look alive by an old connection.
        .pool_max_idle_per_host(0)
        .build()?;
    Ok(async move {
        let mut rows: HashMap<u64, Row> = HashMap::new();
        loop {
            let settings = gateway.settings.load_full();
            let every = settings.checks.every;
            let pause = if every.is_zero() { OFF } else { jittered(every) };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
            if every.is_zero() {
                continue;
            }
            let replicas: Vec<Arc<Replica>> = Service::ALL
                .iter()
                .flat_map(|service| gateway.upstream(*service).replicas().to_vec())
                .collect();
            rows.retain(|id, _| replicas.iter().any(|replica| replica.id == *id));
            let asked = replicas
                .iter()
                .map(|replica| ask(&client, replica, settings.checks.port_offset));
            let answers = futures_util::future::join_all(asked).await;
            for (replica, said) in replicas.iter().zip(answers) {
                let row = rows.entry(replica.id).or_default();
                replica.found(row.after(said, replica.readiness()));
            }
        }
    })
}

async fn ask(client: &reqwest::Client, replica: &Replica, port_offset: u16) -> Said {
    let mut address = replica.address;
    let Some(port) = address.port().checked_add(port_offset) else {
        return Said::Nothing;
    };
    address.set_port(port);
    match client::send(client.get(format!("http://{address}/ready"))).await {
        Ok(answer) if answer.status() == StatusCode::OK => Said::Ready,
        Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => Said::NotReady,
        Ok(_) | Err(_) => Said::Nothing,
    }
}

/// Gateways that were started together do not ask together for ever.
fn jittered(every: Duration) -> Duration {
    let random = common::ids::new_id().as_u64_pair().1 % 1000;
    let part = u32::try_from(random).unwrap_or(0);
    every * (900 + part / 5) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_at_once_and_silence_after_three_times() {
        use Readiness::{NotReady, Ready, Unknown};
        let run = |said: &[Said]| {
            let mut row = Row::default();
            let mut now = Unknown;
            said.iter()
                .map(|said| {
                    now = row.after(*said, now);
                    now
                })
                .collect::<Vec<_>>()
        };
        let (yes, no, silent) = (Said::Ready, Said::NotReady, Said::Nothing);
        assert_eq!(run(&[silent; 5]), [Unknown; 5]);
        assert_eq!(run(&[yes, no, yes, yes]), [Ready, NotReady, NotReady, Ready]);
        assert_eq!(
            run(&[yes, silent, silent, yes, silent, silent, silent, silent]),
            [Ready, Ready, Ready, Ready, Ready, Ready, NotReady, NotReady]
        );
        assert_eq!(
            run(&[no, silent, yes, yes]),
            [NotReady, NotReady, NotReady, Ready]
        );
    }

    #[test]
    fn checks_come_at_times_of_their_own() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(2));
            assert!((1800..=2200).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}
