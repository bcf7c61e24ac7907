//! Answers without data: what the engine can do, what it cannot, and whom to ask.

use common::Locale;
use common::contract::onec::SubjectKind;

use super::format::say;
use super::intent::{Intent, Topic};
use crate::chat::draft::Draft;

/// Ten questions that are answered.
fn examples(locale: Locale) -> Vec<String> {
    let examples: [&str; 10] = match locale {
        Locale::Ru => [
            "Кто нам должен больше всего и сколько просрочено?",
            "Сколько товара на складе Центральный?",
            "Продажи за прошлый месяц по менеджерам",
            "Сколько денег на счетах и в кассе?",
            "Приход и расход денег за прошлый месяц",
            "Кому должны мы и до какого числа?",
            "Сколько налогов начислено и уплачено за квартал?",
            "ОСВ по счёту 62 за квартал",
            "Акт сверки с контрагентом за этот год",
            "Непроведённые документы",
        ],
        Locale::En => [
            "Who owes us the most and how much is overdue?",
            "What is in stock in the warehouse?",
            "Sales for last month by manager",
            "How much money is in the bank and in cash?",
            "Cash flow for last month",
            "Whom do we owe, and until when?",
            "Taxes accrued and paid this quarter",
            "Trial balance of account 62 for this quarter",
            "Reconciliation statement with a customer for this year",
            "Unposted documents",
        ],
    };
    examples.map(str::to_owned).to_vec()
}

fn list(locale: Locale) -> String {
    examples(locale)
        .iter()
        .map(|example| format!("\n- {example}"))
        .collect()
}

/// «Что ты умеешь?»
pub(super) fn help(locale: Locale) -> Draft {
    let list = list(locale);
    Draft::words(say!(
        locale,
        "Я отвечаю на вопросы по данным 1С: долги, остатки, продажи, деньги, налоги, ОСВ, акты сверки, реквизиты, документы и проводки. Например:\n{list}\n\nМожно назвать период («за октябрь», «в прошлом квартале», «с 1 по 15 марта»), контрагента, товар или склад и уточнять ответ: «а за прошлый месяц?», «а по менеджерам?».",
        "I answer questions from 1C data: debts, stock, sales, money, taxes, trial balances, reconciliation statements, requisites, documents and ledger entries. For example:\n{list}\n\nName a period (“in October”, “last quarter”, “from March 1 to March 15”), a counterparty, an item or a warehouse, and narrow an answer down: “and last month?”, “by manager?”."
    ))
    .suggest(examples(locale).into_iter().take(3).collect())
}

/// A question that no rule fits.
pub(super) fn not_understood(locale: Locale) -> Draft {
    let list = list(locale);
    Draft::words(say!(
        locale,
        "Этот вопрос я не понял и не стану угадывать ответ. Встроенный помощник работает по правилам и отвечает на вопросы такого рода:\n{list}\n\nНа свободные вопросы отвечает языковая модель: её подключает администратор.",
        "I did not understand this question and will not guess. The built-in engine works by rules and answers questions such as:\n{list}\n\nFree questions need a language model, which an administrator connects."
    ))
    .suggest(examples(locale).into_iter().take(3).collect())
}

/// A request to write into 1C.
pub(super) fn cannot_write(locale: Locale) -> Draft {
    Draft::words(say!(
        locale,
        "Создавать, проводить и изменять документы в 1С я пока не могу: такое действие потребует вашего подтверждения, и до этого ничего не записывается. Сейчас я только читаю данные. Могу показать, что нужно для документа: реквизиты и долг контрагента, остатки товара.",
        "I cannot create, post or change documents in 1C yet: such an action will need your confirmation, and nothing is written before that. For now I only read. I can show what the document needs: the counterparty's requisites and debt, the stock of goods."
    ))
}

/// A topic that no report covers.
pub(super) fn not_covered(topic: Topic, locale: Locale) -> Draft {
    let what = match (topic, locale) {
        (Topic::Purchases, Locale::Ru) => {
            "о закупках отчёта у меня нет; могу показать долг поставщикам, остатки и платежи поставщикам"
        }
        (Topic::Purchases, Locale::En) => {
            "I have no report on purchases; I can show what we owe to suppliers, stock, and payments to suppliers"
        }
        (Topic::Salary, Locale::Ru) => {
            "данные о зарплате мне недоступны; могу показать начисленные и уплаченные налоги и взносы или ОСВ по счёту 70"
        }
        (Topic::Salary, Locale::En) => {
            "payroll data is not available to me; I can show taxes and contributions, or the trial balance of account 70"
        }
        (Topic::Forecast, Locale::Ru) => {
            "прогнозов я не строю: отвечаю только по тому, что уже есть в 1С. Могу показать, как было: например, продажи по месяцам"
        }
        (Topic::Forecast, Locale::En) => {
            "I make no forecasts and answer only from what is in 1C. I can show how it was: sales by month, for example"
        }
    };
    Draft::words(say!(
        locale,
        "На это ответить не могу: {what}.",
        "I cannot answer that: {what}."
    ))
}

