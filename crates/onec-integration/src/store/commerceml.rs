//! Exchanges with 1C bases that push: logins, sessions and files. What the files tell is in
//! [`goods`](super::goods), how they are imported in [`imports`](super::imports).

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sight::Sight;

/// An exchange, to be shown.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) time_zone: String,
    pub(crate) login: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) last_seen_at: Option<DateTime<Utc>>,
    /// When something was imported last.
    pub(crate) as_of: Option<DateTime<Utc>>,
}

/// A new exchange.
#[derive(Debug)]
pub(crate) struct NewExchange<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) time_zone: &'a str,
    pub(crate) login: &'a str,
    pub(crate) password_hash: &'a [u8],
}

/// Adds an exchange with its infobase.
pub(crate) async fn exchange_insert(
    connection: &mut PgConnection,
    new: &NewExchange<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with base as (
             insert into onec.infobases (id, name, kind, username, password, time_zone, profile)
             values ($1, $2, 'commerceml', $3, ''::bytea, $4, 'commerceml') returning id
         )
         insert into onec.exchanges (infobase_id, login, password_hash) select id, $3, $5 from base",
        new.id,
        new.name,
        new.login,
        new.time_zone,
        new.password_hash,
    )
    .execute(connection)
    .await
    .store("exchange_insert")?;
    Ok(())
}

/// The exchanges of infobases that the caller may see, the oldest first, or the one.
pub(crate) async fn exchange_list(
    connection: &mut PgConnection,
    id: Option<Uuid>,
    sight: &Sight,
) -> Result<Vec<Exchange>, StoreError> {
    sqlx::query_as!(
        Exchange,
        r#"select i.id, i.name, i.time_zone, e.login, e.created_at, e.last_seen_at,
                  (select min(as_of) from onec.freshness f where f.infobase_id = i.id) as as_of
           from onec.exchanges e join onec.infobases i on i.id = e.infobase_id
           where ($1::uuid is null or i.id = $1) and i.deleted_at is null
             and ($2::uuid[] is null or i.id = any($2))
           order by i.id"#,
        id,
        sight.infobases.as_deref(),
    )
    .fetch_all(connection)
    .await
    .store("exchange_list")
}

/// Sets another password; false when there is no such exchange. Sessions under the old one end.
pub(crate) async fn exchange_set_password(
    connection: &mut PgConnection,
    id: Uuid,
    hash: &[u8],
) -> Result<bool, StoreError> {
    let updated = sqlx::query!(
        "with ended as (delete from onec.exchange_sessions where infobase_id = $1),
              pardoned as (delete from onec.exchange_refusals where infobase_id = $1)
         update onec.exchanges set password_hash = $2 where infobase_id = $1",
        id,
        hash
    )
    .execute(connection)
    .await
    .store("exchange_set_password")?;
    Ok(updated.rows_affected() == 1)
}

/// What a login is checked against.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) login: String,
    pub(crate) password_hash: Vec<u8>,
    /// Refusals of the address since the moment asked for.
    pub(crate) refusals: i32,
}

/// The login of an exchange, and how often an address was refused there since a moment.
pub(crate) async fn login_get(
    connection: &mut PgConnection,
    id: Uuid,
    address: &str,
    since: DateTime<Utc>,
) -> Result<Option<Login>, StoreError> {
    sqlx::query_as!(
        Login,
        r#"select e.login, e.password_hash,
                  coalesce((select count from onec.exchange_refusals r
                            where r.infobase_id = e.infobase_id and r.address = $2 and r.since > $3), 0)
                  as "refusals!"
           from onec.exchanges e join onec.infobases i on i.id = e.infobase_id
           where e.infobase_id = $1 and i.deleted_at is null"#,
        id,
        address,
        since,
    )
    .fetch_optional(connection)
    .await
    .store("login_get")
}

/// Counts a refusal; the count begins anew when the first is older than `since`.
pub(crate) async fn login_refused(
    connection: &mut PgConnection,
    id: Uuid,
    address: &str,
    now: DateTime<Utc>,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.exchange_refusals as r (infobase_id, address, since, count) values ($1, $2, $3, 1)
         on conflict (infobase_id, address) do update set
             count = case when r.since > $4 then r.count + 1 else 1 end,
             since = case when r.since > $4 then r.since else $3 end",
        id,
        address,
        now,
        since,
    )
    .execute(connection)
    .await
    .store("login_refused")?;
    Ok(())
}

/// Begins a session.
pub(crate) async fn session_insert(
    connection: &mut PgConnection,
    id: Uuid,
    exchange: Uuid,
    token_hash: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with seen as (update onec.exchanges set last_seen_at = $4 where infobase_id = $2),
              reached as (update onec.infobases set reachable = true, attempted_at = $4, error_code = null
                          where id = $2)
         insert into onec.exchange_sessions (id, infobase_id, token_hash, expires_at) values ($1, $2, $3, $5)",
        id,
        exchange,
        token_hash,
        now,
        expires_at,
    )
    .execute(connection)
    .await
    .store("session_insert")?;
    Ok(())
}

/// The session of a cookie, which lives on until `expires_at`; none when it has ended.
pub(crate) async fn session_touch(
    connection: &mut PgConnection,
    exchange: Uuid,
    token_hash: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "update onec.exchange_sessions set expires_at = $4
         where infobase_id = $1 and token_hash = $2 and expires_at > $3
           and exists (select 1 from onec.infobases i where i.id = $1 and i.deleted_at is null) returning id",
        exchange,
        token_hash,
        now,
        expires_at,
    )
    .fetch_optional(connection)
    .await
    .store("session_touch")
}

