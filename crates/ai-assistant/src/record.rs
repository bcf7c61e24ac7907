//! What the audit log is told.

use common::auth::Identity;
use common::contract::events::{AUDIT_RECORDED, AuditEvent, Outcome};
use common::db::StoreError;
use common::events::{Actor, Event, Stream, outbox};
use serde_json::Value;
use sqlx::PgConnection;

use crate::state::AppState;
use crate::store::SCHEMA;

/// Tells that the caller has done something, within the transaction of the deed.
pub(crate) async fn audit(
    db: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
    action: &str,
    outcome: Outcome,
    target: Option<String>,
    details: Value,
) -> Result<(), StoreError> {
    let data = AuditEvent {
        action: action.to_owned(),
        outcome,
        target,
        ip: None,
        details,
    };
    let context = &state.context;
    let event =
        Event::new(context.service, AUDIT_RECORDED, &context.clock, &data).actor(Actor::from(identity));
    outbox::append(db, &SCHEMA, Stream::Audit, &event).await
}
