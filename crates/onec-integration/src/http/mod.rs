//! Requests and answers.

pub(crate) mod checks;
pub(crate) mod commerceml;
pub(crate) mod companies;
pub(crate) mod drafts;
pub(crate) mod enterprise_data;
pub(crate) mod entities;
pub(crate) mod entity_object;
pub(crate) mod entity_rows;
pub(crate) mod exchange;
pub(crate) mod infobases;
pub(crate) mod names;
pub(crate) mod prices;
pub(crate) mod reports;
pub(crate) mod search;
pub(crate) mod services;
pub(crate) mod soap;
pub(crate) mod sync;
pub(crate) mod sync_events;
pub(crate) mod virtual_tables;
pub(crate) mod writes;

use common::Locale;
use common::auth::Identity;
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::db::StoreError;
use common::events::{Event, Stream, outbox};
use common::http::ClientIp;
use common::telemetry::RequestContext;
use serde_json::Value;
use sqlx::PgConnection;

use crate::state::AppState;
use crate::store::SCHEMA;

/// Language of the request.
fn locale() -> Locale {
    RequestContext::current()
        .map(|context| context.locale)
        .unwrap_or_default()
}

/// Who did it, from where.
struct Caller<'a> {
    identity: &'a Identity,
    ip: ClientIp,
}

/// Records what a caller did, within the transaction of the doing.
async fn audit(
    connection: &mut PgConnection,
    state: &AppState,
    caller: &Caller<'_>,
    action: &str,
    target: String,
    details: Value,
) -> Result<(), StoreError> {
    audit_as(
        connection,
        state,
        caller,
        (action, Outcome::Success),
        target,
        details,
    )
    .await
}

/// Records what a caller tried, and how it ended.
async fn audit_as(
    connection: &mut PgConnection,
    state: &AppState,
    caller: &Caller<'_>,
    (action, outcome): (&str, Outcome),
    target: String,
    details: Value,
) -> Result<(), StoreError> {
    let data = AuditEvent {
        action: action.to_owned(),
        outcome,
        target: Some(target.clone()),
        ip: Some(caller.ip.0.to_string()),
        details,
    };
    let event = Event::new(crate::DEFINITION.name, AUDIT_RECORDED, &state.clock, &data)
        .subject(target)
        .actor(caller.identity);
    outbox::append(connection, &SCHEMA, Stream::Audit, &event).await
}
