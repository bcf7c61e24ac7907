//! Reports on accounts, goods and profit, against documents and against plain sums of entries; their
//! forms: pages, files, the catalogue.

use common::auth::Permission;
use onec_demo::truth::{self, By, Scope};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::reports::{company, decimal, rows, whole};
use crate::setup::{Service, base, day, demo};

const PERIOD: &str = "from=2025-02-10&to=2025-03-20";

fn sum(report: &Value, key: &str) -> Decimal {
    rows(report).iter().map(|row| decimal(&row[key])).sum()
}

/// Debit and credit of pairs of accounts in the period, added up without any help.
async fn entries(service: &Service, debit: &str, credit: &str) -> Decimal {
    sqlx::query_scalar(
        "select coalesce(sum(e.amount), 0) from onec.ledger_entries e
         left join onec.accounts d on d.ref = e.debit_account left join onec.accounts c on c.ref = e.credit_account
         where e.period >= '2025-02-10' and e.period < '2025-03-21'
           and coalesce(d.code, '') ~ $1 and coalesce(c.code, '') ~ $2",
    )
    .bind(debit)
    .bind(credit)
    .fetch_one(&service.pool)
    .await
    .unwrap()
}

#[tokio::test]
async fn accounts_are_true() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.admin();
    let base = base();
    let get = async |path: String| whole(&client, &path).await;
    let (name, id) = company(&client, 1).await;
    let one = Scope::organization(&base, &name).unwrap();
    let (from, to) = (day("2025-02-10"), day("2025-03-20"));
    for (scope, company) in [(Scope::ALL, String::new()), (one, format!("&company={id}"))] {
        for account in ["62", "60", "68.02", "41", "51"] {
            let truth = truth::trial_balance(&base, scope, from, to, account);
            let (debit, credit) = (&truth.totals["turnover_debit"], &truth.totals["turnover_credit"]);
            let net = |side: &str| {
                let side = |end| decimal(&truth.totals[&format!("{side}_{end}")]);
                side("debit") - side("credit")
            };
            for source in ["mirror", "live"] {
                let query = format!("{PERIOD}{company}&account={account}&source={source}");
                let report = get(format!("account_analysis?{query}")).await;
                assert_eq!(&report["totals"]["debit"], debit, "{account} {report}");
                assert_eq!(&report["totals"]["credit"], credit, "{account}");
                assert_eq!(sum(&report, "debit"), decimal(debit), "{account}");
                assert_eq!(sum(&report, "credit"), decimal(credit), "{account}");
                let total = |key: &str| decimal(&report["totals"][key]);
                assert_eq!(total("opening_debit") - total("opening_credit"), net("opening"));
                assert_eq!(total("closing_debit") - total("closing_credit"), net("closing"));
            }
            let card = get(format!("account_card?{PERIOD}{company}&account={account}")).await;
            assert_eq!(&card["totals"]["debit"], debit, "{account}");
            assert_eq!(&card["totals"]["credit"], credit, "{account}");
            assert_eq!(decimal(&card["totals"]["opening"]), net("opening"), "{account}");
            assert_eq!(decimal(&card["totals"]["closing"]), net("closing"), "{account}");
            let mut balance = decimal(&card["totals"]["opening"]);
            let rows = rows(&card);
            assert!(rows.is_sorted_by_key(|row| row["date"].as_str().unwrap().to_owned()));
            for row in &rows {
                balance += decimal(&row["debit"]) - decimal(&row["credit"]);
                assert_eq!(balance, decimal(&row["balance"]));
            }
            if card["truncated"] == false {
                assert_eq!(&card["totals"]["closing"], &rows.last().unwrap()["balance"]);
            }
            let short = get(format!(
                "trial_balance?{PERIOD}{company}&account={account}&subaccounts=false"
            ))
            .await;
            assert_eq!(short["row_count"], 1, "{short}");
            assert_eq!(&short["rows"][0]["turnover_debit"], debit, "{account}");
        }
        for (account, breakdown) in [
            ("62", "counterparty"),
            ("62", "document"),
            ("60", "contract"),
            ("41", "item"),
            ("41", "warehouse"),
            ("51", "money_place"),
        ] {
            let truth = truth::trial_balance(&base, scope, from, to, account);
            let query = format!("{PERIOD}{company}&account={account}&breakdown={breakdown}");
            let report = get(format!("trial_balance?{query}")).await;
            for side in ["turnover_debit", "turnover_credit"] {
                assert_eq!(
                    report["totals"][side], truth.totals[side],
                    "{account} {breakdown}"
                );
            }
            for end in ["opening", "closing"] {
                let net = |totals: &Value| {
                    decimal(&totals[format!("{end}_debit")]) - decimal(&totals[format!("{end}_credit")])
                };
                let truth = Value::Object(truth.totals.clone());
                assert_eq!(net(&report["totals"]), net(&truth), "{account} {breakdown}");
            }
            assert!(report["row_count"].as_u64().unwrap() > 0, "{account} {breakdown}");
        }
    }
    // Money that went to the budget, and VAT that was deducted, are told apart.
    for source in ["mirror", "live"] {
        let taxes = get(format!("taxes?{PERIOD}&source={source}")).await;
        let paid = entries(&service, "^6[89]", "^5").await;
        let offset = entries(&service, "^6[89]", "^[^5]").await;
        assert!(paid > Decimal::ZERO && offset > Decimal::ZERO);
        assert_eq!(decimal(&taxes["totals"]["paid"]), paid);
        assert_eq!(decimal(&taxes["totals"]["offset"]), offset);
    }
    let analysis = get(format!("account_analysis?{PERIOD}&account=68.02")).await;
    for row in rows(&analysis) {
        let account = format!("^{}$", row["account"].as_str().unwrap());
        assert_eq!(
            decimal(&row["debit"]),
            entries(&service, "^68.02", &account).await
        );
        assert_eq!(
            decimal(&row["credit"]),
            entries(&service, &account, "^68.02").await
        );
    }
    // Nothing before the company was founded.
    let empty = get("account_analysis?from=2001-01-01&to=2001-01-31&account=62".to_owned()).await;
    assert_eq!(empty["rows"], json!([]));
    assert_eq!(empty["totals"]["closing_debit"], "0.00");
}

