//! The catalogue of what infobases publish.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::catalogue::{Catalogue, Property, Type};
use crate::odata::{Forms, Metadata};

/// Properties that are written at a time.
const PACK: usize = 10_000;

/// What is known about a catalogue.
#[derive(Debug)]
pub(crate) struct State {
    /// There is one.
    pub(crate) exists: bool,
    /// It is not too old, and nothing showed that it is not true.
    pub(crate) is_fresh: bool,
}

/// Whether there is a catalogue, and whether 1C need not be asked again.
pub(crate) async fn state(
    connection: &mut PgConnection,
    infobase: Uuid,
    lifetime: Duration,
) -> Result<State, StoreError> {
    let found = sqlx::query_as!(
        State,
        r#"select content_hash is not null as "exists!",
                  (content_hash is not null and not outdated
                   and read_at > now() - make_interval(secs => $2)) as "is_fresh!"
           from onec.metadata where infobase_id = $1"#,
        infobase,
        lifetime.as_secs_f64(),
    )
    .fetch_optional(connection)
    .await
    .store("metadata_state")?;
    Ok(found.unwrap_or(State {
        exists: false,
        is_fresh: false,
    }))
}

/// Takes the reading of the metadata upon this replica; false when another one has it.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    infobase: Uuid,
    lease: Duration,
) -> Result<bool, StoreError> {
    let claimed = sqlx::query!(
        "insert into onec.metadata (infobase_id, reading_until)
         values ($1, now() + make_interval(secs => $2))
         on conflict (infobase_id) do update set reading_until = excluded.reading_until
         where metadata.reading_until is null or metadata.reading_until < now()",
        infobase,
        lease.as_secs_f64(),
    )
    .execute(connection)
    .await
    .store("metadata_claim")?;
    Ok(claimed.rows_affected() == 1)
}

/// Gives the reading back.
pub(crate) async fn release(connection: &mut PgConnection, infobase: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.metadata set reading_until = null where infobase_id = $1",
        infobase
    )
    .execute(connection)
    .await
    .store("metadata_release")?;
    Ok(())
}

/// Notes that the catalogue is not true any more.
pub(crate) async fn outdate(connection: &mut PgConnection, infobase: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.metadata set outdated = true where infobase_id = $1",
        infobase
    )
    .execute(connection)
    .await
    .store("metadata_outdate")?;
    Ok(())
}

/// Puts a catalogue in the place of the former one, unless it is the same; true when it was not.
pub(crate) async fn replace(
    connection: &mut PgConnection,
    infobase: Uuid,
    hash: &[u8],
    catalogue: &Catalogue,
) -> Result<bool, StoreError> {
    let former = sqlx::query_scalar!(
        "select content_hash from onec.metadata where infobase_id = $1 for update",
        infobase
    )
    .fetch_optional(&mut *connection)
    .await
    .store("metadata_lock")?;
    let is_new = former.flatten().as_deref() != Some(hash);
    if is_new {
        sqlx::query!("delete from onec.metadata_types where infobase_id = $1", infobase)
            .execute(&mut *connection)
            .await
            .store("metadata_types_delete")?;
        sqlx::query!(
            "delete from onec.metadata_functions where infobase_id = $1",
            infobase
        )
        .execute(&mut *connection)
        .await
        .store("metadata_functions_delete")?;
        insert_types(connection, infobase, &catalogue.types).await?;
        insert_properties(connection, infobase, &catalogue.types).await?;
        insert_functions(connection, infobase, catalogue).await?;
    }
    sqlx::query!(
        "insert into onec.metadata (infobase_id, content_hash, read_at, changed_at) values ($1, $2, now(), now())
         on conflict (infobase_id) do update
         set content_hash = $2, read_at = now(), outdated = false, reading_until = null,
             changed_at = case when $3 then now() else metadata.changed_at end",
        infobase,
        hash,
        is_new,
    )
    .execute(connection)
    .await
    .store("metadata_note")?;
    Ok(is_new)
}

/// Lists become JSON: an array of arrays must have rows of one length.
fn json(names: impl Iterator<Item = impl AsRef<str>>) -> String {
    let names: Vec<String> = names.map(|name| name.as_ref().to_owned()).collect();
    serde_json::to_string(&names).unwrap_or_default()
}

