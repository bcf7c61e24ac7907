//! Our own corpus: what a company sends all day passes, what attackers send does not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends by a panic")]

use serde_json::Value;
use waf::{Kind, Request, Verdict, scan};

fn rows(text: &str) -> Vec<(Value, Verdict)> {
    text.lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| row[name].as_str().unwrap();
            let headers = row["headers"].as_object().unwrap();
            let headers: Vec<(&str, &[u8])> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap().as_bytes()))
                .collect();
            let verdict = scan(&Request {
                method: field("method"),
                uri: field("uri"),
                headers: &headers,
                body: field("body").as_bytes(),
                kind: Kind::of_path(field("uri")),
            });
            (row, verdict)
        })
        .collect()
}

#[test]
fn what_a_company_sends_all_day_passes() {
    let rows = rows(include_str!("fixtures/benign.jsonl"));
    let wrong: Vec<String> = rows
        .iter()
        .filter(|(_, verdict)| verdict.flagged)
        .map(|(row, verdict)| format!("{} {} {:?}", row["uri"], row["body"], verdict.reasons))
        .collect();
    assert!(rows.len() > 100 && wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_attackers_send_does_not() {
    let rows = rows(include_str!("fixtures/attacks.jsonl"));
    let missed: Vec<String> = rows
        .iter()
        .filter(|(_, verdict)| !verdict.flagged)
        .map(|(row, verdict)| {
            format!(
                "{} {} {} {:?}",
                row["category"], row["uri"], row["body"], verdict.reasons
            )
        })
        .collect();
    assert!(rows.len() > 100 && missed.is_empty(), "{}", missed.join("\n"));
}
