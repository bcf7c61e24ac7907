//! Finding attacks on logins: pure functions over the attempts of one address or one account.
//!
//! Attempts are looked at by the time they happened, whenever they arrived, so that events delayed
//! by an outage are judged as if they had come at once. A window counts only when it holds an
//! attempt that was not there before, or each attack would be found again with every event.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, Duration, Utc};
use serde_json::json;

use crate::threats::{Finding, Kind};

/// One address, fast (CrowdSec's http-generic-bf takes the same numbers).
const BURST: (usize, Duration) = (5, Duration::seconds(60));
/// One address, slowly.
const SLOW: (usize, Duration) = (15, Duration::minutes(30));
/// One account from many addresses: failures, addresses, window.
const MANY: (usize, usize, Duration) = (10, 5, Duration::minutes(30));
/// A success after failures.
const AFTER: (usize, Duration) = (5, Duration::minutes(15));
/// The longest window: attempts this far around a new one have to be looked at.
pub(crate) const LONGEST_WINDOW: Duration = Duration::minutes(30);
/// Addresses and accounts that the evidence lists.
const MAX_LISTED: usize = 20;

/// One login, successful or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) at: DateTime<Utc>,
    pub(crate) success: bool,
    pub(crate) account: Option<String>,
    pub(crate) ip: Option<String>,
    /// True when it was not there at the last look.
    pub(crate) fresh: bool,
}

/// The name under which an address is counted: an IPv6 client has a whole /64 to itself, so all
/// of it counts as one. `None` for what is no address.
pub(crate) fn address_key(address: &str) -> Option<String> {
    match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => Some(v4.to_string()),
        IpAddr::V6(v6) => {
            let prefix = u128::from(v6) >> 64 << 64;
            Some(format!("{}/64", std::net::Ipv6Addr::from(prefix)))
        }
    }
}

/// Attacks from one address; `attempts` are all of that address, in the order of their times.
pub(crate) fn by_address(ip: &str, attempts: &[Attempt]) -> Option<Finding> {
    let failures: Vec<&Attempt> = attempts.iter().filter(|attempt| !attempt.success).collect();
    let (kind, window, span) = match span(&failures, BURST.1, |window| window.len() >= BURST.0) {
        Some(span) => (Kind::LoginBurst, BURST.1, span),
        None => {
            let slow = |window: &[&Attempt]| window.len() >= SLOW.0 && !holds_burst(window);
            (Kind::LoginSlowBurst, SLOW.1, span(&failures, SLOW.1, slow)?)
        }
    };
    Some(finding(kind, format!("ip:{ip}"), span, window, None))
}

/// Attacks on one account; `attempts` are all on that account, in the order of their times.
pub(crate) fn by_account(account: &str, attempts: &[Attempt]) -> Vec<Finding> {
    let subject = format!("account:{account}");
    let failures: Vec<&Attempt> = attempts.iter().filter(|attempt| !attempt.success).collect();
    let many = span(&failures, MANY.2, |window| {
        window.len() >= MANY.0 && addresses(window).len() >= MANY.1
    });
    let many = many.map(|span| finding(Kind::AccountManyAddresses, subject.clone(), span, MANY.2, None));
    many.into_iter()
        .chain(after_failures(subject, attempts))
        .collect()
}

/// The last success that enough failures precede, with none that succeeded in between.
fn after_failures(subject: String, attempts: &[Attempt]) -> Option<Finding> {
    let mut found = None;
    let mut since = 0;
    for (at, success) in attempts.iter().enumerate().filter(|(_, attempt)| attempt.success) {
        let window: Vec<&Attempt> = attempts[since..at]
            .iter()
            .filter(|failure| success.at - failure.at <= AFTER.1)
            .collect();
        since = at + 1;
        let is_new = success.fresh || window.iter().any(|failure| failure.fresh);
        if window.len() >= AFTER.0 && is_new {
            found = Some((window, success));
        }
    }
    let (window, success) = found?;
    Some(finding(
        Kind::LoginAfterFailures,
        subject,
        &window,
        AFTER.1,
        Some(success),
    ))
}

