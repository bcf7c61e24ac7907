//! `identity.users`.

use chrono::{DateTime, Utc};
use common::auth::Companies;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::{Email, PersonName, User, search_text};
use crate::roles::permissions_of;

/// Name of the constraint that keeps addresses unique.
pub(crate) const EMAIL_KEY: &str = "users_email_key";

struct UserRow {
    id: Uuid,
    email: String,
    name: String,
    role: String,
    permissions: Vec<String>,
    all_companies: bool,
    companies: Vec<Uuid>,
    created_at: DateTime<Utc>,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: Email::from_stored(row.email),
            name: row.name,
            role: row.role,
            permissions: permissions_of(&row.permissions),
            companies: if row.all_companies {
                Companies::All
            } else {
                Companies::Some(row.companies.into_iter().collect())
            },
            created_at: row.created_at,
        }
    }
}

/// An account to be made.
#[derive(Debug)]
pub(crate) struct NewUser<'a> {
    pub(crate) id: Uuid,
    pub(crate) email: &'a Email,
    pub(crate) name: &'a PersonName,
    /// None when they log in by other means only.
    pub(crate) password_hash: Option<&'a str>,
    pub(crate) role: &'a str,
    pub(crate) companies: &'a Companies,
    pub(crate) created_at: DateTime<Utc>,
}

/// Makes an account; breaks [`EMAIL_KEY`] when there is one of that address.
pub(crate) async fn insert(connection: &mut PgConnection, user: &NewUser<'_>) -> Result<(), StoreError> {
    let restriction = user.companies.restriction();
    sqlx::query!(
        "insert into identity.users
             (id, email, name, search, password_hash, role, all_companies, companies, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
        user.id,
        user.email.as_str(),
        user.name.as_str(),
        search_text(user.name.as_str(), user.email),
        user.password_hash,
        user.role,
        restriction.is_none(),
        &restriction.unwrap_or_default(),
        user.created_at
    )
    .execute(connection)
    .await
    .store("users_insert")?;
    Ok(())
}

/// The account of an address and the hash of its password.
pub(crate) async fn credentials(
    connection: &mut PgConnection,
    email: &Email,
) -> Result<Option<(Uuid, String)>, StoreError> {
    let row = sqlx::query!(
        r#"select id, password_hash as "password_hash!" from identity.users
           where email = $1 and password_hash is not null"#,
        email.as_str()
    )
    .fetch_optional(connection)
    .await
    .store("users_credentials")?;
    Ok(row.map(|row| (row.id, row.password_hash)))
}

/// The account.
pub(crate) async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    let row = sqlx::query_as!(
        UserRow,
        "select u.id, u.email, u.name, u.role, r.permissions, u.all_companies, u.companies, u.created_at
         from identity.users u join identity.roles r on r.name = u.role
         where u.id = $1",
        id
    )
    .fetch_optional(connection)
    .await
    .store("users_find")?;
    Ok(row.map(User::from))
}

/// The account, whose role nobody changes until the transaction ends: a token made meanwhile
/// belongs to a session that the change will find and end.
pub(crate) async fn find_steady(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    sqlx::query!("select 1 as one from identity.users where id = $1 for share", id)
        .fetch_optional(&mut *connection)
        .await
        .store("users_share")?;
    find(connection, id).await
}

/// A piece of the list of users by name.
pub(crate) async fn list(
    connection: &mut PgConnection,
    search: Option<&str>,
    after: Option<&(String, Uuid)>,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let (name, id) = after.map(|(name, id)| (name.as_str(), *id)).unzip();
    let rows = sqlx::query_as!(
        UserRow,
        "select u.id, u.email, u.name, u.role, r.permissions, u.all_companies, u.companies, u.created_at
         from identity.users u join identity.roles r on r.name = u.role
         where ($1::text is null or position($1 in u.search) > 0)
           and ($2::text is null or (u.name, u.id) > ($2, $3))
         order by u.name, u.id
         limit $4",
        search,
        name,
        id,
        limit
    )
    .fetch_all(connection)
    .await
    .store("users_list")?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Gives the account another name.
pub(crate) async fn rename(
    connection: &mut PgConnection,
    user: &User,
    name: &PersonName,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users set name = $2, search = $3, updated_at = $4 where id = $1",
        user.id,
        name.as_str(),
        search_text(name.as_str(), &user.email),
        now
    )
    .execute(connection)
    .await
    .store("users_rename")?;
    Ok(())
}

/// Gives the account another role and other companies.
pub(crate) async fn set_role(
    connection: &mut PgConnection,
    id: Uuid,
    role: &str,
    companies: &Companies,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let restriction = companies.restriction();
    sqlx::query!(
        "update identity.users
         set role = $2, all_companies = $3, companies = $4, updated_at = $5
         where id = $1",
        id,
        role,
        restriction.is_none(),
        &restriction.unwrap_or_default(),
        now
    )
    .execute(connection)
    .await
    .store("users_set_role")?;
    Ok(())
}

/// Puts a password in place.
pub(crate) async fn set_password(
    connection: &mut PgConnection,
    id: Uuid,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users set password_hash = $2, updated_at = $3 where id = $1",
        id,
        hash,
        now
    )
    .execute(connection)
    .await
    .store("users_set_password")?;
    Ok(())
}

/// Puts a dearer hash of the same password in place, unless the password has changed meanwhile.
pub(crate) async fn replace_hash(
    connection: &mut PgConnection,
    id: Uuid,
    outdated: &str,
    hash: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users set password_hash = $3 where id = $1 and password_hash = $2",
        id,
        outdated,
        hash
    )
    .execute(connection)
    .await
    .store("users_replace_hash")?;
    Ok(())
}

/// How many accounts have the role.
pub(crate) async fn count_with_role(connection: &mut PgConnection, role: &str) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from identity.users where role = $1"#,
        role
    )
    .fetch_one(connection)
    .await
    .store("users_count_with_role")
}
