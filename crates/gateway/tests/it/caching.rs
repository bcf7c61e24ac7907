//! What has been answered once and may be shown again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use common::testing::{Client, Grant, Response};
use http::{HeaderName, Method};
use tokio::sync::Semaphore;

use crate::world::{Builder, World, eventually, soon};

/// Counts requests, and answers with the count.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicUsize>);

impl Counter {
    fn next(&self) -> String {
        (self.0.fetch_add(1, Ordering::SeqCst) + 1).to_string()
    }

    fn so_far(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn counted(control: &'static str) -> (Counter, Router) {
    let counter = Counter::default();
    let answers = counter.clone();
    let route = get(move || async move { ([("cache-control", control)], answers.next()) })
        .put(|| async { "changed" });
    (
        counter,
        Router::new()
            .route("/counted", route.clone())
            .route("/.well-known/counted", route),
    )
}

fn rules(world: Builder, text: &str) -> Builder {
    let file = std::env::temp_dir().join(format!("routes-{}.toml", common::ids::new_id()));
    std::fs::write(&file, text).unwrap();
    world.set("ROUTES_FILE", file.display().to_string())
}

async fn with(client: &Client, path: &str, name: &'static str, value: &str) -> Response {
    let request = client
        .request(Method::GET, path)
        .header(HeaderName::from_static(name), value);
    client.send(request).await
}

const AI: &str = "/api/ai/counted";

#[tokio::test]
async fn what_a_service_lets_be_kept_is_shown_again_to_the_same_session() {
    let (counter, router) = counted("private, max-age=60");
    let world = World::builder().assistant(router).start().await;
    let user = world.user();
    let first = user.get(AI).await;
    assert_eq!(
        (first.text(), &first.headers["x-cache"]),
        ("1".to_owned(), &"MISS".parse().unwrap())
    );
    let again = user.get(AI).await;
    assert_eq!(again.text(), "1");
    assert_eq!(again.headers["x-cache"], "HIT");
    assert_eq!(again.headers["cache-control"], "private, max-age=60");
    assert!(again.headers["age"].to_str().unwrap().parse::<u64>().unwrap() < 60);
    // The quota counts all the same.
    assert!(again.headers.contains_key("ratelimit"));
    assert_ne!(again.headers["x-request-id"], first.headers["x-request-id"]);

    // It has a tag, by which the client need not be told again.
    let tag = again.headers["etag"].to_str().unwrap().to_owned();
    let unchanged = with(&user, AI, "if-none-match", &tag).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.headers["etag"], tag);
    assert_eq!(with(&user, AI, "if-none-match", "\"other\"").await.text(), "1");
    let head = user.send(user.request(Method::HEAD, AI)).await;
    assert_eq!(
        (&head.headers["x-cache"], &head.headers["content-length"]),
        (&"HIT".parse().unwrap(), &"1".parse().unwrap())
    );
    assert_eq!(counter.so_far(), 1);

    // Everybody else, another language and another address have answers of their own.
    assert_eq!(world.user().get(AI).await.text(), "2");
    assert_eq!(with(&user, AI, "accept-language", "fr").await.text(), "3");
    assert_eq!(user.get(&format!("{AI}?page=2")).await.text(), "4");
    assert_eq!(with(&user, AI, "x-company-id", "7").await.text(), "5");
    // Whoever wants a new one gets it, and the others see it too.
    assert_eq!(with(&user, AI, "cache-control", "no-cache").await.text(), "6");
    assert_eq!(user.get(AI).await.text(), "6");
    // A change takes away what this session was shown.
    assert_eq!(user.send(user.request(Method::PUT, AI)).await.text(), "changed");
    assert_eq!(user.get(AI).await.text(), "7");
}

#[tokio::test]
async fn what_may_not_be_kept_is_asked_for_each_time() {
    for control in ["no-store", "no-cache, max-age=60", "private, max-age=0", ""] {
        let (counter, router) = counted(control);
        let world = World::builder().assistant(router).start().await;
        let user = world.user();
        for _ in 0..3 {
            let answer = user.get(AI).await;
            assert!(!answer.headers.contains_key("x-cache"), "{control}");
        }
        assert_eq!(counter.so_far(), 3, "{control}");
    }
}

#[tokio::test]
async fn what_is_public_is_shown_to_all_but_only_where_no_token_is_asked_for() {
    let (counter, router) = counted("public, max-age=60");
    let world = World::builder()
        .users(router.clone())
        .assistant(router)
        .start()
        .await;
    let path = "/api/users/.well-known/counted";
    for _ in 0..3 {
        assert_eq!(world.anonymous().get(path).await.text(), "1");
    }
    assert_eq!(with(&world.anonymous(), path, "cookie", "a=1").await.text(), "1");
    assert_eq!(counter.so_far(), 1);
    // Nobody puts the addresses of another host into the answers of all.
    assert_eq!(
        with(&world.anonymous(), path, "host", "evil.example")
            .await
            .text(),
        "2"
    );
    assert_eq!(world.anonymous().get(path).await.text(), "1");
    // Whether somebody may see this the service decides, each time anew.
    assert_eq!(world.user().get(AI).await.text(), "3");
    assert_eq!(world.user().get(AI).await.text(), "4");
    assert_eq!(world.anonymous().get(AI).await.status, 401);
}

#[tokio::test]
async fn a_rule_keeps_what_the_service_says_nothing_of_and_many_ask_once() {
    let counter = Counter::default();
    let gate = Arc::new(Semaphore::new(0));
    let (answers, opens) = (counter.clone(), gate.clone());
    let route = get(move || async move {
        let answer = answers.next();
        let _open = opens.acquire().await.unwrap();
        answer
    });
    let broken = get(|| async { (http::StatusCode::NOT_FOUND, "no").into_response() });
    let router = Router::new().route("/counted", route).route("/broken", broken);
    let rule = "[[route]]\npath = \"/api/ai/*\"\ncache = \"session\"\ncache_seconds = 60\n";
    let world = rules(World::builder().assistant(router), rule).start().await;
    let user = world.user();
    let asking = futures_util::future::join_all((0..20).map(|_| user.get(AI)));
    let opening = async {
        eventually("the service is asked", async || counter.so_far() == 1).await;
        gate.add_permits(20);
    };
    let (answers, ()) = soon("the answers", futures_util::future::join(asking, opening)).await;
    let misses = answers
        .iter()
        .filter(|answer| answer.headers["x-cache"] == "MISS")
        .count();
    assert!(answers.iter().all(|answer| answer.text() == "1"));
    assert_eq!((counter.so_far(), misses), (1, 1));
    // A refusal is not kept.
    for _ in 0..2 {
        let refused = user.get("/api/ai/broken").await;
        assert_eq!(refused.status, 404);
        assert!(!refused.headers.contains_key("x-cache"));
    }
}

#[tokio::test]
async fn an_old_answer_is_shown_while_another_is_fetched() {
    let (counter, router) = counted("max-age=1, stale-while-revalidate=600");
    let world = World::builder().assistant(router).start().await;
    let user = world.user();
    assert_eq!(user.get(AI).await.text(), "1");
    let mut stale = false;
    eventually("the new answer is there", async || {
        let answer = user.get(AI).await;
        stale |= answer.headers["x-cache"] == "STALE";
        answer.text() != "1"
    })
    .await;
    assert!(stale, "the old answer was shown meanwhile");
    assert!(counter.so_far() >= 2);
}

#[tokio::test]
async fn other_rights_are_another_answer() {
    let (counter, router) = counted("private, max-age=60");
    let world = World::builder().assistant(router).start().await;
    let grant = Grant::new(&[]);
    let client = |grant: &Grant| world.anonymous().with_token(world.issuer.sign(grant));
    assert_eq!(client(&grant).get(AI).await.text(), "1");
    // A new token of the same session is the same session.
    assert_eq!(client(&grant).get(AI).await.text(), "1");
    let mut other = grant.clone();
    other.rights_version += 1;
    assert_eq!(client(&other).get(AI).await.text(), "2");
    assert_eq!(counter.so_far(), 2);
}
