//! A profile as it applies to one infobase: only what the infobase publishes is left.

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    CatalogProfile, Chart, Direction, DocumentProfile, Names, PartProfile, Profile, RegisterProfile,
};
use crate::odata::{DataError, Forms, Metadata, Row};
use chrono::NaiveDateTime;
use rust_decimal::Decimal;
use uuid::Uuid;

/// A property of an infobase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// A plain value or a reference of one type.
    Plain(String),
    /// A reference of several types: `X` beside `X_Type`.
    Typed(String),
}

/// Properties by our names; those that the infobase does not have are absent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(HashMap<String, Field>);

impl Fields {
    fn resolve(metadata: &Metadata, set: &str, names: &HashMap<String, Names>) -> Self {
        let has = |property: &str| metadata.has_property(set, property);
        let field = |theirs: &str| {
            let key = format!("{theirs}_Key");
            if has(theirs) && has(&format!("{theirs}_Type")) {
                Some(Field::Typed(theirs.to_owned()))
            } else if has(theirs) {
                Some(Field::Plain(theirs.to_owned()))
            } else if has(&key) {
                Some(Field::Plain(key))
            } else {
                None
            }
        };
        let resolved = names
            .iter()
            .filter_map(|(ours, theirs)| Some((ours.clone(), theirs.iter().find_map(field)?)));
        Self(resolved.collect())
    }

    fn property(&self, ours: &str) -> Option<&str> {
        self.0.get(ours).map(|field| match field {
            Field::Plain(property) | Field::Typed(property) => property.as_str(),
        })
    }

    /// True when the infobase has the property.
    pub(crate) fn has(&self, ours: &str) -> bool {
        self.0.contains_key(ours)
    }

    /// Names for `$select`, each after `prefix`.
    fn select(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = self
            .0
            .values()
            .flat_map(|field| match field {
                Field::Plain(property) => vec![format!("{prefix}{property}")],
                Field::Typed(property) => {
                    vec![format!("{prefix}{property}"), format!("{prefix}{property}_Type")]
                }
            })
            .collect();
        names.sort();
        names
    }

    /// The string, empty when there is none.
    pub(crate) fn text(&self, row: &Row<'_>, ours: &str) -> Result<String, DataError> {
        let text = self
            .property(ours)
            .map(|property| row.text(property))
            .transpose()?;
        Ok(text.flatten().unwrap_or_default())
    }

    /// The reference.
    pub(crate) fn guid(&self, row: &Row<'_>, ours: &str) -> Option<Uuid> {
        row.guid(self.property(ours)?)
    }

    /// The number.
    pub(crate) fn decimal(&self, row: &Row<'_>, ours: &str) -> Result<Option<Decimal>, DataError> {
        self.property(ours)
            .map_or(Ok(None), |property| row.decimal(property))
    }

    /// The whole number.
    pub(crate) fn integer(&self, row: &Row<'_>, ours: &str) -> Result<Option<i32>, DataError> {
        self.property(ours)
            .map_or(Ok(None), |property| row.integer(property))
    }

    /// The boolean, false when there is none.
    pub(crate) fn boolean(&self, row: &Row<'_>, ours: &str) -> Result<bool, DataError> {
        let value = self
            .property(ours)
            .map_or(Ok(None), |property| row.boolean(property));
        Ok(value?.unwrap_or(false))
    }

    /// The moment.
    pub(crate) fn moment(&self, row: &Row<'_>, ours: &str) -> Result<Option<NaiveDateTime>, DataError> {
        self.property(ours)
            .map_or(Ok(None), |property| row.moment(property))
    }
}

/// A tabular part.
#[derive(Debug, Clone)]
pub(crate) struct PartPlan {
    pub(crate) name: String,
    pub(crate) fields: Fields,
}

impl PartPlan {
    fn resolve(metadata: &Metadata, set: &str, name: &str, fields: &HashMap<String, Names>) -> Option<Self> {
        let rows = format!("{set}_{name}");
        metadata.has_set(&rows).then(|| Self {
            name: name.to_owned(),
            fields: Fields::resolve(metadata, &rows, fields),
        })
    }

