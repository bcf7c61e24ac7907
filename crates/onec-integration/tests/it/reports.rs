//! Reports against what documents of the demo company say.

use common::testing::Client;
use onec_demo::truth::{self, By, Scope};
use rust_decimal::Decimal;
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

/// Without accounts on which nothing was and nothing happened.
fn without_empty(mut truth: truth::Report) -> truth::Report {
    let is_zero =
        |(key, value): (&String, &Value)| matches!(key.as_str(), "account" | "name") || value == "0.00";
    truth.rows.retain(|row| !row.iter().all(is_zero));
    truth
}

pub(crate) fn decimal(value: &Value) -> Decimal {
    value.as_str().unwrap().parse().unwrap()
}

pub(crate) fn rows(report: &Value) -> Vec<Map<String, Value>> {
    report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row.as_object().unwrap().clone())
        .collect()
}

#[track_caller]
pub(crate) fn assert_same(report: &Value, truth: &truth::Report, keys: &[&str]) {
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

/// Reports at a date, from the copy and from 1C itself.
/// All rows of a report; `path` has a query.
pub(crate) async fn whole(client: &Client, path: &str) -> Value {
    client.get(&format!("/reports/{path}&limit=1000")).await.json()
}

/// Name and id of a company, by its place in the list.
pub(crate) async fn company(client: &Client, at: usize) -> (String, String) {
    let companies: Value = client.get("/companies").await.json();
    let company = &companies["items"][at];
    let text = |field: &str| company[field].as_str().unwrap().to_owned();
    (text("name"), text("id"))
}

#[tokio::test]
async fn balances_are_true_in_the_mirror_and_live() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.admin();
    let base = base();
    let get = async |path: String| whole(&client, &path).await;
    let (name, id) = company(&client, 0).await;
    let one = Scope::organization(&base, &name).unwrap();

    for (date, scope, company) in [
        ("2025-03-31", Scope::ALL, String::new()),
        ("2024-12-15", Scope::ALL, String::new()),
        ("2025-03-31", one, format!("&company={id}")),
    ] {
        let at = day(date);
        for source in ["mirror", "live"] {
            let query = format!("date={date}&source={source}{company}");
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
            let aged = |report: &Value| {
                for row in rows(report).iter().chain(report["totals"].as_object()) {
                    let buckets = ["overdue_30", "overdue_60", "overdue_90", "overdue_more"];
                    let sum: Decimal = buckets.iter().map(|bucket| decimal(&row[*bucket])).sum();
                    assert_eq!(sum, decimal(&row["overdue"]), "{row:?}");
                }
            };
            let report = get(format!("receivables?{query}")).await;
            assert_same(&report, &truth::receivables(&base, scope, at), &debts);
            assert_eq!(report["source"], source);
            aged(&report);
            let report = get(format!("payables?{query}")).await;
            assert_same(&report, &truth::payables(&base, scope, at), &debts);
            let report = get(format!("cash?{query}")).await;
            assert_same(
                &report,
                &truth::cash(&base, scope, at),
                &["account", "organization", "balance"],
            );
            let truth = truth::stock(&base, scope, at, None, None);
            let report = get(format!("stock?{query}")).await;
            assert_eq!(report["totals"], Value::Object(truth.totals.clone()), "{query}");
            assert_eq!(report["row_count"], truth.rows.len(), "{query}");
            let warehouse = truth.rows[0]["warehouse"].as_str().unwrap();
            let found: Value = client.get(&search("warehouse", warehouse)).await.json();
            let id = found["items"][0]["id"].as_str().unwrap();
            let report = get(format!("stock?{query}&warehouse={id}")).await;
            let truth = truth::stock(&base, scope, at, Some(warehouse), None);
            assert_same(&report, &truth, &["warehouse", "item", "quantity", "cost"]);
        }
    }
}

