//! From words to what they ask for.

use super::debt::debt;
use super::{Doubt, Intent, Signs, Topic};
use crate::builtin::lexicon::{self, Concept};

/// The first rule that fits decides: the more particular a word, the earlier its rule.
pub(in crate::builtin) fn classify(s: &Signs<'_>) -> Option<Intent> {
    about_the_engine(s)
        .or_else(|| not_told_by_reports(s))
        .or_else(|| of_documents(s))
        .or_else(|| of_accounts(s))
        .or_else(|| of_one_counterparty(s))
        .or_else(|| debt(s))
        .or_else(|| of_goods_and_money(s))
        .or_else(|| by_a_hint(s))
}

fn about_the_engine(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    let asks_for_help = s.has(C::Help) && !s.has(C::Letter)
        || s.phrase(&["кто", "ты"])
        || s.phrase(&["ты", "кто"])
        || s.phrase(&["что", "ты", "знаешь"])
        || s.phrase(&["what", "can", "you"])
        || s.near(&["what"], &["ask"])
        || s.phrase(&["who", "are", "you"])
        || s.near(
            &["какие", "список", "which", "what"],
            &["отчеты", "отчетов", "reports"],
        ) && s.only(&[]);
    let greets = s.has(C::Greeting) && !s.has_names && s.only(&[C::Greeting, C::Help]);
    ((asks_for_help && s.only(&[C::Help, C::Greeting, C::Who])) || greets)
        .then_some(Intent::Help)
        .filter(|_| !s.has_number && !s.has_names || greets)
}

/// Requests to write, explain, predict, and other things that no report tells.
fn not_told_by_reports(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    if s.has(C::Write) && s.has(C::Letter) {
        let trade = s.any(&[
            C::Customer,
            C::Supplier,
            C::Counterparty,
            C::Receivable,
            C::Debt,
            C::Reconcile,
            C::Item,
        ]) || s.begins(&["письм", "претензи", "напоминани", "letter", "claim", "reminder"]);
        return trade.then_some(Intent::NotCovered(Topic::Letter));
    }
    if asks_how(s) && !s.has(C::Card) {
        let ours = s.concepts.iter().any(|concept| {
            !matches!(
                concept,
                C::Idle
                    | C::Who
                    | C::Whom
                    | C::We
                    | C::Us
                    | C::Our
                    | C::Not
                    | C::All
                    | C::Pronoun
                    | C::Top
                    | C::Least
            )
        });
        return ours.then_some(Intent::NotCovered(Topic::HowTo));
    }
    let to_be_made = s.has(C::Create) && !s.any(&[C::Forgot, C::Reconcile, C::Latest]) && !s.has(C::Not);
    if to_be_made
        && (s.has_number
            || s.any(&[
                C::Invoice,
                C::Document,
                C::Waybill,
                C::Act,
                C::PaymentOrder,
                C::Order,
                C::Return,
                C::Account,
                C::Sales,
                C::Pay,
                C::Received,
                C::Money,
                C::Counterparty,
                C::Customer,
                C::Supplier,
                C::Item,
                C::Warehouse,
            ])
            || (s.has_names && s.begins(&["спиши", "оприход", "отгрузи", "оплати", "проведи", "удали"])))
    {
        return Some(Intent::CreateDocument);
    }
    if s.has(C::MakeWord)
        && s.any(&[
            C::Invoice,
            C::Document,
            C::Waybill,
            C::Account,
            C::PaymentOrder,
            C::Order,
        ])
        && !s.any(&[C::Reconcile, C::TrialBalance, C::Analysis, C::Card])
        && !s.has_account
        && !s.says(&["отчет", "список", "реестр", "report", "list"])
    {
        return Some(Intent::CreateDocument);
    }
    let figures = s.any(&[
        C::Sales,
        C::Profit,
        C::Bought,
        C::Money,
        C::Received,
        C::Spent,
        C::Flow,
        C::Tax,
        C::Income,
    ]);
    if (s.has(C::Forecast)
        && (figures
            || s.begins(&[
                "прогноз",
                "спрогноз",
                "предскаж",
                "продадим",
                "заработаем",
                "forecast",
                "predict",
            ])))
        || (s.of_the_future && s.any(&[C::Sales, C::Profit, C::Bought, C::Income]))
    {
        return Some(Intent::NotCovered(Topic::Forecast));
    }
    if s.has(C::Enough) && s.has(C::Money) {
        return Some(Intent::Cash);
    }
    if s.has(C::Salary) || (s.says(&["получает", "earns"]) && s.has_names && !s.any(&[C::Money, C::Pay]))
    {
        return Some(Intent::NotCovered(Topic::Salary));
    }
    if s.phrase(&["основные", "средства"])
        || s.phrase(&["основных", "средств"])
        || s.phrase(&["fixed", "assets"])
        || s.begins(&["амортизац", "depreciation"])
    {
        return Some(Intent::NotCovered(Topic::FixedAssets)).filter(|_| !s.has_account);
    }
    if s.has(C::Loan) && !s.has_account {
        return Some(Intent::NotCovered(Topic::Loans));
    }
    if s.has(C::Price)
        && !s.any(&[C::Stock, C::Warehouse, C::Balance, C::Sales, C::Profit])
        && (s.has_names || s.any(&[C::Item, C::Customer]) || s.begins(&["прайс", "цен", "price"]))
    {
        return Some(Intent::NotCovered(Topic::Prices));
    }
    None
}

