//! What of the metadata profiles look at: which entity sets there are and what properties they have.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Forms;

/// The sets that were asked for and are published, with their properties.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    sets: HashMap<String, HashSet<String>>,
    forms: Arc<Forms>,
}

impl Metadata {
    /// Of published sets and their properties, and of what values those have.
    pub(crate) fn new(sets: HashMap<String, HashSet<String>>, forms: Forms) -> Self {
        Self {
            sets,
            forms: Arc::new(forms),
        }
    }

    /// What values the properties have in JSON.
    pub(crate) fn forms(&self) -> Arc<Forms> {
        self.forms.clone()
    }

    /// True when the set is published.
    pub(crate) fn has_set(&self, set: &str) -> bool {
        self.sets.contains_key(set)
    }

    /// True when the set is published and has the property.
    pub(crate) fn has_property(&self, set: &str, property: &str) -> bool {
        self.sets
            .get(set)
            .is_some_and(|properties| properties.contains(property))
    }

    /// True when nothing that was asked for is published.
    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDMX: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<edmx:Edmx xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" Version="1.0"><edmx:DataServices>
<Schema xmlns="http://schemas.microsoft.com/ado/2009/11/edm" Namespace="StandardODATA">
 <EntityType Name="Catalog_Склады" OpenType="true"><Key><PropertyRef Name="Ref_Key"/></Key>
  <Property Name="Ref_Key" Type="Edm.Guid" Nullable="false"/><Property Name="Description" Type="Edm.String"/></EntityType>
 <EntityType Name="Catalog_Прочее"><Property Name="Ref_Key" Type="Edm.Guid"/></EntityType>
 <EntityType Name="Catalog_Скрытое"><Property Name="Ref_Key" Type="Edm.Guid"/></EntityType>
 <EntityContainer Name="EnterpriseV8"><EntitySet Name="Catalog_Склады" EntityType="StandardODATA.Catalog_Склады"/>
  <EntitySet Name="Catalog_Прочее" EntityType="StandardODATA.Catalog_Прочее"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"#;

    #[tokio::test]
    async fn only_published_sets_that_are_wanted_are_kept() {
        let wanted: HashSet<String> = ["Catalog_Склады", "Catalog_Скрытое"].map(str::to_owned).into();
        let catalogue = crate::catalogue::read(EDMX.as_bytes()).await.unwrap();
        let sets = catalogue
            .types
            .into_iter()
            .filter(|declared| declared.published && wanted.contains(declared.name.as_ref()))
            .map(|declared| {
                let properties = declared.properties.into_iter().map(|property| property.name);
                (declared.name.to_string(), properties.collect())
            });
        let metadata = Metadata::new(sets.collect(), Forms::default());
        assert!(metadata.has_property("Catalog_Склады", "Description"));
        assert!(!metadata.has_property("Catalog_Склады", "Code"));
        assert!(!metadata.has_set("Catalog_Прочее"));
        assert!(
            !metadata.has_set("Catalog_Скрытое"),
            "a type without a set is not published"
        );
    }
}