async fn insert_types(
    connection: &mut PgConnection,
    infobase: Uuid,
    types: &[Type],
) -> Result<(), StoreError> {
    let names: Vec<String> = types.iter().map(|declared| declared.name.to_string()).collect();
    let forms: Vec<String> = types
        .iter()
        .map(|declared| declared.form.as_str().to_owned())
        .collect();
    let kinds: Vec<String> = types.iter().map(|declared| declared.kind().to_owned()).collect();
    let published: Vec<bool> = types.iter().map(|declared| declared.published).collect();
    let owners: Vec<String> = types
        .iter()
        .map(|declared| declared.owner.as_deref().unwrap_or_default().to_owned())
        .collect();
    let members: Vec<String> = types
        .iter()
        .map(|declared| json(declared.members.iter()))
        .collect();
    sqlx::query!(
        "insert into onec.metadata_types (infobase_id, name, form, kind, published, owner, members)
         select $1, name, form, kind, published, nullif(owner, ''),
                array(select jsonb_array_elements_text(members::jsonb))
         from unnest($2::text[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::text[])
              as given (name, form, kind, published, owner, members)",
        infobase,
        &names,
        &forms,
        &kinds,
        &published,
        &owners,
        &members,
    )
    .execute(connection)
    .await
    .store("metadata_types_insert")?;
    Ok(())
}

async fn insert_properties(
    connection: &mut PgConnection,
    infobase: Uuid,
    types: &[Type],
) -> Result<(), StoreError> {
    let mut all = Vec::new();
    for declared in types {
        for (ordinal, property) in (0_i32..).zip(&declared.properties) {
            all.push((declared.name.as_ref(), ordinal, property));
        }
    }
    for pack in all.chunks(PACK) {
        let owners: Vec<String> = pack.iter().map(|(owner, ..)| (*owner).to_owned()).collect();
        let ordinals: Vec<i32> = pack.iter().map(|(_, ordinal, _)| *ordinal).collect();
        let text = |of: fn(&Property) -> &str| -> Vec<String> {
            pack.iter()
                .map(|(.., property)| of(property).to_owned())
                .collect()
        };
        let names = text(|property| &property.name);
        let edm_types = text(|property| &property.edm_type);
        let targets = text(|property| property.target.as_deref().unwrap_or_default());
        let navigations = text(|property| property.navigation.as_deref().unwrap_or_default());
        let nullable: Vec<bool> = pack.iter().map(|(.., property)| property.nullable).collect();
        let keys: Vec<bool> = pack.iter().map(|(.., property)| property.is_key).collect();
        sqlx::query!(
            "insert into onec.metadata_properties
                 (infobase_id, type_name, ordinal, name, edm_type, nullable, is_key, target, navigation)
             select $1, type_name, ordinal, name, edm_type, nullable, is_key, nullif(target, ''), nullif(navigation, '')
             from unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::bool[], $7::bool[], $8::text[], $9::text[])
                  as given (type_name, ordinal, name, edm_type, nullable, is_key, target, navigation)",
            infobase,
            &owners,
            &ordinals,
            &names,
            &edm_types,
            &nullable,
            &keys,
            &targets,
            &navigations,
        )
        .execute(&mut *connection)
        .await
        .store("metadata_properties_insert")?;
    }
    Ok(())
}

async fn insert_functions(
    connection: &mut PgConnection,
    infobase: Uuid,
    catalogue: &Catalogue,
) -> Result<(), StoreError> {
    let functions = &catalogue.functions;
    let bindings: Vec<String> = functions
        .iter()
        .map(|found| found.binding_type.to_string())
        .collect();
    let names: Vec<String> = functions.iter().map(|found| found.name.to_string()).collect();
    let effects: Vec<bool> = functions.iter().map(|found| found.side_effecting).collect();
    let returns: Vec<String> = functions
        .iter()
        .map(|found| found.return_type.as_deref().unwrap_or_default().to_owned())
        .collect();
    let parameters: Vec<String> = functions
        .iter()
        .map(|found| json(found.parameters.iter().map(|(name, _)| name)))
        .collect();
    let types: Vec<String> = functions
        .iter()
        .map(|found| json(found.parameters.iter().map(|(_, of)| of)))
        .collect();
    sqlx::query!(
        "insert into onec.metadata_functions
             (infobase_id, binding_type, name, side_effecting, return_type, parameters, parameter_types)
         select $1, binding_type, name, side_effecting, nullif(return_type, ''),
                array(select jsonb_array_elements_text(parameters::jsonb)),
                array(select jsonb_array_elements_text(parameter_types::jsonb))
         from unnest($2::text[], $3::text[], $4::bool[], $5::text[], $6::text[], $7::text[])
              as given (binding_type, name, side_effecting, return_type, parameters, parameter_types)",
        infobase,
        &bindings,
        &names,
        &effects,
        &returns,
        &parameters,
        &types,
    )
    .execute(connection)
    .await
    .store("metadata_functions_insert")?;
    Ok(())
}