/// The caller has no right to 1C data.
pub(super) fn no_access(locale: Locale) -> Draft {
    Draft::words(say!(
        locale,
        "У вас нет права читать данные 1С (`onec:read`), поэтому ответить цифрами я не могу. Право выдаёт администратор.",
        "You have no right to read 1C data (`onec:read`), so I cannot answer with figures. An administrator grants it."
    ))
}

/// What to ask next.
pub(super) fn follow_ups(intent: Intent, locale: Locale) -> Vec<String> {
    let (ru, en): (&[&str], &[&str]) = match intent {
        Intent::Receivables => (
            &[
                "Только просроченная дебиторка",
                "А на начало месяца?",
                "Кому должны мы?",
            ],
            &[
                "Only overdue receivables",
                "What about the beginning of the month?",
                "Whom do we owe?",
            ],
        ),
        Intent::Payables => (
            &[
                "Только просроченная кредиторка",
                "Сколько денег на счетах?",
                "Кто должен нам?",
            ],
            &[
                "Only overdue payables",
                "How much money do we have?",
                "Who owes us?",
            ],
        ),
        Intent::Stock => (
            &[
                "А на начало месяца?",
                "А по складу Центральный?",
                "Топ-10 товаров за прошлый месяц",
            ],
            &[
                "What about the beginning of the month?",
                "Top 10 products last month",
            ],
        ),
        Intent::Sales => (
            &[
                "А по менеджерам?",
                "А за прошлый месяц?",
                "А по сравнению с прошлым периодом?",
            ],
            &[
                "What about by manager?",
                "What about last month?",
                "Compare with the previous period",
            ],
        ),
        Intent::Cash => (
            &["Приход и расход денег за прошлый месяц", "Кому должны мы?"],
            &["Cash flow for last month", "Whom do we owe?"],
        ),
        Intent::CashFlow => (
            &["А за прошлый месяц?", "Сколько денег на счетах?"],
            &["What about last month?", "How much money do we have?"],
        ),
        Intent::Taxes => (
            &["А за прошлый квартал?", "ОСВ по счёту 68"],
            &["What about last quarter?", "Trial balance of account 68"],
        ),
        Intent::TrialBalance | Intent::AccountAnalysis | Intent::AccountCard | Intent::StockTurnover => {
            (&["А за прошлый квартал?"], &["What about last quarter?"])
        }
        Intent::Statement => (
            &["А его реквизиты?", "А за прошлый год?"],
            &["What about its requisites?", "What about last year?"],
        ),
        Intent::CounterpartyCard => (
            &["А его долг?", "Акт сверки с ним"],
            &["What about its debt?", "Reconciliation statement with it"],
        ),
        Intent::Documents => (&["Непроведённые документы"], &["Unposted documents"]),
        Intent::Postings
        | Intent::DebtOfUnknownDirection
        | Intent::CreateDocument
        | Intent::NotCovered(_)
        | Intent::Help => (&[], &[]),
    };
    let chosen = match locale {
        Locale::Ru => ru,
        Locale::En => en,
    };
    chosen.iter().map(|text| (*text).to_owned()).collect()
}

/// «контрагент», «товар», …
pub(super) fn kind_name(kind: SubjectKind, locale: Locale) -> &'static str {
    match (kind, locale) {
        (SubjectKind::Counterparty, Locale::Ru) => "контрагент",
        (SubjectKind::Item, Locale::Ru) => "номенклатура",
        (SubjectKind::Warehouse, Locale::Ru) => "склад",
        (SubjectKind::Manager, Locale::Ru) => "менеджер",
        (SubjectKind::Company, Locale::Ru) => "организация",
        (SubjectKind::Counterparty, Locale::En) => "counterparty",
        (SubjectKind::Item, Locale::En) => "item",
        (SubjectKind::Warehouse, Locale::En) => "warehouse",
        (SubjectKind::Manager, Locale::En) => "manager",
        (SubjectKind::Company, Locale::En) => "company",
    }
}
