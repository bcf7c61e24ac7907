//! The rows of the base, as compact structs. Money is whole kopecks, quantities are whole units.

use crate::calendar::Stamp;
use crate::ids::{Kind, Ref};

/// Stands for "no contract" in payments without one.
pub(crate) const NO_CONTRACT: u32 = u32::MAX;

/// One of our own companies.
pub(crate) struct Organization {
    pub(crate) name: &'static str,
    pub(crate) full_name: &'static str,
    /// Two letters every document number of the company begins with.
    pub(crate) prefix: &'static str,
    pub(crate) inn: String,
    pub(crate) kpp: String,
    pub(crate) ogrn: String,
}

/// Which side of the trade a counterparty stands on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Folder,
    Customer,
    Supplier,
    /// Buys and sells.
    Both,
    /// Treasury, bank, landlord.
    Other,
}

/// How a customer pays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Punctual,
    Slow,
    /// In parts and weeks after the due date.
    Late,
    /// Pays a part, then keeps silent for months.
    Bad,
    /// Pays an invoice first and is served after.
    Prepays,
    /// Pays cash on the spot.
    Cash,
}

/// A counterparty or a folder of them.
pub(crate) struct Counterparty {
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) role: Role,
    pub(crate) habit: Habit,
    /// A company, not a person.
    pub(crate) legal: bool,
    pub(crate) inn: String,
    pub(crate) kpp: String,
    /// Folder it lies in.
    pub(crate) parent: Ref,
    pub(crate) address: String,
    pub(crate) phone: String,
    pub(crate) email: String,
    /// How often it deals with us, against the others.
    pub(crate) weight: u32,
    /// Manager who leads it.
    pub(crate) manager: u8,
    /// Discount in tenths of a percent.
    pub(crate) discount: u32,
    /// Contracts, at most one per organisation.
    pub(crate) contracts: Vec<u32>,
    pub(crate) deleted: bool,
}

/// A contract with a counterparty.
pub(crate) struct Contract {
    pub(crate) owner: u32,
    pub(crate) organization: u8,
    pub(crate) number: String,
    pub(crate) date: Stamp,
    pub(crate) with_customer: bool,
    /// Days to pay; zero where no term is set.
    pub(crate) term: u8,
}

/// An item of goods or a group of them.
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) article: String,
    /// Group it lies in; empty for the groups.
    pub(crate) parent: Ref,
    pub(crate) unit: u8,
    /// First selling price with VAT; zero for groups.
    pub(crate) price: i64,
}

/// A warehouse.
pub(crate) struct Warehouse {
    pub(crate) name: &'static str,
}

/// A bank account of ours.
pub(crate) struct BankAccount {
    pub(crate) organization: u8,
    pub(crate) number: String,
    pub(crate) bank: &'static str,
}

/// What every document has.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) date: Stamp,
    pub(crate) number: u32,
    pub(crate) organization: u8,
    pub(crate) user: u8,
    pub(crate) posted: bool,
    pub(crate) deleted: bool,
}

/// A sale, a purchase or an invoice.
pub(crate) struct Trade {
    pub(crate) head: Head,
    pub(crate) counterparty: u32,
    pub(crate) contract: u32,
    pub(crate) warehouse: u8,
    pub(crate) first_line: u32,
    pub(crate) lines: u32,
    pub(crate) sum: i64,
}

/// A line of goods.
pub(crate) struct Line {
    pub(crate) document: u32,
    pub(crate) item: u32,
    pub(crate) quantity: i32,
    pub(crate) price: i64,
    /// With VAT.
    pub(crate) sum: i64,
    pub(crate) vat: i64,
    /// What the goods sold had cost, without VAT; zero in purchases and invoices.
    pub(crate) cost: i64,
}

/// Why money moved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Customer,
    Supplier,
    /// To the budget, on the account with this number in the chart.
    Tax(u8),
    Salary,
    Rent,
    Fee,
}

/// A bank or cash document.
pub(crate) struct Payment {
    pub(crate) head: Head,
    /// Who paid or was paid: counterparty, user or nobody in particular.
    pub(crate) payee: Ref,
    pub(crate) contract: u32,
    /// Bank account or cash desk.
    pub(crate) place: Ref,
    pub(crate) purpose: Purpose,
    pub(crate) first_line: u32,
    pub(crate) lines: u32,
    pub(crate) sum: i64,
}

