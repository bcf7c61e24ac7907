//! Reports that come by themselves: what a schedule is, and which of its times are to be run.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use common::sealing::{Sealer, Unspecified};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use crate::cron::Cron;

/// Times of one schedule are at least this far apart: each costs 1C a whole report.
pub(crate) const LEAST_GAP: Duration = Duration::minutes(15);
/// A report this late is not late.
const PUNCTUAL: Duration = Duration::minutes(15);
/// How many times ahead are looked at for their gaps.
const LOOKED_AT: usize = 100;
/// How many missed times are gone through; those before are forgotten.
const MOST_MISSED: usize = 10_000;

/// Seals what schedules keep: the API keys they run with, the secrets of their webhooks.
#[derive(Debug)]
pub(crate) struct Vault(Sealer);

impl Vault {
    /// # Errors
    /// Only when the cryptography library fails.
    pub(crate) fn new(secret: &SecretString) -> Result<Self, Unspecified> {
        Ok(Self(Sealer::new(secret, "analytics report schedules")?))
    }

    /// # Errors
    /// Only when the machine has no randomness.
    pub(crate) fn seal(&self, schedule: Uuid, secret: &SecretString) -> Result<Vec<u8>, Unspecified> {
        self.0
            .seal(schedule.as_bytes(), secret.expose_secret().as_bytes())
    }

    /// The secret, unless it was sealed under another key.
    pub(crate) fn open(&self, schedule: Uuid, sealed: &[u8]) -> Option<SecretString> {
        let opened = self.0.open(schedule.as_bytes(), sealed).ok()?;
        String::from_utf8(opened).ok().map(SecretString::from)
    }
}

/// True when no two times of the schedule are too close.
pub(crate) fn is_spaced(cron: &Cron, from: DateTime<Utc>, zone: Tz) -> bool {
    let mut last = from;
    let mut times = Vec::new();
    while times.len() < LOOKED_AT
        && let Some(next) = cron.next_after(last, zone)
    {
        times.push(next);
        last = next;
    }
    times
        .iter()
        .zip(times.iter().skip(1))
        .all(|(one, other)| *other - *one >= LEAST_GAP)
}

/// What is to be done about a schedule whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    /// The latest of the times that have come; those before it would tell nothing new.
    pub(crate) at: DateTime<Utc>,
    /// It is too late, and nobody wants it late.
    pub(crate) skipped: bool,
    /// When it comes again; none when never.
    pub(crate) next: Option<DateTime<Utc>>,
}

/// Decides on the times up to now.
pub(crate) fn due(cron: &Cron, zone: Tz, first: DateTime<Utc>, catch_up: bool, now: DateTime<Utc>) -> Due {
    let mut at = first;
    for _ in 0..MOST_MISSED {
        match cron.next_after(at, zone) {
            Some(next) if next <= now => at = next,
            _ => break,
        }
    }
    Due {
        at,
        skipped: !catch_up && now - at > PUNCTUAL,
        next: cron.next_after(now, zone),
    }
}

/// How long to wait before the next attempt: half a minute, doubling, to an hour.
pub(crate) fn backoff(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 7)).unwrap_or(0);
    Duration::seconds((30_i64 << doublings).min(3600))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().unwrap()
    }

    #[test]
    fn what_was_missed_comes_once_or_not_at_all() {
        let cron = Cron::parse("0 9 * * *").unwrap();
        let due = |catch_up, now: &str| due(&cron, Tz::UTC, at("2026-11-20T09:00:00Z"), catch_up, at(now));
        let on_time = due(false, "2026-11-20T09:00:05Z");
        assert_eq!(
            (on_time.at, on_time.skipped, on_time.next),
            (
                at("2026-11-20T09:00:00Z"),
                false,
                Some(at("2026-11-21T09:00:00Z"))
            )
        );
        // Down for three days.
        let late = due(true, "2026-11-23T12:00:00Z");
        assert_eq!(
            (late.at, late.skipped, late.next),
            (
                at("2026-11-23T09:00:00Z"),
                false,
                Some(at("2026-11-24T09:00:00Z"))
            )
        );
        assert!(due(false, "2026-11-23T12:00:00Z").skipped);
    }

    #[test]
    fn too_often_is_seen_beforehand() {
        let spaced = |cron: &str| is_spaced(&Cron::parse(cron).unwrap(), at("2026-11-20T09:00:00Z"), Tz::UTC);
        assert!(spaced("0 9 * * mon-fri"));
        assert!(spaced("*/15 * * * *"));
        assert!(spaced("0 0 29 2 *"));
        assert!(!spaced("*/10 * * * *"));
        assert!(!spaced("0,5 9 1 * *"));
    }

    #[test]
    fn attempts_become_rarer() {
        let waits: Vec<i64> = (0..10).map(|attempt| backoff(attempt).num_seconds()).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
    }

    #[test]
    fn a_key_opens_for_its_schedule_only() {
        let vault = Vault::new(&SecretString::from("one")).unwrap();
        let (id, other) = (common::ids::new_id(), common::ids::new_id());
        let sealed = vault.seal(id, &SecretString::from("ak_x")).unwrap();
        assert_eq!(vault.open(id, &sealed).unwrap().expose_secret(), "ak_x");
        assert!(vault.open(other, &sealed).is_none());
    }
}
