//! The cache as one request uses it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::Locale;
use common::auth::Identity;
use secrecy::SecretString;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::key::rights;
use super::{Cache, Key};
use crate::tools::Onec;

/// How long the versions may take: answers do not wait for their cache.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whose results are found again, and of which state of the data.
#[derive(Debug)]
pub(crate) struct Recall {
    pub(crate) cache: Cache,
    rights: String,
    token: SecretString,
    /// Asks for versions.
    onec: Onec,
    /// How many infobases the caller sees, and the versions of their data.
    version: OnceCell<Option<(usize, String)>>,
    /// Reports that came out of the cache, for the audit: 1C's side has not heard of them.
    seen: Mutex<Vec<String>>,
}

impl Recall {
    pub(crate) fn new(cache: Cache, identity: &Identity, onec: Onec) -> Arc<Self> {
        Arc::new(Self {
            cache,
            rights: rights(identity),
            token: identity.token.clone(),
            onec,
            version: OnceCell::new(),
            seen: Mutex::default(),
        })
    }

    /// The state of all data that the caller sees, as of the beginning of the request; `None` when it is
    /// not known.
    async fn version(&self) -> Option<&(usize, String)> {
        let version = self.version.get_or_init(async || {
            let asked = tokio::time::timeout(PATIENCE, self.onec.infobases(&self.token));
            let infobases = asked.await.ok()?.ok()?;
            let versions: Option<Vec<String>> = infobases
                .into_iter()
                .map(|infobase| {
                    let version = infobase.data_version?;
                    // Answers say whether 1C answers.
                    Some(format!("{}={version}/{:?}", infobase.id, infobase.reachable))
                })
                .collect();
            let mut versions = versions.filter(|versions| !versions.is_empty())?;
            versions.sort();
            Some((versions.len(), versions.join(";")))
        });
        version.await.as_ref()
    }

    /// How many infobases the caller sees.
    pub(crate) async fn infobases(&self) -> usize {
        self.version().await.map_or(0, |(count, _)| *count)
    }

    /// A key of what this caller sees of the data as it is now; `None` when that is not known.
    pub(crate) async fn key(
        &self,
        kind: &'static str,
        locale: Locale,
        company: Option<Uuid>,
        infobase: Option<Uuid>,
    ) -> Option<Key> {
        // «Today» of an infobase begins with an hour.
        let hour = self.cache.now().format("%Y-%m-%dT%H").to_string();
        let key = Key::new(kind)
            .and(hour)
            .and(&self.rights)
            .and(&self.version().await?.1)
            .and(locale.tag())
            .and_id(company)
            .and_id(infobase);
        Some(key)
    }

    /// A report was shown without 1C's side being asked.
    pub(crate) fn saw(&self, report: &str) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(report.to_owned());
    }

    /// The reports that were.
    pub(crate) fn take_seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
