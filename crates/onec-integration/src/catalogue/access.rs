//! What a caller may read of an entity set, and what a filter or a list of names may say of it.

use std::collections::HashMap;

use common::Text;
use common::db::StoreError;
use sqlx::PgConnection;
use uuid::Uuid;

use super::model::kind;
use crate::odata::expression::{Expression, Path};
use crate::odata::{Filter, Literal, Row};
use crate::store::catalogue::{self, Stored, StoredProperty};

/// References that a filter names at most.
const MOST_COMPANIES: usize = 25;

/// A published set with its properties.
#[derive(Debug)]
pub(crate) struct Entity {
    pub(crate) stored: Stored,
    pub(crate) properties: Vec<StoredProperty>,
}

impl Entity {
    /// The property of that name.
    pub(crate) fn property(&self, name: &str) -> Option<&StoredProperty> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// True when a property is a reference: of one type, or of several.
    pub(crate) fn is_reference(&self, property: &StoredProperty) -> bool {
        property.target.is_some() || self.property(&format!("{}_Type", property.name)).is_some()
    }
}

/// The companies of an infobase that a caller may see.
#[derive(Debug)]
pub(crate) struct Companies {
    /// The set of companies.
    pub(crate) set: String,
    pub(crate) references: Vec<Uuid>,
}

/// Why a caller restricted to companies may not read a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    /// Its rows do not tell whose they are.
    NotByCompany,
    /// Rows of a tabular part are read with their object.
    ReadWithOwner,
    /// More companies than a filter can name.
    TooManyCompanies,
}

/// The condition under which rows of a set belong to the companies; `None` when they belong to all,
/// as goods and customers do.
pub(crate) fn scope(
    entity: &Entity,
    owner: Option<&Entity>,
    companies: &Companies,
) -> Result<Option<Filter>, Denied> {
    if companies.references.len() > MOST_COMPANIES {
        return Err(Denied::TooManyCompanies);
    }
    let is = |field: &str, reference: Uuid| Filter::eq(field, &Literal::Guid(reference));
    let any = |field: &str| Filter::or(companies.references.iter().map(|reference| is(field, *reference)));
    let nothing = || is("Ref_Key", Uuid::nil());
    if entity.stored.name == companies.set {
        return Ok(Some(any("Ref_Key").unwrap_or_else(nothing)));
    }
    if let Some(owner) = owner
        && kind(&entity.stored.name) == kind(&owner.stored.name)
        && !entity.stored.name.ends_with("_RecordType")
    {
        return match scope(owner, None, companies) {
            Ok(None) => Ok(None),
            Ok(Some(_)) | Err(_) => Err(Denied::ReadWithOwner),
        };
    }
    let fields: Vec<&str> = entity
        .properties
        .iter()
        .filter(|property| property.target.as_deref() == Some(&companies.set))
        .map(|property| property.name.as_str())
        .collect();
    if fields.is_empty() {
        // What has no company belongs to all, if it is of a kind that never has movements or figures.
        return match entity.stored.kind.as_str() {
            "Catalog" | "ChartOfAccounts" | "ChartOfCharacteristicTypes" | "ChartOfCalculationTypes" => {
                Ok(None)
            }
            _ => Err(Denied::NotByCompany),
        };
    }
    // One of them at least is a company of the caller's, and none is another one.
    let own = Filter::or(fields.iter().filter_map(|field| any(field))).unwrap_or_else(nothing);
    if fields.len() == 1 {
        return Ok(Some(own));
    }
    let each = fields
        .iter()
        .filter_map(|field| Filter::or([is(field, Uuid::nil())].into_iter().chain(any(field))));
    Ok(Some(each.fold(own, |all, field| all.and(&field))))
}

/// Whether an object is of the companies, as [`scope`] has it.
pub(crate) fn belongs(entity: &Entity, row: &Row<'_>, companies: &Companies) -> bool {
    let is_own = |reference: Uuid| companies.references.contains(&reference);
    if entity.stored.name == companies.set {
        return row.guid("Ref_Key").is_some_and(is_own);
    }
    let mut told: Vec<Uuid> = Vec::new();
    let of_companies = |property: &&StoredProperty| property.target.as_deref() == Some(&companies.set);
    for property in entity.properties.iter().filter(of_companies) {
        told.extend(row.guid(&property.name));
    }
    !told.is_empty() && told.into_iter().all(is_own)
}

