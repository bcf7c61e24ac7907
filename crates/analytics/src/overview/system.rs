//! Panels about the system itself, from our own tables.

use chrono::{DateTime, Utc};
use common::auth::Identity;
use common::db::{StoreError, StoreResult};
use common::{Locale, Text};
use serde_json::{Value, json};

use super::{Panel, PanelKind};
use crate::period::Span;
use crate::quantile::Histogram;
use crate::state::AppState;
use crate::store::overview::{self, StepCount};
use crate::store::system;

pub(super) async fn panels(
    state: &AppState,
    caller: &Identity,
    span: Span,
    step: &str,
    now: DateTime<Utc>,
    locale: Locale,
) -> Result<Vec<Panel>, StoreError> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let zone = state.time_zone.name();
    let steps = overview::requests(&mut connection, span, step, zone).await?;
    let questions = overview::questions(&mut connection, span, zone).await?;
    let models = system::models(&mut connection, span).await?;
    let infobases = system::infobases(&mut connection, span, &caller.infobases).await?;

    let panel = |id, kind, title: Text, unit, data| Panel {
        id,
        kind,
        title: title.get(locale).to_owned(),
        unit,
        as_of: Some(now),
        data: Some(data),
        error: None,
    };
    let (requests, latency) = series(&steps);
    let cost: Vec<Value> = models
        .iter()
        .map(|model| {
            json!({
                "provider": model.provider, "model": model.model, "calls": model.calls,
                "failures": model.failures,
                "cost_usd": model.cost_usd.map(|cost| cost.normalize().to_string()),
            })
        })
        .collect();
    let freshness: Vec<Value> = infobases
        .iter()
        .map(|infobase| {
            let age = infobase.last_success_at.map(|at| (now - at).num_seconds());
            json!({
                "infobase_id": infobase.infobase_id, "infobase": infobase.infobase,
                "last_sync_at": infobase.last_sync_at, "last_outcome": infobase.last_outcome,
                "last_success_at": infobase.last_success_at, "age_seconds": age,
            })
        })
        .collect();
    Ok(vec![
        panel(
            "requests",
            PanelKind::Timeseries,
            Text::new("Запросы и ошибки", "Requests and errors"),
            "requests",
            json!({ "step": step, "points": requests }),
        ),
        panel(
            "latency",
            PanelKind::Timeseries,
            Text::new("Время ответа", "Response time"),
            "ms",
            json!({ "step": step, "points": latency }),
        ),
        panel(
            "questions",
            PanelKind::Bars,
            Text::new("Вопросы ассистенту по дням", "Questions to the assistant by day"),
            "questions",
            json!({ "points": questions }),
        ),
        panel(
            "model_cost",
            PanelKind::Table,
            Text::new("Стоимость моделей", "Cost of models"),
            "USD",
            json!({ "rows": cost }),
        ),
        panel(
            "sync_freshness",
            PanelKind::Table,
            Text::new("Свежесть данных 1С", "Freshness of 1C data"),
            "s",
            json!({ "rows": freshness }),
        ),
    ])
}

/// Points of the two panels about requests.
fn series(steps: &[StepCount]) -> (Vec<Value>, Vec<Value>) {
    let points = steps.chunk_by(|one, other| one.at == other.at).map(|step| {
        let mut durations = Histogram::default();
        for row in step {
            if let Some(bucket) = row.bucket {
                durations.add(bucket, row.count);
            }
        }
        let errors: i64 = step.iter().map(|row| row.errors).sum();
        let at = step[0].at;
        (
            json!({ "at": at, "requests": durations.count(), "errors": errors }),
            json!({ "at": at, "p50_ms": durations.quantile(0.5), "p95_ms": durations.quantile(0.95) }),
        )
    });
    points.unzip()
}
