//! Who is shut out for a time.

use common::cache::Redis;
use common::clock::Clock;
use common::testing::Grant;
use gateway::bans::{BANS_CHANNEL, BANS_KEY};
use http::Method;
use redis::AsyncCommands;

use crate::world::{World, eventually};

async fn ban(redis: &Redis, member: &str, seconds: i64) {
    let mut connection = redis.connection();
    let until = Clock::system().now().timestamp() + seconds;
    let _: () = connection.zadd(BANS_KEY, member, until).await.unwrap();
    let _: () = connection.publish(BANS_CHANNEL, "changed").await.unwrap();
}

#[tokio::test]
async fn a_ban_is_heard_of_at_once_and_can_be_lifted() {
    let world = World::builder()
        .set("TRUSTED_PROXIES", "127.0.0.1/32")
        .start()
        .await;
    let redis = world.redis.connect();
    let grant = Grant::new(&[]);
    let user = world.anonymous().with_token(world.issuer.sign(&grant));
    let other = world.user();
    let from = async |address: &str, path: &str| {
        let request = other
            .request(Method::GET, path)
            .header("x-forwarded-for", address);
        other.send(request).await
    };
    assert_eq!(user.get("/api/users/me").await.status, 200);

    ban(&redis, "192.0.2.1", 600).await;
    eventually("the address is shut out", async || {
        from("192.0.2.1", "/api/users/me").await.status == 403
    })
    .await;
    let refused = from("192.0.2.1", "/nowhere").await;
    refused.assert_problem(403, "gateway.banned");
    let rest: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((500..=600).contains(&rest), "{rest}");
    assert_eq!(from("192.0.2.2", "/api/users/me").await.status, 200);

    ban(&redis, &format!("user:{}", grant.user_id), 600).await;
    eventually("the user is shut out", async || {
        user.get("/api/users/me").await.status == 403
    })
    .await;
    // Who is not known cannot be shut out as a user; the service behind sees to that.
    assert_eq!(world.anonymous().get("/api/ai/health").await.status, 200);
    assert_eq!(other.get("/api/users/me").await.status, 200);

    let mut connection = redis.connection();
    let _: () = connection.del(BANS_KEY).await.unwrap();
    let _: () = connection.publish(BANS_CHANNEL, "changed").await.unwrap();
    eventually("the bans are lifted", async || {
        user.get("/api/users/me").await.status == 200
    })
    .await;
    assert_eq!(from("192.0.2.1", "/api/users/me").await.status, 200);
}

#[tokio::test]
async fn a_session_is_shut_out_alone_and_strangers_where_many_users_are() {
    let world = World::builder()
        .set("TRUSTED_PROXIES", "127.0.0.1/32")
        .start()
        .await;
    let redis = world.redis.connect();
    let grant = Grant::new(&[]);
    let session = world.anonymous().with_token(world.issuer.sign(&grant));
    let other = Grant {
        session_id: common::ids::new_id(),
        ..grant.clone()
    };
    let other = world.anonymous().with_token(world.issuer.sign(&other));
    ban(&redis, &format!("session:{}", grant.session_id), 600).await;
    ban(&redis, "stranger:192.0.2.0/24", 600).await;
    eventually("the session is shut out", async || {
        session.get("/api/users/me").await.status == 403
    })
    .await;
    assert_eq!(other.get("/api/users/me").await.status, 200);
    let from = async |client: &common::testing::Client, path: &str| {
        let request = client.request(Method::GET, path);
        client.send(request.header("x-forwarded-for", "192.0.2.9")).await
    };
    from(&world.anonymous(), "/api/users/auth/login")
        .await
        .assert_problem(403, "gateway.banned");
    assert_eq!(from(&other, "/api/users/me").await.status, 200);
}

#[tokio::test]
async fn no_ban_shuts_out_who_is_never_banned() {
    let world = World::builder()
        .set("TRUSTED_PROXIES", "127.0.0.1/32")
        .set("NEVER_BANNED", "192.0.2.7, 2001:db8::/32")
        .start()
        .await;
    let redis = world.redis.connect();
    for member in ["192.0.2.0/24", "192.0.2.7", "127.0.0.1"] {
        ban(&redis, member, 600).await;
    }
    let user = world.user();
    let from = async |address: &str| {
        let request = user.request(Method::GET, "/api/users/me");
        user.send(request.header("x-forwarded-for", address)).await.status
    };
    eventually("the network is shut out", async || from("192.0.2.8").await == 403).await;
    assert_eq!(from("192.0.2.7").await, 200);
    assert_eq!(user.get("/api/users/me").await.status, 200, "nor is this machine");
}
