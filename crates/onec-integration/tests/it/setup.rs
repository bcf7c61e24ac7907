//! A running service over a demo infobase.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use chrono::NaiveDate;
use common::auth::Permission;
use common::config::{Environment, Reader};
use common::service::{App, Context};
use common::testing::{self, Client, Grant, Issuer, TestRedis, TestServer};
use onec_demo::{Base, Options, ServerOptions};
use onec_integration::{AppState, Config, DEFINITION};
use serde_json::{Value, json};
use uuid::Uuid;

/// The first day that the demo base does not have.
pub(crate) fn until() -> NaiveDate {
    day("2025-04-01")
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// Five months of the demo company, generated once.
pub(crate) fn base() -> Arc<Base> {
    static BASE: LazyLock<Arc<Base>> = LazyLock::new(|| {
        Arc::new(Base::generate(&Options {
            until: until(),
            ..Options::default()
        }))
    });
    BASE.clone()
}

/// The demo 1C server.
pub(crate) async fn demo() -> TestServer {
    TestServer::serve(onec_demo::router(base(), ServerOptions::default())).await
}

/// A service under test.
pub(crate) struct Service {
    pub(crate) issuer: Issuer,
    pub(crate) context: Context,
    pub(crate) database_url: String,
    server: TestServer,
    _redis: TestRedis,
}

impl Service {
    /// Starts the service over the infobase at an address, if there is one.
    pub(crate) async fn start(onec: Option<&str>) -> Self {
        let database_url = testing::database_url(&onec_integration::SCHEMA).await;
        Self::start_over(database_url, onec, &[]).await
    }

    /// Starts the service over a database that may have seen another process of it.
    pub(crate) async fn start_over(database_url: String, onec: Option<&str>, more: &[(&str, &str)]) -> Self {
        let redis = testing::redis().await;
        let mut values = vec![
            ("DATABASE_URL", database_url.as_str()),
            ("DATABASE_ACQUIRE_TIMEOUT", "2s"),
            ("REDIS_URL", redis.url()),
            ("SYNC_INTERVAL", "1h"),
            ("PROBE_INTERVAL", "200ms"),
            ("ONEC_USERNAME", "odata"),
            ("ONEC_PASSWORD", "odata-demo"),
            ("ONEC_NAME", "Демо"),
        ];
        let address = onec.map(|onec| format!("{onec}/demo"));
        if let Some(address) = &address {
            values.push(("ONEC_SERVER_URL", address));
        }
        values.extend(more);
        let mut reader = Reader::from_values(values);
        let config = Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        let context = Context::new(DEFINITION.name, "test:1".to_owned(), Environment::Development);
        let app = onec_integration::start(config.clone(), context.clone()).await.unwrap();
        // The same routes again, with an authenticator that knows the test's key.
        let pool = sqlx::PgPool::connect(&database_url).await.unwrap();
        let state = AppState::new(&config, pool, &context).unwrap();
        let issuer = Issuer::new();
        let router = onec_integration::routes().build(state, issuer.authenticator());
        let server = TestServer::start(DEFINITION, App { router, checks: app.checks }).await;
        Self {
            issuer,
            context,
            database_url,
            server,
            _redis: redis,
        }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn client(&self, permissions: &[Permission]) -> Client {
        Client::anonymous(self.url()).with_token(self.issuer.token(permissions))
    }

    pub(crate) fn client_of(&self, companies: impl IntoIterator<Item = Uuid>) -> Client {
        let grant = Grant::new(&[Permission::OnecRead]).companies(companies);
        Client::anonymous(self.url()).with_token(self.issuer.sign(&grant))
    }

    /// A client that may do everything.
    pub(crate) fn admin(&self) -> Client {
        self.client(Permission::ALL)
    }

    /// Waits for the latest job to end and returns it.
    pub(crate) async fn synchronised(&self) -> Value {
        let admin = self.admin();
        eventually("a synchronisation ends", async || {
            let jobs: Value = admin.get("/sync/jobs").await.json();
            let job = jobs["items"].get(0)?.clone();
            matches!(job["state"].as_str(), Some("succeeded" | "failed")).then_some(job)
        })
        .await
    }

    /// Starts a synchronisation and waits for its end.
    pub(crate) async fn synchronise(&self, full: bool) -> Value {
        let started = self.admin().post("/sync/data", &json!({"full": full})).await;
        assert_eq!(started.status, 202, "{}", started.text());
        self.synchronised().await
    }

    pub(crate) async fn pool(&self) -> sqlx::PgPool {
        sqlx::PgPool::connect(&self.database_url).await.unwrap()
    }

    /// Ends the background work at once, as a kill would.
    pub(crate) fn stop(&self) {
        self.context.shutdown.cancel();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Waits until there is a value.
pub(crate) async fn eventually<T>(what: &str, mut value: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(value) = value().await {
            return value;
        }
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