    fn of_profile(metadata: &Metadata, set: &str, part: &PartProfile) -> Option<Self> {
        Self::resolve(metadata, set, &part.name, &part.fields)
    }
}

/// The first of the sets that the infobase publishes.
fn published<'a>(metadata: &Metadata, sets: &'a Names) -> Option<&'a str> {
    sets.iter().find(|set| metadata.has_set(set))
}

/// How a catalog or the chart of accounts is read.
#[derive(Debug, Clone)]
pub(crate) struct CatalogPlan {
    pub(crate) entity: String,
    pub(crate) set: String,
    pub(crate) fields: Fields,
    pub(crate) part: Option<PartPlan>,
    pub(crate) orderby: Vec<String>,
    /// Kinds of contract under which we pay.
    pub(crate) supplier_kinds: Vec<String>,
}

impl CatalogPlan {
    fn resolve(metadata: &Metadata, entity: &str, profile: &CatalogProfile) -> Option<Self> {
        let set = published(metadata, &profile.set)?;
        let fields = Fields::resolve(metadata, set, &profile.fields);
        let part = profile
            .part
            .as_ref()
            .and_then(|part| PartPlan::of_profile(metadata, set, part));
        let orderby = ["code", "name"]
            .iter()
            .filter_map(|name| fields.property(name).map(str::to_owned))
            .collect();
        Some(Self {
            entity: entity.to_owned(),
            set: set.to_owned(),
            fields,
            part,
            orderby,
            supplier_kinds: profile.supplier_kinds.clone(),
        })
    }
}

/// How documents of a kind are read.
#[derive(Debug, Clone)]
pub(crate) struct DocumentPlan {
    pub(crate) entity: String,
    pub(crate) set: String,
    pub(crate) fields: Fields,
    pub(crate) rows: Vec<PartPlan>,
    pub(crate) allocations: Option<PartPlan>,
}

impl DocumentPlan {
    fn resolve(metadata: &Metadata, entity: &str, profile: &DocumentProfile) -> Option<Self> {
        let set = published(metadata, &profile.set)?;
        let fields = Fields::resolve(metadata, set, &profile.fields);
        let rows: Vec<PartPlan> = profile
            .rows
            .iter()
            .filter_map(|part| PartPlan::resolve(metadata, set, part, &profile.row_fields))
            .collect();
        let allocations = profile
            .allocations
            .as_ref()
            .and_then(|part| PartPlan::of_profile(metadata, set, part));
        Some(Self {
            entity: entity.to_owned(),
            set: set.to_owned(),
            fields,
            rows,
            allocations,
        })
    }
}

/// How ledger entries are read.
#[derive(Debug, Clone)]
pub(crate) struct LedgerPlan {
    pub(crate) set: String,
    pub(crate) register: String,
    pub(crate) fields: Fields,
    pub(crate) select: Vec<String>,
    /// Names of resources and dimension in virtual tables.
    pub(crate) amount: String,
    pub(crate) quantity: String,
    pub(crate) company: String,
}

impl LedgerPlan {
    fn resolve(metadata: &Metadata, profile: &Profile) -> Option<Self> {
        let ledger = profile.ledger.as_ref()?;
        if !metadata.has_set(&ledger.set) {
            return None;
        }
        let fields = Fields::resolve(metadata, &ledger.set, &ledger.fields);
        // What every accounting register with correspondence has.
        let standard = [
            "Recorder",
            "Recorder_Type",
            "Period",
            "LineNumber",
            "Active",
            "AccountDr_Key",
            "AccountCr_Key",
        ];
        let mut select: Vec<String> = standard.map(str::to_owned).into();
        for side in ["Dr", "Cr"] {
            for place in 1..=3 {
                let name = format!("ExtDimension{side}{place}");
                if metadata.has_property(&ledger.set, &name) {
                    select.push(format!("{name}_Type"));
                    select.push(name);
                }
            }
        }
        select.extend(fields.select(""));
        Some(Self {
            set: ledger.set.clone(),
            register: ledger.register.clone(),
            fields,
            select,
            amount: ledger.amount.clone(),
            quantity: ledger.quantity.clone(),
            company: ledger.company.clone(),
        })
    }
}

