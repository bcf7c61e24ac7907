//! `/audit/*`.

use std::time::Duration;

use common::auth::Permission::{AuditRead, AuditWrite};
use common::events::Stream;
use common::ids;
use common::testing::Grant;
use serde_json::{Value, json};

use crate::support::{Service, Whole, audited, eventually, items};

#[tokio::test]
async fn an_entry_is_appended_listed_and_verified() {
    let service = Service::start().await;
    let grant = Grant::new(&[AuditWrite, AuditRead]);
    let client = service.client_of(&grant);
    let answer = client
        .post(
            "/audit/log",
            &json!({"action": "documents.exported", "outcome": "success", "target": "document:7",
                    "details": {"rows": 12, "ratio": 1.5e300, "text": "строка\u{0}", "password": "hunter2"}}),
        )
        .await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made: Value = answer.json();
    assert_eq!(made["sequence"], 1);
    assert_eq!(made["hash"].as_str().unwrap().len(), 64);

    let listed = items(&client, "/audit/log").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(listed[0]["hash"], made["hash"]);
    assert_eq!(listed[0]["actor"]["user_id"], json!(grant.user_id));
    assert_eq!(listed[0]["ip"], "127.0.0.1");
    assert_eq!(listed[0]["details"]["password"], "***");
    assert!(listed[0]["request_id"].is_string());

    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["entries"]),
        (&json!(true), &json!(1)),
        "{verified}"
    );
    assert!(verified.get("first_broken").is_none());
}

#[tokio::test]
async fn the_same_id_is_recorded_once() {
    let service = Service::start().await;
    let client = service.client_of(&Grant::new(&[AuditWrite, AuditRead]));
    let id = ids::new_id();
    let body = json!({"id": id, "action": "a.b", "outcome": "denied"});
    let first: Value = client.post("/audit/log", &body).await.json();
    let second = client.post("/audit/log", &body).await;
    assert_eq!(second.status, 201);
    assert_eq!(second.json::<Value>(), first);
    let other = json!({"id": id, "action": "a.c", "outcome": "denied"});
    client
        .post("/audit/log", &other)
        .await
        .assert_problem(409, "audit.id_conflict");
    // Somebody else's id is a conflict too, or one could claim another's entry.
    let stranger = service.client(&[AuditWrite]);
    stranger
        .post("/audit/log", &body)
        .await
        .assert_problem(409, "audit.id_conflict");
    assert_eq!(items(&client, "/audit/log").await.len(), 1);
}

#[tokio::test]
async fn wrong_input_is_refused_by_member() {
    let service = Service::start().await;
    let client = service.client(&[AuditWrite, AuditRead]);
    for (body, pointer) in [
        (json!({"outcome": "success"}), ""),
        (json!({"action": "a.b", "outcome": "perhaps"}), "/outcome"),
        (json!({"action": "nothing", "outcome": "success"}), "/action"),
        (json!({"action": "a.b\n", "outcome": "success"}), "/action"),
        (
            json!({"action": "a.b", "outcome": "success", "target": ""}),
            "/target",
        ),
        (
            json!({"action": "a.b", "outcome": "success", "details": [1]}),
            "/details",
        ),
        (
            json!({"action": "a.b", "outcome": "success", "details": {"a": "x".repeat(20_000)}}),
            "/details",
        ),
        (
            json!({"action": "a.b", "outcome": "success", "sequence": 5}),
            "/sequence",
        ),
        (
            json!({"action": "a.b", "outcome": "success", "hash": "00"}),
            "/hash",
        ),
    ] {
        let problem = client
            .post("/audit/log", &body)
            .await
            .assert_problem(422, "request.validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}: {problem}");
    }
    for query in ["actor=me", "from=yesterday", "limit=many"] {
        let answer = client.get(&format!("/audit/log?{query}")).await;
        answer.assert_problem(400, "request.invalid_query");
    }
    let answer = client.get("/audit/log?cursor=invented").await;
    answer.assert_problem(400, "request.invalid");
    assert!(items(&client, "/audit/log").await.is_empty());
}

