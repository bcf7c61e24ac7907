//! `identity.federated_identities` and `identity.federated_handovers`.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::Email;
use crate::federation::{Handover, HandoverTo, Identity, Person};

/// One person at one provider has one account.
pub(crate) const SUBJECT_KEY: &str = "federated_identities_subject_key";
/// One account has one identity of each provider.
pub(crate) const PROVIDER_KEY: &str = "federated_identities_pkey";

/// Whose identity it is.
pub(crate) async fn find_user(
    connection: &mut PgConnection,
    issuer: &str,
    subject: &str,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!(
        "select user_id from identity.federated_identities where issuer = $1 and subject = $2",
        issuer,
        subject
    )
    .fetch_optional(connection)
    .await
    .store("federated_identities_find_user")
}

/// The account of an address, in whatever state.
pub(crate) async fn find_user_by_email(
    connection: &mut PgConnection,
    email: &Email,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query_scalar!("select id from identity.users where email = $1", email.as_str())
        .fetch_optional(connection)
        .await
        .store("users_find_by_email")
}

/// Links a person to an account; breaks [`SUBJECT_KEY`] or [`PROVIDER_KEY`].
pub(crate) async fn insert(
    connection: &mut PgConnection,
    user: Uuid,
    provider: &str,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.federated_identities (user_id, provider, issuer, subject, email, linked_at)
         values ($1, $2, $3, $4, $5, $6)",
        user,
        provider,
        person.issuer,
        person.subject,
        person.email.as_ref().map(Email::as_str),
        now
    )
    .execute(connection)
    .await
    .store("federated_identities_insert")?;
    Ok(())
}

/// Notes that somebody came by it.
pub(crate) async fn note_use(
    connection: &mut PgConnection,
    person: &Person,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.federated_identities set last_used_at = $3, email = coalesce($4, email)
         where issuer = $1 and subject = $2",
        person.issuer,
        person.subject,
        now,
        person.email.as_ref().map(Email::as_str)
    )
    .execute(connection)
    .await
    .store("federated_identities_note_use")?;
    Ok(())
}

/// The identities of a user.
pub(crate) async fn list(connection: &mut PgConnection, user: Uuid) -> Result<Vec<Identity>, StoreError> {
    sqlx::query_as!(
        Identity,
        "select provider, email, linked_at, last_used_at
         from identity.federated_identities where user_id = $1 order by linked_at, provider",
        user
    )
    .fetch_all(connection)
    .await
    .store("federated_identities_list")
}

/// Takes an identity from a user; false when there was none.
pub(crate) async fn delete(
    connection: &mut PgConnection,
    user: Uuid,
    provider: &str,
) -> Result<bool, StoreError> {
    let deleted = sqlx::query!(
        "delete from identity.federated_identities where user_id = $1 and provider = $2",
        user,
        provider
    )
    .execute(connection)
    .await
    .store("federated_identities_delete")?;
    Ok(deleted.rows_affected() > 0)
}

/// True when the user can log in without an identity of that provider. Holds the account's row, so
/// that two identities cannot be taken away at once.
pub(crate) async fn can_do_without(
    connection: &mut PgConnection,
    user: Uuid,
    provider: &str,
) -> Result<bool, StoreError> {
    let has_password = sqlx::query_scalar!(
        r#"select password_hash is not null as "has!" from identity.users where id = $1 for update"#,
        user
    )
    .fetch_optional(&mut *connection)
    .await
    .store("users_has_password")?;
    if has_password == Some(true) {
        return Ok(true);
    }
    sqlx::query_scalar!(
        r#"select exists (select from identity.federated_identities where user_id = $1 and provider <> $2)
               or exists (select from identity.passkeys where user_id = $1) as "other!""#,
        user,
        provider
    )
    .fetch_one(connection)
    .await
    .store("federated_identities_others")
}

/// Stores what a callback leaves for the page.
pub(crate) async fn insert_handover(
    connection: &mut PgConnection,
    code_hash: &[u8],
    cookie_hash: &[u8],
    handover: &Handover,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (user, person) = match &handover.to {
        HandoverTo::User(user) => (Some(*user), None),
        HandoverTo::Link(person) => (None, Some(person)),
    };
    sqlx::query!(
        "insert into identity.federated_handovers
             (code_hash, cookie_hash, provider, user_id, issuer, subject, email, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        code_hash,
        cookie_hash,
        handover.provider,
        user,
        person.map(|person| person.issuer.as_str()),
        person.map(|person| person.subject.as_str()),
        person.and_then(|person| person.email.as_ref()).map(Email::as_str),
        expires_at
    )
    .execute(connection)
    .await
    .store("federated_handovers_insert")?;
    Ok(())
}

/// Takes it; whoever shows the code uses it up, also with a wrong cookie.
pub(crate) async fn take_handover(
    connection: &mut PgConnection,
    code_hash: &[u8],
    cookie_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Handover>, StoreError> {
    let row = sqlx::query!(
        r#"delete from identity.federated_handovers where code_hash = $1
           returning provider, user_id, issuer, subject, email,
                     (cookie_hash = $2 and expires_at > $3) as "fits!""#,
        code_hash,
        cookie_hash,
        now
    )
    .fetch_optional(connection)
    .await
    .store("federated_handovers_take")?;
    let Some(row) = row.filter(|row| row.fits) else {
        return Ok(None);
    };
    let to = match (row.user_id, row.issuer, row.subject) {
        (Some(user), _, _) => HandoverTo::User(user),
        (None, Some(issuer), Some(subject)) => HandoverTo::Link(Box::new(Person {
            issuer,
            subject,
            // Vouched for, or it would not have been offered for linking.
            email_verified: row.email.is_some(),
            email: row.email.map(Email::from_stored),
            name: None,
            claims: serde_json::Map::new(),
        })),
        _ => return Ok(None),
    };
    Ok(Some(Handover {
        provider: row.provider,
        to,
    }))
}

/// Deletes what nobody has fetched before `before`.
pub(crate) async fn delete_handovers_before(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.federated_handovers where expires_at < $1",
        before
    )
    .execute(connection)
    .await
    .store("federated_handovers_delete_before")?;
    Ok(())
}
