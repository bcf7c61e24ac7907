//! Prints how many requests of a corpus are flagged, by set and by category.
//!
//!     cargo run --release -p waf --example corpus -- attacks.jsonl benign.jsonl [--misses <set>]
//!
//! One request a line: `{"method", "uri", "headers": {}, "body", "category", "source"}`, with `"tier"` for an attack
//! and `"strict"` for what has to pass.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example that prints, for developers"
)]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use waf::{Kind, Request, scan};

#[derive(Default)]
struct Count {
    all: usize,
    flagged: usize,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (mut files, mut wanted) = (Vec::new(), None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--misses" => wanted = arguments.next(),
            _ => files.push(argument),
        }
    }
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    let mut times: Vec<Duration> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| row[name].as_str().unwrap_or_default();
            let empty = serde_json::Map::new();
            let headers = row["headers"].as_object().unwrap_or(&empty);
            let headers: Vec<(&str, &[u8])> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default().as_bytes()))
                .collect();
            let uri = field("uri");
            let request = Request {
                method: field("method"),
                uri,
                headers: &headers,
                body: field("body").as_bytes(),
                kind: Kind::of_path(uri),
            };
            // Expressions are made when they are first needed.
            let verdict = scan(&request);
            let started = Instant::now();
            std::hint::black_box(scan(&request));
            times.push(started.elapsed());
            let sets = sets(&row);
            let attack = row["tier"].is_string();
            for set in &sets {
                let count = counts.entry(set.clone()).or_default();
                count.all += 1;
                count.flagged += usize::from(verdict.flagged);
            }
            let miss = verdict.flagged != attack;
            if miss && wanted.as_ref().is_some_and(|wanted| sets.contains(wanted)) {
                let reasons: Vec<String> = verdict
                    .reasons
                    .iter()
                    .map(|reason| format!("{}+{} {:?}", reason.rule, reason.points, reason.excerpt))
                    .collect();
                let body: String = field("body").chars().take(300).collect();
                println!(
                    "{} {} {} {uri} | {:?} | {}",
                    verdict.score,
                    reasons.join(","),
                    field("method"),
                    body,
                    extra(&headers)
                );
            }
        }
    }
    println!("{:<46} {:>6} {:>8} {:>7}", "set", "rows", "flagged", "share");
    for (set, count) in &counts {
        #[expect(clippy::cast_precision_loss, reason = "a share for people")]
        let share = count.flagged as f64 * 100.0 / count.all as f64;
        println!("{set:<46} {:>6} {:>8} {share:>6.1}%", count.all, count.flagged);
    }
    times.sort_unstable();
    let total: Duration = times.iter().sum();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    println!(
        "time of one request: mean {:?}, median {:?}, p95 {:?}, p99 {:?}, most {:?}",
        total / u32::try_from(times.len().max(1)).unwrap_or(1),
        at(50),
        at(95),
        at(99),
        times.last().copied().unwrap_or_default()
    );
}

fn extra(headers: &[(&str, &[u8])]) -> String {
    let odd = headers.iter().filter(|(name, value)| {
        ![
            "Host",
            "Accept",
            "Connection",
            "Accept-Encoding",
            "Accept-Language",
            "Keep-Alive",
            "Proxy-Connection",
        ]
        .contains(name)
            && !value.starts_with(b"OWASP CRS")
            && !value.starts_with(b"Mozilla")
    });
    odd.map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
        .collect::<Vec<_>>()
        .join("; ")
}

/// The sets that a row counts for.
fn sets(row: &Value) -> Vec<String> {
    let field = |name: &str| row[name].as_str().unwrap_or_default();
    let category = field("category");
    let mut sets = Vec::new();
    if let Some(tier) = row["tier"].as_str() {
        sets.push(format!("attack {tier} {category}"));
        if category == "prompt_injection" {
            sets.push(format!("attack {tier} prompt injection {}", field("lang")));
            sets.push("attack all prompt injection".to_owned());
        } else {
            sets.push(format!("attack {tier} (without prompt injection)"));
            if !field("source").starts_with("coreruleset") {
                sets.push(format!("attack {tier} (without prompt injection, CRS)"));
            }
        }
    } else if row["strict"].as_bool() == Some(true) {
        sets.push("benign strict".to_owned());
        sets.push(format!("benign strict {category}"));
    } else {
        sets.push(format!("benign other {category}"));
    }
    sets
}
