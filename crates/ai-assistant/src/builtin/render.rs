//! Reports in words: the direct answer first, then the table it rests on.

use chrono::NaiveDate;
use common::Locale;
use common::contract::onec::{GroupBy, Match, Report, ReportId, ReportQuery, SubjectKind};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::format::{
    self, count, date, during, escaped, figure, money, percent, quantity, say, text as text_of,
};
use super::frame::Frame;
use super::names::{self, Fit};
use super::parse::{Flow, Tax};
use super::period::Span;

/// Rows of a table in the text, unless the question says «топ-20».
const TEXT_ROWS: usize = 10;

type Row = Map<String, Value>;

/// What is to be put in words.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) frame: &'a Frame,
    pub(super) report: &'a Report,
    pub(super) compared: Option<(Span, &'a Report)>,
    pub(super) locale: Locale,
    pub(super) today: NaiveDate,
}

/// What sales are grouped by when the question does not say.
pub(super) fn default_group(query: &ReportQuery) -> GroupBy {
    if query.counterparty.is_some() {
        GroupBy::Item
    } else {
        GroupBy::Counterparty
    }
}

/// The answer.
pub(super) fn text(view: &View<'_>) -> String {
    let mut text = match view.report.report {
        ReportId::Receivables => view.debts(true),
        ReportId::Payables => view.debts(false),
        ReportId::Stock => view.stock(),
        ReportId::Sales => view.sales(),
        ReportId::Cash => view.cash(),
        ReportId::CashFlow => view.cash_flow(),
        ReportId::Taxes => view.taxes(),
        ReportId::TrialBalance => view.trial_balance(),
        ReportId::Statement => view.statement(),
        ReportId::CounterpartyCard => view.card(),
        ReportId::Documents => view.documents(),
        ReportId::Postings => view.postings(),
    };
    // An answer that nothing was found rests on the report as well.
    if !text.contains("[1]") {
        text.push_str(" [1]");
    }
    text
}

