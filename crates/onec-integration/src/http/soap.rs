//! `/soap/services`: web services of 1C, their operations and calls of them.

use axum::extract::State;
use common::auth::Identity;
use common::http::{ClientIp, Json, Path, Problem, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Caller;
use super::services::{reach, record};
use crate::soap::{self, Call, Direction, ServiceName, SoapError, Version};
use crate::state::AppState;

/// Which infobase.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Where {
    /// May be left out when there is one.
    infobase: Option<Uuid>,
}

/// A web service of an infobase.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceView {
    /// The name it was found by.
    name: String,
    /// Target namespace of its description.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// Names of its operations.
    operations: Vec<String>,
    /// Code of why its description cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

/// `{items: […]}`: there are few, so they come at once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ServiceList {
    items: Vec<ServiceView>,
}

/// The web services found: 1C has no list of them, so known names are tried.
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
    Query(wanted): Query<Where>,
) -> Result<Json<ServiceList>, Problem> {
    let (infobase, connection) = reach(&state, &identity, wanted.infobase, "?infobase").await?;
    let found = state.services.list(infobase.id, &connection.transport).await?;
    let items = found
        .into_iter()
        .map(|found| match found.described {
            Ok(published) => ServiceView {
                name: found.name,
                namespace: Some(published.description.namespace.clone()),
                operations: published.description.operations.keys().cloned().collect(),
                error: None,
            },
            Err(code) => ServiceView {
                name: found.name,
                namespace: None,
                operations: Vec::new(),
                error: Some(code),
            },
        })
        .collect();
    Ok(Json(ServiceList { items }))
}

/// A service with its operations.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DescriptionView {
    /// The service's own name.
    name: String,
    namespace: String,
    operations: Vec<OperationView>,
}

/// An operation.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OperationView {
    name: String,
    /// Versions of SOAP it can be called by.
    soap_versions: Vec<Version>,
    parameters: Vec<ParameterView>,
    /// None: nothing is returned.
    result: Option<soap::Shape>,
}

/// A parameter.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ParameterView {
    name: String,
    direction: Direction,
    #[serde(flatten)]
    shape: soap::Shape,
}

/// What a service offers.
pub(crate) async fn get(
    State(state): State<AppState>,
    identity: Identity,
    Path(name): Path<String>,
    Query(wanted): Query<Where>,
) -> Result<Json<DescriptionView>, Problem> {
    let name = ServiceName::parse(&name).ok_or(SoapError::ServiceNotFound)?;
    let (infobase, connection) = reach(&state, &identity, wanted.infobase, "?infobase").await?;
    let transport = &connection.transport;
    let published = state.services.describe(infobase.id, transport, &name).await?;
    let description = &published.description;
    let shape = |member| soap::Shape::of(&description.schema, member);
    let operations = description
        .operations
        .iter()
        .map(|(name, operation)| OperationView {
            name: name.clone(),
            soap_versions: operation.actions.keys().copied().collect(),
            parameters: operation
                .parameters
                .iter()
                .map(|parameter| ParameterView {
                    name: parameter.member.name.local.to_string(),
                    direction: parameter.direction,
                    shape: shape(&parameter.member),
                })
                .collect(),
            result: operation.result.as_ref().map(shape),
        });
    Ok(Json(DescriptionView {
        name: description.name.clone(),
        namespace: description.namespace.clone(),
        operations: operations.collect(),
    }))
}

/// A call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallRequest {
    /// By name.
    #[serde(default)]
    arguments: Map<String, Value>,
    /// May be left out when there is one infobase.
    infobase_id: Option<Uuid>,
    /// By default 1.1 where it is offered.
    soap_version: Option<Version>,
}

/// What came of a call.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CallAnswer {
    /// What the operation returned.
    result: Value,
    /// Parameters that came out, by name.
    out: Map<String, Value>,
}

/// Calls an operation.
pub(crate) async fn call(
    State(state): State<AppState>,
    identity: Identity,
    ip: ClientIp,
    Path((name, operation)): Path<(String, String)>,
    Json(request): Json<CallRequest>,
) -> Result<Json<CallAnswer>, Problem> {
    let name = ServiceName::parse(&name).ok_or(SoapError::ServiceNotFound)?;
    let (infobase, connection) = reach(&state, &identity, request.infobase_id, "/infobase_id").await?;
    let call = Call {
        arguments: &request.arguments,
        at: "/arguments",
        version: request.soap_version,
    };
    let transport = &connection.transport;
    let services = &state.services;
    let answer = services
        .call(infobase.id, transport, &name, &operation, &call)
        .await;
    let caller = Caller {
        identity: &identity,
        ip,
    };
    let called = json!({"service": name.as_str(), "operation": operation});
    let failure = answer.as_ref().err().map(SoapError::code);
    record(
        &state,
        &caller,
        infobase.id,
        "web_services.called",
        called,
        failure,
    )
    .await?;
    let answer = answer?;
    Ok(Json(CallAnswer {
        result: answer.result,
        out: answer.out,
    }))
}
