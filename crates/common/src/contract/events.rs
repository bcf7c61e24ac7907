//! Types of events and their data.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A login succeeded; data: [`AuthEvent`].
pub const LOGIN_SUCCEEDED: &str = "auth.login_succeeded";
/// A login failed; data: [`AuthEvent`].
pub const LOGIN_FAILED: &str = "auth.login_failed";
/// An account was made; data: [`AuthEvent`].
pub const REGISTERED: &str = "auth.registered";
/// A session was ended by its user; data: [`AuthEvent`].
pub const LOGGED_OUT: &str = "auth.logged_out";
/// A refresh token was used twice, so its family was revoked; data: [`AuthEvent`].
pub const REFRESH_REUSED: &str = "auth.refresh_reused";
/// Something that the audit log keeps; data: [`AuditEvent`].
pub const AUDIT_RECORDED: &str = "audit.recorded";
/// Action of an [`AuditEvent`]: a text in data, a file, a question or an answer looks like a command
/// to the assistant. `details` has `place`, `origin` and `rules`, never the text.
pub const INJECTION_SUSPECTED: &str = "assistant.injection_suspected";
/// The assistant answered, or tried to; data: [`UsageEvent`].
pub const ASSISTANT_ANSWERED: &str = "assistant.answered";
/// The gateway handled a request; data: [`RequestEvent`].
pub const REQUEST_HANDLED: &str = "gateway.request";
/// What a request carries looks like an attack; data: [`AttackEvent`].
pub const ATTACK_SUSPECTED: &str = "gateway.attack_suspected";
/// A synchronisation ended; data: [`SyncEvent`].
pub const SYNC_ENDED: &str = "onec.sync_ended";

/// Data of the `auth.*` events on [`Stream::Auth`](crate::events::Stream::Auth).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AuthEvent {
    /// The account, when it is known.
    pub user_id: Option<Uuid>,
    /// SHA-256 of the lower-case e-mail address, in hex: attempts on one account can be counted
    /// without keeping the address.
    pub email_hash: Option<String>,
    /// The client's address.
    pub ip: Option<String>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// Why it failed, such as `wrong_password`.
    pub reason: Option<String>,
}

/// How an audited action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Success,
    /// Tried and failed.
    Failure,
    /// Not allowed.
    Denied,
}

impl Outcome {
    /// The name in JSON and in databases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }
}

/// Data of [`AUDIT_RECORDED`] on [`Stream::Audit`](crate::events::Stream::Audit). Who and when are
/// in the envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEvent {
    /// What was done, `<area>.<verb>`, such as `users.role_changed` or `chat.asked`.
    pub action: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was done to, such as `user:<id>`.
    pub target: Option<String>,
    /// The client's address.
    pub ip: Option<String>,
    /// Particulars without secrets and without chat texts.
    pub details: serde_json::Value,
}

/// Data of [`ASSISTANT_ANSWERED`] on [`Stream::Usage`](crate::events::Stream::Usage). One event per
/// attempt, failed and cancelled ones too. No texts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageEvent {
    /// The conversation, absent for `/generate`.
    pub conversation_id: Option<Uuid>,
    /// `chat`, `generate`, `proxy` (a client's own prompt) or `mcp` (a call of a tool).
    pub operation: String,
    /// Name of the provider, such as `openai` or `builtin`.
    pub provider: String,
    /// Name of the model.
    pub model: String,
    /// `answered`, `failed` or `cancelled`.
    pub outcome: String,
    /// The question's kind as the built-in engine sees it, such as `receivables`.
    pub intent: Option<String>,
    /// Tokens that were sent.
    pub input_tokens: u64,
    /// Tokens that were received.
    pub output_tokens: u64,
    /// What it cost in US dollars; absent when the price of the model is unknown.
    pub cost_usd: Option<Decimal>,
    /// Tool calls that were made.
    pub tool_calls: u32,
    /// Milliseconds from the question to the end of the answer.
    pub duration_ms: u64,
    /// Milliseconds to the first part of the answer.
    pub first_token_ms: Option<u64>,
    /// The company that was asked about, when it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<Uuid>,
    /// The provider told no tokens; they are guessed.
    #[serde(default)]
    pub estimated: bool,
    /// The answer came out of the cache and used nothing.
    #[serde(default)]
    pub cached: bool,
}

/// Data of [`REQUEST_HANDLED`] on [`Stream::Requests`](crate::events::Stream::Requests).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RequestEvent {
    /// The method.
    pub method: String,
    /// The route of the gateway, such as `/api/ai/*`; never the path itself.
    pub route: String,
    /// The service that it was forwarded to.
    pub upstream: Option<String>,
    /// Status of the answer.
    pub status: u16,
    /// Milliseconds until the head of the answer.
    pub duration_ms: u64,
    /// The client's address.
    pub ip: String,
    /// The user, when the token was valid.
    pub user_id: Option<Uuid>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// The problem's code, when the gateway itself refused.
    pub code: Option<String>,
    /// Fingerprint of the path of a request that was refused (status 400 to 499): different paths can be
    /// counted without keeping them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The path of a request that no route was found for, without its query: it leads nowhere, and tells
    /// what was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Data of [`ATTACK_SUSPECTED`] on [`Stream::Requests`](crate::events::Stream::Requests), beside the
/// [`RequestEvent`] with the same `request_id`. Nothing of what the request carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackEvent {
    /// The method.
    pub method: String,
    /// The route of the gateway; `unmatched` when there is none.
    pub route: String,
    /// The client's address.
    pub ip: String,
    /// The user, when the token was valid and the request got so far.
    pub user_id: Option<Uuid>,
    /// The session, likewise.
    pub session_id: Option<Uuid>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// Points of all findings.
    pub score: u32,
    /// True when the request was refused, false when it passed and is only told of.
    pub blocked: bool,
    /// What was found, the gravest first.
    pub findings: Vec<AttackFinding>,
}

/// One reason of an [`AttackEvent`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttackFinding {
    /// The rule, such as `sqli.union_select`.
    pub rule: String,
    /// What the attack is after, such as `sqli`, `xss`, `rce`, `prompt` or `scanner`.
    pub family: String,
    /// What it counts; 5 is enough by itself.
    pub points: u32,
    /// Where it was: `path`, `query`, `body`, `name`, `cookie`, `header`, `agent`, `content-type`, `file`.
    pub place: String,
    /// The parameter, member or header.
    pub name: String,
}

/// Data of [`SYNC_ENDED`] on [`Stream::Sync`](crate::events::Stream::Sync).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SyncEvent {
    /// The infobase.
    pub infobase_id: Uuid,
    /// Its name.
    pub infobase: String,
    /// The job.
    pub job_id: Uuid,
    /// `succeeded`, `failed` or `cancelled`.
    pub outcome: String,
    /// Objects and rows written.
    pub rows: u64,
    /// Milliseconds from the start of the job to its end.
    pub duration_ms: u64,
    /// Code of the error.
    pub error: Option<String>,
}
