//! Looking up by name.

use common::contract::onec::{Match, SubjectKind};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::http::companies::Company;
use crate::sight::Sight;

/// The caller's companies by name, after a position.
pub(crate) async fn companies(
    connection: &mut PgConnection,
    sight: &Sight,
    after: Option<(String, Uuid)>,
    limit: i64,
) -> Result<Vec<Company>, StoreError> {
    let (name, id) = after.unzip();
    sqlx::query_as!(
        Company,
        r#"select id, infobase_id, ref as "reference", name, full_name, inn, kpp, ogrn from onec.companies
           where not deleted and ($1::uuid[] is null or id = any($1))
             and infobase_id in (select b.id from onec.infobases b where b.deleted_at is null)
             and ($2::text is null or (name, id) > ($2, $3))
             and ($5::uuid[] is null or infobase_id = any($5))
           order by name, id limit $4"#,
        sight.companies.as_deref(),
        name,
        id,
        limit,
        sight.infobases.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("company_list")
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Those that the caller may see.
    pub(crate) infobases: &'a [Uuid],
    /// As it was typed, for codes.
    pub(crate) text: &'a str,
    /// In the form of search names.
    pub(crate) plain: &'a str,
    pub(crate) limit: i64,
}

struct Found {
    id: Uuid,
    infobase_id: Uuid,
    name: String,
    code: Option<String>,
    score: f32,
}

/// Least likeness of a result; `%` of pg_trgm has the same by itself.
const LEAST_SCORE: f32 = 0.3;

/// Has `<%` of pg_trgm, which finds rows by the index, hold from the least likeness of a result on.
/// Nothing else on the connection uses it.
async fn widen(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query!(
        "select set_config('pg_trgm.word_similarity_threshold', $1, false)",
        LEAST_SCORE.to_string()
    )
    .fetch_one(connection)
    .await
    .store("search_widen")?;
    Ok(())
}

/// Subjects of a kind, the likeliest first. A code that is typed whole is a sure hit. The words
/// asked for may be a part of the name, so the greater of both likenesses counts, and of equal
/// ones the shorter name, which has less besides. Catalogs that companies share are seen by whoever
/// sees any company of the infobase.
pub(crate) async fn subjects(
    connection: &mut PgConnection,
    kind: SubjectKind,
    asked: &Asked<'_>,
    sight: &Sight,
) -> Result<Vec<Match>, StoreError> {
    widen(connection).await?;
    let found = match kind {
        SubjectKind::Counterparty => sqlx::query_as!(
            Found,
            r#"select id as "id!", infobase_id as "infobase_id!", name as "name!", code, score as "score!" from (
                   select id, infobase_id, name, nullif(inn, '') as code, not is_folder as leaf,
                          case when inn = $2 and $2 <> '' then 1::real else
                            greatest(similarity(search_name, $3), 0.98 * word_similarity($3, search_name),
                                     case when search_name = $3 then 1 else 0 end)::real end as score
                   from onec.counterparties
                   where not deleted and (search_name % $3 or $3 <% search_name or inn = $2)
                     and infobase_id = any($1)) found
               where score >= $4 order by score desc, leaf desc, length(name), name limit $5"#,
            asked.infobases,
            asked.text,
            asked.plain,
            LEAST_SCORE,
            asked.limit,
        )
        .fetch_all(connection)
        .await
        .store("search_counterparties")?,
        SubjectKind::Item => sqlx::query_as!(
            Found,
            r#"select id as "id!", infobase_id as "infobase_id!", name as "name!", code, score as "score!" from (
                   select id, infobase_id, name, nullif(article, '') as code,
                          case when article = $2 and $2 <> '' then 1::real else
                            greatest(similarity(search_name, $3), 0.98 * word_similarity($3, search_name),
                                     case when search_name = $3 then 1 else 0 end)::real end as score
                   from onec.items
                   where not deleted and (search_name % $3 or $3 <% search_name or article = $2)
                     and infobase_id = any($1)) found
               where score >= $4 order by score desc, length(name), name limit $5"#,
            asked.infobases,
            asked.text,
            asked.plain,
            LEAST_SCORE,
            asked.limit,
        )
        .fetch_all(connection)
        .await
        .store("search_items")?,
        SubjectKind::Warehouse => sqlx::query_as!(
            Found,
            r#"select id as "id!", infobase_id as "infobase_id!", name as "name!", null as code, score as "score!" from (
                   select id, infobase_id, name,
                          greatest(similarity(search_name, $2), 0.98 * word_similarity($2, search_name),
                                   case when search_name = $2 then 1 else 0 end)::real as score
                   from onec.warehouses
                   where not deleted and infobase_id = any($1)) found
               where score >= $3 order by score desc, length(name), name limit $4"#,
            asked.infobases,
            asked.plain,
            LEAST_SCORE,
            asked.limit,
        )
        .fetch_all(connection)
        .await
        .store("search_warehouses")?,
        SubjectKind::Manager => sqlx::query_as!(
            Found,
            r#"select id as "id!", infobase_id as "infobase_id!", name as "name!", null as code, score as "score!" from (
                   select id, infobase_id, name,
                          greatest(similarity(search_name, $2), 0.98 * word_similarity($2, search_name),
                                   case when search_name = $2 then 1 else 0 end)::real as score
                   from onec.managers
                   where not deleted and infobase_id = any($1)) found
               where score >= $3 order by score desc, length(name), name limit $4"#,
            asked.infobases,
            asked.plain,
            LEAST_SCORE,
            asked.limit,
        )
        .fetch_all(connection)
        .await
        .store("search_managers")?,
        SubjectKind::Company => sqlx::query_as!(
            Found,
            r#"select id as "id!", infobase_id as "infobase_id!", name as "name!", code, score as "score!" from (
                   select id, infobase_id, name, nullif(inn, '') as code,
                          case when inn = $2 and $2 <> '' then 1::real else
                            greatest(similarity(search_name, $3), 0.98 * word_similarity($3, search_name),
                                     case when search_name = $3 then 1 else 0 end)::real end as score
                   from onec.companies
                   where not deleted and infobase_id = any($1)
                     and ($6::uuid[] is null or id = any($6))) found
               where score >= $4 order by score desc, length(name), name limit $5"#,
            asked.infobases,
            asked.text,
            asked.plain,
            LEAST_SCORE,
            asked.limit,
            sight.companies.as_deref(),
        )
        .fetch_all(connection)
        .await
        .store("search_companies")?,
    };
    Ok(found
        .into_iter()
        .map(|found| Match {
            id: found.id,
            infobase_id: Some(found.infobase_id),
            kind,
            name: found.name,
            code: found.code,
            score: found.score,
        })
        .collect())
}
