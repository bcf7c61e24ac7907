//! `identity.invites`.

use chrono::{DateTime, Utc};
use common::auth::Companies;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::{Email, locale_of};
use crate::invites::Invite;

struct InviteRow {
    id: Uuid,
    email: String,
    role: String,
    all_companies: bool,
    companies: Vec<Uuid>,
    locale: String,
    invited_by: Uuid,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<InviteRow> for Invite {
    fn from(row: InviteRow) -> Self {
        Self {
            id: row.id,
            email: Email::from_stored(row.email),
            role: row.role,
            companies: if row.all_companies {
                Companies::All
            } else {
                Companies::Some(row.companies.into_iter().collect())
            },
            locale: locale_of(&row.locale),
            invited_by: row.invited_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Keeps an invite in place of any other to the same address.
pub(crate) async fn replace(connection: &mut PgConnection, invite: &Invite) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from identity.invites where email = $1",
        invite.email.as_str()
    )
    .execute(&mut *connection)
    .await
    .store("invites_delete_former")?;
    let restriction = invite.companies.restriction();
    sqlx::query!(
        "insert into identity.invites
             (id, email, role, all_companies, companies, locale, invited_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        invite.id,
        invite.email.as_str(),
        invite.role,
        restriction.is_none(),
        &restriction.unwrap_or_default(),
        invite.locale.tag(),
        invite.invited_by,
        invite.created_at,
        invite.expires_at
    )
    .execute(connection)
    .await
    .store("invites_insert")?;
    Ok(())
}

/// The invite, while it lasts.
pub(crate) async fn find(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Invite>, StoreError> {
    let row = sqlx::query_as!(
        InviteRow,
        "select id, email, role, all_companies, companies, locale, invited_by, created_at, expires_at
         from identity.invites where id = $1 and expires_at > $2",
        id,
        now
    )
    .fetch_optional(connection)
    .await
    .store("invites_find")?;
    Ok(row.map(Invite::from))
}

/// A piece of the list of invites that last, oldest first.
pub(crate) async fn list(
    connection: &mut PgConnection,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<Invite>, StoreError> {
    let (created_at, id) = after.unzip();
    let rows = sqlx::query_as!(
        InviteRow,
        "select id, email, role, all_companies, companies, locale, invited_by, created_at, expires_at
         from identity.invites
         where expires_at > $1 and ($2::timestamptz is null or (created_at, id) > ($2, $3))
         order by created_at, id
         limit $4",
        now,
        created_at,
        id,
        limit
    )
    .fetch_all(connection)
    .await
    .store("invites_list")?;
    Ok(rows.into_iter().map(Invite::from).collect())
}

/// Takes an invite back, with its secret; false when there is none.
pub(crate) async fn delete(connection: &mut PgConnection, id: Uuid) -> Result<bool, StoreError> {
    let done = sqlx::query!("delete from identity.invites where id = $1", id)
        .execute(connection)
        .await
        .store("invites_delete")?;
    Ok(done.rows_affected() > 0)
}

/// Takes back what a user has offered: they may not offer it any more.
pub(crate) async fn delete_of(connection: &mut PgConnection, user: Uuid) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.invites where invited_by = $1", user)
        .execute(connection)
        .await
        .store("invites_delete_of")?;
    Ok(())
}

/// Deletes what has ended.
pub(crate) async fn delete_ended(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.invites where expires_at <= $1", now)
        .execute(connection)
        .await
        .store("invites_delete_ended")?;
    Ok(())
}
