//! What one request may send to models of others, and how.

use std::sync::Arc;

use common::Locale;
use common::auth::Identity;
use common::db::StoreResult;
use uuid::Uuid;

use super::names::Names;
use super::{Mask, Mode, Policy};
use crate::error::Error;
use crate::providers::Chain;
use crate::state::AppState;
use crate::store::privacy as store;
use crate::tools::Onec;

/// The part of the state that is about privacy. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Privacy {
    names: Arc<Names>,
    /// `LOCAL_ONLY`: nothing goes to models of others, whatever policies say.
    pub(crate) local_only: bool,
}

impl Privacy {
    pub(crate) fn new(onec: Onec, local_only: bool) -> Self {
        Self {
            names: Arc::new(Names::new(onec)),
            local_only,
        }
    }
}

/// Whose data a request is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Subject {
    pub(crate) company: Option<Uuid>,
    pub(crate) infobase: Option<Uuid>,
    pub(crate) conversation: Option<Uuid>,
}

/// The models that may answer, and the mask for those of others.
#[derive(Debug)]
pub(crate) struct Shielded {
    /// `None` when no model may be asked.
    pub(crate) chain: Option<Chain>,
    /// `None` when texts go as they are, or go nowhere.
    pub(crate) mask: Option<Arc<Mask>>,
    /// Models were taken out.
    pub(crate) barred: bool,
}

/// Takes out of a chain the models that may not be asked, and makes the mask for the others.
///
/// # Errors
/// When policies or names cannot be read: nothing is sent on a guess.
pub(crate) async fn shielded(
    chain: Chain,
    state: &AppState,
    identity: &Identity,
    subject: Subject,
) -> Result<Shielded, Error> {
    if !chain.is_external() {
        return Ok(Shielded {
            chain: Some(chain),
            mask: None,
            barred: false,
        });
    }
    let policy = policy(state, identity, subject).await?;
    let mask = match policy.mode {
        Mode::Forbid => {
            return Ok(Shielded {
                chain: chain.retain(|remote| !remote.external),
                mask: None,
                barred: true,
            });
        }
        Mode::Send => None,
        Mode::Mask => Some(Arc::new(mask(policy, state, identity, subject).await?)),
    };
    Ok(Shielded {
        chain: Some(chain),
        mask,
        barred: false,
    })
}

/// The policy of a request; `LOCAL_ONLY` forbids everything.
pub(crate) async fn policy(state: &AppState, identity: &Identity, subject: Subject) -> Result<Policy, Error> {
    if state.privacy.local_only {
        return Ok(Policy {
            mode: Mode::Forbid,
            ..Policy::default()
        });
    }
    let mut db = state.db.acquire().await.store("acquire")?;
    let policies = store::policies(&mut db).await?;
    let now = policies.for_request(identity, subject.company);
    // The history goes along, so what it is about counts too.
    let before = match subject.conversation {
        Some(conversation) => store::subjects(&mut db, conversation).await?,
        None => Vec::new(),
    };
    Ok(before.into_iter().fold(now, |strictest, company| {
        strictest.and(&policies.for_request(identity, company))
    }))
}

/// The mask of a request, with the tokens of its conversation.
pub(crate) async fn mask(
    policy: Policy,
    state: &AppState,
    identity: &Identity,
    subject: Subject,
) -> Result<Mask, Error> {
    let dictionary = state
        .privacy
        .names
        .of(identity, subject.infobase, policy.mask_items)
        .await
        .map_err(Error::Onec)?;
    let secrets = match subject.conversation {
        Some(conversation) => {
            let mut db = state.db.acquire().await.store("acquire")?;
            store::tokens(&mut db, conversation).await?
        }
        None => Vec::new(),
    };
    Ok(Mask::new(policy, dictionary, secrets))
}

/// Says why another answers than the model that was asked.
pub(crate) fn barred_notice(local_only: bool, locale: Locale) -> String {
    match (locale, local_only) {
        (Locale::Ru, true) => {
            "Внешние языковые модели отключены настройкой системы, данные компании никуда не отправлены."
        }
        (Locale::Ru, false) => {
            "Правила компании запрещают отправлять данные внешним языковым моделям, ничего не отправлено."
        }
        (Locale::En, true) => {
            "External language models are switched off, nothing of the company's data was sent."
        }
        (Locale::En, false) => {
            "The company's policy forbids sending data to external language models, nothing was sent."
        }
    }
    .to_owned()
}
