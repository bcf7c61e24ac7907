//! Infobases as things to talk to: address, zone, client and plan of reading.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use chrono_tz::Tz;
use common::db::{StoreError, StoreResult};
use common::service::Context;
use common::telemetry::Chain;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use sqlx::PgPool;
use tokio::sync::{Mutex, RwLock};
use url::Url;
use uuid::Uuid;

use crate::catalogue;
use crate::odata::{Client, Credentials, OdataError};
use crate::profile::{Plan, Profiles};
use crate::store;
use crate::store::infobases::{Infobase, Kind};
use crate::transport::{SessionMode, Settings, Transport, TransportError};
use crate::vault::{Undecryptable, Vault};

/// Where the platform publishes OData under a base.
const SERVICE: &str = "odata/standard.odata/";
/// How long a plan is used before the metadata are read again.
const PLAN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

/// Why an infobase could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InfobaseError {
    /// There is no such infobase.
    #[error("the infobase does not exist")]
    Unknown,
    /// Its password cannot be read.
    #[error(transparent)]
    Password(#[from] Undecryptable),
    /// What is stored of it is not usable.
    #[error("the stored settings of the infobase are not usable")]
    Settings,
    /// No transport can be made of its settings.
    #[error("the stored settings of the infobase are not usable")]
    Transport(#[from] TransportError),
    /// 1C calls us, not we it.
    #[error("the infobase is not called by us")]
    NotCalled,
    /// No profile fits what it publishes.
    #[error("no profile fits what the infobase publishes")]
    UnknownConfiguration,
    /// It publishes nothing.
    #[error("the infobase publishes none of the sets of any profile")]
    NothingPublished,
    /// The exchange plan is not published.
    #[error("the exchange plan is not published")]
    NoExchangePlan,
    /// The exchange plan has no node for us.
    #[error("the exchange plan has no node of that code")]
    NoExchangeNode,
    /// The exchange plan has several nodes and none is named.
    #[error("the exchange plan has several nodes")]
    SeveralExchangeNodes,
    /// 1C did not answer as hoped.
    #[error("calling 1C failed")]
    Odata(#[from] OdataError),
    /// Our database did not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl InfobaseError {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "onec.infobase_not_found",
            Self::Password(_) => "onec.password_unreadable",
            Self::Settings | Self::Transport(_) => "onec.settings_invalid",
            Self::NotCalled => "onec.infobase_not_called",
            Self::UnknownConfiguration => "onec.unknown_configuration",
            Self::NothingPublished => "onec.nothing_published",
            Self::NoExchangePlan => "onec.exchange_plan_not_published",
            Self::NoExchangeNode => "onec.exchange_node_missing",
            Self::SeveralExchangeNodes => "onec.exchange_node_ambiguous",
            Self::Odata(error) => error.code(),
            Self::Store(_) => "dependency.unavailable",
        }
    }
}

/// The root of the OData service for an address that may be the base's own.
pub(crate) fn service_root(address: &Url) -> Option<Url> {
    if !matches!(address.scheme(), "http" | "https") || address.host_str().is_none() {
        return None;
    }
    let mut root = address.clone();
    root.set_query(None);
    root.set_fragment(None);
    let path = root.path().trim_end_matches('/').to_owned();
    let path = if path.ends_with("/odata/standard.odata") {
        format!("{path}/")
    } else {
        format!("{path}/{SERVICE}")
    };
    root.set_path(&path);
    Some(root)
}

/// Days and moments of an infobase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zone(Tz);

impl Zone {
    /// The zone with that name of the IANA database.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        name.parse().ok().map(Self)
    }

    /// The wall clock there.
    pub(crate) fn local(self, at: DateTime<Utc>) -> NaiveDateTime {
        at.with_timezone(&self.0).naive_local()
    }

    /// The day there.
    pub(crate) fn today(self, at: DateTime<Utc>) -> NaiveDate {
        self.local(at).date()
    }
}

/// An infobase that can be called.
#[derive(Debug)]
pub(crate) struct Connection {
    /// HTTP to it, with its login and limits.
    pub(crate) transport: Arc<Transport>,
    /// Its OData interface.
    pub(crate) client: Client,
    pub(crate) zone: Zone,
    profiles: Profiles,
    id: Uuid,
    pool: PgPool,
    plan: RwLock<Option<(Instant, Arc<Plan>)>>,
    /// Held while the metadata are read, which takes 1C long.
    reading: Mutex<()>,
    /// What it was made of.
    made_of: Made,
}