/// Reports of a period.
#[tokio::test]
async fn turnovers_are_true() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.admin();
    let base = base();
    let get = async |path: String| whole(&client, &path).await;
    let (name, id) = company(&client, 2).await;
    let one = Scope::organization(&base, &name).unwrap();

    for (from, to, scope, company) in [
        ("2025-01-01", "2025-03-31", Scope::ALL, String::new()),
        ("2025-02-10", "2025-02-20", Scope::ALL, String::new()),
        ("2025-01-01", "2025-01-31", one, format!("&company={id}")),
    ] {
        let (first, last) = (day(from), day(to));
        let query = format!("from={from}&to={to}{company}");
        for (name, by) in [
            ("counterparty", By::Counterparty),
            ("manager", By::Manager),
            ("item", By::Item),
            ("warehouse", By::Warehouse),
            ("day", By::Day),
            ("month", By::Month),
        ] {
            let report = get(format!("sales?{query}&group_by={name}")).await;
            let figures = [
                "key",
                "quantity",
                "revenue",
                "revenue_without_vat",
                "gross_profit",
                "documents",
            ];
            assert_same(&report, &truth::sales(&base, scope, first, last, by), &figures);
        }
        let report = get(format!("cash_flow?{query}")).await;
        let truth = truth::cash_flow(&base, scope, first, last);
        assert_same(&report, &truth, &["direction", "counterparty", "amount"]);
        for source in ["mirror", "live"] {
            let report = get(format!("taxes?{query}&source={source}")).await;
            let truth = without_empty(truth::taxes(&base, scope, first, last));
            assert_same(
                &report,
                &truth,
                &["account", "name", "accrued", "paid", "offset", "balance"],
            );
            for account in ["", "62", "90.01"] {
                let report = get(format!("trial_balance?{query}&source={source}&account={account}")).await;
                let truth = without_empty(truth::trial_balance(&base, scope, first, last, account));
                let sides = [
                    "account",
                    "name",
                    "opening_debit",
                    "opening_credit",
                    "turnover_debit",
                    "turnover_credit",
                    "closing_debit",
                    "closing_credit",
                ];
                assert_same(&report, &truth, &sides);
            }
        }
    }
}

/// Reports about documents and counterparties.
#[tokio::test]
async fn documents_and_statements_are_true() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.admin();
    let base = base();
    let get = async |path: String| whole(&client, &path).await;

    let keys = ["type", "number", "counterparty", "amount", "posted"];
    let report = get("documents?unposted=true".to_owned()).await;
    let truth = truth::documents(&base);
    assert_eq!(report["row_count"], truth.rows.len());
    assert_eq!(comparable(&rows(&report), &keys), comparable(&truth.rows, &keys));
    let report: Value = client.get("/reports/documents?limit=7").await.json();
    let truth = truth::last_documents(&base, 7);
    assert_eq!(comparable(&rows(&report), &keys), comparable(&truth.rows, &keys));
    assert_eq!(report["truncated"], true);

    for document in truth.rows.iter().filter(|row| row["posted"] == true) {
        let number = document["number"].as_str().unwrap();
        let report = get(format!("postings?number={}", encode(number))).await;
        let truth = truth::postings(&base, number);
        let keys = ["document", "debit_account", "credit_account", "amount"];
        assert_eq!(comparable(&rows(&report), &keys), comparable(&truth.rows, &keys));
        assert_eq!(report["totals"]["amount"], truth.totals["amount"]);
    }

    let debtors = truth::receivables(&base, Scope::ALL, day("2025-03-31"));
    let creditors = truth::payables(&base, Scope::ALL, day("2025-03-31"));
    for debtor in debtors.rows.iter().take(5).chain(creditors.rows.iter().take(3)) {
        let name = debtor["counterparty"].as_str().unwrap();
        let found: Value = client.get(&search("counterparty", name)).await.json();
        assert_eq!(found["items"][0]["name"], name, "{found}");
        let id = found["items"][0]["id"].as_str().unwrap();
        let report = get(format!(
            "statement?counterparty={id}&from=2025-02-01&to=2025-03-31"
        ))
        .await;
        let truth = truth::statement(&base, Scope::ALL, name, day("2025-02-01"), day("2025-03-31"));
        assert_same(&report, &truth, &["date", "document", "debit", "credit"]);
        let card = get(format!("counterparty_card?counterparty={id}")).await;
        assert!(rows(&card).iter().any(|row| row["field"] == "ИНН"), "{card}");
    }
}

pub(crate) fn search(kind: &str, name: &str) -> String {
    format!("/search?kind={kind}&q={}", encode(name))
}

pub(crate) fn encode(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
