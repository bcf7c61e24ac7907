//! `identity.users`, as far as they are programs.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use super::users::UserRow;
use crate::account::{User, UserState};
use crate::roles::{SERVICE, names_of};
use crate::service_accounts::{Changed, search_text};

/// A service account to be made.
#[derive(Debug)]
pub(crate) struct NewServiceAccount<'a> {
    pub(crate) id: Uuid,
    pub(crate) client_id: &'a str,
    pub(crate) changed: &'a Changed,
    pub(crate) created_at: DateTime<Utc>,
}

/// Makes a service account. Its address is none: nobody registers or is sent a letter under `.invalid`
/// (RFC 2606, section 2).
pub(crate) async fn insert(
    connection: &mut PgConnection,
    account: &NewServiceAccount<'_>,
) -> Result<(), StoreError> {
    let changed = account.changed;
    let companies = changed.rights.reach.companies.restriction();
    let infobases = changed.rights.reach.infobases.restriction();
    sqlx::query!(
        "insert into identity.users
             (id, kind, email, name, search, role, permissions, all_companies, companies, all_infobases,
              infobases, created_at, updated_at)
         values ($1, 'service', 'service-' || $1::uuid::text || '@service.invalid', $2, $3, $4, $5, $6, $7, $8,
                 $9, $10, $10)",
        account.id,
        changed.name.as_str(),
        search_text(&changed.name, account.client_id),
        SERVICE,
        &names_of(changed.rights.permissions),
        companies.is_none(),
        &companies.unwrap_or_default(),
        infobases.is_none(),
        &infobases.unwrap_or_default(),
        account.created_at
    )
    .execute(connection)
    .await
    .store("service_accounts_insert")?;
    Ok(())
}

/// The service account.
pub(crate) async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    let row = sqlx::query_as!(
        UserRow,
        r#"select id, email, name, role, permissions as "permissions!", all_companies, companies,
                  all_infobases, infobases, created_at, version, rights_version, state, email_verified_at,
                  locale, must_change_password
           from identity.users
           where id = $1 and kind = 'service' and state <> 'deleted'"#,
        id
    )
    .fetch_optional(connection)
    .await
    .store("service_accounts_find")?;
    Ok(row.map(User::from))
}

/// The service account, which nobody else changes until the transaction ends.
pub(crate) async fn find_locked(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    super::users::lock(connection, id).await?;
    find(connection, id).await
}

/// A piece of the list by name; what is absent restricts nothing.
pub(crate) async fn list(
    connection: &mut PgConnection,
    search: Option<&str>,
    state: Option<UserState>,
    after: Option<&(String, Uuid)>,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let (name, id) = after.map(|(name, id)| (name.as_str(), *id)).unzip();
    let rows = sqlx::query_as!(
        UserRow,
        r#"select id, email, name, role, permissions as "permissions!", all_companies, companies,
                  all_infobases, infobases, created_at, version, rights_version, state, email_verified_at,
                  locale, must_change_password
           from identity.users
           where kind = 'service' and state <> 'deleted'
             and ($1::text is null or position($1 in search) > 0)
             and ($2::text is null or state = $2)
             and ($3::text is null or (name, id) > ($3, $4))
           order by name, id
           limit $5"#,
        search,
        state.map(UserState::as_str),
        name,
        id,
        limit
    )
    .fetch_all(connection)
    .await
    .store("service_accounts_list")?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Writes what may be changed of a service account.
pub(crate) async fn update(
    connection: &mut PgConnection,
    id: Uuid,
    client_id: &str,
    changed: &Changed,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let companies = changed.rights.reach.companies.restriction();
    let infobases = changed.rights.reach.infobases.restriction();
    sqlx::query!(
        "update identity.users
         set name = $2, search = $3, permissions = $4, all_companies = $5, companies = $6, all_infobases = $7,
             infobases = $8, state = $9, updated_at = $10, version = version + 1
         where id = $1 and kind = 'service'",
        id,
        changed.name.as_str(),
        search_text(&changed.name, client_id),
        &names_of(changed.rights.permissions),
        companies.is_none(),
        &companies.unwrap_or_default(),
        infobases.is_none(),
        &infobases.unwrap_or_default(),
        changed.state.as_str(),
        now
    )
    .execute(connection)
    .await
    .store("service_accounts_update")?;
    Ok(())
}

/// Takes everything from a service account for good. The row stays with its name, so that the audit log
/// still tells which program it was.
pub(crate) async fn erase(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with keys as (delete from identity.api_keys where owner_id = $1),
              clients as (delete from identity.oauth_clients where service_account = $1)
         update identity.users
         set state = 'deleted', search = '', permissions = '{}', all_companies = false, companies = '{}',
             all_infobases = false, infobases = '{}', updated_at = $2
         where id = $1 and kind = 'service'",
        id,
        now
    )
    .execute(connection)
    .await
    .store("service_accounts_erase")?;
    Ok(())
}
