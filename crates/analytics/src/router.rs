//! The routes of the service and who may call them.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::http::{
    dashboards, metrics, report_catalogue, report_files, report_schedules, report_variants, reports,
};
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
        .get("/reports/variants", report, report_variants::list)
        .post("/reports/variants", report, report_variants::create)
        .get("/reports/variants/{id}", report, report_variants::get)
        .put("/reports/variants/{id}", report, report_variants::replace)
        .delete("/reports/variants/{id}", report, report_variants::delete)
        .get("/reports/schedules", report, report_schedules::list)
        .post("/reports/schedules", report, report_schedules::create)
        .get("/reports/schedules/{id}", report, report_schedules::get)
        .put("/reports/schedules/{id}", report, report_schedules::replace)
        .delete("/reports/schedules/{id}", report, report_schedules::delete)
        .get("/reports/schedules/{id}/runs", report, report_schedules::runs)
        .post("/reports/schedules/{id}/run", report, report_schedules::run)
}
