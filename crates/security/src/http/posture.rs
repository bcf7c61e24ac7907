//! `/posture`: how well the system is guarded, and what to do about what is not.

use axum::extract::State;
use chrono::{DateTime, Duration, Utc};
use common::db::StoreResult;
use common::http::{Json, Problem};
use common::telemetry::RequestContext;
use common::{Locale, Text};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::state::AppState;
use crate::store;

/// How far back logins and registrations are looked at.
const RECENTLY: Duration = Duration::days(30);
/// An API key that has not been changed for so long is old.
const OLD_KEY: Duration = Duration::days(90);
/// PostgreSQL below this version gets no corrections any more.
const OLDEST_POSTGRES: i32 = 140_000;
/// Redis below this version gets no corrections any more.
const OLDEST_REDIS: (u32, u32) = (7, 2);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Ok,
    /// Could not be found out.
    Unknown,
    Warning,
    Critical,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Posture {
    /// The worst of all checks.
    status: Status,
    checked_at: DateTime<Utc>,
    checks: Vec<Check>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Check {
    id: &'static str,
    status: Status,
    title: String,
    /// What to do; absent where all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    details: Value,
}

/// Puts checks together in the reader's language.
struct Checks {
    locale: Locale,
    checks: Vec<Check>,
}

impl Checks {
    /// Adds a check; `bad` is its status when it has failed.
    fn add(
        &mut self,
        id: &'static str,
        fails: bool,
        bad: Status,
        title: &Text,
        advice: &Text,
        details: Value,
    ) {
        self.checks.push(Check {
            id,
            status: if fails { bad } else { Status::Ok },
            title: title.get(self.locale).to_owned(),
            advice: fails.then(|| advice.get(self.locale).to_owned()),
            details,
        });
    }
}

/// How well the system is guarded, and what to do about it.
pub(crate) async fn get(State(state): State<AppState>) -> Result<Json<Posture>, Problem> {
    let now = state.clock.now();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let facts = store::posture::facts(&mut connection, now - RECENTLY, now - OLD_KEY, now).await?;
    let (_, dead) = store::deliveries::waiting_and_dead(&mut connection).await?;
    drop(connection);
    let mut checks = Checks {
        locale: RequestContext::current_locale(),
        checks: Vec::new(),
    };
    accounts(&mut checks, &facts);
    defence(&mut checks, &state, &facts, dead);
    machinery(&mut checks, &state, &facts);
    redis_version(&mut checks, &state).await;
    Ok(Json(Posture {
        status: checks
            .checks
            .iter()
            .map(|check| check.status)
            .max()
            .unwrap_or(Status::Ok),
        checked_at: now,
        checks: checks.checks,
    }))
}

fn accounts(checks: &mut Checks, facts: &store::posture::Facts) {
    checks.add(
        "admins_second_factor",
        !facts.admins_by_password.is_empty(),
        Status::Critical,
        &Text::new(
            "Администраторы входят со вторым фактором",
            "Administrators log in with a second factor",
        ),
        &Text::new(
            "Попросите этих администраторов добавить приложение кодов или ключ доступа в профиле.",
            "Ask these administrators to add an application for codes or a passkey in their profile.",
        ),
        json!({ "users": facts.admins_by_password }),
    );
    checks.add(
        "registration",
        facts.registered > 0,
        Status::Warning,
        &Text::new("Никто не заводит себе учётную запись сам", "Nobody makes an account for themselves"),
        &Text::new(
            "За месяц появились самостоятельно созданные учётные записи. Если это не задумано, задайте REGISTRATION=invite.",
            "Accounts were made by registration within a month. Unless that is meant, set REGISTRATION=invite.",
        ),
        json!({ "registered": facts.registered }),
    );
    checks.add(
        "api_keys",
        facts.old_keys > 0,
        Status::Warning,
        &Text::new("Ключи API меняются", "API keys are rotated"),
        &Text::new(
            "Есть действующие ключи старше 90 дней: смените их (POST /api/users/api-keys/{id}/rotate).",
            "Valid keys are older than 90 days: rotate them (POST /api/users/api-keys/{id}/rotate).",
        ),
        json!({ "keys": facts.old_keys }),
    );
}

fn defence(checks: &mut Checks, state: &AppState, facts: &store::posture::Facts, dead: i64) {
    let channels = state.defence.channels();
    checks.add(
        "notifications",
        channels.configured().is_empty() && channels.alertmanager().is_none(),
        Status::Warning,
        &Text::new("Об угрозах есть кому сообщить", "Somebody is told of threats"),
        &Text::new(
            "Задайте THREATS_EMAIL, THREATS_WEBHOOK_URL, THREATS_TELEGRAM_CHAT или THREATS_ALERTMANAGER_URL.",
            "Set THREATS_EMAIL, THREATS_WEBHOOK_URL, THREATS_TELEGRAM_CHAT or THREATS_ALERTMANAGER_URL.",
        ),
        Value::Null,
    );
    checks.add(
        "deliveries",
        dead > 0,
        Status::Warning,
        &Text::new("Сообщения об угрозах доходят", "Messages about threats arrive"),
        &Text::new(
            "Посмотрите GET /api/security/notifications/deliveries?state=dead, исправьте получателя и повторите.",
            "See GET /api/security/notifications/deliveries?state=dead, mend the receiver and retry.",
        ),
        json!({ "dead": dead }),
    );
    checks.add(
        "responses",
        !state.defence.settings().enforce,
        Status::Warning,
        &Text::new(
            "На атаки система отвечает сама",
            "Attacks are answered by themselves",
        ),
        &Text::new("Задайте RESPONSES=enforce.", "Set RESPONSES=enforce."),
        Value::Null,
    );
    checks.add(
        "response_account",
        state.defence.identity().is_none(),
        Status::Warning,
        &Text::new("Сеансы захваченной учётной записи завершаются сами", "Sessions of an account that was taken over are ended by themselves"),
        &Text::new(
            "Заведите служебную учётную запись с правом users:admin и задайте RESPONSE_CLIENT_ID и RESPONSE_CLIENT_SECRET.",
            "Make a service account with users:admin and set RESPONSE_CLIENT_ID and RESPONSE_CLIENT_SECRET.",
        ),
        Value::Null,
    );
    checks.add(
        "unhandled_alerts",
        facts.unhandled > 0,
        Status::Critical,
        &Text::new(
            "Серьёзные оповещения разобраны за день",
            "Serious alerts are handled within a day",
        ),
        &Text::new(
            "Разберите их: GET /api/security/alerts?state=open.",
            "Handle them: GET /api/security/alerts?state=open.",
        ),
        json!({ "alerts": facts.unhandled }),
    );
    checks.add(
        "audit_log",
        facts.chain_broken,
        Status::Critical,
        &Text::new("Журнал аудита цел", "The audit log is whole"),
        &Text::new(
            "Ничего не исправляйте: см. GET /api/security/audit/verify и docs/runbooks.md.",
            "Repair nothing: see GET /api/security/audit/verify and docs/runbooks.md.",
        ),
        Value::Null,
    );
}

fn machinery(checks: &mut Checks, state: &AppState, facts: &store::posture::Facts) {
    let settings = state.defence.settings();
    checks.add(
        "environment",
        !settings.strict,
        Status::Critical,
        &Text::new("Слабые и общеизвестные пароли не принимаются", "Weak and well-known passwords are refused"),
        &Text::new(
            "Система работает в режиме разработки. Задайте ENVIRONMENT=production: с паролями из документации она не запустится.",
            "The system runs in development mode. Set ENVIRONMENT=production: it will not start with passwords of the documentation.",
        ),
        Value::Null,
    );
    checks.add(
        "database_role",
        facts.superuser,
        Status::Critical,
        &Text::new(
            "Сервис не может переписать журнал аудита",
            "The service cannot rewrite the audit log",
        ),
        &Text::new(
            "Роль базы данных сервиса — суперпользователь. Дайте ему роль без этого права.",
            "The service's database role is a superuser. Give it a role without that right.",
        ),
        Value::Null,
    );
    checks.add(
        "database_tls",
        !facts.encrypted && !settings.local_database,
        Status::Warning,
        &Text::new(
            "Соединение с базой данных шифруется",
            "The connection to the database is encrypted",
        ),
        &Text::new(
            "Добавьте sslmode=verify-full в DATABASE_URL, если база не в той же закрытой сети.",
            "Add sslmode=verify-full to DATABASE_URL unless the database is in the same closed network.",
        ),
        Value::Null,
    );
    checks.add(
        "postgres_version",
        facts.postgres_version < OLDEST_POSTGRES,
        Status::Warning,
        &Text::new("PostgreSQL получает исправления", "PostgreSQL gets corrections"),
        &Text::new(
            "Обновите PostgreSQL до 14 или новее.",
            "Update PostgreSQL to 14 or later.",
        ),
        json!({ "version": facts.postgres_version / 10_000 }),
    );
}

async fn redis_version(checks: &mut Checks, state: &AppState) {
    let version = match state.defence.redis() {
        Some(redis) => {
            let mut connection = redis.connection();
            let info: redis::RedisResult<String> = redis::cmd("INFO")
                .arg("server")
                .query_async(&mut connection)
                .await;
            info.ok().and_then(|info| version_of(&info))
        }
        None => None,
    };
    let title = Text::new("Redis получает исправления", "Redis gets corrections");
    let advice = Text::new(
        "Обновите Redis до 7.2 или новее.",
        "Update Redis to 7.2 or later.",
    );
    match version {
        Some((major, minor)) => {
            let details = json!({ "version": format!("{major}.{minor}") });
            checks.add(
                "redis_version",
                (major, minor) < OLDEST_REDIS,
                Status::Warning,
                &title,
                &advice,
                details,
            );
        }
        None => {
            let advice = Text::new("Redis не отвечает.", "Redis does not answer.");
            checks.add(
                "redis_version",
                true,
                Status::Unknown,
                &title,
                &advice,
                Value::Null,
            );
        }
    }
}

fn version_of(info: &str) -> Option<(u32, u32)> {
    let version = info
        .lines()
        .find_map(|line| line.strip_prefix("redis_version:"))?;
    let mut parts = version.trim().split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn the_version_is_read_from_what_redis_tells() {
        assert_eq!(
            version_of("# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n"),
            Some((7, 0))
        );
        assert_eq!(version_of("# Server\r\n"), None);
    }
}
