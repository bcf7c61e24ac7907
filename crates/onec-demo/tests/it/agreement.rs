//! What the server answers agrees with what follows from the documents, to the kopeck.

use std::collections::BTreeMap;

use onec_demo::truth::{self, By, Scope};
use onec_demo::{Base, Options, is_valid_inn};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::client::{BASE, Client, day, grown, number, sum, told};

/// Days of the report and the moments right after them.
const DAYS: [(&str, &str); 4] = [
    ("2024-11-30", "2024-12-01"),
    ("2025-07-15", "2025-07-16"),
    ("2026-10-31", "2026-11-01"),
    ("2026-11-23", "2026-11-24"),
];

fn figure(row: &serde_json::Map<String, Value>, name: &str) -> Decimal {
    told(row[name].as_str().unwrap())
}

async fn ledger(client: &Client, moment: &str, code: &str) -> Vec<Value> {
    client
        .rows(&format!(
            "AccountingRegister_Хозрасчетный/Balance(Period=datetime'{moment}T00:00:00',AccountCondition='Account/Code eq '{code}'')"
        ))
        .await
}

#[tokio::test]
async fn settlements_of_registers_and_ledger_are_the_truth() {
    let client = Client::new();
    for (date, moment) in DAYS {
        for (register, owed, ahead, report) in [
            (
                "РасчетыСПокупателями",
                "62.01",
                "62.02",
                truth::receivables(&BASE, Scope::ALL, day(date)),
            ),
            (
                "РасчетыСПоставщиками",
                "60.01",
                "60.02",
                truth::payables(&BASE, Scope::ALL, day(date)),
            ),
        ] {
            let rows = client
                .rows(&format!(
                    "AccumulationRegister_{register}/Balance(Period=datetime'{moment}T00:00:00')"
                ))
                .await;
            let mut by_counterparty: BTreeMap<String, (Decimal, Decimal)> = BTreeMap::new();
            for row in &rows {
                let cell = by_counterparty
                    .entry(row["Контрагент_Key"].as_str().unwrap().to_owned())
                    .or_default();
                let value = number(&row["СуммаBalance"]);
                if value > Decimal::ZERO {
                    cell.0 += value;
                } else {
                    cell.1 -= value;
                }
            }
            assert_eq!(by_counterparty.len(), report.rows.len(), "{register} on {date}");
            for row in &report.rows {
                let found = by_counterparty[row["counterparty_id"].as_str().unwrap()];
                assert_eq!(
                    found,
                    (figure(row, "debt"), figure(row, "advance")),
                    "{register} on {date}: {row:?}"
                );
            }
            let debts = sum(&ledger(&client, moment, owed).await, "СуммаBalance").abs();
            let advances = sum(&ledger(&client, moment, ahead).await, "СуммаBalance").abs();
            assert_eq!(
                (debts, advances),
                (told(report.total("debt")), told(report.total("advance"))),
                "{owed} on {date}"
            );
        }
    }
}

#[tokio::test]
async fn stock_of_register_and_ledger_is_the_truth_and_never_negative() {
    let client = Client::new();
    for (date, moment) in DAYS {
        let report = truth::stock(&BASE, Scope::ALL, day(date), None, None);
        let rows = client
            .rows(&format!("AccumulationRegister_ТоварыНаСкладах/Balance(Period=datetime'{moment}T00:00:00',Dimensions='Номенклатура,Склад')"))
            .await;
        assert_eq!(rows.len(), report.rows.len(), "{date}");
        assert_eq!(
            sum(&rows, "КоличествоBalance"),
            told(report.total("quantity")),
            "{date}"
        );
        assert_eq!(
            sum(&rows, "СтоимостьBalance"),
            told(report.total("cost")),
            "{date}"
        );
        for row in &rows {
            assert!(number(&row["КоличествоBalance"]) > Decimal::ZERO, "{row}");
            assert!(number(&row["СтоимостьBalance"]) >= Decimal::ZERO, "{row}");
        }
        let goods = ledger(&client, moment, "41.01").await;
        assert_eq!(
            sum(&goods, "СуммаBalanceDr"),
            told(report.total("cost")),
            "{date}"
        );
        assert_eq!(
            sum(&goods, "КоличествоBalanceDr"),
            told(report.total("quantity")),
            "{date}"
        );
    }
}

#[tokio::test]
async fn cash_of_register_and_ledger_is_the_truth_and_never_negative() {
    let client = Client::new();
    for (date, moment) in DAYS {
        let report = truth::cash(&BASE, Scope::ALL, day(date));
        let rows = client
            .rows(&format!(
                "AccumulationRegister_ДенежныеСредства/Balance(Period=datetime'{moment}T00:00:00')"
            ))
            .await;
        assert_eq!(
            sum(&rows, "СуммаBalance"),
            told(report.total("balance")),
            "{date}"
        );
        for row in &rows {
            assert!(number(&row["СуммаBalance"]) > Decimal::ZERO, "{row}");
        }
        let bank = sum(&ledger(&client, moment, "51").await, "СуммаBalance");
        let desk = sum(&ledger(&client, moment, "50.01").await, "СуммаBalance");
        assert_eq!(bank + desk, told(report.total("balance")), "{date}");
    }
}

