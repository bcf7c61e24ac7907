//! Checkpoints, proofs and erasures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::routing::post;
use common::auth::Permission::{AuditRead, AuditWrite, SecurityAdmin};
use common::ids;
use common::testing::{self, Client, Grant, TestServer};
use security::SCHEMA;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Service, Whole, eventually, items};

async fn append(client: &Client, count: usize) {
    for _ in 0..count.div_ceil(500) {
        let entry = json!({"action": "a.b", "outcome": "success"});
        let batch = json!({"entries": vec![entry; count.min(500)]});
        assert_eq!(client.post("/audit/log/batch", &batch).await.status, 201);
    }
}

fn hash(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let hasher = Sha256::new().chain_update([tag]);
    parts
        .iter()
        .fold(hasher, |hasher, part| hasher.chain_update(part))
        .finalize()
        .to_vec()
}

/// RFC 9162, section 2.1.3.2.
fn root_of(leaf: Vec<u8>, index: u64, size: u64, path: &[Vec<u8>]) -> Vec<u8> {
    let (mut place, mut last, mut root) = (index, size - 1, leaf);
    for sibling in path {
        if place & 1 == 1 || place == last {
            root = hash(1, &[sibling, &root]);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            root = hash(1, &[&root, sibling]);
        }
        place >>= 1;
        last >>= 1;
    }
    assert_eq!(last, 0);
    root
}

#[tokio::test]
async fn an_entry_is_proved_to_whoever_has_the_checkpoint() {
    let service = Service::start().await;
    let client = service.client(&[AuditWrite, AuditRead, SecurityAdmin]);
    append(&client, 2500).await;
    let answer = client.post("/audit/checkpoints", &json!({})).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let checkpoint: Value = answer.json();
    // Each 500 more, so 2,500 in all.
    assert_eq!(checkpoint["size"], 2500);
    assert_eq!(
        client.post("/audit/checkpoints", &json!({})).await.status,
        200,
        "nothing is new"
    );
    for first in [1, 700, 1024, 1025, 2049, 2500] {
        let path = format!("/audit/export?first={first}&last={first}");
        let exported: Value = serde_json::from_str(&client.get(&path).await.text()).unwrap();
        let path = format!("/audit/log/{}/proof", exported["id"].as_str().unwrap());
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let proof: Value = answer.json();
        assert_eq!(proof["checkpoint"]["root"], checkpoint["root"]);
        let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
        let leaf = hash(0, &[&bytes(&exported["hash"])]);
        assert_eq!(proof["leaf_hash"], hex::encode(&leaf));
        let path: Vec<Vec<u8>> = proof["path"].as_array().unwrap().iter().map(bytes).collect();
        let root = root_of(leaf, first - 1, 2500, &path);
        assert_eq!(checkpoint["root"], hex::encode(root), "{first}");
    }
    // One that nothing has signed yet is signed at once.
    let made: Value = client
        .post("/audit/log", &json!({"action": "a.c", "outcome": "success"}))
        .await
        .json();
    let proof: Value = client
        .get(&format!("/audit/log/{}/proof", made["id"].as_str().unwrap()))
        .await
        .json();
    assert_eq!(proof["entry"]["hash"], made["hash"]);
    assert!(proof["tree_size"].as_i64() >= made["sequence"].as_i64());
    client
        .get(&format!("/audit/log/{}/proof", ids::new_id()))
        .await
        .assert_problem(404, "request.not_found");
}

#[tokio::test]
async fn a_checkpoint_is_checked_with_the_published_key() {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    let service = Service::start().await;
    let client = service.client(&[AuditWrite, AuditRead, SecurityAdmin]);
    append(&client, 3).await;
    let checkpoint: Value = client.post("/audit/checkpoints", &json!({})).await.json();
    let keys: Value = client.get("/audit/keys").await.json();
    let key = &keys["items"][0];
    assert_eq!(
        (&key["key_id"], &key["current"]),
        (&checkpoint["key_id"], &json!(true))
    );
    let bytes = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let statement = checkpoint["statement"].as_str().unwrap();
    UnparsedPublicKey::new(&ED25519, bytes(&key["public_key"]))
        .verify(statement.as_bytes(), &bytes(&checkpoint["signature"]))
        .unwrap();
    assert!(
        statement.starts_with("ai1c-audit-checkpoint/1\n1\n3\n"),
        "{statement}"
    );

    // After the key was changed: unknown without the earlier one, good with it.
    let secret = [(
        "AUDIT_SIGNING_KEY",
        "another secret of at least thirty-two characters",
    )];
    let stranger = Service::on_at(service.db.clone(), Default::default(), &secret).await;
    let found: Value = stranger.client(&[AuditRead]).get("/audit/verify").await.json();
    assert_eq!(found["first_broken"]["kind"], "forged");
    let earlier = ("AUDIT_EARLIER_KEYS", key["public_key"].as_str().unwrap());
    let heir = Service::on_at(service.db.clone(), Default::default(), &[secret[0], earlier]).await;
    let client = heir.client(&[AuditWrite, AuditRead, SecurityAdmin]);
    append(&client, 1).await;
    assert_eq!(client.post("/audit/checkpoints", &json!({})).await.status, 201);
    let found: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&found["valid"], &found["checkpoints"]),
        (&json!(true), &json!(2)),
        "{found}"
    );
}