/// «как провести…», «что такое…», "how do I…".
fn asks_how(s: &Signs<'_>) -> bool {
    if s.phrase(&["что", "такое"])
        || s.phrase(&["что", "значит"])
        || s.phrase(&["что", "означает"])
        || s.says(&["объясни", "объясните", "поясни", "explain"])
        || s.begins(&["отличает", "разниц"])
            && s.says(&["чем", "чего", "в"])
            && s.says(&["отличается", "разница"])
        || s.phrase(&["how", "to"])
        || s.phrase(&["how", "do", "i"])
        || s.phrase(&["how", "can", "i"])
        || s.phrase(&["how", "should", "i"])
        || s.near(&["what"], &["mean"])
    {
        return true;
    }
    s.words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.is(&["как"]))
        .any(|(i, _)| {
            s.words.iter().skip(i + 1).take(3).any(|word| {
                let infinitive = ["ть", "ти", "чь", "ться"]
                    .iter()
                    .any(|ending| word.lower.ends_with(ending));
                infinitive && word.lower.chars().count() >= 5 && lexicon::concept(word) != Some(Concept::Idle)
            })
        })
}

fn of_documents(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    let some_document = s.any(&[
        C::Document,
        C::Waybill,
        C::Act,
        C::Invoice,
        C::PaymentOrder,
        C::Order,
        C::Return,
    ]);
    if s.has(C::Postings) && s.has_account && !s.has_number {
        return Some(Intent::AccountCard);
    }
    if s.has(C::Postings) || (s.has(C::DebitCredit) && (some_document || s.has_number) && !s.has_account) {
        return Some(Intent::Postings);
    }
    let not_posted = s.has(C::Unposted)
        || (s.any(&[C::Not, C::Forgot]) && (s.has(C::PostedWord) || s.says(&["провели", "провести"])));
    if not_posted && !s.has_account {
        return Some(Intent::Documents);
    }
    // «счёт», not «на счёте» or «на счетах»
    let invoice = s.any(&[C::Invoice, C::Waybill]) || s.says(&["счет", "счету"]);
    let paid = s.begins(&["оплач", "оплатил", "проплач", "проплат"])
        || s.says(&["paid", "оплата", "деньги"]) && (s.has_number || s.says(&["paid"]))
        || s.has(C::Received) && s.has(C::Money) && s.has_number;
    if paid
        && (invoice || some_document || s.has(C::Sales) && s.has_number)
        && !s.any(&[C::Unpaid, C::Who, C::Whom, C::Bank])
        && (s.has_number || !s.has(C::Not))
        && !s.has_account
    {
        return Some(Intent::DocumentPayment);
    }
    let document_word = some_document
        || s.says(&[
            "счет",
            "счета",
            "счетов",
            "реализацию",
            "реализация",
            "реализации",
            "поступление",
            "поступления",
        ]);
    if s.has_number && document_word && !s.has_account {
        return Some(Intent::FindDocument);
    }
    let for_payment = s.begins(&["счет", "счёт"]) && s.phrase(&["на", "оплату"]);
    if (for_payment || s.has(C::PaymentOrder) || s.has(C::Made) && (some_document || s.has(C::Account)))
        && !s.any(&[C::Unpaid, C::Overdue, C::Supplier, C::Debt])
        && !s.has_account
    {
        return Some(Intent::Documents);
    }
    let listed = s.says(&["список", "списком", "перечень", "перечислить", "list"]);
    if listed
        && s.says(&[
            "реализации",
            "реализаций",
            "поступления",
            "поступлений",
            "отгрузок",
            "счетов",
            "счета",
        ])
        && !s.any(&[
            C::Unpaid,
            C::Overdue,
            C::Receivable,
            C::Debt,
            C::Customer,
            C::Item,
            C::Supplier,
        ])
        && !s.has_account
    {
        return Some(Intent::Documents);
    }
    None
}

