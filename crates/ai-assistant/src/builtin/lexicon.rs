//! The words of the trade and what they mean.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::words::{Kind, Word, stem};

/// What a word stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Concept {
    Debt,
    Receivable,
    Payable,
    Overdue,
    /// «остаток», which may be of goods, of money or of an account.
    Balance,
    /// Goods at hand, without doubt.
    Stock,
    Warehouse,
    Sales,
    Bought,
    Profit,
    Money,
    Bank,
    CashDesk,
    Pay,
    Received,
    Spent,
    Flow,
    Tax,
    TrialBalance,
    Turnover,
    Account,
    Reconcile,
    Card,
    Document,
    Unposted,
    Latest,
    Postings,
    Create,
    Invoice,
    Help,
    Customer,
    Supplier,
    Counterparty,
    Company,
    Manager,
    Item,
    ByDay,
    ByMonth,
    Compare,
    Previous,
    Top,
    Least,
    Who,
    Whom,
    Us,
    We,
    Our,
    Facing,
    Not,
    Purchase,
    Salary,
    Forecast,
    All,
    Pronoun,
    Greeting,
    LegalForm,
    Stop,
}

/// Every form listed counts, and every other form with the same stem.
const STEMMED: &[(Concept, &str)] = &[
    (
        Concept::Debt,
        "долг долга долги долгов долгам долгу должок задолженность задолженности должен должны должна должно задолжал задолжали \
         задолжала задолжник недоплатил owe owes owed owing debt debts indebted outstanding",
    ),
    (
        Concept::Receivable,
        "дебиторка дебиторки дебиторская дебиторской дебитор дебиторы должник должники должников debtor debtors \
         неоплаченные неоплаченных неоплаченный unpaid",
    ),
    (
        Concept::Payable,
        "кредиторка кредиторки кредиторская кредиторской кредитор кредиторы кредиторов payable payables creditor creditors",
    ),
    (
        Concept::Overdue,
        "просрочено просрочен просроченный просроченная просроченную просроченных просрочка просрочки просрочил просрочили просрочивает \
         просрочены тянет тянут задерживает задерживают overdue late delinquent",
    ),
    (
        Concept::Balance,
        "остаток остатка остатки остатков остаткам осталось остался balance balances left remaining remains",
    ),
    (
        Concept::Stock,
        "наличие наличии запас запасы запасов лежит имеется хранится stock inventory stocked available",
    ),
    (
        Concept::Warehouse,
        "склад складе склада складу складам складах складом склады warehouse warehouses",
    ),
    (
        Concept::Sales,
        "продажа продажи продаж продажам продали продано продал продала продаем продается продаются продавали выручка выручки выручку выручкой \
         реализация реализации реализацию реализовали реализовано отгрузка отгрузки отгрузок отгрузили отгружено отгрузил наторговали торгует торгуем торговля \
         продаваемый продаваемые продаваемых проданных сбыт \
         sales sale sold sell selling revenue revenues turnover shipped shipments",
    ),
    (
        Concept::Bought,
        "купил купила купили покупал покупали покупает берет заказывал buys bought purchased",
    ),
    (
        Concept::Profit,
        "прибыль прибыли маржа маржу маржинальность наценка рентабельность заработали profit profits margin margins profitable earned",
    ),
    (
        Concept::Money,
        "деньги денег деньгам деньгами денежные денежных денежный средства средств money funds cash",
    ),
    (
        Concept::Bank,
        "банк банке банках банковский банковские банковских расчетный расчетном расчетных bank",
    ),
    (
        Concept::CashDesk,
        "касса кассе кассы кассу кассах наличные наличных наличка",
    ),
    (
        Concept::Pay,
        "оплата оплаты оплат оплату оплатил оплатили оплатила оплатить оплачено оплачен заплатил заплатили заплатила заплатить платил платили \
         платить платит платеж платежи платежей перечислил перечислили перечислено уплачено уплатили уплатить выплатили выплаты \
         pay paid pays payment payments",
    ),
    (
        Concept::Received,
        "поступило поступили поступление поступления поступлений поступлениям поступлению поступал приход прихода приходы пришло пришли получили получено \
         inflow inflows received receipts incoming",
    ),
    (
        Concept::Spent,
        "расход расходы расходов расходам потратили потрачено тратим траты затраты списание списания списаний списано списали ушло ушли \
         outflow outflows spent spend spending expenses outgoing",
    ),
    (
        Concept::Flow,
        "движение движения движений движению ддс кэшфлоу кешфлоу flow flows cashflow",
    ),
    (
        Concept::Tax,
        "налог налога налоги налогов налогам налогу ндс ндфл взносы взносов взносам усн бюджет бюджету бюджетом tax taxes vat",
    ),
    (
        Concept::TrialBalance,
        "осв оборотка оборотку сальдо оборотно-сальдовая оборотно-сальдовую оборотно-сальдовой сальдовая сальдовую trial оборотносальдовая",
    ),
    (Concept::Turnover, "оборот обороты оборотам оборотов turnovers"),
    (
        Concept::Account,
        "счет счета счету счете счетах счетам счетов сч account accounts",
    ),
    (
        Concept::Reconcile,
        "сверка сверки сверку сверить взаиморасчеты взаиморасчетов взаиморасчетам взаиморасчет история истории историю reconciliation reconcile statement history",
    ),
    (
        Concept::Card,
        "реквизит реквизиты реквизитов инн кпп огрн карточка карточку телефон телефоны адрес адреса контакты контактные почта почту email \
         requisites details contact contacts phone address profile",
    ),
    (
        Concept::Document,
        "документ документы документов документа документам накладная накладные накладных document documents docs",
    ),
    (
        Concept::Unposted,
        "непроведенные непроведенных непроведенный непроведен непроведенными unposted draft drafts",
    ),
    (
        Concept::Latest,
        "последние последних последний последнее latest recent newest свежие",
    ),
    (
        Concept::Postings,
        "проводка проводки проводок проводкам проводку posting postings journal entry entries ledger",
    ),
    (
        Concept::Create,
        "сделай сделать сделайте создай создать создайте выстави выставить выставь выставите оформи оформить оформите выпиши выписать заведи завести удали удалить измени \
         изменить проведи провести отправь отправить create issue make delete send",
    ),
    (Concept::Invoice, "invoice invoices счет-фактура счет-фактуру упд"),
    (
        Concept::Help,
        "помощь помоги умеешь умеете можешь можете возможности справка help capabilities",
    ),
    (
        Concept::Customer,
        "клиент клиенты клиентов клиентам клиенту клиента клиентом покупатель покупатели покупателей покупателям покупателю покупателя заказчик заказчики заказчикам customer customers client clients buyer buyers",
    ),
    (
        Concept::Supplier,
        "поставщик поставщики поставщикам поставщиков поставщику поставщика поставщиком supplier suppliers vendor vendors",
    ),
    (
        Concept::Counterparty,
        "контрагент контрагенты контрагентам контрагенту контрагента контрагентов контрагентом партнер партнеры компания компании компанию фирма фирмы фирме counterparty counterparties company companies partner",
    ),
    (
        Concept::Company,
        "организация организации организаций организациям юрлицо юрлицу",
    ),
    (
        Concept::Manager,
        "менеджер менеджеры менеджеров менеджерам менеджеру менеджера менеджером продавец продавцы продавцам продавцу сотрудник сотрудники сотрудникам manager managers salesperson salespeople salesman",
    ),
    (
        Concept::Item,
        "товар товары товаров товарам товару товара номенклатура номенклатуры номенклатуре позиция позиции позициям продукт продукты продуктам продукция item items product products goods",
    ),
    (Concept::ByDay, "дням ежедневно подневно daily"),
    (Concept::ByMonth, "месяцам помесячно ежемесячно monthly"),
    (
        Concept::Compare,
        "сравни сравнить сравните сравнение сравнению сравнивая против относительно динамика динамику изменились изменилась изменение выросли выросла упали упала больше-меньше compare compared comparison versus vs against change changed growth",
    ),
    (
        Concept::Top,
        "топ лучший лучшие лучших лучшая крупнейший крупнейшие крупнейших больше самый самые самых наибольший максимальный популярный популярные лидер лидеры top best biggest largest most highest",
    ),
    (
        Concept::Least,
        "хуже худший худшие меньше наименьший минимальный least worst lowest smallest",
    ),
    (
        Concept::Purchase,
        "закупка закупки закупок закупили закупил закуплено закупаем покупки покупка purchases purchase procurement",
    ),
    (
        Concept::Salary,
        "зарплата зарплаты зарплату зарплат оклад отпуск отпуска отпускные больничный salary salaries wages payroll",
    ),
    (
        Concept::Forecast,
        "прогноз прогнозы спрогнозируй предскажи планируется forecast predict",
    ),
    (Concept::Greeting, "привет здравствуй здравствуйте hello hi"),
];