/// What a part of a payment settles.
pub(crate) struct PaymentLine {
    pub(crate) document: u32,
    pub(crate) contract: u32,
    /// The sale or purchase; empty for an advance.
    pub(crate) deal: Ref,
    pub(crate) sum: i64,
}

/// What a line of a manual operation records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum OperationKind {
    Capital,
    PayrollOffice,
    PayrollTrade,
    IncomeTax,
    ContributionsSocial,
    ContributionsPension,
    ContributionsMedical,
    CloseTrade,
    CloseOffice,
    Profit,
    Loss,
    OtherLoss,
    ProfitTax,
}

impl OperationKind {
    /// All of them.
    pub(crate) const ALL: [Self; 13] = [
        Self::Capital,
        Self::PayrollOffice,
        Self::PayrollTrade,
        Self::IncomeTax,
        Self::ContributionsSocial,
        Self::ContributionsPension,
        Self::ContributionsMedical,
        Self::CloseTrade,
        Self::CloseOffice,
        Self::Profit,
        Self::Loss,
        Self::OtherLoss,
        Self::ProfitTax,
    ];
}

/// A manual operation: opening, payroll, month closing.
pub(crate) struct Operation {
    pub(crate) head: Head,
    pub(crate) title: &'static str,
    pub(crate) first_line: u32,
    pub(crate) lines: u32,
    pub(crate) sum: i64,
}

/// A line of a manual operation.
pub(crate) struct OperationLine {
    pub(crate) kind: OperationKind,
    /// Bank account the capital came to.
    pub(crate) place: Ref,
    pub(crate) sum: i64,
}

/// Documents of one kind with their lines, in order of date.
pub(crate) struct Book<D, L> {
    pub(crate) documents: Vec<D>,
    pub(crate) lines: Vec<L>,
}

impl<D, L> Default for Book<D, L> {
    fn default() -> Self {
        Self {
            documents: Vec::new(),
            lines: Vec::new(),
        }
    }
}

/// Who wrote a movement and when.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) period: Stamp,
    pub(crate) recorder: Ref,
    /// From 1 within the recorder.
    pub(crate) line: u32,
}

/// A movement of any register.
pub(crate) trait Movement {
    /// When and by whom.
    fn mark(&self) -> Mark;
    /// Set when the register takes the movement in.
    fn mark_mut(&mut self) -> &mut Mark;
}

/// Movements in order of period, those of one recorder side by side.
pub(crate) struct Register<T> {
    pub(crate) rows: Vec<T>,
    /// Recorder and position of its first row.
    pub(crate) sets: Vec<(Ref, u32)>,
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            sets: Vec::new(),
        }
    }
}

impl<T: Movement> Register<T> {
    /// Adds a movement of `recorder`; calls must come in order of period, a recorder's all in a row.
    pub(crate) fn push(&mut self, period: Stamp, recorder: Ref, mut row: T) {
        let position = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let first = match self.sets.last() {
            Some((last, first)) if *last == recorder => *first,
            _ => {
                self.sets.push((recorder, position));
                position
            }
        };
        *row.mark_mut() = Mark {
            period,
            recorder,
            line: position - first + 1,
        };
        self.rows.push(row);
    }

    /// Rows of set number `set`.
    pub(crate) fn range(&self, set: usize) -> std::ops::Range<u32> {
        let end = self
            .sets
            .get(set + 1)
            .map_or(self.rows.len(), |(_, first)| *first as usize);
        self.sets.get(set).map_or(0, |(_, first)| *first)..u32::try_from(end).unwrap_or(u32::MAX)
    }

    /// Number of the set `recorder` wrote at `period`.
    pub(crate) fn find(&self, recorder: Ref, period: Stamp) -> Option<usize> {
        let period_of = |entry: &(Ref, u32)| self.rows[entry.1 as usize].mark().period;
        let from = self.sets.partition_point(|entry| period_of(entry) < period);
        (from..self.sets.len())
            .take_while(|at| period_of(&self.sets[*at]) == period)
            .find(|at| self.sets[*at].0 == recorder)
    }
}