impl Connection {
    /// Asks 1C for its metadata now; true when they have changed.
    pub(crate) async fn refresh(&self) -> Result<bool, InfobaseError> {
        let changed = catalogue::refresh(&self.pool, self.id, &self.client).await?;
        *self.plan.write().await = None;
        Ok(changed)
    }

    /// Makes sure that what the infobase publishes can be looked up.
    pub(crate) async fn catalogue(&self) -> Result<(), InfobaseError> {
        catalogue::current(&self.pool, self.id, &self.client).await
    }

    /// How the infobase is read; from the metadata, which are asked for once a day.
    pub(crate) async fn plan(&self) -> Result<Arc<Plan>, InfobaseError> {
        if let Some(plan) = self.known_plan().await {
            return Ok(plan);
        }
        let _reading = self.reading.lock().await;
        // Somebody else may have read it meanwhile.
        if let Some(plan) = self.known_plan().await {
            return Ok(plan);
        }
        catalogue::current(&self.pool, self.id, &self.client).await?;
        let mut connection = self.pool.acquire().await.store("acquire")?;
        let metadata =
            store::catalogue::metadata(&mut connection, self.id, &self.profiles.wanted_sets()).await?;
        drop(connection);
        if metadata.is_empty() {
            return Err(InfobaseError::NothingPublished);
        }
        let profile = self.profiles.choose(|set| metadata.has_set(set));
        let profile = profile.ok_or(InfobaseError::UnknownConfiguration)?;
        let plan = Arc::new(Plan::new(profile, &metadata));
        *self.plan.write().await = Some((Instant::now(), plan.clone()));
        Ok(plan)
    }

    /// The plan, when it is known and not old.
    pub(crate) async fn known_plan(&self) -> Option<Arc<Plan>> {
        let known = self.plan.read().await;
        known
            .as_ref()
            .filter(|(read_at, _)| read_at.elapsed() < PLAN_LIFETIME)
            .map(|(_, plan)| plan.clone())
    }

    /// True while the metadata are being read.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.try_lock().is_err()
    }

    /// Forgets the plan: the composition of the interface has changed.
    pub(crate) async fn forget_plan(&self) {
        // Without it the catalogue is asked for again a day after it was read.
        if let Err(error) = catalogue::invalidate(&self.pool, self.id).await {
            tracing::warn!(error = %Chain(&error), "the catalogue of an infobase is not marked as outdated");
        }
        *self.plan.write().await = None;
    }
}

/// The connections of this process. One client per infobase, so that its limits hold.
#[derive(Debug)]
pub(crate) struct Connections {
    pool: PgPool,
    vault: Vault,
    context: Context,
    profiles: Profiles,
    open: RwLock<HashMap<Uuid, Arc<Connection>>>,
}

impl Connections {
    /// No connections yet.
    pub(crate) fn new(pool: PgPool, vault: Vault, context: Context, profiles: Profiles) -> Self {
        Self {
            pool,
            vault,
            context,
            profiles,
            open: RwLock::default(),
        }
    }

    /// Encrypts the password of an infobase.
    pub(crate) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The connection of an infobase.
    pub(crate) async fn get(&self, id: Uuid) -> Result<Arc<Connection>, InfobaseError> {
        let mut connection = self.pool.acquire().await.store("acquire")?;
        let stored = store::infobases::get(&mut connection, id).await?;
        drop(connection);
        let stored = stored.ok_or(InfobaseError::Unknown)?;
        self.of(&stored).await
    }

    /// The connection of an infobase that was read already.
    pub(crate) async fn of(&self, stored: &Infobase) -> Result<Arc<Connection>, InfobaseError> {
        let made_of = Made::of(stored);
        if let Some(found) = self.open.read().await.get(&stored.id)
            && found.made_of == made_of
        {
            return Ok(found.clone());
        }
        let zone = Zone::parse(&stored.time_zone).ok_or(InfobaseError::Settings)?;
        let transport = Arc::new(Transport::new(&self.settings(stored)?)?);
        let connection = Arc::new(Connection {
            client: Client::new(transport.clone()),
            transport,
            zone,
            profiles: self.profiles,
            id: stored.id,
            pool: self.pool.clone(),
            plan: RwLock::default(),
            reading: Mutex::default(),
            made_of,
        });
        let replaced = self.open.write().await.insert(stored.id, connection.clone());
        self.end(replaced);
        Ok(connection)
    }

