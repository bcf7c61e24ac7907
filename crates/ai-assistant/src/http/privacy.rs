//! `GET` and `PUT /privacy/policies`, `DELETE /privacy/policies/{company_id}`,
//! `POST /privacy/preview`: what may leave the company, and what would.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use common::Text;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::{StoreError, StoreResult};
use common::http::{Json, Path, Problem, Violations};
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::error::Error;
use crate::privacy::{self, Kind, Mode, Policy, Subject};
use crate::record;
use crate::state::AppState;
use crate::store::{conversations, privacy as store};

/// Characters of a text to preview.
const MAX_CHARS: usize = 20_000;

/// The policy of a company, or of all that have none of their own.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyBody {
    /// A company (organisation of 1C); null for all that have no policy of their own.
    company_id: Option<Uuid>,
    /// `send`, `mask` or `forbid`.
    mode: Mode,
    /// Hide names of goods too.
    #[serde(default)]
    mask_items: bool,
    /// Kinds that are not hidden.
    #[serde(default)]
    keep: BTreeSet<Kind>,
}

/// All policies.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PoliciesResponse {
    /// True when nothing goes outside at all (`LOCAL_ONLY`).
    local_only: bool,
    /// Of companies that have none of their own.
    default: PolicyBody,
    /// Of companies that the caller may see.
    items: Vec<PolicyBody>,
}

/// What to preview.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PreviewRequest {
    /// A text, such as a question.
    text: Option<String>,
    /// Data, such as the result of a report.
    data: Option<Value>,
    company_id: Option<Uuid>,
    infobase_id: Option<Uuid>,
    /// Its tokens are used; new ones are not kept.
    conversation_id: Option<Uuid>,
}

/// Exactly what would leave.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PreviewResponse {
    mode: Mode,
    /// False when nothing would be sent.
    sent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
    /// What stands for what.
    tokens: Vec<TokenResponse>,
    /// How many things of each kind are hidden.
    counts: BTreeMap<Kind, u64>,
}

/// A token.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TokenResponse {
    token: String,
    kind: Kind,
    value: String,
}

fn body(company_id: Option<Uuid>, policy: Policy) -> PolicyBody {
    PolicyBody {
        company_id,
        mode: policy.mode,
        mask_items: policy.mask_items,
        keep: policy.keep,
    }
}

/// Policies of companies: what may be sent to external models.
#[tracing::instrument(name = "http.privacy.policies.list", skip_all)]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<PoliciesResponse>, Problem> {
    let mut db = state.db.acquire().await.store("acquire")?;
    let policies = store::policies(&mut db).await?;
    Ok(Json(PoliciesResponse {
        local_only: state.privacy.local_only,
        default: body(None, policies.default),
        items: policies
            .companies
            .into_iter()
            .filter(|(id, _)| identity.companies.contains(*id))
            .map(|(id, policy)| body(Some(id), policy))
            .collect(),
    }))
}

/// Sets the policy of a company.
#[tracing::instrument(name = "http.privacy.policies.put", skip_all)]
pub(crate) async fn put(
    State(state): State<AppState>,
    identity: Identity,
    Json(request): Json<PolicyBody>,
) -> Result<Json<PolicyBody>, Problem> {
    check_company(&identity, request.company_id)?;
    let mut violations = Violations::new();
    violations.check(
        !request.keep.contains(&Kind::Literal) && !request.keep.contains(&Kind::Item),
        "/keep",
        Text::new(
            "literal скрывается всегда, а названиями товаров управляет mask_items.",
            "literal is always hidden, and names of goods are up to mask_items.",
        ),
    );
    violations.finish()?;
    let policy = Policy {
        mode: request.mode,
        mask_items: request.mask_items,
        keep: request.keep,
    };
    let now = state.context.clock.now();
    let mut tx = state.db.begin().await.store("begin")?;
    store::policy_put(&mut tx, request.company_id, &policy, identity.user_id, now).await?;
    let details = json!({"mode": policy.mode, "mask_items": policy.mask_items, "keep": policy.keep});
    audit(
        &mut tx,
        &state,
        &identity,
        "privacy.policy_changed",
        request.company_id,
        details,
    )
    .await?;
    tx.commit().await.store("commit")?;
    Ok(Json(body(request.company_id, policy)))
}