#[tokio::test]
async fn the_list_is_paged_and_filtered() {
    let service = Service::start().await;
    let one = Grant::new(&[AuditWrite, AuditRead]);
    let client = service.client_of(&one);
    let other = service.client(&[AuditWrite]);
    for n in 0..5 {
        let writer = if n % 2 == 0 { &client } else { &other };
        let body = json!({"action": format!("step.n{n}"), "outcome": "success"});
        assert_eq!(writer.post("/audit/log", &body).await.status, 201);
    }
    let mut seen = Vec::new();
    let mut path = "/audit/log?limit=2".to_owned();
    loop {
        let page: Value = client.get(&path).await.json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["sequence"].as_i64().unwrap()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/audit/log?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    assert_eq!(items(&client, "/audit/log?action=step.n3").await.len(), 1);
    assert_eq!(
        items(&client, &format!("/audit/log?actor={}", one.user_id))
            .await
            .len(),
        3
    );
    assert!(
        items(&client, "/audit/log?to=2020-01-01T00:00:00Z")
            .await
            .is_empty()
    );
    assert_eq!(
        items(&client, "/audit/log?from=2020-01-01T00:00:00Z").await.len(),
        5
    );
}

#[tokio::test]
async fn fifty_writers_on_two_replicas_make_one_chain() {
    let one = Service::start().await;
    let other = Service::on(one.db.clone()).await;
    let clients = [
        one.client(&[AuditWrite, AuditRead]),
        other.client(&[AuditWrite, AuditRead]),
    ];
    let company = ids::new_id();
    let writers = (0..50).map(|writer| {
        let client = &clients[writer % 2];
        async move {
            let mut sequences = Vec::new();
            for n in 0..6 {
                let details = if n % 2 == 0 {
                    json!({"company_id": company})
                } else {
                    json!({})
                };
                let entry = json!({"action": "race.run", "outcome": "success", "details": details});
                if n % 3 == 0 {
                    let answer = client
                        .post("/audit/log/batch", &json!({"entries": [entry, entry]}))
                        .await;
                    let answer: Value = answer.json();
                    let made = answer["entries"].as_array().unwrap();
                    sequences.extend(made.iter().map(|entry| entry["sequence"].as_i64().unwrap()));
                } else {
                    let answer: Value = client.post("/audit/log", &entry).await.json();
                    sequences.push(answer["sequence"].as_i64().unwrap());
                }
            }
            sequences
        }
    });
    let mut sequences = futures_util::future::join_all(writers).await.concat();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=400).collect::<Vec<i64>>());
    let verified: Value = clients[1].get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["entries"]),
        (&json!(true), &json!(400)),
        "{verified}"
    );
    // Who sees one company sees its numbers without a gap.
    let auditor = one.client_of(&Grant::new(&[AuditRead]).companies([company]));
    let seen = items(&auditor, "/audit/log?limit=500").await;
    let mut numbers: Vec<i64> = seen
        .iter()
        .map(|entry| entry["company_sequence"].as_i64().unwrap())
        .collect();
    numbers.sort_unstable();
    let expected = i64::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (1..=expected).collect::<Vec<i64>>());
    assert!(seen.iter().all(|entry| entry["company_id"] == json!(company)));
}

