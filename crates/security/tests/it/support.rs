//! A running service.

use chrono::{DateTime, Utc};
use common::auth::Permission;
use common::clock::Clock;
use common::config::Environment;
use common::contract::events::{self as events_of, AUDIT_RECORDED, AuditEvent, AuthEvent, Outcome};
use common::events::{self, Event, Stream};
use common::service::{App, Context};
pub(crate) use common::testing::eventually_within as eventually;
use common::testing::{self, Client, Grant, Issuer, TestRedis, TestServer};
use security::{AppState, AuditConfig, Config, DEFINITION, Defence, DefenceSettings, SCHEMA};
use serde_json::{Value, json};
use sqlx::PgPool;

/// The routes alone, on a database of their own.
pub(crate) struct Service {
    pub(crate) db: PgPool,
    pub(crate) issuer: Issuer,
    pub(crate) server: TestServer,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::on(testing::database(&SCHEMA).await).await
    }

    pub(crate) async fn on(db: PgPool) -> Self {
        Self::on_at(db, Clock::system(), &[]).await
    }

    /// On that database, at that time, with those settings of the audit log.
    pub(crate) async fn on_at(db: PgPool, clock: Clock, audit: &[(&str, &str)]) -> Self {
        let issuer = Issuer::new();
        let mut reader = common::config::Reader::from_values(audit.iter().copied());
        let audit = AuditConfig::read(&mut reader).unwrap().keeping().unwrap();
        let state = AppState {
            db: db.clone(),
            audit,
            clock,
            defence: Defence::new(DefenceSettings::default(), None).unwrap(),
        };
        let router = security::routes().build(state, issuer.authenticator());
        let app = App {
            router,
            checks: vec![common::service::Check::postgres(&db)],
        };
        Self {
            db,
            issuer,
            server: TestServer::start(DEFINITION, app).await,
        }
    }

    pub(crate) fn client(&self, permissions: &[Permission]) -> Client {
        Client::anonymous(self.server.url()).with_token(self.issuer.token(permissions))
    }

    pub(crate) fn client_of(&self, grant: &Grant) -> Client {
        Client::anonymous(self.server.url()).with_token(self.issuer.sign(grant))
    }
}

/// The whole service as `main` starts it, with a Redis and a user-management of its own.
pub(crate) struct Whole {
    pub(crate) redis: TestRedis,
    pub(crate) issuer: Issuer,
    pub(crate) context: Context,
    server: TestServer,
    _keys: TestServer,
}

impl Whole {
    pub(crate) async fn start() -> Self {
        let redis = testing::redis().await;
        let url = redis.url().to_owned();
        Self::with_redis(redis, &url).await
    }

    pub(crate) async fn with_redis(redis: TestRedis, redis_url: &str) -> Self {
        let url = testing::database_url(&SCHEMA).await;
        Self::with(redis, redis_url, &url, &[]).await
    }

    /// With those settings too.
    pub(crate) async fn with(
        redis: TestRedis,
        redis_url: &str,
        database_url: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let issuer = Issuer::new();
        let jwks = issuer.jwks();
        let keys = axum::Router::new().route(
            "/jwks.json",
            axum::routing::get(move || {
                let jwks = jwks.clone();
                async move { axum::Json(jwks) }
            }),
        );
        let keys = TestServer::serve(keys).await;
        let jwks_url = format!("{}/jwks.json", keys.url());
        let own = [
            ("DATABASE_URL", database_url),
            ("REDIS_URL", redis_url),
            ("JWKS_URL", &jwks_url),
        ];
        let values = own.into_iter().chain(settings.iter().copied());
        let mut reader = common::config::Reader::from_values(values);
        let config = Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        let context = Context::new(DEFINITION.name, "one".to_owned(), Environment::Development);
        let app = security::start(config, context.clone()).await.unwrap();
        Self {
            redis,
            issuer,
            context,
            server: TestServer::start(DEFINITION, app).await,
            _keys: keys,
        }
    }

    pub(crate) fn client(&self, permissions: &[Permission]) -> Client {
        Client::anonymous(self.server.url()).with_token(self.issuer.token(permissions))
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) async fn publish(&self, stream: Stream, events: &[Event]) {
        let events: Vec<(Stream, Event)> = events.iter().map(|event| (stream, event.clone())).collect();
        events::publish(&self.redis.connect(), &events).await.unwrap();
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

pub(crate) fn login(kind: &str, at: DateTime<Utc>, ip: &str, account: &str) -> Event {
    let data = AuthEvent {
        user_id: None,
        email_hash: Some(account.to_owned()),
        ip: Some(ip.to_owned()),
        user_agent: None,
        reason: None,
    };
    let mut event = Event::new("user-management", kind, &Clock::system(), &data);
    event.time = at;
    event
}

pub(crate) fn audited(action: &str) -> Event {
    let data = AuditEvent {
        action: action.to_owned(),
        outcome: Outcome::Success,
        target: Some("user:1".to_owned()),
        ip: Some("192.0.2.1".to_owned()),
        details: json!({"n": 1.50}),
    };
    Event::new("user-management", AUDIT_RECORDED, &Clock::system(), &data)
}

pub(crate) async fn items(client: &Client, path: &str) -> Vec<Value> {
    let page: Value = client.get(path).await.json();
    page["items"].as_array().unwrap().clone()
}

/// Five failures within a minute from an address.
pub(crate) fn burst(ip: &str) -> Vec<Event> {
    let now = Clock::system().now();
    (0..5)
        .map(|n| {
            login(
                events_of::LOGIN_FAILED,
                now - chrono::Duration::seconds(n),
                ip,
                "hash",
            )
        })
        .collect()
}
