//! What one answer may use, whose data it looks at, and calls as they come from a model and go back.

use std::time::Duration;

use common::Locale;
use common::auth::{Identity, PermissionSet};
use secrecy::SecretString;
use serde_json::{Map, Value};
use uuid::Uuid;

/// What one answer may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Tool calls of one answer.
    pub(crate) calls: u32,
    /// Calls at the same time.
    pub(crate) parallel: usize,
    /// The same call is not made more often; one more ends the use of tools.
    pub(crate) repeats: u32,
    /// How long one call may take.
    pub(crate) timeout: Duration,
    /// After that no call begins and none goes on.
    pub(crate) deadline: Duration,
    /// Rows that a model is shown of one result.
    pub(crate) rows: usize,
    /// Bytes that a model is shown of one result.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 16,
            parallel: 4,
            repeats: 2,
            timeout: Duration::from_secs(20),
            deadline: Duration::from_mins(3),
            rows: 50,
            bytes: 24 * 1024,
        }
    }
}

/// Whose data is looked at, and as whom. The server sets it; a model cannot.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) token: SecretString,
    pub(crate) permissions: PermissionSet,
    pub(crate) company: Option<Uuid>,
    pub(crate) infobase: Option<Uuid>,
    pub(crate) locale: Locale,
}

impl Scope {
    /// What the caller may see of a company and an infobase, or of all that they see.
    pub(crate) fn new(
        identity: &Identity,
        company: Option<Uuid>,
        infobase: Option<Uuid>,
        locale: Locale,
    ) -> Self {
        Self {
            token: identity.token.clone(),
            permissions: identity.permissions,
            company,
            infobase,
            locale,
        }
    }
}

/// A call as an engine makes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToolCall {
    /// The provider's id of the call.
    pub(crate) id: String,
    /// Name of the tool.
    pub(crate) name: String,
    /// Arguments; `Err` holds text that was no JSON object.
    pub(crate) arguments: Result<Map<String, Value>, String>,
}

/// What a model is told of the outcome of a call.
#[derive(Debug, Clone)]
pub(crate) struct ToolResult {
    pub(crate) id: String,
    pub(crate) content: String,
    pub(crate) is_error: bool,
}
