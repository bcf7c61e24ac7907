//! Infobases and how they are doing.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sight::Sight;
use crate::transport::SessionMode;

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type, Serialize, Deserialize, JsonSchema)]
#[sqlx(type_name = "text", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// We call 1C, by OData, SOAP and HTTP services.
    Odata,
    /// 1C calls us, as it does a site.
    Commerceml,
}

/// An infobase as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Infobase {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Root of the OData service; none of kind `commerceml`.
    pub(crate) base_url: Option<String>,
    /// None: `ws/` of the base.
    pub(crate) soap_url: Option<String>,
    /// None: `hs/` of the base.
    pub(crate) http_url: Option<String>,
    pub(crate) username: String,
    /// Encrypted.
    pub(crate) password: Vec<u8>,
    /// IANA name of the zone of the infobase's server.
    pub(crate) time_zone: String,
    /// Calls at a time.
    pub(crate) concurrency: i32,
    /// None: no limit.
    pub(crate) requests_per_second: Option<Decimal>,
    pub(crate) session_mode: SessionMode,
    /// Encrypted.
    pub(crate) proxy_url: Option<Vec<u8>>,
    /// PEM.
    pub(crate) ca_certificate: Option<String>,
    pub(crate) request_timeout_seconds: i32,
    /// Entity set of the exchange plan that tells of changes.
    pub(crate) exchange_plan: Option<String>,
    /// Code of our node; none: the only one that is not the base itself.
    pub(crate) exchange_node: Option<String>,
    /// None: `SYNC_INTERVAL`.
    pub(crate) sync_interval_seconds: Option<i32>,
    /// Hour of the infobase's zone at which the mirror is compared with all of 1C.
    pub(crate) reconcile_hour: i32,
    /// Prefixes of paths of HTTP services that may be called.
    pub(crate) http_services: Vec<String>,
    /// Neither synchronised nor probed.
    pub(crate) paused: bool,
    /// Named by the environment, which sets it anew at each start.
    pub(crate) from_environment: bool,
    pub(crate) profile: Option<String>,
    /// What the last call of 1C told.
    pub(crate) reachable: Option<bool>,
    pub(crate) attempted_at: Option<DateTime<Utc>>,
    pub(crate) error_code: Option<String>,
    pub(crate) created_at: DateTime<Utc>,
    /// The moment that the whole mirror is true of; none before the first synchronisation ended.
    pub(crate) as_of: Option<DateTime<Utc>>,
    /// The last check of the saved settings.
    pub(crate) last_check: Option<serde_json::Value>,
}

impl Infobase {
    /// A new infobase with the settings that most have.
    pub(crate) fn new(id: Uuid, name: String, kind: Kind) -> Self {
        Self {
            id,
            name,
            kind,
            base_url: None,
            soap_url: None,
            http_url: None,
            username: String::new(),
            password: Vec::new(),
            time_zone: "Europe/Moscow".to_owned(),
            concurrency: 3,
            requests_per_second: None,
            session_mode: SessionMode::Auto,
            proxy_url: None,
            ca_certificate: None,
            request_timeout_seconds: 60,
            exchange_plan: None,
            exchange_node: None,
            sync_interval_seconds: None,
            reconcile_hour: 3,
            http_services: Vec::new(),
            paused: false,
            from_environment: false,
            profile: None,
            reachable: None,
            attempted_at: None,
            error_code: None,
            created_at: DateTime::UNIX_EPOCH,
            as_of: None,
            last_check: None,
        }
    }

    /// True when we call it by ourselves: to synchronise and to see whether it answers.
    pub(crate) fn is_called(&self) -> bool {
        self.kind == Kind::Odata && !self.paused
    }
}

