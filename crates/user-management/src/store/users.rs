//! `identity.users`.

use chrono::{DateTime, Utc};
use common::Locale;
use common::auth::{Companies, Infobases};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::account::{Email, PersonName, User, UserState, locale_of, search_text};
use crate::roles::permissions_of;

/// Name of the constraint that keeps addresses unique.
pub(crate) const EMAIL_KEY: &str = "users_email_key";

pub(super) struct UserRow {
    pub(super) id: Uuid,
    pub(super) email: String,
    pub(super) name: String,
    pub(super) role: String,
    pub(super) permissions: Vec<String>,
    pub(super) all_companies: bool,
    pub(super) companies: Vec<Uuid>,
    pub(super) all_infobases: bool,
    pub(super) infobases: Vec<Uuid>,
    pub(super) created_at: DateTime<Utc>,
    pub(super) version: i64,
    pub(super) rights_version: i64,
    pub(super) state: String,
    pub(super) email_verified_at: Option<DateTime<Utc>>,
    pub(super) locale: String,
    pub(super) must_change_password: bool,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id,
            email: Email::from_stored(row.email),
            name: row.name,
            role: row.role,
            permissions: permissions_of(&row.permissions),
            companies: Companies::from_row(row.all_companies, row.companies),
            infobases: Infobases::from_row(row.all_infobases, row.infobases),
            created_at: row.created_at,
            version: row.version,
            rights_version: row.rights_version,
            state: UserState::from_stored(&row.state),
            email_verified: row.email_verified_at.is_some(),
            locale: locale_of(&row.locale),
            must_change_password: row.must_change_password,
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
    pub(crate) state: UserState,
    pub(crate) email_verified: bool,
    pub(crate) locale: Locale,
}

/// Makes an account; breaks [`EMAIL_KEY`] when there is one of that address.
pub(crate) async fn insert(connection: &mut PgConnection, user: &NewUser<'_>) -> Result<(), StoreError> {
    let restriction = user.companies.restriction();
    sqlx::query!(
        "insert into identity.users
             (id, email, name, search, password_hash, role, all_companies, companies, created_at, updated_at,
              state, email_verified_at, locale, password_changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, case when $11 then $9::timestamptz end, $12,
                 case when $5::text is not null then $9::timestamptz end)",
        user.id,
        user.email.as_str(),
        user.name.as_str(),
        search_text(user.name.as_str(), user.email),
        user.password_hash,
        user.role,
        restriction.is_none(),
        &restriction.unwrap_or_default(),
        user.created_at,
        user.state.as_str(),
        user.email_verified,
        user.locale.tag()
    )
    .execute(connection)
    .await
    .store("users_insert")?;
    Ok(())
}

/// Which of the addresses have an account.
pub(crate) async fn find_by_emails(
    connection: &mut PgConnection,
    emails: &[String],
) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!("select email from identity.users where email = any($1)", emails)
        .fetch_all(connection)
        .await
        .store("users_find_by_emails")
}

/// The active account of an address, the hash of its password and the version of that. One that is not
/// active, or has no password, cannot be told from one that does not exist.
pub(crate) async fn credentials(
    connection: &mut PgConnection,
    email: &Email,
) -> Result<Option<(Uuid, String, i64)>, StoreError> {
    let row = sqlx::query!(
        r#"select id, password_hash as "password_hash!", password_version from identity.users
           where email = $1 and state = 'active' and password_hash is not null"#,
        email.as_str()
    )
    .fetch_optional(connection)
    .await
    .store("users_credentials")?;
    Ok(row.map(|row| (row.id, row.password_hash, row.password_version)))
}

/// The account of a person, unless it has been deleted.
pub(crate) async fn find(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    read(connection, id, false).await
}

/// The account of a person or a program, unless it has been deleted.
pub(crate) async fn find_any(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    read(connection, id, true).await
}

async fn read(connection: &mut PgConnection, id: Uuid, programs: bool) -> Result<Option<User>, StoreError> {
    let row = sqlx::query_as!(
        UserRow,
        r#"select u.id, u.email, u.name, u.role, coalesce(u.permissions, r.permissions) as "permissions!",
                  u.all_companies, u.companies, u.all_infobases, u.infobases, u.created_at, u.version,
                  u.rights_version, u.state, u.email_verified_at, u.locale, u.must_change_password
           from identity.users u join identity.roles r on r.name = u.role
           where u.id = $1 and u.state <> 'deleted' and (u.kind = 'person' or $2)"#,
        id,
        programs
    )
    .fetch_optional(connection)
    .await
    .store("users_find")?;
    Ok(row.map(User::from))
}

