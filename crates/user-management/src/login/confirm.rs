//! The password of somebody who has logged in already, asked for once more before it is replaced.

use common::auth::Identity;
use common::db::StoreResult;
use secrecy::SecretString;

use super::Attempt;
use crate::account::{AccountKey, User};
use crate::error::Error;
use crate::http::Client;
use crate::{AppState, store};

/// Refuses unless the password is that of the account. Wrong ones count as at a login, but by session:
/// whoever has stolen it can neither guess on nor lock the owner out.
///
/// # Errors
/// [`Error::CurrentPasswordWrong`].
pub(crate) async fn confirm_password(
    state: &AppState,
    client: &Client,
    identity: &Identity,
    user: &User,
    password: &SecretString,
) -> Result<(), Error> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let stored = store::users::password_hash(&mut connection, user.id).await?;
    drop(connection);
    let account = AccountKey::of(user.email.as_str());
    let attempt = Attempt {
        account,
        counted_as: account.part("session", identity.session_id.as_bytes()),
        user: Some(user.id),
        verdict: state.passwords.verify(password, stored).await?,
    };
    match attempt.decide(state, client).await? {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::CurrentPasswordWrong),
    }
}
