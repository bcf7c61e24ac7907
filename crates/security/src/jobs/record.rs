//! The service's own entries of the audit log about what it does by itself.

use chrono::{DateTime, Utc};
use common::contract::events::Outcome;
use common::db::StoreError;
use common::ids;
use serde_json::json;
use sqlx::PgConnection;

use crate::DEFINITION;
use crate::audit::NewEntry;
use crate::store;
use crate::store::responses::ResponseRow;

/// Records responses that were done. Those that somebody asked for are in the log already.
pub(super) async fn done(
    connection: &mut PgConnection,
    responses: &[&ResponseRow],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let own = responses.iter().filter(|response| response.created_by.is_none());
    let entries: Vec<NewEntry> = own
        .map(|response| NewEntry {
            id: ids::new_id(),
            occurred_at: now,
            source: DEFINITION.name.to_owned(),
            action: "responses.done".to_owned(),
            outcome: Outcome::Success,
            actor: None,
            target: Some(response.subject.clone()),
            ip: None,
            request_id: None,
            details: json!({
                "action": response.action, "rule": response.reason, "response_id": response.id,
                "threat_id": response.threat_id, "until": response.expires_at,
            }),
        })
        .collect();
    if !entries.is_empty() {
        store::audit::append(connection, entries, now).await?;
    }
    Ok(())
}
