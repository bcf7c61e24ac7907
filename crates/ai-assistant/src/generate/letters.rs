//! Documents by template. They are business letters in Russian; the figures are of reports.

use chrono::NaiveDate;
use common::Locale;
use common::contract::onec::{Match, Report};
use serde_json::{Map, Value};

use crate::builtin::format::{date, during, escaped, figure, money, text};
use crate::builtin::period::Span;

/// What the caller fills in.
pub(super) struct Fields<'a>(pub(super) &'a Map<String, Value>);

impl Fields<'_> {
    /// A value, or a place to fill in by hand.
    fn or_blank(&self, name: &str, blank: &str) -> String {
        self.get(name).map_or_else(|| format!("[{blank}]"), escaped)
    }

    /// A value, if it was given.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    fn signature(&self) -> String {
        let position = self.or_blank("position", "должность");
        let signatory = self.or_blank("signatory", "Ф. И. О.");
        let company = self.or_blank("company_name", "наименование организации");
        format!("С уважением,\n\n{position}\n{company}\n{signatory}")
    }
}

/// A reminder of a debt. `None` when nothing is owed.
pub(super) fn reminder(
    debtor: &Match,
    report: &Report,
    today: NaiveDate,
    fields: &Fields<'_>,
) -> Option<String> {
    let debt = figure(&report.totals, "debt");
    if debt.is_zero() {
        return None;
    }
    let sum = |value| money(value, &report.currency, Locale::Ru);
    let overdue = figure(&report.totals, "overdue");
    let at = date(report.parameters.date.unwrap_or(today), Locale::Ru);
    let name = escaped(&debtor.name);
    let due = report
        .rows
        .iter()
        .filter_map(|row| text(row, "due_date").get(..10)?.parse::<NaiveDate>().ok())
        .min()
        .map(|due| format!(" Самый ранний срок оплаты — {}.", date(due, Locale::Ru)))
        .unwrap_or_default();
    let late = if overdue.is_zero() {
        "Срок оплаты ещё не наступил; просим внести платёж вовремя.".to_owned()
    } else {
        format!(
            "Срок оплаты по сумме **{}** истёк. Просим погасить её в ближайшее время либо сообщить дату платежа.",
            sum(overdue)
        )
    };
    let our = fields.or_blank("company_name", "наименование организации");
    let signature = fields.signature();
    let day = date(today, Locale::Ru);
    let debt = sum(debt);
    Some(format!(
        "{day}\n\nКому: {name}\n\n**О задолженности**\n\nУважаемые партнёры!\n\n\
         По данным нашего учёта на {at} ваша задолженность перед {our} составляет **{debt}**.{due}\n\n{late}\n\n\
         Если оплата уже произведена, просим направить копию платёжного документа. Для сверки расчётов мы готовы прислать акт.\n\n{signature}"
    ))
}

/// A letter that goes with a reconciliation statement.
pub(super) fn reconciliation_cover(
    partner: &Match,
    report: &Report,
    today: NaiveDate,
    fields: &Fields<'_>,
) -> String {
    let closing = figure(&report.totals, "closing");
    let amount = money(closing.abs(), &report.currency, Locale::Ru);
    let our = fields.or_blank("company_name", "наименование организации");
    let name = escaped(&partner.name);
    let balance = if closing.is_zero() {
        "взаимная задолженность отсутствует".to_owned()
    } else if closing.is_sign_positive() {
        format!("задолженность {name} в пользу {our} составляет **{amount}**")
    } else {
        format!("задолженность {our} в пользу {name} составляет **{amount}**")
    };
    let period = match (report.parameters.from, report.parameters.to) {
        (Some(from), Some(to)) => during(Span::of(from, to), Locale::Ru),
        _ => String::new(),
    };
    let at = date(report.parameters.to.unwrap_or(today), Locale::Ru);
    let (day, signature) = (date(today, Locale::Ru), fields.signature());
    format!(
        "{day}\n\nКому: {name}\n\n**О сверке взаимных расчётов**\n\nУважаемые партнёры!\n\n\
         Направляем акт сверки взаимных расчётов {period}. По данным нашего учёта на {at} {balance}.\n\n\
         Просим проверить акт, подписать его и вернуть один экземпляр. При расхождениях пришлите, пожалуйста, ваш вариант с указанием документов.\n\n{signature}"
    )
}

/// The head of a commercial offer. It has no figures: prices are the sender's to fill in.
pub(super) fn offer(addressee: Option<&str>, today: NaiveDate, fields: &Fields<'_>) -> String {
    let to = addressee.map_or_else(|| "[получатель]".to_owned(), escaped);
    let our = fields.or_blank("company_name", "наименование организации");
    let subject = fields.or_blank("subject", "предмет предложения");
    let until = fields.or_blank("valid_until", "дата");
    let (day, signature) = (date(today, Locale::Ru), fields.signature());
    format!(
        "{day}\n\nКому: {to}\n\n**Коммерческое предложение**\n\nУважаемые партнёры!\n\n\
         {our} предлагает вам: {subject}.\n\n\
         | Наименование | Количество | Цена | Сумма |\n| --- | ---: | ---: | ---: |\n| [наименование] | [количество] | [цена] | [сумма] |\n\n\
         Условия оплаты: [условия оплаты]. Условия поставки: [условия поставки]. Предложение действует до {until}.\n\n{signature}"
    )
}
