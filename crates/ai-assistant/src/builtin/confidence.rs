//! How sure the engine is of what it has understood.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::intent::Intent;
use super::lexicon::{self, Concept};
use super::names::Mention;
use super::words::{Kind, Word};

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Confidence {
    /// Words are left that may change the meaning: nothing is answered from it but a question back.
    Low,
    /// It is answered, and said how it was understood.
    Medium,
    /// Every word has its place.
    High,
}

impl Confidence {
    /// The name in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Compares what the intent accounts for with what the question says.
pub(super) fn of(
    intent: Option<Intent>,
    weak: bool,
    set: &HashSet<Concept>,
    names: &[Mention],
    words: &[Word],
) -> Confidence {
    let Some(intent) = intent else {
        return Confidence::Low;
    };
    if matches!(intent, Intent::Unclear(_) | Intent::DebtOfUnknownDirection) {
        return Confidence::Low;
    }
    let stray = names
        .iter()
        .filter(|mention| !mention.proper && mention.kind.is_none())
        .flat_map(|mention| mention.text.split_whitespace())
        .filter(|word| {
            let lower = word.to_lowercase();
            lexicon::idle::looks_like_a_verb(&lower)
        })
        .count();
    let known = words
        .iter()
        .filter(|word| {
            word.kind == Kind::Word && lexicon::concept(word).is_some_and(|concept| concept != Concept::Idle)
        })
        .count();
    let small: usize = names
        .iter()
        .filter(|mention| !mention.proper && mention.kind.is_none())
        .map(|mention| mention.text.split_whitespace().count())
        .sum();
    // More strange words than known ones.
    if small > 3 && small > known + 1 {
        return Confidence::Low;
    }
    let foreign = set
        .iter()
        .filter(|concept| is_strong(**concept) && !belongs(intent, **concept))
        .count();
    let unsure = names.iter().any(|mention| !mention.sure);
    let several_names = names
        .iter()
        .filter(|mention| !mention.proper && mention.kind.is_none())
        .count()
        > 1;
    // Goods are written in small letters, counterparties hardly.
    let of_goods = matches!(
        intent,
        Intent::Stock
            | Intent::Sales
            | Intent::GrossProfit
            | Intent::StockTurnover
            | Intent::NotCovered(_)
            | Intent::CreateDocument
    );
    let small_name = small > 0 && !of_goods;
    let long = words.iter().filter(|word| word.kind != Kind::Sign).count() > 14;
    // «кроме», «доля», «в среднем»: no report leaves out or computes that.
    let more_than_told = words.iter().any(|word| {
        word.is(&[
            "кроме",
            "исключая",
            "без",
            "except",
            "excluding",
            "without",
            "доля",
            "долю",
            "процент",
            "процентов",
            "проценты",
            "share",
            "percentage",
            "среднем",
            "медиана",
            "или",
            "or",
        ]) || word.lower.starts_with("почему")
            || word.is(&["why", "зачем"])
    });
    if stray > 0
        || small_name
        || long
        || more_than_told
        || unsure
        || foreign > 0
        || weak
        || several_names
        || small > 3
    {
        Confidence::Medium
    } else {
        Confidence::High
    }
}

/// Words that ask for something of their own.
fn is_strong(concept: Concept) -> bool {
    use Concept as C;
    matches!(
        concept,
        C::Debt
            | C::Receivable
            | C::Payable
            | C::Unpaid
            | C::Overdue
            | C::Stock
            | C::Sales
            | C::Bought
            | C::Profit
            | C::Money
            | C::CashDesk
            | C::Bank
            | C::Pay
            | C::Received
            | C::Spent
            | C::Flow
            | C::Tax
            | C::TrialBalance
            | C::Postings
            | C::Reconcile
            | C::Card
            | C::Document
            | C::Waybill
            | C::Unposted
            | C::Create
            | C::Write
            | C::Letter
            | C::Purchase
            | C::Salary
            | C::Forecast
            | C::Price
            | C::Loan
            | C::Courses
            | C::Balance
    )
}

/// True when such a word is at home in questions of that intent.
fn belongs(intent: Intent, concept: Concept) -> bool {
    use Concept as C;
    let of_debts = [
        C::Debt,
        C::Receivable,
        C::Payable,
        C::Unpaid,
        C::Overdue,
        C::Pay,
        C::Balance,
        C::Money,
        C::Received,
        C::Document,
        C::Waybill,
        C::Bought,
    ];
    match intent {
        Intent::Receivables => of_debts.contains(&concept) || concept == C::Sales || concept == C::Card,
        Intent::Payables => of_debts.contains(&concept) || concept == C::Purchase,
        Intent::Stock => matches!(concept, C::Stock | C::Balance),
        Intent::Sales => matches!(concept, C::Sales | C::Bought | C::Pay | C::Purchase),
        Intent::GrossProfit => matches!(concept, C::Profit | C::Sales | C::Price),
        Intent::Cash => matches!(concept, C::Money | C::Bank | C::CashDesk | C::Balance | C::Stock),
        Intent::CashFlow => matches!(
            concept,
            C::Money | C::Bank | C::CashDesk | C::Pay | C::Received | C::Spent | C::Flow
        ),
        Intent::Taxes => matches!(
            concept,
            C::Tax | C::Pay | C::Debt | C::Overdue | C::Profit | C::Balance
        ),
        Intent::TrialBalance | Intent::AccountAnalysis | Intent::AccountCard => {
            matches!(
                concept,
                C::TrialBalance | C::Balance | C::Flow | C::Card | C::Document
            )
        }
        Intent::StockTurnover => matches!(concept, C::Stock | C::Received | C::Spent | C::Flow | C::Balance),
        Intent::Statement => matches!(concept, C::Reconcile | C::Debt | C::Balance),
        Intent::CounterpartyCard => matches!(concept, C::Card | C::Bank),
        Intent::Documents | Intent::FindDocument => {
            matches!(
                concept,
                C::Document | C::Waybill | C::Unposted | C::Sales | C::Pay | C::Received | C::Purchase
            )
        }
        Intent::DocumentPayment => matches!(
            concept,
            C::Document | C::Waybill | C::Pay | C::Received | C::Money | C::Sales
        ),
        Intent::Postings => matches!(
            concept,
            C::Postings | C::Document | C::Waybill | C::Sales | C::Received
        ),
        Intent::CreateDocument
        | Intent::NotCovered(_)
        | Intent::Unclear(_)
        | Intent::DebtOfUnknownDirection
        | Intent::Help => true,
    }
}
