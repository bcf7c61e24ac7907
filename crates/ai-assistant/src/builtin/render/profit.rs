//! Gross profit in words.

use common::contract::onec::{GroupBy, SubjectKind};
use rust_decimal::Decimal;

use super::View;
use super::turnovers::whom;
use crate::builtin::format::{figure, percent, say, text as text_of};

impl View<'_> {
    pub(super) fn gross_profit(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let mut of = String::new();
        for kind in [
            SubjectKind::Counterparty,
            SubjectKind::Item,
            SubjectKind::Manager,
            SubjectKind::Warehouse,
            SubjectKind::Company,
        ] {
            if let Some(name) = self.name(kind) {
                of += &format!(" ({name})");
            }
        }
        if self.report.rows.is_empty() {
            return say!(l, "Продаж {during}{of} нет.", "There were no sales {during}{of}.");
        }
        let totals = &self.report.totals;
        if totals.get("gross_profit").is_none_or(serde_json::Value::is_null) {
            return say!(
                l,
                "Прибыль {during}{of} посчитать нельзя: в этой базе нет счёта себестоимости продаж.",
                "The profit {during}{of} cannot be computed: this infobase has no account of the cost of sales."
            );
        }
        let net_key = if totals.contains_key("revenue_without_vat") {
            "revenue_without_vat"
        } else {
            "net"
        };
        let (net, profit) = (self.total(net_key), self.total("gross_profit"));
        let (net_text, cost, profit_text) = (
            self.money(net),
            self.money(self.total("cost")),
            self.money(profit),
        );
        let margin = if net.is_zero() {
            String::new()
        } else {
            let margin = percent(profit / net * Decimal::ONE_HUNDRED, l);
            say!(l, ", рентабельность **{margin}**", ", margin **{margin}**")
        };
        let mut lead = say!(
            l,
            "Валовая прибыль {during}{of}: **{profit_text}**{margin} (выручка без НДС {net_text}, себестоимость {cost}).",
            "Gross profit {during}{of}: **{profit_text}**{margin} (revenue without VAT {net_text}, cost of sales {cost})."
        );
        let mut rows = self.all_rows();
        let by_time = matches!(
            self.report.parameters.group_by,
            Some(GroupBy::Day | GroupBy::Week | GroupBy::Month)
        );
        if by_time {
            rows.sort_by(|a, b| text_of(a, "key").cmp(text_of(b, "key")));
        } else {
            rows.sort_by_key(|row| figure(row, "gross_profit"));
            if !self.frame.least {
                rows.reverse();
            }
            if let Some(first) = rows.first().filter(|_| rows.len() > 1 && !self.report.truncated) {
                let (who, much) = (whom(first), self.money(figure(first, "gross_profit")));
                lead += &if self.frame.least {
                    say!(
                        l,
                        " Меньше всего — **{who}**: {much}.",
                        " The least is **{who}**: {much}."
                    )
                } else {
                    say!(
                        l,
                        " Больше всего — **{who}**: {much}.",
                        " The most is **{who}**: {much}."
                    )
                };
            }
            let losses = rows
                .iter()
                .filter(|row| figure(row, "gross_profit").is_sign_negative())
                .count();
            if losses > 0 {
                lead += &say!(l, " Строк с убытком: {losses}.", " Rows with a loss: {losses}.");
            }
        }
        lead += &self.compared("gross_profit", &say!(l, "валовая прибыль", "gross profit"));
        self.with_table(lead, &rows, true)
    }
}
