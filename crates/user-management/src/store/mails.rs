//! `identity.mails`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// A mail to be sent.
#[derive(Debug)]
pub(crate) struct NewMail<'a> {
    pub(crate) id: Uuid,
    pub(crate) recipient: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) locale: &'a str,
    pub(crate) params: &'a serde_json::Value,
    pub(crate) client: Option<&'a str>,
    pub(crate) created_at: DateTime<Utc>,
}

/// A mail as it is stored.
#[derive(Debug)]
pub(crate) struct StoredMail {
    pub(crate) id: Uuid,
    pub(crate) recipient: String,
    pub(crate) kind: String,
    pub(crate) locale: String,
    pub(crate) params: serde_json::Value,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) attempts: i32,
}

/// Puts a mail into the queue.
pub(crate) async fn insert(connection: &mut PgConnection, mail: &NewMail<'_>) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.mails
             (id, recipient, kind, locale, params, client, created_at, next_attempt_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7)",
        mail.id,
        mail.recipient,
        mail.kind,
        mail.locale,
        mail.params,
        mail.client,
        mail.created_at
    )
    .execute(connection)
    .await
    .store("mails_insert")?;
    Ok(())
}

/// How many mails strangers asked for since a moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) for_recipient: i64,
    pub(crate) by_client: i64,
}

/// Counts what strangers asked for: for this recipient, and from this address.
pub(crate) async fn asked_since(
    connection: &mut PgConnection,
    recipient: &str,
    client: &str,
    since: DateTime<Utc>,
) -> Result<Asked, StoreError> {
    sqlx::query_as!(
        Asked,
        r#"select
             (select count(*) from identity.mails
              where recipient = $1 and client is not null and created_at > $3) as "for_recipient!",
             (select count(*) from identity.mails
              where client = $2 and created_at > $3) as "by_client!""#,
        recipient,
        client,
        since
    )
    .fetch_one(connection)
    .await
    .store("mails_asked_since")
}

/// A mail that is due and that no other replica is about to send, held until the transaction ends.
pub(crate) async fn next_due(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Option<StoredMail>, StoreError> {
    sqlx::query_as!(
        StoredMail,
        "select id, recipient, kind, locale, params, created_at, attempts from identity.mails
         where ended_at is null and next_attempt_at <= $1
         order by next_attempt_at limit 1
         for update skip locked",
        now
    )
    .fetch_optional(connection)
    .await
    .store("mails_next_due")
}

/// Notes that a mail is about to be sent, and when to try again if nothing more is heard of it.
pub(crate) async fn begin_attempt(
    connection: &mut PgConnection,
    id: Uuid,
    again_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.mails set attempts = attempts + 1, next_attempt_at = $2 where id = $1",
        id,
        again_at
    )
    .execute(connection)
    .await
    .store("mails_begin_attempt")?;
    Ok(())
}

/// Notes how a mail ended.
pub(crate) async fn end(
    connection: &mut PgConnection,
    id: Uuid,
    outcome: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.mails set ended_at = $2, outcome = $3 where id = $1",
        id,
        now,
        outcome
    )
    .execute(connection)
    .await
    .store("mails_end")?;
    Ok(())
}

/// Deletes the mails to an address and to former or coming ones of its owner, who has been deleted.
pub(crate) async fn delete_of(
    connection: &mut PgConnection,
    user: Uuid,
    recipient: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.mails where recipient = $1 or params->>'user' = $2::uuid::text",
        recipient,
        user
    )
    .execute(connection)
    .await
    .store("mails_delete_of")?;
    Ok(())
}

/// Deletes mails that ended before `before`.
pub(crate) async fn delete_ended(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.mails where ended_at < $1", before)
        .execute(connection)
        .await
        .store("mails_delete_ended")?;
    Ok(())
}

/// How many mails wait, and since when the oldest does.
pub(crate) async fn waiting(
    connection: &mut PgConnection,
) -> Result<(i64, Option<DateTime<Utc>>), StoreError> {
    let row = sqlx::query!(
        r#"select count(*) as "count!", min(created_at) as oldest from identity.mails where ended_at is null"#
    )
    .fetch_one(connection)
    .await
    .store("mails_waiting")?;
    Ok((row.count, row.oldest))
}
