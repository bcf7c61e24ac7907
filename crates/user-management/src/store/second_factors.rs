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

/// Removes all second factors of an account and its recovery codes.
pub(crate) async fn delete_all(connection: &mut PgConnection, user: Uuid) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.totp where user_id = $1", user)
        .execute(&mut *connection)
        .await
        .store("second_factors_delete_totp")?;
    sqlx::query!("delete from identity.passkeys where user_id = $1", user)
        .execute(&mut *connection)
        .await
        .store("second_factors_delete_passkeys")?;
    delete_recovery_codes(connection, user).await
}

/// Removes the recovery codes of an account.
pub(crate) async fn delete_recovery_codes(
    connection: &mut PgConnection,
    user: Uuid,
) -> Result<(), StoreError> {
    sqlx::query!("delete from identity.recovery_codes where user_id = $1", user)
        .execute(connection)
        .await
        .store("second_factors_delete_recovery_codes")?;
    Ok(())
}
