//! Configurations that have no ledger: registers of accumulation stand in for it.

use onec_demo::truth::{self, Scope};
use serde_json::Value;

use crate::reports::assert_same;
use crate::setup::{Service, Setup, base, day, demo};

/// A folder as a customer would have it.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/profiles");

async fn own_trade(onec: &str) -> Service {
    let mut setup = Setup::new(Some(onec)).await;
    setup.variables.push(("ONEC_PROFILES_DIR", FOLDER));
    let service = setup.start().await;
    let job = service.job_end().await;
    assert_eq!(job["state"], "succeeded", "{job}");
    service
}

#[tokio::test]
async fn balances_come_from_registers_of_accumulation() {
    let demo = demo().await;
    let service = own_trade(&demo.url()).await;
    let client = service.admin();
    let base = base();
    let infobases: Value = client.get("/infobases").await.json();
    assert_eq!(infobases["items"][0]["profile"], "own-trade", "{infobases}");
    let get = async |path: &str| -> Value {
        let path = format!("/reports/{path}?date=2025-03-31&limit=1000");
        client.get(&path).await.json()
    };
    let at = day("2025-03-31");
    let debts = [
        "counterparty",
        "debt",
        "overdue",
        "overdue_30",
        "overdue_60",
        "overdue_90",
        "overdue_more",
        "advance",
        "due_date",
    ];
    let receivables = get("receivables").await;
    assert_same(&receivables, &truth::receivables(&base, Scope::ALL, at), &debts);
    let object = &receivables["citations"][0]["object"];
    assert_eq!(
        object, "AccumulationRegister_РасчетыСПокупателями",
        "{receivables}"
    );
    assert_same(
        &get("payables").await,
        &truth::payables(&base, Scope::ALL, at),
        &debts,
    );
    let cash = truth::cash(&base, Scope::ALL, at);
    assert_same(&get("cash").await, &cash, &["account", "organization", "balance"]);
    let stock = truth::stock(&base, Scope::ALL, at, None, None);
    let report = get("stock").await;
    assert_eq!(report["totals"], Value::Object(stock.totals.clone()));
    assert_eq!(report["row_count"], stock.rows.len());
}

#[tokio::test]
async fn reports_of_a_ledger_are_refused_where_there_is_none() {
    let demo = demo().await;
    let service = own_trade(&demo.url()).await;
    for report in [
        "trial_balance",
        "taxes",
        "postings?number=1",
        "account_card?account=62",
    ] {
        let answer = service.admin().get(&format!("/reports/{report}")).await;
        answer.assert_problem(422, "onec.report_not_available");
    }
}

#[tokio::test]
async fn what_changes_in_registers_is_read_again() {
    let demo = demo().await;
    let service = own_trade(&demo.url()).await;
    let before: Value = service.admin().get("/reports/stock?date=2025-03-31").await.json();
    // Damage that comparing numbers of movements finds.
    sqlx::query("delete from onec.ledger_entries where register = 3 and line % 2 = 1")
        .execute(&service.pool)
        .await
        .unwrap();
    let broken: Value = service.admin().get("/reports/stock?date=2025-03-31").await.json();
    assert_ne!(broken["totals"], before["totals"]);
    let job = service.run_job(&serde_json::json!({"mode": "reconcile"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let after: Value = service.admin().get("/reports/stock?date=2025-03-31").await.json();
    assert_eq!(after["totals"], before["totals"]);
    assert_eq!(after["row_count"], before["row_count"]);
}
