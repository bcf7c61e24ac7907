//! The routes of the service and who may call them.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::http::{alerts, audit, scan, threats};
use crate::state::AppState;

/// The table of routes.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let audit_write = Access::Permission(Permission::AuditWrite);
    let audit_read = Access::Permission(Permission::AuditRead);
    let read = Access::Permission(Permission::SecurityRead);
    let admin = Access::Permission(Permission::SecurityAdmin);
    Routes::new()
        .post("/audit/log", audit_write, audit::append)
        .get("/audit/log", audit_read, audit::list)
        .get("/audit/verify", audit_read, audit::verify)
        .post("/scan", read, scan::scan)
        .get("/threats", read, threats::list)
        .get("/alerts", read, alerts::list)
        .post("/alerts/{id}/acknowledge", admin, alerts::acknowledge)
        .post("/alerts/{id}/resolve", admin, alerts::resolve)
}