    /// What the transport of an infobase is made of.
    pub(crate) fn settings(&self, stored: &Infobase) -> Result<Settings, InfobaseError> {
        if stored.kind != Kind::Odata {
            return Err(InfobaseError::NotCalled);
        }
        let url = |text: &Option<String>| {
            let url = text.as_deref().map(Url::parse).transpose();
            url.map_err(|_| InfobaseError::Settings)
        };
        let proxy = stored.proxy_url.as_deref();
        let seconds = u64::try_from(stored.request_timeout_seconds).unwrap_or(1);
        Ok(Settings {
            odata: url(&stored.base_url)?.ok_or(InfobaseError::Settings)?,
            soap: url(&stored.soap_url)?,
            http: url(&stored.http_url)?,
            credentials: Credentials {
                username: stored.username.clone(),
                password: self.vault.open(stored.id, &stored.password)?,
            },
            concurrency: usize::try_from(stored.concurrency).unwrap_or(1),
            requests_per_second: stored.requests_per_second.and_then(|rate| rate.to_f64()),
            session_mode: stored.session_mode,
            proxy: proxy
                .map(|sealed| self.vault.open(stored.id, sealed))
                .transpose()?,
            ca_certificate: stored.ca_certificate.clone(),
            timeout: Duration::from_secs(seconds),
        })
    }

    /// Forgets the connection of an infobase, and ends its sessions.
    pub(crate) async fn forget(&self, id: Uuid) {
        let forgotten = self.open.write().await.remove(&id);
        self.end(forgotten);
    }

    /// Ends the sessions of all infobases; for the end of the service.
    pub(crate) async fn finish(&self) {
        let open: Vec<_> = self.open.write().await.drain().collect();
        futures_util::future::join_all(open.iter().map(|(_, connection)| connection.transport.finish()))
            .await;
    }

    /// Runs a call that must come to its end although nobody may wait for it any more.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.context.spawn_transient(task);
    }

    fn end(&self, connection: Option<Arc<Connection>>) {
        if let Some(connection) = connection {
            self.context
                .spawn_transient(async move { connection.transport.finish().await });
        }
    }
}

/// The settings that a connection was made of: with others, it is made anew.
#[derive(Debug, PartialEq)]
pub(crate) struct Made {
    addresses: [Option<String>; 3],
    zone: String,
    username: String,
    secrets: (Vec<u8>, Option<Vec<u8>>),
    certificate: Option<String>,
    limits: (i32, Option<Decimal>, i32, SessionMode),
}

impl Made {
    /// Those of an infobase.
    pub(crate) fn of(stored: &Infobase) -> Self {
        Self {
            addresses: [
                stored.base_url.clone(),
                stored.soap_url.clone(),
                stored.http_url.clone(),
            ],
            zone: stored.time_zone.clone(),
            username: stored.username.clone(),
            secrets: (stored.password.clone(), stored.proxy_url.clone()),
            certificate: stored.ca_certificate.clone(),
            limits: (
                stored.concurrency,
                stored.requests_per_second,
                stored.request_timeout_seconds,
                stored.session_mode,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_found_under_the_base() {
        for (address, root) in [
            ("http://1c/base", Some("http://1c/base/odata/standard.odata/")),
            ("http://1c/base/", Some("http://1c/base/odata/standard.odata/")),
            (
                "https://1c/base/odata/standard.odata",
                Some("https://1c/base/odata/standard.odata/"),
            ),
            (
                "http://1c/odata/standard.odata/?x=1#y",
                Some("http://1c/odata/standard.odata/"),
            ),
            ("ftp://1c/base", None),
        ] {
            let found = service_root(&address.parse().unwrap());
            assert_eq!(found.as_ref().map(Url::as_str), root, "{address}");
        }
    }

    #[test]
    fn days_are_those_of_the_infobase() {
        let at = DateTime::parse_from_rfc3339("2026-10-31T21:30:00Z")
            .unwrap()
            .to_utc();
        let day = |zone: &str| Zone::parse(zone).unwrap().today(at).to_string();
        assert_eq!(day("Europe/Moscow"), "2026-11-01");
        assert_eq!(day("Europe/Kaliningrad"), "2026-10-31");
        assert!(Zone::parse("Moscow").is_none());
    }
}