#[tokio::test]
async fn checkpoints_are_made_and_leave_when_the_receiver_is_back() {
    let received: Arc<Mutex<Vec<Value>>> = Arc::default();
    let (kept, up) = (received.clone(), Arc::new(Mutex::new(false)));
    let is_up = up.clone();
    let receiver = axum::Router::new().route(
        "/checkpoints",
        post(move |axum::Json(body): axum::Json<Value>| async move {
            if !*is_up.lock().unwrap() {
                return axum::http::StatusCode::SERVICE_UNAVAILABLE;
            }
            kept.lock().unwrap().push(body);
            axum::http::StatusCode::NO_CONTENT
        }),
    );
    let receiver = TestServer::serve(receiver).await;
    let file = std::env::temp_dir().join(format!("checkpoints-{}", ids::new_id()));
    let redis = testing::redis().await;
    let url = redis.url().to_owned();
    let service = Whole::with(
        redis,
        &url,
        &testing::database_url(&SCHEMA).await,
        &[
            ("AUDIT_CHECKPOINT_EVERY", "100ms"),
            ("AUDIT_CHECKPOINT_FILE", file.to_str().unwrap()),
            (
                "AUDIT_CHECKPOINT_WEBHOOK",
                &format!("{}/checkpoints", receiver.url()),
            ),
        ],
    )
    .await;
    let client = service.client(&[AuditWrite, AuditRead]);
    append(&client, 2).await;
    eventually("a checkpoint is made", Duration::from_secs(20), async || {
        !items(&client, "/audit/checkpoints").await.is_empty()
    })
    .await;
    assert!(items(&client, "/audit/checkpoints").await[0]["delivered_at"].is_null());
    *up.lock().unwrap() = true;
    eventually("it has left", Duration::from_secs(20), async || {
        items(&client, "/audit/checkpoints").await[0]["delivered_at"].is_string()
    })
    .await;
    let copies = received.lock().unwrap().clone();
    assert_eq!(copies.len(), 1);
    let lines = std::fs::read_to_string(&file).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last, copies[0]);
    let compared: Value = client
        .post("/audit/verify", &json!({"checkpoints": copies}))
        .await
        .json();
    assert_eq!(compared["valid"], true, "{compared}");
    std::fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_person_is_erased_and_the_log_still_verifies() {
    let service = Service::start().await;
    let (person, colleague) = (
        Grant::new(&[AuditWrite]),
        Grant::new(&[AuditWrite, AuditRead, SecurityAdmin]),
    );
    let (own, client) = (service.client_of(&person), service.client_of(&colleague));
    let about = format!("user:{}", person.user_id);
    for _ in 0..3 {
        let entry = json!({"action": "reports.viewed", "outcome": "success", "details": {"name": "Иванова"}});
        assert_eq!(own.post("/audit/log", &entry).await.status, 201);
    }
    let entry = json!({"action": "users.invited", "outcome": "success", "target": about, "details": {"role": "user"}});
    assert_eq!(client.post("/audit/log", &entry).await.status, 201);
    append(&client, 2).await;
    assert_eq!(client.post("/audit/checkpoints", &json!({})).await.status, 201);

    let request = json!({"user_id": person.user_id, "reason": "Запрос субъекта персональных данных"});
    let erased: Value = client.post("/audit/erasures", &request).await.json();
    assert_eq!(erased["entries"], 4);
    let again: Value = client.post("/audit/erasures", &request).await.json();
    assert_eq!(again["entries"], 0);
    let rows: Vec<String> = sqlx::query_scalar("select row_to_json(e)::text from security.audit_entries e")
        .fetch_all(&service.db)
        .await
        .unwrap();
    let rows = rows.concat();
    assert!(
        !rows.contains(&person.user_id.to_string()) && !rows.contains("Иванова"),
        "{rows}"
    );
    let listed = items(&client, "/audit/log").await;
    assert_eq!(listed[0]["action"], "audit.erased");
    assert_eq!(listed[0]["details"]["what"], json!([[1, 4]]));
    // Who invited is another person and stays.
    assert_eq!(listed[3]["erased"], json!(["what"]));
    assert_eq!(listed[3]["actor"]["user_id"], json!(colleague.user_id));
    assert_eq!(listed[6]["erased"], json!(["who", "what"]));
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["erased"], &verified["checkpoints"]),
        (&json!(true), &json!(4), &json!(1)),
        "{verified}"
    );
    // A single entry, whole.
    let single = json!({"entries": [listed[2]["id"]], "reason": "Ошибочная запись"});
    let erased: Value = client.post("/audit/erasures", &single).await.json();
    assert_eq!(erased["entries"], 1);
    assert_eq!(client.get("/audit/verify").await.json::<Value>()["erased"], 5);

    for (body, pointer) in [
        (json!({"reason": "Почему"}), ""),
        (json!({"user_id": person.user_id, "reason": ""}), "/reason"),
        (
            json!({"user_id": person.user_id, "entries": [ids::new_id()], "reason": "Почему"}),
            "",
        ),
    ] {
        let answer = client.post("/audit/erasures", &body).await;
        let problem = answer.assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let partial = service.client_of(&Grant::new(&[SecurityAdmin]).companies([ids::new_id()]));
    let answer = partial.post("/audit/erasures", &request).await;
    answer.assert_problem(403, "audit.all_companies_required");
}
