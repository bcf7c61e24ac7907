//! The running service.

use ai_assistant::{Config, DEFINITION, store};
use common::auth::Permission;
use common::clock::Clock;
use common::config::{Environment, Reader};
use common::service::Context;
use common::testing::{self, Client, Grant, Issuer, Proxy, TestRedis, TestServer};
use serde_json::{Value, json};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::time::Duration;

use crate::fake_provider;
use crate::onec::Onec;
use common::testing::eventually_within;

/// The service with everything around it.
pub(crate) struct Service {
    pub(crate) issuer: Issuer,
    pub(crate) db: PgPool,
    pub(crate) onec: Onec,
    pub(crate) provider: fake_provider::Log,
    pub(crate) database: Proxy,
    pub(crate) redis: TestRedis,
    server: TestServer,
    context: Context,
    config: Config,
    _stand_ins: [TestServer; 2],
}

/// A second process of the service.
pub(crate) struct Replica {
    server: TestServer,
    context: Context,
}

impl Replica {
    /// A client of this user.
    pub(crate) fn user(&self, service: &Service, grant: &Grant) -> Client {
        Client::anonymous(self.server.url()).with_token(service.issuer.sign(grant))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

/// Tuesday, 24 November 2026, 13:00 in Moscow.
pub(crate) fn now() -> chrono::DateTime<chrono::Utc> {
    "2026-11-24T10:00:00Z".parse().unwrap()
}

impl Service {
    /// The service with the built-in engine only.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// The service with a provider: `openai` (Responses), `chat` (compatible) or `anthropic`.
    pub(crate) async fn with_provider(dialect: &str) -> Self {
        let models = fake_provider::MODELS.join(",");
        let base = "{provider}";
        let settings: Vec<(&str, String)> = match dialect {
            "openai" | "chat" => vec![
                ("OPENAI_API_KEY", "sk-very-secret".to_owned()),
                ("OPENAI_BASE_URL", format!("{base}/v1")),
                ("OPENAI_MODEL", models),
                (
                    "OPENAI_API",
                    if dialect == "openai" { "responses" } else { "chat" }.to_owned(),
                ),
            ],
            _ => vec![
                ("ANTHROPIC_API_KEY", "sk-very-secret".to_owned()),
                ("ANTHROPIC_BASE_URL", base.to_owned()),
                ("ANTHROPIC_MODEL", models),
            ],
        };
        let settings: Vec<(&str, &str)> = settings.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Self::with(&settings).await
    }

    /// The service with two providers: the first as in `with_provider`, whose faults the second,
    /// of another dialect and called `fake` and `fake-large`, stands in for. A third one,
    /// `resetting`, resets every connection.
    pub(crate) async fn with_failover(dialect: &str, more: &[(&str, &str)]) -> Self {
        let all = fake_provider::MODELS.join(",");
        let few = "fake,fake-large".to_owned();
        let (openai, anthropic) = if dialect == "anthropic" {
            (few, all)
        } else {
            (all, few)
        };
        let (api, spoken) = match dialect {
            "openai" => ("responses", "openai-responses"),
            "anthropic" => ("chat", "anthropic-messages"),
            _ => ("chat", "openai-chat"),
        };
        let mut settings = vec![
            ("OPENAI_API_KEY", "sk-very-secret"),
            ("OPENAI_BASE_URL", "{provider}/v1"),
            ("OPENAI_MODEL", openai.as_str()),
            ("OPENAI_API", api),
            ("ANTHROPIC_API_KEY", "sk-very-secret"),
            ("ANTHROPIC_BASE_URL", "{provider}"),
            ("ANTHROPIC_MODEL", anthropic.as_str()),
            ("LLM_PROVIDERS", "resetting"),
            ("LLM_RESETTING_URL", "{reset}"),
            ("LLM_RESETTING_DIALECT", spoken),
            ("LLM_RESETTING_MODELS", "fault-tcp-reset"),
            // Nobody tells of windows besides the file.
            ("LLM_PROBE_INTERVAL", "0s"),
            (
                "MODELS_FILE",
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/models.toml"),
            ),
        ];
        settings.extend(more);
        Self::with(&settings).await
    }

    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let onec = Onec::default();
        let onec_server = onec.start().await;
        let provider = fake_provider::Log::default();
        let provider_server = TestServer::serve(fake_provider::router(provider.clone())).await;
        let resetting = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let reset = format!("http://{}", resetting.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
        tokio::spawn(fake_provider::reset_all(resetting));
        let redis = testing::redis().await;
        let url = testing::database_url(&store::SCHEMA).await;
        // The service reaches its database through a proxy that can be cut; the test does not.
        let direct: url::Url = url.parse().unwrap();
        let target = format!("{}:{}", direct.host_str().unwrap(), direct.port().unwrap());
        let database = Proxy::start(target.parse().unwrap()).await;
        let mut proxied = direct.clone();
        proxied.set_port(Some(database.address().port())).unwrap();

        let mut values: Vec<(String, String)> = vec![
            ("DATABASE_URL".to_owned(), proxied.to_string()),
            ("REDIS_URL".to_owned(), redis.url().to_owned()),
            ("ONEC_INTEGRATION_URL".to_owned(), onec_server.url()),
            // The same stand-in makes files.
            ("ANALYTICS_URL".to_owned(), onec_server.url()),
            ("TOOL_TIMEOUT".to_owned(), "500ms".to_owned()),
            ("LLM_FIRST_TOKEN_TIMEOUT".to_owned(), "1s".to_owned()),
            ("LLM_IDLE_TIMEOUT".to_owned(), "1s".to_owned()),
            // Tests of single faults do not wear the breaker out.
            ("LLM_BREAKER_FAILURES".to_owned(), "1000".to_owned()),
        ];
        for (name, value) in settings {
            let value = value
                .replace("{provider}", &provider_server.url())
                .replace("{reset}", &reset);
            // The later one counts, as in a shell.
            values.retain(|(earlier, _)| earlier != name);
            values.push(((*name).to_owned(), value));
        }
        let mut reader = Reader::from_values(values);
        let config = Config::read(&mut reader);
        let config = reader.finish(config).unwrap();
        let mut context = Context::new(DEFINITION.name, "test".to_owned(), Environment::Development);
        context.clock = Clock::fixed(now());
        let issuer = Issuer::new();
        let app = ai_assistant::app(
            &config,
            context.clone(),
            connect(proxied.as_ref()).await,
            redis.connect(),
            issuer.authenticator(),
        )
        .unwrap();
        Self {
            issuer,
            db: connect(&url).await,
            onec,
            provider,
            database,
            redis,
            server: TestServer::start(DEFINITION, app).await,
            context,
            config,
            _stand_ins: [onec_server, provider_server],
        }
    }

    /// Another replica of the service, with the same database, Redis and issuer.
    pub(crate) async fn replica(&self) -> Replica {
        let mut context = Context::new(DEFINITION.name, "another".to_owned(), Environment::Development);
        context.clock = self.context.clock.clone();
        let redis = self.redis.connect();
        let app = ai_assistant::app(
            &self.config,
            context.clone(),
            self.db.clone(),
            redis,
            self.issuer.authenticator(),
        );
        Replica {
            server: TestServer::start(DEFINITION, app.unwrap()).await,
            context,
        }
    }

    /// The service's clock, which stands still until it is moved.
    pub(crate) fn clock(&self) -> &Clock {
        &self.context.clock
    }

    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    pub(crate) fn anonymous(&self) -> Client {
        Client::anonymous(self.url())
    }

    /// A client with these permissions.
    pub(crate) fn client(&self, permissions: &[Permission]) -> Client {
        self.anonymous().with_token(self.issuer.token(permissions))
    }

    /// An accountant.
    pub(crate) fn accountant(&self) -> Client {
        self.client(&[Permission::Chat, Permission::Generate, Permission::OnecRead])
    }

    /// A client of this user.
    pub(crate) fn user(&self, grant: &Grant) -> Client {
        self.anonymous().with_token(self.issuer.sign(grant))
    }

    /// How many audit events with that text in them are in the outbox or have been published.
    pub(crate) async fn audited(&self, text: &str) -> usize {
        let mut events: Vec<String> = sqlx::query_scalar("select event::text from assistant.outbox")
            .fetch_all(&self.db)
            .await
            .unwrap();
        let published: Vec<(String, Vec<(String, String)>)> = redis::cmd("XRANGE")
            .arg(common::events::Stream::Audit.key())
            .arg("-")
            .arg("+")
            .query_async(&mut self.redis.connect().connection())
            .await
            .unwrap();
        events.extend(published.into_iter().map(|(_, mut fields)| fields.remove(0).1));
        // An event may be in both places for a moment.
        let ids = events
            .iter()
            .filter(|event| event.contains(text))
            .filter_map(|event| {
                serde_json::from_str::<Value>(event).ok()?["id"]
                    .as_str()
                    .map(str::to_owned)
            });
        ids.collect::<std::collections::BTreeSet<_>>().len()
    }

    /// Usage rows: provider, outcome, error.
    pub(crate) async fn usage(&self) -> Vec<(String, String, Option<String>)> {
        sqlx::query_as("select provider, outcome, error from assistant.usage order by id")
            .fetch_all(&self.db)
            .await
            .unwrap()
    }
}

async fn connect(url: &str) -> PgPool {
    PgPoolOptions::new()
        .max_connections(5)
        .acquire_timeout(Duration::from_secs(2))
        .connect(url)
        .await
        .unwrap()
}

/// Asks a question as JSON and gives the whole answer.
pub(crate) async fn ask(client: &Client, message: &str) -> Value {
    client.post("/chat", &json!({ "message": message })).await.json()
}

/// Asks a model.
pub(crate) async fn ask_model(client: &Client, model: &str, message: &str) -> testing::Response {
    client
        .post("/chat", &json!({ "message": message, "model": model }))
        .await
}

/// Waits until something is true, but not for ever.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    eventually_within(what, Duration::from_secs(10), holds).await;
}