/// Adds an infobase with its settings; none when one with that address exists. Addresses of
/// infobases of the environment are updated instead.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &Infobase,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "insert into onec.infobases as known
             (id, name, kind, base_url, soap_url, http_url, username, password, time_zone, concurrency,
              requests_per_second, session_mode, proxy_url, ca_certificate, request_timeout_seconds,
              exchange_plan, exchange_node, sync_interval_seconds, reconcile_hour, http_services, paused,
              from_environment)
         values ($1, $2, $3::text, $4, $5, $6, $7, $8, $9, $10, $11, $12::text, $13, $14, $15, $16, $17, $18, $19,
                 $20, $21, $22)
         on conflict (base_url) do update
         set name = excluded.name, soap_url = excluded.soap_url, http_url = excluded.http_url,
             username = excluded.username, password = excluded.password, time_zone = excluded.time_zone,
             concurrency = excluded.concurrency, requests_per_second = excluded.requests_per_second,
             session_mode = excluded.session_mode, proxy_url = excluded.proxy_url,
             ca_certificate = excluded.ca_certificate,
             request_timeout_seconds = excluded.request_timeout_seconds,
             exchange_plan = excluded.exchange_plan, exchange_node = excluded.exchange_node,
             sync_interval_seconds = excluded.sync_interval_seconds,
             reconcile_hour = excluded.reconcile_hour, http_services = excluded.http_services,
             paused = excluded.paused, from_environment = true
         where excluded.from_environment and known.id = excluded.id
         returning id",
        new.id,
        new.name,
        new.kind as Kind,
        new.base_url,
        new.soap_url,
        new.http_url,
        new.username,
        new.password,
        new.time_zone,
        new.concurrency,
        new.requests_per_second,
        new.session_mode as SessionMode,
        new.proxy_url,
        new.ca_certificate,
        new.request_timeout_seconds,
        new.exchange_plan,
        new.exchange_node,
        new.sync_interval_seconds,
        new.reconcile_hour,
        &new.http_services,
        new.paused,
        new.from_environment,
    )
    .fetch_optional(connection)
    .await
    .store("infobase_insert")
}

/// The infobases that a caller may see and that have any of the caller's companies, the oldest first.
pub(crate) async fn list(connection: &mut PgConnection, sight: &Sight) -> Result<Vec<Infobase>, StoreError> {
    sqlx::query_as!(
        Infobase,
        r#"select id, name, kind as "kind: Kind", base_url, soap_url, http_url, username, password, time_zone,
                  concurrency, requests_per_second, session_mode as "session_mode: SessionMode", proxy_url,
                  ca_certificate, request_timeout_seconds, exchange_plan, exchange_node,
                  sync_interval_seconds, reconcile_hour, http_services, paused, from_environment, profile,
                  reachable, attempted_at, error_code, created_at, last_check,
                  case when mirrored_at is not null then
                      (select min(as_of) from onec.freshness where infobase_id = infobases.id) end as as_of
           from onec.infobases
           where deleted_at is null
             and ($1::uuid[] is null
                  or exists (select 1 from onec.companies
                             where companies.infobase_id = infobases.id and companies.id = any($1)))
             and ($2::uuid[] is null or id = any($2))
           order by id"#,
        sight.companies.as_deref(),
        sight.infobases.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("infobase_list")
}

/// The versions of mirrors: another one for each state of a mirror, none before its first
/// synchronisation ended.
pub(crate) async fn mirror_versions(
    connection: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, String>, StoreError> {
    let versions = sqlx::query!(
        r#"select id as "id!", onec.mirror_version(id) as version from unnest($1::uuid[]) as asked (id)"#,
        ids,
    )
    .fetch_all(connection)
    .await
    .store("infobase_mirror_versions")?;
    Ok(versions
        .into_iter()
        .filter_map(|row| Some((row.id, row.version?)))
        .collect())
}

/// Ids of what [`list`] lists.
pub(crate) async fn visible(connection: &mut PgConnection, sight: &Sight) -> Result<Vec<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select id from onec.infobases
         where deleted_at is null
           and ($1::uuid[] is null
                or exists (select 1 from onec.companies
                           where companies.infobase_id = infobases.id and companies.id = any($1)))
           and ($2::uuid[] is null or id = any($2))",
        sight.companies.as_deref(),
        sight.infobases.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("infobase_visible")
}

/// One infobase.
pub(crate) async fn get(connection: &mut PgConnection, id: Uuid) -> Result<Option<Infobase>, StoreError> {
    sqlx::query_as!(
        Infobase,
        r#"select id, name, kind as "kind: Kind", base_url, soap_url, http_url, username, password, time_zone,
                  concurrency, requests_per_second, session_mode as "session_mode: SessionMode", proxy_url,
                  ca_certificate, request_timeout_seconds, exchange_plan, exchange_node,
                  sync_interval_seconds, reconcile_hour, http_services, paused, from_environment, profile,
                  reachable, attempted_at, error_code, created_at, last_check,
                  case when mirrored_at is not null then
                      (select min(as_of) from onec.freshness where infobase_id = infobases.id) end as as_of
           from onec.infobases where id = $1 and deleted_at is null"#,
        id
    )
    .fetch_optional(connection)
    .await
    .store("infobase_get")
}

/// Holds an infobase against changes of others until the transaction ends; false when there is none.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        "select id from onec.infobases where id = $1 and deleted_at is null for update",
        id
    )
    .fetch_optional(connection)
    .await
    .store("infobase_lock")?;
    Ok(found.is_some())
}

