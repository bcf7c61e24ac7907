//! `identity.links`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::links::{Link, Purpose, Subject};

/// Keeps the hash of a secret.
pub(crate) async fn insert(connection: &mut PgConnection, link: &Link<'_>) -> Result<(), StoreError> {
    let (user, registration, invite) = columns(link.subject);
    sqlx::query!(
        "insert into identity.links
             (token_hash, purpose, user_id, registration_id, invite_id, email, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (token_hash) do update set expires_at = excluded.expires_at",
        link.token_hash.as_slice(),
        link.purpose.as_str(),
        user,
        registration,
        invite,
        link.email,
        link.created_at,
        link.expires_at
    )
    .execute(connection)
    .await
    .store("links_insert")?;
    Ok(())
}

/// What a secret opens.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) purpose: String,
    pub(crate) user_id: Option<Uuid>,
    pub(crate) registration_id: Option<Uuid>,
    pub(crate) invite_id: Option<Uuid>,
    pub(crate) email: Option<String>,
}

/// What a secret of one of the purposes opens, which it does until the transaction ends; `None` when
/// it was used, has ended, or is none.
pub(crate) async fn open(
    connection: &mut PgConnection,
    token_hash: &[u8],
    purposes: &[Purpose],
    now: DateTime<Utc>,
) -> Result<Option<Opened>, StoreError> {
    let purposes: Vec<String> = purposes
        .iter()
        .map(|purpose| purpose.as_str().to_owned())
        .collect();
    sqlx::query_as!(
        Opened,
        "select purpose, user_id, registration_id, invite_id, email from identity.links
         where token_hash = $1 and purpose = any($2) and expires_at > $3
         for update",
        token_hash,
        &purposes,
        now
    )
    .fetch_optional(connection)
    .await
    .store("links_open")
}

/// Makes all secrets of a purpose and a subject worth nothing: one of them was used.
pub(crate) async fn use_up(
    connection: &mut PgConnection,
    purpose: Purpose,
    subject: Subject,
) -> Result<(), StoreError> {
    let (user, registration, invite) = columns(subject);
    sqlx::query!(
        "delete from identity.links
         where purpose = $1 and user_id is not distinct from $2
           and registration_id is not distinct from $3 and invite_id is not distinct from $4",
        purpose.as_str(),
        user,
        registration,
        invite
    )
    .execute(connection)
    .await
    .store("links_use_up")?;
    Ok(())
}

/// Deletes what has ended.
pub(crate) async fn delete_ended(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.links where expires_at <= $1", now)
        .execute(connection)
        .await
        .store("links_delete_ended")?;
    Ok(())
}

fn columns(subject: Subject) -> (Option<Uuid>, Option<Uuid>, Option<Uuid>) {
    match subject {
        Subject::User(id) => (Some(id), None, None),
        Subject::Registration(id) => (None, Some(id), None),
        Subject::Invite(id) => (None, None, Some(id)),
        Subject::Nobody => (None, None, None),
    }
}