fn of_accounts(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    if s.has_account {
        if s.begins(&["карточк"]) || s.says(&["card"]) {
            return Some(Intent::AccountCard);
        }
        if s.any(&[C::Analysis, C::Correspond]) {
            return Some(Intent::AccountAnalysis);
        }
        if s.has(C::Flow) || s.begins(&["движени"]) {
            return Some(Intent::AccountCard);
        }
        return Some(Intent::TrialBalance);
    }
    if s.has(C::Correspond) {
        return Some(Intent::AccountAnalysis);
    }
    let card_of_account = s.begins(&["карточк"]) && s.has(C::Account) || s.phrase(&["account", "card"]);
    if card_of_account {
        return Some(Intent::AccountCard);
    }
    if s.has(C::Analysis) && s.says(&["счета", "счету", "account"]) && !s.any(&[C::Sales, C::Bank])
    {
        return Some(Intent::AccountAnalysis);
    }
    let goods = s.any(&[C::Item, C::Warehouse, C::Stock]);
    if goods && s.says(&["ведомость"]) && !s.has(C::TrialBalance) {
        return Some(Intent::StockTurnover);
    }
    if s.has(C::TrialBalance) && s.has(C::Reconcile) {
        return Some(Intent::Statement);
    }
    if s.has(C::TrialBalance) {
        return Some(Intent::TrialBalance);
    }
    if s.has(C::Tax)
        && !s.phrase(&["tax", "number"])
        && !s.any(&[C::Sales, C::Card, C::Customer, C::Supplier, C::Item, C::Bought])
        && (!s.has(C::Profit)
            || s.phrase(&["на", "прибыль"])
            || s.phrase(&["profit", "tax"])
            || s.says(&["ндс", "ндфл", "vat"]))
    {
        return Some(Intent::Taxes);
    }
    None
}

fn of_one_counterparty(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    let history_of_sales =
        s.begins(&["истори", "history"]) && s.any(&[C::Sales, C::Pay, C::Received, C::Bought]);
    if s.has(C::Reconcile) && !history_of_sales && !s.any(&[C::Document, C::Waybill]) {
        return Some(Intent::Statement);
    }
    if s.has(C::Settlement)
        && (s.has_names || s.any(&[C::Customer, C::Supplier, C::Counterparty]))
        && !s.any(&[C::Sales, C::Money, C::Bank, C::Overdue])
    {
        return Some(Intent::Statement);
    }
    let bank_details = s.phrase(&["расчетный", "счет"])
        && s.has_names
        && !s.any(&[C::Balance, C::Money])
        && !s.says(&["сколько"]);
    if bank_details && s.says(&["какой", "у", "номер"]) {
        return Some(Intent::CounterpartyCard);
    }
    let phones_in_stock = s.any(&[C::Stock, C::Warehouse, C::Sales, C::Balance, C::Bought]);
    if s.any(&[C::Card, C::TaxNumber]) && !phones_in_stock || s.phrase(&["tax", "number"]) {
        return Some(Intent::CounterpartyCard);
    }
    let who_is_it = (s.phrase(&["что", "за"])
        || s.phrase(&["кто", "такие"])
        || s.phrase(&["кто", "такой"])
        || s.phrase(&["who", "is"]))
        && s.any(&[C::Counterparty, C::Customer, C::Supplier])
        && s.has_names
        && !s.any(&[C::Debt, C::Sales, C::Top, C::Pay]);
    who_is_it.then_some(Intent::CounterpartyCard)
}