#[tokio::test]
async fn money_never_runs_out_on_any_day() {
    let client = Client::new();
    let mut left: BTreeMap<String, Decimal> = BTreeMap::new();
    for row in client
        .rows("AccumulationRegister_ДенежныеСредства_RecordType?$orderby=Period")
        .await
    {
        let place = left
            .entry(row["БанковскийСчетКасса"].as_str().unwrap().to_owned())
            .or_default();
        let value = number(&row["Сумма"]);
        *place += if row["RecordType"] == "Receipt" {
            value
        } else {
            -value
        };
        assert!(*place >= Decimal::ZERO, "{row}");
    }
}

#[tokio::test]
async fn sales_register_is_the_truth() {
    let client = Client::new();
    let report = truth::sales(
        &BASE,
        Scope::ALL,
        day("2026-09-01"),
        day("2026-09-30"),
        By::Manager,
    );
    let rows = client
        .rows("AccumulationRegister_Продажи/Turnovers(StartPeriod=datetime'2026-09-01T00:00:00',EndPeriod=datetime'2026-09-30T23:59:59',Dimensions='Менеджер')")
        .await;
    assert_eq!(rows.len(), report.rows.len());
    for row in &report.rows {
        let found = rows
            .iter()
            .find(|found| found["Менеджер_Key"] == row["id"])
            .unwrap();
        let revenue = number(&found["СуммаTurnover"]);
        let net = revenue - number(&found["НДСTurnover"]);
        assert_eq!(revenue, figure(row, "revenue"));
        assert_eq!(net, figure(row, "revenue_without_vat"));
        assert_eq!(
            net - number(&found["СебестоимостьTurnover"]),
            figure(row, "gross_profit")
        );
        assert_eq!(number(&found["КоличествоTurnover"]), figure(row, "quantity"));
    }
    // By month through the field of the period.
    let months = client
        .rows("AccumulationRegister_Продажи/Turnovers(StartPeriod=datetime'2026-01-01T00:00:00',EndPeriod=datetime'2026-10-31T23:59:59')?$select=MonthPeriod,СуммаTurnover&$orderby=MonthPeriod")
        .await;
    let truth = truth::sales(&BASE, Scope::ALL, day("2026-01-01"), day("2026-10-31"), By::Month);
    assert_eq!(months.len(), 10);
    assert_eq!(months[0]["MonthPeriod"], "2026-01-01T00:00:00");
    assert_eq!(sum(&months, "СуммаTurnover"), told(truth.total("revenue")));
}

