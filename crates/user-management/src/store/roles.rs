//! `identity.roles`.

use common::Text;
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;

use crate::roles::{Role, permissions_of};

/// All roles in their order.
pub(crate) async fn list(connection: &mut PgConnection) -> Result<Vec<Role>, StoreError> {
    let rows = sqlx::query!(
        "select name, title_ru, title_en, permissions from identity.roles order by position, name"
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
        })
        .collect())
}