/// Only these very forms count, because another form means something else.
const EXACT: &[(Concept, &str)] = &[
    (Concept::Who, "кто кого who"),
    (Concept::Whom, "кому whom"),
    (Concept::Us, "нам нами us"),
    (Concept::We, "мы we"),
    (Concept::Our, "наш наша наши нашего нашей наших нашу our ours"),
    (Concept::Facing, "перед пред towards"),
    (Concept::Not, "не not нет without"),
    (
        Concept::All,
        "все всем всех всего всему всей all every total итого",
    ),
    (
        Concept::Pronoun,
        "он она оно они его ее их ему ей им него нее них it them they their him her его-то этого-контрагента",
    ),
    (
        Concept::Previous,
        "прошлым прошлого позапрошлым позапрошлого предыдущим предыдущего прошлому предыдущему",
    ),
    (Concept::CashDesk, "cashdesk till"),
    (Concept::Bank, "р/с р/сч рс"),
    (
        Concept::LegalForm,
        "ооо оао зао пао ао ип нко фгуп муп llc ltd inc",
    ),
    (Concept::Invoice, "сф"),
    (Concept::Compare, "сравнении"),
    (Concept::Item, "sku"),
    (Concept::Receivable, "receivable receivables"),
    (Concept::Stop, "проведен проведены проведено posted"),
];

