//! Names of the catalogues, for recognising them in texts.

use common::contract::onec::{Named, SubjectKind};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// Which names.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) kind: SubjectKind,
    /// Those that the caller may see.
    pub(crate) infobases: &'a [Uuid],
    /// The companies that the caller is limited to.
    pub(crate) companies: Option<&'a [Uuid]>,
    /// The last one of the answer before.
    pub(crate) after: Option<Uuid>,
    pub(crate) limit: i64,
}

struct Row {
    id: Uuid,
    name: String,
    full_name: String,
    person: bool,
}

/// Names of a kind in the order of their ids. Marked for deletion or not: reports on the past have
/// them. Catalogs that companies share are seen by whoever sees any company of the infobase, as in
/// searches.
pub(crate) async fn names(
    connection: &mut PgConnection,
    asked: &Asked<'_>,
) -> Result<Vec<(Uuid, Named)>, StoreError> {
    let kind = match asked.kind {
        SubjectKind::Counterparty => "counterparty",
        SubjectKind::Item => "item",
        SubjectKind::Warehouse => "warehouse",
        SubjectKind::Manager => "manager",
        SubjectKind::Company => "company",
    };
    let rows = sqlx::query_as!(
        Row,
        r#"select id as "id!", name as "name!", full_name as "full_name!", person as "person!" from (
               select id, infobase_id, name, full_name, legal_form ~* '^(физ|индивид)' as person
               from onec.counterparties where $1 = 'counterparty' and not is_folder
               union all
               select id, infobase_id, name, '' as full_name, true as person
               from onec.managers where $1 = 'manager'
               union all
               select id, infobase_id, name, '' as full_name, false as person
               from onec.items where $1 = 'item' and not is_folder
               union all
               select id, infobase_id, name, '' as full_name, false as person
               from onec.warehouses where $1 = 'warehouse'
               union all
               select id, infobase_id, name, full_name, false as person
               from onec.companies where $1 = 'company' and ($2::uuid[] is null or id = any($2))) subject
           where name <> '' and ($3::uuid is null or id > $3) and infobase_id = any($4)
           order by id limit $5"#,
        kind,
        asked.companies,
        asked.after,
        asked.infobases,
        asked.limit,
    )
    .fetch_all(connection)
    .await
    .store("names")?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let named = Named {
                kind: asked.kind,
                full_name: (!row.full_name.is_empty() && row.full_name != row.name).then_some(row.full_name),
                name: row.name,
                person: row.person,
            };
            (row.id, named)
        })
        .collect())
}
