//! One service per test, with databases of its own and a clock that stands still.

use std::collections::BTreeMap;

use common::auth::{Authenticator, Keys, Revocations};
use common::cache::Redis;
use common::clock::Clock;
use common::config::{Auth, Environment, Reader};
use common::events::{Event, Stream};
use common::service::{App, Context};
pub(crate) use common::testing::eventually;
use common::testing::{self, Client, Proxy, Response, TestRedis, TestServer};
use redis::AsyncCommands;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use user_management::{Config, DEFINITION, SCHEMA, prepare, routes};
use uuid::Uuid;

pub(crate) const ADMIN_EMAIL: &str = "admin@example.com";
pub(crate) const ADMIN_PASSWORD: &str = "administrator of this test";
pub(crate) const PASSWORD: &str = "gentle otters sing at noon";

/// What a test wants different.
#[derive(Default)]
pub(crate) struct Options<'a> {
    pub(crate) settings: &'a [(&'a str, &'a str)],
    /// Database of another service under test, for a second replica.
    pub(crate) database_url: Option<String>,
    /// Verifies with this test key instead of the service's own ones.
    pub(crate) issuer: Option<&'a testing::Issuer>,
}

pub(crate) struct Service {
    pub(crate) client: Client,
    pub(crate) clock: Clock,
    pub(crate) db: PgPool,
    pub(crate) redis: Redis,
    pub(crate) database_url: String,
    /// Between the service and PostgreSQL.
    pub(crate) postgres: Proxy,
    /// Between the service and Redis.
    pub(crate) cache: Proxy,
    pub(crate) url: String,
    context: Context,
    _server: TestServer,
    _redis: TestRedis,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.context.shutdown.cancel();
    }
}

pub(crate) async fn service() -> Service {
    with(Options::default()).await
}

pub(crate) async fn with_settings(settings: &[(&str, &str)]) -> Service {
    with(Options {
        settings,
        ..Options::default()
    })
    .await
}

pub(crate) fn config(database_url: &str, redis_url: &str, settings: &[(&str, &str)]) -> Config {
    let mut values = BTreeMap::from([
        ("DATABASE_URL", database_url),
        ("DATABASE_MAX_CONNECTIONS", "5"),
        ("DATABASE_ACQUIRE_TIMEOUT", "1s"),
        ("REDIS_URL", redis_url),
        ("JWT_SECRET_KEY", "a secret of the tests, long enough"),
        ("ADMIN_EMAIL", ADMIN_EMAIL),
        ("ADMIN_PASSWORD", ADMIN_PASSWORD),
        // The cost of a hash is not what these tests are about.
        ("PASSWORD_HASH_MEMORY_KIB", "64"),
        ("PASSWORD_HASH_ITERATIONS", "1"),
        ("LOGIN_FAILURES_PER_ADDRESS", "100000"),
        ("LOGIN_FAILURES_PER_NETWORK", "100000"),
    ]);
    values.extend(settings.iter().copied());
    let mut reader = Reader::from_values(values);
    let config = Config::read(&mut reader);
    reader.finish(config).unwrap()
}

pub(crate) fn context(clock: &Clock) -> Context {
    let mut context = Context::new(DEFINITION.name, "test".to_owned(), Environment::Development);
    context.clock = clock.clone();
    context
}

pub(crate) async fn with(options: Options<'_>) -> Service {
    let database_url = match options.database_url {
        Some(url) => url,
        None => testing::database_url(&SCHEMA).await,
    };
    let redis = testing::redis().await;
    let postgres = Proxy::start(address(&database_url)).await;
    let cache = Proxy::start(address(redis.url())).await;
    let proxied = database_url.replace(
        &address(&database_url).to_string(),
        &postgres.address().to_string(),
    );
    let redis_url = format!("redis://{}/", cache.address());
    let clock = Clock::fixed(Clock::system().now());
    let context = context(&clock);
    let config = config(&proxied, &redis_url, options.settings);
    let (state, authenticator, checks) = prepare(config, &context).await.unwrap();
    let authenticator = options
        .issuer
        .map_or(authenticator, |issuer| issuer.authenticator());
    let app = App {
        router: routes().build(state, authenticator),
        checks,
    };
    let server = TestServer::start(DEFINITION, app).await;
    Service {
        client: Client::anonymous(server.url()),
        clock,
        db: PgPool::connect(&database_url).await.unwrap(),
        redis: redis.connect(),
        database_url,
        postgres,
        cache,
        url: server.url(),
        context,
        _server: server,
        _redis: redis,
    }
}

