//! The base: all rows in memory, generated once.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::calendar::{self, Stamp};
use crate::company;
use crate::company::catalogs::STORES;
use crate::configuration::Configuration;
use crate::ids::{self, Kind, Ref};
use crate::model::{
    BankAccount, Book, CashMove, Contract, Counterparty, Entry, Head, Item, Line, Operation, OperationLine,
    Organization, Payment, PaymentLine, Price, Rate, Register, SaleMove, Settlement, StockMove, Trade,
    Warehouse, payment_book, trade_book,
};

/// What base to generate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The same seed gives the same company.
    pub seed: u64,
    /// How many times more documents than the ordinary company (about eleven thousand in two years) has. At least 1.
    pub scale: u32,
    /// What clients see it as.
    pub configuration: Configuration,
    /// The first day that is not generated. Everything before it is the same whatever this day is.
    pub until: NaiveDate,
}

impl Default for Options {
    /// Seed 1, scale 1, as «Бухгалтерия», up to yesterday in Moscow.
    fn default() -> Self {
        Self {
            seed: 1,
            scale: 1,
            configuration: Configuration::default(),
            until: calendar::today(),
        }
    }
}

/// How many rows of each sort a base has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    /// Entity set name and number of rows, in the order of the configuration.
    pub sets: Vec<(String, usize)>,
    /// Documents of all kinds.
    pub documents: usize,
    /// Ledger entries.
    pub entries: usize,
}

/// A generated infobase.
pub struct Base {
    pub(crate) seed: u64,
    pub(crate) configuration: Configuration,
    pub(crate) organizations: Vec<Organization>,
    pub(crate) counterparties: Vec<Counterparty>,
    pub(crate) contracts: Vec<Contract>,
    pub(crate) items: Vec<Item>,
    pub(crate) warehouses: Vec<Warehouse>,
    pub(crate) bank_accounts: Vec<BankAccount>,
    /// Organisations that have a cash desk.
    pub(crate) cash_desks: Vec<u8>,
    pub(crate) trades: [Book<Trade, Line>; 3],
    pub(crate) payments: [Book<Payment, PaymentLine>; 4],
    pub(crate) operations: Book<Operation, OperationLine>,
    pub(crate) ledger: Register<Entry>,
    pub(crate) customers: Register<Settlement>,
    pub(crate) suppliers: Register<Settlement>,
    pub(crate) stock: Register<StockMove>,
    pub(crate) cash: Register<CashMove>,
    /// The same apart, of bank accounts and of cash desks; empty in configurations that keep them together.
    pub(crate) money: [Register<CashMove>; 2],
    pub(crate) sales: Register<SaleMove>,
    pub(crate) prices: Vec<Price>,
    pub(crate) rates: Vec<Rate>,
}

impl Base {
    /// Grows the company day by day.
    pub fn generate(options: &Options) -> Self {
        company::generate(options)
    }

    /// An empty base.
    pub(crate) fn empty(seed: u64, configuration: Configuration) -> Self {
        Self {
            seed,
            configuration,
            organizations: Vec::new(),
            counterparties: Vec::new(),
            contracts: Vec::new(),
            items: Vec::new(),
            warehouses: Vec::new(),
            bank_accounts: Vec::new(),
            cash_desks: Vec::new(),
            trades: Default::default(),
            payments: Default::default(),
            operations: Book::default(),
            ledger: Register::default(),
            customers: Register::default(),
            suppliers: Register::default(),
            stock: Register::default(),
            cash: Register::default(),
            money: Default::default(),
            sales: Register::default(),
            prices: Vec::new(),
            rates: Vec::new(),
        }
    }

    /// The guid of a reference.
    pub(crate) fn guid(&self, reference: Ref) -> Uuid {
        ids::guid(self.seed, reference)
    }

