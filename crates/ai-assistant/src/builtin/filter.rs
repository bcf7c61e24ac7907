//! Rows that a question limits: «больше 100 тыс.», «просрочено более 30 дней», «только накладные».

use chrono::{Days, NaiveDate};
use common::Locale;
use common::contract::onec::{ColumnKind, Report, ReportId};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::format::{count, figure, quantity, say, text};
use super::frame::Frame;
use super::slots::DocumentType;
use super::words;

/// Rows that have to be asked for so that those that are limited can be found among them.
pub(super) const ALL_ROWS: u32 = 1000;

/// True when rows are to be left out.
pub(super) fn is_wanted(frame: &Frame, report: ReportId) -> bool {
    frame.limit.is_some_and(|_| figure_of(report, frame).is_some())
        || (frame.days.is_some() && matches!(report, ReportId::Receivables | ReportId::Payables))
        || (frame.document_type.is_some() && report == ReportId::Documents && frame.number.is_none())
}

/// The report with the rows that the question limits it to and the totals of these, and a note on how
/// many were left out.
pub(super) fn narrowed(
    report: Report,
    frame: &Frame,
    today: NaiveDate,
    locale: Locale,
) -> (Report, Vec<String>) {
    if !is_wanted(frame, report.report) {
        return (report, Vec::new());
    }
    let mut narrowed = report;
    let (all, was_truncated) = (narrowed.row_count, narrowed.truncated);
    let at = narrowed.parameters.date.unwrap_or(today);
    let id = narrowed.report;
    narrowed.rows.retain(|row| passes(row, frame, id, at));
    narrowed.row_count = narrowed.rows.len() as u64;
    narrowed.truncated = false;
    totals(&mut narrowed);
    let shown = count(narrowed.row_count, locale);
    let all = count(all, locale);
    let by = condition(frame, id, locale);
    let mut notes = vec![say!(
        locale,
        "Отобраны строки, где {by}: {shown} из {all}. Итоги посчитаны по отобранным.",
        "Rows where {by}: {shown} of {all}. Totals are of these rows."
    )];
    if was_truncated {
        notes.push(say!(
            locale,
            "Строк больше, чем источник отдаёт за раз: отбор сделан среди первых {ALL_ROWS}.",
            "There are more rows than the source returns at once: the first {ALL_ROWS} were looked through."
        ));
    }
    (narrowed, notes)
}

fn passes(row: &Map<String, Value>, frame: &Frame, report: ReportId, at: NaiveDate) -> bool {
    let by_figure = match (frame.limit, figure_of(report, frame)) {
        (Some(limit), Some(key)) => {
            let value = figure(row, key);
            if limit.above {
                value > limit.value
            } else {
                value < limit.value && !value.is_zero()
            }
        }
        _ => true,
    };
    let by_days = match frame.days {
        Some(days) if matches!(report, ReportId::Receivables | ReportId::Payables) => is_late(row, days, at),
        _ => true,
    };
    let by_type = match frame.document_type {
        Some(kind) if report == ReportId::Documents && frame.number.is_none() => {
            is_of_type(text(row, "type"), kind)
        }
        _ => true,
    };
    by_figure && by_days && by_type
}

/// True when a part of the debt is overdue by more days: by the columns where their borders are those
/// of the question, by the earliest due date otherwise.
fn is_late(row: &Map<String, Value>, days: u32, at: NaiveDate) -> bool {
    if figure(row, "overdue").is_zero() {
        return false;
    }
    let columns: &[&str] = match days {
        30 => &["overdue_60", "overdue_90", "overdue_more"],
        60 => &["overdue_90", "overdue_more"],
        90 => &["overdue_more"],
        _ => &[],
    };
    if columns.iter().any(|column| row.contains_key(*column)) {
        return columns.iter().any(|column| figure(row, column) > Decimal::ZERO);
    }
    text(row, "due_date")
        .get(..10)
        .and_then(|day| day.parse::<NaiveDate>().ok())
        .is_some_and(|due| due < at - Days::new(u64::from(days)))
}

