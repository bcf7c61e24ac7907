//! A running service.

use analytics::{Config, DEFINITION, SCHEMA};
use chrono::{DateTime, Utc};
use common::auth::Permission;
use common::clock::Clock;
use common::config::{Environment, Reader};
use common::contract::events::{
    ASSISTANT_ANSWERED, REQUEST_HANDLED, RequestEvent, SYNC_ENDED, SyncEvent, UsageEvent,
};
use common::events::{self, Actor, Event, Stream};
use common::service::Context;
use common::testing::{self, Client, Grant, Issuer, TestRedis, TestServer};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::onec::StandIn;
pub(crate) use common::testing::eventually;

/// The whole service with a Redis, a user-management and an onec-integration of its own.
pub(crate) struct Service {
    pub(crate) redis: TestRedis,
    pub(crate) issuer: Issuer,
    pub(crate) db: PgPool,
    pub(crate) onec: StandIn,
    pub(crate) server: TestServer,
    context: Context,
    pub(crate) keys: TestServer,
}

/// What is not as usual.
#[derive(Default)]
pub(crate) struct Setting {
    pub(crate) redis: Option<TestRedis>,
    pub(crate) redis_url: Option<String>,
    /// Port of a proxy in front of the database; the URL is then made with it.
    pub(crate) database: Option<(String, String)>,
    pub(crate) onec_url: Option<String>,
    /// Settings beside the usual ones, or in their place.
    pub(crate) more: Vec<(&'static str, String)>,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::with(Setting::default()).await
    }

    pub(crate) async fn with(setting: Setting) -> Self {
        let redis = match setting.redis {
            Some(redis) => redis,
            None => testing::redis().await,
        };
        let issuer = Issuer::new();
        let onec = StandIn::start(&issuer).await;
        let jwks = issuer.jwks();
        let keys = axum::Router::new().route(
            "/jwks.json",
            axum::routing::get(move || {
                let jwks = jwks.clone();
                async move { axum::Json(jwks) }
            }),
        );
        let keys = TestServer::serve(keys).await;
        let (direct, url) = match setting.database {
            Some(urls) => urls,
            None => {
                let url = testing::database_url(&SCHEMA).await;
                (url.clone(), url)
            }
        };
        // Nothing listens on port 9: those services are down.
        let mut values = vec![
            ("DATABASE_URL", url),
            ("DATABASE_ACQUIRE_TIMEOUT", "1s".to_owned()),
            (
                "REDIS_URL",
                setting.redis_url.unwrap_or_else(|| redis.url().to_owned()),
            ),
            ("JWKS_URL", format!("{}/jwks.json", keys.url())),
            (
                "ONEC_INTEGRATION_URL",
                setting.onec_url.unwrap_or_else(|| onec.url()),
            ),
            ("GATEWAY_URL", format!("http://127.0.0.1:9,{}", onec.url())),
            ("AI_ASSISTANT_URL", "http://127.0.0.1:9".to_owned()),
            ("USER_MANAGEMENT_URL", "http://127.0.0.1:9".to_owned()),
            ("SECURITY_URL", "http://127.0.0.1:9".to_owned()),
            ("ROLLUP_EVERY", "100ms".to_owned()),
        ];
        values.retain(|(name, _)| setting.more.iter().all(|(other, _)| other != name));
        values.extend(setting.more);
        let mut reader = Reader::from_values(values);
        let config = Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        let context = Context::new(DEFINITION.name, "one".to_owned(), Environment::Development);
        let app = analytics::start(config, context.clone()).await.unwrap();
        Self {
            redis,
            issuer,
            db: PgPool::connect(&direct).await.unwrap(),
            onec,
            server: TestServer::start(DEFINITION, app).await,
            context,
            keys,
        }
    }

    pub(crate) fn client(&self, permissions: &[Permission]) -> Client {
        self.client_of(&Grant::new(permissions))
    }

    pub(crate) fn client_of(&self, grant: &Grant) -> Client {
        Client::anonymous(self.server.url()).with_token(self.issuer.sign(grant))
    }

    pub(crate) async fn publish(&self, stream: Stream, events: &[Event]) {
        let events: Vec<(Stream, Event)> = events.iter().map(|event| (stream, event.clone())).collect();
        events::publish(&self.redis.connect(), &events).await.unwrap();
    }

    pub(crate) async fn number(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(&self.db).await.unwrap()
    }

    /// Waits until a query gives a number.
    pub(crate) async fn reaches(&self, statement: &'static str, expected: i64) {
        eventually(statement, async || self.number(statement).await == expected).await;
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

fn at(time: DateTime<Utc>, kind: &str, data: &impl serde::Serialize) -> Event {
    let mut event = Event::new("test", kind, &Clock::system(), data);
    event.time = time;
    event
}

pub(crate) fn now() -> DateTime<Utc> {
    Clock::system().now()
}

pub(crate) fn request(
    time: DateTime<Utc>,
    upstream: &str,
    status: u16,
    ms: u64,
    user: Option<Uuid>,
) -> Event {
    let data = RequestEvent {
        method: "GET".to_owned(),
        route: "/api/x/*".to_owned(),
        upstream: Some(upstream.to_owned()),
        status,
        duration_ms: ms,
        ip: "192.0.2.1".to_owned(),
        user_id: user,
        user_agent: Some("curl".to_owned()),
        code: None,
        target: None,
        path: None,
    };
    at(time, REQUEST_HANDLED, &data)
}

pub(crate) fn answered(
    time: DateTime<Utc>,
    user: Uuid,
    model: &str,
    outcome: &str,
    cost: Option<&str>,
) -> Event {
    let data = UsageEvent {
        conversation_id: None,
        operation: "chat".to_owned(),
        provider: "openai".to_owned(),
        model: model.to_owned(),
        outcome: outcome.to_owned(),
        intent: None,
        input_tokens: 100,
        output_tokens: 20,
        cost_usd: cost.map(|cost| cost.parse().unwrap()),
        tool_calls: 1,
        duration_ms: 900,
        first_token_ms: None,
        company_id: None,
        estimated: false,
        cached: false,
    };
    let actor = Actor {
        user_id: user,
        role: "user".to_owned(),
    };
    at(time, ASSISTANT_ANSWERED, &data).actor(actor)
}

pub(crate) fn synced(time: DateTime<Utc>, infobase: Uuid, outcome: &str, rows: u64) -> Event {
    let data = SyncEvent {
        infobase_id: infobase,
        infobase: "Бухгалтерия".to_owned(),
        job_id: common::ids::new_id(),
        outcome: outcome.to_owned(),
        rows,
        duration_ms: 5000,
        error: (outcome == "failed").then(|| "onec.infobase_unreachable".to_owned()),
    };
    at(time, SYNC_ENDED, &data)
}

/// The member of a list that has this value under this key.
pub(crate) fn find<'a>(list: &'a Value, key: &str, value: &str) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|item| item[key] == value)
        .unwrap_or(&Value::Null)
}
