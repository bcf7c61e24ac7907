//! The routes of the service and who may call them.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::http::{
    alerts, audit, audit_erasures, audit_export, audit_integrity, detections, notifications, posture,
    responses, scan, threats,
};
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
        .post("/audit/log/batch", audit_write, audit::append_batch)
        .get("/audit/log/{id}", audit_read, audit::get)
        .get("/audit/log/{id}/proof", audit_read, audit_integrity::proof)
        .get("/audit/export", audit_read, audit_export::export)
        .get("/audit/verify", audit_read, audit_integrity::verify)
        .post("/audit/verify", audit_read, audit_integrity::compare)
        .get("/audit/checkpoints", audit_read, audit_integrity::checkpoints)
        .post("/audit/checkpoints", admin, audit_integrity::make_checkpoint)
        .get("/audit/keys", audit_read, audit_integrity::keys)
        .get("/audit/segments", audit_read, audit_integrity::segments)
        .post("/audit/erasures", admin, audit_erasures::erase)
        .post("/scan", read, scan::scan)
        .get("/threats", read, threats::list)
        .get("/alerts", read, alerts::list)
        .post("/alerts/{id}/acknowledge", admin, alerts::acknowledge)
        .post("/alerts/{id}/resolve", admin, alerts::resolve)
        .get("/threats/{id}", read, threats::get)
        .get("/alerts/stats", read, alerts::statistics)
        .get("/alerts/{id}", read, alerts::get)
        .patch("/alerts/{id}", admin, alerts::update)
        .post("/alerts/{id}/reopen", admin, alerts::reopen)
        .post("/alerts/{id}/comments", admin, alerts::comment)
        .get("/detections", read, detections::list)
        .post("/detections/dry-run", read, detections::dry_run)
        .get("/detections/exceptions", read, detections::exceptions)
        .post("/detections/exceptions", admin, detections::add_exception)
        .delete("/detections/exceptions/{id}", admin, detections::end_exception)
        .get("/responses", read, responses::list)
        .post("/responses/{id}/undo", admin, responses::undo)
        .get("/bans", read, responses::bans)
        .post("/bans", admin, responses::ban)
        .delete("/bans/{id}", admin, responses::undo)
        .get("/allowed", read, responses::allowed)
        .post("/allowed", admin, responses::allow)
        .delete("/allowed/{id}", admin, responses::disallow)
        .get("/notifications", read, notifications::channels)
        .post("/notifications/test", admin, notifications::test)
        .get("/notifications/deliveries", read, notifications::deliveries)
        .post(
            "/notifications/deliveries/{id}/retry",
            admin,
            notifications::retry,
        )
        .get("/notifications/silences", read, notifications::silences)
        .post("/notifications/silences", admin, notifications::add_silence)
        .delete("/notifications/silences/{id}", admin, notifications::end_silence)
        .get("/posture", read, posture::get)
}