/// Takes a policy away; the default counts again.
#[tracing::instrument(name = "http.privacy.policies.delete", skip_all)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(company): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    check_company(&identity, Some(company))?;
    let mut tx = state.db.begin().await.store("begin")?;
    if company.is_nil() || !store::policy_delete(&mut tx, company).await? {
        return Err(Error::PolicyNotFound.into());
    }
    audit(
        &mut tx,
        &state,
        &identity,
        "privacy.policy_removed",
        Some(company),
        json!({}),
    )
    .await?;
    tx.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

/// The default is of all companies, so it takes the right to all.
fn check_company(identity: &Identity, company: Option<Uuid>) -> Result<(), Problem> {
    let allowed = match company {
        Some(company) => identity.companies.contains(company),
        None => identity.companies.is_all(),
    };
    if allowed {
        return Ok(());
    }
    let mut violations = Violations::new();
    violations.check(
        false,
        "/company_id",
        Text::new(
            "Этой организации нет среди доступных вам; общие правила меняет тот, кому доступны все.",
            "The company is not among yours; the default is changed by who may see all of them.",
        ),
    );
    violations.finish()
}

async fn audit(
    db: &mut PgConnection,
    state: &AppState,
    identity: &Identity,
    action: &str,
    company: Option<Uuid>,
    details: Value,
) -> Result<(), StoreError> {
    let target = company.map_or_else(|| "companies".to_owned(), |id| format!("company:{id}"));
    record::audit(
        db,
        state,
        identity,
        action,
        Outcome::Success,
        Some(target),
        details,
    )
    .await
}

/// Shows what exactly would be sent of a text.
#[tracing::instrument(name = "http.privacy.preview", skip_all)]
pub(crate) async fn preview(
    State(state): State<AppState>,
    identity: Identity,
    Json(request): Json<PreviewRequest>,
) -> Result<Json<PreviewResponse>, Problem> {
    let mut violations = Violations::new();
    violations.check(
        request.text.is_some() || request.data.is_some(),
        "/text",
        Text::new("Нужен text или data.", "text or data is needed."),
    );
    let length = request.text.as_deref().map_or(0, |text| text.chars().count())
        + request
            .data
            .as_ref()
            .map_or(0, |data| data.to_string().chars().count());
    violations.check(
        length <= MAX_CHARS,
        "/text",
        Text::new("Длиннее 20 000 символов.", "Longer than 20,000 characters."),
    );
    violations.finish()?;
    if let Some(id) = request.conversation_id {
        let mut db = state.db.acquire().await.store("acquire")?;
        conversations::conversation_get(&mut db, identity.user_id, id)
            .await?
            .ok_or(Error::ConversationNotFound)?;
    }
    let subject = Subject {
        company: request.company_id,
        infobase: request.infobase_id,
        conversation: request.conversation_id,
    };
    let policy = privacy::policy(&state, &identity, subject).await?;
    let mode = policy.mode;
    let mut response = PreviewResponse {
        mode,
        sent: mode != Mode::Forbid,
        text: None,
        data: None,
        tokens: Vec::new(),
        counts: BTreeMap::new(),
    };
    match mode {
        Mode::Forbid => {}
        Mode::Send => {
            response.text = request.text;
            response.data = request.data;
        }
        Mode::Mask => {
            let mask = privacy::mask(policy, &state, &identity, subject).await?;
            // Regular expressions over a long text take their time.
            let (text, data) = (request.text, request.data);
            let (mask, text, data) = tokio::task::spawn_blocking(move || {
                let text = text.map(|text| mask.outgoing(&text));
                let data = data.map(|data| mask.outgoing_json(&data));
                (mask, text, data)
            })
            .await
            .map_err(Problem::internal)?;
            let all = format!(
                "{} {}",
                text.as_deref().unwrap_or_default(),
                data.as_ref().map(Value::to_string).unwrap_or_default()
            );
            response.text = text;
            response.data = data;
            for secret in mask.used(&all) {
                *response.counts.entry(secret.kind).or_default() += 1;
                response.tokens.push(TokenResponse {
                    token: secret.token(),
                    kind: secret.kind,
                    value: secret.value,
                });
            }
        }
    }
    Ok(Json(response))
}
