//! Names of services become addresses, again and again: replicas come and go behind a name.

use std::net::SocketAddr;
use std::time::Duration;

use http::uri::Authority;
use tokio_util::sync::CancellationToken;

use crate::routing::Service;
use crate::state::AppState;
use crate::upstream::literal;

/// A name server that does not answer by then does not.
const PATIENCE: Duration = Duration::from_secs(5);
/// As long as a name has no address it is asked for more often.
const IMPATIENT: Duration = Duration::from_millis(500);

/// Keeps the lists of replicas up to date until `shutdown`. Run it as a background task.
pub(crate) async fn keep(gateway: AppState, shutdown: CancellationToken) {
    loop {
        let complete = resolve_all(&gateway).await;
        gateway.resolved.cancel();
        let pause = if complete {
            gateway.settings.load().dns_refresh
        } else {
            IMPATIENT
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = gateway.reloaded.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// True when all names have addresses.
async fn resolve_all(gateway: &AppState) -> bool {
    let settings = gateway.settings.load_full();
    let each = Service::ALL.map(|service| {
        let names = &settings.upstreams[service.index()].0;
        resolve(gateway, service, names)
    });
    futures_util::future::join_all(each)
        .await
        .into_iter()
        .all(|complete| complete)
}

async fn resolve(gateway: &AppState, service: Service, names: &[Authority]) -> bool {
    let upstream = gateway.upstream(service);
    let mut addresses: Vec<(SocketAddr, Authority)> = Vec::new();
    let mut complete = true;
    for name in names {
        if let Some(address) = literal(name) {
            addresses.push((address, name.clone()));
            continue;
        }
        match look_up(name).await {
            Ok(found) => addresses.extend(found.into_iter().map(|address| (address, name.clone()))),
            Err(error) => {
                complete = false;
                tracing::debug!(%error, "the name {name} has no address");
                // What was known of the name stays: a name server that is away takes nothing down.
                let known = upstream.replicas();
                let of_name = known.iter().filter(|replica| replica.host == name.as_str());
                addresses.extend(of_name.map(|replica| (replica.address, name.clone())));
            }
        }
    }
    upstream.replace(&addresses);
    complete
}

async fn look_up(name: &Authority) -> std::io::Result<Vec<SocketAddr>> {
    let port = name.port_u16().unwrap_or(80);
    let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((name.host(), port))).await??;
    let mut found: Vec<SocketAddr> = found.collect();
    // A host that listens on one kind of address only is usually found by the older kind.
    if found.iter().any(SocketAddr::is_ipv4) {
        found.retain(SocketAddr::is_ipv4);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
