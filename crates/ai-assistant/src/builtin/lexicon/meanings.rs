//! The words that mean something, by meaning.
//!
//! `слово` stands for that form and every other form with the same stem, `слово=` for that form
//! alone, `сло*` for every word that begins so. The longest beginning counts.

use super::Concept;

pub(super) const MEANINGS: &[(Concept, &str)] = &[
    // Debts
    (
        Concept::Debt,
        "долг= долга= долги= долгов= долгах= долгам= долгу= долгом= долгами= долге= должок= должка= должочек= должен= должна= должны= должно= должник-то= \
         обязательств* задолж* задалж* должн= \
         owe= owes= owed= owing= debt= debts= indebted= outstanding= arrears=",
    ),
    (
        Concept::Hangs,
        "торчит= торчат= торчим= торчать= висит= висят= висяк* завис= зависли= зависла= зависло= зажал= зажали= зажимает=",
    ),
    (
        Concept::Receivable,
        "дебито* дебети* дибито* дебето* дибето* дебит= дебитка= должник* неплательщик* debtor* receivable* ar=",
    ),
    (
        Concept::Payable,
        "кредитор* кридитор* кредетор* payable* creditor* ap=",
    ),
    (
        Concept::Advance,
        "аванс* предоплат* advance* prepayment* prepaid=",
    ),
    (
        Concept::Unpaid,
        "неоплач* неоплат* неплат* незаплат* недоплач* недоплат* unpaid= доплатил= доплатили= доплатила=",
    ),
    (
        Concept::Overdue,
        "просроч* просрок* прасроч* просорч* прострочк* тянет= тянут= затянул* задержив* задержк* опоздани* overdue= late= behind= delinquent= past-due=",
    ),
    (
        Concept::Ought,
        "причита* надлежит= обязан= обязаны= предстоит= предстоящ* due= ought= upcoming=",
    ),
    (
        Concept::Await,
        "ждать= ждет= ждут= ждем= ждём= ожида* ожидаем* жду= дожда* awaiting= expect= expected= expecting=",
    ),
    // Goods
    (
        Concept::Balance,
        "баланс= баланса= балансы= остат* остал* остае* остаю* остаточ* асталось= осталос= астатки= остаки= balance balances left= remaining= remains=",
    ),
    (
        Concept::Stock,
        "товарн* наличие= наличии= наличию= наличием= запас= запасы= запасов= запаса= запасам= запасах= лежит= лежат= имеется= хранит* складск* затовар* залежал* stock= inventory= stocked= available= stocks= затаре=",
    ),
    (
        Concept::Warehouse,
        "склад= склада= складе= складу= складом= склады= складов= складам= складах= складами= складик* склат= скалде= скаде= warehouse warehouses depot=",
    ),
    (
        Concept::RunsOut,
        "исходе= исходу= заканчив* кончает* кончаю* кончил* закончил* закончится= дефицит* иссяк* дозаказ* докупить= running= shortage=",
    ),
    (
        Concept::Enough,
        "хватит= хватает= хватило= достаточно= enough= suffice=",
    ),
    (Concept::Plenty, "много= избыт* излишк* полно="),
    // Sales
    (
        Concept::Sales,
        "продаж* прода* прадаж* прадал* продож* выручк* вырочк* выручил* реализац* реализов* реализуе* отгру* атгру* наторгов* торгуе* торговал* торговл* сбыт= сбыта= сбыту= сбывае* толкнул* товарооборот* \
         sales= sale= sold= sell= sells= selling= sellers= revenue= revenues= turnover= shipped= ship= shipment* bestsell*",
    ),
    (
        Concept::Bought,
        "купил= купила= купили= купят= покупал* покупае* покупаю* брал= брала= брали= берет= берут= взял= взяла= взяли= заказывае* заказывал* заказал* накупил* buys= bought= buy= buying= ordered= purchased=",
    ),
    (
        Concept::Sought,
        "ходов* продаваем* популярн* востребован* bestseller* popular=",
    ),
    (
        Concept::Profit,
        "минус= плюсе= прибыль= прибыли= прибылью= прибылей= прибылям= прибыльн* прибль= маржа= маржи= маржу= маржой= марже= маржин* наценк* рентабел* ринтабел* заработ* зарабат* доходност* навар* профит* себестоимост* убыт* \
         profit* margin* earn= earned= earning* markup= cogs=",
    ),
    (
        Concept::Income,
        "принес= принесла= принесли= приносит= приносят= доход= дохода= доходы= доходов= доходам= доходе= income= incomes=",
    ),
    (Concept::AverageSale, "чек= чека= чеку= чеки= чеков="),
    // Money
    (
        Concept::Money,
        "деньг* денег= деняк* деньж* денеж* деняг* денги= дениг= денюж* бабок= бабки= бабло= бабла= бабосы= средств= средства= средствам= средствах= кэш= кеш= кэша= лавэ= ликвидност* \
         money= funds= cash=",
    ),
    (
        Concept::Bank,
        "банк= банка= банке= банку= банком= банков= банки= банках= банкам= банковск* расчетный= расчетном= расчетных= расчетного= расчетные= расчетному= р/с= р/сч= рс= р\\с= расчетник= безнал* bank= banks= checking=",
    ),
    (
        Concept::CashDesk,
        "каса= касе= касу= касса= кассе= кассы= кассу= кассой= кассах= кассам= кассов* наличные= наличных= наличными= наличным= наличка* наличке= налички= наличку= налик* нал= нала= сейф= till= cashdesk= petty=",
    ),
    (
        Concept::Pay,
        "расплат* расплач* оплат* аплат* оплач* заплат* заплач* платил* платит* платят= плати= платим= платежи= платеж= платежа= платежей= платежам= платеже= платежом= перечисл* уплат* уплач* выплат* выплач* проплат* проплач* рассчитал* рассчитат* расчитал* погаси* погаше* погашае* отдат* отдал* отдадут= перевел= перевела= перевели= перевод= переводы= переводов= переводил* переводим= \
         pay= paid= pays= paying= payment* settled= bills= bill= transfer* repay*",
    ),
    (
        Concept::Received,
        "поступ* паступ* приход= прихода= приходы= приходу= приходов= приходе= пришло= пришли= пришел= пришла= приходило= приходили= приходит= получил* получен* получаем= внес= внесли= внесла= зашло= зашли= закинул* упало= упали-то= капнул* приехал* прибыло= заход= \
         inflow* received= receive= receipts= receipt= incoming= arrived= came=",
    ),
    (
        Concept::Spent,
        "расход= расхода= расходы= расходов= расходам= расходу= расходах= израсход* потрат* тратим= тратил* тратит* траты= трат= тратах= затрат* списан* списал* списыв* ушло= ушли= ушел= ушла= уходит= уходят= утек* делись= делось= деваются= девались= издерж* слили= \
         outflow* spent= spend= spending= expens* outgoing= outlay* costs=",
    ),
    (
        Concept::Flow,
        "двига* движен* движух* движени= ддс= кэшфло* кешфло* поток= потока= потоки= потоков= flow= flows= cashflow= cash-flow= movement* moved=",
    ),
    // Taxes and the ledger
    (
        Concept::Tax,
        "налог= налога= налоги= налогов= налогам= налогу= налогом= налогах= налоговая= налоговой= налоговую= ндс= ндфл= ндс-то= взносы= взносов= взносам= взнос= взноса= взносу= страховые= усн= осно= енс= енп= фсс= пфр= фнс= фнс-ке= бюджет= бюджету= бюджетом= бюджета= государству= tax= taxes= vat= taxation=",
    ),
    (
        Concept::TrialBalance,
        "осв= оборотк* оборотно* оборотосал* аборотк* сальдо= сальды= сальдов* сальдо-то= trial= osv=",
    ),
    (
        Concept::Turnover,
        "оборот= оборота= обороты= оборотам= оборотов= обороту= оборотах= оборачив* turnovers=",
    ),
    (
        Concept::Account,
        "счет= счета= счету= счете= счетах= счетам= счетов= счетом= счетами= сч= щет= щету= щета= щетах= щетам= счёт-то= account accounts субсчет*",
    ),
    (Concept::Correspond, "корреспонд* кореспонд* corresponding="),
    (
        Concept::Analysis,
        "анализ= анализу= анализа= проанализир* analysis= analyse= analyze=",
    ),
    (
        Concept::Postings,
        "проводк* праводк* проводок= posting= postings= journal= entry= entries= ledger=",
    ),
    (
        Concept::DebitCredit,
        "дебет= дебета= дебету= кредит= кредита= кредиту= debit= credit=",
    ),
    // Settlements and requisites
    (
        Concept::Reconcile,
        "сверк* сверок= сверит* сверим= сверься= сверь= сверяем= сверяе* свериться= взаиморас* взаимны* истори* reconcil* statement= statements= history= mutual=",
    ),
    (
        Concept::Settlement,
        "расчет= расчеты= расчетов= расчетам= расчете= отношени* dealings= settlements=",
    ),
    (
        Concept::Card,
        "реквизит* риквизит* рекзивит* инн= кпп= огрн= огрнип= бик= карточк* телефон* тел= адрес* юрадрес* контакт* почта= почту= почты= емейл= имейл= мейл= е-мейл= e-mail= email= mail= директор= директора= гендир* позвонить= дозвон* созвон* связат* call= \
         requisites= details= contact contacts phone= phones= address= addresses= profile= inn= kpp= card= website= fax= bic=",
    ),
    (Concept::TaxNumber, "tin="),
    // Documents
    (
        Concept::Document,
        "документ* дакумент* докумен= доки= доков= бумажк* первичк* document* doc= docs= paperwork=",
    ),
    (
        Concept::Waybill,
        "накладн* накладая= накладую= торг-12= торг12= ттн= waybill* delivery-note=",
    ),
    (Concept::Act, "акт= акты= актов= акта= акту="),
    (
        Concept::Invoice,
        "счет-фактур* счета-фактур* счетов-фактур* счф= упд= сф= invoice* bill-to=",
    ),
    (Concept::PaymentOrder, "платежк* пп= поручени* order-payment="),
    (
        Concept::Order,
        "заказ= заказы= заказов= заказа= заказам= order= orders=",
    ),
    (Concept::Return, "возврат* вернул* refund* returns= returned="),
    (
        Concept::Unposted,
        "непровед* непрвед* незапровед* unposted= draft= drafts= черновик* недооформ* забыли-провести=",
    ),
    (
        Concept::PostedWord,
        "проведен= проведена= проведены= проведено= проведённы* проведенны* posted= запровед*",
    ),
    (
        Concept::Forgot,
        "забыл= забыли= забыла= забыто= forgot= forgotten=",
    ),
    (
        Concept::Latest,
        "last= последн* свежие= свежих= свежий= недавн* крайние= крайний= latest= recent= newest= recently=",
    ),
    // Acts
    (
        Concept::Create,
        "занеси= занести= введи= ввести= добавь* добавить= создай* создать= выстави= выставить= выставьте= выставите= выставь= оформи= оформить= оформите= выпиши* выписать= заведи* завести= удали= удалить= удалите= \
         изменить= измени= измените= проведи= проведите= провести= отправь* отправить= запиши* записать= внеси= внести= внесите= спиши* списать= оприходуй* оприходовать= \
         отгрузи= отгрузить= отгрузите= оплати= оплатите= заплати= заплатите= переведи= переведите= начисли= начислите= начислить= закрой= закрыть= перепровед* исправь* исправить= \
         create= issue= make= delete= send= post= raise= book=",
    ),
    (
        Concept::Made,
        "создали= созданы= создан= созданные= выставил* выставлен* выписал* выписан* оформил* оформлен* провели= провел= провела= сделал* сделан* завел= завели= введен* \
         issued= created= made=",
    ),
    (
        Concept::MakeWord,
        "сделай= сделать= сделайте= сделаем= сформируй= сформируйте= сформировать= сгенерируй* generate=",
    ),
    (
        Concept::Write,
        "напиши* написат* составь* составит* сочин* придумай* подготовь* подготовит* сформулируй* write= compose= prepare=",
    ),
    (
        Concept::Letter,
        "письм* претензи* напоминани* предложени* кп= ответ= стих* код= коде= летт* letter* claim= reminder= email-to= poem= code=",
    ),
    // Not covered
    (
        Concept::Purchase,
        "закуп* приобре* покупки= покупок= покупка= покупку= purchases= purchase= procurement= purchasing=",
    ),
    (
        Concept::Salary,
        "зарплат* зарпл* зп= з/п= оклад= оклады= окладов= отпуск= отпуска= отпускн* больничн* премия= премии= премий= salary= salaries= wages= payroll=",
    ),
    (
        Concept::Forecast,
        "прогноз* спрогноз* предскаж* планиру* план= плана= планы= продадим= заработаем= forecast* predict* будущ* следующ* next= will=",
    ),
    (
        Concept::Price,
        "цена= цены= цену= ценам= ценой= ценник* прайс* почем= расценк* price* стоит= pricing=",
    ),
    (
        Concept::Loan,
        "займ* заем= заём= кредитов= кредиты= кредитам= ипотек* лизинг* loan* leasing=",
    ),
    (
        Concept::FixedAssets,
        "основные= основных= ос= амортизац* assets= depreciation=",
    ),
    (Concept::Courses, "курс= курсы= курсу= погод* weather="),
    // About the engine
    (
        Concept::Help,
        "помоч* нейросет* бот= робот= ии= chatgpt= помощ* помоги* умее* можешь= можете= возможност* справк* инструкц* подсказк* спросить= спрашивать= help= capabilit* commands= команд*",
    ),
    (
        Concept::Greeting,
        "привет* здравств* здаров* здрасьте= добрый= доброе= доброго= хай= hello= hi= hey= начать=",
    ),
    // Who and what
    (
        Concept::Customer,
        "клиент* клеент* клиен= покупател* пакупател* покупатил* заказчик* дилер* customer customers client clients buyer buyers consumer*",
    ),
    (
        Concept::Supplier,
        "поставщи* паставщ* поставщек* продавцу-поставщику= supplier suppliers vendor vendors",
    ),
    (
        Concept::Counterparty,
        "контрагент* кантрагент* контр-агент* партнер* компани* фирма= фирмы= фирме= фирму= фирм= фирмой= counterpart* companies= company= partner* firm=",
    ),
    (Concept::Company, "организаци* юрлиц* юр-лиц* наших-фирм="),
    (
        Concept::Manager,
        "менеджер* менедж= продавец= продавц* сотрудник* сейлз* торгпред* продажник* manager managers salesperson salespeople salesman salesmen rep= reps=",
    ),
    (
        Concept::Item,
        "товар= товары= товаров= товарам= товару= товара= товарах= товаром= товарами= товарчик* номенклатур* наминклатур* позици* продукт= продукты= продуктов= продукта= продуктам= продукци* ассортимент* артикул* тмц= item items product products goods sku skus",
    ),
    (
        Concept::ItemGroup,
        "групп= группа= группам= группы= группе= категори* group-of-items= category= categories=",
    ),
    // Breakdowns
    (Concept::ByDay, "дням= ежедневн* подневн* посуточн* daily="),
    (Concept::ByWeek, "неделям= еженедельн* понедельн* weekly="),
    (
        Concept::ByMonth,
        "месяцам= помесячн* ежемесячн* monthly= динамик* тренд* trend*",
    ),
    (Concept::Contract, "договор* contract*"),
    // Comparisons
    (
        Concept::Compare,
        "сравн* против= относительно= изменил* изменен* вырос* выросл* упал= упала= упали= упало= снизил* увеличил* уменьшил* прирост* рост= роста= падени* просел* compar* versus= vs= against= change= changed= growth= grew= grow= drop= dropped= fell= than=",
    ),
    (
        Concept::Top,
        "топ= топа= топчик= лучш* крупнейш* крупны* крупная= больших= больше= самый= самые= самых= самая= самое= самого= самому= наиб* максимал* лидер* главны* первы* top= best= biggest= largest= most= highest= leading=",
    ),
    (
        Concept::Least,
        "хуже= худш* меньше= меньшие= наименьш* минимал* слаб* отста* антитоп* least= worst= lowest= smallest= weakest=",
    ),
];

/// Only these very forms count, because another form means something else.
pub(super) const EXACT: &[(Concept, &str)] = &[
    (Concept::Who, "кто кого who чей чья which"),
    (Concept::Whom, "кому whom"),
    (Concept::Us, "нам нами us"),
    (Concept::We, "мы we"),
    (
        Concept::Our,
        "наш наша наши нашего нашей наших нашу нашему нашим нашими our ours",
    ),
    (Concept::Facing, "перед пред towards"),
    (
        Concept::Not,
        "не ни нет without not haven't hasn't didn't isn't don't aren't",
    ),
    (
        Concept::All,
        "все всем всех всего всему всей всеми all every total итого",
    ),
    (
        Concept::Pronoun,
        "он она оно они его ее их ему ей им него нее них ними нем ней it its them they their him her",
    ),
];
