//! The routes of the service and who may call them.

use common::auth::Permission;
use common::http::routes::{Access, Routes};

use crate::http::{
    charts, dashboards, links, metrics, report_catalogue, report_files, report_schedules, report_variants,
    reports,
};
use crate::state::AppState;

/// The table of routes. Reports and panels with figures of 1C also need `onec:read`, which
/// onec-integration checks on the caller's own token.
#[must_use]
pub fn routes() -> Routes<AppState> {
    let analytics = Access::Permission(Permission::AnalyticsRead);
    let dashboard = Access::Permission(Permission::DashboardsRead);
    let edit = Access::Permission(Permission::DashboardsEdit);
    let report = Access::Permission(Permission::Reports);
    Routes::new()
        .get("/metrics", analytics, metrics::show)
        .get("/dashboards", dashboard, dashboards::list)
        .post("/dashboards", edit, dashboards::create)
        .get("/dashboards/queries", dashboard, dashboards::queries)
        .get("/dashboards/{id}", dashboard, dashboards::show)
        .put("/dashboards/{id}", edit, dashboards::replace)
        .delete("/dashboards/{id}", edit, dashboards::delete)
        .get("/dashboards/{id}/definition", dashboard, dashboards::definition)
        .get("/dashboards/{id}/panels/{panel}", dashboard, dashboards::panel)
        .get("/dashboards/{id}/versions", dashboard, dashboards::versions)
        .post("/dashboards/{id}/restore", edit, dashboards::restore)
        .get("/dashboards/{id}/links", edit, links::list)
        .post("/dashboards/{id}/links", edit, links::create)
        .delete("/dashboards/{id}/links/{link}", edit, links::revoke)
        .get("/shared/dashboards/{token}", Access::Public, links::shared)
        .post("/charts", Access::Authenticated, charts::draw)
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
