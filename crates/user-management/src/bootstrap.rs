//! The first administrator.

use chrono::Duration;
use common::auth::Companies;
use common::clock::Clock;
use common::contract::events::Outcome;
use common::ids;
use common::{BoxError, Locale};
use secrecy::SecretString;
use serde_json::json;
use sqlx::{PgConnection, PgPool};

use crate::account::{PersonName, User, UserState};
use crate::config::Administrator;
use crate::links::{self, Link, Purpose, Subject};
use crate::password::Passwords;
use crate::record::Audited;
use crate::rights::Reach;
use crate::roles::ADMINISTRATOR;
use crate::sessions::EndReason;
use crate::store::users::NewUser;
use crate::store::{self, Turn};

/// How an administrator is made when none is configured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup<'a> {
    /// The secret for it; one is made when there is none.
    pub(crate) token: Option<&'a SecretString>,
    /// The address of the system as users know it.
    pub(crate) base: &'a str,
}

/// A secret that an operator chose is good for so long after each start.
const CHOSEN_TOKEN_LIFETIME: Duration = Duration::days(30);

impl Setup<'_> {
    /// Writes to the log how to make the first administrator.
    async fn offer(self, connection: &mut PgConnection, clock: &Clock) -> Result<(), BoxError> {
        let now = clock.now();
        let made = links::new_token();
        let mut link = Link::new(
            self.token.unwrap_or(&made),
            Purpose::Setup,
            Subject::Nobody,
            None,
            now,
        );
        if self.token.is_some() {
            link.expires_at = now + CHOSEN_TOKEN_LIFETIME;
            tracing::warn!("there is no administrator; make one by POST /auth/setup with SETUP_TOKEN");
        } else {
            let address = links::address(self.base, Purpose::Setup, &made);
            tracing::warn!("there is no administrator; make one within a day: {address}");
        }
        store::links::insert(connection, &link).await?;
        Ok(())
    }
}

/// Makes the configured administrator when there is none at all. An account of that address that
/// somebody registered before becomes the administrator's: with the configured password, and
/// without the sessions it had.
pub(crate) async fn first_administrator(
    db: &PgPool,
    passwords: &Passwords,
    administrator: Option<&Administrator>,
    setup: Setup<'_>,
    clock: &Clock,
) -> Result<(), BoxError> {
    let mut transaction = db.begin().await?;
    store::take_turn(&mut transaction, Turn::Roles).await?;
    if store::users::count_with_role(&mut transaction, ADMINISTRATOR).await? > 0 {
        return Ok(());
    }
    let Some(Administrator { email, password }) = administrator else {
        setup.offer(&mut transaction, clock).await?;
        transaction.commit().await?;
        return Ok(());
    };
    let now = clock.now();
    let hash = passwords.hash(password).await?;
    let existing = store::users::find_by_email(&mut transaction, email).await?;
    let id = match existing.clone() {
        Some(User { id, state, .. }) => {
            if state != UserState::Active {
                store::users::set_state(&mut transaction, id, UserState::Active, now).await?;
            }
            store::rights::assign(&mut transaction, id, ADMINISTRATOR, &Reach::ALL, now).await?;
            store::users::set_password(&mut transaction, id, &hash, false, now).await?;
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
                state: UserState::Active,
                email_verified: true,
                locale: Locale::default(),
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
