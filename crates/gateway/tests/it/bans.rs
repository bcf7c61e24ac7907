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
