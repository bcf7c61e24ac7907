//! Writing into 1C while something goes wrong.

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use common::testing::{Proxy, TestServer};
use onec_demo::ServerOptions;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::drafts::{COUNTERPARTIES, confirm, draft, rows, writable, writer};
use crate::setup::{Service, base, set_faults};

#[tokio::test]
async fn an_object_that_changed_meanwhile_is_left_alone() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    for ignore in [false, true] {
        set_faults(&demo, &json!({"ignore_if_match": ignore})).await;
        let one = rows(&client, COUNTERPARTIES, "IsFolder eq false", "&limit=1").await[0].clone();
        let reference = &one["Ref_Key"];
        let change =
            |name: &str| json!({"entity": COUNTERPARTIES, "ref": reference, "values": {"Description": name}});
        let first = draft(&client, &change("Первый")).await;
        let second = draft(&client, &change("Второй")).await;
        confirm(&client, &second).await;
        let path = format!("/documents/drafts/{}/confirm", first["id"].as_str().unwrap());
        let refused = client.post(&path, &json!({"digest": first["digest"]})).await;
        let problem = refused.assert_problem(409, "onec.object_changed");
        assert_eq!(problem["differences"][0]["before"], "Второй", "{problem}");
        let again = client.post(&path, &json!({"digest": first["digest"]})).await;
        again.assert_problem(409, "onec.draft_used");
    }
}

#[tokio::test]
async fn two_confirmations_at_once_write_once() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    let request = json!({"entity": COUNTERPARTIES, "values": {"Description": "Единственный"}});
    let drafted = draft(&client, &request).await;
    let path = format!("/documents/drafts/{}/confirm", drafted["id"].as_str().unwrap());
    let body = json!({"digest": drafted["digest"]});
    set_faults(&demo, &json!({"latency_ms": 100})).await;
    let calls = (0..8).map(|_| client.post(&path, &body));
    let answers = futures_util::future::join_all(calls).await;
    let written = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(written >= 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.assert_problem(409, "onec.draft_used");
    }
    let found = rows(&client, COUNTERPARTIES, "Description eq 'Единственный'", "").await;
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn when_1c_is_away_nothing_is_lost_or_doubled() {
    let demo = writable().await;
    let proxy = Proxy::start(demo.address()).await;
    let service = Service::start(Some(&format!("http://{}", proxy.address()))).await;
    assert_eq!(service.job_end().await["state"], "succeeded");
    let client = writer(&service);
    let request = json!({"entity": COUNTERPARTIES, "values": {
        "Description": "Из обрыва", "ОсновнойДоговор_Key": "11111111-2222-4333-8444-555555555555",
    }});
    proxy.cut();
    client
        .post("/documents/drafts", &request)
        .await
        .assert_problem(503, "onec.infobase_unreachable");
    proxy.restore();
    let request = json!({"entity": COUNTERPARTIES, "values": {"Description": "Из обрыва"}});
    let drafted = draft(&client, &request).await;
    proxy.cut();
    let path = format!("/documents/drafts/{}/confirm", drafted["id"].as_str().unwrap());
    let body = json!({"digest": drafted["digest"]});
    let answer = client.post(&path, &body).await;
    let status = answer.status.as_u16();
    assert!(status == 503 || status == 502, "{}", answer.text());
    proxy.restore();
    // It was not sent when no connection could be made; otherwise that is not known.
    let again = client.post(&path, &body).await;
    if status == 503 {
        assert_eq!(again.status, 200, "{}", again.text());
    } else {
        again.assert_problem(409, "onec.draft_used");
    }
    let found = rows(&client, COUNTERPARTIES, "Description eq 'Из обрыва'", "").await;
    assert!(found.len() <= 1);
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_in_1c() {
    let demo = writable().await;
    let service = Service::synchronised_with(&demo).await;
    let client = writer(&service);
    let drafted = draft(
        &client,
        &json!({"entity": COUNTERPARTIES, "values": {"Description": "Пропавший ответ"}}),
    )
    .await;
    // The change is carried out, and its answer breaks off.
    set_faults(&demo, &json!({"cut_after": 10})).await;
    let path = format!("/documents/drafts/{}/confirm", drafted["id"].as_str().unwrap());
    let body = json!({"digest": drafted["digest"]});
    let problem = client
        .post(&path, &body)
        .await
        .assert_problem(502, "onec.outcome_unknown");
    assert_eq!(problem["ref"], drafted["ref"], "{problem}");
    set_faults(&demo, &json!({})).await;
    client
        .post(&path, &body)
        .await
        .assert_problem(409, "onec.draft_used");
    let found = rows(&client, COUNTERPARTIES, "Description eq 'Пропавший ответ'", "").await;
    assert_eq!(found.len(), 1);
    let history: Value = client.get("/documents/writes").await.json();
    assert_eq!(history["items"][0]["outcome"], "unknown");
    let undo = format!("/documents/writes/{}/undo", problem["write_id"].as_str().unwrap());
    client
        .post(&undo, &json!({}))
        .await
        .assert_problem(409, "onec.undo_not_possible");
}

#[tokio::test]
async fn an_object_whose_answer_was_lost_is_found_again() {
    let demo = onec_demo::router(base(), ServerOptions::writable());
    let lossy = Router::new().fallback(move |request: Request| {
        let demo = demo.clone();
        async move {
            let is_lost = matches!(request.method().as_str(), "POST" | "PATCH");
            let answer = demo.oneshot(request).await.into_response();
            if is_lost {
                (axum::http::StatusCode::BAD_GATEWAY, "<html>proxy</html>").into_response()
            } else {
                answer
            }
        }
    });
    let server = TestServer::serve(lossy).await;
    let service = Service::synchronised_with(&server).await;
    let client = writer(&service);
    let request = json!({"entity": COUNTERPARTIES, "values": {"Description": "Нашёлся"}});
    let drafted = draft(&client, &request).await;
    let written = confirm(&client, &drafted).await;
    assert_eq!(
        (&written["outcome"], &written["ref"]),
        (&json!("written"), &drafted["ref"])
    );
    let change = json!({"entity": COUNTERPARTIES, "ref": written["ref"], "values": {"КПП": "770101001"}});
    let changed = confirm(&client, &draft(&client, &change).await).await;
    assert_eq!(changed["outcome"], "written", "{changed}");
    let found = rows(&client, COUNTERPARTIES, "Description eq 'Нашёлся'", "").await;
    assert_eq!((found.len(), &found[0]["КПП"]), (1, &json!("770101001")));
}