/// From the first to the last attempt of all windows that qualify and hold something new.
fn span<'a, 'b>(
    failures: &'b [&'a Attempt],
    length: Duration,
    qualifies: impl Fn(&[&Attempt]) -> bool,
) -> Option<&'b [&'a Attempt]> {
    let mut start = 0;
    let mut found: Option<(usize, usize)> = None;
    // Index of the latest new attempt so far.
    let mut newest = None;
    for end in 0..failures.len() {
        if failures[end].fresh {
            newest = Some(end);
        }
        while failures[end].at - failures[start].at > length {
            start += 1;
        }
        let holds_new = newest.is_some_and(|newest| newest >= start);
        if holds_new && qualifies(&failures[start..=end]) {
            let first = found.map_or(start, |(first, _)| first);
            found = Some((first, end));
        }
    }
    found.map(|(first, last)| &failures[first..=last])
}

fn holds_burst(failures: &[&Attempt]) -> bool {
    failures
        .windows(BURST.0)
        .any(|window| window[BURST.0 - 1].at - window[0].at <= BURST.1)
}

fn addresses<'a>(attempts: &[&'a Attempt]) -> BTreeSet<&'a str> {
    attempts
        .iter()
        .filter_map(|attempt| attempt.ip.as_deref())
        .collect()
}

