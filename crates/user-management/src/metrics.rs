//! Metrics of this service.

use std::time::Duration;

use crate::oauth::client::{AUTHORIZATION_CODE, CLIENT_CREDENTIALS, REFRESH_TOKEN};
use crate::record::LoginFailure;

const LOGINS: &str = "logins_total";
const REFRESHES: &str = "token_refreshes_total";
const HASH_DURATION: &str = "password_hash_duration_seconds";
const HASHES_SHED: &str = "password_hashes_shed_total";
const THROTTLE_UNAVAILABLE: &str = "login_throttle_unavailable_total";
const FEDERATED_LOGINS: &str = "federated_logins_total";
const PROVIDER_REQUESTS: &str = "identity_provider_requests_total";
const SESSIONS_ACTIVE: &str = "sessions_active";
const REVOCATIONS_PENDING: &str = "session_revocations_pending";
const MAILS: &str = "mails_total";
const MAILS_WAITING: &str = "mails_waiting";
const MAILS_OLDEST: &str = "mails_oldest_waiting_seconds";
const KEY_AGE: &str = "signing_key_age_seconds";
const OAUTH_TOKENS: &str = "oauth_token_requests_total";

/// Describes all of them to the registry, and makes the series that alerts look at exist from the
/// start.
pub(crate) fn describe() {
    ::metrics::describe_counter!(LOGINS, "Login attempts by outcome");
    ::metrics::describe_counter!(REFRESHES, "Uses of refresh tokens by outcome");
    ::metrics::describe_histogram!(
        HASH_DURATION,
        "How long hashing or comparing a password took, without waiting"
    );
    ::metrics::describe_counter!(
        HASHES_SHED,
        "Requests turned away because too many passwords were being hashed"
    );
    ::metrics::describe_counter!(
        THROTTLE_UNAVAILABLE,
        "Logins that were not counted by address because Redis did not answer"
    );
    ::metrics::describe_counter!(
        FEDERATED_LOGINS,
        "Logins at identity providers that are not ours, by outcome"
    );
    ::metrics::describe_counter!(
        PROVIDER_REQUESTS,
        "Calls to identity providers, by what was asked and outcome"
    );
    ::metrics::describe_gauge!(SESSIONS_ACTIVE, "Sessions that can be refreshed");
    ::metrics::describe_gauge!(
        REVOCATIONS_PENDING,
        "Ended sessions that other services have not been told of"
    );
    ::metrics::describe_gauge!(KEY_AGE, "How long the present key has been signing tokens");
    ::metrics::describe_counter!(OAUTH_TOKENS, "Requests of OAuth clients for tokens");
    for grant in [AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS] {
        for outcome in ["success", "refused"] {
            ::metrics::counter!(OAUTH_TOKENS, "grant" => grant, "outcome" => outcome).absolute(0);
        }
    }
    ::metrics::describe_counter!(MAILS, "Mails by outcome of an attempt to send them");
    ::metrics::describe_gauge!(MAILS_WAITING, "Mails that wait to be sent");
    ::metrics::describe_gauge!(MAILS_OLDEST, "How long the oldest mail has been waiting");
    for outcome in ["sent", "dropped", "delayed", "failed"] {
        ::metrics::counter!(MAILS, "outcome" => outcome).absolute(0);
    }
    let failures = LoginFailure::ALL.map(LoginFailure::as_str);
    for outcome in ["success", "address_limited", "overloaded"]
        .into_iter()
        .chain(failures)
    {
        ::metrics::counter!(LOGINS, "outcome" => outcome).absolute(0);
    }
    for outcome in ["success", "reused", "invalid"] {
        ::metrics::counter!(REFRESHES, "outcome" => outcome).absolute(0);
    }
    ::metrics::counter!(HASHES_SHED).absolute(0);
    ::metrics::counter!(THROTTLE_UNAVAILABLE).absolute(0);
    drop(::metrics::histogram!(HASH_DURATION));
}

/// A login attempt ended.
pub(crate) fn login(outcome: &'static str) {
    ::metrics::counter!(LOGINS, "outcome" => outcome).increment(1);
}

/// A refresh token was used.
pub(crate) fn refresh(outcome: &'static str) {
    ::metrics::counter!(REFRESHES, "outcome" => outcome).increment(1);
}

/// A login at a provider ended; a second factor may still be due after `success`.
pub(crate) fn federated_login(provider: &str, outcome: &'static str) {
    let labels = [("provider", provider.to_owned()), ("outcome", outcome.to_owned())];
    ::metrics::counter!(FEDERATED_LOGINS, &labels).increment(1);
}

/// A provider was asked something.
pub(crate) fn provider_request(provider: &str, request: &'static str, outcome: &'static str) {
    let labels = [
        ("provider", provider.to_owned()),
        ("request", request.to_owned()),
        ("outcome", outcome.to_owned()),
    ];
    ::metrics::counter!(PROVIDER_REQUESTS, &labels).increment(1);
}

/// An OAuth client that had proved to be itself asked for tokens.
pub(crate) fn oauth_tokens(grant: &'static str, issued: bool) {
    let outcome = if issued { "success" } else { "refused" };
    ::metrics::counter!(OAUTH_TOKENS, "grant" => grant, "outcome" => outcome).increment(1);
}

pub(crate) fn password_hashed(took: Duration) {
    ::metrics::histogram!(HASH_DURATION).record(took.as_secs_f64());
}

pub(crate) fn password_hash_shed() {
    ::metrics::counter!(HASHES_SHED).increment(1);
}

pub(crate) fn throttle_unavailable() {
    ::metrics::counter!(THROTTLE_UNAVAILABLE).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(crate) fn sessions_active(count: i64) {
    ::metrics::gauge!(SESSIONS_ACTIVE).set(count as f64);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(crate) fn revocations_pending(count: i64) {
    ::metrics::gauge!(REVOCATIONS_PENDING).set(count as f64);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(crate) fn signing_key_age(seconds: i64) {
    ::metrics::gauge!(KEY_AGE).set(seconds as f64);
}

/// A mail was sent, or not.
pub(crate) fn mail(outcome: &'static str) {
    ::metrics::counter!(MAILS, "outcome" => outcome).increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
pub(crate) fn mails_waiting(count: i64, oldest_seconds: i64) {
    ::metrics::gauge!(MAILS_WAITING).set(count as f64);
    ::metrics::gauge!(MAILS_OLDEST).set(oldest_seconds as f64);
}
