//! Answers without data: what the engine can do, what it cannot, and whom to ask.

use common::Locale;
use common::contract::onec::{Match, SubjectKind};

use super::format::{escaped, say};
use super::intent::{Doubt, Intent, Topic};
use crate::chat::draft::Draft;

/// Ten questions that are answered.
fn examples(locale: Locale) -> Vec<String> {
    let examples: [&str; 10] = match locale {
        Locale::Ru => [
            "Кто нам должен больше всего и сколько просрочено?",
            "Какие остатки на складе?",
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

/// A question back about what is meant; of a name, with what can be told of it.
pub(super) fn unclear(doubt: Doubt, name: Option<(&Match, &[Intent])>, locale: Locale) -> Draft {
    let (question, answers) = match (doubt, name) {
        (Doubt::Balance, _) => (
            say!(
                locale,
                "Остатки чего показать: **товаров** или **денег**?",
                "Balances of what: **goods** or **money**?"
            ),
            options(
                &["Остатки товаров", "Остатки денег"],
                &["Stock of goods", "Balance of money"],
                locale,
            ),
        ),
        (Doubt::Movement, _) => (
            say!(
                locale,
                "Движение чего показать: **денег** или **товаров**?",
                "Movement of what: **money** or **goods**?"
            ),
            options(
                &["Движение денег", "Движение товаров"],
                &["Movement of money", "Movement of goods"],
                locale,
            ),
        ),
        (Doubt::AboutWhom, Some((found, readings))) => {
            let label = escaped(&found.name);
            let answers: Vec<String> = readings
                .iter()
                .map(|reading| reading_name(*reading, locale))
                .collect();
            let list: String = answers
                .iter()
                .enumerate()
                .map(|(i, answer)| format!("\n{}. {answer}", i + 1))
                .collect();
            (
                say!(
                    locale,
                    "Что показать по «{label}»? Назовите или выберите номер:{list}",
                    "What of “{label}” is to be shown? Name it or give its number:{list}"
                ),
                answers,
            )
        }
        (Doubt::AboutWhom, None) => return not_understood(locale),
    };
    Draft::words(question).suggest(answers)
}

fn options(ru: &[&str], en: &[&str], locale: Locale) -> Vec<String> {
    let chosen = match locale {
        Locale::Ru => ru,
        Locale::En => en,
    };
    chosen.iter().map(|text| (*text).to_owned()).collect()
}

fn reading_name(reading: Intent, locale: Locale) -> String {
    let (ru, en) = match reading {
        Intent::Receivables => ("Сколько он должен нам", "How much it owes us"),
        Intent::Payables => ("Сколько мы должны ему", "How much we owe it"),
        Intent::Statement => ("Акт сверки с ним", "Reconciliation statement with it"),
        Intent::Sales => ("Продажи", "Sales"),
        Intent::CounterpartyCard => ("Реквизиты", "Requisites"),
        _ => ("Остатки товаров", "Stock of goods"),
    };
    match locale {
        Locale::Ru => ru.to_owned(),
        Locale::En => en.to_owned(),
    }
}

/// A topic that no report covers, with questions near it that are answered.
pub(super) fn not_covered(topic: Topic, locale: Locale) -> Draft {
    let (ru, en, instead_ru, instead_en): (_, _, &[&str], &[&str]) = match topic {
        Topic::Purchases => (
            "отчёта о закупках у меня нет; могу показать приход товаров, долг поставщикам и платежи им",
            "I have no report on purchases; I can show goods received, what we owe to suppliers, and payments to them",
            &[
                "Приход и расход товаров за прошлый месяц",
                "Кому должны мы?",
                "Выплаты поставщикам за прошлый месяц",
            ],
            &[
                "Goods received and issued last month",
                "Whom do we owe?",
                "Payments to suppliers last month",
            ],
        ),
        Topic::Salary => (
            "данные о зарплате мне недоступны; могу показать начисленные и уплаченные налоги и взносы или ОСВ по счёту 70",
            "payroll data is not available to me; I can show taxes and contributions, or the trial balance of account 70",
            &["ОСВ по счёту 70", "Страховые взносы за прошлый месяц"],
            &["Trial balance of account 70", "Contributions for last month"],
        ),
        Topic::Forecast => (
            "прогнозов я не строю: отвечаю только по тому, что уже есть в 1С. Могу показать, как было: например, продажи по месяцам",
            "I make no forecasts and answer only from what is in 1C. I can show how it was: sales by month, for example",
            &[
                "Продажи по месяцам за этот год",
                "Продажи этого месяца к прошлому",
            ],
            &[
                "Sales by month this year",
                "Compare sales this month with last month",
            ],
        ),
        Topic::HowTo => (
            "как что-то сделать в 1С и что означают слова, отчёты не говорят, а своих объяснений я не придумываю. Об этом расскажет справка 1С или подключённая языковая модель. Показать цифры могу",
            "reports do not tell how something is done in 1C or what a word means, and I do not make explanations up. 1C's help or a connected language model will. I can show the figures",
            &["Что ты умеешь?"],
            &["What can you do?"],
        ),
        Topic::Letter => (
            "тексты писем готовятся в разделе «Тексты» (`POST /generate`): там есть напоминание о долге, ответ на претензию и другие. Я могу показать цифры для письма",
            "letters are made in the section “Texts” (`POST /generate`): reminders, answers to claims and others. I can show the figures for a letter",
            &["Кто нам должен больше всего?", "Просрочка больше 30 дней"],
            &["Who owes us the most?", "Overdue more than 30 days"],
        ),
        Topic::Prices => (
            "отчёта о ценах у меня нет; могу показать, по какой цене товар продавали (выручка и количество), и его себестоимость на складе",
            "I have no report on prices; I can show what goods were sold for (revenue and quantity) and their cost in stock",
            &["Продажи по товарам за прошлый месяц", "Остатки на складе"],
            &["Sales by item last month", "What is in stock?"],
        ),
        Topic::FixedAssets => (
            "отчёта об основных средствах у меня нет; могу показать ОСВ по счетам 01 и 02",
            "I have no report on fixed assets; I can show the trial balance of accounts 01 and 02",
            &["ОСВ по счёту 01", "ОСВ по счёту 02"],
            &["Trial balance of account 01", "Trial balance of account 02"],
        ),
        Topic::Loans => (
            "отчёта о кредитах и займах у меня нет; могу показать ОСВ по счетам 66 и 67",
            "I have no report on loans; I can show the trial balance of accounts 66 and 67",
            &["ОСВ по счёту 66", "ОСВ по счёту 67"],
            &["Trial balance of account 66", "Trial balance of account 67"],
        ),
    };
    let (what, instead) = match locale {
        Locale::Ru => (ru, instead_ru),
        Locale::En => (en, instead_en),
    };
    Draft::words(say!(
        locale,
        "На это ответить не могу: {what}.",
        "I cannot answer that: {what}."
    ))
    .suggest(instead.iter().map(|text| (*text).to_owned()).collect())
}

/// The caller has no right to 1C data.
pub(super) fn no_access(locale: Locale) -> Draft {
    Draft::words(say!(
        locale,
        "У вас нет права читать данные 1С (`onec:read`), поэтому ответить цифрами я не могу. Право выдаёт администратор.",
        "You have no right to read 1C data (`onec:read`), so I cannot answer with figures. An administrator grants it."
    ))
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