fn of_goods_and_money(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    let some_document = s.any(&[C::Document, C::Waybill, C::Act, C::Invoice, C::Order, C::Return]);
    if s.has(C::Purchase) || (s.has(C::Bought) && s.has(C::We)) {
        // «клиенты с покупками» buy from us.
        if !(s.has(C::Customer) && !s.has(C::Supplier) && s.begins(&["покуп"])) {
            return Some(Intent::NotCovered(Topic::Purchases));
        }
        return Some(Intent::Sales);
    }
    if some_document
        && (s.any(&[C::Latest, C::Made])
            || !s.any(&[C::Sales, C::Stock, C::Warehouse, C::Pay, C::Profit, C::Balance]))
    {
        return Some(Intent::Documents);
    }
    // «себестоимость остатков» is what goods at hand cost.
    let of_stock =
        s.begins(&["себестоимост"]) && s.any(&[C::Balance, C::Stock, C::Warehouse]) && !s.has(C::Sales);
    if of_stock {
        return Some(Intent::Stock);
    }
    if s.has(C::Profit) {
        return Some(Intent::GrossProfit);
    }
    if s.any(&[C::Sales, C::Sought]) && !(s.has(C::Pay) && s.has(C::Received)) {
        return Some(Intent::Sales);
    }
    let money = s.any(&[C::Money, C::Bank, C::CashDesk]);
    let moves = s.any(&[C::Flow, C::Received, C::Spent, C::Pay]);
    // Goods that come and go; «пришли деньги за товар» is money.
    let goods = s.any(&[C::Item, C::Warehouse, C::Stock])
        || (s.names_goods && (s.has(C::Flow) || s.begins(&["израсход"])) && !s.says(&["от", "с"]));
    if goods
        && !money
        && s.any(&[C::Flow, C::Received, C::Spent, C::Turnover])
        && !s.any(&[C::Pay, C::Top, C::Least])
    {
        return Some(Intent::StockTurnover);
    }
    if s.has(C::Turnover) && s.has(C::Item) && !s.any(&[C::Top, C::Least, C::Customer, C::Manager]) {
        return Some(Intent::StockTurnover);
    }
    // «какой клиент принёс больше всего денег»
    if money
        && s.any(&[C::Top, C::Least])
        && s.any(&[C::Customer, C::Manager, C::Item, C::Counterparty])
        && !moves
    {
        return Some(Intent::Sales);
    }
    if money && s.says(&["куда", "where"]) && !goods {
        return Some(Intent::CashFlow);
    }
    if money && !moves {
        return Some(Intent::Cash);
    }
    if s.has(C::Bought) {
        return Some(Intent::Sales);
    }
    let bare = s.only(&[C::Received]) && s.says(&["приход"])
        || s.only(&[C::Spent]) && s.says(&["расход"])
        || s.only(&[C::Flow]) && s.begins(&["движен", "movement"]);
    if bare && !s.has_names {
        return Some(Intent::Unclear(Doubt::Movement));
    }
    if moves {
        return Some(Intent::CashFlow);
    }
    if s.has(C::AverageSale) && s.begins(&["средн", "average"]) {
        return Some(Intent::Sales);
    }
    if s.has(C::Income) {
        return Some(Intent::Sales);
    }
    None
}

/// What is left when nothing says it outright.
fn by_a_hint(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    if s.has(C::Account) && !s.any(&[C::Warehouse, C::Item, C::Customer, C::Supplier]) {
        return Some(Intent::Cash);
    }
    if s.has(C::Balance) && s.only(&[C::Balance]) && !s.has_names && !s.says(&["чего", "что"]) {
        return Some(Intent::Unclear(Doubt::Balance));
    }
    if s.any(&[C::Stock, C::Balance, C::RunsOut])
        || (s.has(C::Warehouse)
            && !s.any(&[C::Manager, C::Customer])
            && (!s.has(C::Top) || s.says(&["чего", "что"])))
    {
        return Some(Intent::Stock);
    }
    if s.has(C::Enough) && (s.has_names || s.has(C::Item)) {
        return Some(Intent::Stock);
    }
    if s.any(&[C::Document, C::Waybill, C::Invoice]) {
        return Some(Intent::Documents);
    }
    if s.any(&[C::Customer, C::Manager, C::Item, C::ItemGroup, C::Counterparty])
        && s.any(&[C::Top, C::Least, C::Turnover])
    {
        return Some(Intent::Sales);
    }
    if s.has(C::Turnover) {
        return Some(Intent::TrialBalance);
    }
    if s.has(C::Item) && s.limits {
        return Some(Intent::Stock);
    }
    // «есть у нас степлеры?», «сколько у нас папок?»
    let at_hand =
        s.phrase(&["у", "нас"]) || s.says(&["есть", "нету", "есть-ли"]) || s.phrase(&["do", "we", "have"]);
    if s.names_goods && at_hand && s.only(&[]) {
        return Some(Intent::Stock);
    }
    // «что есть на Южном»
    if s.has_names && s.only(&[]) && s.near(&["есть"], &["на", "в"]) && s.says(&["что", "чего"])
    {
        return Some(Intent::Stock);
    }
    None
}