/// The condition under which rows of a virtual table with these columns are of the companies: `records`
/// tells which of its properties refer to them. `None` when none does.
pub(crate) fn company_fields(
    records: &Entity,
    columns: &[StoredProperty],
    companies: &Companies,
) -> Option<Filter> {
    if companies.references.len() > MOST_COMPANIES {
        return None;
    }
    let fields = records
        .properties
        .iter()
        .filter(|property| property.target.as_deref() == Some(&companies.set))
        .filter(|property| columns.iter().any(|column| column.name == property.name));
    let each = fields.map(|property| {
        let values = companies.references.iter().copied().map(Literal::Guid);
        Filter::any_of(&property.name, values)
            .unwrap_or_else(|| Filter::eq(&property.name, &Literal::Guid(Uuid::max())))
    });
    each.reduce(|all, field| all.and(&field))
}

/// What a name in a filter is not.
#[derive(Debug)]
pub(crate) struct NameError {
    /// Characters before the name.
    pub(crate) offset: usize,
    pub(crate) detail: Text,
}

/// The names that a filter uses: paths with the names of rows replaced by their parts, and types.
#[derive(Debug, Default)]
struct Names {
    paths: Vec<(Vec<String>, usize)>,
    types: Vec<(String, usize)>,
}

impl Names {
    fn collect(&mut self, expression: &Expression, rows: &mut Vec<(String, Vec<String>)>) {
        match expression {
            Expression::Property(path) => self.paths.push((within(path, rows), path.offset)),
            Expression::Value(_) => {}
            Expression::Binary(_, left, right) => {
                self.collect(left, rows);
                self.collect(right, rows);
            }
            Expression::Not(inner) => self.collect(inner, rows),
            Expression::Cast(inner, of) | Expression::IsOf(inner, of) => {
                self.types.push((of.to_string(), of.offset));
                self.collect(inner, rows);
            }
            Expression::Call(_, arguments) => {
                for argument in arguments {
                    self.collect(argument, rows);
                }
            }
            Expression::Lambda {
                part,
                variable,
                condition,
                ..
            } => {
                rows.push((variable.to_string(), within(part, rows)));
                self.collect(condition, rows);
                rows.pop();
            }
        }
    }
}

fn within(path: &Path, rows: &[(String, Vec<String>)]) -> Vec<String> {
    let names = path.names();
    let found = names
        .split_first()
        .and_then(|(first, rest)| Some((rows.iter().rev().find(|(row, _)| row == first)?, rest)));
    match found {
        Some(((_, part), rest)) => part.iter().chain(rest).cloned().collect(),
        None => names.to_vec(),
    }
}

/// Looks names up in the catalogue of an infobase.
pub(crate) struct Lookup<'a> {
    connection: &'a mut PgConnection,
    infobase: Uuid,
    /// The set of companies, for a caller who may not see all of them.
    restricted_to: Option<&'a str>,
    known: HashMap<String, Vec<StoredProperty>>,
}

impl<'a> Lookup<'a> {
    /// In the catalogue of `infobase`.
    pub(crate) fn new(
        connection: &'a mut PgConnection,
        infobase: Uuid,
        restricted_to: Option<&'a str>,
    ) -> Self {
        Self {
            connection,
            infobase,
            restricted_to,
            known: HashMap::new(),
        }
    }

    /// The first name of a filter that the entity does not have.
    pub(crate) async fn check(
        &mut self,
        entity: &str,
        filter: &Expression,
    ) -> Result<Result<(), NameError>, StoreError> {
        let mut names = Names::default();
        names.collect(filter, &mut Vec::new());
        for (of, offset) in names.types {
            let found = catalogue::get(self.connection, self.infobase, &of).await?;
            if !found.is_some_and(|found| found.published) {
                let detail = Text::new(
                    format!("Объект {of} не опубликован."),
                    format!("The object {of} is not published."),
                );
                return Ok(Err(NameError { offset, detail }));
            }
        }
        for (path, offset) in names.paths {
            if let Err(detail) = self.path(entity, &path).await? {
                return Ok(Err(NameError { offset, detail }));
            }
        }
        Ok(Ok(()))
    }

    async fn path(&mut self, entity: &str, names: &[String]) -> Result<Result<(), Text>, StoreError> {
        let mut current = entity.to_owned();
        let mut names = names.iter().peekable();
        while let Some(name) = names.next() {
            let properties = self.properties(&current).await?;
            if names.peek().is_none() {
                let is_there = properties.iter().any(|property| &property.name == name);
                return Ok(if is_there {
                    Ok(())
                } else {
                    Err(absent(&current, name))
                });
            }
            let is_typed = properties
                .iter()
                .any(|property| property.name == format!("{name}_Type"));
            let found = properties
                .iter()
                .find(|property| property.navigation.as_deref() == Some(name) || &property.name == name);
            let Some(found) = found.cloned() else {
                return Ok(Err(absent(&current, name)));
            };
            if let Some(rows) = rows_type(&found.edm_type) {
                current = rows.to_owned();
                continue;
            }
            let target = match found.target {
                Some(target) => target,
                // A reference of several types names the one to walk by.
                None if is_typed => match names.next_if(|name| !kind(name).is_empty()) {
                    Some(target) => target.clone(),
                    None => return Ok(Err(absent(&current, name))),
                },
                None => return Ok(Err(absent(&current, name))),
            };
            if self
                .restricted_to
                .is_some_and(|set| kind(&target) != "Catalog" || target == set)
            {
                return Ok(Err(Text::new(
                    "Отбор по реквизитам этого объекта доступен только тем, кто видит все организации.",
                    "Only those who see all companies may filter by properties of this object.",
                )));
            }
            current = target;
        }
        Ok(Ok(()))
    }