/// The amount that is overdue by more days, where the columns of the report tell it.
pub(super) fn late(totals: &Map<String, Value>, days: u32) -> Option<Decimal> {
    let columns: &[&str] = match days {
        30 => &["overdue_60", "overdue_90", "overdue_more"],
        60 => &["overdue_90", "overdue_more"],
        90 => &["overdue_more"],
        _ => return None,
    };
    columns
        .iter()
        .any(|column| totals.contains_key(*column))
        .then(|| columns.iter().map(|column| figure(totals, column)).sum())
}

/// The figure that a limit is of.
fn figure_of(report: ReportId, frame: &Frame) -> Option<&'static str> {
    let money = frame.limit.is_some_and(|limit| limit.money);
    Some(match report {
        ReportId::Receivables | ReportId::Payables if frame.overdue => "overdue",
        ReportId::Receivables | ReportId::Payables => "debt",
        ReportId::Stock if money => "cost",
        ReportId::Stock => "quantity",
        ReportId::Sales if money => "revenue",
        ReportId::Sales => "quantity",
        ReportId::GrossProfit => "gross_profit",
        ReportId::Cash | ReportId::Taxes => "balance",
        ReportId::CashFlow | ReportId::Documents | ReportId::Postings => "amount",
        ReportId::StockTurnover if money => "closing_cost",
        ReportId::StockTurnover => "closing_quantity",
        ReportId::TrialBalance
        | ReportId::AccountAnalysis
        | ReportId::AccountCard
        | ReportId::Statement
        | ReportId::CounterpartyCard => return None,
    })
}

/// Sums of what remains, for the columns that had a total.
fn totals(report: &mut Report) {
    let sum = |rows: &[Map<String, Value>], key: &str, only: Option<&str>| -> Decimal {
        rows.iter()
            .filter(|row| only.is_none_or(|direction| text(row, "direction") == direction))
            .map(|row| figure(row, key))
            .sum()
    };
    if report.report == ReportId::CashFlow {
        let (came, went) = (
            sum(&report.rows, "amount", Some("in")),
            sum(&report.rows, "amount", Some("out")),
        );
        for (key, value) in [("in", came), ("out", went), ("net", came - went)] {
            report.totals.insert(key.to_owned(), format!("{value:.2}").into());
        }
        return;
    }
    let summed: Vec<(String, ColumnKind)> = report
        .columns
        .iter()
        .filter(|column| report.totals.contains_key(&column.key))
        .map(|column| (column.key.clone(), column.kind))
        .collect();
    let kept: Vec<String> = summed.iter().map(|(key, _)| key.clone()).collect();
    report.totals.retain(|key, _| kept.contains(key));
    for (key, kind) in summed {
        // A share or a margin has no sum, and a document may be in several rows.
        if kind == ColumnKind::Integer || key.ends_with("share") || key.ends_with("growth") || key == "margin"
        {
            report.totals.remove(&key);
            continue;
        }
        let value = sum(&report.rows, &key, None);
        let value = match kind {
            ColumnKind::Money => format!("{value:.2}").into(),
            _ => value.to_string().into(),
        };
        report.totals.insert(key, value);
    }
}

/// The conditions in words.
pub(super) fn condition(frame: &Frame, report: ReportId, locale: Locale) -> String {
    let mut parts = Vec::new();
    if let Some(days) = frame
        .days
        .filter(|_| matches!(report, ReportId::Receivables | ReportId::Payables))
    {
        parts.push(say!(
            locale,
            "просрочка больше {days} дн.",
            "the debt is overdue by more than {days} days"
        ));
    }
    if let (Some(limit), Some(key)) = (frame.limit, figure_of(report, frame)) {
        let value = quantity(limit.value, locale);
        let (ru, en) = match key {
            "overdue" => ("просрочено", "the overdue amount is"),
            "debt" => ("долг", "the debt is"),
            "quantity" | "closing_quantity" => ("количество", "the quantity is"),
            "cost" | "closing_cost" => ("стоимость", "the cost is"),
            "revenue" => ("выручка", "the revenue is"),
            "gross_profit" => ("прибыль", "the profit is"),
            "balance" => ("остаток", "the balance is"),
            _ => ("сумма", "the amount is"),
        };
        parts.push(if limit.above {
            say!(locale, "{ru} больше {value}", "{en} more than {value}")
        } else {
            say!(locale, "{ru} меньше {value}", "{en} less than {value}")
        });
    }
    if let Some(kind) = frame.document_type.filter(|_| report == ReportId::Documents) {
        let name = type_name(kind, locale);
        parts.push(say!(locale, "вид документа — {name}", "the document is {name}"));
    }
    parts.join(&say!(locale, " и ", " and "))
}

