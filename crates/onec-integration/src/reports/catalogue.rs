//! What reports there are, and which parameters each knows.

use common::contract::onec::{DataSource, ReportId, ReportInfo, ReportQuery};
use common::http::{Problem, Violations};
use common::{Locale, Text};

use crate::error::Error;

/// Parameters that every report knows.
const COMMON: [&str; 4] = ["infobase", "company", "limit", "source"];

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
                "Кто и сколько должен нам на дату, сколько просрочено, авансы полученные",
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
            parameters: &[
                "from",
                "to",
                "group_by",
                "counterparty",
                "item",
                "warehouse",
                "manager",
            ],
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
            parameters: &["from", "to", "counterparty"],
        },
        ReportId::Taxes => Entry {
            ru: (
                "Налоги и взносы",
                "Начислено и уплачено за период по счетам 68 и 69",
            ),
            en: ("Taxes", "Accrued and paid in a period by tax account"),
            parameters: &["from", "to"],
        },
        ReportId::TrialBalance => Entry {
            ru: (
                "Оборотно-сальдовая ведомость",
                "Сальдо и обороты счетов за период",
            ),
            en: ("Trial balance", "Balances and turnovers of accounts in a period"),
            parameters: &["from", "to", "account"],
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
        parameters: COMMON
            .iter()
            .chain(entry.parameters)
            .map(|name| (*name).to_owned())
            .collect(),
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
        | ReportId::TrialBalance => true,
        ReportId::Sales
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
    let dates = [("?date", query.date), ("?from", query.from), ("?to", query.to)];
    for (pointer, date) in dates {
        // Dates of 1C have four digits of the year.
        let sane = date.is_none_or(|date| (1900..=2999).contains(&chrono::Datelike::year(&date)));
        violations.check(
            sane,
            pointer,
            Text::new("Год от 1900 до 2999.", "A year from 1900 to 2999."),
        );
    }
    let required = |violations: &mut Violations, name: &str, present: bool| {
        let needed = matches!(
            (report, name),
            (ReportId::Statement | ReportId::CounterpartyCard, "counterparty")
                | (ReportId::Postings, "number")
        );
        violations.check(
            present || !needed,
            &format!("?{name}"),
            Text::new("Обязательный параметр.", "This parameter is required."),
        );
    };
    required(&mut violations, "counterparty", query.counterparty.is_some());
    required(
        &mut violations,
        "number",
        query
            .number
            .as_deref()
            .is_some_and(|number| !number.trim().is_empty()),
    );
    violations.finish()?;
    if query.source == Some(DataSource::Live) && !supports_live(report) {
        return Err(Error::LiveNotSupported(report).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_named_exists() {
        let full: ReportQuery = serde_json::from_value(serde_json::json!({
            "infobase": uuid::Uuid::nil(), "company": uuid::Uuid::nil(), "date": "2026-01-01", "from": "2026-01-01",
            "to": "2026-01-01", "group_by": "day", "counterparty": uuid::Uuid::nil(), "item": uuid::Uuid::nil(),
            "warehouse": uuid::Uuid::nil(), "manager": uuid::Uuid::nil(), "account": "62", "number": "1",
            "unposted": true, "overdue": true, "limit": 1, "source": "mirror",
        }))
        .unwrap();
        let names = serde_json::to_value(full).unwrap();
        for report in ReportId::ALL {
            for parameter in info(report, Locale::Ru).parameters {
                assert!(names.get(&parameter).is_some(), "{report}: {parameter}");
            }
        }
    }
}
