//! Background loops: the scheduler that queues synchronisations, the workers that run them, and the
//! probe that sees whether 1C answers.

pub(crate) mod probe;
mod schedule;
mod worker;

use common::db::StoreResult;
use common::service::Context;
use common::{BoxError, ids};

use crate::config::Config;
use crate::error::Error;
use crate::state::AppState;
use crate::store;
use crate::store::infobases::{Infobase, Kind};

/// Jobs that this replica runs at a time, each of another infobase.
const WORKERS: usize = 2;

/// Connects the infobase of the environment and starts the loops.
pub(crate) async fn start(config: &Config, state: &AppState, context: &Context) -> Result<(), BoxError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    if let Some(seed) = &config.infobase {
        let url = seed.base_url.as_str();
        let known = store::infobases::list(&mut connection, None).await?;
        let known = known
            .into_iter()
            .find(|infobase| infobase.base_url.as_deref() == Some(url));
        let id = known.as_ref().map_or_else(ids::new_id, |infobase| infobase.id);
        let vault = state.connections.vault();
        let mut infobase = known.unwrap_or_else(|| Infobase::new(id, String::new(), Kind::Odata));
        infobase.name.clone_from(&seed.name);
        infobase.base_url = Some(url.to_owned());
        infobase.username.clone_from(&seed.username);
        infobase.password = vault.seal(id, &seed.password).map_err(|_| Error::Encryption)?;
        infobase.time_zone.clone_from(&seed.time_zone);
        infobase.from_environment = true;
        store::infobases::insert(&mut connection, &infobase).await?;
    }
    // Jobs of an earlier process of this replica go on at once, without waiting for their leases.
    store::jobs::release_own(&mut connection, &state.instance).await?;
    drop(connection);
    for _ in 0..WORKERS {
        context.spawn(
            "sync worker",
            worker::run(state.clone(), context.shutdown.clone()),
        );
    }
    let schedule = schedule::run(state.clone(), config.sync_interval, context.shutdown.clone());
    context.spawn("sync scheduler", schedule);
    let probe = probe::run(state.clone(), config.probe_interval, context.shutdown.clone());
    context.spawn("infobase probe", probe);
    let (connections, shutdown) = (state.connections.clone(), context.shutdown.clone());
    context.spawn("sessions of 1C", async move {
        shutdown.cancelled().await;
        connections.finish().await;
    });
    Ok(())
}