fn finding(
    kind: Kind,
    subject: String,
    failures: &[&Attempt],
    window: Duration,
    success: Option<&Attempt>,
) -> Finding {
    let all = || failures.iter().copied().chain(success);
    let times = || all().map(|attempt| attempt.at);
    let addresses = addresses(failures);
    let accounts: BTreeSet<&str> = failures
        .iter()
        .filter_map(|attempt| attempt.account.as_deref())
        .collect();
    let mut evidence = json!({
        "failures": failures.len(),
        "window_seconds": window.num_seconds(),
        "address_count": addresses.len(),
        "addresses": addresses.iter().take(MAX_LISTED).collect::<Vec<_>>(),
        "account_count": accounts.len(),
        "account_hashes": accounts.iter().take(MAX_LISTED).collect::<Vec<_>>(),
    });
    if let Some(success) = success {
        evidence["succeeded_at"] = json!(success.at);
        evidence["succeeded_from"] = json!(success.ip);
    }
    Finding {
        kind,
        subject,
        first_seen: times().min().unwrap_or_default(),
        last_seen: times().max().unwrap_or_default(),
        count: all().count() as u64,
        fresh: all().filter(|attempt| attempt.fresh).count() as u64,
        evidence,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: bool = false;
    const NEW: bool = true;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
    }

    fn attempt(seconds: i64, success: bool, ip: usize, fresh: bool) -> Attempt {
        Attempt {
            at: at(seconds),
            success,
            account: Some("a".to_owned()),
            ip: Some(format!("192.0.2.{ip}")),
            fresh,
        }
    }

    fn fails(times: impl IntoIterator<Item = i64>) -> Vec<Attempt> {
        times
            .into_iter()
            .map(|time| attempt(time, false, 1, NEW))
            .collect()
    }

    #[test]
    fn failures_from_one_address() {
        let aged = |mut attempts: Vec<Attempt>, fresh: usize| {
            let old = attempts.len() - fresh;
            attempts[..old].iter_mut().for_each(|attempt| attempt.fresh = OLD);
            attempts
        };
        let mut with_success = fails([0, 10, 20, 30, 40]);
        with_success[2].success = true;
        let cases = [
            ("nothing", vec![], None),
            ("four in a minute", fails([0, 10, 20, 30]), None),
            (
                "five in a minute",
                fails([0, 15, 30, 45, 60]),
                Some((Kind::LoginBurst, 5, 5)),
            ),
            ("five in a minute and a second", fails([0, 15, 30, 45, 61]), None),
            ("a success is no failure", with_success, None),
            ("five that were all known", aged(fails([0, 1, 2, 3, 4]), 0), None),
            (
                "the sixth adds to the five",
                aged(fails([0, 1, 2, 3, 4, 5]), 1),
                Some((Kind::LoginBurst, 6, 1)),
            ),
            (
                "known burst, new failure long after",
                aged(fails([0, 1, 2, 3, 4, 500]), 1),
                None,
            ),
            ("fourteen in half an hour", fails((0..14).map(|n| n * 120)), None),
            (
                "fifteen in half an hour",
                fails((0..15).map(|n| n * 120)),
                Some((Kind::LoginSlowBurst, 15, 15)),
            ),
            (
                "fifteen in more than half an hour",
                fails((0..15).map(|n| n * 130)),
                None,
            ),
            (
                "a burst is not slow as well",
                fails(0..20),
                Some((Kind::LoginBurst, 20, 20)),
            ),
            (
                "slow failures around a known burst are part of it",
                aged(fails((0..5).chain((1..=10).map(|n| n * 100))), 1),
                None,
            ),
        ];
        for (name, attempts, expected) in cases {
            let found = by_address("192.0.2.1", &attempts);
            let found = found.map(|finding| (finding.kind, finding.count, finding.fresh));
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn failures_on_one_account() {
        let from = |count: usize, addresses: usize, step: i64| -> Vec<Attempt> {
            (0..count)
                .map(|n| attempt(i64::try_from(n).unwrap() * step, false, n % addresses, NEW))
                .collect()
        };
        for (name, attempts, expected) in [
            ("ten from five in half an hour", from(10, 5, 180), true),
            ("ten from four", from(10, 4, 180), false),
            ("nine from five", from(9, 5, 180), false),
            ("ten from five, too slowly", from(10, 5, 220), false),
        ] {
            let found = by_account("a", &attempts);
            let many = found
                .iter()
                .any(|finding| finding.kind == Kind::AccountManyAddresses);
            assert_eq!(many, expected, "{name}");
        }
        let finding = by_account("a", &from(10, 5, 60)).remove(0);
        assert_eq!(finding.subject, "account:a");
        assert_eq!(finding.evidence["address_count"], 5);
        assert_eq!((finding.first_seen, finding.last_seen), (at(0), at(540)));
    }

    #[test]
    fn a_success_after_failures() {
        let then = |mut failures: Vec<Attempt>, success: i64| {
            failures.push(attempt(success, true, 9, NEW));
            failures
        };
        let mut interrupted = fails([0, 10, 20, 30, 40, 50]);
        interrupted[3].success = true;
        let mut late = then(fails([0, 10, 20, 30, 40]), 50);
        late.iter_mut().for_each(|attempt| attempt.fresh = OLD);
        let known = late.clone();
        late[1].fresh = NEW;
        for (name, attempts, expected) in [
            ("five, then in", then(fails([0, 10, 20, 30, 40]), 50), true),
            ("four, then in", then(fails([0, 10, 20, 30]), 50), false),
            ("in after 15 minutes", then(fails([0, 10, 20, 30, 40]), 900), true),
            (
                "in after 15 minutes and a second",
                then(fails([0, 10, 20, 30, 40]), 901),
                false,
            ),
            ("no success", fails([0, 10, 20, 30, 40]), false),
            ("a success in between starts anew", then(interrupted, 60), false),
            ("known already", known, false),
            ("a failure that came late", late, true),
        ] {
            let found = by_account("a", &attempts);
            let after = found
                .iter()
                .any(|finding| finding.kind == Kind::LoginAfterFailures);
            assert_eq!(after, expected, "{name}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        for (address, expected) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::/64")),
            ("not an address", None),
        ] {
            assert_eq!(address_key(address).as_deref(), expected, "{address}");
        }
    }
}