/// Writes all settings of an infobase. With `anew`, what calls of 1C told is forgotten, so that it is
/// tried at once.
pub(crate) async fn update(
    connection: &mut PgConnection,
    infobase: &Infobase,
    anew: bool,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.infobases
         set name = $2, base_url = $3, soap_url = $4, http_url = $5, username = $6, password = $7,
             time_zone = $8, concurrency = $9, requests_per_second = $10, session_mode = $11::text,
             proxy_url = $12, ca_certificate = $13, request_timeout_seconds = $14, exchange_plan = $15,
             exchange_node = $16, sync_interval_seconds = $17, reconcile_hour = $18, http_services = $19,
             paused = $20,
             reachable = case when not $21 then reachable end,
             error_code = case when not $21 then error_code end,
             last_check = case when not $21 then last_check end
         where id = $1",
        infobase.id,
        infobase.name,
        infobase.base_url,
        infobase.soap_url,
        infobase.http_url,
        infobase.username,
        infobase.password,
        infobase.time_zone,
        infobase.concurrency,
        infobase.requests_per_second,
        infobase.session_mode as SessionMode,
        infobase.proxy_url,
        infobase.ca_certificate,
        infobase.request_timeout_seconds,
        infobase.exchange_plan,
        infobase.exchange_node,
        infobase.sync_interval_seconds,
        infobase.reconcile_hour,
        &infobase.http_services,
        infobase.paused,
        anew,
    )
    .execute(connection)
    .await
    .store("infobase_update")?;
    Ok(())
}

/// True when another infobase has that address.
pub(crate) async fn has_address(
    connection: &mut PgConnection,
    address: Option<&str>,
    except: Uuid,
) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar!(
        "select id from onec.infobases where base_url = $1 and id <> $2",
        address,
        except
    )
    .fetch_optional(connection)
    .await
    .store("infobase_has_address")?;
    Ok(found.is_some())
}

/// Takes an infobase away from everybody: its jobs stop, its companies are nobody's any more, its
/// address is free. The rest of its rows is deleted in parts.
pub(crate) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.infobases set deleted_at = now(), base_url = null where id = $1",
        id
    )
    .execute(&mut *connection)
    .await
    .store("infobase_delete")?;
    sqlx::query!("delete from onec.sync_jobs where infobase_id = $1", id)
        .execute(&mut *connection)
        .await
        .store("infobase_delete_jobs")?;
    sqlx::query!("delete from onec.companies where infobase_id = $1", id)
        .execute(connection)
        .await
        .store("infobase_delete_companies")?;
    Ok(())
}

/// An infobase whose rows are still to be deleted.
pub(crate) async fn next_deleted(connection: &mut PgConnection) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select id from onec.infobases where deleted_at is not null order by deleted_at limit 1"
    )
    .fetch_optional(connection)
    .await
    .store("infobase_next_deleted")
}

/// Deletes some rows of a deleted infobase, at last the infobase itself; true when nothing is left.
pub(crate) async fn delete_some(
    connection: &mut PgConnection,
    id: Uuid,
    most: i32,
) -> Result<bool, StoreError> {
    let removed = sqlx::query_scalar!("select onec.delete_rows($1, $2)", id, most)
        .fetch_one(&mut *connection)
        .await
        .store("infobase_delete_rows")?;
    if removed != Some(0) {
        return Ok(false);
    }
    sqlx::query!(
        "delete from onec.infobases where id = $1 and deleted_at is not null",
        id
    )
    .execute(connection)
    .await
    .store("infobase_delete_last")?;
    Ok(true)
}

/// Infobases that the environment does not name any more are like all others.
pub(crate) async fn release_from_environment(
    connection: &mut PgConnection,
    named: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.infobases set from_environment = false where from_environment and id <> all ($1)",
        named
    )
    .execute(connection)
    .await
    .store("infobase_release")?;
    Ok(())
}

/// Notes the findings of a check.
pub(crate) async fn note_check(
    connection: &mut PgConnection,
    id: Uuid,
    findings: &serde_json::Value,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.infobases set last_check = $2 where id = $1",
        id,
        findings
    )
    .execute(connection)
    .await
    .store("infobase_note_check")?;
    Ok(())
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
