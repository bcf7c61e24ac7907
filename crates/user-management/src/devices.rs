//! From where somebody has logged in before. A browser is known by a cookie (see [`crate::cookies`]);
//! everything else by its network and the name of the program.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::account::{AccountKey, User};
use crate::cookies::DeviceCookie;
use crate::error::Error;
use crate::http::Client;
use crate::mail::{Mailer, Notice};
use crate::store;
use crate::throttle::network;

/// Notes a login, and tells the owner of the account when it came from where none came before. The
/// very first login of an account is no news.
pub(crate) async fn note_login(
    connection: &mut PgConnection,
    mailer: &Mailer,
    user: &User,
    client: &Client,
    device: Option<&DeviceCookie>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let fingerprint = fingerprint(user, client.ip, client.user_agent.as_deref());
    let is_new = store::known_devices::note(connection, user.id, fingerprint.as_bytes(), now).await?;
    let has_cookie = device.is_some_and(|device| device.is_of(AccountKey::of(user.email.as_str())));
    if is_new && !has_cookie {
        let program = client.user_agent.as_deref();
        mailer
            .notify(connection, user, Notice::NewDevice, program, client, now)
            .await?;
    }
    Ok(())
}

fn fingerprint(user: &User, ip: IpAddr, program: Option<&str>) -> AccountKey {
    let place = format!("{}\n{}", network(ip), program.unwrap_or_default());
    AccountKey::of(&user.id.to_string()).part("device", place.as_bytes())
}
