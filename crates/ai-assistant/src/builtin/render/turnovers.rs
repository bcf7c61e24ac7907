//! Turnovers of a period: sales, money in and out, taxes.

use common::contract::onec::{GroupBy, SubjectKind};
use rust_decimal::Decimal;

use super::{Row, View};
use crate::builtin::format::{during, escaped, figure, percent, say, text as text_of};
use crate::builtin::parse::{Flow, Tax};
use crate::builtin::words;

/// The name of a row, of both its dimensions where it has two.
fn whom(row: &Row) -> String {
    let (key, then) = (escaped(text_of(row, "key")), escaped(text_of(row, "then")));
    if then.is_empty() {
        key
    } else {
        format!("{key}, {then}")
    }
}

impl View<'_> {
    pub(super) fn sales(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let mut what = String::new();
        for (kind, ru, en) in [
            (SubjectKind::Counterparty, "покупатель", "customer"),
            (SubjectKind::Item, "товар", "item"),
            (SubjectKind::Manager, "менеджер", "manager"),
            (SubjectKind::Warehouse, "склад", "warehouse"),
            (SubjectKind::Company, "организация", "company"),
        ] {
            if let Some(name) = self.name(kind) {
                what += &say!(l, " ({ru}: {name})", " ({en}: {name})");
            }
        }
        if self.report.rows.is_empty() {
            return say!(
                l,
                "Продаж {during}{what} нет.",
                "There were no sales {during}{what}."
            );
        }
        let (revenue, net, profit) = (
            self.money(self.total("revenue")),
            self.money(self.total("revenue_without_vat")),
            self.money(self.total("gross_profit")),
        );
        let mut lead = say!(
            l,
            "Продажи {during}{what}: выручка **{revenue}** (без НДС {net}), валовая прибыль **{profit}**.",
            "Sales {during}{what}: revenue **{revenue}** ({net} without VAT), gross profit **{profit}**."
        );
        let group = self.report.parameters.group_by;
        let mut rows = self.all_rows();
        if matches!(group, Some(GroupBy::Day | GroupBy::Month)) {
            rows.sort_by(|a, b| text_of(a, "key").cmp(text_of(b, "key")));
        } else if self.frame.least && !self.report.truncated && rows.len() > 1 {
            rows.reverse();
            let (who, much) = (whom(rows[0]), self.money(figure(rows[0], "revenue")));
            lead += &say!(
                l,
                " Меньше всего среди проданного — **{who}**: {much}.",
                " The least of what was sold is **{who}**: {much}."
            );
        } else if let Some(first) = rows.first()
            && rows.len() > 1
        {
            let (who, much) = (whom(first), self.money(figure(first, "revenue")));
            lead += &say!(
                l,
                " На первом месте — **{who}**: {much}.",
                " In the first place is **{who}**: {much}."
            );
        }
        lead += &if self.frame.profit {
            self.compared("gross_profit", &say!(l, "валовая прибыль", "gross profit"))
        } else {
            self.compared("revenue", &say!(l, "выручка", "revenue"))
        };
        self.with_table(lead, &rows, true)
    }

    /// The sentence that compares a total with that of the other period.
    pub(super) fn compared(&self, key: &str, what: &str) -> String {
        let Some((span, other)) = self.compared else {
            return String::new();
        };
        let l = self.locale;
        let (now, then) = (self.total(key), figure(&other.totals, key));
        let change = now - then;
        let (during, then_text, change_text) = (during(span, l), self.money(then), self.money(change.abs()));
        let share = if then.is_zero() {
            String::new()
        } else {
            let share = percent((change / then * Decimal::ONE_HUNDRED).abs(), l);
            format!(" ({share})")
        };
        if change.is_zero() {
            return say!(
                l,
                " {during} [2] {what} была такой же: {then_text}.",
                " {during} [2] the {what} was the same: {then_text}."
            );
        }
        let sentence = if change.is_sign_positive() {
            say!(
                l,
                "Для сравнения, {during} [2] — {then_text}: {what} выросла на **{change_text}**{share}.",
                "For comparison, {during} [2] it was {then_text}: the {what} grew by **{change_text}**{share}."
            )
        } else {
            say!(
                l,
                "Для сравнения, {during} [2] — {then_text}: {what} снизилась на **{change_text}**{share}.",
                "For comparison, {during} [2] it was {then_text}: the {what} fell by **{change_text}**{share}."
            )
        };
        format!(" {sentence}")
    }

    pub(super) fn cash_flow(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let (income, outcome, net) = (
            self.money(self.total("in")),
            self.money(self.total("out")),
            self.money(self.total("net")),
        );
        let with = self
            .name(SubjectKind::Counterparty)
            .map(|name| format!(" (**{name}**)"))
            .unwrap_or_default();
        let mut rows = self.all_rows();
        let wanted = match self.frame.flow {
            Some(Flow::In) => Some("in"),
            Some(Flow::Out) => Some("out"),
            None => None,
        };
        if let Some(wanted) = wanted {
            rows.retain(|row| text_of(row, "direction") == wanted);
        }
        // Payments of wages, for one, are to no counterparty.
        let named = rows.iter().find(|row| !text_of(row, "counterparty").is_empty());
        let largest = match (wanted, named) {
            (Some(_), Some(first)) if rows.len() > 1 => {
                let (who, much) = (
                    escaped(text_of(first, "counterparty")),
                    self.money(figure(first, "amount")),
                );
                say!(
                    l,
                    " Больше всего — **{who}**: {much}.",
                    " The largest is **{who}**: {much}."
                )
            }
            _ => String::new(),
        };
        let lead = match self.frame.flow {
            Some(Flow::In) if rows.is_empty() => say!(
                l,
                "Поступлений денег {during}{with} не было.",
                "No money was received {during}{with}."
            ),
            Some(Flow::Out) if rows.is_empty() => say!(
                l,
                "Списаний денег {during}{with} не было.",
                "No money was paid out {during}{with}."
            ),
            Some(Flow::In) => say!(
                l,
                "Поступило {during}{with}: **{income}**.{largest}",
                "Received {during}{with}: **{income}**.{largest}"
            ),
            Some(Flow::Out) => say!(
                l,
                "Списано {during}{with}: **{outcome}**.{largest}",
                "Paid out {during}{with}: **{outcome}**.{largest}"
            ),
            None if rows.is_empty() => say!(
                l,
                "Движения денег {during}{with} не было.",
                "No money moved {during}{with}."
            ),
            None => say!(
                l,
                "Деньги {during}{with}: поступило **{income}**, списано **{outcome}**, разница **{net}**.",
                "Money {during}{with}: received **{income}**, paid out **{outcome}**, net **{net}**."
            ),
        };
        let (key, what) = match self.frame.flow {
            Some(Flow::Out) => ("out", say!(l, "сумма списаний", "amount paid out")),
            Some(Flow::In) | None => ("in", say!(l, "сумма поступлений", "amount received")),
        };
        let lead = lead + &self.compared(key, &what);
        self.with_table(lead, &rows, false)
    }

    pub(super) fn taxes(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let mut rows = self.all_rows();
        if let Some(tax) = self.frame.tax {
            rows.retain(|row| {
                let name = words::fold(text_of(row, "name"));
                let account = text_of(row, "account");
                match tax {
                    Tax::Vat => {
                        name.contains("добавлен") || name.contains("ндс") || account.starts_with("68.02")
                    }
                    Tax::Income => {
                        name.contains("ндфл") || name.contains("доходы физ") || account.starts_with("68.01")
                    }
                    Tax::Profit => name.contains("прибыл") || account.starts_with("68.04"),
                    Tax::Contributions => account.starts_with("69"),
                }
            });
        }
        if rows.is_empty() {
            return say!(
                l,
                "Начислений и уплат по таким налогам {during} нет.",
                "Nothing was accrued or paid of such taxes {during}."
            );
        }
        let part = rows.len() < self.report.rows.len();
        let total = |key: &str| {
            self.money(if part {
                rows.iter().map(|row| figure(row, key)).sum()
            } else {
                self.total(key)
            })
        };
        let (accrued, paid, balance) = (total("accrued"), total("paid"), total("balance"));
        let what = if part {
            rows.iter()
                .map(|row| escaped(text_of(row, "name")))
                .collect::<Vec<_>>()
                .join(", ")
        } else {
            say!(l, "Налоги и взносы", "Taxes and contributions")
        };
        let mut lead = say!(
            l,
            "{what} {during}: начислено **{accrued}**, уплачено и зачтено **{paid}**, остаток на конец {balance}.",
            "{what} {during}: accrued **{accrued}**, paid or offset **{paid}**, closing balance {balance}."
        );
        if !part {
            lead += &self.compared("accrued", &say!(l, "сумма начислений", "amount accrued"));
        }
        self.with_table(lead, &rows, !part)
    }
}
