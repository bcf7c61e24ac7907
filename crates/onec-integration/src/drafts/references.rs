//! Objects that are referred to: 1C takes references that lead nowhere, so they are looked up before.

use std::collections::HashMap;

use common::Text;
use common::db::StoreResult;
use common::http::{Problem, Violations};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::reading::{dated, rows};
use super::validate::{By, Wanted};
use crate::catalogue::access::{Companies, Entity, scope};
use crate::error::Error;
use crate::infobase::{Connection, InfobaseError};
use crate::odata::expression::{Expression, Path};
use crate::odata::{Collection, Filter, Literal, OdataError, Query};
use crate::state::AppState;
use crate::store::{catalogue, drafts};

/// References in one request.
const PACK: usize = 20;
/// Objects that are offered when a name does not tell which is meant.
const CANDIDATES: u32 = 6;

/// An object that was found.
#[derive(Debug, Clone)]
struct Found {
    reference: Uuid,
    name: String,
    is_marked: bool,
}

/// Looks references up for a draft.
pub(crate) struct References<'a> {
    pub(crate) state: &'a AppState,
    pub(crate) infobase: Uuid,
    pub(crate) onec: &'a Connection,
    /// Those of a caller who may not see all.
    pub(crate) companies: Option<&'a Companies>,
    /// Names of objects by their keys.
    pub(crate) names: Map<String, Value>,
    /// Sets that were looked up; none for those that are not published.
    sets: HashMap<String, Option<Entity>>,
    /// Sets whose objects cannot be looked up because they are not published.
    pub(crate) unseen: Vec<String>,
}

impl<'a> References<'a> {
    /// Nothing looked up yet.
    pub(crate) fn new(
        state: &'a AppState,
        infobase: Uuid,
        onec: &'a Connection,
        companies: Option<&'a Companies>,
    ) -> Self {
        Self {
            state,
            infobase,
            onec,
            companies,
            names: Map::new(),
            sets: HashMap::new(),
            unseen: Vec::new(),
        }
    }

    /// The keys of what is wanted, in its order; what is not found is noted as a violation.
    pub(crate) async fn resolve(
        &mut self,
        wanted: &[Wanted],
        violations: &mut Violations,
    ) -> Result<Vec<Uuid>, Problem> {
        let mut keys = vec![Uuid::nil(); wanted.len()];
        let mut by_set: HashMap<&str, Vec<(usize, Uuid)>> = HashMap::new();
        let mut by_name: HashMap<(&str, &By, bool), Uuid> = HashMap::new();
        for (at, one) in wanted.iter().enumerate() {
            match &one.by {
                By::Reference(reference) => by_set.entry(&one.set).or_default().push((at, *reference)),
                By::Id(id) => {
                    let mut connection = self.state.pool.acquire().await.store("acquire")?;
                    let found = drafts::subject(&mut connection, self.infobase, *id).await?;
                    match found {
                        Some(reference) => by_set.entry(&one.set).or_default().push((at, reference)),
                        None => violations.add(
                            &one.pointer,
                            Text::new(
                                "В этой базе нет объекта с таким id.",
                                "The infobase has no object of that id.",
                            ),
                        ),
                    }
                }
                By::Field(field, text) => {
                    let memory = (one.set.as_str(), &one.by, one.is_folder);
                    if let Some(known) = by_name.get(&memory) {
                        keys[at] = *known;
                        continue;
                    }
                    match self.by_field(one, field, text).await? {
                        Ok(reference) => {
                            by_name.insert(memory, reference);
                            keys[at] = reference;
                        }
                        Err(detail) => violations.add(&one.pointer, detail),
                    }
                }
            }
        }
        for (set, asked) in by_set {
            let mut references: Vec<Uuid> = asked.iter().map(|(_, reference)| *reference).collect();
            references.sort_unstable();
            references.dedup();
            let found = self.objects(set, &references).await?;
            for (at, reference) in asked {
                keys[at] = reference;
                let pointer = &wanted[at].pointer;
                match &found {
                    Some(found) => match found.iter().find(|found| found.reference == reference) {
                        Some(found) => violations.check(!found.is_marked, pointer, marked(&found.name)),
                        None => violations.add(
                            pointer,
                            Text::new(
                                format!("В {set} нет объекта с такой ссылкой."),
                                format!("{set} has no object with that reference."),
                            ),
                        ),
                    },
                    // What cannot be looked up cannot be told to be the caller's.
                    None if self.companies.is_some() => violations.add(pointer, not_published(set)),
                    None => {}
                }
            }
        }
        Ok(keys)
    }

    /// Adds the names of objects, as far as they can be told.
    pub(crate) async fn name(&mut self, set: &str, references: &[Uuid]) -> Result<(), Problem> {
        let unknown: Vec<Uuid> = references
            .iter()
            .copied()
            .filter(|reference| !self.names.contains_key(&reference.to_string()))
            .collect();
        if !unknown.is_empty() {
            self.objects(set, &unknown).await?;
        }
        Ok(())
    }

    async fn entity(&mut self, set: &str) -> Result<Option<&Entity>, Problem> {
        if !self.sets.contains_key(set) {
            let mut connection = self.state.pool.acquire().await.store("acquire")?;
            let stored = catalogue::get(&mut connection, self.infobase, set).await?;
            let entity = match stored.filter(|stored| stored.published) {
                Some(stored) => {
                    let properties = catalogue::properties(&mut connection, self.infobase, set).await?;
                    Some(Entity { stored, properties })
                }
                None => None,
            };
            if entity.is_none() {
                self.unseen.push(set.to_owned());
            }
            self.sets.insert(set.to_owned(), entity);
        }
        Ok(self.sets.get(set).and_then(Option::as_ref))
    }