#[tokio::test]
async fn a_batch_is_recorded_once_and_as_a_whole() {
    let service = Service::start().await;
    let client = service.client_of(&Grant::new(&[AuditWrite, AuditRead]));
    let entry = |action: &str| json!({"action": action, "outcome": "success"});
    let batch = json!({"entries": [entry("a.one"), entry("a.two"), entry("a.three")]});
    let send = async |body: &Value| {
        let request = client
            .request(reqwest::Method::POST, "/audit/log/batch")
            .json(body);
        client.send(request.header("idempotency-key", "night-1")).await
    };
    let first: Value = send(&batch).await.json();
    assert_eq!(first["entries"][2]["sequence"], 3);
    assert_eq!(
        send(&batch).await.json::<Value>(),
        first,
        "a repetition gets the first answer"
    );
    // The same key for something else is a mistake, and nothing of it is recorded.
    let other = json!({"entries": [entry("a.one"), entry("a.other"), entry("a.three"), entry("a.four")]});
    send(&other).await.assert_problem(409, "audit.id_conflict");
    assert_eq!(items(&client, "/audit/log").await.len(), 3);
    // A single one, by a key.
    for _ in 0..2 {
        let request = client
            .request(reqwest::Method::POST, "/audit/log")
            .json(&entry("b.one"));
        let answer = client.send(request.header("idempotency-key", "single")).await;
        assert_eq!(answer.json::<Value>()["sequence"], 4);
    }
    let wrong = json!({"entries": [entry("a.one"), entry("wrong"), entry("audit.erased")]});
    let problem = client
        .post("/audit/log/batch", &wrong)
        .await
        .assert_problem(422, "request.validation_failed");
    let pointers: Vec<&Value> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["pointer"])
        .collect();
    assert_eq!(pointers, ["/entries/1/action", "/entries/2/action"]);
    let none = json!({"entries": []});
    let answer = client.post("/audit/log/batch", &none).await;
    answer.assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn the_log_is_searched_by_whatever_is_known() {
    let service = Service::start().await;
    let company = ids::new_id();
    let client = service.client(&[AuditWrite, AuditRead]);
    for (action, outcome, target, details) in [
        (
            "users.invited",
            "success",
            "user:1",
            json!({"role": "accountant"}),
        ),
        ("users.deleted", "denied", "user:2", json!({})),
        (
            "reports.viewed",
            "success",
            "report:sales",
            json!({"company_id": company, "note": "100% выручка"}),
        ),
    ] {
        let body = json!({"action": action, "outcome": outcome, "target": target, "details": details});
        assert_eq!(client.post("/audit/log", &body).await.status, 201);
    }
    for (query, expected) in [
        ("action=users.*", 2),
        ("action=users.deleted", 1),
        ("action=users", 0),
        ("outcome=denied", 1),
        ("target=user:1", 1),
        ("source=api", 3),
        ("source=gateway", 0),
        ("ip=127.0.0.1", 3),
        (&format!("company={company}"), 1),
        ("q=accountant", 1),
        ("q=100%25", 1),
        ("q=%25", 1),
        ("q=REPORT:S", 1),
        ("q=%D0%92%D0%AB%D0%A0%D0%A3%D0%A7%D0%9A%D0%90", 1),
        ("action=users.*&outcome=denied&q=user", 1),
    ] {
        let found = items(&client, &format!("/audit/log?{query}")).await;
        assert_eq!(found.len(), expected, "{query}");
    }
    let long = "x".repeat(201);
    let answer = client.get(&format!("/audit/log?q={long}")).await;
    answer.assert_problem(400, "request.invalid");

    let id = items(&client, &format!("/audit/log?company={company}")).await[0]["id"].clone();
    let path = format!("/audit/log/{}", id.as_str().unwrap());
    assert_eq!(client.get(&path).await.json::<Value>()["target"], "report:sales");
    let stranger = service.client_of(&Grant::new(&[AuditRead]).companies([ids::new_id()]));
    stranger.get(&path).await.assert_problem(404, "request.not_found");
    assert!(items(&stranger, "/audit/log").await.is_empty());
}

#[tokio::test]
async fn audit_events_are_appended_exactly_once() {
    let service = Whole::start().await;
    let client = service.client(&[AuditRead]);
    let events: Vec<_> = (0..20).map(|_| audited("users.role_changed")).collect();
    service.publish(Stream::Audit, &events).await;
    service.publish(Stream::Audit, &events[..10]).await;
    let mut poison = audited("x.y");
    poison.data = json!({"action": 5});
    service.publish(Stream::Audit, &[poison]).await;
    service
        .publish(Stream::Audit, &[audited("users.registered")])
        .await;
    eventually("the last event's entry", Duration::from_secs(10), async || {
        !items(&client, "/audit/log?action=users.registered")
            .await
            .is_empty()
    })
    .await;
    let entries = items(&client, "/audit/log").await;
    assert_eq!(entries.len(), 21);
    assert_eq!(entries[0]["source"], "user-management");
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["entries"]),
        (&json!(true), &json!(21)),
        "{verified}"
    );
}