/// Host and port of a URL.
fn address(url: &str) -> std::net::SocketAddr {
    let after = url.rsplit_once('@').map_or_else(
        || url.split_once("//").map_or(url, |(_, rest)| rest),
        |(_, rest)| rest,
    );
    after.split('/').next().unwrap().parse().unwrap()
}

/// Somebody who has logged in.
pub(crate) struct Session {
    pub(crate) id: Uuid,
    pub(crate) client: Client,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

impl Service {
    pub(crate) async fn register(&self, email: &str) -> Uuid {
        let body = json!({ "email": email, "password": PASSWORD, "name": "Анна Петрова" });
        let answer = self.client.post("/auth/register", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        id_of(&answer.json::<Value>()["user"])
    }

    pub(crate) async fn try_login(&self, email: &str, password: &str) -> Response {
        let body = json!({ "email": email, "password": password });
        self.client.post("/auth/login", &body).await
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Session {
        let answer = self.try_login(email, password).await;
        self.session(&answer)
    }

    pub(crate) fn session(&self, answer: &Response) -> Session {
        let body: Value = answer.json();
        let access_token = body["access_token"].as_str().unwrap().to_owned();
        Session {
            id: id_of(&body["user"]),
            client: self.client.with_token(&access_token),
            access_token,
            refresh_token: body["refresh_token"].as_str().unwrap().to_owned(),
        }
    }

    pub(crate) async fn admin(&self) -> Session {
        self.login(ADMIN_EMAIL, ADMIN_PASSWORD).await
    }

    /// A new user of the role who has logged in.
    pub(crate) async fn user_with_role(&self, email: &str, role: &str) -> Session {
        let id = self.register(email).await;
        let body = json!({ "role": role, "companies": ["*"] });
        let admin = self.admin().await;
        let changed = admin.client.put(&format!("/users/{id}/role"), &body).await;
        assert_eq!(changed.status, 200, "{}", changed.text());
        self.login(email, PASSWORD).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Response {
        let body = json!({ "refresh_token": token });
        self.client.post("/auth/refresh", &body).await
    }

    /// The events of that type that have reached their stream, once there are `count` of them.
    pub(crate) async fn events(&self, stream: Stream, kind: &str, count: usize) -> Vec<Event> {
        let mut found = Vec::new();
        eventually(&format!("{count} events {kind}"), async || {
            found = self.published(stream).await;
            found.retain(|event| event.kind == kind || event.data["action"] == kind);
            found.len() >= count
        })
        .await;
        assert_eq!(found.len(), count, "{found:?}");
        found
    }

    async fn published(&self, stream: Stream) -> Vec<Event> {
        let mut connection = self.redis.connection();
        let reply: redis::streams::StreamRangeReply = connection.xrange_all(stream.key()).await.unwrap();
        let body = |entry: &redis::streams::StreamId| entry.get::<String>("event").unwrap();
        reply
            .ids
            .iter()
            .map(|entry| serde_json::from_str(&body(entry)).unwrap())
            .collect()
    }

    /// As another service verifies: keys from the published set, revocations from Redis.
    pub(crate) fn other_service(&self) -> Authenticator {
        let auth = Auth {
            jwks_url: format!("{}/.well-known/jwks.json", self.url).parse().unwrap(),
            issuer: Auth::ISSUER.to_owned(),
            audience: Auth::AUDIENCE.to_owned(),
        };
        let revocations = Revocations::new();
        self.context.spawn(
            "other_revocations",
            revocations.clone().follow(
                self.redis.clone(),
                self.clock.clone(),
                self.context.shutdown.clone(),
            ),
        );
        let keys = Keys::remote(auth.jwks_url.clone()).unwrap();
        Authenticator::new(&auth, keys, revocations, self.clock.clone())
    }

    /// True once another service refuses the token because its session has ended.
    pub(crate) async fn other_service_knows_the_end(&self, token: &str) -> bool {
        let other = self.other_service();
        eventually("another service refuses the token", async || {
            other.verify(token).await.is_err()
        })
        .await;
        true
    }

    pub(crate) async fn count(&self, from: &str) -> i64 {
        let statement = format!("select count(*) from {from}");
        sqlx::query_scalar(AssertSqlSafe(statement))
            .fetch_one(&self.db)
            .await
            .unwrap()
    }
}

pub(crate) fn id_of(user: &Value) -> Uuid {
    user["id"].as_str().unwrap().parse().unwrap()
}

/// A problem without the members that name the request.
pub(crate) fn anonymous_body(answer: &Response) -> Value {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap();
    let members = body.as_object_mut().unwrap();
    members.remove("request_id");
    members.remove("instance");
    body
}
