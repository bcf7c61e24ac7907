//! `identity.roles`.

use chrono::{DateTime, Utc};
use common::Text;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::roles::{Role, SERVICE, names_of, permissions_of};

/// Name of the constraint that keeps names unique.
pub(crate) const NAME_KEY: &str = "roles_pkey";

/// All roles of people in their order.
pub(crate) async fn list(connection: &mut PgConnection) -> Result<Vec<Role>, StoreError> {
    let rows = sqlx::query!(
        "select name, title_ru, title_en, permissions, custom, version
         from identity.roles where name <> $1 order by position, name",
        SERVICE
    )
    .fetch_all(connection)
    .await
    .store("roles_list")?;
    Ok(rows
        .into_iter()
        .map(|row| Role {
            name: row.name,
            title: Text::new(row.title_ru, row.title_en),
            permissions: permissions_of(&row.permissions),
            custom: row.custom,
            version: row.version,
        })
        .collect())
}

/// Makes a role, after the others in the list; breaks [`NAME_KEY`] when there is one of that name.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    role: &Role,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into identity.roles (name, title_ru, title_en, permissions, position, custom, created_at)
         values ($1, $2, $3, $4, 100, true, $5)",
        role.name,
        role.title.get(common::Locale::Ru),
        role.title.get(common::Locale::En),
        &names_of(role.permissions),
        now
    )
    .execute(connection)
    .await
    .store("roles_insert")?;
    Ok(())
}

/// Writes title and permissions, and returns the version they have.
pub(crate) async fn update(connection: &mut PgConnection, role: &Role) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        "update identity.roles
         set title_ru = $2, title_en = $3, permissions = $4, version = version + 1
         where name = $1
         returning version",
        role.name,
        role.title.get(common::Locale::Ru),
        role.title.get(common::Locale::En),
        &names_of(role.permissions)
    )
    .fetch_one(connection)
    .await
    .store("roles_update")
}

/// Deletes a role; a foreign key breaks when somebody has it or is to get it.
pub(crate) async fn delete(connection: &mut PgConnection, name: &str) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.roles where name = $1", name)
        .execute(connection)
        .await
        .store("roles_delete")?;
    Ok(())
}

/// How many accounts have the role, programs too.
pub(crate) async fn holders(connection: &mut PgConnection, name: &str) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from identity.users where role = $1"#,
        name
    )
    .fetch_one(connection)
    .await
    .store("roles_holders")
}