/// True when a document's title, in 1C's words or in English, is of the kind.
pub(super) fn is_of_type(title: &str, kind: DocumentType) -> bool {
    let title = words::fold(title);
    let any = |parts: &[&str]| parts.iter().any(|part| title.contains(part));
    let tax_invoice = any(&["фактур", "tax invoice"]);
    match kind {
        DocumentType::TaxInvoice => tax_invoice,
        DocumentType::Invoice => any(&["счет", "invoice"]) && !any(&["расчетн"]) && !tax_invoice,
        DocumentType::Waybill => {
            any(&[
                "реализац",
                "поступлен",
                "накладн",
                "перемещен",
                "sale",
                "receipt of goods",
                "receipt",
            ]) && !any(&["денеж", "расчетн", "наличн", "cash", "payment", "bank"])
        }
        DocumentType::Sale => any(&["реализац", "sale"]),
        DocumentType::Receipt => {
            any(&["поступлен", "receipt"]) && !any(&["расчетн", "наличн", "bank", "cash"])
        }
        DocumentType::Payment => any(&["платеж", "списание с", "расчетн", "payment", "bank"]),
        DocumentType::Act => any(&["акт", "act"]),
        DocumentType::Order => any(&["заказ", "order"]),
        DocumentType::Return => any(&["возврат", "return"]),
    }
}

/// A kind of documents in words.
pub(super) fn type_name(kind: DocumentType, locale: Locale) -> &'static str {
    let (ru, en) = match kind {
        DocumentType::Invoice => ("счёт на оплату", "an invoice"),
        DocumentType::Waybill => ("накладная", "a waybill"),
        DocumentType::Sale => ("реализация", "a sale"),
        DocumentType::Receipt => ("поступление", "a receipt"),
        DocumentType::Payment => ("платёж", "a payment"),
        DocumentType::TaxInvoice => ("счёт-фактура", "a tax invoice"),
        DocumentType::Act => ("акт", "an act"),
        DocumentType::Order => ("заказ", "an order"),
        DocumentType::Return => ("возврат", "a return"),
    };
    match locale {
        Locale::Ru => ru,
        Locale::En => en,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::frame::{State, complete};
    use crate::builtin::parse::parse;

    fn asked(question: &str) -> Frame {
        let parsed = parse(question, "2026-11-24".parse().unwrap());
        complete(&parsed, &State::default()).unwrap()
    }

    #[test]
    fn rows_are_limited_and_their_totals_are_summed_anew() {
        let today = "2026-11-24".parse().unwrap();
        let (report, notes) = narrowed(
            crate::testing::report(),
            &asked("должники с долгом больше 500 тыс"),
            today,
            Locale::Ru,
        );
        assert_eq!((report.rows.len(), report.row_count), (1, 1));
        assert_eq!(report.totals["debt"], "1234567.89");
        assert_eq!(report.totals["overdue"], "234567.89");
        assert!(notes[0].contains("долг больше 500\u{a0}000: 1 из 2"), "{notes:?}");
        let (report, notes) = narrowed(
            crate::testing::report(),
            &asked("кто нам должен"),
            today,
            Locale::Ru,
        );
        assert_eq!((report.rows.len(), notes.len()), (2, 0));
    }

    #[test]
    fn documents_are_told_apart_by_their_titles() {
        for (title, kind, is) in [
            ("Счёт на оплату покупателю", DocumentType::Invoice, true),
            ("Счёт-фактура выданный", DocumentType::Invoice, false),
            ("Поступление на расчётный счёт", DocumentType::Invoice, false),
            ("Счет покупателю", DocumentType::Invoice, true),
            ("Счёт-фактура выданный", DocumentType::TaxInvoice, true),
            ("Реализация товаров и услуг", DocumentType::Waybill, true),
            ("Поступление на расчётный счёт", DocumentType::Waybill, false),
            ("Поступление на расчётный счёт", DocumentType::Payment, true),
        ] {
            assert_eq!(is_of_type(title, kind), is, "{title}");
        }
    }
}
