//! Reading `$metadata`: one pass over a stream, keeping the declarations in a compact form. Names of
//! types repeat tens of thousands of times and are kept once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use quick_xml::events::{BytesStart, Event};
use tokio::io::AsyncBufRead;

use super::model::{Catalogue, Form, Function, Property, Type, kind};
use crate::odata::{ANSWERS, DataError};
use crate::xml::{Xml, attribute};

/// Declarations that are kept at most: a whole configuration has about 120 000.
const MOST_DECLARATIONS: usize = 2_000_000;
/// The namespace of 1C's types.
const NAMESPACE: &str = "StandardODATA.";

/// Reads a document.
///
/// # Errors
/// When it is not XML, has no schema, or is larger than any configuration is.
pub(crate) async fn read<R: AsyncBufRead + Unpin>(input: R) -> Result<Catalogue, DataError> {
    let mut xml = Xml::new(input, ANSWERS);
    let mut reading = Reading::default();
    loop {
        match xml.next().await? {
            Event::Start(element) => reading.start(&element)?,
            Event::End(element) => reading.end(element.local_name().as_ref()),
            Event::Eof => break,
            _ => {}
        }
    }
    if !reading.has_schema {
        return Err(DataError::Refused("no schema of OData"));
    }
    Ok(reading.finish())
}

/// A reference that is not resolved yet: where it stands, and its association and role.
#[derive(Debug)]
struct Navigation {
    owner: usize,
    name: String,
    relationship: Arc<str>,
    role: Arc<str>,
}

#[derive(Debug, Default)]
struct Reading {
    has_schema: bool,
    names: HashSet<Arc<str>>,
    types: Vec<Type>,
    functions: Vec<Function>,
    sets: HashSet<Arc<str>>,
    navigations: Vec<Navigation>,
    /// Ends of associations: the type by name of association and role.
    ends: HashMap<(Arc<str>, Arc<str>), Arc<str>>,
    association: Option<Arc<str>>,
    in_type: bool,
    keys: Vec<String>,
    /// A function, and whether the type it is called on was read.
    function: Option<(Function, bool)>,
    declarations: usize,
}

