//! `/infobases/{id}/check` and `/infobases/check`: what a 1C administrator has to set right.

use axum::extract::State;
use common::auth::Identity;
use common::db::StoreResult;
use common::http::{ClientIp, Json, Path, Problem};
use common::{Locale, ids};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::infobases::reach;
use super::{Caller, audit, locale};
use crate::doctor::{self, Report, Severity};
use crate::error::Error;
use crate::settings::InfobaseSettings;
use crate::state::AppState;
use crate::store::infobases::{self, Infobase};

/// The findings of a check, in the language of the request.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ReportView {
    checked_at: chrono::DateTime<chrono::Utc>,
    duration_ms: u64,
    /// The worst of the findings.
    severity: Severity,
    findings: Vec<FindingView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct FindingView {
    code: &'static str,
    severity: Severity,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What the administrator of 1C has to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<Value>,
}

impl ReportView {
    fn new(report: Report, locale: Locale) -> Self {
        let findings: Vec<FindingView> = report
            .findings
            .into_iter()
            .map(|finding| FindingView {
                code: finding.code.as_str(),
                severity: finding.code.severity(),
                title: finding.code.title().get(locale).to_owned(),
                detail: finding.detail.map(|detail| detail.get(locale).to_owned()),
                advice: finding.code.advice().map(|advice| advice.get(locale).to_owned()),
                measured: finding.measured,
            })
            .collect();
        Self {
            checked_at: report.checked_at,
            duration_ms: report.duration_ms,
            severity: findings
                .iter()
                .map(|found| found.severity)
                .max()
                .unwrap_or(Severity::Ok),
            findings,
        }
    }

    /// A check as it was stored; none when an older version stored it otherwise.
    pub(super) fn stored(check: Value, locale: Locale) -> Option<Self> {
        let report = serde_json::from_value(check).ok()?;
        Some(Self::new(report, locale))
    }
}

/// Checks the saved settings of an infobase, and keeps the findings.
pub(crate) async fn saved(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path(id): Path<Uuid>,
) -> Result<Json<ReportView>, Problem> {
    reach(&identity, id)?;
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let stored = infobases::get(&mut connection, id).await?;
    drop(connection);
    let stored = stored.ok_or(Error::InfobaseNotFound)?;
    let report = examine(&state, &stored).await?;
    let kept = serde_json::to_value(&report).map_err(Problem::internal)?;
    let mut transaction = state.pool.begin().await.store("begin")?;
    infobases::note_check(&mut transaction, id, &kept).await?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    audit(
        &mut transaction,
        &state,
        &caller,
        "infobases.checked",
        format!("infobase:{id}"),
        json!({"name": stored.name}),
    )
    .await?;
    transaction.commit().await.store("commit")?;
    Ok(Json(ReportView::new(report, locale())))
}

/// Checks settings that are not saved.
pub(crate) async fn unsaved(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Json(settings): Json<InfobaseSettings>,
) -> Result<Json<ReportView>, Problem> {
    settings.violations().finish()?;
    let mut infobase = Infobase::new(ids::new_id(), String::new(), settings.kind);
    settings
        .apply(&mut infobase, state.connections.vault())
        .map_err(|_| Error::Encryption)?;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    // Before the calls: whom we are made to call is worth knowing even when nothing comes of it.
    let mut connection = state.pool.acquire().await.store("acquire")?;
    let details = json!({"name": infobase.name, "address": infobase.base_url});
    audit(
        &mut connection,
        &state,
        &caller,
        "infobases.settings_checked",
        "infobases".to_owned(),
        details,
    )
    .await?;
    drop(connection);
    let report = examine(&state, &infobase).await?;
    Ok(Json(ReportView::new(report, locale())))
}

async fn examine(state: &AppState, infobase: &Infobase) -> Result<Report, Error> {
    let settings = state.connections.settings(infobase)?;
    let lookout = doctor::Lookout {
        profiles: state.profiles,
        services: state.services.anew(),
    };
    Ok(doctor::check(&settings, infobase, lookout, &state.clock).await)
}
