//! How a question was understood, in the words of the engine.

use common::Locale;
use common::contract::onec::{Breakdown, GroupBy, ReportId};

use super::filter;
use super::format::{date, during, say};
use super::frame::Frame;
use super::help;
use super::intent::Intent;
use super::parse::Compare;
use super::slots::{Flow, Tax};
use crate::tools::Tool;

/// «Продажи · за октябрь 2026 года · по менеджерам · первые 5».
pub(super) fn understood(frame: &Frame, locale: Locale) -> Option<String> {
    let report = frame.intent.report()?;
    let mut parts = vec![title(frame.intent, report, locale)];
    if let Some(span) = frame.span {
        parts.push(if frame.intent.is_balance() {
            let day = date(span.to, locale);
            say!(locale, "на {day}", "as of {day}")
        } else {
            during(span, locale)
        });
    }
    for name in &frame.names {
        let text = name
            .found
            .as_ref()
            .map_or(&name.mention.text, |found| &found.name);
        let kind = name.found.as_ref().map(|found| found.kind).or(name.mention.kind);
        let kind = kind.map_or(String::new(), |kind| {
            format!("{} ", help::kind_name(kind, locale))
        });
        parts.push(say!(locale, "{kind}«{text}»", "{kind}“{text}”"));
    }
    if let Some(account) = &frame.account {
        parts.push(say!(locale, "счёт {account}", "account {account}"));
    }
    if let Some(number) = &frame.number {
        parts.push(format!("№ {number}"));
    }
    if let Some(tax) = frame.tax.filter(|_| frame.intent == Intent::Taxes) {
        parts.push(tax_name(tax, locale).to_owned());
    }
    if let Some(flow) = frame.flow.filter(|_| frame.intent == Intent::CashFlow) {
        parts.push(match flow {
            Flow::In => say!(locale, "поступления", "received"),
            Flow::Out => say!(locale, "списания", "paid out"),
        });
    }
    if let Some(group) = frame.group_by.filter(|_| groups(frame.intent)) {
        parts.push(group_name(group, locale).to_owned());
    }
    if let Some(group) = frame.then_by.filter(|_| groups(frame.intent)) {
        parts.push(group_name(group, locale).to_owned());
    }
    if let Some(breakdown) = frame.breakdown.filter(|_| frame.intent == Intent::TrialBalance) {
        parts.push(breakdown_name(breakdown, locale).to_owned());
    }
    if frame.overdue && frame.days.is_none() {
        parts.push(say!(locale, "только просроченное", "only overdue"));
    }
    if frame.unposted {
        parts.push(say!(locale, "только непроведённые", "only unposted"));
    }
    if frame.cash_desk {
        parts.push(say!(locale, "только касса", "only cash desks"));
    }
    if frame.bank && frame.intent == Intent::Cash {
        parts.push(say!(locale, "только банк", "only the bank"));
    }
    let condition = filter::condition(frame, report, locale);
    if !condition.is_empty() {
        parts.push(condition);
    }
    if let Some(top) = frame.top {
        parts.push(say!(locale, "первые {top}", "first {top}"));
    }
    if frame.least {
        parts.push(say!(locale, "начиная с наименьших", "the smallest first"));
    }
    if let Some(compare) = frame.compare {
        parts.push(match compare {
            Compare::Previous => say!(
                locale,
                "в сравнении с периодом перед ним",
                "compared with the period before"
            ),
            Compare::YearBefore => say!(
                locale,
                "в сравнении с прошлым годом",
                "compared with the year before"
            ),
            Compare::With(span) => {
                let with = during(span, locale);
                say!(locale, "в сравнении: {with}", "compared with: {with}")
            }
        });
    }
    Some(parts.join(" · "))
}

fn title(intent: Intent, report: ReportId, locale: Locale) -> String {
    match intent {
        Intent::DocumentPayment => say!(locale, "Оплата документа", "Payment of a document"),
        Intent::FindDocument => say!(locale, "Поиск документа", "A document"),
        _ => Tool::Report(report).title(locale).to_owned(),
    }
}

fn groups(intent: Intent) -> bool {
    matches!(intent, Intent::Sales | Intent::GrossProfit) || matches!(intent, Intent::CashFlow)
}

fn group_name(group: GroupBy, locale: Locale) -> &'static str {
    let (ru, en) = match group {
        GroupBy::Counterparty => ("по контрагентам", "by counterparty"),
        GroupBy::Manager => ("по менеджерам", "by manager"),
        GroupBy::Item => ("по товарам", "by item"),
        GroupBy::ItemGroup => ("по группам товаров", "by item group"),
        GroupBy::Warehouse => ("по складам", "by warehouse"),
        GroupBy::Company => ("по организациям", "by company"),
        GroupBy::Day => ("по дням", "by day"),
        GroupBy::Week => ("по неделям", "by week"),
        GroupBy::Month => ("по месяцам", "by month"),
    };
    match locale {
        Locale::Ru => ru,
        Locale::En => en,
    }
}

fn breakdown_name(breakdown: Breakdown, locale: Locale) -> &'static str {
    let (ru, en) = match breakdown {
        Breakdown::Counterparty => ("по контрагентам", "by counterparty"),
        Breakdown::Contract => ("по договорам", "by contract"),
        Breakdown::Document => ("по документам расчётов", "by document"),
        Breakdown::Item => ("по номенклатуре", "by item"),
        Breakdown::Warehouse => ("по складам", "by warehouse"),
        Breakdown::MoneyPlace => ("по счетам и кассам", "by bank account and cash desk"),
    };
    match locale {
        Locale::Ru => ru,
        Locale::En => en,
    }
}

fn tax_name(tax: Tax, locale: Locale) -> &'static str {
    let (ru, en) = match tax {
        Tax::Vat => ("НДС", "VAT"),
        Tax::Income => ("НДФЛ", "personal income tax"),
        Tax::Profit => ("налог на прибыль", "profit tax"),
        Tax::Contributions => ("страховые взносы", "contributions"),
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

    #[test]
    fn what_was_understood_is_said() {
        for (question, expected) in [
            (
                "топ-5 менеджеров по продажам за октябрь против сентября",
                "Продажи · за октябрь 2026 года · по менеджерам · первые 5 · в сравнении: за сентябрь 2026 года",
            ),
            (
                "просрочка больше 30 дней на 1 ноября",
                "Дебиторская задолженность · на 01.11.2026 · просрочка больше 30 дн.",
            ),
            (
                "осв 62 по контрагентам",
                "Оборотно-сальдовая ведомость · счёт 62 · по контрагентам",
            ),
        ] {
            let parsed = parse(question, "2026-11-24".parse().unwrap());
            let frame = complete(&parsed, &State::default()).unwrap();
            assert_eq!(
                understood(&frame, Locale::Ru).as_deref(),
                Some(expected),
                "{question}"
            );
        }
    }
}
