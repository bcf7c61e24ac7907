//! `identity.registrations`.

use chrono::{DateTime, Utc};
use common::Locale;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::{Email, PersonName};

/// What somebody has registered who has still to show that the address is theirs.
#[derive(Debug)]
pub(crate) struct NewRegistration<'a> {
    pub(crate) id: Uuid,
    pub(crate) email: &'a Email,
    pub(crate) name: &'a PersonName,
    pub(crate) password_hash: &'a str,
    pub(crate) locale: Locale,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A registration as it is stored.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) password_hash: String,
    pub(crate) locale: String,
}

/// Keeps a registration.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    new: &NewRegistration<'_>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.registrations (id, email, name, password_hash, locale, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        new.id,
        new.email.as_str(),
        new.name.as_str(),
        new.password_hash,
        new.locale.tag(),
        new.created_at,
        new.expires_at
    )
    .execute(connection)
    .await
    .store("registrations_insert")?;
    Ok(())
}

/// The registration, while it lasts.
pub(crate) async fn find(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Registration>, StoreError> {
    sqlx::query_as!(
        Registration,
        "select id, email, name, password_hash, locale from identity.registrations
         where id = $1 and expires_at > $2",
        id,
        now
    )
    .fetch_optional(connection)
    .await
    .store("registrations_find")
}

/// The last registration of an address, while it lasts.
pub(crate) async fn find_last(
    connection: &mut PgConnection,
    email: &str,
    now: DateTime<Utc>,
) -> Result<Option<Registration>, StoreError> {
    sqlx::query_as!(
        Registration,
        "select id, email, name, password_hash, locale from identity.registrations
         where email = $1 and expires_at > $2
         order by created_at desc, id desc limit 1",
        email,
        now
    )
    .fetch_optional(connection)
    .await
    .store("registrations_find_last")
}

/// Deletes all registrations of an address, with their secrets: there is an account now.
pub(crate) async fn delete_of(connection: &mut PgConnection, email: &str) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.registrations where email = $1", email)
        .execute(connection)
        .await
        .store("registrations_delete_of")?;
    Ok(())
}

/// Deletes what has ended.
pub(crate) async fn delete_ended(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.registrations where expires_at <= $1", now)
        .execute(connection)
        .await
        .store("registrations_delete_ended")?;
    Ok(())
}