/// How the movements of a register of accumulation are read, and what they mean.
#[derive(Debug, Clone)]
pub(crate) struct RegisterPlan {
    /// Name among the entities of a job.
    pub(crate) entity: String,
    pub(crate) number: i16,
    pub(crate) set: String,
    /// Code of the account that the movements are written to.
    pub(crate) account: String,
    /// Code of the account on the other side, if movements have two.
    pub(crate) other: Option<String>,
    pub(crate) receipt: Direction,
    pub(crate) fields: Fields,
    pub(crate) select: Vec<String>,
}

impl RegisterPlan {
    /// Name of a profile's register among the entities of a job.
    pub(super) fn entity_of(name: &str) -> String {
        format!("register_{name}")
    }

    fn resolve(metadata: &Metadata, name: &str, profile: &RegisterProfile) -> Option<Self> {
        let set = published(metadata, &profile.set)?;
        let fields = Fields::resolve(metadata, set, &profile.fields);
        let mut select: Vec<String> = ["Recorder", "Recorder_Type", "Recorder_Key"]
            .into_iter()
            .chain(["Period", "LineNumber", "Active", "RecordType"])
            .filter(|property| metadata.has_property(set, property))
            .map(str::to_owned)
            .collect();
        select.extend(fields.select(""));
        Some(Self {
            entity: Self::entity_of(name),
            number: profile.number,
            set: set.to_owned(),
            account: profile.account.clone(),
            other: profile.other.clone(),
            receipt: profile.receipt,
            fields,
            select,
        })
    }
}

/// Where entries come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Book<'a> {
    /// The double-entry ledger.
    Ledger(&'a LedgerPlan),
    /// A register that stands in for it.
    Register(&'a RegisterPlan),
}

impl<'a> Book<'a> {
    /// Name among the entities of a job.
    pub(crate) fn entity(self) -> &'a str {
        match self {
            Self::Ledger(_) => super::LEDGER,
            Self::Register(register) => &register.entity,
        }
    }

    /// The entity set of flat records.
    pub(crate) fn set(self) -> &'a str {
        match self {
            Self::Ledger(ledger) => &ledger.set,
            Self::Register(register) => &register.set,
        }
    }

    /// The entity set of record sets by recorder.
    pub(crate) fn register(self) -> &'a str {
        match self {
            Self::Ledger(ledger) => &ledger.register,
            Self::Register(register) => register.set.strip_suffix("_RecordType").unwrap_or(&register.set),
        }
    }

    /// Tells the book's entries from those of others; 0 is the ledger.
    pub(crate) fn number(self) -> i16 {
        match self {
            Self::Ledger(_) => 0,
            Self::Register(register) => register.number,
        }
    }

    /// Names for `$select`.
    pub(crate) fn select(self) -> &'a [String] {
        match self {
            Self::Ledger(ledger) => &ledger.select,
            Self::Register(register) => &register.select,
        }
    }

    /// The property with the recorder: registers that one kind of document writes into have
    /// `Recorder_Key`.
    pub(crate) fn recorder(self) -> &'static str {
        match self {
            Self::Register(register) if register.select.iter().any(|name| name == "Recorder_Key") => {
                "Recorder_Key"
            }
            _ => "Recorder",
        }
    }
}

/// Namespace of the references of accounts that 1C does not have.
const ACCOUNTS: Uuid = Uuid::from_u128(0x5d0f_6a9e_3c1b_4f7a_9b52_7f4e_1a2c_8d36);

/// An account that registers write to.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) reference: Uuid,
    pub(crate) code: String,
    pub(crate) name: String,
}

