//! What a question is about.

use std::collections::HashSet;

use common::contract::onec::ReportId;
use serde::{Deserialize, Serialize};

use super::lexicon::Concept;
use super::words::Word;

/// The kinds of questions that the engine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Intent {
    Receivables,
    Payables,
    /// A debt, but not whose: «сколько должны Ромашке».
    DebtOfUnknownDirection,
    Stock,
    Sales,
    Cash,
    CashFlow,
    Taxes,
    TrialBalance,
    AccountAnalysis,
    AccountCard,
    StockTurnover,
    Statement,
    CounterpartyCard,
    Documents,
    Postings,
    /// Something to be written into 1C.
    CreateDocument,
    /// Something that no report tells.
    NotCovered(Topic),
    Help,
}

/// What is asked for now and then but cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Topic {
    Purchases,
    Salary,
    Forecast,
}

impl Intent {
    /// The name in answers, metrics and usage.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Receivables => "receivables",
            Self::Payables => "payables",
            Self::DebtOfUnknownDirection => "debt",
            Self::Stock => "stock",
            Self::Sales => "sales",
            Self::Cash => "cash",
            Self::CashFlow => "cash_flow",
            Self::Taxes => "taxes",
            Self::TrialBalance => "trial_balance",
            Self::AccountAnalysis => "account_analysis",
            Self::AccountCard => "account_card",
            Self::StockTurnover => "stock_turnover",
            Self::Statement => "statement",
            Self::CounterpartyCard => "counterparty_card",
            Self::Documents => "documents",
            Self::Postings => "postings",
            Self::CreateDocument => "create_document",
            Self::NotCovered(_) => "not_covered",
            Self::Help => "help",
        }
    }

    /// The report that answers it.
    pub(crate) const fn report(self) -> Option<ReportId> {
        Some(match self {
            Self::Receivables => ReportId::Receivables,
            Self::Payables => ReportId::Payables,
            Self::Stock => ReportId::Stock,
            Self::Sales => ReportId::Sales,
            Self::Cash => ReportId::Cash,
            Self::CashFlow => ReportId::CashFlow,
            Self::Taxes => ReportId::Taxes,
            Self::TrialBalance => ReportId::TrialBalance,
            Self::AccountAnalysis => ReportId::AccountAnalysis,
            Self::AccountCard => ReportId::AccountCard,
            Self::StockTurnover => ReportId::StockTurnover,
            Self::Statement => ReportId::Statement,
            Self::CounterpartyCard => ReportId::CounterpartyCard,
            Self::Documents => ReportId::Documents,
            Self::Postings => ReportId::Postings,
            Self::DebtOfUnknownDirection | Self::CreateDocument | Self::NotCovered(_) | Self::Help => {
                return None;
            }
        })
    }

    /// True when the report is at a date rather than for a period.
    pub(crate) const fn is_balance(self) -> bool {
        matches!(
            self,
            Self::Receivables | Self::Payables | Self::DebtOfUnknownDirection | Self::Stock | Self::Cash
        )
    }
}

/// What [`classify`] looks at.
pub(super) struct Signs<'a> {
    pub(super) concepts: &'a HashSet<Concept>,
    pub(super) words: &'a [Word],
    pub(super) has_account: bool,
    pub(super) has_number: bool,
    pub(super) has_names: bool,
}

impl Signs<'_> {
    fn has(&self, concept: Concept) -> bool {
        self.concepts.contains(&concept)
    }

    fn any(&self, concepts: &[Concept]) -> bool {
        concepts.iter().any(|concept| self.has(*concept))
    }

    fn says(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| word.is(words))
    }

    /// True when the words stand in this order, next to each other.
    fn phrase(&self, phrase: &[&str]) -> bool {
        self.words.windows(phrase.len()).any(|window| {
            window
                .iter()
                .zip(phrase)
                .all(|(word, wanted)| word.lower == *wanted)
        })
    }
}

