//! Whether several gateways together let more through than the quota of a user.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::load::{self, Plan};

/// Requests per minute of a user.
pub(crate) const QUOTA: u32 = 600;

/// One user asks all gateways at once, as fast as they answer; what passed, and what was allowed to.
pub(crate) fn measure(gateways: &[SocketAddr], token: &str, seconds: u64) -> Result<String> {
    let started = Instant::now();
    let threads: Vec<_> = gateways
        .iter()
        .map(|address| {
            let (address, tokens) = (*address, vec![token.to_owned()]);
            std::thread::spawn(move || {
                let plan = Plan {
                    address,
                    connections: 8,
                    duration: Duration::from_secs(seconds),
                    rate: None,
                };
                load::run(&plan, &tokens)
            })
        })
        .collect();
    let mut asked = 0;
    let mut passed = 0;
    for thread in threads {
        let Ok(load) = thread.join() else {
            anyhow::bail!("a client has failed");
        };
        let load = load?;
        asked += load.latencies.len();
        passed += load.latencies.len() - load.failed;
    }
    // A whole quota at once, and what comes back meanwhile.
    let elapsed = started.elapsed().as_secs_f64();
    let allowed = f64::from(QUOTA) * (1.0 + elapsed / 60.0);
    ensure!(passed > 0, "nothing passed");
    Ok(format!(
        "{} gateways, a quota of {QUOTA} a minute, {elapsed:.1} s: {asked} requests, {passed} passed, {allowed:.0} \
         were allowed to",
        gateways.len()
    ))
}
