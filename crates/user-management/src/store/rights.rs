//! What `identity.users` says of rights, and who has been told of their changes.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::rights::{Reach, RightsChange};

/// Gives the account a role, companies and infobases.
pub(crate) async fn assign(
    connection: &mut PgConnection,
    id: Uuid,
    role: &str,
    reach: &Reach,
    now: DateTime<Utc>,
) -> Result<RightsChange, StoreError> {
    let companies = reach.companies.restriction();
    let infobases = reach.infobases.restriction();
    sqlx::query_as!(
        RightsChange,
        r#"update identity.users
           set role = $2, all_companies = $3, companies = $4, all_infobases = $5, infobases = $6,
               updated_at = $7, version = version + 1, rights_version = rights_version + 1,
               rights_changed_at = $7, rights_published = false
           where id = $1
           returning id as user, rights_version as version, rights_changed_at as "at!""#,
        id,
        role,
        companies.is_none(),
        &companies.unwrap_or_default(),
        infobases.is_none(),
        &infobases.unwrap_or_default(),
        now
    )
    .fetch_one(connection)
    .await
    .store("rights_assign")
}

/// Counts a change of the rights of everybody who has the role.
pub(crate) async fn role_changed(
    connection: &mut PgConnection,
    role: &str,
    now: DateTime<Utc>,
) -> Result<Vec<RightsChange>, StoreError> {
    sqlx::query_as!(
        RightsChange,
        r#"update identity.users
           set updated_at = $2, version = version + 1, rights_version = rights_version + 1,
               rights_changed_at = $2, rights_published = false
           where role = $1
           returning id as user, rights_version as version, rights_changed_at as "at!""#,
        role,
        now
    )
    .fetch_all(connection)
    .await
    .store("rights_role_changed")
}

/// Counts a change of what the account may do: tokens made before are refused.
pub(crate) async fn outdate(
    connection: &mut PgConnection,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<RightsChange, StoreError> {
    sqlx::query_as!(
        RightsChange,
        r#"update identity.users
           set rights_version = rights_version + 1, rights_changed_at = $2, rights_published = false
           where id = $1
           returning id as user, rights_version as version, rights_changed_at as "at!""#,
        id,
        now
    )
    .fetch_one(connection)
    .await
    .store("rights_outdate")
}

/// Changes since `since` that Redis has not been told of.
pub(crate) async fn unpublished(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<RightsChange>, StoreError> {
    sqlx::query_as!(
        RightsChange,
        r#"select id as user, rights_version as version, rights_changed_at as "at!"
           from identity.users
           where not rights_published and rights_changed_at > $1
           order by rights_changed_at desc
           limit $2"#,
        since,
        limit
    )
    .fetch_all(connection)
    .await
    .store("rights_unpublished")
}

/// Remembers that Redis has been told of these changes; later ones of the same users still wait.
pub(crate) async fn mark_published(
    connection: &mut PgConnection,
    changes: &[RightsChange],
) -> Result<(), StoreError> {
    let (users, versions): (Vec<Uuid>, Vec<i64>) =
        changes.iter().map(|change| (change.user, change.version)).unzip();
    sqlx::query!(
        "update identity.users u set rights_published = true
         from unnest($1::uuid[], $2::bigint[]) as told (id, version)
         where u.id = told.id and u.rights_version = told.version",
        &users,
        &versions
    )
    .execute(connection)
    .await
    .store("rights_mark_published")?;
    Ok(())
}

/// Makes all changes since `since` wait for publication again: Redis may have lost them.
pub(crate) async fn mark_unpublished(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update identity.users set rights_published = false
         where rights_published and rights_changed_at > $1",
        since
    )
    .execute(connection)
    .await
    .store("rights_mark_unpublished")?;
    Ok(())
}