/// The account of an address, unless it has been deleted.
pub(crate) async fn find_by_email(
    connection: &mut PgConnection,
    email: &Email,
) -> Result<Option<User>, StoreError> {
    let row = sqlx::query_as!(
        UserRow,
        "select u.id, u.email, u.name, u.role, r.permissions, u.all_companies, u.companies,
                u.all_infobases, u.infobases, u.created_at, u.version, u.rights_version,
                u.state, u.email_verified_at, u.locale, u.must_change_password
         from identity.users u join identity.roles r on r.name = u.role
         where u.email = $1 and u.kind = 'person' and u.state <> 'deleted'",
        email.as_str()
    )
    .fetch_optional(connection)
    .await
    .store("users_find_by_email")?;
    Ok(row.map(User::from))
}

/// The account of a person, which nobody changes until the transaction ends.
pub(crate) async fn find_locked(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    lock(connection, id).await?;
    find(connection, id).await
}

/// Keeps an account as it is until the transaction ends.
pub(super) async fn lock(connection: &mut PgConnection, id: Uuid) -> Result<(), StoreError> {
    sqlx::query!("select 1 as one from identity.users where id = $1 for update", id)
        .fetch_optional(connection)
        .await
        .store("users_lock")?;
    Ok(())
}

/// The active account of a person or a program, whose role and state nobody changes until the
/// transaction ends: a token made meanwhile belongs to a session that the change will find and end.
pub(crate) async fn find_steady(connection: &mut PgConnection, id: Uuid) -> Result<Option<User>, StoreError> {
    sqlx::query!("select 1 as one from identity.users where id = $1 for share", id)
        .fetch_optional(&mut *connection)
        .await
        .store("users_share")?;
    let user = find_any(connection, id).await?;
    Ok(user.filter(|user| user.state == UserState::Active))
}

/// Which users are wanted; a member that is absent restricts nothing.
#[derive(Debug, Default)]
pub(crate) struct Filter<'a> {
    /// Part of the name or address, folded.
    pub(crate) search: Option<&'a str>,
    pub(crate) role: Option<&'a str>,
    pub(crate) state: Option<UserState>,
}

/// A piece of the list of users by name.
pub(crate) async fn list(
    connection: &mut PgConnection,
    filter: &Filter<'_>,
    after: Option<&(String, Uuid)>,
    limit: i64,
) -> Result<Vec<User>, StoreError> {
    let (name, id) = after.map(|(name, id)| (name.as_str(), *id)).unzip();
    let rows = sqlx::query_as!(
        UserRow,
        "select u.id, u.email, u.name, u.role, r.permissions, u.all_companies, u.companies,
                u.all_infobases, u.infobases, u.created_at, u.version, u.rights_version,
                u.state, u.email_verified_at, u.locale, u.must_change_password
         from identity.users u join identity.roles r on r.name = u.role
         where ($1::text is null or position($1 in u.search) > 0)
           and ($2::text is null or (u.name, u.id) > ($2, $3))
           and ($5::text is null or u.role = $5)
           and ($6::text is null or u.state = $6)
           and u.kind = 'person' and u.state <> 'deleted'
         order by u.name, u.id
         limit $4",
        filter.search,
        name,
        id,
        limit,
        filter.role,
        filter.state.map(UserState::as_str)
    )
    .fetch_all(connection)
    .await
    .store("users_list")?;
    Ok(rows.into_iter().map(User::from).collect())
}

/// Gives the account another name and language.
pub(crate) async fn set_profile(
    connection: &mut PgConnection,
    user: &User,
    name: &PersonName,
    locale: Locale,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users
         set name = $2, search = $3, locale = $4, updated_at = $5, version = version + 1
         where id = $1",
        user.id,
        name.as_str(),
        search_text(name.as_str(), &user.email),
        locale.tag(),
        now
    )
    .execute(connection)
    .await
    .store("users_set_profile")?;
    Ok(())
}