/// Removes sessions that have ended, with their files, and what is older than the history is kept.
pub(crate) async fn clean(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    history_since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with ended as (
             delete from onec.exchange_sessions s where expires_at < $1
                 and not exists (select 1 from onec.exchange_imports i
                                 where i.session_id = s.id and i.state in ('queued', 'running'))
         ), old as (
             delete from onec.exchange_imports where created_at < $2 and state in ('succeeded', 'failed')
         )
         delete from onec.exchange_refusals where since < $1 - interval '1 day'",
        now,
        history_since,
    )
    .execute(connection)
    .await
    .store("exchange_clean")?;
    Ok(())
}

/// A file that 1C has sent, or is sending.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) size: i64,
    pub(crate) last_hash: Option<Vec<u8>>,
    pub(crate) closed: bool,
}

/// Bytes that files of an exchange take.
pub(crate) async fn files_size(connection: &mut PgConnection, exchange: Uuid) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select coalesce(sum(size), 0)::bigint as "size!" from onec.exchange_files where infobase_id = $1"#,
        exchange
    )
    .fetch_one(connection)
    .await
    .store("files_size")
}

/// The latest file of a session with that name. Locks the session, so that parts come one by one.
pub(crate) async fn file_open(
    connection: &mut PgConnection,
    session: Uuid,
    name: &str,
) -> Result<Option<File>, StoreError> {
    sqlx::query!(
        "select id from onec.exchange_sessions where id = $1 for update",
        session
    )
    .fetch_optional(&mut *connection)
    .await
    .store("session_lock")?;
    sqlx::query_as!(
        File,
        "select id, name, size, last_hash, closed from onec.exchange_files
         where session_id = $1 and name = $2 order by id desc limit 1",
        session,
        name,
    )
    .fetch_optional(connection)
    .await
    .store("file_open")
}

/// Begins a file.
pub(crate) async fn file_insert(
    connection: &mut PgConnection,
    id: Uuid,
    exchange: Uuid,
    session: Uuid,
    name: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.exchange_files (id, infobase_id, session_id, name) values ($1, $2, $3, $4)",
        id,
        exchange,
        session,
        name,
    )
    .execute(connection)
    .await
    .store("file_insert")?;
    Ok(())
}

/// Adds a part at the end of a file.
pub(crate) async fn part_append(
    connection: &mut PgConnection,
    file: Uuid,
    data: &[u8],
    hash: &[u8],
) -> Result<(), StoreError> {
    sqlx::query!(
        "with part as (
             insert into onec.exchange_parts (file_id, start_at, data)
             select id, size, $2 from onec.exchange_files where id = $1
         )
         update onec.exchange_files set size = size + length($2), last_hash = $3 where id = $1",
        file,
        data,
        hash,
    )
    .execute(connection)
    .await
    .store("part_append")?;
    Ok(())
}

/// A part of a file.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) start_at: i64,
    pub(crate) data: Vec<u8>,
}

/// The part that a byte is in.
pub(crate) async fn part_at(
    connection: &mut PgConnection,
    file: Uuid,
    offset: i64,
) -> Result<Option<Part>, StoreError> {
    sqlx::query_as!(
        Part,
        "select start_at, data from onec.exchange_parts
         where file_id = $1 and start_at <= $2 order by start_at desc limit 1",
        file,
        offset,
    )
    .fetch_optional(connection)
    .await
    .store("part_at")
}

/// The archives of a session, the latest first.
pub(crate) async fn archives(connection: &mut PgConnection, session: Uuid) -> Result<Vec<File>, StoreError> {
    sqlx::query_as!(
        File,
        "select id, name, size, last_hash, closed from onec.exchange_files
         where session_id = $1 and lower(name) like '%.zip' order by id desc limit 100",
        session,
    )
    .fetch_all(connection)
    .await
    .store("archives")
}

/// One file.
pub(crate) async fn file_get(connection: &mut PgConnection, id: Uuid) -> Result<Option<File>, StoreError> {
    sqlx::query_as!(
        File,
        "select id, name, size, last_hash, closed from onec.exchange_files where id = $1",
        id,
    )
    .fetch_optional(connection)
    .await
    .store("file_get")
}

/// Takes no more parts of a file.
pub(crate) async fn file_close(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!("update onec.exchange_files set closed = true where id = $1", id)
        .execute(connection)
        .await
        .store("file_close")?;
    Ok(())
}

/// Removes the bytes of a file; that it was there is kept until the session ends.
pub(crate) async fn file_empty(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "with gone as (delete from onec.exchange_parts where file_id = $1)
         update onec.exchange_files set size = 0 where id = $1",
        id
    )
    .execute(connection)
    .await
    .store("file_empty")?;
    Ok(())
}

/// Removes all files of a session: the exchange is complete.
pub(crate) async fn session_empty(connection: &mut PgConnection, session: Uuid) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from onec.exchange_files where session_id = $1
             and not exists (select 1 from onec.exchange_imports i where i.file_id = exchange_files.id
                             and i.state in ('queued', 'running'))",
        session
    )
    .execute(connection)
    .await
    .store("session_empty")?;
    Ok(())
}