/// Words that carry no meaning here.
const STOP: &str = "\
 а и или но да же ли бы то что чем это эта эти этот этого этой этому так тут там вот еще уже очень можно нужно надо нужны есть было был была были будет быть \
 в во на по за с со у от до из к ко о об для при про над под между через после \
 я ты вы он она оно они меня мне нас вас вам вами тебя тебе мой моя свой своим себя \
 сколько какой какая какие какое каких каким какими какому какую каков какова каковы где когда как почему зачем чей чья чьи который которая которые которого \
 покажи показать покажите выведи вывести дай дайте скажи скажите подскажи подскажите расскажи расскажите назови назовите найди найти посмотри посмотреть узнать \
 хочу хотел интересует пожалуйста плиз спасибо давай список перечень отчет отчету отчета сводка таблица итог итоги сумма сумму суммы общая общий общую всего-то \
 сейчас сегодня день дня дни дней неделя месяц месяца год года период периода периоду дата дату момент данный состояние состоянию текущий текущая время \
 штук шт штуки количество количества число числа раз рублей руб рубля тыс млн \
 имеем имеется находится находятся получается составляет равна равен стоит дела обстоят ситуация положение информация данные \
 нему ней чтобы если только ровно примерно около ну ок окей ага значит вообще например кроме также тоже чаще \
 срок сроки сроком числу числа какому ближайший ближайшие скоро ближайшее предстоящие предстоящих первый первые первых номер номером номеру \
 начислено начислили начисленные начисление начислен начислены валовая валовой валовую чистый чистая ндсом \
 разрез разрезе разбивка разбивкой группировка каждый каждого каждому отдельно подробно детально \
 основные основных основной главные хватает хватит достаточно куда откуда товарных товарный товарные стоимость год-к-году график расчет расчеты расчетов расчетам акт акта акты act gross net cover position \
 the a an of in on at for to by from with as is are was were be been do does did have has had how much many what which when where why and or but so that this these those \
 i you he she me my your please show tell give list find get let know want need there here now about into per than then can could would should will any some \
 report summary sum amount number today day days month months year years week weeks quarter period date between since until during over \
 current our own due soon who's whats what's each break down breakdown group grouped still yet";

struct Table {
    exact: HashMap<&'static str, Concept>,
    stems: HashMap<String, Concept>,
    /// Listed forms long enough to be recognised with a typo.
    forms: Vec<(&'static str, Concept)>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut table = Table {
        exact: HashMap::new(),
        stems: HashMap::new(),
        forms: Vec::new(),
    };
    for (concept, words) in STEMMED {
        for word in words.split_whitespace() {
            table.exact.insert(word, *concept);
            table.stems.entry(stem(word)).or_insert(*concept);
            if word.chars().count() >= TYPO_LENGTH {
                table.forms.push((word, *concept));
            }
        }
    }
    for word in STOP.split_whitespace() {
        table.exact.entry(word).or_insert(Concept::Stop);
        if word.chars().count() >= 4 {
            table.stems.entry(stem(word)).or_insert(Concept::Stop);
        }
    }
    for (concept, words) in EXACT {
        for word in words.split_whitespace() {
            table.exact.insert(word, *concept);
            if word.chars().count() > TYPO_LENGTH && *concept != Concept::Stop {
                table.forms.push((word, *concept));
            }
        }
    }
    table
});

/// Shorter words are too like each other: «каска» is no «касса».
const TYPO_LENGTH: usize = 6;

/// The meaning of a word, if it has one here.
pub(super) fn concept(word: &Word) -> Option<Concept> {
    if word.kind != Kind::Word || word.quotation.is_some() {
        return None;
    }
    let table = &*TABLE;
    if let Some(concept) = table.exact.get(word.lower.as_str()) {
        return Some(*concept);
    }
    if let Some(concept) = table.stems.get(&word.stem) {
        return Some(*concept);
    }
    let length = word.lower.chars().count();
    if length < TYPO_LENGTH {
        return None;
    }
    table
        .forms
        .iter()
        .find(|(form, _)| {
            form.chars().count().abs_diff(length) <= 1 && strsim::osa_distance(form, &word.lower) <= 1
        })
        .map(|(_, concept)| *concept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::words::split;

    fn of(text: &str) -> Option<Concept> {
        concept(&split(text)[0])
    }

    #[test]
    fn forms_and_typos_are_recognised() {
        for (word, expected) in [
            ("задолженностями", Concept::Debt),
            ("Дебиторке", Concept::Receivable),
            ("просроченой", Concept::Overdue),
            ("продожи", Concept::Sales),
            ("проадажи", Concept::Sales),
            ("непроведённые", Concept::Unposted),
            ("receivabels", Concept::Receivable),
            ("customer", Concept::Customer),
        ] {
            assert_eq!(of(word), Some(expected), "{word}");
        }
        for name in ["каска", "Ромашка", "бумага", "SvetoCopy", "«касса»"] {
            assert_eq!(of(name), None, "{name}");
        }
    }
}
