//! Balances at a date: debts, stock, money.

use chrono::NaiveDate;
use common::contract::onec::{Match, SubjectKind};

use super::{Row, View};
use crate::builtin::format::{count, date, escaped, figure, quantity, say, text as text_of};
use crate::builtin::names::{self, Fit};
use crate::builtin::words;

impl View<'_> {
    pub(super) fn debts(&self, receivable: bool) -> String {
        let (l, at) = (self.locale, self.at());
        let (debt, overdue, advance) = (self.total("debt"), self.total("overdue"), self.total("advance"));
        let (debt_text, overdue_text) = (self.money(debt), self.money(overdue));
        let rows = self.all_rows();
        if let Some(name) = self.name(SubjectKind::Counterparty) {
            let mut lead = if debt.is_zero() && receivable {
                say!(
                    l,
                    "**{name}** на {at} нам ничего не должен (долга нет).",
                    "**{name}** owes us nothing as of {at}."
                )
            } else if debt.is_zero() {
                say!(
                    l,
                    "На {at} мы ничего не должны: **{name}**.",
                    "As of {at} we owe nothing to **{name}**."
                )
            } else if receivable {
                say!(
                    l,
                    "**{name}** на {at} должен нам **{debt_text}**, просрочено {overdue_text}.",
                    "**{name}** owes us **{debt_text}** as of {at}; overdue: {overdue_text}."
                )
            } else {
                say!(
                    l,
                    "Мы должны контрагенту **{name}** на {at} **{debt_text}**, просрочено {overdue_text}.",
                    "We owe **{name}** **{debt_text}** as of {at}; overdue: {overdue_text}."
                )
            };
            lead += &self.due(&rows);
            if !advance.is_zero() {
                let advance = self.money(advance);
                lead += &if receivable {
                    say!(
                        l,
                        " Его аванс у нас: {advance}.",
                        " Its advance with us: {advance}."
                    )
                } else {
                    say!(
                        l,
                        " Наш аванс у него: {advance}.",
                        " Our advance with it: {advance}."
                    )
                };
            }
            return self.with_table(lead, &rows, false);
        }
        let Some(first) = self.report.rows.first() else {
            return match (receivable, self.frame.overdue) {
                (true, false) => say!(
                    l,
                    "На {at} нам никто не должен.",
                    "Nobody owes us anything as of {at}."
                ),
                (true, true) => say!(
                    l,
                    "На {at} просроченных долгов перед нами нет.",
                    "There are no overdue receivables as of {at}."
                ),
                (false, false) => say!(l, "На {at} мы никому не должны.", "We owe nobody as of {at}."),
                (false, true) => say!(
                    l,
                    "На {at} у нас нет просроченных долгов.",
                    "We have no overdue debts as of {at}."
                ),
            };
        };
        let who = escaped(text_of(first, "counterparty"));
        let (first_debt, first_overdue) = (
            self.money(figure(first, "debt")),
            self.money(figure(first, "overdue")),
        );
        // Only of the overdue: the other list also has counterparties with nothing but an advance.
        let number = count(self.report.row_count, l);
        let mut lead = match (receivable, self.frame.overdue) {
            (true, false) => say!(
                l,
                "Больше всех на {at} нам должен **{who}** — {first_debt}, из них просрочено {first_overdue}. Всего нам должны **{debt_text}**, просрочено **{overdue_text}**.",
                "The largest debtor as of {at} is **{who}**: {first_debt}, of which {first_overdue} is overdue. In total we are owed **{debt_text}**, **{overdue_text}** of it overdue."
            ),
            (true, true) => say!(
                l,
                "Просрочено на {at}: **{overdue_text}** (контрагентов: {number}, их общий долг {debt_text}). Первый в списке — **{who}**: просрочено {first_overdue} из {first_debt}.",
                "Overdue as of {at}: **{overdue_text}** (counterparties: {number}, their whole debt {debt_text}). First is **{who}**: {first_overdue} overdue of {first_debt}."
            ),
            (false, false) => say!(
                l,
                "Больше всего на {at} мы должны **{who}** — {first_debt}. Всего мы должны **{debt_text}**, просрочено **{overdue_text}**.",
                "As of {at} we owe the most to **{who}**: {first_debt}. In total we owe **{debt_text}**, **{overdue_text}** of it overdue."
            ),
            (false, true) => say!(
                l,
                "Мы просрочили на {at} **{overdue_text}** (контрагентов: {number}, общий долг им {debt_text}). Первый в списке — **{who}**: просрочено {first_overdue}.",
                "We are overdue by **{overdue_text}** as of {at} (counterparties: {number}, our whole debt to them {debt_text}). First is **{who}**: {first_overdue} overdue."
            ),
        };
        lead += &self.due(&rows);
        if !advance.is_zero() && !self.frame.overdue {
            let advance = self.money(advance);
            lead += &if receivable {
                say!(
                    l,
                    " Авансы покупателей: {advance}.",
                    " Advances of customers: {advance}."
                )
            } else {
                say!(
                    l,
                    " Авансы поставщикам: {advance}.",
                    " Advances to suppliers: {advance}."
                )
            };
        }
        self.with_table(lead, &rows, true)
    }

    /// The due date nearest from today, and those that have passed.
    pub(super) fn due(&self, rows: &[&Row]) -> String {
        let days = || {
            rows.iter()
                .filter_map(|row| text_of(row, "due_date").get(..10)?.parse::<NaiveDate>().ok())
        };
        let l = self.locale;
        // Of a part of the rows nothing can be said of the earliest.
        let Some(first) = days().min().filter(|_| !self.report.truncated) else {
            return String::new();
        };
        let first_text = date(first, l);
        if first >= self.today {
            return say!(
                l,
                " Ближайший срок оплаты — {first_text}.",
                " The nearest due date is {first_text}."
            );
        }
        say!(
            l,
            " Самый ранний срок оплаты — {first_text}.",
            " The earliest due date is {first_text}."
        )
    }

    pub(super) fn stock(&self) -> String {
        let (l, at) = (self.locale, self.at());
        let rows = self.all_rows();
        let place = self.name(SubjectKind::Warehouse);
        let place = place
            .map(|name| say!(l, " на складе «{name}»", " in the warehouse “{name}”"))
            .unwrap_or_default();
        let cost = self.money(self.total("cost"));
        if let Some(name) = self.name(SubjectKind::Item) {
            if rows.is_empty() {
                return say!(
                    l,
                    "**{name}**: на {at}{place} остатка нет.",
                    "**{name}**: nothing in stock{place} as of {at}."
                );
            }
            // Pieces and kilograms have no sum.
            let unit_of = |row: &&Row| text_of(row, "unit").to_owned();
            let single = rows.windows(2).all(|pair| unit_of(&pair[0]) == unit_of(&pair[1]));
            let lead = if single && !self.report.truncated {
                let unit = escaped(text_of(rows[0], "unit"));
                let amount = quantity(self.total("quantity"), l);
                say!(
                    l,
                    "**{name}**: на {at}{place} — **{amount} {unit}**, по себестоимости {cost}.",
                    "**{name}**: **{amount} {unit}** in stock{place} as of {at}, at a cost of {cost}."
                )
            } else {
                let number = count(self.report.row_count, l);
                say!(
                    l,
                    "**{name}**: на {at}{place} строк остатков — {number}, по себестоимости **{cost}**.",
                    "**{name}**: {number} rows of stock{place} as of {at}, at a cost of **{cost}**."
                )
            };
            return self.with_table(lead, &rows, single);
        }
        if rows.is_empty() {
            return say!(
                l,
                "На {at}{place} остатков нет.",
                "There is nothing in stock{place} as of {at}."
            );
        }
        let number = count(self.report.row_count, l);
        let lead = say!(
            l,
            "Остатки на {at}{place}: **{cost}** по себестоимости, строк — {number}.",
            "Stock as of {at}{place}: **{cost}** at cost, {number} rows."
        );
        self.with_table(lead, &rows, true)
    }

    pub(super) fn cash(&self) -> String {
        let (l, at) = (self.locale, self.at());
        let desk = |row: &&Row| {
            let account = words::fold(text_of(row, "account"));
            account.contains("касс") || account.contains("50.01") || account.contains("cash")
        };
        let named: Vec<&str> = self
            .frame
            .names
            .iter()
            .filter(|name| name.found.is_none())
            .map(|name| name.mention.text.as_str())
            .collect();
        let mut rows = self.all_rows();
        if !named.is_empty() {
            rows.retain(|row| {
                named.iter().all(|name| {
                    ["account", "organization"].iter().any(|key| {
                        let candidate = Match {
                            infobase_id: None,
                            id: uuid::Uuid::nil(),
                            kind: SubjectKind::Company,
                            name: text_of(row, key).to_owned(),
                            code: None,
                            score: 0.0,
                        };
                        names::fit(name, &candidate) >= Fit::Words
                    })
                })
            });
            if rows.is_empty() {
                let named = escaped(&named.join(", "));
                return say!(
                    l,
                    "Счёта или кассы «{named}» в отчёте о деньгах на {at} нет.",
                    "There is no account or cash desk “{named}” in the report on money as of {at}."
                );
            }
        }
        if self.frame.cash_desk && rows.iter().any(desk) {
            rows.retain(desk);
        }
        if self.frame.bank && named.is_empty() {
            rows.retain(|row| !desk(row));
        }
        if rows.is_empty() {
            return say!(
                l,
                "На {at} денег на счетах и в кассе нет.",
                "There is no money in the bank or in cash as of {at}."
            );
        }
        if rows.len() < self.report.rows.len() {
            let sum = self.money(rows.iter().map(|row| figure(row, "balance")).sum());
            let lead = if named.is_empty() && self.frame.bank {
                say!(
                    l,
                    "На банковских счетах на {at} — **{sum}**.",
                    "In the bank as of {at}: **{sum}**."
                )
            } else if named.is_empty() {
                say!(
                    l,
                    "В кассе на {at} — **{sum}**.",
                    "In cash as of {at}: **{sum}**."
                )
            } else {
                let named = escaped(&named.join(", "));
                say!(
                    l,
                    "По отбору «{named}» на {at} — **{sum}**.",
                    "“{named}” as of {at}: **{sum}**."
                )
            };
            return self.with_table(lead, &rows, false);
        }
        let balance = self.money(self.total("balance"));
        let lead = say!(
            l,
            "На счетах и в кассе на {at} — **{balance}**.",
            "Money in the bank and in cash as of {at}: **{balance}**."
        );
        self.with_table(lead, &rows, true)
    }
}
