//! `$metadata`: which entity sets there are and what properties they have. It may be 17 MB large,
//! so it is read as a stream and only what profiles name is kept.

use std::collections::{HashMap, HashSet};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use tokio::io::AsyncBufRead;

use super::DataError;

/// The sets that were asked for and are published, with their properties.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata(HashMap<String, HashSet<String>>);

impl Metadata {
    /// Reads the metadata, keeping the types whose names are in `wanted`. In 1C the type of a set
    /// has the set's name.
    pub(crate) async fn read(
        input: impl AsyncBufRead + Unpin,
        wanted: &HashSet<String>,
    ) -> Result<Self, DataError> {
        let mut reader = Reader::from_reader(input);
        let mut buffer = Vec::new();
        let mut types: HashMap<String, HashSet<String>> = HashMap::new();
        let mut published = HashSet::new();
        let mut current: Option<String> = None;
        loop {
            let event = reader
                .read_event_into_async(&mut buffer)
                .await
                .map_err(DataError::Xml)?;
            match event {
                Event::Start(element) | Event::Empty(element) => match element.local_name().as_ref() {
                    "EntityType" | "ComplexType" => {
                        current = attribute(&element, "Name").filter(|name| wanted.contains(name))
                    }
                    "Property" => {
                        if let Some(name) = &current
                            && let Some(property) = attribute(&element, "Name")
                        {
                            types.entry(name.clone()).or_default().insert(property);
                        }
                    }
                    "EntitySet" => {
                        published.extend(attribute(&element, "Name").filter(|name| wanted.contains(name)))
                    }
                    _ => {}
                },
                Event::Eof => break,
                _ => {}
            }
            buffer.clear();
        }
        types.retain(|name, _| published.contains(name));
        Ok(Self(types))
    }

    /// True when the set is published.
    pub(crate) fn has_set(&self, set: &str) -> bool {
        self.0.contains_key(set)
    }

    /// True when the set is published and has the property.
    pub(crate) fn has_property(&self, set: &str, property: &str) -> bool {
        self.0
            .get(set)
            .is_some_and(|properties| properties.contains(property))
    }

    /// True when nothing that was asked for is published.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Option<String> {
    let attribute = element.try_get_attribute(name).ok()??;
    Some(attribute.value.into_owned())
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
        let wanted = ["Catalog_Склады", "Catalog_Скрытое"].map(str::to_owned).into();
        let metadata = Metadata::read(EDMX.as_bytes(), &wanted).await.unwrap();
        assert!(metadata.has_property("Catalog_Склады", "Description"));
        assert!(!metadata.has_property("Catalog_Склады", "Code"));
        assert!(!metadata.has_set("Catalog_Прочее"));
        assert!(
            !metadata.has_set("Catalog_Скрытое"),
            "a type without a set is not published"
        );
    }
}