    async fn properties(&mut self, of: &str) -> Result<&[StoredProperty], StoreError> {
        if !self.known.contains_key(of) {
            let found = catalogue::properties(self.connection, self.infobase, of).await?;
            self.known.insert(of.to_owned(), found);
        }
        Ok(self.known.get(of).map(Vec::as_slice).unwrap_or_default())
    }
}

fn absent(of: &str, name: &str) -> Text {
    Text::new(
        format!("У {of} нет реквизита {name}."),
        format!("{of} has no property {name}."),
    )
}

/// The type of a tabular part's rows.
pub(crate) fn rows_type(edm_type: &str) -> Option<&str> {
    edm_type
        .strip_prefix("Collection(")?
        .strip_suffix(')')
        .map(|inner| inner.strip_prefix("StandardODATA.").unwrap_or(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entity(name: &str, references: &[(&str, &str)]) -> Entity {
        Entity {
            stored: Stored {
                name: name.to_owned(),
                kind: kind(name).to_owned(),
                published: true,
                owner: None,
            },
            properties: references
                .iter()
                .map(|(property, target)| StoredProperty {
                    name: format!("{property}_Key"),
                    edm_type: "Edm.Guid".to_owned(),
                    nullable: true,
                    is_key: false,
                    target: Some((*target).to_owned()),
                    navigation: Some((*property).to_owned()),
                })
                .collect(),
        }
    }

    #[test]
    fn rows_are_those_of_the_callers_companies() {
        let companies = Companies {
            set: "Catalog_Организации".to_owned(),
            references: vec![Uuid::max()],
        };
        let max = Uuid::max();
        let nil = Uuid::nil();
        let scoped = |entity: &Entity, owner: Option<&Entity>| {
            scope(entity, owner, &companies).map(|filter| filter.map(|filter| filter.to_string()))
        };
        let company = ("Организация", "Catalog_Организации");
        let other = ("Получатель", "Catalog_Организации");
        let sale = entity("Document_Реализация", &[company, ("Склад", "Catalog_Склады")]);
        assert_eq!(
            scoped(&sale, None),
            Ok(Some(format!("Организация_Key eq guid'{max}'")))
        );
        assert_eq!(
            scoped(&entity("Document_Перемещение", &[company, other]), None),
            Ok(Some(format!(
                "(Организация_Key eq guid'{max}' or Получатель_Key eq guid'{max}') and \
                 (Организация_Key eq guid'{nil}' or Организация_Key eq guid'{max}') and \
                 (Получатель_Key eq guid'{nil}' or Получатель_Key eq guid'{max}')"
            )))
        );
        assert_eq!(scoped(&entity("Catalog_Номенклатура", &[]), None), Ok(None));
        assert_eq!(
            scoped(&entity("Catalog_Организации", &[]), None),
            Ok(Some(format!("Ref_Key eq guid'{max}'")))
        );
        for name in [
            "Document_Х",
            "InformationRegister_Х",
            "Constant_Х",
            "ExchangePlan_Х",
        ] {
            assert_eq!(
                scoped(&entity(name, &[]), None),
                Err(Denied::NotByCompany),
                "{name}"
            );
        }
        let goods = entity("Document_Реализация_Товары", &[]);
        assert_eq!(scoped(&goods, Some(&sale)), Err(Denied::ReadWithOwner));
        let item = entity("Catalog_Номенклатура", &[]);
        let units = entity("Catalog_Номенклатура_Единицы", &[]);
        assert_eq!(scoped(&units, Some(&item)), Ok(None));
        // Flat rows of a register have the company themselves.
        let register = entity("AccumulationRegister_Х", &[]);
        let rows = entity("AccumulationRegister_Х_RecordType", &[company]);
        assert!(scoped(&rows, Some(&register)).unwrap().is_some());
        let nobody = Companies {
            references: Vec::new(),
            ..companies
        };
        assert_eq!(
            scope(&sale, None, &nobody).unwrap().unwrap().to_string(),
            format!("Ref_Key eq guid'{nil}'")
        );
    }
}
