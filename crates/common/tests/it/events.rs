//! Outbox to stream to consumer, with Redis going away in between.

use common::clock::Clock;
use common::db::{Schema, StoreResult};
use common::events::{self, Consumer, DEAD_LETTERS, Event, HandleError, Handler, Relay, Stream, outbox};
use common::testing;
use common::testing::eventually;
use redis::AsyncCommands;
use serde_json::json;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("tests/it/migrations");
static SCHEMA: Schema = Schema {
    name: "sample",
    migrator: &MIGRATOR,
};

struct Count(PgPool);

impl Handler for Count {
    async fn handle(&self, events: &[(Stream, Event)]) -> Result<(), HandleError> {
        let mut transaction = self.0.begin().await.store("begin")?;
        for (_, event) in events {
            if event.kind == "sample.poison" {
                return Err(HandleError::Poison("cannot be handled".into()));
            }
            sqlx::query("insert into sample.seen (id) values ($1) on conflict (id) do update set times = sample.seen.times + 1")
                .bind(event.id)
                .execute(&mut *transaction)
                .await
                .store("insert")?;
        }
        transaction.commit().await.store("commit")?;
        Ok(())
    }
}

async fn append(pool: &PgPool, kind: &str) -> Event {
    let event = Event::new("test", kind, &Clock::system(), &json!({"n": 1}));
    let mut transaction = pool.begin().await.unwrap();
    outbox::append(&mut transaction, &SCHEMA, Stream::Usage, &event)
        .await
        .unwrap();
    transaction.commit().await.unwrap();
    event
}

async fn count(pool: &PgPool, table: &str) -> i64 {
    let statement = format!("select count(*) from sample.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .fetch_one(pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn events_reach_the_consumer_once_each_and_poison_is_set_aside() {
    let pool = testing::database(&SCHEMA).await;
    let server = testing::redis().await;
    let redis = server.connect();
    let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
    for _ in 0..250 {
        append(&pool, "sample.good").await;
    }
    append(&pool, "sample.poison").await;
    append(&pool, "sample.good").await;
    tasks.spawn(Relay::new(pool.clone(), redis.clone(), &SCHEMA).run(shutdown.clone()));
    let consumer = Consumer::new(
        redis.clone(),
        "analytics",
        "one".to_owned(),
        &[Stream::Usage],
        Count(pool.clone()),
    );
    tasks.spawn(consumer.run(shutdown.clone()));

    eventually("all good events", async || count(&pool, "seen").await == 251).await;
    let mut connection = redis.connection();
    eventually("the dead letter", async || {
        let dead: usize = connection.xlen(DEAD_LETTERS).await.unwrap();
        dead == 1
    })
    .await;
    assert_eq!(count(&pool, "outbox").await, 0);
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn the_outbox_keeps_events_while_redis_is_down() {
    let pool = testing::database(&SCHEMA).await;
    let server = testing::redis().await;
    let proxy = testing::Proxy::start(server.url()[8..].trim_end_matches('/').parse().unwrap()).await;
    let config = common::config::Redis {
        url: format!("redis://{}/", proxy.address()).into(),
    };
    let redis = common::cache::Redis::new(&config).unwrap();
    let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
    proxy.cut();
    let event = append(&pool, "sample.good").await;
    tasks.spawn(Relay::new(pool.clone(), redis.clone(), &SCHEMA).run(shutdown.clone()));
    let refused = events::publish(&redis, &[(Stream::Usage, event)]).await;
    assert!(refused.is_err(), "Redis is away");
    assert_eq!(count(&pool, "outbox").await, 1);

    proxy.restore();
    eventually("the outbox drains", async || count(&pool, "outbox").await == 0).await;
    let mut direct = server.connect().connection();
    let length: usize = direct.xlen(Stream::Usage.key()).await.unwrap();
    assert_eq!(length, 1);
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
}

#[tokio::test]
async fn a_restarted_consumer_takes_what_it_had_not_acknowledged() {
    let pool = testing::database(&SCHEMA).await;
    let server = testing::redis().await;
    let redis = server.connect();
    let event = Event::new("test", "sample.good", &Clock::system(), &json!({}));
    events::publish(&redis, &[(Stream::Usage, event)]).await.unwrap();
    // A member of this name read the event and died before acknowledging it.
    let mut connection = redis.connection();
    let _: () = connection
        .xgroup_create_mkstream(Stream::Usage.key(), "analytics", "0")
        .await
        .unwrap();
    redis::cmd("XREADGROUP")
        .arg(&[
            "GROUP",
            "analytics",
            "one",
            "COUNT",
            "1",
            "STREAMS",
            Stream::Usage.key(),
            ">",
        ])
        .query_async::<redis::Value>(&mut connection)
        .await
        .unwrap();
    let shutdown = CancellationToken::new();
    let consumer = Consumer::new(
        redis,
        "analytics",
        "one".to_owned(),
        &[Stream::Usage],
        Count(pool.clone()),
    );
    let tasks = TaskTracker::new();
    tasks.spawn(consumer.run(shutdown.clone()));
    eventually("the event is handled", async || count(&pool, "seen").await == 1).await;
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
}
