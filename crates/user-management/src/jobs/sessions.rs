//! Counts sessions and deletes what is over.

use std::time::Duration;

use common::clock::Clock;
use common::db::{StoreError, StoreResult};
use common::telemetry::Chain;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::throttle::REMEMBER_CONSECUTIVE_FOR;
use crate::{metrics, store};

const PAUSE: Duration = Duration::from_secs(60);
/// Sessions are kept a while after their end, to look into what happened.
const KEEP_ENDED: chrono::Duration = chrono::Duration::days(30);
/// The same for sessions of service accounts, of which there are many.
const KEEP_ENDED_OF_PROGRAMS: chrono::Duration = chrono::Duration::days(1);
/// Authorization codes are kept a while after their use, so that a second use is recognised.
const KEEP_CODES: chrono::Duration = chrono::Duration::days(1);
/// A program that registered itself has so long for its first login.
const KEEP_UNUSED_CLIENTS: chrono::Duration = chrono::Duration::days(7);

/// A device that nobody has logged in from for so long is a new one.
const KEEP_DEVICES: chrono::Duration = chrono::Duration::days(180);

pub(crate) async fn run(db: PgPool, clock: Clock, shutdown: CancellationToken) {
    loop {
        if let Err(error) = tidy(&db, &clock).await {
            tracing::warn!(error = %Chain(&error), "sessions were not tidied; trying again");
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn tidy(db: &PgPool, clock: &Clock) -> Result<(), StoreError> {
    let now = clock.now();
    let mut connection = db.acquire().await.store("acquire")?;
    let programs_before = now - KEEP_ENDED_OF_PROGRAMS;
    store::sessions::delete_before(&mut connection, now - KEEP_ENDED, programs_before).await?;
    store::client_assertions::delete_before(&mut connection, now).await?;
    store::login_failures::delete_before(&mut connection, now - REMEMBER_CONSECUTIVE_FOR).await?;
    store::known_devices::delete_before(&mut connection, now - KEEP_DEVICES).await?;
    store::challenges::delete_expired(&mut connection, now).await?;
    store::federation::delete_handovers_before(&mut connection, now).await?;
    store::authorization_codes::delete_before(&mut connection, now - KEEP_CODES).await?;
    store::oauth_clients::delete_unused(&mut connection, now - KEEP_UNUSED_CLIENTS).await?;
    metrics::sessions_active(store::sessions::count_active(&mut connection, now).await?);
    Ok(())
}
