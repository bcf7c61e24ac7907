//! Texts are smaller for clients that read gzip.

use std::convert::Infallible;
use std::io::Read;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::{get, put};
use common::testing::Response;
use flate2::read::GzDecoder;
use futures_util::{StreamExt, stream};
use http::Method;
use tokio::sync::mpsc;

use crate::world::{World, soon};

fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text
}

/// A request of somebody who sees the bytes as they come: the usual client unpacks them by itself.
fn request(world: &World, method: Method, path: &str, coding: &str) -> reqwest::RequestBuilder {
    let client = common::http::client::builder().no_gzip().build().unwrap();
    client
        .request(method, format!("{}{path}", world.server.url()))
        .bearer_auth(world.issuer.token(&[]))
        .header("accept-encoding", coding)
}

async fn asked(world: &World, method: Method, path: &str, coding: &str) -> Response {
    world.anonymous().send(request(world, method, path, coding)).await
}

#[tokio::test]
async fn a_text_is_smaller_and_the_same() {
    let text = "{\"счёт\": \"62.01\"}\n".repeat(5000);
    let long = text.clone();
    let router = Router::new()
        .route(
            "/long",
            get(move || async move { ([("content-type", "application/json"), ("etag", "\"7\"")], long) }),
        )
        .route(
            "/short",
            get(|| async { ([("content-type", "application/json")], "{}") }),
        )
        .route(
            "/picture",
            get(|| async { ([("content-type", "image/png")], vec![7_u8; 5000]) }),
        )
        .route(
            "/packed",
            get(|| async {
                (
                    [("content-type", "text/plain"), ("content-encoding", "br")],
                    vec![7_u8; 5000],
                )
            }),
        )
        .route(
            "/changed",
            put(|request: Request| async move {
                let tag = request.headers().get("if-match").cloned();
                tag.map_or(Bytes::new(), |tag| Bytes::copy_from_slice(tag.as_bytes()))
            }),
        );
    let world = World::builder().assistant(router).start().await;
    let user = world.user();
    let answer = asked(&world, Method::GET, "/api/ai/long", "br, gzip").await;
    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert_eq!(answer.headers["etag"], "\"7-gzip\"");
    assert!(
        answer.headers["vary"]
            .to_str()
            .unwrap()
            .contains("accept-encoding")
    );
    assert!(answer.body.len() < text.len() / 20, "{}", answer.body.len());
    assert_eq!(unpacked(&answer.body), text);
    // The tag comes back as the service knows it.
    let request = user
        .request(Method::PUT, "/api/ai/changed")
        .header("if-match", "\"7-gzip\"");
    assert_eq!(user.send(request).await.text(), "\"7\"");

    let plain = asked(&world, Method::GET, "/api/ai/long", "gzip;q=0").await;
    assert!(!plain.headers.contains_key("content-encoding"));
    assert_eq!(
        (plain.text(), &plain.headers["etag"]),
        (text, &"\"7\"".parse().unwrap())
    );
    assert!(
        plain.headers["vary"]
            .to_str()
            .unwrap()
            .contains("accept-encoding")
    );
    for path in ["/short", "/picture"] {
        let answer = asked(&world, Method::GET, &format!("/api/ai{path}"), "gzip").await;
        assert!(!answer.headers.contains_key("content-encoding"), "{path}");
    }
    let packed = asked(&world, Method::GET, "/api/ai/packed", "gzip").await;
    assert_eq!(
        (packed.headers["content-encoding"].as_bytes(), packed.body.len()),
        (&b"br"[..], 5000)
    );
    let head = asked(&world, Method::HEAD, "/api/ai/long", "gzip").await;
    assert!(!head.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn what_has_secrets_is_not_compressed_and_it_can_be_switched_off() {
    let long = || async { ([("content-type", "application/json")], "x".repeat(5000)) };
    let world = World::builder()
        .users(Router::new().route("/users/me", get(long)))
        .start()
        .await;
    let answer = asked(&world, Method::GET, "/api/users/me", "gzip").await;
    assert!(!answer.headers.contains_key("content-encoding"));
    let world = World::builder()
        .set("COMPRESSION", "false")
        .assistant(Router::new().route("/long", get(long)))
        .start()
        .await;
    let answer = asked(&world, Method::GET, "/api/ai/long", "gzip").await;
    assert!(!answer.headers.contains_key("content-encoding"));
    assert!(!answer.headers.contains_key("vary"));
}

#[tokio::test]
async fn a_part_arrives_before_the_next_is_made() {
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let receiver = std::sync::Arc::new(std::sync::Mutex::new(Some(receiver)));
    let answer = move || async move {
        let receiver = receiver.lock().unwrap().take().unwrap();
        let parts = stream::unfold(receiver, |mut receiver| async {
            let part = receiver.recv().await?;
            Some((Ok::<_, Infallible>(part), receiver))
        });
        (
            [("content-type", "application/x-ndjson")],
            Body::from_stream(parts),
        )
    };
    let world = World::builder()
        .assistant(Router::new().route("/lines", get(answer)))
        .start()
        .await;
    let request = request(&world, Method::GET, "/api/ai/lines", "gzip");
    let asked = common::http::client::send(request);
    let answer = soon("the head", asked).await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let mut body = answer.bytes_stream();
    let mut all = Vec::new();
    for n in 0..3 {
        sender.send(format!("{{\"n\":{n}}}\n").into()).await.unwrap();
        let part = soon("the part", body.next()).await.unwrap().unwrap();
        all.extend_from_slice(&part);
        let mut text = String::new();
        let _ = GzDecoder::new(&all[..]).read_to_string(&mut text);
        assert!(text.ends_with(&format!("{{\"n\":{n}}}\n")), "{text}");
    }
    drop(sender);
    while let Some(part) = soon("the end", body.next()).await {
        all.extend_from_slice(&part.unwrap());
    }
    assert_eq!(unpacked(&all).lines().count(), 3);
}
