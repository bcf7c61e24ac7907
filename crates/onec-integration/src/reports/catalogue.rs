//! What reports there are, and which parameters each knows.

use common::contract::onec::{DataSource, GroupBy, ReportId, ReportInfo, ReportQuery};
use common::http::{Problem, Violations};
use common::{Locale, Text};

use super::parameters;
use super::table::columns;
use crate::error::Error;

/// Parameters that every report knows.
const COMMON: [&str; 5] = ["infobase", "company", "limit", "cursor", "source"];

/// Parameters of the reports on sales.
const SALES: &[&str] = &[
    "from",
    "to",
    "compare",
    "compare_from",
    "compare_to",
    "group_by",
    "then_by",
    "counterparty",
    "item",
    "warehouse",
    "manager",
];

/// Most rows of an answer.
const MOST_ROWS: u32 = 1000;

struct Entry {
    ru: (&'static str, &'static str),
    en: (&'static str, &'static str),
    parameters: &'static [&'static str],
}

fn entry(report: ReportId) -> Entry {
    match report {
        ReportId::Receivables => Entry {
            ru: (
                "Задолженность покупателей",
                "Кто и сколько должен нам на дату, сколько и на какой срок просрочено, авансы полученные",
            ),
            en: (
                "Receivables",
                "Who owes us how much at a date, what is overdue, advances received",
            ),
            parameters: &["date", "counterparty", "overdue"],
        },
        ReportId::Payables => Entry {
            ru: (
                "Задолженность поставщикам",
                "Кому и сколько должны мы на дату, до какого числа, авансы выданные",
            ),
            en: (
                "Payables",
                "Whom we owe how much at a date and until when, advances paid",
            ),
            parameters: &["date", "counterparty", "overdue"],
        },
        ReportId::Stock => Entry {
            ru: (
                "Остатки товаров",
                "Количество и стоимость товаров по складам на дату",
            ),
            en: ("Stock", "Quantity and cost of goods by warehouse at a date"),
            parameters: &["date", "item", "warehouse"],
        },
        ReportId::Sales => Entry {
            ru: (
                "Продажи",
                "Выручка, количество и валовая прибыль за период по покупателям, товарам, менеджерам, складам, дням или месяцам",
            ),
            en: (
                "Sales",
                "Revenue, quantity and gross profit of a period by customer, item, manager, warehouse, day or month",
            ),
            parameters: SALES,
        },
        ReportId::Cash => Entry {
            ru: ("Деньги", "Остатки на банковских счетах и в кассах на дату"),
            en: ("Cash", "Balances of bank accounts and cash desks at a date"),
            parameters: &["date"],
        },
        ReportId::CashFlow => Entry {
            ru: (
                "Движение денег",
                "Поступления и платежи за период по контрагентам",
            ),
            en: ("Cash flow", "Receipts and payments of a period by counterparty"),
            parameters: &["from", "to", "group_by", "counterparty"],
        },
        ReportId::Taxes => Entry {
            ru: (
                "Налоги и взносы",
                "Начислено, уплачено деньгами и зачтено за период по счетам 68 и 69",
            ),
            en: ("Taxes", "Accrued, paid and offset in a period by tax account"),
            parameters: &["from", "to"],
        },
        ReportId::TrialBalance => Entry {
            ru: (
                "Оборотно-сальдовая ведомость",
                "Сальдо и обороты счетов за период",
            ),
            en: ("Trial balance", "Balances and turnovers of accounts in a period"),
            parameters: &["from", "to", "account", "breakdown", "subaccounts"],
        },
        ReportId::AccountAnalysis => Entry {
            ru: (
                "Анализ счёта",
                "Обороты счёта с корреспондирующими счетами за период, сальдо на начало и конец",
            ),
            en: (
                "Account analysis",
                "Turnovers of an account with each other account in a period",
            ),
            parameters: &["from", "to", "account"],
        },
        ReportId::AccountCard => Entry {
            ru: ("Карточка счёта", "Записи по счёту по порядку с текущим сальдо"),
            en: (
                "Account card",
                "Entries of an account in order with a running balance",
            ),
            parameters: &["from", "to", "account", "counterparty", "item", "warehouse"],
        },
        ReportId::StockTurnover => Entry {
            ru: (
                "Ведомость по товарам на складах",
                "Товары по складам за период: начальный остаток, приход, расход, конечный остаток",
            ),
            en: (
                "Turnover of goods",
                "Goods by warehouse in a period: opening, received, issued, closing",
            ),
            parameters: &["from", "to", "item", "warehouse"],
        },
        ReportId::GrossProfit => Entry {
            ru: (
                "Валовая прибыль",
                "Выручка без НДС, себестоимость продаж по проводкам, прибыль и рентабельность за период",
            ),
            en: (
                "Gross profit",
                "Revenue without VAT, cost of sales by the ledger, profit and margin of a period",
            ),
            parameters: SALES,
        },
        ReportId::Statement => Entry {
            ru: (
                "Акт сверки",
                "Взаиморасчёты с контрагентом за период по документам",
            ),
            en: (
                "Reconciliation statement",
                "Settlements with a counterparty in a period by document",
            ),
            parameters: &["from", "to", "counterparty"],
        },
        ReportId::CounterpartyCard => Entry {
            ru: (
                "Карточка контрагента",
                "Реквизиты, контакты и договоры контрагента",
            ),
            en: (
                "Counterparty card",
                "Requisites, contacts and contracts of a counterparty",
            ),
            parameters: &["counterparty"],
        },
        ReportId::Documents => Entry {
            ru: ("Документы", "Последние или непроведённые документы"),
            en: ("Documents", "The latest documents, or those that are not posted"),
            parameters: &["from", "to", "unposted", "counterparty", "manager", "number"],
        },
        ReportId::Postings => Entry {
            ru: (
                "Проводки документа",
                "Бухгалтерские записи документов с указанным номером",
            ),
            en: ("Postings", "Ledger entries of the documents with a number"),
            parameters: &["number"],
        },
    }
}

