//! Configurations of 1C: which sets and properties stand for what. Profiles are data files; no
//! other place knows a name of a configuration. How to write one: `profiles/README.md`.

mod files;
mod plan;

use std::collections::{BTreeMap, HashMap, HashSet};

use schemars::JsonSchema;
use serde::Deserialize;

pub(crate) use files::Profiles;
pub(crate) use plan::{Analytics, Book, CatalogPlan, DocumentPlan, LedgerPlan, Plan, RegisterPlan};

/// Name of the ledger among the entities.
pub(crate) const LEDGER: &str = "ledger";

/// Books that a configuration may not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotKept {
    Ledger,
    Taxes,
    Receivables,
    Payables,
    Cash,
    Stock,
}

impl NotKept {
    /// The name of the notion.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ledger => LEDGER,
            Self::Taxes => "taxes",
            Self::Receivables => "receivables",
            Self::Payables => "payables",
            Self::Cash => "cash",
            Self::Stock => "stock",
        }
    }

    /// What that means for who asks.
    pub(crate) const fn consequence(self) -> (&'static str, &'static str) {
        match self {
            Self::Ledger => (
                "Бухгалтерских проводок нет: не будет оборотно-сальдовой ведомости, анализа и карточки счёта, проводок документа.",
                "There are no ledger entries: no trial balance, no analysis or card of an account, no entries of a document.",
            ),
            Self::Taxes => (
                "Налогов и взносов нет: на вопрос, сколько их начислено и уплачено, эта база не ответит.",
                "There are no taxes: this base cannot tell what was accrued and paid.",
            ),
            Self::Receivables => (
                "Расчётов с покупателями нет: кто и сколько должен вам, неизвестно.",
                "There are no settlements with customers: who owes you is not known.",
            ),
            Self::Payables => (
                "Расчётов с поставщиками нет: кому должны вы, неизвестно.",
                "There are no settlements with suppliers: whom you owe is not known.",
            ),
            Self::Cash => (
                "Денег нет: остатки на счетах и в кассах неизвестны.",
                "Money is not kept: balances of banks and cash desks are not known.",
            ),
            Self::Stock => (
                "Товаров нет: остатки на складах неизвестны.",
                "Goods are not kept: what is in the warehouses is not known.",
            ),
        }
    }
}

/// One configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) id: String,
    /// Name of the configuration, for people.
    pub(crate) title: String,
    /// Sets without which an infobase has another configuration.
    required: Vec<String>,
    #[serde(default)]
    catalogs: BTreeMap<String, CatalogProfile>,
    #[serde(default)]
    documents: BTreeMap<String, DocumentProfile>,
    /// The double-entry ledger; configurations of trade have none.
    ledger: Option<LedgerProfile>,
    /// Registers of accumulation that stand in for the ledger, by name.
    #[serde(default)]
    registers: BTreeMap<String, RegisterProfile>,
    /// Accounts that the registers write to: code and name.
    #[serde(default)]
    accounts: BTreeMap<String, Title>,
    #[serde(default)]
    pub(crate) chart: Chart,
}

/// One name, or several of which the first that an infobase has counts: editions of a
/// configuration name the same thing differently.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Several(Vec<String>),
}

impl Names {
    fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }

    /// The name for texts that know no infobase.
    fn first(&self) -> &str {
        self.iter().next().unwrap_or_default()
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogProfile {
    set: Names,
    fields: HashMap<String, Names>,
    /// Kinds of contract under which we pay: of them `supplier_term_days` counts.
    #[serde(default)]
    supplier_kinds: Vec<String>,
    part: Option<PartProfile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartProfile {
    name: String,
    fields: HashMap<String, Names>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentProfile {
    set: Names,
    title: Title,
    fields: HashMap<String, Names>,
    #[serde(default)]
    rows: Vec<String>,
    #[serde(default)]
    row_fields: HashMap<String, Names>,
    allocations: Option<PartProfile>,
    /// When the document is to be paid, in stages.
    schedule: Option<PartProfile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerProfile {
    set: String,
    register: String,
    fields: HashMap<String, Names>,
    amount: String,
    quantity: String,
    company: String,
}

/// A register of accumulation whose movements count as one-sided entries of an account.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterProfile {
    /// Tells the register's entries from others of the same document. Never changed, never used
    /// again for another register of the profile; the ledger has 0.
    number: i16,
    /// The flat records of the register, `…_RecordType`.
    set: Names,
    account: String,
    /// The account on the other side, for a register of turnovers that stands for both.
    other: Option<String>,
    receipt: Direction,
    fields: HashMap<String, Names>,
}

/// The side of the account that receipts (приход) are written to; expenses go to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    Debit,
    Credit,
}

/// Tabular parts with stages of payment: the documents' sets, the parts, and in them the properties with the day and
/// the sum, side by side.
#[derive(Debug, Default)]
pub(crate) struct Schedules<'a> {
    pub(crate) sets: Vec<&'a str>,
    pub(crate) parts: Vec<&'a str>,
    pub(crate) dates: Vec<&'a str>,
    pub(crate) amounts: Vec<&'a str>,
}

/// What people call a thing.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Title {
    pub(crate) ru: String,
    pub(crate) en: String,
}

/// Codes of accounts by what they are for; each stands for its sub-accounts too. Empty where the
/// configuration does not keep such accounts.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Chart {
    pub(crate) receivables: Vec<String>,
    pub(crate) payables: Vec<String>,
    pub(crate) stock: Vec<String>,
    pub(crate) cash_desks: Vec<String>,
    pub(crate) cash: Vec<String>,
    pub(crate) taxes: Vec<String>,
    pub(crate) cost_of_sales: Vec<String>,
    /// What the cost of goods sold is credited to.
    pub(crate) sold: Vec<String>,
}