/// The first rule that fits decides: the more particular a word, the earlier its rule.
pub(super) fn classify(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    if s.has(C::Create)
        && s.any(&[C::Invoice, C::Document, C::Account, C::Sales, C::Pay, C::Received])
        && !s.has(C::Reconcile)
    {
        return Some(Intent::CreateDocument);
    }
    if s.has(C::Forecast) {
        return Some(Intent::NotCovered(Topic::Forecast));
    }
    if s.has(C::Salary) {
        return Some(Intent::NotCovered(Topic::Salary));
    }
    if s.has(C::Postings) {
        return Some(Intent::Postings);
    }
    if s.has(C::Unposted) || (s.has(C::Not) && s.says(&["проведены", "проведенные", "проведен", "posted"]))
    {
        return Some(Intent::Documents);
    }
    if s.has(C::Reconcile) && !s.phrase(&["историю", "продаж"]) && !s.phrase(&["sales", "history"])
    {
        return Some(Intent::Statement);
    }
    if s.has_account && s.says(&["карточка", "карточку", "card"]) {
        return Some(Intent::AccountCard);
    }
    if s.has_account && s.says(&["анализ", "analysis"]) {
        return Some(Intent::AccountAnalysis);
    }
    if s.has(C::Turnover) && s.says(&["товаров", "товарам", "товары", "goods"]) && !s.has(C::Top)
    {
        return Some(Intent::StockTurnover);
    }
    if s.has(C::TrialBalance) || (s.has(C::Account) && s.has_account) || s.phrase(&["trial", "balance"]) {
        return Some(Intent::TrialBalance);
    }
    if s.has(C::Tax) && !s.any(&[C::Sales, C::Profit, C::Card]) {
        return Some(Intent::Taxes);
    }
    if s.has(C::Card) {
        return Some(Intent::CounterpartyCard);
    }
    if let Some(intent) = debt(s) {
        return Some(intent);
    }
    if s.has(C::Document) && (s.has(C::Latest) || !s.any(&[C::Sales, C::Stock, C::Pay])) {
        return Some(Intent::Documents);
    }
    if s.any(&[C::Money, C::CashDesk, C::Bank])
        && !s.any(&[C::Flow, C::Received, C::Spent, C::Pay, C::Sales, C::Profit])
    {
        return Some(Intent::Cash);
    }
    if s.any(&[C::Sales, C::Profit]) {
        return Some(Intent::Sales);
    }
    if s.has(C::Purchase) || (s.has(C::Bought) && s.has(C::We)) {
        return Some(Intent::NotCovered(Topic::Purchases));
    }
    if s.has(C::Bought) {
        return Some(Intent::Sales);
    }
    if s.any(&[C::Flow, C::Received, C::Spent, C::Pay]) {
        return Some(Intent::CashFlow);
    }
    if s.has(C::Account) && !s.any(&[C::Warehouse, C::Item]) {
        return Some(Intent::Cash);
    }
    if s.any(&[C::Stock, C::Balance]) || (s.has(C::Warehouse) && !s.has(C::Top)) {
        return Some(Intent::Stock);
    }
    if s.has(C::Document) || (s.has(C::Latest) && s.has(C::Invoice)) {
        return Some(Intent::Documents);
    }
    if s.has(C::Turnover) && !s.has_account && s.any(&[C::Top, C::Customer, C::Manager, C::Item]) {
        return Some(Intent::Sales);
    }
    if s.any(&[C::Customer, C::Manager, C::Item]) && s.any(&[C::Top, C::Least]) {
        return Some(Intent::Sales);
    }
    if s.has(C::Turnover) {
        return Some(Intent::TrialBalance);
    }
    if s.any(&[C::Help, C::Greeting]) && !s.has_number {
        return Some(Intent::Help);
    }
    if s.phrase(&["что", "ты", "знаешь"]) || s.phrase(&["what", "can", "you"]) {
        return Some(Intent::Help);
    }
    None
}

/// Debts, with care for who owes whom.
fn debt(s: &Signs<'_>) -> Option<Intent> {
    use Concept as C;
    if s.has(C::Payable) {
        return Some(Intent::Payables);
    }
    if s.has(C::Receivable) {
        return Some(Intent::Receivables);
    }
    // «кому и когда платить», «сколько нужно заплатить поставщикам»
    let to_pay = s.says(&["платить", "заплатить", "оплатить", "уплатить"])
        || s.phrase(&["to", "pay"])
        || (s.phrase(&["we", "pay"]) && !s.says(&["did"]))
        || s.phrase(&["предстоящие", "платежи"]);
    let have_to = s.says(&["нужно", "надо", "предстоящие", "need"]);
    if to_pay && (have_to || (s.any(&[C::Whom, C::Supplier, C::We, C::Our]) && !s.has(C::Us))) {
        return Some(Intent::Payables);
    }
    // «кто не оплатил», "who has not paid"
    if s.has(C::Pay) && s.has(C::Not) && !s.has(C::We) {
        return Some(Intent::Receivables);
    }
    if !s.any(&[C::Debt, C::Overdue]) {
        return None;
    }
    let we_owe = s.phrase(&["мы", "должны"])
        || s.phrase(&["должны", "мы"])
        || s.phrase(&["we", "owe"])
        || s.phrase(&["i", "owe"])
        || (s.has(C::Facing) && !s.says(&["нами"]));
    let we_are_owed = s.has(C::Us)
        || s.phrase(&["are", "we", "owed"])
        || s.phrase(&["we", "are", "owed"])
        || s.phrase(&["due", "to", "us"]);
    if we_are_owed && !we_owe {
        return Some(Intent::Receivables);
    }
    if we_owe {
        return Some(Intent::Payables);
    }
    if s.has(C::Whom) || s.has(C::We) {
        return Some(Intent::Payables);
    }
    if s.has(C::Who) {
        return Some(Intent::Receivables);
    }
    if s.has(C::Supplier) {
        // «задолженность поставщиков» would be theirs, «поставщикам» is ours.
        let theirs = s.says(&["поставщики", "поставщиков", "поставщика"]);
        return Some(if theirs && !s.has(C::Our) {
            Intent::DebtOfUnknownDirection
        } else {
            Intent::Payables
        });
    }
    if s.has(C::Customer) {
        return Some(Intent::Receivables);
    }
    if s.has(C::Our) || s.phrase(&["our", "debt"]) {
        return Some(Intent::Payables);
    }
    // Without a pronoun, «должны Ромашке» and «должны Ромашка» differ by an ending of a name; a debt
    // of nobody in particular may be either.
    let of_one = s.says(&["должен", "должна", "должно", "owes"]);
    let unclear = s.says(&["должны", "задолжали"]) || !s.has_names;
    Some(if unclear && !of_one {
        Intent::DebtOfUnknownDirection
    } else {
        Intent::Receivables
    })
}
