//! What to ask next: questions near the one that has been answered, about the same name and period.

use common::Locale;
use common::contract::onec::{GroupBy, SubjectKind};

use super::format::say;
use super::frame::Frame;
use super::intent::Intent;

/// Questions that are proposed at most.
const MOST: usize = 4;

/// What to ask next.
pub(super) fn next(frame: &Frame, locale: Locale) -> Vec<String> {
    let name = |kind| {
        frame
            .names
            .iter()
            .filter_map(|name| name.found.as_ref())
            .find(|found| found.kind == kind)
            .map(|found| found.name.as_str())
    };
    let mut questions = match (name(SubjectKind::Counterparty), name(SubjectKind::Item)) {
        (Some(counterparty), _) => of_counterparty(frame.intent, counterparty, locale),
        (_, Some(item)) => of_item(frame.intent, item, locale),
        _ => Vec::new(),
    };
    questions.extend(of_report(frame, locale));
    questions.truncate(MOST);
    questions
}

fn of_counterparty(intent: Intent, name: &str, locale: Locale) -> Vec<String> {
    let mut questions = Vec::new();
    if !matches!(intent, Intent::Receivables | Intent::Payables) {
        questions.push(say!(
            locale,
            "Сколько нам должен «{name}»?",
            "How much does “{name}” owe us?"
        ));
    }
    if intent != Intent::Statement {
        questions.push(say!(
            locale,
            "Акт сверки с «{name}» за этот год",
            "Reconciliation statement with “{name}” for this year"
        ));
    }
    if intent != Intent::CounterpartyCard {
        questions.push(say!(locale, "Реквизиты «{name}»", "Requisites of “{name}”"));
    }
    questions
}

fn of_item(intent: Intent, name: &str, locale: Locale) -> Vec<String> {
    let mut questions = Vec::new();
    if intent != Intent::Stock {
        questions.push(say!(
            locale,
            "Сколько «{name}» на складе?",
            "How much “{name}” is in stock?"
        ));
    }
    if intent != Intent::Sales {
        questions.push(say!(
            locale,
            "Продажи товара «{name}» за прошлый месяц",
            "Sales of item “{name}” last month"
        ));
    }
    if intent != Intent::StockTurnover {
        questions.push(say!(
            locale,
            "Движение товара «{name}» за прошлый месяц",
            "Movement of item “{name}” last month"
        ));
    }
    questions
}

fn of_report(frame: &Frame, locale: Locale) -> Vec<String> {
    let mut questions: Vec<(&str, &str)> = Vec::new();
    match frame.intent {
        Intent::Receivables => {
            if !frame.overdue {
                questions.push(("Только просроченная дебиторка", "Only overdue receivables"));
            }
            questions.push(("А на начало месяца?", "What about the beginning of the month?"));
            questions.push(("Кому должны мы?", "Whom do we owe?"));
        }
        Intent::Payables => {
            if !frame.overdue {
                questions.push(("Только просроченная кредиторка", "Only overdue payables"));
            }
            questions.push(("Сколько денег на счетах?", "How much money do we have?"));
            questions.push(("Кто должен нам?", "Who owes us?"));
        }
        Intent::Stock => {
            questions.push(("А на начало месяца?", "What about the beginning of the month?"));
            questions.push((
                "Движение товаров за прошлый месяц",
                "Movement of goods last month",
            ));
            questions.push(("Топ-10 товаров за прошлый месяц", "Top 10 products last month"));
        }
        Intent::Sales | Intent::GrossProfit => {
            if frame.group_by != Some(GroupBy::Manager) {
                questions.push(("А по менеджерам?", "What about by manager?"));
            }
            if frame.group_by != Some(GroupBy::Item) {
                questions.push(("А по товарам?", "What about by item?"));
            }
            if frame.compare.is_none() {
                questions.push((
                    "А по сравнению с прошлым периодом?",
                    "Compare with the previous period",
                ));
            }
            questions.push(("А за прошлый месяц?", "What about last month?"));
        }
        Intent::Cash => {
            questions.push((
                "Приход и расход денег за прошлый месяц",
                "Cash flow for last month",
            ));
            questions.push(("Кому должны мы?", "Whom do we owe?"));
        }
        Intent::CashFlow => {
            questions.push(("А за прошлый месяц?", "What about last month?"));
            questions.push(("А по неделям?", "What about by week?"));
            questions.push(("Сколько денег на счетах?", "How much money do we have?"));
        }
        Intent::Taxes => {
            questions.push(("А за прошлый квартал?", "What about last quarter?"));
            questions.push(("ОСВ по счёту 68", "Trial balance of account 68"));
        }
        Intent::TrialBalance | Intent::AccountAnalysis | Intent::AccountCard => {
            if let Some(account) = &frame.account {
                return of_account(frame.intent, account, locale);
            }
            questions.push(("А за прошлый квартал?", "What about last quarter?"));
        }
        Intent::StockTurnover => {
            questions.push(("А за прошлый месяц?", "What about last month?"));
            questions.push(("Остатки на складе", "What is in stock?"));
        }
        Intent::Statement => questions.push(("А за прошлый год?", "What about last year?")),
        Intent::Documents => {
            if !frame.unposted {
                questions.push(("Непроведённые документы", "Unposted documents"));
            }
            questions.push(("А за прошлый месяц?", "What about last month?"));
        }
        Intent::CounterpartyCard
        | Intent::FindDocument
        | Intent::DocumentPayment
        | Intent::Postings
        | Intent::DebtOfUnknownDirection
        | Intent::CreateDocument
        | Intent::NotCovered(_)
        | Intent::Unclear(_)
        | Intent::Help => {}
    }
    let number = frame
        .number
        .as_deref()
        .filter(|_| frame.intent == Intent::FindDocument);
    let of_document = number.map(|number| {
        [
            say!(
                locale,
                "Проводки документа № {number}",
                "Postings of document No. {number}"
            ),
            say!(
                locale,
                "Оплачен ли документ № {number}?",
                "Is document No. {number} paid?"
            ),
        ]
    });
    questions
        .into_iter()
        .map(|(ru, en)| match locale {
            Locale::Ru => ru.to_owned(),
            Locale::En => en.to_owned(),
        })
        .chain(of_document.into_iter().flatten())
        .collect()
}

fn of_account(intent: Intent, account: &str, locale: Locale) -> Vec<String> {
    let mut questions = Vec::new();
    if intent != Intent::TrialBalance {
        questions.push(say!(
            locale,
            "ОСВ по счёту {account}",
            "Trial balance of account {account}"
        ));
    }
    if intent != Intent::AccountAnalysis {
        questions.push(say!(
            locale,
            "Анализ счёта {account}",
            "Analysis of account {account}"
        ));
    }
    if intent != Intent::AccountCard {
        questions.push(say!(
            locale,
            "Карточка счёта {account}",
            "Card of account {account}"
        ));
    }
    questions.push(say!(locale, "А за прошлый квартал?", "What about last quarter?"));
    questions
}
