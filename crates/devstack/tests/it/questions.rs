//! The ten questions that people ask, through the gateway, against the truth of the demo base.

use chrono::{Datelike, Days, Months, NaiveDate};
use devstack::client::Gateway;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::compare::{Comparison, assert_text_is_true, decimal};
use crate::support::{TestStack, today};

const DEBTS: Comparison<'_> = Comparison {
    keys: &["counterparty"],
    figures: &["debt", "overdue", "advance"],
    totals: &["debt", "overdue", "advance"],
};
const SALES: Comparison<'_> = Comparison {
    keys: &["key"],
    figures: &["quantity", "revenue", "revenue_without_vat", "gross_profit"],
    totals: &["quantity", "revenue", "revenue_without_vat", "gross_profit"],
};
const STOCK: Comparison<'_> = Comparison {
    keys: &["warehouse", "item"],
    figures: &["quantity", "cost"],
    totals: &["quantity", "cost"],
};
const CASH: Comparison<'_> = Comparison {
    keys: &["account", "organization"],
    figures: &["balance"],
    totals: &["balance"],
};
const CASH_FLOW: Comparison<'_> = Comparison {
    keys: &["direction", "counterparty"],
    figures: &["amount"],
    totals: &["in", "out", "net"],
};
const TAXES: Comparison<'_> = Comparison {
    keys: &["account"],
    figures: &["accrued", "paid", "offset"],
    totals: &["accrued", "paid", "offset"],
};
const TRIAL_BALANCE: Comparison<'_> = Comparison {
    keys: &["account"],
    figures: &[
        "opening_debit",
        "opening_credit",
        "turnover_debit",
        "turnover_credit",
        "closing_debit",
        "closing_credit",
    ],
    totals: &["turnover_debit", "turnover_credit"],
};
const STATEMENT: Comparison<'_> = Comparison {
    keys: &["date", "document"],
    figures: &["debit", "credit"],
    totals: &["opening", "debit", "credit", "closing"],
};
const DOCUMENTS: Comparison<'_> = Comparison {
    keys: &["type", "number"],
    figures: &["amount"],
    totals: &[],
};
const POSTINGS: Comparison<'_> = Comparison {
    keys: &["debit_account", "credit_account", "amount"],
    figures: &["amount"],
    totals: &["amount"],
};

/// First and last day of the previous month.
fn last_month() -> (NaiveDate, NaiveDate) {
    let first = today().with_day(1).unwrap();
    (first - Months::new(1), first - Days::new(1))
}

/// First and last day of the previous quarter.
fn last_quarter() -> (NaiveDate, NaiveDate) {
    let today = today();
    let first = NaiveDate::from_ymd_opt(today.year(), (today.month0() / 3) * 3 + 1, 1).unwrap();
    (first - Months::new(3), first - Days::new(1))
}

async fn ask(user: &Gateway, question: &str) -> Value {
    let answer = user.ask(question).await.unwrap();
    assert!(
        !answer["citations"].as_array().unwrap().is_empty(),
        "{question}: no citation: {answer}"
    );
    assert!(answer["as_of"].is_string(), "{question}: no as_of: {answer}");
    assert_eq!(answer["engine"], "rules", "{question}");
    assert_eq!(answer["unverified_numbers"], json!([]), "{question}");
    answer
}

fn table(answer: &Value) -> &Value {
    &answer["tables"][0]
}