/// Gives the account another address; breaks [`EMAIL_KEY`] when somebody has it.
pub(crate) async fn set_email(
    connection: &mut PgConnection,
    user: &User,
    email: &Email,
    verified: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users
         set email = $2, search = $3, email_verified_at = case when $4 then $5::timestamptz end, updated_at = $5,
             version = version + 1
         where id = $1",
        user.id,
        email.as_str(),
        search_text(&user.name, email),
        verified,
        now
    )
    .execute(connection)
    .await
    .store("users_set_email")?;
    Ok(())
}

/// Notes that the address is the user's; an account that waited for it becomes active.
pub(crate) async fn verify_email(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users
         set email_verified_at = coalesce(email_verified_at, $2), updated_at = $2,
             state = case when state = 'unverified' then 'active' else state end
         where id = $1",
        id,
        now
    )
    .execute(connection)
    .await
    .store("users_verify_email")?;
    Ok(())
}

/// Opens or shuts the account.
pub(crate) async fn set_state(
    connection: &mut PgConnection,
    id: Uuid,
    state: UserState,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users set state = $2, updated_at = $3, version = version + 1 where id = $1",
        id,
        state.as_str(),
        now
    )
    .execute(connection)
    .await
    .store("users_set_state")?;
    Ok(())
}

/// Whether the password has to be changed before anything else.
pub(crate) async fn set_must_change_password(
    connection: &mut PgConnection,
    id: Uuid,
    must: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users set must_change_password = $2, updated_at = $3, version = version + 1
         where id = $1",
        id,
        must,
        now
    )
    .execute(connection)
    .await
    .store("users_set_must_change_password")?;
    Ok(())
}

/// Takes everything personal out of the account for good. The row stays, so that its id in sessions
/// and in the audit log still names one person, whom nobody can name any more.
pub(crate) async fn erase(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with sessions as (
                  update identity.sessions set ip = null, last_ip = null, user_agent = null where user_id = $1),
              links as (delete from identity.links where user_id = $1),
              totp as (delete from identity.totp where user_id = $1),
              recovery_codes as (delete from identity.recovery_codes where user_id = $1),
              passkeys as (delete from identity.passkeys where user_id = $1),
              api_keys as (delete from identity.api_keys where owner_id = $1),
              identities as (delete from identity.federated_identities where user_id = $1),
              consents as (delete from identity.consents where user_id = $1)
         update identity.users
         set state = 'deleted', email = 'deleted-' || id::text || '@deleted.invalid', name = '', search = '',
             password_hash = null, password_changed_at = null, email_verified_at = null,
             must_change_password = false, role = 'user', all_companies = false, companies = '{}',
             updated_at = $2
         where id = $1",
        id,
        now
    )
    .execute(connection)
    .await
    .store("users_erase")?;
    Ok(())
}

/// The hash of the account's password, if it has one.
pub(crate) async fn password_hash(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<String>, StoreError> {
    let hash = sqlx::query_scalar!("select password_hash from identity.users where id = $1", id)
        .fetch_optional(connection)
        .await
        .store("users_password_hash")?;
    Ok(hash.flatten())
}

/// Which password the account has; another one has another version.
pub(crate) async fn password_version(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<Option<i64>, StoreError> {
    sqlx::query_scalar!("select password_version from identity.users where id = $1", id)
        .fetch_optional(connection)
        .await
        .store("users_password_version")
}

/// Puts a password in place, which is good alone or only beside a second factor.
pub(crate) async fn set_password(
    connection: &mut PgConnection,
    id: Uuid,
    hash: &str,
    needs_second_factor: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users
         set password_hash = $2, password_changed_at = $4, must_change_password = false,
             password_needs_second_factor = $3, updated_at = $4, password_version = password_version + 1
         where id = $1",
        id,
        hash,
        needs_second_factor,
        now
    )
    .execute(connection)
    .await
    .store("users_set_password")?;
    Ok(())
}

/// True when the account has a password that is too short to be its only factor.
pub(crate) async fn password_needs_second_factor(
    connection: &mut PgConnection,
    id: Uuid,
) -> Result<bool, StoreError> {
    let needs = sqlx::query_scalar!(
        "select password_needs_second_factor from identity.users
         where id = $1 and password_hash is not null",
        id
    )
    .fetch_optional(connection)
    .await
    .store("users_password_needs_second_factor")?;
    Ok(needs.unwrap_or(false))
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

/// How many accounts that can be used have the role.
pub(crate) async fn count_with_role(connection: &mut PgConnection, role: &str) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from identity.users where role = $1 and state = 'active'"#,
        role
    )
    .fetch_one(connection)
    .await
    .store("users_count_with_role")
}
