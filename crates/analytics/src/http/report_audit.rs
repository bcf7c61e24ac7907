//! Telling the audit log what was done with reports.

use common::auth::Identity;
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::events::{Event, Stream, outbox};
use common::http::ClientIp;
use serde_json::Value;
use sqlx::PgConnection;

use crate::DEFINITION;
use crate::error::Error;
use crate::state::AppState;
use crate::store::SCHEMA;

/// Writes the entry in the transaction of the change.
pub(super) async fn record(
    connection: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
    ClientIp(ip): ClientIp,
    action: &str,
    target: String,
    details: Value,
) -> Result<(), Error> {
    let audit = AuditEvent {
        action: action.to_owned(),
        outcome: Outcome::Success,
        target: Some(target),
        ip: Some(ip.to_string()),
        details,
    };
    let event = Event::new(DEFINITION.name, AUDIT_RECORDED, &state.clock, &audit).actor(identity);
    outbox::append(connection, &SCHEMA, Stream::Audit, &event).await?;
    Ok(())
}