impl Profile {
    fn entity(&self, name: &str) -> Option<String> {
        let catalogs = self
            .catalogs
            .iter()
            .map(|(entity, catalog)| (entity.clone(), &catalog.set));
        let documents = self
            .documents
            .iter()
            .map(|(entity, document)| (entity.clone(), &document.set));
        let registers = self
            .registers
            .iter()
            .map(|(name, register)| (RegisterPlan::entity_of(name), &register.set));
        if let Some(ledger) = &self.ledger
            && [LEDGER, &ledger.set, &ledger.register].contains(&name)
        {
            return Some(LEDGER.to_owned());
        }
        catalogs
            .chain(documents)
            .chain(registers)
            .find(|(entity, sets)| entity == name || sets.iter().any(|set| set == name))
            .map(|(entity, _)| entity)
    }

    /// True when the configuration has a double-entry ledger.
    pub(crate) fn has_ledger(&self) -> bool {
        self.ledger.is_some()
    }

    /// What people call documents of an entity, such as `sale`.
    pub(crate) fn document_title(&self, entity: &str) -> Option<&Title> {
        self.documents.get(entity).map(|document| &document.title)
    }

    /// The set of an entity's documents.
    pub(crate) fn document_set(&self, entity: &str) -> Option<&str> {
        self.documents.get(entity).map(|document| document.set.first())
    }

    /// The set of a catalog.
    pub(crate) fn catalog_set(&self, entity: &str) -> Option<&str> {
        self.catalogs.get(entity).map(|catalog| catalog.set.first())
    }

    /// Business notions, such as `companies` or `sale`, each with the sets of which the first that is
    /// published stands for it.
    pub(crate) fn notions(&self) -> Vec<(&str, Vec<&str>)> {
        let catalogs = self
            .catalogs
            .iter()
            .map(|(notion, catalog)| (notion, &catalog.set));
        let documents = self
            .documents
            .iter()
            .map(|(notion, document)| (notion, &document.set));
        let registers = self
            .registers
            .values()
            .map(|register| (&register.account, &register.set));
        let mut notions: Vec<(&str, Vec<&str>)> = catalogs
            .chain(documents)
            .chain(registers)
            .map(|(notion, sets)| (notion.as_str(), sets.iter().collect()))
            .collect();
        if let Some(ledger) = &self.ledger {
            notions.push((LEDGER, vec![&ledger.register]));
            notions.push((LEDGER, vec![&ledger.set]));
        }
        notions
    }

    /// Notions that the configuration does not keep, whatever is published.
    pub(crate) fn notions_not_kept(&self) -> Vec<NotKept> {
        let chart = &self.chart;
        let kept = [
            (NotKept::Ledger, self.has_ledger()),
            (NotKept::Taxes, !chart.taxes.is_empty()),
            (NotKept::Receivables, !chart.receivables.is_empty()),
            (NotKept::Payables, !chart.payables.is_empty()),
            (NotKept::Cash, !chart.cash.is_empty()),
            (NotKept::Stock, !chart.stock.is_empty()),
        ];
        let not_kept = kept.into_iter().filter(|(_, is_kept)| !is_kept);
        not_kept.map(|(notion, _)| notion).collect()
    }

    /// Where the stages of payment of documents stand, as 1C writes them.
    pub(crate) fn schedules(&self) -> Schedules<'_> {
        let mut schedules = Schedules::default();
        for document in self.documents.values() {
            let Some(part) = &document.schedule else { continue };
            let field = |name: &str| part.fields.get(name).map_or("", Names::first);
            for set in document.set.iter() {
                schedules.sets.push(set);
                schedules.parts.push(&part.name);
                schedules.dates.push(field("date"));
                schedules.amounts.push(field("amount"));
            }
        }
        schedules
    }

    /// What the figures of these accounts come from: the ledger, or registers of accumulation.
    pub(crate) fn sources(&self, codes: &[String]) -> Vec<String> {
        match &self.ledger {
            Some(ledger) => vec![ledger.register.clone()],
            None => self
                .registers
                .values()
                .filter(|register| codes.is_empty() || codes.contains(&register.account))
                .map(|register| {
                    let records = register.set.first();
                    records.strip_suffix("_RecordType").unwrap_or(records).to_owned()
                })
                .collect(),
        }
    }

    /// Sets, and types of tabular parts, that the profile names.
    fn sets(&self) -> HashSet<String> {
        let mut sets = HashSet::new();
        for catalog in self.catalogs.values() {
            for set in catalog.set.iter() {
                sets.insert(set.to_owned());
                sets.extend(catalog.part.iter().map(|part| format!("{set}_{}", part.name)));
            }
        }
        for document in self.documents.values() {
            for set in document.set.iter() {
                sets.insert(set.to_owned());
                let parts = document
                    .rows
                    .iter()
                    .chain(document.allocations.iter().map(|part| &part.name));
                sets.extend(parts.map(|part| format!("{set}_{part}")));
            }
        }
        if let Some(ledger) = &self.ledger {
            sets.insert(ledger.set.clone());
            sets.insert(ledger.register.clone());
        }
        for register in self.registers.values() {
            sets.extend(register.set.iter().map(str::to_owned));
        }
        sets.extend(self.required.iter().cloned());
        sets
    }
}
