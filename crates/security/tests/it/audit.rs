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
async fn concurrent_writers_make_one_chain() {
    let service = Service::start().await;
    let client = service.client(&[AuditWrite, AuditRead]);
    let body = json!({"action": "race.run", "outcome": "success"});
    let answers = futures_util::future::join_all((0..50).map(|_| client.post("/audit/log", &body))).await;
    let mut sequences: Vec<i64> = answers
        .iter()
        .map(|answer| answer.json::<Value>()["sequence"].as_i64().unwrap())
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=50).collect::<Vec<i64>>());
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["entries"]),
        (&json!(true), &json!(50)),
        "{verified}"
    );
}

#[tokio::test]
async fn the_log_cannot_be_changed_and_tampering_is_found() {
    let service = Service::start().await;
    let client = service.client(&[AuditWrite, AuditRead]);
    for n in 0..5 {
        let body = json!({"action": "a.b", "outcome": "success", "details": {"n": n}});
        assert_eq!(client.post("/audit/log", &body).await.status, 201);
    }
    for statement in [
        "update security.audit_log set action = 'c.d' where sequence = 3",
        "delete from security.audit_log where sequence = 3",
        "truncate security.audit_log",
    ] {
        let refused = sqlx::query(statement).execute(&service.db).await.unwrap_err();
        assert!(
            refused.to_string().contains("can only be appended to"),
            "{refused}"
        );
    }

    // What only a superuser can do.
    let tampering = [
        (
            "update security.audit_log set details = '{\"n\": 7}' where sequence = 3",
            "edited",
            3,
        ),
        (
            "update security.audit_log set occurred_at = occurred_at - interval '1 hour' where sequence = 2",
            "edited",
            2,
        ),
        ("delete from security.audit_log where sequence = 1", "missing", 1),
        (
            "delete from security.audit_log where sequence > 1",
            "truncated",
            1,
        ),
    ];
    for (statement, kind, sequence) in tampering {
        for part in [
            "alter table security.audit_log disable trigger all",
            statement,
            "alter table security.audit_log enable trigger all",
        ] {
            sqlx::query(part).execute(&service.db).await.unwrap();
        }
        let verified: Value = client.get("/audit/verify").await.json();
        assert_eq!(verified["valid"], false, "{statement}: {verified}");
        assert_eq!(verified["entries"], sequence - 1, "{statement}: {verified}");
        assert_eq!(
            verified["first_broken"],
            json!({"kind": kind, "sequence": sequence}),
            "{statement}"
        );
    }
    // It is a threat as well, one in all.
    let threats: i64 =
        sqlx::query_scalar("select count(*) from security.threats where kind = 'audit_chain_broken'")
            .fetch_one(&service.db)
            .await
            .unwrap();
    assert_eq!(threats, 1);
}

#[tokio::test]
async fn entries_cut_off_from_the_end_are_missed() {
    let service = Service::start().await;
    let client = service.client(&[AuditWrite, AuditRead]);
    for _ in 0..3 {
        let body = json!({"action": "a.b", "outcome": "success"});
        assert_eq!(client.post("/audit/log", &body).await.status, 201);
    }
    for statement in [
        "alter table security.audit_log disable trigger all",
        "delete from security.audit_log where sequence = 3",
    ] {
        sqlx::query(statement).execute(&service.db).await.unwrap();
    }
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        verified["first_broken"],
        json!({"kind": "truncated", "sequence": 3})
    );
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
