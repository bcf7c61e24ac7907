//! Queues synchronisations that are due.

use std::time::Duration;

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use common::db::{StoreError, StoreResult};
use common::ids;
use common::telemetry::Chain;
use tokio_util::sync::CancellationToken;

use crate::infobase::Zone;
use crate::metrics::{INFOBASE_REACHABLE, MIRROR_AGE};
use crate::sight::Sight;
use crate::state::AppState;
use crate::store::{infobases, jobs, schedule};

/// How often it is looked what is due.
const TICK: Duration = Duration::from_secs(1);

pub(super) async fn run(state: AppState, interval: Duration, shutdown: CancellationToken) {
    loop {
        if let Err(error) = tick(&state, interval).await {
            tracing::warn!(error = %Chain(&error), "synchronisations cannot be scheduled");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn tick(state: &AppState, interval: Duration) -> Result<(), StoreError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    for infobase in infobases::list(&mut connection, &Sight::ALL).await? {
        let label = infobase.id.to_string();
        if let Some(as_of) = infobase.as_of {
            let age = (state.clock.now() - as_of).as_seconds_f64();
            metrics::gauge!(MIRROR_AGE, "infobase" => label.clone()).set(age.max(0.0));
        }
        if let Some(reachable) = infobase.reachable {
            metrics::gauge!(INFOBASE_REACHABLE, "infobase" => label).set(if reachable { 1.0 } else { 0.0 });
        }
    }
    for scheduled in schedule::list(&mut connection).await? {
        let Some(zone) = Zone::parse(&scheduled.time_zone) else {
            continue;
        };
        let own = scheduled.interval_seconds.map(f64::from);
        let due = jobs::Due {
            infobase: scheduled.infobase,
            interval: own.unwrap_or(interval.as_secs_f64()),
            reconcile_since: last_occurrence(zone, scheduled.reconcile_hour, state.clock.now()),
            is_mirrored: scheduled.is_mirrored,
        };
        if jobs::enqueue_due(&mut connection, ids::new_id(), &due).await? {
            state.queued.notify_one();
        }
    }
    Ok(())
}

/// When it was that hour there for the last time.
fn last_occurrence(zone: Zone, hour: i32, now: DateTime<Utc>) -> DateTime<Utc> {
    let hour = u32::try_from(hour).unwrap_or(0);
    let local = zone.local(now);
    let time = NaiveTime::from_hms_opt(hour, 0, 0).unwrap_or(NaiveTime::MIN);
    let today = local.date().and_time(time);
    let then = if today <= local {
        today
    } else {
        today - TimeDelta::days(1)
    };
    // When clocks were changed in between, it is an hour off: nobody minds at night.
    now - (local - then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hour_is_that_of_the_infobase() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let last = |now: &str| {
            let zone = Zone::parse("Europe/Moscow").unwrap();
            last_occurrence(zone, 3, at(now)).to_rfc3339()
        };
        assert_eq!(last("2026-05-10T00:00:00Z"), "2026-05-10T00:00:00+00:00");
        assert_eq!(last("2026-05-10T12:30:00Z"), "2026-05-10T00:00:00+00:00");
        assert_eq!(last("2026-05-09T23:59:59Z"), "2026-05-09T00:00:00+00:00");
    }
}
