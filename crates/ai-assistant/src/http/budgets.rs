//! `GET` and `PUT /budgets`, `DELETE /budgets/{id}`: the limits of spending on language models.

use axum::extract::State;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::http::{Json, Path, Problem, Violations};
use common::{Text, ids};
use http::StatusCode;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::budget::{EACH, Limit, Period, Scope};
use crate::error::Error;
use crate::record;
use crate::state::AppState;
use crate::store::budgets::{self as store, Listed, Spent};

/// Characters of a role's name.
const LONGEST_ROLE: usize = 100;
/// Tokens of a limit.
const MOST_TOKENS: u64 = 1_000_000_000_000_000;
/// US dollars of a limit.
const MOST_USD: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// A limit to be set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitBody {
    scope: Scope,
    /// Id of the user or company, name of the role. Absent or `*`: each that has no limit of its own.
    subject: Option<String>,
    period: Period,
    /// IANA name of the zone whose days and months are meant; absent: that of the service.
    time_zone: Option<String>,
    /// Reached, it is told of.
    soft_tokens: Option<u64>,
    /// Reached, nothing more is spent.
    hard_tokens: Option<u64>,
    /// US dollars.
    soft_usd: Option<Decimal>,
    hard_usd: Option<Decimal>,
}

/// A limit.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LimitResponse {
    id: Uuid,
    scope: Scope,
    subject: String,
    period: Period,
    time_zone: Option<String>,
    soft_tokens: Option<u64>,
    hard_tokens: Option<u64>,
    soft_usd: Option<Decimal>,
    hard_usd: Option<Decimal>,
    updated_at: DateTime<Utc>,
    /// What is spent in this period; null for limits of each one, and before the first request.
    #[serde(skip_serializing_if = "Option::is_none")]
    spent: Option<SpentResponse>,
}

/// What is spent.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SpentResponse {
    tokens: u64,
    /// As far as prices are known.
    usd: Decimal,
    /// Attempts whose price is not known.
    unpriced: u64,
    /// Held for attempts that are under way.
    held_tokens: u64,
    held_usd: Decimal,
}

/// `{items: […]}`: there are few, so they come at once.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LimitsResponse {
    items: Vec<LimitResponse>,
}

fn response(limit: Limit, spent: Option<Spent>) -> LimitResponse {
    LimitResponse {
        id: limit.id,
        scope: limit.scope,
        subject: limit.subject,
        period: limit.period,
        time_zone: limit.time_zone,
        soft_tokens: limit.soft_tokens,
        hard_tokens: limit.hard_tokens,
        soft_usd: limit.soft_usd.map(|usd| usd.normalize()),
        hard_usd: limit.hard_usd.map(|usd| usd.normalize()),
        updated_at: limit.updated_at,
        spent: spent.map(|spent| SpentResponse {
            tokens: spent.tokens,
            usd: spent.usd.normalize(),
            unpriced: spent.unpriced,
            held_tokens: spent.held_tokens,
            held_usd: spent.held_usd.normalize(),
        }),
    }
}

/// All limits with what is spent of them.
#[tracing::instrument(name = "http.budgets.list", skip_all)]
pub(crate) async fn list(
    State(state): State<AppState>,
    identity: Identity,
) -> Result<Json<LimitsResponse>, Problem> {
    let now = state.context.clock.now();
    let mut db = state.db.acquire().await.store("acquire")?;
    let listed = store::limits(&mut db, state.zone, now).await?;
    let items = listed
        .into_iter()
        .filter(|listed| may_manage(&identity, listed.limit.scope, &listed.limit.subject))
        .map(|Listed { limit, spent }| response(limit, spent))
        .collect();
    Ok(Json(LimitsResponse { items }))
}

/// Sets a limit, or changes the one of the same scope and period.
#[tracing::instrument(name = "http.budgets.put", skip_all)]
pub(crate) async fn put(
    State(state): State<AppState>,
    identity: Identity,
    Json(body): Json<LimitBody>,
) -> Result<Json<LimitResponse>, Problem> {
    let mut limit = checked(&identity, body, state.context.clock.now())?;
    let mut tx = state.db.begin().await.store("begin")?;
    limit.id = store::limit_put(&mut tx, &limit, identity.user_id).await?;
    let details = json!({
        "soft_tokens": limit.soft_tokens,
        "hard_tokens": limit.hard_tokens,
        "soft_usd": limit.soft_usd,
        "hard_usd": limit.hard_usd,
        "time_zone": limit.time_zone,
    });
    let target = target(limit.scope.as_str(), &limit.subject, limit.period.as_str());
    let action = "budget.limit_set";
    record::audit(
        &mut tx,
        &state,
        &identity,
        action,
        Outcome::Success,
        Some(target),
        details,
    )
    .await?;
    tx.commit().await.store("commit")?;
    Ok(Json(response(limit, None)))
}

