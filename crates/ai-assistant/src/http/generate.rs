//! `POST /generate`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use common::Text;
use common::auth::Identity;
use common::http::{Json, Problem, Violations};
use common::idempotency::Key;
use http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::generate::run::{self, Kind, Opened, Order};
use crate::state::AppState;

/// Characters of a task.
const MAX_CHARS: usize = 8000;

/// A text to be written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GenerateRequest {
    /// What to write; a free text when absent.
    kind: Option<Kind>,
    /// The same, as the name of a template.
    template: Option<Kind>,
    prompt: Option<String>,
    /// What to put into a template: `counterparty`, `date`, `from`, `to`, `company_name`,
    /// `signatory`, `position`, `subject`, `valid_until`.
    #[serde(default)]
    parameters: Map<String, Value>,
    company_id: Option<Uuid>,
    infobase_id: Option<Uuid>,
    model: Option<String>,
}

#[tracing::instrument(name = "http.generate", skip_all)]
pub(crate) async fn generate(
    State(state): State<AppState>,
    identity: Identity,
    headers: HeaderMap,
    Json(request): Json<GenerateRequest>,
) -> Result<Response, Problem> {
    let order = Order {
        kind: request.template.or(request.kind).unwrap_or(Kind::Text),
        prompt: request.prompt.filter(|prompt| !prompt.trim().is_empty()),
        parameters: request.parameters,
        company_id: request.company_id,
        infobase_id: request.infobase_id,
        model: request.model,
    };
    check(&order)?;
    let request = serde_json::to_vec(&order).map_err(Problem::internal)?;
    let key = Key::read(&headers, identity.user_id, "generate", &request)?;
    let job = match run::open(state.clone(), identity, order, key).await? {
        Opened::Replay(answer) => return Ok(Json(answer).into_response()),
        Opened::Job(job) => job,
    };
    let cancel = CancellationToken::new();
    let _guard = cancel.clone().drop_guard();
    let (sender, receiver) = oneshot::channel();
    state.context.spawn_transient(async move {
        let _ = sender.send(job.run(cancel).await);
    });
    let generated = receiver.await.map_err(Problem::internal)??;
    Ok(Json(generated).into_response())
}

fn check(order: &Order) -> Result<(), Problem> {
    let mut violations = Violations::new();
    violations.check(
        order.kind.is_template() || order.prompt.is_some(),
        "/prompt",
        Text::new("Опишите, что написать.", "Say what to write."),
    );
    violations.check(
        order
            .prompt
            .as_deref()
            .is_none_or(|prompt| prompt.chars().count() <= MAX_CHARS),
        "/prompt",
        Text::new(
            "Задание длиннее 8000 символов.",
            "The task is longer than 8000 characters.",
        ),
    );
    let text = |name: &str| {
        order
            .parameters
            .get(name)
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    };
    violations.check(
        !matches!(order.kind, Kind::Reminder | Kind::ReconciliationCover)
            || order.prompt.is_some()
            || text("counterparty").is_some(),
        "/parameters/counterparty",
        Text::new("Назовите контрагента.", "Name the counterparty."),
    );
    for name in ["date", "from", "to"] {
        violations.check(
            text(name).is_none_or(|value| value.parse::<NaiveDate>().is_ok()),
            &format!("/parameters/{name}"),
            Text::new("Дата в виде ГГГГ-ММ-ДД.", "A date such as 2026-10-31."),
        );
    }
    violations.finish()
}
