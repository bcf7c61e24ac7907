//! The routes of the service and who may call them.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::http::{dashboards, metrics, report_catalogue, report_files, reports};
use crate::state::AppState;

/// The table of routes. Reports and panels with figures of 1C also need `onec:read`, which
/// onec-integration checks on the caller's own token.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let analytics = Access::Permission(Permission::AnalyticsRead);
    let dashboard = Access::Permission(Permission::DashboardsRead);
    let report = Access::Permission(Permission::Reports);
    Routes::new()
        .get("/metrics", analytics, metrics::show)
        .get("/dashboards", dashboard, dashboards::list)
        .get("/dashboards/{id}", dashboard, dashboards::show)
        .post("/reports/generate", report, reports::generate)
        .get("/reports/jobs/{id}", report, report_files::job)
        .get("/reports/files/{id}", report, report_files::file)
        .get("/reports", report, report_catalogue::list)
        .get("/reports/jobs", report, report_files::jobs)
        .delete("/reports/jobs/{id}", report, report_files::cancel)
        // The signature is what opens it.
        .get("/reports/links/{id}", Access::Public, report_files::link)
}
