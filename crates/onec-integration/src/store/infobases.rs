//! Infobases and how they are doing.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// An infobase as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Infobase {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) base_url: String,
    pub(crate) username: String,
    /// Encrypted.
    pub(crate) password: Vec<u8>,
    pub(crate) time_zone: String,
    pub(crate) profile: Option<String>,
    /// What the last call of 1C told.
    pub(crate) reachable: Option<bool>,
    pub(crate) attempted_at: Option<DateTime<Utc>>,
    pub(crate) error_code: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    /// The moment that the whole mirror is true of; none before the first synchronisation ended.
    pub(crate) as_of: Option<DateTime<Utc>>,
}

/// A new infobase.
#[derive(Debug)]
pub(crate) struct NewInfobase<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) base_url: &'a str,
    pub(crate) username: &'a str,
    pub(crate) password: &'a [u8],
    pub(crate) time_zone: &'a str,
}

/// Adds an infobase; false when one with that address exists.
pub(crate) async fn insert(connection: &mut PgConnection, new: &NewInfobase<'_>) -> Result<bool, StoreError> {
    let inserted = sqlx::query!(
        "insert into onec.infobases (id, name, base_url, username, password, time_zone)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (base_url) do nothing",
        new.id,
        new.name,
        new.base_url,
        new.username,
        new.password,
        new.time_zone,
    )
    .execute(connection)
    .await
    .store("infobase_insert")?;
    Ok(inserted.rows_affected() == 1)
}

/// Adds or updates the infobase that the environment names, by its address.
pub(crate) async fn upsert_from_environment(
    connection: &mut PgConnection,
    new: &NewInfobase<'_>,
) -> Result<Uuid, StoreError> {
    sqlx::query_scalar!(
        "insert into onec.infobases (id, name, base_url, username, password, time_zone, from_environment)
         values ($1, $2, $3, $4, $5, $6, true)
         on conflict (base_url) do update
         set name = excluded.name, username = excluded.username, password = excluded.password,
             time_zone = excluded.time_zone, from_environment = true
         returning id",
        new.id,
        new.name,
        new.base_url,
        new.username,
        new.password,
        new.time_zone,
    )
    .fetch_one(connection)
    .await
    .store("infobase_upsert")
}

/// Infobases, the oldest first: those with any of the companies in `restriction`, or all.
pub(crate) async fn list(
    connection: &mut PgConnection,
    restriction: Option<&[Uuid]>,
) -> Result<Vec<Infobase>, StoreError> {
    sqlx::query_as!(
        Infobase,
        r#"select id, name, coalesce(base_url, '') as "base_url!", username, password, time_zone, profile, reachable, attempted_at,
                  error_code, created_at,
                  case when mirrored_at is not null then
                      (select min(as_of) from onec.freshness where infobase_id = infobases.id) end as as_of
           from onec.infobases
           where $1::uuid[] is null
              or exists (select 1 from onec.companies
                         where companies.infobase_id = infobases.id and companies.id = any($1))
           order by id"#,
        restriction
    )
    .fetch_all(connection)
    .await
    .store("infobase_list")
}

/// One infobase.
pub(crate) async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Infobase>, StoreError> {
    sqlx::query_as!(
        Infobase,
        r#"select id, name, coalesce(base_url, '') as "base_url!", username, password, time_zone, profile, reachable, attempted_at,
                  error_code, created_at,
                  case when mirrored_at is not null then
                      (select min(as_of) from onec.freshness where infobase_id = infobases.id) end as as_of
           from onec.infobases where id = $1"#,
        id
    )
    .fetch_optional(connection)
    .await
    .store("infobase_get")
}

/// Notes what a call of 1C told: no code means that it answered.
pub(crate) async fn note_attempt(
    connection: &mut PgConnection,
    id: Uuid,
    at: DateTime<Utc>,
    reachable: bool,
    error_code: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.infobases set reachable = $3, attempted_at = $2, error_code = $4
         where id = $1 and (attempted_at is null or attempted_at <= $2)",
        id,
        at,
        reachable,
        error_code,
    )
    .execute(connection)
    .await
    .store("infobase_note_attempt")?;
    Ok(())
}

/// Notes that the mirror is whole.
pub(crate) async fn note_mirrored(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.infobases set mirrored_at = now() where id = $1 and mirrored_at is null",
        id
    )
    .execute(connection)
    .await
    .store("infobase_note_mirrored")?;
    Ok(())
}

/// Notes which configuration an infobase has.
pub(crate) async fn note_profile(
    connection: &mut PgConnection,
    id: Uuid,
    profile: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.infobases set profile = $2 where id = $1 and profile is distinct from $2",
        id,
        profile
    )
    .execute(connection)
    .await
    .store("infobase_note_profile")?;
    Ok(())
}
