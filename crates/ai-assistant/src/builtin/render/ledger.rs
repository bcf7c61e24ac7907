//! Accounts, documents and the card of a counterparty.

use common::contract::onec::SubjectKind;

use super::View;
use crate::builtin::format::{count, escaped, say, text as text_of};

impl View<'_> {
    pub(super) fn trial_balance(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let account = self.report.parameters.account.as_deref().map(escaped);
        let of = account
            .map(|account| say!(l, " по счёту {account}", " of account {account}"))
            .unwrap_or_default();
        let rows = self.all_rows();
        if rows.is_empty() {
            return say!(
                l,
                "Оборотов и остатков{of} {during} нет.",
                "There are no turnovers or balances{of} {during}."
            );
        }
        let t = |key: &str| self.money(self.total(key));
        let (opening_debit, opening_credit) = (t("opening_debit"), t("opening_credit"));
        let (debit, credit) = (t("turnover_debit"), t("turnover_credit"));
        let (closing_debit, closing_credit) = (t("closing_debit"), t("closing_credit"));
        let lead = say!(
            l,
            "Оборотно-сальдовая ведомость{of} {during}: сальдо на начало Дт {opening_debit} / Кт {opening_credit}, обороты Дт **{debit}** / Кт **{credit}**, сальдо на конец Дт **{closing_debit}** / Кт **{closing_credit}**.",
            "Trial balance{of} {during}: opening Dr {opening_debit} / Cr {opening_credit}, turnovers Dr **{debit}** / Cr **{credit}**, closing Dr **{closing_debit}** / Cr **{closing_credit}**."
        );
        self.with_table(lead, &rows, true)
    }

    pub(super) fn statement(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let name = self.name(SubjectKind::Counterparty).unwrap_or_default();
        let (opening, closing) = (self.total("opening"), self.total("closing"));
        let (opening_text, closing_text) = (self.money(opening), self.money(closing.abs()));
        let (debit, credit) = (self.money(self.total("debit")), self.money(self.total("credit")));
        let whose = if closing.is_zero() {
            say!(l, "никто никому не должен", "nobody owes anything")
        } else if closing.is_sign_positive() {
            say!(
                l,
                "**{closing_text}** в нашу пользу (должны нам)",
                "**{closing_text}** in our favour (they owe us)"
            )
        } else {
            say!(
                l,
                "**{closing_text}** в пользу контрагента (должны мы)",
                "**{closing_text}** in their favour (we owe them)"
            )
        };
        let lead = say!(
            l,
            "Акт сверки с **{name}** {during}: сальдо на начало {opening_text}, обороты по дебету {debit}, по кредиту {credit}, сальдо на конец — {whose}.",
            "Reconciliation statement with **{name}** {during}: opening balance {opening_text}, debit {debit}, credit {credit}, closing balance: {whose}."
        );
        self.with_table(lead, &self.all_rows(), false)
    }

    pub(super) fn card(&self) -> String {
        let l = self.locale;
        let name = self.name(SubjectKind::Counterparty).unwrap_or_default();
        let lead = say!(l, "Реквизиты: **{name}**.", "Requisites of **{name}**.");
        self.with_table(lead, &self.all_rows(), false)
    }

    pub(super) fn documents(&self) -> String {
        let l = self.locale;
        let rows = self.all_rows();
        let number = count(self.report.row_count, l);
        if rows.is_empty() {
            return if self.frame.unposted {
                say!(
                    l,
                    "Непроведённых документов нет.",
                    "There are no unposted documents."
                )
            } else {
                say!(l, "Таких документов нет.", "There are no such documents.")
            };
        }
        let lead = if self.frame.unposted {
            say!(
                l,
                "Непроведённых документов: **{number}**.",
                "Unposted documents: **{number}**."
            )
        } else {
            let shown = count(rows.len().min(self.limit()) as u64, l);
            let during = self.during();
            if during.is_empty() {
                say!(
                    l,
                    "Последние документы: {shown}.",
                    "The latest documents: {shown}."
                )
            } else {
                say!(
                    l,
                    "Документов {during}: **{number}**.",
                    "Documents {during}: **{number}**."
                )
            }
        };
        self.with_table(lead, &rows, false)
    }

    pub(super) fn postings(&self) -> String {
        let l = self.locale;
        let number = self.frame.number.as_deref().map(escaped).unwrap_or_default();
        let rows = self.all_rows();
        if rows.is_empty() {
            return say!(
                l,
                "Проводок документа № {number} нет: такого документа нет или он не проведён.",
                "There are no entries of document No. {number}: it does not exist or is not posted."
            );
        }
        let mut documents: Vec<&str> = rows.iter().map(|row| text_of(row, "document")).collect();
        documents.dedup();
        let lines = count(self.report.row_count, l);
        let amount = self.money(self.total("amount"));
        let mut lead = say!(
            l,
            "Проводок документа № {number}: **{lines}**, на сумму **{amount}**.",
            "Entries of document No. {number}: **{lines}**, amounting to **{amount}**."
        );
        if documents.len() > 1 {
            let several = count(documents.len() as u64, l);
            lead += &say!(
                l,
                " С таким номером есть несколько документов ({several}).",
                " Several documents have this number ({several})."
            );
        }
        self.with_table(lead, &rows, false)
    }
}