/// The rows of items with these words in their names, and their sums.
fn with_name(stock: &Value, words: &str) -> Value {
    let rows: Vec<Value> = stock["rows"].as_array().unwrap().clone();
    let rows: Vec<Value> = rows
        .into_iter()
        .filter(|row| row["item"].as_str().unwrap().contains(words))
        .collect();
    let sum = |key: &str| {
        rows.iter()
            .map(|row| decimal(&row[key]))
            .sum::<Decimal>()
            .to_string()
    };
    let totals = json!({"quantity": sum("quantity"), "cost": sum("cost")});
    json!({"rows": rows, "totals": totals})
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_questions_are_answered_with_the_true_figures() {
    let stack = TestStack::start_seeded().await;
    let user = stack.log_in("accountant").await;
    let day = today().to_string();
    let (month_from, month_to) = last_month();
    let (month_from, month_to) = (month_from.to_string(), month_to.to_string());
    let month = ["--from", month_from.as_str(), "--to", month_to.as_str()];
    let (quarter_from, quarter_to) = last_quarter();
    let (quarter_from, quarter_to) = (quarter_from.to_string(), quarter_to.to_string());
    let quarter = ["--from", quarter_from.as_str(), "--to", quarter_to.as_str()];
    let with = |report: &'static str, period: [&str; 4], more: &[&str]| {
        let arguments: Vec<&str> = [report]
            .into_iter()
            .chain(period)
            .chain(more.iter().copied())
            .collect();
        stack.truth(&arguments)
    };

    // 1. Receivables.
    let receivables = stack.truth(&["receivables", "--date", &day]);
    for question in [
        "Кто нам должен больше всего и сколько просрочено?",
        "кто нам должен и сколько",
        "Who owes us the most and how much is overdue?",
    ] {
        let answer = ask(&user, question).await;
        DEBTS.assert(table(&answer), &receivables);
        if !question.is_ascii() {
            assert_text_is_true(&answer, &[&receivables]);
        }
        let first = table(&answer)["rows"][0]["counterparty"].clone();
        assert_eq!(
            first, receivables["rows"][0]["counterparty"],
            "the greatest debtor comes first"
        );
    }

    // 2. Stock of an item, and a follow-up in the same conversation.
    let stock = stack.truth(&["stock", "--date", &day]);
    let item = stock["rows"][0]["item"].as_str().unwrap().to_owned();
    let of_item = stack.truth(&["stock", "--date", &day, "--item", &item]);
    let answer = ask(&user, &format!("Сколько {item} на складе?")).await;
    STOCK.assert(table(&answer), &of_item);
    // A name that several items have means all of them.
    let paper = with_name(&stock, "Бумага А4");
    let answer = ask(&user, "Сколько бумаги А4 на складе?").await;
    STOCK.assert(table(&answer), &paper);
    let all = ask(&user, "Остатки по складу").await;
    STOCK.assert(table(&all), &stock);
    let body = json!({"message": "а по складу Центральный?", "conversation_id": all["conversation_id"]});
    let follow_up = user.post("/api/ai/chat", &body).await.unwrap();
    let of_warehouse = stack.truth(&["stock", "--date", &day, "--warehouse", "Центральный"]);
    STOCK.assert(table(&follow_up), &of_warehouse);

    // 3. Sales by several groupings.
    for (question, by) in [
        ("Продажи за прошлый месяц по клиентам", "counterparty"),
        ("Выручка за прошлый месяц по менеджерам", "manager"),
        ("Топ товаров за прошлый месяц", "item"),
        ("Sales last month by manager", "manager"),
    ] {
        let truth = with("sales", month, &["--by", by]);
        let answer = ask(&user, question).await;
        SALES.assert(table(&answer), &truth);
    }

    // 4. Cash.
    let cash = stack.truth(&["cash", "--date", &day]);
    let answer = ask(&user, "Сколько денег на счетах и в кассе?").await;
    CASH.assert(table(&answer), &cash);
    assert_text_is_true(&answer, &[&cash]);

    // 5. Cash flow.
    let cash_flow = with("cash_flow", month, &[]);
    let answer = ask(&user, "Приход и расход денег за прошлый месяц, кто платил?").await;
    CASH_FLOW.assert(table(&answer), &cash_flow);

    // 6. Payables.
    let payables = stack.truth(&["payables", "--date", &day]);
    let answer = ask(&user, "Кому мы должны и до какого числа?").await;
    DEBTS.assert(table(&answer), &payables);
    assert_text_is_true(&answer, &[&payables]);

    // 7. Taxes.
    let taxes = with("taxes", quarter, &[]);
    let answer = ask(&user, "Сколько налогов начислено и уплачено за прошлый квартал?").await;
    TAXES.assert(table(&answer), &taxes);

    // 8. Trial balance of an account.
    let trial_balance = with("trial_balance", quarter, &["--account", "62"]);
    let answer = ask(&user, "ОСВ по счёту 62 за прошлый квартал").await;
    TRIAL_BALANCE.assert(table(&answer), &trial_balance);

    // 9. Reconciliation statement and requisites of a counterparty.
    let debtor = receivables["rows"][0]["counterparty"]
        .as_str()
        .unwrap()
        .to_owned();
    let statement = with("statement", quarter, &["--counterparty", &debtor]);
    let answer = ask(&user, &format!("Акт сверки с {debtor} за прошлый квартал")).await;
    STATEMENT.assert(table(&answer), &statement);
    let answer = ask(&user, &format!("Реквизиты {debtor}")).await;
    assert!(answer["answer"].as_str().unwrap().contains("ИНН"), "{answer}");

    // 10. Documents that are not posted, and postings of a document.
    let documents = stack.truth(&["documents", "--unposted"]);
    let answer = ask(&user, "Какие документы не проведены?").await;
    DOCUMENTS.assert(table(&answer), &documents);
    let latest = stack.truth(&["documents", "--last", "50"]);
    let number = latest["rows"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["posted"] == true && decimal(&row["amount"]) > 0.into())
        .map(|row| row["number"].as_str().unwrap().to_owned())
        .unwrap();
    let postings = stack.truth(&["postings", "--number", &number]);
    let answer = ask(&user, &format!("Проводки документа № {number}")).await;
    POSTINGS.assert(table(&answer), &postings);

    // What cannot be answered is said plainly, without a figure.
    let answer = user.ask("Какая погода завтра в Казани?").await.unwrap();
    assert_eq!(answer["tables"], json!([]), "{answer}");
    assert_eq!(answer["citations"], json!([]), "{answer}");
    stack.stop().await;
}
