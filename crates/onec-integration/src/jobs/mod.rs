//! Background loops: the scheduler that queues synchronisations, the workers that run them, the probe
//! that sees whether 1C answers, and what cleans up.

mod indexes;
pub(crate) mod probe;
mod removal;
mod schedule;
mod worker;

use common::db::StoreResult;
use common::service::Context;
use common::{BoxError, ids};

use crate::config::Config;
use crate::error::Error;
use crate::infobase::service_root;
use crate::sight::Sight;
use crate::state::AppState;
use crate::store;
use crate::store::infobases::{Infobase, Kind};

/// Jobs that this replica runs at a time, each of another infobase.
const WORKERS: usize = 2;

/// Connects the infobase of the environment and starts the loops.
pub(crate) async fn start(config: &Config, state: &AppState, context: &Context) -> Result<(), BoxError> {
    let mut connection = state.pool.acquire().await.store("acquire")?;
    connect_from_environment(config, state, &mut connection).await?;
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
    let removal = removal::run(state.clone(), context.shutdown.clone());
    context.spawn("infobase removal", removal);
    let indexes = indexes::run(state.clone(), context.shutdown.clone());
    context.spawn("indices of the mirror", indexes);
    let (connections, shutdown) = (state.connections.clone(), context.shutdown.clone());
    context.spawn("sessions of 1C", async move {
        shutdown.cancelled().await;
        connections.finish().await;
    });
    Ok(())
}

/// Adds or updates the infobases that the environment names, each found again by its address.
async fn connect_from_environment(
    config: &Config,
    state: &AppState,
    connection: &mut sqlx::PgConnection,
) -> Result<(), BoxError> {
    let known = store::infobases::list(connection, &Sight::ALL).await?;
    let vault = state.connections.vault();
    let find = |address: &str| {
        let found = known
            .iter()
            .find(|infobase| infobase.base_url.as_deref() == Some(address));
        let new = || Infobase::new(ids::new_id(), String::new(), Kind::Odata);
        found.cloned().unwrap_or_else(new)
    };
    let mut named = Vec::new();
    if let Some(seed) = &config.infobase {
        let mut infobase = find(seed.base_url.as_str());
        infobase.name.clone_from(&seed.name);
        infobase.base_url = Some(seed.base_url.to_string());
        infobase.username.clone_from(&seed.username);
        infobase.password = vault
            .seal(infobase.id, &seed.password)
            .map_err(|_| Error::Encryption)?;
        infobase.time_zone.clone_from(&seed.time_zone);
        named.push(infobase);
    }
    for listed in &config.listed {
        let root = listed.base_url.as_ref().and_then(service_root);
        let mut infobase = find(root.as_ref().map_or("", |root| root.as_str()));
        // What the file does not say is as usual, not as it was.
        (infobase.password, infobase.proxy_url) = (Vec::new(), None);
        let applied = listed.clone().apply(&mut infobase, vault);
        applied.map_err(|_| Error::Encryption)?;
        named.push(infobase);
    }
    for infobase in &mut named {
        infobase.from_environment = true;
        store::infobases::insert(connection, infobase).await?;
    }
    let ids: Vec<_> = named.iter().map(|infobase| infobase.id).collect();
    store::infobases::release_from_environment(connection, &ids).await?;
    Ok(())
}
