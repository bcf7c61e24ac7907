//! Signing keys and the published set.

use chrono::Duration;
use common::clock::Clock;
use common::testing;
use serde_json::Value;
use user_management::{SCHEMA, start};

use crate::harness::{Options, config, context, eventually, service, with};

#[tokio::test]
async fn the_set_is_published_for_caches_and_without_private_parts() {
    let service = service().await;
    let answer = service.client.get("/.well-known/jwks.json").await;
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let set: Value = answer.json();
    let keys = set["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 1);
    let members: Vec<&String> = keys[0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
    let session = service.admin().await;
    let header = jsonwebtoken::decode_header(&session.access_token).unwrap();
    assert_eq!(header.kid.as_deref(), keys[0]["kid"].as_str());
}

#[tokio::test]
async fn replicas_that_start_at_once_make_one_key() {
    let url = testing::database_url(&SCHEMA).await;
    let redis = testing::redis().await;
    let clock = Clock::fixed(Clock::system().now());
    let contexts: Vec<_> = (0..4).map(|_| context(&clock)).collect();
    let starts = contexts.iter().map(|context| {
        start(
            config(&url, redis.url(), &[("DATABASE_MAX_CONNECTIONS", "2")]),
            context.clone(),
        )
    });
    let apps = futures_util::future::join_all(starts).await;
    assert!(apps.iter().all(Result::is_ok), "{apps:?}");
    let db = sqlx::PgPool::connect(&url).await.unwrap();
    let keys: Vec<String> = sqlx::query_scalar("select state from identity.signing_keys")
        .fetch_all(&db)
        .await
        .unwrap();
    assert_eq!(keys, ["active"]);
    let administrators: i64 = sqlx::query_scalar("select count(*) from identity.users where role = 'admin'")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(administrators, 1);
    for context in contexts {
        context.shutdown.cancel();
    }
}

#[tokio::test]
async fn a_token_of_one_replica_is_good_at_another() {
    let one = service().await;
    let two = with(Options {
        database_url: Some(one.database_url.clone()),
        ..Options::default()
    })
    .await;
    let session = one.admin().await;
    let me = two
        .client
        .with_token(&session.access_token)
        .get("/users/me")
        .await;
    assert_eq!(me.status, 200, "{}", me.text());
    assert_eq!(two.refresh(&session.refresh_token).await.status, 200);
}

#[tokio::test]
async fn another_secret_is_told_at_the_start_and_changes_nothing() {
    let service = service().await;
    let before: Vec<Vec<u8>> = sqlx::query_scalar("select sealed_private_key from identity.signing_keys")
        .fetch_all(&service.db)
        .await
        .unwrap();
    let redis = testing::redis().await;
    let wrong = [("JWT_SECRET_KEY", "quite another secret of the tests")];
    assert_eq!(before.len(), 1);
    let context = context(&service.clock);
    let error = start(
        config(&service.database_url, redis.url(), &wrong),
        context.clone(),
    )
    .await
    .unwrap_err();
    assert!(error.to_string().contains("JWT_SECRET_KEY"), "{error}");
    let after: Vec<Vec<u8>> = sqlx::query_scalar("select sealed_private_key from identity.signing_keys")
        .fetch_all(&service.db)
        .await
        .unwrap();
    assert_eq!(after, before);
}

#[tokio::test]
async fn keys_rotate_without_a_gap() {
    let first = service().await;
    let session = first.admin().await;
    let states = async || -> Vec<String> {
        sqlx::query_scalar("select state from identity.signing_keys order by created_at")
            .fetch_all(&first.db)
            .await
            .unwrap()
    };
    // Replicas that start later find the key due; the first one follows within a minute.
    let later = async |days: i64| {
        let redis = testing::redis().await;
        let clock = Clock::fixed(first.clock.now() + Duration::days(days));
        let context = context(&clock);
        let app = start(config(&first.database_url, redis.url(), &[]), context.clone())
            .await
            .unwrap();
        let server = testing::TestServer::start(user_management::DEFINITION, app).await;
        (server, context, redis)
    };
    let (_announcing, announcing, _redis) = later(29).await;
    assert_eq!(states().await, ["active", "next"]);
    announcing.shutdown.cancel();
    let (server, rotated, _redis) = later(30).await;
    assert_eq!(states().await, ["retired", "active"]);
    let client = testing::Client::anonymous(server.url());
    let set: Value = client.get("/.well-known/jwks.json").await.json();
    assert_eq!(
        set["keys"].as_array().unwrap().len(),
        2,
        "the retired one stays published"
    );

    // A token of the retired key still verifies where only its time decides.
    let keys = common::auth::Keys::remote(format!("{}/.well-known/jwks.json", server.url()).parse().unwrap());
    let header = jsonwebtoken::decode_header(&session.access_token).unwrap();
    let kid = header.kid.unwrap();
    assert!(keys.unwrap().get(&kid).await.unwrap().is_some());
    rotated.shutdown.cancel();

    let (server, gone, _redis) = later(32).await;
    let client = testing::Client::anonymous(server.url());
    eventually("the retired key is gone", async || {
        let set: Value = client.get("/.well-known/jwks.json").await.json();
        set["keys"].as_array().unwrap().len() == 1
    })
    .await;
    assert_eq!(states().await, ["active"]);
    gone.shutdown.cancel();
}