    /// How many objects of a kind there are.
    pub(crate) fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Nothing => 0,
            Kind::Organization => self.organizations.len(),
            Kind::Counterparty => self.counterparties.len(),
            Kind::Contract => self.contracts.len(),
            Kind::Item => self.items.len(),
            Kind::Unit => company::goods::UNITS.len(),
            Kind::Warehouse => self.warehouses.len(),
            Kind::User => company::names::MANAGERS.len(),
            Kind::BankAccount => self.bank_accounts.len(),
            Kind::CashDesk => self.cash_desks.len(),
            Kind::Currency => company::catalogs::CURRENCIES.len(),
            Kind::Account => crate::chart::ACCOUNTS.len(),
            Kind::Analytics => crate::chart::SUBCONTO.len(),
            Kind::TaxPayment => 1,
            Kind::ExchangeNode => crate::schema::catalogs::NODES.len(),
            Kind::Partner => self.counterparties.len(),
            Kind::SettlementKey => self.contracts.len(),
            Kind::ItemKey => self.items.len() * STORES.len(),
            Kind::Sale | Kind::Purchase | Kind::Invoice => {
                trade_book(kind).map_or(0, |book| self.trades[book].documents.len())
            }
            Kind::BankIn | Kind::BankOut | Kind::CashIn | Kind::CashOut => {
                payment_book(kind).map_or(0, |book| self.payments[book].documents.len())
            }
            Kind::Operation => self.operations.documents.len(),
        }
    }

    /// The head of a document; nothing for other objects.
    pub(crate) fn head(&self, document: Ref) -> Option<&Head> {
        if let Some(book) = trade_book(document.kind) {
            self.trades[book]
                .documents
                .get(document.at())
                .map(|found| &found.head)
        } else if let Some(book) = payment_book(document.kind) {
            self.payments[book]
                .documents
                .get(document.at())
                .map(|found| &found.head)
        } else if document.kind == Kind::Operation {
            self.operations
                .documents
                .get(document.at())
                .map(|found| &found.head)
        } else {
            None
        }
    }

    /// The key of an item in a warehouse.
    pub(crate) fn key_of_item(item: u32, warehouse: u8) -> Ref {
        let stores = crate::schema::position(STORES.len());
        let key = item
            .checked_mul(stores)
            .and_then(|first| first.checked_add(u32::from(warehouse)));
        key.map_or(Ref::NONE, |key| Ref::new(Kind::ItemKey, key))
    }

    /// The item and the warehouse that a key stands for.
    pub(crate) fn item_key(key: u32) -> (Ref, Ref) {
        let stores = crate::schema::position(STORES.len());
        (
            Ref::new(Kind::Item, key / stores),
            Ref::new(Kind::Warehouse, key % stores),
        )
    }

    /// When a document is dated.
    pub(crate) fn date_of(&self, document: Ref) -> Stamp {
        self.head(document).map_or(0, |head| head.date)
    }

    /// A document's number as printed, such as «ТД00-000012».
    pub(crate) fn number(&self, head: &Head) -> String {
        let prefix = self
            .organizations
            .get(usize::from(head.organization))
            .map_or("", |found| found.prefix);
        format!("{prefix}00-{:06}", head.number)
    }

    /// How an object is shown to people.
    pub(crate) fn presentation(&self, reference: Ref) -> String {
        let at = reference.at();
        match reference.kind {
            Kind::Nothing => String::new(),
            Kind::Organization => self
                .organizations
                .get(at)
                .map_or_else(String::new, |found| found.name.to_owned()),
            Kind::Counterparty | Kind::Partner => self
                .counterparties
                .get(at)
                .map_or_else(String::new, |found| found.name.clone()),
            Kind::Contract | Kind::SettlementKey => {
                self.contracts.get(at).map_or_else(String::new, Contract::title)
            }
            Kind::Item => self
                .items
                .get(at)
                .map_or_else(String::new, |found| found.name.clone()),
            Kind::ItemKey => {
                let (item, warehouse) = Self::item_key(reference.index);
                format!("{}; {}", self.presentation(item), self.presentation(warehouse))
            }
            Kind::Unit => company::goods::UNITS
                .get(at)
                .map_or_else(String::new, |found| found.1.to_owned()),
            Kind::Warehouse => self
                .warehouses
                .get(at)
                .map_or_else(String::new, |found| found.name.to_owned()),
            Kind::User => company::names::MANAGERS
                .get(at)
                .map_or_else(String::new, |found| (*found).to_owned()),
            Kind::BankAccount => self
                .bank_accounts
                .get(at)
                .map_or_else(String::new, BankAccount::title),
            Kind::CashDesk => self.cash_desks.get(at).map_or_else(String::new, |owner| {
                format!(
                    "Касса {}",
                    self.organizations
                        .get(usize::from(*owner))
                        .map_or("", |found| found.name)
                )
            }),
            Kind::Currency => company::catalogs::CURRENCIES
                .get(at)
                .map_or_else(String::new, |found| found.1.to_owned()),
            Kind::Account => crate::chart::ACCOUNTS
                .get(at)
                .map_or_else(String::new, |found| found.code.to_owned()),
            Kind::Analytics => crate::chart::SUBCONTO
                .get(at)
                .map_or_else(String::new, |found| found.1.to_owned()),
            Kind::TaxPayment => company::catalogs::TAX_KIND_TITLE.to_owned(),
            Kind::ExchangeNode => crate::schema::catalogs::NODES
                .get(at)
                .map_or_else(String::new, |found| found.1.to_owned()),
            _ => self.head(reference).map_or_else(String::new, |head| {
                let date = calendar::moment(head.date).format("%d.%m.%Y %H:%M:%S");
                format!("{} {} от {date}", reference.kind.title(), self.number(head))
            }),
        }
    }
}

impl Contract {
    /// «Договор 12 от 01.11.2024».
    pub(crate) fn title(&self) -> String {
        format!(
            "Договор {} от {}",
            self.number,
            calendar::date(self.date).format("%d.%m.%Y")
        )
    }
}

impl BankAccount {
    /// Number and bank.
    pub(crate) fn title(&self) -> String {
        format!("{}, {}", self.number, self.bank)
    }
}

impl Base {
    /// How much of everything there is.
    pub fn summary(&self) -> Summary {
        let public = crate::schema::SCHEMA.published(self.configuration);
        let sets = public.map(|set| (set.name.clone(), (set.count)(self))).collect();
        let documents = ids::OBJECTS
            .into_iter()
            .filter(|kind| !kind.title().is_empty())
            .map(|kind| self.count(kind))
            .sum();
        Summary {
            sets,
            documents,
            entries: self.ledger.rows.len(),
        }
    }
}
