//! One account by its correspondents or entries, and goods that came and went.

use common::contract::onec::SubjectKind;
use rust_decimal::Decimal;

use super::View;
use crate::builtin::format::{count, escaped, figure, quantity, say, text as text_of};

impl View<'_> {
    fn account(&self) -> String {
        self.report
            .parameters
            .account
            .as_deref()
            .or(self.frame.account.as_deref())
            .map(escaped)
            .unwrap_or_default()
    }

    /// «Дт 1 200,00 ₽», «Кт …» or nothing at all.
    fn side(&self, debit: Decimal, credit: Decimal) -> String {
        let l = self.locale;
        let balance = debit - credit;
        let text = self.money(balance.abs());
        if balance.is_zero() {
            say!(l, "нет", "none")
        } else if balance.is_sign_positive() {
            say!(l, "Дт {text}", "Dr {text}")
        } else {
            say!(l, "Кт {text}", "Cr {text}")
        }
    }

    pub(super) fn account_analysis(&self) -> String {
        let (l, during, account) = (self.locale, self.during(), self.account());
        let opening = self.side(self.total("opening_debit"), self.total("opening_credit"));
        let closing = self.side(self.total("closing_debit"), self.total("closing_credit"));
        let rows = self.all_rows();
        if rows.is_empty() {
            return say!(
                l,
                "По счёту {account} {during} оборотов нет, сальдо: {closing}.",
                "Account {account} has no turnovers {during}; its balance: {closing}."
            );
        }
        let (debit, credit) = (self.money(self.total("debit")), self.money(self.total("credit")));
        let mut lead = say!(
            l,
            "Анализ счёта {account} {during}: сальдо на начало {opening}, обороты Дт **{debit}** / Кт **{credit}**, сальдо на конец **{closing}**.",
            "Analysis of account {account} {during}: opening {opening}, turnovers Dr **{debit}** / Cr **{credit}**, closing **{closing}**."
        );
        for (key, ru, en) in [
            ("debit", "в дебет", "to the debit"),
            ("credit", "в кредит", "to the credit"),
        ] {
            let largest = rows.iter().max_by_key(|row| figure(row, key));
            if let Some(row) = largest.filter(|row| !self.report.truncated && !figure(row, key).is_zero()) {
                let (other, name) = (escaped(text_of(row, "account")), escaped(text_of(row, "name")));
                let much = self.money(figure(row, key));
                lead += &say!(
                    l,
                    " Больше всего {ru} — с {other} ({name}): {much}.",
                    " The most {en} is with {other} ({name}): {much}."
                );
            }
        }
        self.with_table(lead, &rows, false)
    }

    pub(super) fn account_card(&self) -> String {
        let (l, during, account) = (self.locale, self.during(), self.account());
        let rows = self.all_rows();
        let signed = |key: &str| {
            let balance = self.total(key);
            if balance.is_sign_negative() {
                self.side(Decimal::ZERO, -balance)
            } else {
                self.side(balance, Decimal::ZERO)
            }
        };
        let sides = |name: &str| {
            let debit = format!("{name}_debit");
            if self.report.totals.contains_key(&debit) {
                self.side(self.total(&debit), self.total(&format!("{name}_credit")))
            } else {
                signed(name)
            }
        };
        let (opening, closing) = (sides("opening"), sides("closing"));
        if rows.is_empty() {
            return say!(
                l,
                "Записей по счёту {account} {during} нет, сальдо: {closing}.",
                "There are no entries of account {account} {during}; its balance: {closing}."
            );
        }
        let number = count(self.report.row_count, l);
        let (debit, credit) = (self.money(self.total("debit")), self.money(self.total("credit")));
        let lead = say!(
            l,
            "Карточка счёта {account} {during}: записей **{number}**, сальдо на начало {opening}, обороты Дт **{debit}** / Кт **{credit}**, сальдо на конец **{closing}**.",
            "Card of account {account} {during}: **{number}** entries, opening {opening}, turnovers Dr **{debit}** / Cr **{credit}**, closing **{closing}**."
        );
        self.with_table(lead, &rows, false)
    }

    pub(super) fn stock_turnover(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let rows = self.all_rows();
        let place = self
            .name(SubjectKind::Warehouse)
            .map(|name| say!(l, " на складе «{name}»", " in the warehouse “{name}”"))
            .unwrap_or_default();
        let item = self.name(SubjectKind::Item);
        let what = item
            .as_ref()
            .map(|name| format!(" (**{name}**)"))
            .unwrap_or_default();
        if rows.is_empty() {
            return say!(
                l,
                "Движения товаров {during}{place}{what} не было.",
                "No goods moved {during}{place}{what}."
            );
        }
        let cost = |key: &str| self.money(self.total(key));
        let (opening, received, issued, closing) = (
            cost("opening_cost"),
            cost("received_cost"),
            cost("issued_cost"),
            cost("closing_cost"),
        );
        let mut lead = say!(
            l,
            "Товары {during}{place}{what}: на начало {opening}, приход **{received}**, расход **{issued}**, на конец **{closing}** (по себестоимости).",
            "Goods {during}{place}{what}: opening {opening}, received **{received}**, issued **{issued}**, closing **{closing}** (at cost)."
        );
        // Pieces and kilograms have no sum.
        let unit = text_of(rows[0], "unit");
        let single = rows.iter().all(|row| text_of(row, "unit") == unit);
        if item.is_some() && single && !self.report.truncated {
            let amount = |key: &str| quantity(rows.iter().map(|row| figure(row, key)).sum(), l);
            let (came, went, left) = (
                amount("received_quantity"),
                amount("issued_quantity"),
                amount("closing_quantity"),
            );
            let unit = escaped(unit);
            lead += &say!(
                l,
                " В количестве: приход {came} {unit}, расход {went} {unit}, остаток {left} {unit}.",
                " In quantity: received {came} {unit}, issued {went} {unit}, left {left} {unit}."
            );
        }
        self.with_table(lead, &rows, true)
    }
}
