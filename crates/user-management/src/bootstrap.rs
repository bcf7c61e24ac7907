//! The first administrator.

use common::BoxError;
use common::auth::Companies;
use common::clock::Clock;
use common::contract::events::Outcome;
use common::ids;
use serde_json::json;
use sqlx::PgPool;

use crate::account::PersonName;
use crate::config::Administrator;
use crate::password::Passwords;
use crate::record::Audited;
use crate::roles::ADMINISTRATOR;
use crate::sessions::EndReason;
use crate::store::users::NewUser;
use crate::store::{self, Turn};

/// Makes the configured administrator when there is none at all. An account of that address that
/// somebody registered before becomes the administrator's: with the configured password, and
/// without the sessions it had.
pub(crate) async fn first_administrator(
    db: &PgPool,
    passwords: &Passwords,
    administrator: Option<&Administrator>,
    clock: &Clock,
) -> Result<(), BoxError> {
    let mut transaction = db.begin().await?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    if store::users::count_with_role(&mut transaction, ADMINISTRATOR).await? > 0 {
        return Ok(());
    }
    let Some(Administrator { email, password }) = administrator else {
        tracing::warn!("there is no administrator; set ADMIN_EMAIL and ADMIN_PASSWORD to make one");
        return Ok(());
    };
    let now = clock.now();
    let hash = passwords.hash(password).await?;
    let existing = store::users::credentials(&mut transaction, email).await?;
    let id = match existing {
        Some((id, _)) => {
            store::users::set_role(&mut transaction, id, ADMINISTRATOR, &Companies::All, now).await?;
            store::users::set_password(&mut transaction, id, &hash, now).await?;
            // Published by the reload of revocations that follows at start.
            store::sessions::end_all(&mut transaction, id, EndReason::PasswordReset, now).await?;
            id
        }
        None => {
            let id = ids::new_id();
            let name = PersonName::parse("Администратор").map_err(|text| format!("{text:?}"))?;
            let user = NewUser {
                id,
                email,
                name: &name,
                password_hash: Some(&hash),
                role: ADMINISTRATOR,
                companies: &Companies::All,
                created_at: now,
            };
            store::users::insert(&mut transaction, &user).await?;
            id
        }
    };
    let audited = Audited {
        action: "users.administrator_created",
        outcome: Outcome::Success,
        user: Some(id),
        details: json!({ "existing_account": existing.is_some() }),
    };
    audited.append(&mut transaction, clock, None, None).await?;
    transaction.commit().await?;
    tracing::info!("the first administrator is user {id}");
    Ok(())
}