impl View<'_> {
    fn money(&self, value: Decimal) -> String {
        money(value, &self.report.currency, self.locale)
    }

    fn total(&self, key: &str) -> Decimal {
        figure(&self.report.totals, key)
    }

    /// The day that a balance is of.
    fn at(&self) -> String {
        date(self.report.parameters.date.unwrap_or(self.today), self.locale)
    }

    /// The period that turnovers are of.
    fn during(&self) -> String {
        match (self.report.parameters.from, self.report.parameters.to) {
            (Some(from), Some(to)) => during(Span::of(from, to), self.locale),
            _ => String::new(),
        }
    }

    fn found(&self, kind: SubjectKind) -> Option<&Match> {
        self.frame
            .names
            .iter()
            .filter_map(|name| name.found.as_ref())
            .find(|found| found.kind == kind)
    }

    fn name(&self, kind: SubjectKind) -> Option<String> {
        self.found(kind).map(|found| escaped(&found.name))
    }

    fn limit(&self) -> usize {
        self.frame
            .top
            .and_then(|top| usize::try_from(top).ok())
            .unwrap_or(match self.report.report {
                ReportId::CounterpartyCard | ReportId::Taxes | ReportId::TrialBalance => 50,
                ReportId::Statement | ReportId::Postings => 30,
                ReportId::Sales
                    if matches!(
                        self.report.parameters.group_by,
                        Some(GroupBy::Day | GroupBy::Month)
                    ) =>
                {
                    31
                }
                _ => TEXT_ROWS,
            })
    }

    fn table(&self, rows: &[&Row], with_totals: bool) -> String {
        let limit = self.limit();
        let mut result = format::table(self.report, rows, limit, with_totals, self.locale);
        let total = if rows.len() == self.report.rows.len() {
            usize::try_from(self.report.row_count).unwrap_or(rows.len())
        } else {
            rows.len()
        };
        let shown = rows.len().min(limit);
        if shown < total {
            let (shown, total) = (count(shown as u64, self.locale), count(total as u64, self.locale));
            result += &say!(
                self.locale,
                "\nПоказано {shown} из {total}.\n",
                "\nShown {shown} of {total}.\n"
            );
        }
        result
    }

    fn all_rows(&self) -> Vec<&Row> {
        self.report.rows.iter().collect()
    }

    fn with_table(&self, lead: String, rows: &[&Row], with_totals: bool) -> String {
        let table = self.table(rows, with_totals);
        if table.is_empty() {
            lead
        } else {
            format!("{lead} [1]\n\n{table}")
        }
    }

    fn debts(&self, receivable: bool) -> String {
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
        let number = count(self.report.row_count, l);
        let mut lead = match (receivable, self.frame.overdue) {
            (true, false) => say!(
                l,
                "Больше всех на {at} нам должен **{who}** — {first_debt}, из них просрочено {first_overdue}. Всего нам должны **{debt_text}**, просрочено **{overdue_text}** (контрагентов: {number}).",
                "The largest debtor as of {at} is **{who}**: {first_debt}, of which {first_overdue} is overdue. In total we are owed **{debt_text}**, **{overdue_text}** of it overdue (counterparties: {number})."
            ),
            (true, true) => say!(
                l,
                "Просрочено на {at}: **{overdue_text}** (контрагентов: {number}, их общий долг {debt_text}). Первый в списке — **{who}**: просрочено {first_overdue} из {first_debt}.",
                "Overdue as of {at}: **{overdue_text}** (counterparties: {number}, their whole debt {debt_text}). First is **{who}**: {first_overdue} overdue of {first_debt}."
            ),
            (false, false) => say!(
                l,
                "Больше всего на {at} мы должны **{who}** — {first_debt}. Всего мы должны **{debt_text}**, просрочено **{overdue_text}** (контрагентов: {number}).",
                "As of {at} we owe the most to **{who}**: {first_debt}. In total we owe **{debt_text}**, **{overdue_text}** of it overdue (counterparties: {number})."
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
    fn due(&self, rows: &[&Row]) -> String {
        let days = || {
            rows.iter()
                .filter_map(|row| text_of(row, "due_date").get(..10)?.parse::<NaiveDate>().ok())
        };
        let l = self.locale;
        let Some(first) = days().min() else {
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

    fn stock(&self) -> String {
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
            let item = |row: &&Row| text_of(row, "item_id").to_owned();
            let single = rows.windows(2).all(|pair| item(&pair[0]) == item(&pair[1]));
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

    fn sales(&self) -> String {
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
            let (who, much) = (
                escaped(text_of(rows[0], "key")),
                self.money(figure(rows[0], "revenue")),
            );
            lead += &say!(
                l,
                " Меньше всего среди проданного — **{who}**: {much}.",
                " The least of what was sold is **{who}**: {much}."
            );
        } else if let Some(first) = rows.first()
            && rows.len() > 1
        {
            let (who, much) = (
                escaped(text_of(first, "key")),
                self.money(figure(first, "revenue")),
            );
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
    fn compared(&self, key: &str, what: &str) -> String {
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

    fn cash(&self) -> String {
        let (l, at) = (self.locale, self.at());
        let desk = |row: &&Row| {
            let account = super::words::fold(text_of(row, "account"));
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

    fn cash_flow(&self) -> String {
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

    fn taxes(&self) -> String {
        let (l, during) = (self.locale, self.during());
        let mut rows = self.all_rows();
        if let Some(tax) = self.frame.tax {
            rows.retain(|row| {
                let name = super::words::fold(text_of(row, "name"));
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
            "{what} {during}: начислено **{accrued}**, уплачено **{paid}**, остаток на конец {balance}.",
            "{what} {during}: accrued **{accrued}**, paid **{paid}**, closing balance {balance}."
        );
        if !part {
            lead += &self.compared("accrued", &say!(l, "сумма начислений", "amount accrued"));
        }
        self.with_table(lead, &rows, !part)
    }

    fn trial_balance(&self) -> String {
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

    fn statement(&self) -> String {
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

    fn card(&self) -> String {
        let l = self.locale;
        let name = self.name(SubjectKind::Counterparty).unwrap_or_default();
        let lead = say!(l, "Реквизиты: **{name}**.", "Requisites of **{name}**.");
        self.with_table(lead, &self.all_rows(), false)
    }

    fn documents(&self) -> String {
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
            let shown = count(rows.len() as u64, l);
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

    fn postings(&self) -> String {
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