/// A report in the catalogue.
pub(crate) fn info(report: ReportId, locale: Locale) -> ReportInfo {
    let entry = entry(report);
    let (title, description) = match locale {
        Locale::Ru => entry.ru,
        Locale::En => entry.en,
    };
    ReportInfo {
        id: report,
        title: title.to_owned(),
        description: description.to_owned(),
        parameters: entry
            .parameters
            .iter()
            .chain(&COMMON)
            .map(|name| parameters::info(report, name, locale))
            .collect(),
        columns: columns(&super::headings(report, &ReportQuery::default()), locale),
        live: supports_live(report),
    }
}

/// True when 1C can compute the report itself.
fn supports_live(report: ReportId) -> bool {
    match report {
        ReportId::Receivables
        | ReportId::Payables
        | ReportId::Stock
        | ReportId::Cash
        | ReportId::Taxes
        | ReportId::AccountAnalysis
        | ReportId::TrialBalance => true,
        ReportId::Sales
        | ReportId::GrossProfit
        | ReportId::StockTurnover
        | ReportId::AccountCard
        | ReportId::CashFlow
        | ReportId::Statement
        | ReportId::CounterpartyCard
        | ReportId::Documents
        | ReportId::Postings => false,
    }
}

/// Checks the parameters: each must be one that the report knows.
pub(crate) fn validate(report: ReportId, query: &ReportQuery) -> Result<(), Problem> {
    let known = entry(report).parameters;
    let mut violations = Violations::new();
    let given = serde_json::to_value(query).unwrap_or_default();
    for name in given.as_object().into_iter().flat_map(|given| given.keys()) {
        violations.check(
            COMMON.contains(&name.as_str()) || known.contains(&name.as_str()),
            &format!("?{name}"),
            Text::new(
                format!("Отчёт {report} не знает этого параметра."),
                format!("The report {report} does not know this parameter."),
            ),
        );
    }
    violations.check(
        query.limit.is_none_or(|limit| (1..=MOST_ROWS).contains(&limit)),
        "?limit",
        Text::new(format!("От 1 до {MOST_ROWS}."), format!("1 to {MOST_ROWS}.")),
    );
    if let (Some(from), Some(to)) = (query.from, query.to) {
        violations.check(
            from <= to,
            "?from",
            Text::new(
                "Начало периода позже его конца.",
                "The period begins after its end.",
            ),
        );
    }
    if let (Some(from), Some(to)) = (query.compare_from, query.compare_to) {
        violations.check(
            from <= to,
            "?compare_from",
            Text::new(
                "Начало периода позже его конца.",
                "The period begins after its end.",
            ),
        );
    }
    combinations(&mut violations, report, query);
    let dates = [
        ("?date", query.date),
        ("?from", query.from),
        ("?to", query.to),
        ("?compare_from", query.compare_from),
        ("?compare_to", query.compare_to),
    ];
    for (pointer, date) in dates {
        // Dates of 1C have four digits of the year.
        let sane = date.is_none_or(|date| (1900..=2999).contains(&chrono::Datelike::year(&date)));
        violations.check(
            sane,
            pointer,
            Text::new("Год от 1900 до 2999.", "A year from 1900 to 2999."),
        );
    }
    let given = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    for (name, present) in [
        ("counterparty", query.counterparty.is_some()),
        ("number", given(&query.number)),
        ("account", given(&query.account)),
    ] {
        violations.check(
            present || !parameters::is_required(report, name),
            &format!("?{name}"),
            Text::new("Обязательный параметр.", "This parameter is required."),
        );
    }
    violations.finish()?;
    if query.source == Some(DataSource::Live) && !supports_live(report) {
        return Err(Error::LiveNotSupported(report).into());
    }
    Ok(())
}

