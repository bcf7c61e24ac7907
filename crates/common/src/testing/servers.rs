//! Real servers on loopback.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use private_servers::{Postgres, PostgresOptions, Redis, RedisOptions};
use secrecy::SecretString;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::db::{self, Schema};
use crate::http::{layers, server};
use crate::service::{App, Definition, OwnServer, Serving};
use crate::{cache, config, ids};

fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES
        .get_or_init(|| Postgres::start(&PostgresOptions::default()).expect("a private PostgreSQL starts"))
}

/// Connection URL of a new database with the schema in it.
///
/// # Panics
/// When PostgreSQL cannot be had or a migration fails: no test can go on then.
pub async fn database_url(schema: &Schema) -> String {
    static TEMPLATES: OnceLock<Mutex<HashMap<&'static str, String>>> = OnceLock::new();
    let postgres = tokio::task::spawn_blocking(postgres).await.expect("PostgreSQL");
    // Held to the end: a template cannot be copied while somebody is connected to it.
    let mut templates = TEMPLATES.get_or_init(Mutex::default).lock().await;
    let mut admin = PgConnection::connect(&postgres.url("postgres"))
        .await
        .expect("connect to PostgreSQL");
    if !templates.contains_key(schema.name) {
        let template = format!("template_{}", schema.name);
        let statement = format!("create database {template}");
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut admin)
            .await
            .expect("create the template");
        let pool = PgPoolOptions::new()
            .max_connections(2)
            .connect(&postgres.url(&template))
            .await
            .expect("connect");
        db::migrate(&pool, schema).await.expect("migrate");
        pool.close().await;
        templates.insert(schema.name, template);
    }
    let name = format!("test_{}", ids::new_id().simple());
    let statement = format!("create database {name} template {}", templates[schema.name]);
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut admin)
        .await
        .expect("create the database");
    postgres.url(&name)
}

/// A pool on a new database with the schema in it.
///
/// # Panics
/// As [`database_url`].
pub async fn database(schema: &Schema) -> PgPool {
    let url = database_url(schema).await;
    PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(Duration::from_secs(2))
        .connect(&url)
        .await
        .expect("connect to the database")
}

/// A private Redis of one test.
#[derive(Debug)]
pub struct TestRedis {
    server: Option<Redis>,
    url: String,
}

/// Starts a Redis for one test; it ends when the value is dropped.
///
/// # Panics
/// When Redis cannot be had.
pub async fn redis() -> TestRedis {
    let server = tokio::task::spawn_blocking(|| Redis::start(&RedisOptions::default())).await;
    let server = server.expect("join").expect("a private Redis starts");
    TestRedis {
        url: server.url(),
        server: Some(server),
    }
}

impl TestRedis {
    /// Connection URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The configuration section that names this server.
    #[must_use]
    pub fn config(&self) -> config::Redis {
        config::Redis {
            url: SecretString::from(self.url.clone()),
        }
    }

    /// A client.
    ///
    /// # Panics
    /// Never for a URL of our own.
    #[must_use]
    pub fn connect(&self) -> cache::Redis {
        cache::Redis::new(&self.config()).expect("a valid URL")
    }

    /// Takes the server down.
    pub async fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            // Stopping waits for the process, which must not block the runtime.
            let _ = tokio::task::spawn_blocking(move || server.stop()).await;
        }
    }
}

/// A service on a real socket, with all of its layers.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl TestServer {
    /// Serves an app as [`crate::service::run`] would, on a free port.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start(definition: Definition, app: App) -> Self {
        let limits = layers::Limits {
            max_concurrent: 256,
            max_body_bytes: 10 * 1024 * 1024,
            request_timeout: Duration::from_secs(60),
        };
        Self::start_with(definition, app, limits).await
    }

    /// Serves a service that serves by itself, on a free port, with the limits of
    /// [`TestServer::start`].
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start_own(own: OwnServer) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let serving = Serving {
            limits: layers::Limits {
                max_concurrent: 256,
                max_body_bytes: 10 * 1024 * 1024,
                request_timeout: Duration::from_secs(60),
            },
            drain: shutdown.clone(),
            ending: server::Ending::within(Duration::from_secs(1)),
        };
        let serving = (own.serve)(listener, serving);
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        let serving = tokio::spawn(async move {
            let _ = serving.await;
        });
        Self {
            address,
            shutdown,
            serving,
        }
    }

    /// As [`TestServer::start`], with other limits.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn start_with(definition: Definition, app: App, limits: layers::Limits) -> Self {
        Self::serve(crate::service::router(definition, app, limits)).await
    }

    /// Serves a bare router, such as a stand-in for a foreign system.
    ///
    /// # Panics
    /// When loopback has no free port.
    pub async fn serve(router: axum::Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let serving = server::serve(
            listener,
            router,
            shutdown.clone(),
            server::Ending::within(Duration::from_secs(1)),
        );
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        let serving = tokio::spawn(async move {
            let _ = serving.await;
        });
        Self {
            address,
            shutdown,
            serving,
        }
    }

    /// `http://127.0.0.1:<port>`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the server away. When this returns nothing answers at its address, not even a
    /// connection that a client keeps open; dropping the server only begins that.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        // A server that panicked answers nothing either.
        let _ = (&mut self.serving).await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
