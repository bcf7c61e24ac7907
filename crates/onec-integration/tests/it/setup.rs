//! A running service over a demo infobase.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use chrono::NaiveDate;
use common::auth::Permission;
use common::clock::Clock;
use common::config::{Environment, Reader};
use common::service::{App, Context};
use common::testing::eventually_some;
use common::testing::{self, Client, Grant, Issuer, TestRedis, TestServer};
use onec_demo::{Base, Options, ServerOptions};
use onec_integration::{AppState, Config, DEFINITION};
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// The first day that the demo base does not have.
pub(crate) const UNTIL: &str = "2025-04-01";

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// The demo company up to a day.
pub(crate) fn grown(until: &str) -> Arc<Base> {
    Arc::new(Base::generate(&Options {
        until: day(until),
        ..Options::default()
    }))
}

/// Five months of the demo company, generated once.
pub(crate) fn base() -> Arc<Base> {
    static BASE: LazyLock<Arc<Base>> = LazyLock::new(|| grown(UNTIL));
    BASE.clone()
}

/// The demo 1C server.
pub(crate) async fn demo() -> TestServer {
    TestServer::serve(onec_demo::router(base(), ServerOptions::default())).await
}

/// Switches troubles of a demo server on and off.
pub(crate) async fn set_faults(demo: &TestServer, faults: &Value) {
    let client = Client::anonymous(demo.url());
    let answer = client.post("/demo/_faults", faults).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// How a service is started, where it matters to the test.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) database_url: String,
    /// Address of a server with a base at `/demo`.
    pub(crate) onec: Option<String>,
    pub(crate) instance: &'static str,
    pub(crate) clock: Clock,
    pub(crate) variables: Vec<(&'static str, &'static str)>,
}

impl Setup {
    /// A new database over an infobase.
    pub(crate) async fn new(onec: Option<&str>) -> Self {
        Self {
            database_url: testing::database_url(&onec_integration::SCHEMA).await,
            onec: onec.map(str::to_owned),
            instance: "test:1",
            clock: Clock::system(),
            variables: Vec::new(),
        }
    }

    fn config(&self, redis: &str) -> Config {
        let address = self.onec.as_ref().map(|onec| format!("{onec}/demo"));
        let mut values = vec![
            ("DATABASE_URL", self.database_url.as_str()),
            ("DATABASE_ACQUIRE_TIMEOUT", "2s"),
            ("REDIS_URL", redis),
            ("SYNC_INTERVAL", "1h"),
            ("PROBE_INTERVAL", "200ms"),
            ("ONEC_USERNAME", "odata"),
            ("ONEC_PASSWORD", "odata-demo"),
            ("ONEC_NAME", "Демо"),
        ];
        if let Some(address) = &address {
            values.push(("ONEC_SERVER_URL", address));
        }
        values.extend(self.variables.iter().copied());
        let mut reader = Reader::from_values(values);
        let config = Config::read(&mut reader);
        reader.finish(config).unwrap()
    }

    fn context(&self) -> Context {
        let mut context = Context::new(
            DEFINITION.name,
            self.instance.to_owned(),
            Environment::Development,
        );
        context.clock = self.clock.clone();
        context
    }

    /// Runs the service's background work only, as a process that may be killed.
    pub(crate) async fn run_background(&self) {
        // Events wait in the outbox while nothing listens there.
        let config = self.config("redis://127.0.0.1:9/");
        onec_integration::start(config, self.context()).await.unwrap();
    }

    /// Starts the service.
    pub(crate) async fn start(self) -> Service {
        let redis = testing::redis().await;
        let config = self.config(redis.url());
        let context = self.context();
        let app = onec_integration::start(config.clone(), context.clone())
            .await
            .unwrap();
        // The same routes again, with an authenticator that knows the test's key.
        let pool = sqlx::postgres::PgPoolOptions::new()
            .acquire_timeout(Duration::from_secs(2))
            .connect(&self.database_url)
            .await
            .unwrap();
        let state = AppState::new(&config, pool.clone(), &context).unwrap();
        let issuer = Issuer::new();
        let router = onec_integration::router(state, issuer.authenticator());
        let app = App {
            router,
            checks: app.checks,
        };
        Service {
            issuer,
            context,
            pool,
            server: TestServer::start(DEFINITION, app).await,
            redis,
        }
    }
}

/// A service under test.
pub(crate) struct Service {
    pub(crate) issuer: Issuer,
    pub(crate) context: Context,
    pub(crate) pool: PgPool,
    pub(crate) redis: TestRedis,
    server: TestServer,
}

impl Service {
    /// Starts the service over an infobase, if there is one.
    pub(crate) async fn start(onec: Option<&str>) -> Self {
        Setup::new(onec).await.start().await
    }

    /// Starts the service over an infobase and waits for the first synchronisation.
    pub(crate) async fn synchronised_with(demo: &TestServer) -> Self {
        let service = Self::start(Some(&demo.url())).await;
        let job = service.job_end().await;
        assert_eq!(job["state"], "succeeded", "{job}");
        service
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
    pub(crate) async fn job_end(&self) -> Value {
        let admin = self.admin();
        eventually("a synchronisation ends", async || {
            let jobs: Value = admin.get("/sync/jobs").await.json();
            let job = jobs["items"].get(0)?.clone();
            matches!(job["state"].as_str(), Some("succeeded" | "failed" | "cancelled")).then_some(job)
        })
        .await
    }

    /// Starts a synchronisation and waits for its end.
    pub(crate) async fn synchronise(&self, full: bool) -> Value {
        let started = self.admin().post("/sync/data", &json!({"full": full})).await;
        assert_eq!(started.status, 202, "{}", started.text());
        let job = self.job_end().await;
        assert_eq!(job["state"], "succeeded", "{job}");
        job
    }

    /// Runs a job to its end, whatever that is.
    pub(crate) async fn run_job(&self, request: &Value) -> Value {
        let admin = self.admin();
        let started = admin.post("/sync/data", request).await;
        assert_eq!(started.status, 202, "{}", started.text());
        let started: Value = started.json();
        let path = format!("/sync/jobs/{}", started["job_id"].as_str().unwrap());
        eventually("the job ends", async || {
            let job: Value = admin.get(&path).await.json();
            let is_over = matches!(job["state"].as_str(), Some("succeeded" | "failed" | "cancelled"));
            is_over.then_some(job)
        })
        .await
    }

    /// Ids of the companies, by name.
    pub(crate) async fn companies(&self) -> Vec<(Uuid, String)> {
        let page: Value = self.admin().get("/companies").await.json();
        let items = page["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| {
                let id = item["id"].as_str().unwrap().parse().unwrap();
                (id, item["name"].as_str().unwrap().to_owned())
            })
            .collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

/// Waits until there is a value; a whole synchronisation fits in.
pub(crate) async fn eventually<T>(what: &str, value: impl AsyncFnMut() -> Option<T>) -> T {
    eventually_some(what, Duration::from_secs(120), value).await
}