/// Parameters that do not go together.
fn combinations(violations: &mut Violations, report: ReportId, query: &ReportQuery) {
    violations.check(
        query.compare_from.is_some() == query.compare_to.is_some(),
        if query.compare_from.is_some() {
            "?compare_to"
        } else {
            "?compare_from"
        },
        Text::new(
            "Период сравнения задаётся обеими датами.",
            "The period to compare with needs both of its days.",
        ),
    );
    violations.check(
        query.compare.is_none() || query.compare_from.is_none(),
        "?compare",
        Text::new(
            "Либо compare, либо compare_from и compare_to.",
            "Either compare, or compare_from and compare_to.",
        ),
    );
    violations.check(
        query.then_by.is_none() || query.then_by != Some(query.group_by.unwrap_or(GroupBy::Counterparty)),
        "?then_by",
        Text::new(
            "Второе измерение совпадает с первым.",
            "The second dimension is the same as the first.",
        ),
    );
    let spans = [GroupBy::Counterparty, GroupBy::Day, GroupBy::Week, GroupBy::Month];
    violations.check(
        report != ReportId::CashFlow || query.group_by.is_none_or(|group| spans.contains(&group)),
        "?group_by",
        Text::new(
            "Допустимо: counterparty, day, week, month.",
            "One of counterparty, day, week, month.",
        ),
    );
    violations.check(
        query.breakdown.is_none() || query.account.is_some(),
        "?account",
        Text::new(
            "Разбивка по аналитике возможна только по одному счёту.",
            "A breakdown by an analytics is of one account.",
        ),
    );
    violations.check(
        query.breakdown.is_none() || query.source != Some(DataSource::Live),
        "?breakdown",
        Text::new(
            "Разбивка по аналитике строится только по копии данных.",
            "A breakdown by an analytics is computed from the copy only.",
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_named_exists() {
        let id = uuid::Uuid::nil();
        let full: ReportQuery = serde_json::from_value(serde_json::json!({
            "infobase": id, "company": id, "date": "2026-01-01", "from": "2026-01-01", "to": "2026-01-01",
            "group_by": "day", "then_by": "item", "compare": "previous", "compare_from": "2026-01-01",
            "compare_to": "2026-01-01", "counterparty": id, "item": id, "warehouse": id, "manager": id,
            "account": "62", "breakdown": "document", "subaccounts": true, "number": "1", "unposted": true,
            "overdue": true, "limit": 1, "cursor": "", "source": "mirror",
        }))
        .unwrap();
        let names = serde_json::to_value(full).unwrap();
        for report in ReportId::ALL {
            let info = info(report, Locale::Ru);
            assert!(!info.columns.is_empty(), "{report}");
            for parameter in info.parameters {
                assert!(
                    names.get(&parameter.name).is_some(),
                    "{report}: {}",
                    parameter.name
                );
                assert!(!parameter.title.is_empty(), "{}", parameter.name);
                for value in &parameter.values {
                    let query = serde_json::json!({ parameter.name.as_str(): value });
                    serde_json::from_value::<ReportQuery>(query).unwrap();
                }
            }
        }
    }
}
