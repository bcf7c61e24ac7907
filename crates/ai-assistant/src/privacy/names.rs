//! The names of the synchronised catalogues, as the caller may see them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use common::auth::{Identity, Permission};
use common::contract::onec::{Named, SubjectKind};
use uuid::Uuid;

use super::{Dictionary, Kind};
use crate::tools::{Onec, OnecError};

/// A dictionary is used for so long: names change seldom, and what is new is found by its form.
const FRESH: Duration = Duration::from_secs(300);
/// While onec-integration is away an older one does.
const USABLE: Duration = Duration::from_secs(3600);
/// Dictionaries that are kept: callers of equal rights share one.
const KEPT: usize = 16;
/// Names of a dictionary.
const MAX_NAMES: usize = 300_000;

/// Whose names a dictionary has.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rights {
    companies: Option<BTreeSet<Uuid>>,
    infobases: Option<BTreeSet<Uuid>>,
    infobase: Option<Uuid>,
    items: bool,
}

#[derive(Debug)]
struct Kept {
    rights: Rights,
    loaded: tokio::sync::Mutex<Option<(Instant, Arc<Dictionary>)>>,
}

/// Dictionaries by rights.
#[derive(Debug)]
pub(crate) struct Names {
    onec: Onec,
    /// The one used last comes last.
    kept: Mutex<Vec<Arc<Kept>>>,
}

impl Names {
    pub(crate) fn new(onec: Onec) -> Self {
        Self {
            onec,
            kept: Mutex::default(),
        }
    }

    /// The names that the caller may see, goods among them when `items`. Without the right to read
    /// 1C there are none.
    ///
    /// # Errors
    /// When they cannot be read: nothing may be sent outside then.
    pub(crate) async fn of(
        &self,
        identity: &Identity,
        infobase: Option<Uuid>,
        items: bool,
    ) -> Result<Arc<Dictionary>, OnecError> {
        if !identity.may(Permission::OnecRead) {
            return Ok(Arc::default());
        }
        let set = |ids: Option<Vec<Uuid>>| ids.map(|ids| ids.into_iter().collect());
        let kept = self.kept(Rights {
            companies: set(identity.companies.restriction()),
            infobases: set(identity.infobases.restriction()),
            infobase,
            items,
        });
        // Requests that come at the same time load once.
        let mut loaded = kept.loaded.lock().await;
        if let Some((at, dictionary)) = &*loaded
            && at.elapsed() < FRESH
        {
            return Ok(dictionary.clone());
        }
        match self.load(identity, infobase, items).await {
            Ok(dictionary) => {
                tracing::debug!(
                    labels.names = %dictionary.len(),
                    "the names of the catalogues have been read"
                );
                let dictionary = Arc::new(dictionary);
                *loaded = Some((Instant::now(), dictionary.clone()));
                Ok(dictionary)
            }
            Err(error) => match &*loaded {
                Some((at, dictionary)) if at.elapsed() < USABLE => Ok(dictionary.clone()),
                _ => Err(error),
            },
        }
    }

    fn kept(&self, rights: Rights) -> Arc<Kept> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = all.iter().position(|kept| kept.rights == rights);
        let kept = match found {
            Some(place) => all.remove(place),
            None => Arc::new(Kept {
                rights,
                loaded: tokio::sync::Mutex::default(),
            }),
        };
        all.push(kept.clone());
        if all.len() > KEPT {
            all.remove(0);
        }
        kept
    }

    async fn load(
        &self,
        identity: &Identity,
        infobase: Option<Uuid>,
        items: bool,
    ) -> Result<Dictionary, OnecError> {
        let mut names: Vec<Named> = Vec::new();
        let kinds = [
            SubjectKind::Company,
            SubjectKind::Manager,
            SubjectKind::Counterparty,
            SubjectKind::Item,
        ];
        for kind in kinds {
            if kind == SubjectKind::Item && !items {
                continue;
            }
            let mut cursor = None;
            loop {
                let (piece, next) = self
                    .onec
                    .names(&identity.token, kind, infobase, cursor.as_deref())
                    .await?;
                names.extend(piece);
                cursor = next;
                if cursor.is_none() {
                    break;
                }
                if names.len() > MAX_NAMES {
                    tracing::warn!(
                        labels.names = %names.len(),
                        "not all names of the catalogues can be recognised"
                    );
                    break;
                }
            }
        }
        // It takes a while for a great catalogue.
        tokio::task::spawn_blocking(move || Dictionary::new(names.into_iter().map(entry)))
            .await
            .map_err(|error| OnecError::Malformed(error.into()))
    }
}

fn entry(named: Named) -> (Kind, String, Option<String>) {
    let kind = match named.kind {
        SubjectKind::Item => Kind::Item,
        SubjectKind::Manager => Kind::Person,
        SubjectKind::Counterparty if named.person => Kind::Person,
        SubjectKind::Counterparty | SubjectKind::Company | SubjectKind::Warehouse => Kind::Organisation,
    };
    (kind, named.name, named.full_name)
}