/// Takes a limit away.
#[tracing::instrument(name = "http.budgets.delete", skip_all)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    identity: Identity,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut tx = state.db.begin().await.store("begin")?;
    let removed = store::limit_delete(&mut tx, id).await?;
    let (scope, subject, period) = removed
        .filter(|(scope, subject, _)| {
            Scope::from_name(scope).is_none_or(|scope| may_manage(&identity, scope, subject))
        })
        .ok_or(Error::LimitNotFound)?;
    let target = target(&scope, &subject, &period);
    let action = "budget.limit_removed";
    record::audit(
        &mut tx,
        &state,
        &identity,
        action,
        Outcome::Success,
        Some(target),
        json!({}),
    )
    .await?;
    tx.commit().await.store("commit")?;
    Ok(StatusCode::NO_CONTENT)
}

fn target(scope: &str, subject: &str, period: &str) -> String {
    format!("budget:{scope}:{subject}:{period}")
}

/// Limits of a company are for those who may see it, limits of all or each for those who may see all.
fn may_manage(identity: &Identity, scope: Scope, subject: &str) -> bool {
    match (scope, subject.parse::<Uuid>()) {
        (Scope::Company, Ok(company)) => identity.companies.contains(company),
        (Scope::Company, Err(_)) | (Scope::All, _) => identity.companies.is_all(),
        (Scope::User | Scope::Role, _) => true,
    }
}

/// The limit of a request, or what is wrong with it.
fn checked(identity: &Identity, body: LimitBody, now: DateTime<Utc>) -> Result<Limit, Problem> {
    let mut violations = Violations::new();
    let subject = subject(&body, &mut violations);
    violations.check(
        may_manage(identity, body.scope, &subject),
        "/subject",
        Text::new(
            "Этой организации нет среди доступных вам; общие пределы задаёт тот, кому доступны все.",
            "The company is not among yours; limits of all are set by who may see all of them.",
        ),
    );
    violations.check(
        body.time_zone
            .as_deref()
            .is_none_or(|zone| zone.parse::<Tz>().is_ok()),
        "/time_zone",
        Text::new(
            "Нет такого часового пояса; пример: Europe/Moscow.",
            "There is no such time zone; an example is Europe/Moscow.",
        ),
    );
    for (pointer, tokens) in [
        ("/soft_tokens", body.soft_tokens),
        ("/hard_tokens", body.hard_tokens),
    ] {
        violations.check(
            tokens.is_none_or(|tokens| tokens <= MOST_TOKENS),
            pointer,
            Text::new("Слишком много токенов.", "Too many tokens."),
        );
    }
    for (pointer, usd) in [("/soft_usd", body.soft_usd), ("/hard_usd", body.hard_usd)] {
        violations.check(
            usd.is_none_or(|usd| !usd.is_sign_negative() && usd <= MOST_USD && usd.normalize().scale() <= 8),
            pointer,
            Text::new(
                "Нужна неотрицательная сумма в долларах, не больше миллиарда и до 8 знаков после запятой.",
                "An amount of dollars from 0 to a billion is needed, with up to 8 decimals.",
            ),
        );
    }
    let above = Text::new(
        "Мягкий предел больше жёсткого.",
        "The soft limit is above the hard one.",
    );
    let in_order = |soft_is_above: Option<bool>| !soft_is_above.unwrap_or(false);
    let tokens = body
        .soft_tokens
        .zip(body.hard_tokens)
        .map(|(soft, hard)| soft > hard);
    violations.check(in_order(tokens), "/soft_tokens", above.clone());
    let usd = body.soft_usd.zip(body.hard_usd).map(|(soft, hard)| soft > hard);
    violations.check(in_order(usd), "/soft_usd", above);
    let bounds = [
        body.soft_tokens.is_some(),
        body.hard_tokens.is_some(),
        body.soft_usd.is_some(),
        body.hard_usd.is_some(),
    ];
    violations.check(
        subject != EACH || bounds.contains(&true),
        "/hard_tokens",
        Text::new(
            "Нужен хотя бы один предел; без пределов бывает только отдельный пользователь, роль или организация.",
            "At least one bound is needed; only a single user, role or company can be without.",
        ),
    );
    violations.finish()?;
    Ok(Limit {
        id: ids::new_id(),
        scope: body.scope,
        subject,
        period: body.period,
        time_zone: body.time_zone,
        soft_tokens: body.soft_tokens,
        hard_tokens: body.hard_tokens,
        soft_usd: body.soft_usd,
        hard_usd: body.hard_usd,
        updated_at: now,
    })
}

fn subject(body: &LimitBody, violations: &mut Violations) -> String {
    let given = body.subject.as_deref().unwrap_or(EACH).trim();
    if given == EACH {
        return EACH.to_owned();
    }
    match body.scope {
        Scope::All => {
            violations.check(
                false,
                "/subject",
                Text::new(
                    "Общий предел ни к кому не относится: уберите subject.",
                    "The limit of all is nobody's own: leave subject out.",
                ),
            );
            EACH.to_owned()
        }
        Scope::Role => {
            violations.check(
                !given.is_empty() && given.chars().count() <= LONGEST_ROLE,
                "/subject",
                Text::new("Нужно имя роли.", "The name of a role is needed."),
            );
            given.to_owned()
        }
        Scope::User | Scope::Company => {
            let id = given.parse::<Uuid>();
            violations.check(
                id.is_ok(),
                "/subject",
                Text::new("Нужен идентификатор UUID.", "A UUID is needed."),
            );
            id.map_or_else(|_| given.to_owned(), |id| id.to_string())
        }
    }
}