/// One side of a ledger entry.
#[derive(Clone, Copy)]
pub(crate) struct Side {
    /// Number of the account in the chart.
    pub(crate) account: u8,
    pub(crate) analytics: [Ref; 3],
    pub(crate) quantity: i32,
}

/// An entry of the double-entry ledger.
pub(crate) struct Entry {
    pub(crate) mark: Mark,
    pub(crate) organization: u8,
    pub(crate) debit: Side,
    pub(crate) credit: Side,
    pub(crate) sum: i64,
    pub(crate) text: &'static str,
}

/// A movement of settlements: positive is their debt to us (customers) or ours to them (suppliers).
pub(crate) struct Settlement {
    pub(crate) mark: Mark,
    pub(crate) receipt: bool,
    pub(crate) organization: u8,
    /// Days to pay, by the contract.
    pub(crate) term: u8,
    /// When what is settled came about: the date of the deal.
    pub(crate) arisen: Stamp,
    pub(crate) counterparty: u32,
    pub(crate) contract: u32,
    pub(crate) deal: Ref,
    pub(crate) sum: i64,
}

/// A movement of goods.
pub(crate) struct StockMove {
    pub(crate) mark: Mark,
    pub(crate) receipt: bool,
    pub(crate) organization: u8,
    pub(crate) warehouse: u8,
    pub(crate) item: u32,
    pub(crate) quantity: i32,
    pub(crate) cost: i64,
}

/// A movement of money.
pub(crate) struct CashMove {
    pub(crate) mark: Mark,
    pub(crate) receipt: bool,
    pub(crate) organization: u8,
    pub(crate) place: Ref,
    pub(crate) sum: i64,
}

/// A turnover of sales.
pub(crate) struct SaleMove {
    pub(crate) mark: Mark,
    pub(crate) organization: u8,
    pub(crate) counterparty: u32,
    pub(crate) contract: u32,
    pub(crate) item: u32,
    pub(crate) manager: u8,
    pub(crate) warehouse: u8,
    pub(crate) quantity: i32,
    pub(crate) sum: i64,
    pub(crate) vat: i64,
    pub(crate) cost: i64,
}

macro_rules! movements {
    ($($kind:ty),*) => {$(
        impl Movement for $kind {
            fn mark(&self) -> Mark {
                self.mark
            }
            fn mark_mut(&mut self) -> &mut Mark {
                &mut self.mark
            }
        }
    )*};
}
movements!(Entry, Settlement, StockMove, CashMove, SaleMove);

impl Mark {
    /// Filled in by [`Register::push`].
    pub(crate) const UNSET: Self = Self {
        period: 0,
        recorder: Ref::NONE,
        line: 0,
    };
}

/// A price set on a day.
pub(crate) struct Price {
    pub(crate) period: Stamp,
    pub(crate) item: u32,
    pub(crate) price: i64,
}

/// An exchange rate of a day, in ten-thousandths of a rouble.
pub(crate) struct Rate {
    pub(crate) period: Stamp,
    pub(crate) currency: u8,
    pub(crate) rate: i64,
}

/// Which book of [`Trade`]s a kind of document is in.
pub(crate) const fn trade_book(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Sale => Some(0),
        Kind::Purchase => Some(1),
        Kind::Invoice => Some(2),
        _ => None,
    }
}

/// Which book of [`Payment`]s a kind of document is in.
pub(crate) const fn payment_book(kind: Kind) -> Option<usize> {
    match kind {
        Kind::BankIn => Some(0),
        Kind::BankOut => Some(1),
        Kind::CashIn => Some(2),
        Kind::CashOut => Some(3),
        _ => None,
    }
}

/// The kinds of [`Trade`] books, in order.
pub(crate) const TRADES: [Kind; 3] = [Kind::Sale, Kind::Purchase, Kind::Invoice];
/// The kinds of [`Payment`] books, in order.
pub(crate) const PAYMENTS: [Kind; 4] = [Kind::BankIn, Kind::BankOut, Kind::CashIn, Kind::CashOut];