/// How everything of an infobase is read.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) profile: &'static Profile,
    /// In the order in which others refer to them.
    pub(crate) catalogs: Vec<CatalogPlan>,
    pub(crate) documents: Vec<DocumentPlan>,
    pub(crate) ledger: Option<LedgerPlan>,
    /// Registers that stand in for the ledger, by number.
    pub(crate) registers: Vec<RegisterPlan>,
    /// Kinds of analytics by the set that they refer to.
    pub(crate) analytics: HashMap<String, Analytics>,
    /// What values properties have in JSON.
    pub(crate) forms: Arc<Forms>,
}

/// What a value of an account's analytics (субконто) refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Analytics {
    Counterparty,
    Contract,
    Document,
    Item,
    Warehouse,
    Place,
}

impl Analytics {
    fn of_catalog(entity: &str) -> Option<Self> {
        match entity {
            "counterparties" => Some(Self::Counterparty),
            "contracts" => Some(Self::Contract),
            "items" => Some(Self::Item),
            "warehouses" => Some(Self::Warehouse),
            "bank_accounts" | "cash_desks" => Some(Self::Place),
            _ => None,
        }
    }
}

impl Plan {
    /// The plan for an infobase that publishes `metadata`.
    pub(crate) fn new(profile: &'static Profile, metadata: &Metadata) -> Self {
        let mut analytics = HashMap::new();
        for (entity, catalog) in &profile.catalogs {
            if let Some(kind) = Analytics::of_catalog(entity) {
                analytics.extend(catalog.set.iter().map(|set| (set.to_owned(), kind)));
            }
        }
        let mut registers: Vec<RegisterPlan> = profile
            .registers
            .iter()
            .filter_map(|(name, register)| RegisterPlan::resolve(metadata, name, register))
            .collect();
        registers.sort_by_key(|register| register.number);
        Self {
            profile,
            registers,
            catalogs: profile
                .catalogs
                .iter()
                .filter_map(|(entity, catalog)| CatalogPlan::resolve(metadata, entity, catalog))
                .collect(),
            documents: profile
                .documents
                .iter()
                .filter_map(|(entity, document)| DocumentPlan::resolve(metadata, entity, document))
                .collect(),
            ledger: LedgerPlan::resolve(metadata, profile),
            analytics,
            forms: metadata.forms(),
        }
    }

    /// What a reference to an object of `set` means as analytics. Documents of any kind settle
    /// accounts, those too that are not mirrored.
    pub(crate) fn analytics(&self, set: &str) -> Option<Analytics> {
        match self.analytics.get(set) {
            Some(kind) => Some(*kind),
            None if set.starts_with("Document_") => Some(Analytics::Document),
            None => None,
        }
    }

    /// The chart of accounts by purpose.
    pub(crate) fn chart(&self) -> &Chart {
        &self.profile.chart
    }

    /// The smallest set that there always is, to see whether 1C answers.
    pub(crate) fn probe_set(&self) -> &str {
        self.catalogs
            .iter()
            .find(|catalog| catalog.entity == "companies")
            .map(|catalog| catalog.set.as_str())
            .or_else(|| self.profile.required.first().map(String::as_str))
            .unwrap_or_default()
    }

    /// The accounts that registers write to; 1C has none of them.
    pub(crate) fn accounts(&self) -> Vec<Account> {
        let written = |code: &&String| {
            let mut registers = self.registers.iter();
            registers.any(|register| register.account == **code || register.other.as_ref() == Some(*code))
        };
        self.profile
            .accounts
            .keys()
            .filter(written)
            .map(|code| Account {
                reference: self.account(code),
                code: code.clone(),
                name: self.profile.accounts[code].ru.clone(),
            })
            .collect()
    }

    /// The reference of an account that registers write to: the same in all infobases.
    pub(crate) fn account(&self, code: &str) -> Uuid {
        Uuid::new_v5(&ACCOUNTS, code.as_bytes())
    }

    /// Where entries come from, in the order of their numbers.
    pub(crate) fn books(&self) -> impl Iterator<Item = Book<'_>> {
        let registers = self.registers.iter().map(Book::Register);
        self.ledger.iter().map(Book::Ledger).chain(registers)
    }
}
