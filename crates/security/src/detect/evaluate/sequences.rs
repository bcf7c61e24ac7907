//! Log lines of other systems as observations, and what the rules make of them. Prints a table:
//! `SEQUENCES=<file of JSON lines> cargo test -p security --lib sequences -- --ignored --nocapture`.

use std::fmt::Write;

use chrono::{DateTime, NaiveDateTime, Utc};
use regex::Regex;
use serde_json::Value;
use uuid::Uuid;

use super::super::{address_key, is_scanner, network_key, probe};
use super::*;

/// What a line tells: an address, an account, a time, and a failed login or a refused request.
struct Reader {
    address: Regex,
    near: Regex,
    account: Regex,
    failure: Regex,
    request: Regex,
    times: Vec<(Regex, &'static str)>,
}

impl Reader {
    fn new() -> Self {
        let regex = |text: &str| Regex::new(text).unwrap();
        let v6 = "[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}";
        let v4 = r"\d{1,3}(?:\.\d{1,3}){3}";
        Self {
            address: regex(&format!("({v4}|{v6})")),
            near: regex(&format!(
                r#"(?i)(?:\[client:? ?|from \[?|from ip |client: |rip=|rhost=|ipv4:|ip=|client_ip"?: ?"|addr\.remote"?: ?"|remoteAddr"?: ?"|for \(?|ip-address: |\(-> |: connection from |sending packet: from [^ ]+ to |@|ip )({v4}|{v6})"#
            )),
            account: regex(
                r#"(?i)(?:user(?:name)?[ :=]*[<\["']?\\?|for user |for ["']?|account ["']|set_id=|"user"[: ]*"|credentials: .*username=|loading user )([\w.@+-]+)"#,
            ),
            failure: regex(
                r"(?i)(fail|invalid|incorrect|unsuccessful|wrong|denied|no_such_user|not retrieve|does not exist|login error|disconnected from authenticating|bad credentials|\b401\b)",
            ),
            request: regex(r#""(?:[A-Z]+) ([^ "]*)[^"]*" (\d{3}) \S+ "[^"]*" "([^"]*)""#),
            times: vec![
                (regex(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)"), "%Y-%m-%dT%H:%M:%S"),
                (regex(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)"), "%Y/%m/%d %H:%M:%S"),
                (
                    regex(r"(\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d)"),
                    "%d/%b/%Y:%H:%M:%S",
                ),
                (regex(r"([A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d)"), "%Y %b %d %H:%M:%S"),
                (regex(r"(\d\d/\d\d/\d\d \d\d:\d\d:\d\d)"), "%m/%d/%y %H:%M:%S"),
            ],
        }
    }

    fn time(&self, line: &str) -> Option<DateTime<Utc>> {
        self.times.iter().find_map(|(regex, format)| {
            let text = regex.captures(line)?.get(1)?.as_str();
            let text = match *format {
                "%Y-%m-%dT%H:%M:%S" => text.replacen(' ', "T", 1),
                "%d/%b/%Y:%H:%M:%S" => text.replacen(' ', ":", 1),
                "%Y %b %d %H:%M:%S" => format!("2024 {text}"),
                _ => text.to_owned(),
            };
            Some(NaiveDateTime::parse_from_str(&text, format).ok()?.and_utc())
        })
    }

    fn read(&self, n: usize, line: &str, before: DateTime<Utc>) -> Vec<Observation> {
        let at = self.time(line).unwrap_or(before + Duration::seconds(1));
        let request = self.request.captures(line);
        let address = |regex: &Regex| {
            let keys = regex
                .captures_iter(line)
                .filter_map(|found| address_key(found.get(1)?.as_str()));
            keys.into_iter().next()
        };
        let first = if request.is_some() {
            address(&self.address)
        } else {
            None
        };
        let found = first
            .or_else(|| address(&self.near))
            .or_else(|| address(&self.address));
        let Some(ip) = found else {
            return Vec::new();
        };
        let account = self.account.captures(line).map(|found| found[1].to_lowercase());
        let mut signals = Vec::new();
        let mut target = None;
        if let Some(request) = request {
            let status: u16 = request[2].parse().unwrap_or(0);
            target = Some(request[1].to_owned());
            if is_scanner(&request[3]) {
                signals.push("scanner_agent");
            }
            if status == 401 {
                signals.push("login_failed");
            }
            if matches!(status, 400 | 403 | 404 | 405) {
                signals.push("request_refused");
                signals.extend(probe(&request[1]).map(super::super::Probe::signal));
            }
        } else if is_scanner(line) {
            signals.push("scanner_agent");
        } else if self.failure.is_match(line) {
            signals.push("login_failed");
        }
        signals
            .into_iter()
            .map(|signal| Observation {
                event_id: Uuid::from_u128(n as u128),
                signal: signal.to_owned(),
                at,
                network: network_key(ip.split('/').next().unwrap_or_default()),
                who: format!("ip:{ip}"),
                ip: Some(ip.clone()),
                account: account.clone(),
                agent: None,
                target: target.clone(),
                value: 0,
                details: None,
                fresh: true,
            })
            .collect()
    }
}

#[test]
#[ignore = "needs a file of sequences"]
#[expect(
    clippy::disallowed_methods,
    reason = "a path for a person who runs the test by hand"
)]
fn sequences_of_other_systems() {
    let text = std::fs::read_to_string(std::env::var("SEQUENCES").unwrap()).unwrap();
    let (reader, rules) = (Reader::new(), Ruleset::new(None).unwrap());
    let mut table = String::new();
    let (mut loud, mut told, mut quiet, mut silent) = (0, 0, 0, 0);
    for line in text.lines() {
        let sequence: Value = serde_json::from_str(line).unwrap();
        let mut last = DateTime::UNIX_EPOCH;
        let mut story = Vec::new();
        for (n, line) in sequence["lines"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .enumerate()
        {
            let read = reader.read(n, line, last);
            last = read.first().map_or(last, |one| one.at);
            story.extend(read);
        }
        story.sort_by_key(|one| one.at);
        let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for rule in rules.by(Field::Ip) {
            let mut groups: BTreeMap<&str, Vec<Observation>> = BTreeMap::new();
            for one in &story {
                groups
                    .entry(one.ip.as_deref().unwrap_or_default())
                    .or_default()
                    .push(one.clone());
            }
            for (ip, group) in groups {
                if evaluate(rule, &rules, ip, &group).is_some() {
                    found.entry(ip.to_owned()).or_default().insert(rule.id.clone());
                }
            }
        }
        let expected: BTreeSet<String> = sequence["expected_alerts"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|alert| alert["sources"].as_array().cloned().unwrap_or_default())
            .filter_map(|source| address_key(source.as_str()?))
            .collect();
        let id = sequence["id"].as_str().unwrap_or_default();
        if expected.is_empty() {
            quiet += 1;
            silent += usize::from(found.is_empty());
            let verdict = if found.is_empty() { "silent" } else { "LOUD" };
            writeln!(table, "{verdict:8} {id} {found:?}").unwrap();
        } else {
            loud += 1;
            let all = expected.iter().all(|ip| found.contains_key(ip));
            told += usize::from(all);
            let verdict = if all { "told" } else { "MISSED" };
            let missing: Vec<_> = expected.iter().filter(|ip| !found.contains_key(*ip)).collect();
            writeln!(
                table,
                "{verdict:8} {id} {found:?} missing {missing:?} of {} observations",
                story.len()
            )
            .unwrap();
        }
    }
    writeln!(table, "told {told} of {loud}, silent {silent} of {quiet}").unwrap();
    println!("{table}");
}