/// The sets of those named that are published, with their properties and what values those have.
pub(crate) async fn metadata(
    connection: &mut PgConnection,
    infobase: Uuid,
    wanted: &HashSet<String>,
) -> Result<Metadata, StoreError> {
    let wanted: Vec<String> = wanted.iter().cloned().collect();
    let rows = sqlx::query!(
        r#"select t.name as "set!", p.name as "property?"
           from onec.metadata_types t
           left join onec.metadata_properties p on p.infobase_id = t.infobase_id and p.type_name = t.name
           where t.infobase_id = $1 and t.published and t.name = any($2)"#,
        infobase,
        &wanted,
    )
    .fetch_all(&mut *connection)
    .await
    .store("metadata_wanted")?;
    let mut sets: HashMap<String, HashSet<String>> = HashMap::new();
    for row in rows {
        sets.entry(row.set).or_default().extend(row.property);
    }
    let declared = sqlx::query!(
        "select type_name, name, edm_type from onec.metadata_properties
         where infobase_id = $1
           and edm_type not in ('Edm.String', 'Edm.Guid', 'Edm.DateTime', 'Edm.Int64')
           and type_name in (
               select unnest($2::text[])
               union
               -- The rows of their tabular parts.
               select regexp_replace(edm_type, '^Collection\\((?:StandardODATA\\.)?(.+)\\)$', '\\1')
               from onec.metadata_properties
               where infobase_id = $1 and type_name = any($2) and edm_type like 'Collection(%')",
        infobase,
        &wanted,
    )
    .fetch_all(connection)
    .await
    .store("metadata_forms")?;
    let mut forms = Forms::default();
    for row in declared {
        forms.declare(&row.type_name, &row.name, &row.edm_type);
    }
    Ok(Metadata::new(sets, forms))
}

/// A set or type in a list.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) owner: Option<String>,
    pub(crate) properties: i64,
}

/// Which sets are listed.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) kind: Option<&'a str>,
    /// A part of the name.
    pub(crate) part: Option<&'a str>,
    /// After this name.
    pub(crate) after: Option<&'a str>,
    pub(crate) limit: i64,
}

/// Published sets by name.
pub(crate) async fn list(
    connection: &mut PgConnection,
    infobase: Uuid,
    wanted: &Wanted<'_>,
) -> Result<Vec<Listed>, StoreError> {
    sqlx::query_as!(
        Listed,
        r#"select t.name, t.kind, t.owner,
                  (select count(*) from onec.metadata_properties p
                   where p.infobase_id = t.infobase_id and p.type_name = t.name) as "properties!"
           from onec.metadata_types t
           where t.infobase_id = $1 and t.published
             and ($2::text is null or t.kind = $2)
             and ($3::text is null or position(lower($3) in lower(t.name)) > 0)
             and ($4::text is null or t.name collate "C" > $4)
           order by t.name collate "C" limit $5"#,
        infobase,
        wanted.kind,
        wanted.part,
        wanted.after,
        wanted.limit,
    )
    .fetch_all(connection)
    .await
    .store("metadata_list")
}

/// A type.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) published: bool,
    pub(crate) owner: Option<String>,
}

/// A type of that name.
pub(crate) async fn get(
    connection: &mut PgConnection,
    infobase: Uuid,
    name: &str,
) -> Result<Option<Stored>, StoreError> {
    sqlx::query_as!(
        Stored,
        "select name, kind, published, owner from onec.metadata_types where infobase_id = $1 and name = $2",
        infobase,
        name,
    )
    .fetch_optional(connection)
    .await
    .store("metadata_get")
}

/// A property.
#[derive(Debug, Clone)]
pub(crate) struct StoredProperty {
    pub(crate) name: String,
    pub(crate) edm_type: String,
    pub(crate) nullable: bool,
    pub(crate) is_key: bool,
    pub(crate) target: Option<String>,
    pub(crate) navigation: Option<String>,
}

/// The properties of a type, as they are declared.
pub(crate) async fn properties(
    connection: &mut PgConnection,
    infobase: Uuid,
    name: &str,
) -> Result<Vec<StoredProperty>, StoreError> {
    sqlx::query_as!(
        StoredProperty,
        "select name, edm_type, nullable, is_key, target, navigation from onec.metadata_properties
         where infobase_id = $1 and type_name = $2 order by ordinal",
        infobase,
        name,
    )
    .fetch_all(connection)
    .await
    .store("metadata_properties")
}

/// A function or action.
#[derive(Debug)]
pub(crate) struct StoredFunction {
    pub(crate) name: String,
    pub(crate) side_effecting: bool,
    pub(crate) return_type: Option<String>,
    pub(crate) parameters: Vec<String>,
    pub(crate) parameter_types: Vec<String>,
}

/// What may be called on objects of a type, or on the flat rows of a register.
pub(crate) async fn functions(
    connection: &mut PgConnection,
    infobase: Uuid,
    name: &str,
) -> Result<Vec<StoredFunction>, StoreError> {
    sqlx::query_as!(
        StoredFunction,
        "select name, side_effecting, return_type, parameters, parameter_types from onec.metadata_functions
         where infobase_id = $1 and binding_type = $2 order by name",
        infobase,
        name,
    )
    .fetch_all(connection)
    .await
    .store("metadata_functions")
}

/// References of the companies with these ids.
pub(crate) async fn companies(
    connection: &mut PgConnection,
    infobase: Uuid,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select ref from onec.companies where infobase_id = $1 and id = any($2) order by ref",
        infobase,
        ids,
    )
    .fetch_all(connection)
    .await
    .store("companies_references")
}