#[tokio::test]
async fn goods_and_profit_are_true() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.admin();
    let base = base();
    let get = async |path: String| whole(&client, &path).await;
    let (from, to) = (day("2025-02-10"), day("2025-03-20"));

    let report = get(format!("stock_turnover?{PERIOD}")).await;
    for (date, end) in [(day("2025-02-09"), "opening"), (to, "closing")] {
        let truth = truth::stock(&base, Scope::ALL, date, None, None);
        for (ours, theirs) in [("quantity", "quantity"), ("cost", "cost")] {
            let total = &report["totals"][format!("{end}_{ours}")];
            assert_eq!(total, &truth.totals[theirs], "{end} {ours}");
        }
        let found = rows(&report);
        for cell in &truth.rows {
            let same = |row: &&serde_json::Map<String, Value>| {
                row["warehouse"] == cell["warehouse"] && row["item"] == cell["item"]
            };
            if let Some(row) = found.iter().find(same) {
                assert_eq!(row[&format!("{end}_quantity")], cell["quantity"]);
                assert_eq!(row[&format!("{end}_cost")], cell["cost"]);
            } else {
                assert_eq!(report["truncated"], true);
            }
        }
    }
    let received = entries(&service, "^41", "").await;
    assert_eq!(decimal(&report["totals"]["received_cost"]), received);
    assert_eq!(
        decimal(&report["totals"]["issued_cost"]),
        entries(&service, "", "^41").await
    );

    // The rows of two dimensions add up to those of one, and the period before is what it was.
    let (earlier_from, earlier_to) = (day("2025-01-02"), day("2025-02-09"));
    let now = truth::sales(&base, Scope::ALL, from, to, By::Manager);
    let before = truth::sales(&base, Scope::ALL, earlier_from, earlier_to, By::Manager);
    let both = get(format!(
        "sales?{PERIOD}&group_by=manager&then_by=item_group&compare=previous"
    ))
    .await;
    assert_eq!(both["parameters"]["compare_from"], "2025-01-02");
    assert_eq!(both["parameters"]["compare_to"], "2025-02-09");
    assert_eq!(both["truncated"], false);
    for (truth, key) in [(&now, "revenue"), (&before, "revenue_before")] {
        assert_eq!(both["totals"][key], truth.totals["revenue"], "{key}");
        for manager in &truth.rows {
            let parts = rows(&both);
            let parts = parts.iter().filter(|row| row["key"] == manager["key"]);
            let sum: Decimal = parts.map(|row| decimal(&row[key])).sum();
            assert_eq!(sum, decimal(&manager["revenue"]), "{key} {manager:?}");
        }
    }
    let share: Decimal = sum(&both, "revenue_share");
    assert!((share - Decimal::ONE_HUNDRED).abs() < Decimal::TWO, "{share}");
    for by in ["week", "company", "month"] {
        let report = get(format!("sales?{PERIOD}&group_by={by}&then_by=warehouse")).await;
        assert_eq!(sum(&report, "revenue"), decimal(&now.totals["revenue"]), "{by}");
        assert_eq!(
            sum(&report, "gross_profit"),
            decimal(&now.totals["gross_profit"]),
            "{by}"
        );
    }

    let profit = get(format!(
        "gross_profit?{PERIOD}&group_by=manager&compare_from=2025-01-02&compare_to=2025-02-09"
    ))
    .await;
    assert_eq!(profit["totals"]["gross_profit"], now.totals["gross_profit"]);
    assert_eq!(profit["totals"]["profit_before"], before.totals["gross_profit"]);
    let cost = entries(&service, "^90.02", "^41").await;
    assert_eq!(decimal(&profit["totals"]["cost"]), cost);
    for manager in &now.rows {
        let found = rows(&profit);
        let row = found.iter().find(|row| row["key"] == manager["key"]).unwrap();
        assert_eq!(row["gross_profit"], manager["gross_profit"]);
    }

    let daily = get(format!("cash_flow?{PERIOD}&group_by=day")).await;
    let truth = truth::cash_flow(&base, Scope::ALL, from, to);
    for key in ["in", "out", "net"] {
        assert_eq!(daily["totals"][key], truth.totals[key], "{key}");
    }
    assert_eq!(
        sum(&daily, "amount"),
        decimal(&truth.totals["in"]) + decimal(&truth.totals["out"])
    );
}