    /// The objects with these keys, as far as the caller may refer to them; none when the set is not
    /// published.
    async fn objects(&mut self, set: &str, references: &[Uuid]) -> Result<Option<Vec<Found>>, Problem> {
        let mut all = Vec::new();
        for pack in references.chunks(PACK) {
            let literals = pack.iter().map(|reference| Literal::Guid(*reference));
            let Some(filter) = Filter::any_of("Ref_Key", literals) else {
                continue;
            };
            match self.query(set, filter, u32::try_from(PACK).unwrap_or(20)).await? {
                Some(found) => all.extend(found),
                None => return Ok(None),
            }
        }
        for found in &all {
            self.names
                .insert(found.reference.to_string(), found.name.clone().into());
        }
        Ok(Some(all))
    }

    async fn query(&mut self, set: &str, filter: Filter, top: u32) -> Result<Option<Vec<Found>>, Problem> {
        let companies = self.companies;
        let Some(entity) = self.entity(set).await? else {
            return Ok(None);
        };
        let scoped = match companies.map(|companies| scope(entity, None, companies)) {
            None | Some(Ok(None)) => None,
            Some(Ok(Some(scoped))) => Some(scoped),
            Some(Err(_)) => return Ok(Some(Vec::new())),
        };
        let told = ["Ref_Key", "Description", "Number", "Date", "Code", "DeletionMark"];
        let select: Vec<&str> = told
            .into_iter()
            .filter(|name| entity.property(name).is_some())
            .collect();
        let filter = match scoped {
            Some(scoped) => filter.and(&scoped),
            None => filter,
        };
        let query = Query::set(set).select(select).filter(filter).top(top);
        let body = rows(self.state, self.infobase, self.onec, &query).await?;
        let unreadable = |error| Problem::from(Error::from(InfobaseError::from(OdataError::from(error))));
        let mut all = Vec::new();
        for row in Collection::parse(&body).map_err(unreadable)?.value {
            let Some(reference) = row.guid("Ref_Key") else {
                continue;
            };
            let text = |name: &str| row.text(name).map(Option::unwrap_or_default);
            let name = text("Description").map_err(unreadable)?;
            let number = text("Number").map_err(unreadable)?;
            let name = match (name.is_empty(), number.is_empty()) {
                (false, _) => name,
                (true, false) => dated(&number, &text("Date").map_err(unreadable)?),
                (true, true) => text("Code").map_err(unreadable)?,
            };
            all.push(Found {
                reference,
                name,
                is_marked: row.boolean("DeletionMark").map_err(unreadable)?.unwrap_or(false),
            });
        }
        Ok(Some(all))
    }

    /// The only object of which a property says that.
    async fn by_field(
        &mut self,
        wanted: &Wanted,
        field: &'static str,
        text: &str,
    ) -> Result<Result<Uuid, Text>, Problem> {
        let Some(entity) = self.entity(&wanted.set).await? else {
            return Ok(Err(not_published(&wanted.set)));
        };
        if entity.property(field).is_none() {
            return Ok(Err(Text::new(
                format!("У {} нет реквизита {field}.", wanted.set),
                format!("{} has no property {field}.", wanted.set),
            )));
        }
        let usable: Vec<Filter> = [("DeletionMark", false), ("IsFolder", wanted.is_folder)]
            .into_iter()
            .filter(|(name, _)| entity.property(name).is_some())
            .map(|(name, value)| Filter::eq(name, &Literal::Bool(value)))
            .collect();
        let usable = |condition: Filter| usable.iter().fold(condition, Filter::and);
        let equal = usable(Filter::eq(field, &Literal::Text(text)));
        let mut found = self
            .query(&wanted.set, equal, CANDIDATES)
            .await?
            .unwrap_or_default();
        if found.is_empty() {
            // A part of the name may be enough.
            let part = Expression::Call(
                "substringof",
                vec![
                    (&Literal::Text(text)).into(),
                    Expression::Property(Path::new(field)),
                ],
            );
            let part = usable(Filter::new(part));
            found = self
                .query(&wanted.set, part, CANDIDATES)
                .await?
                .unwrap_or_default();
        }
        match found.as_slice() {
            [one] => {
                self.names
                    .insert(one.reference.to_string(), one.name.clone().into());
                Ok(Ok(one.reference))
            }
            [] => Ok(Err(Text::new(
                format!("В {} не найдено: «{text}».", wanted.set),
                format!("{} has nothing called “{text}”.", wanted.set),
            ))),
            several => {
                let more = if several.len() >= CANDIDATES as usize {
                    "; …"
                } else {
                    ""
                };
                let list: Vec<String> = several
                    .iter()
                    .map(|found| format!("{} ({})", found.name, found.reference))
                    .collect();
                let list = list.join("; ");
                Ok(Err(Text::new(
                    format!("Подходит несколько, укажите ссылку: {list}{more}."),
                    format!("Several fit, give the reference: {list}{more}."),
                )))
            }
        }
    }
}

fn marked(name: &str) -> Text {
    Text::new(
        format!("«{name}» помечен на удаление."),
        format!("“{name}” is marked for deletion."),
    )
}

fn not_published(set: &str) -> Text {
    Text::new(
        format!("Объект {set} не опубликован: проверить ссылку нельзя."),
        format!("The object {set} is not published: the reference cannot be checked."),
    )
}