#[tokio::test]
async fn the_ledger_balances_and_every_account_is_the_truth() {
    let client = Client::new();
    let path = "AccountingRegister_Хозрасчетный/BalanceAndTurnovers(StartPeriod=datetime'2026-04-01T00:00:00',EndPeriod=datetime'2026-06-30T23:59:59')?$select=Account_Key,СуммаOpeningBalance,СуммаTurnoverDr,СуммаTurnoverCr,СуммаClosingBalance";
    let rows = client.rows(path).await;
    let zero = Decimal::ZERO;
    assert_eq!(sum(&rows, "СуммаOpeningBalance"), zero);
    assert_eq!(sum(&rows, "СуммаClosingBalance"), zero);
    assert_eq!(sum(&rows, "СуммаTurnoverDr"), sum(&rows, "СуммаTurnoverCr"));
    let codes: BTreeMap<String, String> = client
        .rows("ChartOfAccounts_Хозрасчетный?$select=Ref_Key,Code")
        .await
        .iter()
        .map(|row| {
            (
                row["Ref_Key"].as_str().unwrap().to_owned(),
                row["Code"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let report = truth::trial_balance(&BASE, Scope::ALL, day("2026-04-01"), day("2026-06-30"), "");
    let moved = report.rows.iter().filter(|row| {
        [
            "opening_debit",
            "opening_credit",
            "turnover_debit",
            "turnover_credit",
        ]
        .iter()
        .any(|name| row[*name] != "0.00")
    });
    assert_eq!(rows.len(), moved.clone().count());
    for row in moved {
        let found = rows
            .iter()
            .find(|found| codes[found["Account_Key"].as_str().unwrap()] == row["account"])
            .unwrap();
        assert_eq!(
            number(&found["СуммаOpeningBalance"]),
            figure(row, "opening_debit") - figure(row, "opening_credit"),
            "{row:?}"
        );
        assert_eq!(
            number(&found["СуммаTurnoverDr"]),
            figure(row, "turnover_debit"),
            "{row:?}"
        );
        assert_eq!(
            number(&found["СуммаTurnoverCr"]),
            figure(row, "turnover_credit"),
            "{row:?}"
        );
        assert_eq!(
            number(&found["СуммаClosingBalance"]),
            figure(row, "closing_debit") - figure(row, "closing_credit"),
            "{row:?}"
        );
    }
}

#[tokio::test]
async fn postings_of_a_document_are_the_truth() {
    let client = Client::new();
    let sale = &client
        .rows("Document_РеализацияТоваровУслуг?$filter=Posted eq true&$orderby=Date desc&$top=1")
        .await[0];
    let key = sale["Ref_Key"].as_str().unwrap();
    let entries = client
        .rows(&format!(
            "AccountingRegister_Хозрасчетный_RecordType?$filter=Recorder eq cast(guid'{key}','Document_РеализацияТоваровУслуг')"
        ))
        .await;
    let report = truth::postings(&BASE, sale["Number"].as_str().unwrap());
    let own: Vec<_> = report
        .rows
        .iter()
        .filter(|row| row["document"].as_str().unwrap().starts_with("Реализация"))
        .collect();
    assert_eq!(entries.len(), own.len());
    let told: Decimal = own.iter().map(|row| figure(row, "amount")).sum();
    assert_eq!(sum(&entries, "Сумма"), told);
}

#[tokio::test]
async fn statement_closes_with_the_debt() {
    let date = day("2026-10-31");
    let debts = truth::receivables(&BASE, Scope::ALL, date);
    let row = debts
        .rows
        .iter()
        .find(|row| row["counterparty"].as_str().unwrap().ends_with("ООО"))
        .unwrap();
    let statement = truth::statement(
        &BASE,
        Scope::ALL,
        row["counterparty"].as_str().unwrap(),
        day("2026-07-01"),
        date,
    );
    let bought = truth::payables(&BASE, Scope::ALL, date);
    let owed = bought
        .rows
        .iter()
        .find(|one| one["counterparty"] == row["counterparty"]);
    let net = figure(row, "debt")
        - figure(row, "advance")
        - owed.map_or(Decimal::ZERO, |one| figure(one, "debt") - figure(one, "advance"));
    assert_eq!(told(statement.total("closing")), net);
    assert!(!statement.rows.is_empty());
}

#[tokio::test]
async fn taxes_and_cash_flow_agree_with_the_ledger() {
    let client = Client::new();
    let (from, to) = (day("2026-07-01"), day("2026-09-30"));
    let taxes = truth::taxes(&BASE, Scope::ALL, from, to);
    let path = "AccountingRegister_Хозрасчетный/Turnovers(StartPeriod=datetime'2026-07-01T00:00:00',EndPeriod=datetime'2026-09-30T23:59:59',AccountCondition='startswith(Account/Code,'68') or startswith(Account/Code,'69')')";
    let rows = client.rows(path).await;
    assert_eq!(sum(&rows, "СуммаTurnoverCr"), told(taxes.total("accrued")));
    let settled = told(taxes.total("paid")) + told(taxes.total("offset"));
    assert_eq!(sum(&rows, "СуммаTurnoverDr"), settled);
    assert!(told(taxes.total("paid")) > Decimal::ZERO);
    let flow = truth::cash_flow(&BASE, Scope::ALL, from, to);
    let path = "AccountingRegister_Хозрасчетный/Turnovers(StartPeriod=datetime'2026-07-01T00:00:00',EndPeriod=datetime'2026-09-30T23:59:59',AccountCondition='Account/Code eq '51' or Account/Code eq '50.01'')";
    let rows = client.rows(path).await;
    assert_eq!(sum(&rows, "СуммаTurnoverDr"), told(flow.total("in")));
    assert_eq!(sum(&rows, "СуммаTurnoverCr"), told(flow.total("out")));
}

#[tokio::test]
async fn registration_numbers_are_valid() {
    let rows = Client::new()
        .rows("Catalog_Контрагенты?$filter=IsFolder eq false")
        .await;
    let mut lengths = [0, 0];
    for row in rows
        .iter()
        .filter(|row| row["Description"] != "Розничный покупатель")
    {
        let inn = row["ИНН"].as_str().unwrap();
        assert!(is_valid_inn(inn), "{row}");
        lengths[usize::from(inn.len() == 12)] += 1;
    }
    assert!(lengths[0] > 150 && lengths[1] > 30, "{lengths:?}");
}

#[tokio::test]
async fn the_company_is_the_same_whatever_day_it_stops() {
    let (short, long) = (
        Client::over(grown(5, "2025-03-10")),
        Client::over(grown(5, "2025-06-01")),
    );
    for set in [
        "Document_РеализацияТоваровУслуг",
        "Document_ПоступлениеТоваровУслуг",
        "Document_ПоступлениеНаРасчетныйСчет",
        "Document_СписаниеСРасчетногоСчета",
    ] {
        let early = short.rows(set).await;
        let same = long
            .rows(&format!("{set}?$filter=Date lt datetime'2025-03-10T00:00:00'"))
            .await;
        assert!(!early.is_empty());
        assert_eq!(early, same, "{set}");
    }
    let early = short
        .rows("AccountingRegister_Хозрасчетный_RecordType?$orderby=Period")
        .await;
    let same = long
        .rows("AccountingRegister_Хозрасчетный_RecordType?$filter=Period lt datetime'2025-03-10T00:00:00'")
        .await;
    assert_eq!(early, same);
}

#[test]
fn the_company_is_of_the_promised_size_and_has_loose_ends() {
    let summary = BASE.summary();
    let count = |name: &str| summary.sets.iter().find(|set| set.0 == name).unwrap().1;
    assert!((3000..4500).contains(&count("Document_РеализацияТоваровУслуг")));
    assert!((1200..2200).contains(&count("Document_ПоступлениеТоваровУслуг")));
    let unposted = truth::documents(&BASE);
    let share = unposted.rows.len() * 1000 / summary.documents;
    assert!((5..25).contains(&share), "{share} in a thousand are not posted");
    let fresh = unposted
        .rows
        .iter()
        .filter(|row| row["date"].as_str().unwrap() >= "2026-11-10")
        .count();
    assert!(fresh >= 2, "{fresh} lately");
    let debts = truth::receivables(&BASE, Scope::ALL, day("2026-11-23"));
    assert!(told(debts.total("overdue")) > Decimal::ZERO);
    assert!(told(debts.total("advance")) > Decimal::ZERO);
}

#[test]
fn a_larger_scale_gives_more_documents() {
    let until = day("2024-12-20");
    let one = Base::generate(&Options {
        seed: 1,
        scale: 1,
        until,
        ..Options::default()
    })
    .summary()
    .documents;
    let ten = Base::generate(&Options {
        seed: 1,
        scale: 10,
        until,
        ..Options::default()
    })
    .summary()
    .documents;
    assert!(ten > one * 3, "{one} and {ten}");
}

#[tokio::test]
async fn other_companies_agree_as_well() {
    let until = day("2025-09-01");
    let date = day("2025-08-31");
    for (seed, scale) in [(2, 1), (77, 1), (3, 12)] {
        let base = std::sync::Arc::new(Base::generate(&Options {
            seed,
            scale,
            until,
            ..Options::default()
        }));
        let client = Client::over(std::sync::Arc::clone(&base));
        let now = "Balance(Period=datetime'2025-09-01T00:00:00')";
        let total = async |register: &str, resource: &str| {
            sum(
                &client
                    .rows(&format!(
                        "AccumulationRegister_{register}/{now}?$select={resource}"
                    ))
                    .await,
                resource,
            )
        };
        let net = |report: &truth::Report| told(report.total("debt")) - told(report.total("advance"));
        let debts = truth::receivables(&base, Scope::ALL, date);
        assert_eq!(
            total("РасчетыСПокупателями", "СуммаBalance").await,
            net(&debts),
            "{seed}"
        );
        let bills = truth::payables(&base, Scope::ALL, date);
        assert_eq!(
            total("РасчетыСПоставщиками", "СуммаBalance").await,
            net(&bills),
            "{seed}"
        );
        let stock = truth::stock(&base, Scope::ALL, date, None, None);
        assert_eq!(
            total("ТоварыНаСкладах", "СтоимостьBalance").await,
            told(stock.total("cost")),
            "{seed}"
        );
        let cash = truth::cash(&base, Scope::ALL, date);
        assert_eq!(
            total("ДенежныеСредства", "СуммаBalance").await,
            told(cash.total("balance")),
            "{seed}"
        );
        let ledger = truth::trial_balance(&base, Scope::ALL, day("2025-08-01"), date, "");
        let path = format!("AccountingRegister_Хозрасчетный/{now}?$select=Account_Key,СуммаBalance");
        let rows = client.rows(&path).await;
        let debit: Decimal = rows
            .iter()
            .map(|row| number(&row["СуммаBalance"]))
            .filter(|sum| *sum > Decimal::ZERO)
            .sum();
        assert_eq!(debit, told(ledger.total("closing_debit")), "{seed}");
        assert_eq!(
            ledger.total("closing_debit"),
            ledger.total("closing_credit"),
            "{seed}"
        );
        for place in &cash.rows {
            assert!(figure(place, "balance") >= Decimal::ZERO, "{seed}: {place:?}");
        }
    }
}