#[tokio::test]
async fn pages_files_and_the_catalogue() {
    let demo = demo().await;
    let service = Service::synchronised_with(&demo).await;
    let client = service.admin();

    let list: Value = client.get("/reports").await.json();
    let card = list["items"].as_array().unwrap();
    let card = card.iter().find(|info| info["id"] == "account_card").unwrap();
    let parameter = |name: &str| {
        let all = card["parameters"].as_array().unwrap();
        all.iter()
            .find(|parameter| parameter["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(parameter("account")["required"], true);
    assert_eq!(parameter("limit")["default"], "50");
    assert_eq!(parameter("source")["values"], json!(["mirror", "live"]));
    assert_eq!(card["columns"][7]["key"], "balance");
    assert_eq!(card["live"], false);

    let path = format!("/reports/account_card?account=62&{PERIOD}");
    let whole: Value = client.get(&format!("{path}&limit=1000")).await.json();
    let mut collected = Vec::new();
    let mut cursor = String::new();
    for _ in 0..4 {
        let page: Value = client.get(&format!("{path}&limit=7{cursor}")).await.json();
        assert_eq!(page["totals"], whole["totals"]);
        collected.extend(rows(&page));
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap());
    }
    assert_eq!(collected, rows(&whole)[..28]);

    for (request, accept) in [
        (format!("{path}&format=csv"), None),
        (path.clone(), Some("text/csv")),
    ] {
        let client = client.with_language("ru");
        let mut call = client.request(http::Method::GET, &request);
        if let Some(accept) = accept {
            call = call.header("accept", accept);
        }
        let answer = client.send(call).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.headers["content-type"],
            "text/csv; charset=utf-8; header=present"
        );
        assert_eq!(
            answer.headers["x-total-count"],
            whole["row_count"].to_string().as_str()
        );
        let text = answer.text();
        assert!(text.starts_with("\u{feff}Период;Документ;"), "{}", &text[..80]);
        let lines = text.trim_end().split("\r\n").count();
        assert_eq!(lines as u64, whole["row_count"].as_u64().unwrap() + 1);
    }

    for (path, pointer, status) in [
        ("account_card?from=2025-01-01", "?account", 422),
        ("account_analysis?account=%20", "?account", 422),
        ("sales?then_by=counterparty", "?then_by", 422),
        ("sales?compare=next", "?compare", 400),
        ("sales?compare_from=2025-01-01", "?compare_to", 422),
        (
            "sales?compare_from=2025-01-02&compare_to=2025-01-01",
            "?compare_from",
            422,
        ),
        ("trial_balance?breakdown=item", "?account", 422),
        (
            "trial_balance?account=62&breakdown=item&source=live",
            "?breakdown",
            422,
        ),
        ("cash_flow?group_by=item", "?group_by", 422),
        ("stock?account=62", "?account", 422),
        ("stock?format=xls", "?format", 422),
        ("stock?limit=0", "?limit", 422),
    ] {
        let answer = client.get(&format!("/reports/{path}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        let problem: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(client.get("/reports/stock?cursor=x").await.status, 400);

    let companies = service.companies().await;
    let (own, other) = (companies[0].0, companies[1].0);
    let restricted = service.client_of([own]);
    let all: Value = restricted.get(&path).await.json();
    let named: Value = client.get(&format!("{path}&company={own}")).await.json();
    assert_eq!(all["totals"], named["totals"]);
    assert_eq!(
        restricted.get(&format!("{path}&company={other}")).await.status,
        404
    );
    let powerless = service.client(&[Permission::OnecSync]);
    assert_eq!(powerless.get(&path).await.status, 403);
    let nobody = common::testing::Client::anonymous(service.url());
    assert_eq!(nobody.get(&path).await.status, 401);
}
