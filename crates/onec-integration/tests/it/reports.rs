//! Reports against what documents of the demo company say.

use onec_demo::truth::{self, Scope};
use serde_json::{Map, Value};

use crate::setup::{Service, base, day, demo};

/// The cells of both that have the same keys, as sorted rows.
fn comparable(rows: &[Map<String, Value>], keys: &[&str]) -> Vec<String> {
    let mut list: Vec<String> = rows
        .iter()
        .map(|row| keys.iter().map(|key| format!("{key}={} ", row[*key])).collect())
        .collect();
    list.sort();
    list
}

fn rows(report: &Value) -> Vec<Map<String, Value>> {
    report["rows"].as_array().unwrap().iter().map(|row| row.as_object().unwrap().clone()).collect()
}

#[track_caller]
fn assert_same(report: &Value, truth: &truth::Report, keys: &[&str]) {
    assert_eq!(report["truncated"], false, "{}", truth.report);
    let (ours, theirs) = (comparable(&rows(report), keys), comparable(&truth.rows, keys));
    assert_eq!(ours.len(), theirs.len(), "{}", truth.report);
    assert!(!ours.is_empty(), "{}", truth.report);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs, "{}", truth.report);
    }
    for (name, total) in &truth.totals {
        assert_eq!(&report["totals"][name], total, "{}: {name}", truth.report);
    }
}

#[tokio::test]
async fn every_report_is_true() {
    let demo = demo().await;
    let service = Service::start(Some(&demo.url())).await;
    let job = service.synchronised().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let client = service.admin();
    let base = base();
    let get = async |path: &str| -> Value { client.get(&format!("/reports/{path}&limit=1000")).await.json() };

    for date in ["2025-03-31", "2025-01-15", "2024-11-30"] {
        let (at, all) = (day(date), Scope::ALL);
        for source in ["mirror", "live"] {
            let debts = ["counterparty", "debt", "overdue", "advance", "due_date"];
            let report = get(&format!("receivables?date={date}&source={source}")).await;
            assert_same(&report, &truth::receivables(&base, all, at), &debts);
            let report = get(&format!("payables?date={date}&source={source}")).await;
            assert_same(&report, &truth::payables(&base, all, at), &debts);
            let report = get(&format!("cash?date={date}&source={source}")).await;
            assert_same(&report, &truth::cash(&base, all, at), &["account", "organization", "balance"]);
        }
    }
}

