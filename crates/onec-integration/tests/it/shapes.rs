//! Configurations that are not «Бухгалтерия»: the same company published as they publish it gives the same answers.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::extract::Request;
use common::testing::{Client, TestServer};
use onec_demo::truth::{self, By, Scope};
use onec_demo::{Base, Configuration, Options, ServerOptions};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::reports::{assert_same, decimal, rows};
use crate::resume::contents;
use crate::setup::{Service, UNTIL, day, eventually};

const LAST: &str = "2025-03-31";
/// Columns of debts that the documents tell.
const DEBTS: [&str; 9] = [
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

fn grown(configuration: Configuration) -> Arc<Base> {
    Arc::new(Base::generate(&Options {
        until: day(UNTIL),
        configuration,
        ..Options::default()
    }))
}

/// The demo company as a configuration shows it, generated once.
pub(crate) fn base(configuration: Configuration) -> Arc<Base> {
    static TRADE: LazyLock<Arc<Base>> = LazyLock::new(|| grown(Configuration::Trade));
    static SMALL_FIRM: LazyLock<Arc<Base>> = LazyLock::new(|| grown(Configuration::SmallFirm));
    match configuration {
        Configuration::Trade => TRADE.clone(),
        Configuration::SmallFirm => SMALL_FIRM.clone(),
        other => grown(other),
    }
}

/// A demo server of that configuration that may be written to.
pub(crate) async fn demo(configuration: Configuration) -> TestServer {
    TestServer::serve(onec_demo::router(base(configuration), ServerOptions::writable())).await
}

/// All balances and turnovers of a synchronised service are those that documents tell.
async fn assert_true(service: &Service, base: &Base) {
    let client = service.admin();
    let get =
        async |path: String| -> Value { client.get(&format!("/reports/{path}&limit=1000")).await.json() };
    let companies = service.companies().await;
    let (id, name) = &companies[0];
    let one = Scope::organization(base, name).unwrap();
    for (date, scope, company) in [
        (LAST, Scope::ALL, String::new()),
        ("2024-12-15", Scope::ALL, String::new()),
        (LAST, one, format!("&company={id}")),
    ] {
        let at = day(date);
        let query = format!("date={date}{company}");
        let report = get(format!("receivables?{query}")).await;
        assert_same(&report, &truth::receivables(base, scope, at), &DEBTS);
        let report = get(format!("payables?{query}")).await;
        assert_same(&report, &truth::payables(base, scope, at), &DEBTS);
        let report = get(format!("cash?{query}")).await;
        let cash = ["account", "organization", "balance"];
        assert_same(&report, &truth::cash(base, scope, at), &cash);
        let stock = truth::stock(base, scope, at, None, None);
        let report = get(format!("stock?{query}")).await;
        assert_eq!(report["totals"], Value::Object(stock.totals.clone()), "{query}");
        assert_eq!(report["row_count"], stock.rows.len(), "{query}");
    }
    let (from, to) = (day("2025-02-01"), day(LAST));
    let period = format!("from=2025-02-01&to={LAST}");
    let sales = [
        "key",
        "quantity",
        "revenue",
        "revenue_without_vat",
        "gross_profit",
        "documents",
    ];
    for (group, by) in [
        ("manager", By::Manager),
        ("counterparty", By::Counterparty),
        ("warehouse", By::Warehouse),
        ("month", By::Month),
    ] {
        let report = get(format!("sales?{period}&group_by={group}")).await;
        assert_same(&report, &truth::sales(base, Scope::ALL, from, to, by), &sales);
    }
    let by_item = truth::sales(base, Scope::ALL, from, to, By::Item);
    let report = get(format!("sales?{period}&group_by=manager&then_by=item")).await;
    for (name, total) in &by_item.totals {
        assert_eq!(&report["totals"][name], total, "{name}");
    }
    let profit = get(format!("gross_profit?{period}&group_by=manager")).await;
    let total = |name: &str| decimal(&by_item.totals[name]);
    assert_eq!(decimal(&profit["totals"]["gross_profit"]), total("gross_profit"));
    let cost = total("revenue_without_vat") - total("gross_profit");
    assert_eq!(decimal(&profit["totals"]["cost"]), cost);
}

/// What was paid and delivered, as a statement of account lists it.
async fn assert_statement(service: &Service, base: &Base) {
    let (from, to) = (day("2024-11-01"), day(LAST));
    let receivables: Value = service
        .admin()
        .get(&format!("/reports/receivables?date={LAST}&limit=1000"))
        .await
        .json();
    let listed = rows(&receivables);
    // One with an advance, too: it is no debt below zero.
    let ahead = listed.iter().find(|row| !decimal(&row["advance"]).is_zero());
    for row in listed.first().into_iter().chain(ahead) {
        let (id, name) = (
            row["counterparty_id"].as_str().unwrap(),
            row["counterparty"].as_str().unwrap(),
        );
        let path = format!("/reports/statement?counterparty={id}&from=2024-11-01&to={LAST}&limit=1000");
        let report: Value = service.admin().get(&path).await.json();
        let truth = truth::statement(base, Scope::ALL, name, from, to);
        for total in ["opening", "debit", "credit", "closing"] {
            assert_eq!(report["totals"][total], truth.totals[total], "{name}: {total}");
        }
    }
}

async fn synchronised(demo: &TestServer, profile: &str) -> Service {
    let service = Service::synchronised_with(demo).await;
    let infobases: Value = service.admin().get("/infobases").await.json();
    assert_eq!(infobases["items"][0]["profile"], profile, "{infobases}");
    service
}

#[tokio::test]
async fn the_company_is_the_same_in_trade() {
    let demo = demo(Configuration::Trade).await;
    let service = synchronised(&demo, "trade-11").await;
    assert_true(&service, &base(Configuration::Trade)).await;
    assert_statement(&service, &base(Configuration::Trade)).await;
}

#[tokio::test]
async fn the_company_is_the_same_in_a_small_firm() {
    let demo = demo(Configuration::SmallFirm).await;
    let service = synchronised(&demo, "small-firm-3.0").await;
    assert_true(&service, &base(Configuration::SmallFirm)).await;
    assert_statement(&service, &base(Configuration::SmallFirm)).await;
}

/// A day's work in 1C is seen, by comparing versions and by what 1C registers for the exchange plan; a mirror that is
/// made anew comes to the same.
async fn assert_changes_are_seen(configuration: Configuration) {
    let demo = demo(configuration).await;
    let service = Service::synchronised_with(&demo).await;
    let before = contents(&service.pool).await;
    let onec = Client::anonymous(demo.url());
    for (plan, mode) in [
        (None, "reconcile"),
        (Some("ExchangePlan_ИИАссистент"), "reconcile"),
        (Some("ExchangePlan_ИИАссистент"), "incremental"),
        (Some("ExchangePlan_ИИАссистент"), "incremental"),
    ] {
        sqlx::query("update onec.infobases set exchange_plan = $1")
            .bind(plan)
            .execute(&service.pool)
            .await
            .unwrap();
        let done = onec.post("/demo/_admin/changes", &json!({"documents": 40})).await;
        assert_eq!(done.status, 200, "{}", done.text());
        let done: Value = done.json();
        for what in ["created", "changed", "unposted", "deleted"] {
            assert_ne!(done[what], 0, "{done}");
        }
        let job = service.run_job(&json!({"mode": mode})).await;
        assert_eq!(job["state"], "succeeded", "{job}");
        assert_eq!(job["dead_objects"], 0, "{job}");
        if mode == "incremental" {
            assert_eq!(job["entities"].as_array().unwrap().len(), 1, "{job}");
        }
    }
    let after = contents(&service.pool).await;
    assert_ne!(before, after);
    let anew = Service::synchronised_with(&demo).await;
    assert_eq!(after, contents(&anew.pool).await);
}

#[tokio::test]
async fn changes_are_seen_in_trade() {
    assert_changes_are_seen(Configuration::Trade).await;
}

#[tokio::test]
async fn changes_are_seen_in_a_small_firm() {
    assert_changes_are_seen(Configuration::SmallFirm).await;
}

/// Stages of payment: the earliest is paid first, and only stages that are over are overdue.
#[tokio::test]
async fn a_debt_is_due_in_stages() {
    let base = base(Configuration::Trade);
    let router = onec_demo::router(base.clone(), ServerOptions::writable());
    let demo = TestServer::serve(router.clone()).await;
    let service = Service::synchronised_with(&demo).await;
    let overdue = async || -> Value {
        let path = format!("/reports/receivables?date={LAST}&limit=1000");
        service.admin().get(&path).await.json()
    };
    let before = overdue().await;
    // The sale with the largest debt of those that are overdue and that nothing was paid of.
    let (sale, debt): (Uuid, rust_decimal::Decimal) = sqlx::query_as(
        "select b.document, b.amount from onec.balances((select id from onec.infobases), '{receivables}', '2025-04-01',
                                                        null, null) b
         join onec.documents d on d.ref = b.document join onec.objects o on o.ref = b.document
         where d.amount = b.amount and o.payload #>> '{ЭтапыГрафикаОплаты,0,ДатаПлатежа}' < '2025-03-31' order by b.amount desc limit 1",
    )
    .fetch_one(&service.pool)
    .await
    .unwrap();
    let part = (debt / rust_decimal::Decimal::from(4)).round_dp(2);
    let stage = |line: u32, day: &str, sum: rust_decimal::Decimal| {
        json!({"LineNumber": line.to_string(), "ВариантОплаты": "КредитПослеОтгрузки",
               "ДатаПлатежа": format!("{day}T00:00:00"), "СуммаПлатежа": sum})
    };
    let stages = json!({"ЭтапыГрафикаОплаты": [
        stage(1, "2025-06-30", debt - part - part),
        stage(2, "2025-03-30", part),
        stage(3, "2025-01-15", part),
    ]});
    let set = percent_encoding::percent_encode(
        "Document_РеализацияТоваровУслуг".as_bytes(),
        percent_encoding::NON_ALPHANUMERIC,
    );
    let request = Request::patch(format!(
        "/demo/odata/standard.odata/{set}(guid'{sale}')?$format=json"
    ))
    .header("authorization", "Basic b2RhdGE6b2RhdGEtZGVtbw==")
    .header("content-type", "application/json")
    .body(Body::from(stages.to_string()))
    .unwrap();
    assert_eq!(router.oneshot(request).await.unwrap().status(), 200);
    let job = service.run_job(&json!({"mode": "reconcile"})).await;
    assert_eq!(job["state"], "succeeded", "{job}");
    let after = overdue().await;
    assert_eq!(after["totals"]["debt"], before["totals"]["debt"]);
    let moved = |column: &str| decimal(&after["totals"][column]) - decimal(&before["totals"][column]);
    let contract_due = truth::receivables(&base, Scope::ALL, day(LAST))
        .total("overdue")
        .to_owned();
    assert_eq!(before["totals"]["overdue"], contract_due.as_str());
    // Half of the debt is not due before summer.
    assert_eq!(moved("overdue"), part + part - debt, "{after:#}");
    assert!(moved("overdue_90") <= part);
}

