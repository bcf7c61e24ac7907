//! Configurations of 1C: which sets and properties stand for what. Profiles are data files; no
//! other place knows a name of a configuration.

mod plan;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use serde::Deserialize;

pub(crate) use plan::{Analytics, CatalogPlan, DocumentPlan, LedgerPlan, Plan};

use crate::odata::Metadata;

/// The files, in the order in which they are tried.
const FILES: [&str; 2] = [
    include_str!("../../profiles/accounting-3.0.toml"),
    include_str!("../../profiles/commerceml.toml"),
];

static PROFILES: LazyLock<Vec<Profile>> = LazyLock::new(|| {
    // A file that does not parse is left out; a test checks that all do.
    FILES
        .iter()
        .filter_map(|file| toml::from_str(file).ok())
        .collect()
});

/// Name of the ledger among the entities.
pub(crate) const LEDGER: &str = "ledger";

/// One configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    pub(crate) id: String,
    /// Name of the configuration, for people.
    pub(crate) title: String,
    /// Sets without which an infobase has another configuration.
    required: Vec<String>,
    catalogs: BTreeMap<String, CatalogProfile>,
    documents: BTreeMap<String, DocumentProfile>,
    ledger: LedgerProfile,
    pub(crate) chart: Chart,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogProfile {
    set: String,
    fields: HashMap<String, String>,
    part: Option<PartProfile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PartProfile {
    name: String,
    fields: HashMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentProfile {
    set: String,
    title: Title,
    fields: HashMap<String, String>,
    #[serde(default)]
    rows: Vec<String>,
    #[serde(default)]
    row_fields: HashMap<String, String>,
    allocations: Option<PartProfile>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LedgerProfile {
    set: String,
    register: String,
    fields: HashMap<String, String>,
    amount: String,
    quantity: String,
    company: String,
}

/// What people call documents of a kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Title {
    pub(crate) ru: String,
    pub(crate) en: String,
}

/// Codes of accounts by what they are for; each stands for its sub-accounts too.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chart {
    pub(crate) receivables: Vec<String>,
    pub(crate) payables: Vec<String>,
    pub(crate) stock: Vec<String>,
    pub(crate) cash_desks: Vec<String>,
    pub(crate) cash: Vec<String>,
    pub(crate) taxes: Vec<String>,
}

/// Sets, and types of tabular parts, that any profile names.
pub(crate) fn wanted_sets() -> HashSet<String> {
    let mut sets = HashSet::new();
    for profile in PROFILES.iter() {
        for catalog in profile.catalogs.values() {
            sets.insert(catalog.set.clone());
            sets.extend(
                catalog
                    .part
                    .iter()
                    .map(|part| format!("{}_{}", catalog.set, part.name)),
            );
        }
        for document in profile.documents.values() {
            sets.insert(document.set.clone());
            let parts = document
                .rows
                .iter()
                .chain(document.allocations.iter().map(|part| &part.name));
            sets.extend(parts.map(|part| format!("{}_{part}", document.set)));
        }
        sets.insert(profile.ledger.set.clone());
        sets.insert(profile.ledger.register.clone());
    }
    sets
}

/// The profile of an infobase, by what it publishes.
pub(crate) fn choose(metadata: &Metadata) -> Option<&'static Profile> {
    recognise(|set| metadata.has_set(set))
}

/// The profile of an infobase that publishes these sets.
pub(crate) fn recognise(has_set: impl Fn(&str) -> bool) -> Option<&'static Profile> {
    PROFILES
        .iter()
        .find(|profile| profile.required.iter().all(|set| has_set(set)))
}

/// The profile with that id.
pub(crate) fn by_id(id: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.id == id)
}

/// The entity of that name, or whose entity set has it: of a profile, or of any.
pub(crate) fn entity(profile: Option<&str>, name: &str) -> Option<String> {
    PROFILES
        .iter()
        .filter(|known| profile.is_none_or(|id| known.id == id))
        .find_map(|known| known.entity(name))
}

impl Profile {
    fn entity(&self, name: &str) -> Option<String> {
        let catalogs = self
            .catalogs
            .iter()
            .map(|(entity, catalog)| (entity, &catalog.set));
        let documents = self
            .documents
            .iter()
            .map(|(entity, document)| (entity, &document.set));
        if [LEDGER, &self.ledger.set, &self.ledger.register].contains(&name) {
            return Some(LEDGER.to_owned());
        }
        catalogs
            .chain(documents)
            .find(|(entity, set)| *entity == name || *set == name)
            .map(|(entity, _)| entity.clone())
    }

    /// What people call documents of an entity, such as `sale`.
    pub(crate) fn document_title(&self, entity: &str) -> Option<&Title> {
        self.documents.get(entity).map(|document| &document.title)
    }

    /// The set of an entity's documents.
    pub(crate) fn document_set(&self, entity: &str) -> Option<&str> {
        self.documents.get(entity).map(|document| document.set.as_str())
    }

    /// The set of a catalog.
    pub(crate) fn catalog_set(&self, entity: &str) -> Option<&str> {
        self.catalogs.get(entity).map(|catalog| catalog.set.as_str())
    }

    /// Business notions, such as `companies` or `sale`, each with the set that stands for it.
    pub(crate) fn notions(&self) -> Vec<(&str, &str)> {
        let catalogs = self
            .catalogs
            .iter()
            .map(|(notion, catalog)| (notion.as_str(), catalog.set.as_str()));
        let documents = self
            .documents
            .iter()
            .map(|(notion, document)| (notion.as_str(), document.set.as_str()));
        let ledger = [
            ("ledger", self.ledger.register.as_str()),
            ("ledger", self.ledger.set.as_str()),
        ];
        catalogs.chain(documents).chain(ledger).collect()
    }

    /// The register of ledger entries.
    pub(crate) fn ledger_register(&self) -> &str {
        &self.ledger.register
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_profile() {
        for file in FILES {
            toml::from_str::<Profile>(file).unwrap();
        }
        assert_eq!(PROFILES.len(), FILES.len());
        assert!(by_id("accounting-3.0").is_some());
    }
}
