//! What may leave the company: send, mask or forbid, per company.

use std::collections::BTreeSet;

use common::auth::{Companies, Identity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kind::Kind;

/// What is done with texts for models of others. The order is that of strictness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// They are sent as they are.
    Send,
    /// Names and requisites are replaced by tokens.
    #[default]
    Mask,
    /// Nothing is sent; models of one's own and the built-in engine answer.
    Forbid,
}

impl Mode {
    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Mask => "mask",
            Self::Forbid => "forbid",
        }
    }

    /// The mode of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Send, Self::Mask, Self::Forbid]
            .into_iter()
            .find(|mode| mode.as_str() == name)
    }
}

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) mode: Mode,
    /// Names of goods are hidden too.
    pub(crate) mask_items: bool,
    /// Kinds that are not hidden.
    pub(crate) keep: BTreeSet<Kind>,
}

impl Policy {
    /// True when texts of that kind are hidden.
    pub(crate) fn hides(&self, kind: Kind) -> bool {
        match kind {
            Kind::Literal => true,
            Kind::Item => self.mask_items,
            _ => !self.keep.contains(&kind),
        }
    }

    /// What satisfies both.
    pub(super) fn and(self, other: &Self) -> Self {
        Self {
            mode: self.mode.max(other.mode),
            mask_items: self.mask_items || other.mask_items,
            keep: &self.keep & &other.keep,
        }
    }
}

/// The policies of all companies.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies {
    /// Of companies that have none of their own.
    pub(crate) default: Policy,
    pub(crate) companies: Vec<(Uuid, Policy)>,
}

impl Policies {
    fn of(&self, company: Uuid) -> &Policy {
        self.companies
            .iter()
            .find(|(id, _)| *id == company)
            .map_or(&self.default, |(_, policy)| policy)
    }

    /// The policy of a request: of its company, or the strictest of all companies whose data the
    /// caller may see, since without a company the figures are of all of them. A company that is not
    /// the caller's does not loosen anything.
    pub(crate) fn for_request(&self, identity: &Identity, company: Option<Uuid>) -> Policy {
        if let Some(company) = company.filter(|company| identity.companies.contains(*company)) {
            return self.of(company).clone();
        }
        match &identity.companies {
            Companies::All => self
                .companies
                .iter()
                .fold(self.default.clone(), |strictest, (_, policy)| {
                    strictest.and(policy)
                }),
            Companies::Some(ids) => {
                let mut own = ids.iter().map(|id| self.of(*id));
                let first = own.next().unwrap_or(&self.default).clone();
                own.fold(first, Policy::and)
            }
        }
    }
}
