//! Bodies pass while they are being made.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::routing::{get, post};
use futures_util::{Stream, StreamExt, stream};
use http::Method;
use tokio::sync::{mpsc, oneshot};

use crate::world::{World, soon};

/// A stream of what a channel brings.
fn parts(receiver: mpsc::Receiver<Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream::unfold(receiver, |mut receiver| async {
        let part = receiver.recv().await?;
        Some((Ok(part), receiver))
    })
}

/// Something that can be taken once by a handler that is called once.
fn once<T>(value: T) -> Arc<Mutex<Option<T>>> {
    Arc::new(Mutex::new(Some(value)))
}

fn take<T>(value: &Mutex<Option<T>>) -> T {
    value.lock().unwrap().take().unwrap()
}

/// Tells when it is dropped.
struct Goodbye(Option<oneshot::Sender<()>>);

impl Drop for Goodbye {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            let _ = sender.send(());
        }
    }
}

#[tokio::test]
async fn an_event_arrives_before_the_answer_ends() {
    let (sender, receiver) = mpsc::channel(1);
    let receiver = once(receiver);
    let answer = move || async move {
        let body = Body::from_stream(parts(take(&receiver)));
        ([("content-type", "text/event-stream")], body)
    };
    let world = World::builder()
        .assistant(Router::new().route("/chat", post(answer)))
        .start()
        .await;
    let user = world.user();
    let asked = common::http::client::send(user.request(Method::POST, "/api/ai/chat"));
    let answer = soon("the head", asked).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut body = answer.bytes_stream();
    // The stand-in sends the next part only after the client has got the one before.
    for n in 0..3 {
        let part = format!("data: {n}\n\n");
        sender.send(part.clone().into()).await.unwrap();
        let got = soon("the event", body.next()).await.unwrap().unwrap();
        assert_eq!(got, part);
    }
    drop(sender);
    assert!(soon("the end", body.next()).await.is_none());
}

#[tokio::test]
async fn a_service_sees_the_first_part_before_the_client_sends_the_last() {
    let (seen, mut saw) = mpsc::channel::<Bytes>(1);
    let upload = move |request: Request| async move {
        let mut body = request.into_body().into_data_stream();
        let mut total = 0;
        while let Some(part) = body.next().await {
            let part = part.unwrap();
            total += part.len();
            seen.send(part).await.unwrap();
        }
        total.to_string()
    };
    let world = World::builder()
        .assistant(Router::new().route("/upload", post(upload)))
        .start()
        .await;
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let user = world.user();
    let request = user
        .request(Method::POST, "/api/ai/upload")
        .body(reqwest::Body::wrap_stream(parts(receiver)));
    let asking = user.send(request);
    let feeding = async {
        for n in 0..3_u8 {
            let part = Bytes::from(vec![n; 1000]);
            sender.send(part.clone()).await.unwrap();
            let got = soon("the part", saw.recv()).await.unwrap();
            assert_eq!(got, part);
        }
        drop(sender);
    };
    let (answer, ()) = soon("the answer", futures_util::future::join(asking, feeding)).await;
    assert_eq!(answer.text(), "3000");
}

#[tokio::test]
async fn large_bodies_pass_whole_and_too_large_ones_do_not() {
    const PART: usize = 64 * 1024;
    let count = |request: Request| async {
        let mut body = request.into_body().into_data_stream();
        let mut total = 0;
        while let Some(Ok(part)) = body.next().await {
            assert!(part.iter().all(|byte| *byte == 7));
            total += part.len();
        }
        total.to_string()
    };
    let many = || async {
        Body::from_stream(stream::iter(
            (0..1024).map(|_| Ok::<_, Infallible>(Bytes::from(vec![7_u8; PART]))),
        ))
    };
    let router = Router::new()
        .route("/count", post(count))
        .route("/many", get(many));
    let world = World::builder().assistant(router).start().await;
    let user = world.user();
    let upload = |count: usize| {
        let parts = (0..count).map(|_| Ok::<_, Infallible>(Bytes::from(vec![7_u8; PART])));
        let body = reqwest::Body::wrap_stream(stream::iter(parts));
        user.send(user.request(Method::POST, "/api/ai/count").body(body))
    };
    assert_eq!(
        soon("the upload", upload(160)).await.text(),
        (160 * PART).to_string()
    );
    soon("the refusal", upload(161))
        .await
        .assert_problem(413, "request.too_large");

    let answer = common::http::client::send(user.request(Method::GET, "/api/ai/many"))
        .await
        .unwrap();
    let mut body = answer.bytes_stream();
    let mut total = 0;
    while let Some(part) = soon("the next part", body.next()).await {
        let part = part.unwrap();
        assert!(part.iter().all(|byte| *byte == 7));
        total += part.len();
    }
    assert_eq!(total, 1024 * PART);

    // A declared length is refused before anything is read, by the limit of the route.
    let login = world
        .anonymous()
        .request(Method::POST, "/api/users/auth/login")
        .body(vec![b'x'; 64 * 1024 + 1]);
    world
        .anonymous()
        .send(login)
        .await
        .assert_problem(413, "request.too_large");
}

#[tokio::test]
async fn a_service_notices_that_the_client_left() {
    let (began, beginning) = oneshot::channel();
    let (left_waiting, waiting_ended) = oneshot::channel();
    let (left_stream, stream_ended) = oneshot::channel();
    let began = once(began);
    let waits = once(Goodbye(Some(left_waiting)));
    let streams = once(Goodbye(Some(left_stream)));
    let wait = move || async move {
        let _goodbye = take(&waits);
        take(&began).send(()).unwrap();
        std::future::pending::<&'static str>().await
    };
    let stream = move || async move {
        let goodbye = take(&streams);
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"data: 1\n\n"))]);
        let rest = stream::pending().inspect(move |_| {
            let _ = &goodbye;
        });
        Body::from_stream(first.chain(rest))
    };
    let router = Router::new()
        .route("/wait", get(wait))
        .route("/stream", get(stream));
    let world = World::builder().assistant(router).start().await;
    let user = world.user();

    let asked = common::http::client::send(user.request(Method::GET, "/api/ai/wait"));
    let mut asked = Box::pin(asked);
    tokio::select! {
        _ = &mut asked => panic!("there is no answer"),
        began = soon("the beginning", beginning) => began.unwrap(),
    }
    drop(asked);
    soon("the service hears of it", waiting_ended).await.unwrap();

    let answer = common::http::client::send(user.request(Method::GET, "/api/ai/stream"))
        .await
        .unwrap();
    let mut body = answer.bytes_stream();
    soon("the first part", body.next()).await.unwrap().unwrap();
    drop(body);
    soon("the service hears of it", stream_ended).await.unwrap();
}
