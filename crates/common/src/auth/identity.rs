//! The caller of a request.

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use chrono::{DateTime, Utc};
use http::request::Parts;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Permission, PermissionSet};
use crate::http::Problem;

/// Claims of an access token: a JWT (RFC 7519) of `typ` `at+jwt` (RFC 9068), signed with EdDSA.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
    /// The session, which a logout revokes.
    pub sid: Uuid,
    /// Audience.
    pub aud: String,
    /// Expiry, seconds since 1970.
    pub exp: i64,
    /// Time of issue, seconds since 1970.
    pub iat: i64,
    /// Id of the token.
    pub jti: Uuid,
    /// Name of the user's role.
    pub role: String,
    /// What the user may do.
    pub perms: PermissionSet,
    /// Companies whose data the user may see.
    pub companies: Companies,
    /// How the user proved who they are (RFC 8176), such as `pwd` and `otp`; empty for machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amr: Vec<String>,
    /// When the user last did so, seconds since 1970; 0 when nobody did.
    #[serde(default)]
    pub auth_time: i64,
    /// The OAuth client that the token was issued to; absent for our own API and web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// What it was issued for, names separated by spaces (RFC 9068, section 2.2.3). `perms` has been
    /// narrowed to it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Infobases that the user may use; absent when all.
    #[serde(default, skip_serializing_if = "Selected::is_all")]
    pub infobases: Infobases,
    /// Version of the user's rights that the token was made with.
    #[serde(default)]
    pub pv: i64,
}

/// Companies (organisations of 1C), by our ids.
pub type Companies = Selected;
/// Infobases, by our ids.
pub type Infobases = Selected;

/// A set of ids, or all of their kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub enum Selected {
    /// All, those added later too; `["*"]` in JSON.
    #[default]
    All,
    /// These only.
    Some(BTreeSet<Uuid>),
}

impl Selected {
    /// True when the id is in the set.
    #[must_use]
    pub fn contains(&self, id: Uuid) -> bool {
        match self {
            Self::All => true,
            Self::Some(ids) => ids.contains(&id),
        }
    }

    /// True when nothing is left out.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// True when everything of `other` is in this set.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Some(_), Self::All) => false,
            (Self::Some(own), Self::Some(other)) => other.is_subset(own),
        }
    }

    /// What is in both sets.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, both) | (both, Self::All) => both.clone(),
            (Self::Some(own), Self::Some(other)) => Self::Some(own & other),
        }
    }

    /// The set that a row keeps as a flag and a list.
    #[must_use]
    pub fn from_row(all: bool, ids: Vec<Uuid>) -> Self {
        if all {
            Self::All
        } else {
            Self::Some(ids.into_iter().collect())
        }
    }

    /// The ids as a list for `= any($1)`; `None` when there is no restriction.
    #[must_use]
    pub fn restriction(&self) -> Option<Vec<Uuid>> {
        match self {
            Self::All => None,
            Self::Some(ids) => Some(ids.iter().copied().collect()),
        }
    }
}

impl From<Vec<String>> for Selected {
    fn from(names: Vec<String>) -> Self {
        if names.iter().any(|name| name == "*") {
            Self::All
        } else {
            Self::Some(names.iter().filter_map(|name| name.parse().ok()).collect())
        }
    }
}

impl From<Selected> for Vec<String> {
    fn from(selected: Selected) -> Self {
        match selected {
            Selected::All => vec!["*".to_owned()],
            Selected::Some(ids) => ids.iter().map(Uuid::to_string).collect(),
        }
    }
}

/// The verified caller. Handlers take it as an argument; routes that are not public always have
/// one.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The user.
    pub user_id: Uuid,
    /// The session.
    pub session_id: Uuid,
    /// Name of the user's role, for display; decisions use the permissions.
    pub role: String,
    /// What the user may do.
    pub permissions: PermissionSet,
    /// Companies whose data the user may see.
    pub companies: Companies,
    /// When the user last proved who they are; 1970 when the token does not tell.
    pub authenticated_at: DateTime<Utc>,
    /// How (RFC 8176), such as `pwd` and `otp`.
    pub methods: Vec<String>,
    /// The OAuth client that the token was issued to; `None` for our own API and web page.
    pub client_id: Option<String>,
    /// Infobases that the user may use.
    pub infobases: Infobases,
    /// Version of the user's rights that the token was made with.
    pub rights_version: i64,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
    /// The token itself, to call other services on behalf of the user.
    pub token: SecretString,
}

impl Identity {
    /// True when the caller has the permission.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(permission)
    }

    /// Refuses a caller without the permission; for checks that depend on the request's content.
    ///
    /// # Errors
    /// 403 with `auth.permission_denied`.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) {
            Ok(())
        } else {
            Err(Problem::permission_denied(permission.as_str()))
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or_else(Problem::token_required)
    }
}
