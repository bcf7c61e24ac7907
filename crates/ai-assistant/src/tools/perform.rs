//! Carrying a call out, with the caller's token, company and infobase.

use std::time::Duration;

use serde_json::{Value, json};

use super::found::Found;
use super::request::Request;
use super::{Onec, OnecError, Scope, arguments};
use crate::metrics;

/// Carries a call out within a time.
pub(super) async fn timed(
    onec: &Onec,
    scope: &Scope,
    timeout: Duration,
    request: Request,
) -> Result<Found, OnecError> {
    let tool = request.tool();
    let found = tokio::time::timeout(timeout, perform(onec, scope, request))
        .await
        .unwrap_or_else(|elapsed| Err(OnecError::Unreachable(elapsed.into())));
    metrics::tool_called(tool.name(), found.as_ref().map(|_| ()));
    found
}

/// Carries a call out. The request's company and infobase win; a model cannot name a company at all, and
/// the infobase that it names is read with the rights of the caller.
async fn perform(onec: &Onec, scope: &Scope, request: Request) -> Result<Found, OnecError> {
    let token = &scope.token;
    Ok(match request {
        Request::Report(report, mut query) => {
            query.company = scope.company.or(query.company);
            query.infobase = scope.infobase.or(query.infobase);
            Found::Report(Box::new(onec.report(token, report, &query).await?))
        }
        Request::Search {
            kind,
            query,
            infobase,
        } => {
            let infobase = scope.infobase.or(infobase);
            Found::Matches(onec.search(token, kind, &query, infobase, 10).await?)
        }
        Request::Companies { infobase } => {
            let infobase = scope.infobase.or(infobase);
            let mut companies = onec.companies(token).await?;
            companies.retain(|company| {
                infobase.is_none_or(|id| company.infobase_id == id)
                    && (scope.company.is_none() || company.id == scope.company)
            });
            Found::Companies(companies)
        }
        Request::Entities {
            kind,
            query,
            infobase,
        } => {
            let kind = kind.and_then(|kind| serde_json::to_value(kind).ok());
            let kind = kind.as_ref().and_then(Value::as_str);
            let infobase = scope.infobase.or(infobase);
            Found::Entities(onec.entities(token, kind, query.as_deref(), infobase).await?)
        }
        Request::Entity { name, infobase } => {
            let infobase = scope.infobase.or(infobase);
            Found::Entity(Box::new(onec.entity(token, &name, infobase).await?))
        }
        Request::ReportFile(report, mut query) => {
            query.company = scope.company.or(query.company);
            query.infobase = scope.infobase.or(query.infobase);
            match onec.report_file(token, report, &query).await {
                Ok(file) => Found::File(Box::new(file)),
                // The figures can be told without it.
                Err(OnecError::Unreachable(_)) => Found::Refused(
                    "Файлы отчётов сейчас не делаются. Скажи об этом и ответь текстом.".to_owned(),
                ),
                Err(error) => return Err(error),
            }
        }
        Request::Rows(asked) => rows(onec, scope, &asked).await?,
        Request::Draft(asked) => {
            let mut draft = json!({
                "entity": asked.entity,
                "values": asked.values,
                "post": asked.post.unwrap_or(false),
            });
            let given = [
                ("ref", asked.r#ref),
                ("infobase_id", scope.infobase.or(asked.infobase)),
                ("company_id", scope.company),
            ];
            for (name, id) in given {
                if let Some(id) = id {
                    draft[name] = json!(id);
                }
            }
            Found::Draft(Box::new(onec.draft(token, &draft).await?))
        }
    })
}

async fn rows(onec: &Onec, scope: &Scope, asked: &arguments::Rows) -> Result<Found, OnecError> {
    let infobase = scope.infobase.or(asked.infobase);
    let entity = onec.entity(&scope.token, &asked.entity, infobase).await?;
    let mut parameters = match entity.query(asked) {
        Ok(parameters) => parameters,
        Err(text) => return Ok(Found::Refused(text)),
    };
    parameters.extend(infobase.map(|id| ("infobase", id.to_string())));
    parameters.extend(scope.company.map(|id| ("company", id.to_string())));
    let rows = onec.rows(&scope.token, &asked.entity, &parameters).await?;
    Ok(Found::Rows(Box::new(rows)))
}
