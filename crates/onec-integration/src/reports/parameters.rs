//! The parameters of reports, as the catalogue tells of them.

use common::Locale;
use common::contract::onec::{ParameterInfo, ParameterKind, ReportId};

/// True when a report cannot do without a parameter.
pub(super) fn is_required(report: ReportId, name: &str) -> bool {
    matches!(
        (report, name),
        (ReportId::Statement | ReportId::CounterpartyCard, "counterparty")
            | (ReportId::Postings, "number")
            | (ReportId::AccountAnalysis | ReportId::AccountCard, "account")
    )
}

/// A parameter in the catalogue.
pub(super) fn info(report: ReportId, name: &str, locale: Locale) -> ParameterInfo {
    let dimensions: &[&str] = if report == ReportId::CashFlow {
        &["counterparty", "day", "week", "month"]
    } else {
        &[
            "counterparty",
            "manager",
            "item",
            "item_group",
            "warehouse",
            "company",
            "day",
            "week",
            "month",
        ]
    };
    let (ru, en, kind, values, default): (_, _, _, &[&str], _) = match name {
        "infobase" => ("Информационная база", "Infobase", ParameterKind::Id, &[], None),
        "company" => ("Организация", "Company", ParameterKind::Id, &[], None),
        "counterparty" => ("Контрагент", "Counterparty", ParameterKind::Id, &[], None),
        "item" => (
            "Номенклатура или её группа",
            "Item or group of items",
            ParameterKind::Id,
            &[],
            None,
        ),
        "warehouse" => ("Склад", "Warehouse", ParameterKind::Id, &[], None),
        "manager" => ("Менеджер", "Manager", ParameterKind::Id, &[], None),
        "date" => ("На дату", "Date", ParameterKind::Date, &[], None),
        "from" => ("Начало периода", "First day", ParameterKind::Date, &[], None),
        "to" => ("Конец периода", "Last day", ParameterKind::Date, &[], None),
        "compare" => (
            "Сравнить с периодом",
            "Compare with",
            ParameterKind::Choice,
            &["previous", "year_ago"],
            None,
        ),
        "compare_from" => (
            "Начало периода сравнения",
            "First day to compare with",
            ParameterKind::Date,
            &[],
            None,
        ),
        "compare_to" => (
            "Конец периода сравнения",
            "Last day to compare with",
            ParameterKind::Date,
            &[],
            None,
        ),
        "group_by" => (
            "Группировка",
            "Rows by",
            ParameterKind::Choice,
            dimensions,
            Some("counterparty"),
        ),
        "then_by" => (
            "Вторая группировка",
            "Then by",
            ParameterKind::Choice,
            dimensions,
            None,
        ),
        "account" => ("Счёт", "Account", ParameterKind::Text, &[], None),
        "breakdown" => (
            "Разбивка по аналитике",
            "Breakdown",
            ParameterKind::Choice,
            &[
                "counterparty",
                "contract",
                "document",
                "item",
                "warehouse",
                "money_place",
            ],
            None,
        ),
        "subaccounts" => (
            "По субсчетам",
            "Sub-accounts on their own",
            ParameterKind::Boolean,
            &[],
            Some("true"),
        ),
        "number" => (
            "Номер документа",
            "Number of the document",
            ParameterKind::Text,
            &[],
            None,
        ),
        "unposted" => (
            "Только непроведённые",
            "Only those not posted",
            ParameterKind::Boolean,
            &[],
            None,
        ),
        "overdue" => (
            "Только просроченные",
            "Only overdue ones",
            ParameterKind::Boolean,
            &[],
            Some("false"),
        ),
        "limit" => (
            "Строк, от 1 до 1000",
            "Rows, 1 to 1000",
            ParameterKind::Integer,
            &[],
            Some("50"),
        ),
        "cursor" => (
            "Продолжение: next_cursor предыдущего ответа",
            "next_cursor of the answer before",
            ParameterKind::Text,
            &[],
            None,
        ),
        _ => (
            "Источник: копия данных или сама 1С",
            "The copy or 1C itself",
            ParameterKind::Choice,
            &["mirror", "live"],
            Some("mirror"),
        ),
    };
    ParameterInfo {
        name: name.to_owned(),
        title: match locale {
            Locale::Ru => ru,
            Locale::En => en,
        }
        .to_owned(),
        kind,
        required: is_required(report, name),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        default: default.map(str::to_owned),
    }
}
