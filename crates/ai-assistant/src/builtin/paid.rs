//! «Оплачен ли счёт № 15?»: the document, the payments of its counterparty since, and what is owed.
//! 1C keeps no link from a payment to an invoice that a report shows, so the answer says what it rests
//! on.

use common::contract::onec::{Match, Report, ReportId, ReportQuery, SubjectKind};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::engine::Turn;
use super::filter;
use super::format::{count, date, escaped, figure, money, say, text};
use super::frame::Pending;
use super::names::{self, Fit};
use crate::chat::draft::Draft;
use crate::tools::OnecError;

type Row = Map<String, Value>;

impl Turn<'_> {
    /// Answers whether a document is paid.
    pub(super) async fn payment_of_document(&mut self) -> Result<Draft, OnecError> {
        let l = self.locale;
        let Some(number) = self.frame.number.clone() else {
            return self.payment_of_counterparty().await;
        };
        let query = ReportQuery {
            number: Some(number.clone()),
            ..self.query(ReportId::Documents)
        };
        let documents = self.toolbox.report(ReportId::Documents, query).await?;
        let number_text = escaped(&number);
        let rows: Vec<&Row> = documents
            .rows
            .iter()
            .filter(|row| {
                self.frame
                    .document_type
                    .is_none_or(|kind| filter::is_of_type(text(row, "type"), kind))
            })
            .collect();
        let document = match rows.as_slice() {
            [] => {
                let words = say!(
                    l,
                    "Документа с номером № {number_text} не нашёл. Проверьте, пожалуйста, номер. [1]",
                    "I found no document No. {number_text}. Please check the number. [1]"
                );
                return Ok(self.told(words, &[&documents]));
            }
            [one] => *one,
            several => {
                let total = count(several.len() as u64, l);
                let mut words = say!(
                    l,
                    "Документов с номером № {number_text} несколько ({total}). Уточните, пожалуйста, вид документа или контрагента. [1]\n",
                    "There are several documents No. {number_text} ({total}). Please name the kind of document or the counterparty. [1]\n"
                );
                for row in several {
                    let (kind, day, whom) = (
                        escaped(text(row, "type")),
                        self.day(row),
                        escaped(text(row, "counterparty")),
                    );
                    words += &say!(l, "\n- {kind} от {day}, {whom}", "\n- {kind} of {day}, {whom}");
                }
                return Ok(self.told(words, &[&documents]));
            }
        };
        let (kind, day, whom) = (
            escaped(text(document, "type")),
            self.day(document),
            escaped(text(document, "counterparty")),
        );
        let amount = figure(document, "amount");
        let amount_text = money(amount, &documents.currency, l);
        let mut words = say!(
            l,
            "**{kind} № {number_text}** от {day}, {whom}, на **{amount_text}** [1].",
            "**{kind} No. {number_text}** of {day}, {whom}, for **{amount_text}** [1]."
        );
        let Some(counterparty) = self.counterparty(text(document, "counterparty")).await? else {
            words += &say!(
                l,
                " Контрагента этого документа в справочнике найти не удалось, поэтому о его оплатах сказать нечего.",
                " Its counterparty could not be found, so nothing can be said of the payments."
            );
            return Ok(self.told(words, &[&documents]));
        };
        let from = text(document, "date").get(..10).and_then(|day| day.parse().ok());
        let query = ReportQuery {
            counterparty: Some(counterparty.id),
            from,
            to: Some(self.around.today),
            ..self.query(ReportId::Statement)
        };
        let statement = self.toolbox.report(ReportId::Statement, query).await?;
        words += &self.payments(&statement, amount);
        Ok(self.told(words, &[&documents, &statement]))
    }

    /// What the statement since the day of the document tells of payments.
    fn payments(&self, statement: &Report, amount: Decimal) -> String {
        let l = self.locale;
        let is_payment = |row: &&Row| {
            let title = super::words::fold(text(row, "document"));
            [
                "расчетн",
                "наличн",
                "платеж",
                "оплат",
                "списание",
                "касс",
                "эквайр",
                "payment",
                "bank",
                "cash",
            ]
            .iter()
            .any(|part| title.contains(part))
        };
        let payments: Vec<&Row> = statement.rows.iter().filter(is_payment).collect();
        // Either side: an invoice of ours is paid on the credit, one of theirs on the debit.
        let paid_by = |row: &Row| figure(row, "credit").max(figure(row, "debit"));
        let exact = payments
            .iter()
            .find(|row| paid_by(row) == amount && !amount.is_zero());
        let total: Decimal = payments.iter().map(|row| paid_by(row)).sum();
        let closing = figure(&statement.totals, "closing");
        let (total_text, closing_text) = (
            money(total, &statement.currency, l),
            money(closing.abs(), &statement.currency, l),
        );
        let mut words = if let Some(row) = exact {
            let (document, day) = (escaped(text(row, "document")), self.day(row));
            say!(
                l,
                " Похоже, **оплачен**: {document} от {day} — на ту же сумму [2].",
                " It seems **paid**: {document} of {day} is of the same amount [2]."
            )
        } else if payments.is_empty() {
            say!(
                l,
                " Оплат с этого дня **не было** [2].",
                " There have been **no payments** since that day [2]."
            )
        } else if total >= amount {
            say!(
                l,
                " Платежа на ту же сумму нет, но всего с этого дня оплачено **{total_text}** — не меньше суммы документа [2].",
                " No payment is of the same amount, but **{total_text}** has been paid since, which is not less than the document [2]."
            )
        } else {
            say!(
                l,
                " С этого дня оплачено **{total_text}** — меньше суммы документа [2].",
                " **{total_text}** has been paid since that day, less than the document [2]."
            )
        };
        words += &if closing.is_zero() {
            say!(
                l,
                " Сальдо расчётов — ноль.",
                " The balance of settlements is zero."
            )
        } else if closing.is_sign_positive() {
            say!(
                l,
                " По расчётам должны нам: {closing_text}.",
                " They owe us {closing_text} in all."
            )
        } else {
            say!(
                l,
                " По расчётам должны мы: {closing_text}.",
                " We owe them {closing_text} in all."
            )
        };
        words
            + &say!(
                l,
                "\n\nСвязи платежа с документом отчёты 1С не показывают: вывод сделан по суммам и датам взаиморасчётов.",
                "\n\nReports of 1C do not link payments to documents: this is concluded from the amounts and days of settlements."
            )
    }

    /// Without a number: what the counterparty has paid and still owes.
    async fn payment_of_counterparty(&mut self) -> Result<Draft, OnecError> {
        let l = self.locale;
        let Some(counterparty) = self.found(SubjectKind::Counterparty).cloned() else {
            let draft = Draft::words(say!(
                l,
                "Об оплате какого документа вы спрашиваете? Назовите его номер.",
                "Which document do you mean? Give its number."
            ));
            return Ok(self.done(draft, Some(Pending::Number)));
        };
        let query = ReportQuery {
            counterparty: Some(counterparty.id),
            ..self.query(ReportId::Statement)
        };
        let statement = self.toolbox.report(ReportId::Statement, query).await?;
        let name = escaped(&counterparty.name);
        let credit = money(figure(&statement.totals, "credit"), &statement.currency, l);
        let closing = figure(&statement.totals, "closing");
        let closing_text = money(closing.abs(), &statement.currency, l);
        let mut words = say!(
            l,
            "**{name}**: с начала года по кредиту расчётов (оплаты и возвраты) — **{credit}** [1].",
            "**{name}**: payments and returns since the beginning of the year: **{credit}** [1]."
        );
        words += &if closing.is_zero() {
            say!(l, " Никто никому не должен.", " Nobody owes anything.")
        } else if closing.is_sign_positive() {
            say!(
                l,
                " Сейчас должны нам **{closing_text}**.",
                " They owe us **{closing_text}** now."
            )
        } else {
            say!(
                l,
                " Сейчас должны мы **{closing_text}**.",
                " We owe them **{closing_text}** now."
            )
        };
        words += &say!(
            l,
            " Чтобы узнать об одном счёте, назовите его номер.",
            " To ask about one invoice, give its number."
        );
        Ok(self.told(words, &[&statement]))
    }

    /// The counterparty that a document names; only a whole name counts.
    async fn counterparty(&mut self, name: &str) -> Result<Option<Match>, OnecError> {
        if name.is_empty() {
            return Ok(None);
        }
        let found = self.toolbox.find(SubjectKind::Counterparty, name).await?;
        Ok(found
            .into_iter()
            .find(|candidate| candidate.name == name || names::fit(name, candidate) == Fit::Whole))
    }

    fn day(&self, row: &Row) -> String {
        text(row, "date")
            .get(..10)
            .and_then(|day| day.parse().ok())
            .map_or_else(String::new, |day| date(day, self.locale))
    }

    fn told(&self, words: String, reports: &[&Report]) -> Draft {
        let mut draft = Draft::words(words).suggest(super::suggest::next(&self.frame, self.locale));
        draft.add_reports(reports, self.locale, self.around.zone);
        self.done(draft, None)
    }
}
