//! Many ways to ask the same, and what the parser makes of them.

use chrono::NaiveDate;
use common::Locale;
use common::contract::onec::{GroupBy, SubjectKind};

use super::intent::{Intent, Topic};
use super::parse::{Compare, Flow, Parsed, Tax, parse};

fn today() -> NaiveDate {
    "2026-11-24".parse().unwrap()
}

fn of(text: &str) -> Parsed {
    parse(text, today())
}

fn assert_intent(expected: Intent, questions: &[&str]) {
    let wrong: Vec<_> = questions
        .iter()
        .map(|question| (*question, of(question)))
        .filter(|(_, parsed)| parsed.intent != Some(expected))
        .map(|(question, parsed)| format!("{question} -> {:?}", parsed.intent))
        .collect();
    assert!(wrong.is_empty(), "expected {expected:?}: {wrong:#?}");
}

/// Questions of these tests that name nobody must not be taken to name somebody.
fn assert_no_names(questions: &[&str]) {
    let wrong: Vec<_> = questions
        .iter()
        .map(|question| (*question, of(question).names))
        .filter(|(_, names)| !names.is_empty())
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn receivables() {
    let nameless = [
        "Кто нам должен больше всего и сколько просрочено?",
        "кто нам должен",
        "Какая у нас дебиторка?",
        "Покажи дебиторскую задолженность на 1 мая",
        "Сколько нам должны клиенты?",
        "Список должников",
        "Кто просрочил оплату?",
        "просроченная задолженность покупателей",
        "Задолженность клиентов на сегодня",
        "Топ-5 должников",
        "кто ещё не заплатил",
        "Неоплаченные счета покупателей",
        "Какой долг перед нами у покупателей?",
        "дебеторка на конец октября",
        "Who owes us the most?",
        "How much do customers owe us?",
        "Show accounts receivable as of May 1",
        "What is overdue from customers?",
        "list of debtors",
        "просрочка больше всего у кого",
        "How much are we owed?",
        "Who has not paid yet?",
        "outstanding customer debt",
        "receivables today",
    ];
    assert_intent(Intent::Receivables, &nameless);
    assert_no_names(&nameless);
    assert_intent(
        Intent::Receivables,
        &[
            "Сколько нам должна Ромашка?",
            "Долг ООО «Вектор»",
            "сколько должен Вектор",
            "How much does Vector owe us?",
        ],
    );
}

#[test]
fn payables() {
    let nameless = [
        "Кому должны мы и до какого числа?",
        "Кому мы должны?",
        "Сколько мы должны поставщикам?",
        "кредиторка на сегодня",
        "Покажи кредиторскую задолженность",
        "Наш долг перед поставщиками",
        "наша задолженность",
        "Задолженность перед поставщиками на 1 мая",
        "Кому и когда нужно платить?",
        "Сколько надо заплатить поставщикам?",
        "долги поставщикам",
        "Какие у нас просрочки перед поставщиками?",
        "Предстоящие платежи поставщикам",
        "Whom do we owe?",
        "What do we owe to suppliers?",
        "How much do we owe?",
        "accounts payable as of May 1",
        "our debts to suppliers",
        "Show payables",
        "When do we have to pay suppliers?",
        "who do we owe the most",
        "Что нам надо оплатить на этой неделе?",
    ];
    assert_intent(Intent::Payables, &nameless);
    assert_no_names(&nameless);
    assert_intent(
        Intent::Payables,
        &["Сколько мы должны Ромашке?", "наш долг перед ООО «Вектор»"],
    );
}

#[test]
fn a_debt_without_a_direction_is_not_guessed() {
    assert_intent(
        Intent::DebtOfUnknownDirection,
        &[
            "Сколько должны Ромашке?",
            "сколько задолжали ООО «Вектор»",
            "какие у нас долги",
            "задолженность на 1 мая",
            "сколько должны поставщики?",
            "debts",
        ],
    );
}

#[test]
fn stock() {
    let nameless = [
        "Какие остатки на складе?",
        "Покажи остатки товаров",
        "Сколько товара на складах?",
        "Что лежит на складе?",
        "Какие у нас товарные запасы?",
        "что есть в наличии",
        "остатки по складам на 1 мая",
        "Stock on hand",
        "What is in stock?",
        "inventory by warehouse",
        "Show stock balances as of May 1",
    ];
    assert_intent(Intent::Stock, &nameless);
    assert_intent(
        Intent::Stock,
        &[
            "Сколько бумаги А4 на складе?",
            "остаток степлеров",
            "Есть ли в наличии ручки гелевые?",
            "Сколько осталось картриджей на складе Центральный?",
            "сколько маркеров на северном складе",
            "How many staplers are in stock?",
            "How much paper is left in the warehouse?",
        ],
    );
}

#[test]
fn sales() {
    let nameless = [
        "Продажи за октябрь",
        "Сколько продали в прошлом месяце?",
        "Какая выручка за прошлый квартал?",
        "продажи за месяц против прошлого",
        "Продажи по клиентам за октябрь",
        "Топ-10 товаров за октябрь",
        "Лучшие менеджеры за октябрь",
        "Какая прибыль за октябрь?",
        "Сколько мы заработали в октябре?",
        "Сколько отгрузили вчера?",
        "Динамика продаж по месяцам за 2026 год",
        "кто больше всех купил в октябре",
        "какой менеджер продал больше всех",
        "самые продаваемые товары",
        "реализация за 3 квартал по складам",
        "Sales for October",
        "How much did we sell last month?",
        "revenue in Q3 2026",
        "top 5 customers in October",
        "sales by manager this month",
        "best selling products last quarter",
        "Compare sales in October with September",
        "gross profit for 2025",
        "monthly sales for 2026",
        "какой оборот по клиентам за октябрь",
    ];
    assert_intent(Intent::Sales, &nameless);
    assert_no_names(&nameless);
}

#[test]
fn cash() {
    let nameless = [
        "Сколько денег на счетах и в кассе?",
        "Сколько у нас денег?",
        "остаток денег на сегодня",
        "Остатки на расчётных счетах",
        "сколько в кассе",
        "Деньги в банке на 1 мая",
        "сколько наличных",
        "Сколько средств на счетах",
        "остаток на р/с",
        "How much cash do we have?",
        "How much money is in the bank?",
        "bank balance today",
        "cash balance as of May 1",
        "Money on our accounts",
        "What is our cash position?",
    ];
    assert_intent(Intent::Cash, &nameless);
    assert_no_names(&nameless[..14]);
}

#[test]
fn cash_flow() {
    let nameless = [
        "Приход и расход денег за октябрь",
        "Кто платил в октябре?",
        "Движение денежных средств за прошлый месяц",
        "Сколько денег поступило вчера?",
        "ДДС за квартал",
        "Поступления от клиентов за октябрь",
        "Кому мы заплатили в октябре?",
        "На что потратили деньги в октябре?",
        "Сколько потратили за прошлый месяц?",
        "платежи за вчера",
        "Cash flow for October",
        "Who paid us last month?",
        "How much money did we receive in October?",
        "How much did we spend last month?",
        "payments to suppliers in Q3 2026",
        "money received yesterday",
        "cash inflow and outflow this month",
        "outgoing payments for last week",
        "What did we pay in October?",
        "Куда ушли деньги в октябре?",
    ];
    assert_intent(Intent::CashFlow, &nameless);
}

#[test]
fn taxes() {
    let nameless = [
        "Сколько налогов начислено и уплачено?",
        "Налоги за 3 квартал",
        "Сколько НДС за октябрь?",
        "Какой НДС к уплате за квартал",
        "НДФЛ за прошлый месяц",
        "страховые взносы за октябрь",
        "Сколько мы заплатили налогов в 2025 году",
        "налоги 68 и 69 за год",
        "задолженность по налогам",
        "Taxes accrued and paid in Q3 2026",
        "How much VAT for October?",
        "VAT payable last quarter",
        "tax payments this year",
        "How much tax do we owe?",
    ];
    assert_intent(Intent::Taxes, &nameless);
    assert_eq!(of("Сколько НДС за октябрь?").tax, Some(Tax::Vat));
    assert_eq!(of("страховые взносы за октябрь").tax, Some(Tax::Contributions));
}

#[test]
fn accounts_and_goods() {
    for (text, intent, account) in [
        ("карточка счёта 62", Intent::AccountCard, Some("62")),
        (
            "Покажи карточку счета 51 за октябрь",
            Intent::AccountCard,
            Some("51"),
        ),
        ("card of account 62 in October", Intent::AccountCard, Some("62")),
        ("анализ счёта 60", Intent::AccountAnalysis, Some("60")),
        (
            "Анализ счета 68.02 за квартал",
            Intent::AccountAnalysis,
            Some("68.02"),
        ),
        ("analysis of account 60", Intent::AccountAnalysis, Some("60")),
        ("обороты товаров за октябрь", Intent::StockTurnover, None),
        ("turnovers of goods in October", Intent::StockTurnover, None),
    ] {
        let parsed = of(text);
        assert_eq!(parsed.intent, Some(intent), "{text}");
        assert_eq!(parsed.account.as_deref(), account, "{text}");
    }
}

#[test]
fn trial_balance() {
    for (text, account) in [
        ("ОСВ по счёту 62 за квартал", Some("62")),
        ("оборотно-сальдовая ведомость за октябрь", None),
        ("Покажи ОСВ за 3 квартал 2026", None),
        ("сальдо по счету 60.01 на 1 мая", Some("60.01")),
        ("обороты по счету 51 за октябрь", Some("51")),
        ("оборотка 62 за октябрь", Some("62")),
        ("остаток по счету 41.01", Some("41.01")),
        ("ОСВ 68.02 за год", Some("68.02")),
        ("trial balance for October", None),
        ("Trial balance of account 62 for Q3 2026", Some("62")),
        ("balance of account 51", Some("51")),
        ("turnovers on account 60 in October", Some("60")),
    ] {
        let parsed = of(text);
        assert_eq!(parsed.intent, Some(Intent::TrialBalance), "{text}");
        assert_eq!(parsed.account.as_deref(), account, "{text}");
    }
}

#[test]
fn statement() {
    for text in [
        "Акт сверки с Ромашкой за 2026 год",
        "История расчётов с ООО «Ромашка»",
        "взаиморасчёты с Ромашкой за октябрь",
        "сделай сверку по Ромашке",
        "Покажи историю по контрагенту Ромашка",
        "акт сверки с контрагентом «Ромашка» с 1 января по 31 марта",
        "Reconciliation statement with Romashka for 2026",
        "statement of account for Romashka",
        "history with Romashka last quarter",
        "Show the reconciliation with \"Romashka\"",
    ] {
        let parsed = of(text);
        assert_eq!(parsed.intent, Some(Intent::Statement), "{text}");
        assert_eq!(parsed.names.len(), 1, "{text}: {:?}", parsed.names);
        assert!(
            parsed.names[0]
                .text
                .to_lowercase()
                .replace("romash", "ромаш")
                .contains("ромаш"),
            "{text}: {:?}",
            parsed.names
        );
    }
}

#[test]
fn counterparty_card() {
    for text in [
        "Реквизиты Ромашки",
        "ИНН ООО «Ромашка»",
        "какой ИНН у Ромашки",
        "телефон Ромашки",
        "Дай карточку контрагента Ромашка",
        "адрес ООО Ромашка",
        "контакты Ромашки",
        "КПП и ОГРН Ромашки",
        "Requisites of Romashka",
        "phone of Romashka",
        "contact details of Romashka",
        "What is the address of Romashka?",
    ] {
        let parsed = of(text);
        assert_eq!(parsed.intent, Some(Intent::CounterpartyCard), "{text}");
        assert_eq!(parsed.names.len(), 1, "{text}: {:?}", parsed.names);
    }
}

#[test]
fn documents_and_postings() {
    let documents = [
        "Непроведённые документы",
        "Покажи последние документы",
        "какие документы не проведены",
        "последние 10 документов",
        "есть непроведенные накладные?",
        "список документов за вчера",
        "Unposted documents",
        "Show the latest documents",
        "recent documents",
        "Which documents are not posted?",
    ];
    assert_intent(Intent::Documents, &documents);
    assert_no_names(&documents);
    assert!(of("Непроведённые документы").unposted);
    assert!(of("Which documents are not posted?").unposted);
    assert_eq!(of("последние 10 документов").top, Some(10));
    for text in [
        "Проводки документа № 15",
        "проводки по документу КА00-000015",
        "покажи проводки документа номер 000000015",
        "какие проводки у реализации 000000015",
        "Postings of document 000000015",
        "journal entries of document number 15",
        "Show ledger entries for № 15",
        "дебет и кредит, проводка 15-го документа № 15",
    ] {
        let parsed = of(text);
        assert_eq!(parsed.intent, Some(Intent::Postings), "{text}");
        assert!(
            parsed.number.as_deref().is_some_and(|n| n.ends_with("15")),
            "{text}: {:?}",
            parsed.number
        );
    }
}

#[test]
fn requests_that_cannot_be_served() {
    assert_intent(
        Intent::CreateDocument,
        &[
            "создай счёт на оплату для Ромашки",
            "Выстави счет ООО «Ромашка» на 10 000 рублей",
            "оформи реализацию",
            "выпиши накладную",
            "проведи документ № 15",
            "удали документ № 15",
            "Create an invoice for Romashka",
            "issue an invoice",
            "make a document",
        ],
    );
    assert_intent(
        Intent::NotCovered(Topic::Purchases),
        &[
            "Сколько мы закупили в октябре?",
            "закупки за месяц",
            "purchases in October",
        ],
    );
    assert_intent(
        Intent::NotCovered(Topic::Salary),
        &["Какая зарплата у менеджеров?", "salary for October"],
    );
    assert_intent(
        Intent::NotCovered(Topic::Forecast),
        &["прогноз продаж на декабрь", "forecast sales"],
    );
}

#[test]
fn help_and_what_is_not_understood() {
    assert_intent(
        Intent::Help,
        &[
            "Что ты умеешь?",
            "помощь",
            "привет",
            "Что ты можешь?",
            "help",
            "What can you do?",
            "hello",
            "справка",
        ],
    );
    for text in [
        "Какая погода в Париже?",
        "Напиши стихотворение",
        "Who won the world cup?",
        "42",
        "asdf qwer",
        "???",
        "",
    ] {
        assert_eq!(of(text).intent, None, "{text}");
    }
}

#[test]
fn slots() {
    let parsed = of("Кто нам должен больше всего и сколько просрочено?");
    assert!(!parsed.overdue);
    assert!(!of("Who owes us the most and how much is overdue?").overdue);
    assert!(of("Чистая прибыль за год?").net_profit && of("net profit for 2026").net_profit);
    assert!(!of("Какая прибыль за октябрь?").net_profit);
    assert!(of("просроченная дебиторка").overdue);
    assert!(of("Кто просрочил оплату?").overdue);
    assert_eq!(of("Топ-5 товаров за октябрь").top, Some(5));
    assert_eq!(of("Топ-5 товаров за октябрь").group_by, Some(GroupBy::Item));
    assert_eq!(of("sales by month for 2026").group_by, Some(GroupBy::Month));
    assert_eq!(of("продажи по дням за октябрь").group_by, Some(GroupBy::Day));
    assert_eq!(of("продажи по складу Центральный за октябрь").group_by, None);
    assert_eq!(
        of("продажи по менеджерам за октябрь").group_by,
        Some(GroupBy::Manager)
    );
    assert_eq!(
        of("продажи за месяц против прошлого").compare,
        Some(Compare::Previous)
    );
    assert_eq!(
        of("продажи за октябрь по сравнению с прошлым годом").compare,
        Some(Compare::YearBefore)
    );
    assert!(matches!(
        of("сравни продажи за октябрь с сентябрём").compare,
        Some(Compare::With(_))
    ));
    assert_eq!(of("Кто платил в октябре?").flow, Some(Flow::In));
    assert_eq!(of("Кому мы заплатили в октябре?").flow, Some(Flow::Out));
    assert_eq!(of("Приход и расход денег").flow, None);
    assert!(of("сколько в кассе").cash_desk);
    assert!(!of("Сколько денег на счетах и в кассе?").cash_desk);
    assert_eq!(of("2").choice, Some(2));
    assert_eq!(of("второй").choice, Some(2));
    assert_eq!(super::language_of("How much do we owe?"), Locale::En);
    assert_eq!(super::language_of("Q3 продажи"), Locale::Ru);
    assert_eq!(super::language_of("Долг SvetoCopy"), Locale::Ru);
    assert_eq!(
        super::language_of("What stock do we have in Северный?"),
        Locale::En
    );
    assert_eq!(super::language_of("42"), Locale::Ru);
}

#[test]
fn names() {
    for (text, kind, name) in [
        ("Сколько бумаги А4 на складе?", None, "бумаги А4"),
        (
            "Сколько бумаги А4 SvetoCopy, 500 л. на складе?",
            None,
            "бумаги А4 SvetoCopy, 500 л",
        ),
        ("Сколько нам должен Северный ветер?", None, "Северный ветер"),
        (
            "долг ООО «Торговый дом «Вега»",
            Some(SubjectKind::Counterparty),
            "Торговый дом",
        ),
        (
            "остатки по складу Центральный",
            Some(SubjectKind::Warehouse),
            "Центральный",
        ),
        (
            "сколько товара на центральном складе",
            Some(SubjectKind::Warehouse),
            "центральном",
        ),
        (
            "продажи менеджера Иванова за октябрь",
            Some(SubjectKind::Manager),
            "Иванова",
        ),
        (
            "продажи покупателю Ромашка за октябрь",
            Some(SubjectKind::Counterparty),
            "Ромашка",
        ),
        (
            "долг ООО Торговый Склад",
            Some(SubjectKind::Counterparty),
            "Торговый Склад",
        ),
        ("реквизиты 7701234567", None, "7701234567"),
    ] {
        let names = of(text).names;
        assert!(!names.is_empty(), "{text}");
        assert_eq!((names[0].kind, names[0].text.as_str()), (kind, name), "{text}");
    }
}

#[test]
fn follow_ups() {
    let parsed = of("а по складу Центральный?");
    assert!(parsed.follow_up && parsed.intent == Some(Intent::Stock) || parsed.intent.is_none());
    assert_eq!(parsed.names.len(), 1);
    let parsed = of("а за прошлый месяц?");
    assert!(parsed.follow_up && parsed.intent.is_none() && parsed.span.is_some());
    let parsed = of("а по менеджерам?");
    assert!(parsed.follow_up && parsed.intent.is_none());
    assert_eq!(parsed.group_by, Some(GroupBy::Manager));
    let parsed = of("What about last month?");
    assert!(parsed.follow_up && parsed.intent.is_none() && parsed.span.is_some());
    assert!(of("а у Ромашки?").names.len() == 1);
    assert!(of("а её реквизиты?").follow_up);
}

#[test]
fn sales_have_one_dimension_or_two_that_are_joined() {
    use GroupBy::{Counterparty, Day, Item, Manager, Month, Warehouse};
    for (question, group, then) in [
        ("Продажи за октябрь по менеджерам и товарам", Manager, Some(Item)),
        (
            "продажи по складам и по покупателям",
            Warehouse,
            Some(Counterparty),
        ),
        ("Sales by manager and item", Manager, Some(Item)),
        (
            "Продажи по клиентам, товарам за квартал",
            Counterparty,
            Some(Item),
        ),
        ("Продажи по менеджерам по месяцам", Manager, Some(Month)),
        ("Продажи по дням", Day, None),
        ("Продажи по менеджерам", Manager, None),
        ("Сколько продали товара по месяцам", Month, None),
    ] {
        let parsed = of(question);
        assert_eq!(
            (parsed.group_by, parsed.then_by),
            (Some(group), then),
            "{question}"
        );
        assert!(parsed.names.is_empty(), "{question}: {:?}", parsed.names);
    }
}