impl Reading {
    fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let name: Arc<str> = text.into();
        self.names.insert(name.clone());
        name
    }

    fn attribute(&mut self, element: &BytesStart<'_>, name: &str) -> Option<Arc<str>> {
        let value = attribute(element, name)?;
        Some(self.name(value.strip_prefix(NAMESPACE).unwrap_or(&value)))
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), DataError> {
        self.declarations += 1;
        if self.declarations > MOST_DECLARATIONS {
            return Err(DataError::Refused("too many declarations"));
        }
        match element.local_name().as_ref() {
            "Schema" => self.has_schema = true,
            "EntityType" => self.begin_type(element, Form::Entity),
            "ComplexType" => self.begin_type(element, Form::Complex),
            "EnumType" => self.begin_type(element, Form::Enumeration),
            "PropertyRef" => self.keys.extend(attribute(element, "Name")),
            "Property" => self.property(element),
            "Member" if self.in_type => {
                if let (Some(current), Some(name)) = (self.types.last_mut(), attribute(element, "Name")) {
                    current.members.push(name);
                }
            }
            "NavigationProperty" if self.in_type => self.navigation(element),
            "Association" => self.association = self.attribute(element, "Name"),
            "End" => {
                let end = (
                    self.association.clone(),
                    self.attribute(element, "Role"),
                    self.attribute(element, "Type"),
                );
                if let (Some(association), Some(role), Some(target)) = end {
                    self.ends.insert((association, role), target);
                }
            }
            "EntitySet" => {
                let set = self.attribute(element, "Name");
                self.sets.extend(set);
            }
            "FunctionImport" => self.begin_function(element),
            "Parameter" => self.parameter(element),
            _ => {}
        }
        Ok(())
    }

    fn begin_type(&mut self, element: &BytesStart<'_>, form: Form) {
        let Some(name) = self.attribute(element, "Name") else {
            return;
        };
        self.in_type = true;
        self.keys.clear();
        self.types.push(Type {
            name,
            form,
            published: false,
            owner: None,
            members: Vec::new(),
            properties: Vec::new(),
        });
    }

    fn property(&mut self, element: &BytesStart<'_>) {
        let Some(name) = attribute(element, "Name").filter(|_| self.in_type) else {
            return;
        };
        let edm_type = attribute(element, "Type").unwrap_or_default();
        let edm_type = self.name(&edm_type);
        let nullable = attribute(element, "Nullable").is_none_or(|value| value == "true");
        let is_key = self.keys.contains(&name);
        if let Some(current) = self.types.last_mut() {
            current.properties.push(Property {
                name,
                edm_type,
                nullable,
                is_key,
                target: None,
                navigation: None,
            });
        }
    }

    fn navigation(&mut self, element: &BytesStart<'_>) {
        let found = (
            attribute(element, "Name"),
            self.attribute(element, "Relationship"),
            self.attribute(element, "ToRole"),
        );
        if let (Some(name), Some(relationship), Some(role)) = found {
            self.navigations.push(Navigation {
                owner: self.types.len().saturating_sub(1),
                name,
                relationship,
                role,
            });
        }
    }

    fn begin_function(&mut self, element: &BytesStart<'_>) {
        let Some(name) = self.attribute(element, "Name") else {
            return;
        };
        let function = Function {
            binding_type: self.name(""),
            name,
            side_effecting: attribute(element, "IsSideEffecting").is_some_and(|value| value == "true"),
            return_type: attribute(element, "ReturnType").map(|text| self.name(&text)),
            parameters: Vec::new(),
        };
        self.function = Some((function, false));
    }

    fn parameter(&mut self, element: &BytesStart<'_>) {
        let found = (self.attribute(element, "Name"), self.attribute(element, "Type"));
        let (Some(name), Some(of)) = found else { return };
        if let Some((function, is_bound)) = &mut self.function {
            if name.as_ref() == "bindingParameter" {
                function.binding_type = of;
                *is_bound = true;
            } else {
                function.parameters.push((name, of));
            }
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "EntityType" | "ComplexType" | "EnumType" => self.in_type = false,
            "Association" => self.association = None,
            "FunctionImport" => {
                if let Some((function, true)) = self.function.take() {
                    self.functions.push(function);
                }
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Catalogue {
        for navigation in std::mem::take(&mut self.navigations) {
            let end = (navigation.relationship, navigation.role);
            let (Some(target), Some(owner)) = (self.ends.get(&end), self.types.get_mut(navigation.owner))
            else {
                continue;
            };
            let key = format!("{}_Key", navigation.name);
            let property = owner.properties.iter_mut().find(|property| property.name == key);
            if let Some(property) = property {
                property.target = Some(target.clone());
                property.navigation = Some(navigation.name);
            }
        }
        let mut known = HashSet::with_capacity(self.types.len());
        // Some enumerations of the platform are declared twice.
        self.types.retain(|declared| known.insert(declared.name.clone()));
        for declared in &mut self.types {
            declared.published = declared.form == Form::Entity && self.sets.contains(&declared.name);
            declared.owner = owner(&declared.name, &known);
            let mut names = HashSet::new();
            declared
                .properties
                .retain(|property| names.insert(property.name.clone()));
        }
        let mut bound = HashSet::new();
        self.functions
            .retain(|function| bound.insert((function.binding_type.clone(), function.name.clone())));
        Catalogue {
            types: self.types,
            functions: self.functions,
        }
    }
}

/// The longest other name that this one begins with: names have underscores of their own, so where
/// the owner's ends is told by what there is.
fn owner(name: &Arc<str>, known: &HashSet<Arc<str>>) -> Option<Arc<str>> {
    let mut rest: &str = name;
    while let Some((shorter, _)) = rest.rsplit_once('_') {
        rest = shorter;
        if !kind(shorter).is_empty()
            && let Some(owner) = known.get(shorter)
        {
            return Some(owner.clone());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDMX: &[u8] = include_bytes!("../../tests/fixtures/metadata.xml");

    #[tokio::test]
    async fn everything_that_is_declared_is_kept() {
        let catalogue = read(EDMX).await.unwrap();
        let find = |name: &str| {
            let found = catalogue
                .types
                .iter()
                .find(|declared| declared.name.as_ref() == name);
            found.unwrap_or_else(|| unreachable!("{name}"))
        };
        let sale = find("Document_Реализация_Товаров");
        assert!(sale.published);
        assert_eq!((sale.kind(), sale.owner.as_deref()), ("Document", None));
        let company = sale
            .properties
            .iter()
            .find(|property| property.name == "Организация_Key");
        let company = company.unwrap();
        assert_eq!(company.target.as_deref(), Some("Catalog_Организации"));
        assert_eq!(company.navigation.as_deref(), Some("Организация"));
        assert!(sale.properties[0].is_key && !sale.properties[0].nullable);
        let part = find("Document_Реализация_Товаров_Товары");
        assert_eq!(part.owner.as_deref(), Some("Document_Реализация_Товаров"));
        assert_eq!(find("ВидыОпераций").members, ["Услуги", "Товары"]);
        assert!(!find("Catalog_Скрытый").published, "a type without a set");
        let lengths = catalogue
            .types
            .iter()
            .filter(|declared| declared.name.as_ref() == "AllowedLength");
        assert_eq!(lengths.count(), 1);
        let balance = &catalogue.functions[0];
        assert_eq!(
            (
                balance.binding_type.as_ref(),
                balance.name.as_ref(),
                balance.parameters.len()
            ),
            ("AccumulationRegister_Остатки", "Balance", 3)
        );
        assert!(catalogue.functions[1].side_effecting);
    }

    #[tokio::test]
    async fn what_is_no_metadata_is_refused() {
        for document in [
            "<html></html>",
            "",
            "{}",
            "<edmx:Edmx><Schema>",
            "<!DOCTYPE x [<!ENTITY a \"b\">]><Schema/>",
        ] {
            assert!(read(document.as_bytes()).await.is_err(), "{document}");
        }
    }
}
