//! A profile as it applies to one infobase: only what the infobase publishes is left.

use std::collections::HashMap;

use super::{CatalogProfile, Chart, DocumentProfile, PartProfile, Profile};
use crate::odata::{DataError, Metadata, Row};
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
    fn resolve(metadata: &Metadata, set: &str, names: &HashMap<String, String>) -> Self {
        let resolved = names.iter().filter_map(|(ours, theirs)| {
            let has = |property: &str| metadata.has_property(set, property);
            let key = format!("{theirs}_Key");
            let field = if has(theirs) && has(&format!("{theirs}_Type")) {
                Field::Typed(theirs.clone())
            } else if has(theirs) {
                Field::Plain(theirs.clone())
            } else if has(&key) {
                Field::Plain(key)
            } else {
                return None;
            };
            Some((ours.clone(), field))
        });
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
    fn resolve(metadata: &Metadata, set: &str, name: &str, fields: &HashMap<String, String>) -> Option<Self> {
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

/// How a catalog or the chart of accounts is read.
#[derive(Debug, Clone)]
pub(crate) struct CatalogPlan {
    pub(crate) entity: String,
    pub(crate) set: String,
    pub(crate) fields: Fields,
    pub(crate) part: Option<PartPlan>,
    pub(crate) orderby: Vec<String>,
}

impl CatalogPlan {
    fn resolve(metadata: &Metadata, entity: &str, profile: &CatalogProfile) -> Option<Self> {
        if !metadata.has_set(&profile.set) {
            return None;
        }
        let fields = Fields::resolve(metadata, &profile.set, &profile.fields);
        let part = profile
            .part
            .as_ref()
            .and_then(|part| PartPlan::of_profile(metadata, &profile.set, part));
        let orderby = ["code", "name"]
            .iter()
            .filter_map(|name| fields.property(name).map(str::to_owned))
            .collect();
        Some(Self {
            entity: entity.to_owned(),
            set: profile.set.clone(),
            fields,
            part,
            orderby,
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
        if !metadata.has_set(&profile.set) {
            return None;
        }
        let fields = Fields::resolve(metadata, &profile.set, &profile.fields);
        let rows: Vec<PartPlan> = profile
            .rows
            .iter()
            .filter_map(|part| PartPlan::resolve(metadata, &profile.set, part, &profile.row_fields))
            .collect();
        let allocations = profile
            .allocations
            .as_ref()
            .and_then(|part| PartPlan::of_profile(metadata, &profile.set, part));
        Some(Self {
            entity: entity.to_owned(),
            set: profile.set.clone(),
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
        let ledger = &profile.ledger;
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

/// How everything of an infobase is read.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) profile: &'static Profile,
    /// In the order in which others refer to them.
    pub(crate) catalogs: Vec<CatalogPlan>,
    pub(crate) documents: Vec<DocumentPlan>,
    pub(crate) ledger: Option<LedgerPlan>,
    /// Kinds of analytics by the set that they refer to.
    pub(crate) analytics: HashMap<String, Analytics>,
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
                analytics.insert(catalog.set.clone(), kind);
            }
        }
        Self {
            profile,
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
            .map_or(self.profile.ledger.set.as_str(), |catalog| &catalog.set)
    }
}
