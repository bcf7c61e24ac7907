//! `identity.totp`, `identity.passkeys` and `identity.recovery_codes`.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::login::Method;

/// The second factors of an account; recovery codes alone are none.
pub(crate) async fn methods(connection: &mut PgConnection, user: Uuid) -> Result<Vec<Method>, StoreError> {
    let row = sqlx::query!(
        r#"select
             exists (select from identity.totp where user_id = $1 and confirmed_at is not null) as "totp!",
             exists (select from identity.passkeys where user_id = $1) as "passkey!",
             exists (select from identity.recovery_codes where user_id = $1 and used_at is null) as "recovery!""#,
        user
    )
    .fetch_one(connection)
    .await
    .store("second_factors_methods")?;
    let mut methods = Vec::new();
    if row.totp {
        methods.push(Method::Otp);
    }
    if row.passkey {
        methods.push(Method::Passkey);
    }
    if row.recovery && !methods.is_empty() {
        methods.push(Method::Recovery);
    }
    Ok(methods)
}