fn finding<'a>(report: &'a Value, code: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    found.unwrap_or(&Value::Null)
}

async fn check(service: &Service, demo: &TestServer) -> Value {
    let address = format!("{}/demo", demo.url());
    let settings =
        json!({"name": "База", "base_url": address, "username": "odata", "password": "odata-demo"});
    let answer = service.admin().post("/infobases/check", &settings).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn the_doctor_knows_the_configuration_and_what_is_missing() {
    let service = Service::start(None).await;
    for (configuration, profile) in [
        (Configuration::Trade, "trade-11"),
        (Configuration::SmallFirm, "small-firm-3.0"),
    ] {
        let demo = demo(configuration).await;
        let report = check(&service, &demo).await;
        let recognised = finding(&report, "configuration_recognised");
        assert_eq!(recognised["measured"]["profile"], profile, "{report:#}");
    }
    // Orders of customers are not published by the demo base.
    let trade = demo(Configuration::Trade).await;
    let report = check(&service, &trade).await;
    let missing = finding(&report, "notions_missing");
    assert_eq!(
        missing["measured"]["sets"],
        json!(["Document_ЗаказКлиента"]),
        "{report:#}"
    );
}

/// What a configuration of trade does not keep is told with what it means, and is nobody's mistake.
#[tokio::test]
async fn the_doctor_tells_what_a_configuration_does_not_keep() {
    let service = Service::start(None).await;
    for configuration in [Configuration::Trade, Configuration::SmallFirm] {
        let report = check(&service, &demo(configuration).await).await;
        let not_kept = finding(&report, "notions_not_kept");
        assert_eq!(not_kept["severity"], "warning");
        assert_eq!(
            not_kept["measured"]["notions"],
            json!(["ledger", "taxes"]),
            "{report:#}"
        );
        let detail = not_kept["detail"].as_str().unwrap();
        assert!(
            detail.contains("не будет оборотно-сальдовой ведомости"),
            "{detail}"
        );
        assert!(detail.contains("Налогов и взносов нет"), "{detail}");
    }
    let accounting = demo(Configuration::Accounting).await;
    let report = check(&service, &accounting).await;
    let found = report["findings"].as_array().unwrap();
    assert!(
        found.iter().all(|finding| finding["code"] != "notions_not_kept"),
        "{report:#}"
    );
}

/// What needs a ledger is refused in words, not answered with nothing.
#[tokio::test]
async fn reports_of_a_ledger_and_of_taxes_are_refused() {
    for configuration in [Configuration::Trade, Configuration::SmallFirm] {
        let demo = demo(configuration).await;
        let service = Service::synchronised_with(&demo).await;
        for report in [
            "trial_balance",
            "taxes",
            "postings?number=1",
            "account_card?account=62",
        ] {
            let answer = service.admin().get(&format!("/reports/{report}")).await;
            answer.assert_problem(422, "onec.report_not_available");
        }
        service
            .admin()
            .get("/reports/receivables?source=live")
            .await
            .assert_problem(422, "onec.live_not_supported");
    }
}

/// No profile fits: the doctor says so, there are no reports, and objects can be read all the same.
#[tokio::test]
async fn a_configuration_of_ones_own_is_read_without_a_profile() {
    let demo = demo(Configuration::Own).await;
    let service = Service::start(Some(&demo.url())).await;
    let report = check(&service, &demo).await;
    assert_ne!(
        finding(&report, "configuration_unknown"),
        &Value::Null,
        "{report:#}"
    );
    let job = service.job_end().await;
    assert_eq!(job["state"], "failed", "{job}");
    assert_eq!(job["error"], "onec.unknown_configuration", "{job}");
    let client = service.admin();
    let entities: Value = client.get("/entities?kind=Document").await.json();
    assert_eq!(entities["items"][0]["name"], "Document_Отгрузка", "{entities}");
    let encode = |text: &str| {
        percent_encoding::percent_encode(text.as_bytes(), percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let path = format!("/entities/{}/rows?limit=2", encode("Document_Отгрузка"));
    let page = client.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text());
    eventually("reports say why there are none", async || {
        let answer = client.get("/reports/stock").await;
        answer
            .text()
            .contains("\"onec.unknown_configuration\"")
            .then_some(())
    })
    .await;
}
