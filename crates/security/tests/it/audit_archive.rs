//! Months that leave for the archive, and what an earlier release appends.

use std::time::Duration;

use chrono::TimeDelta;
use common::auth::Permission::{AuditRead, AuditWrite, SecurityAdmin};
use common::clock::Clock;
use common::testing::{self, Grant};
use security::SCHEMA;
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::{Service, Whole, eventually, items};

#[tokio::test]
async fn old_months_are_archived_and_still_verify() {
    let url = testing::database_url(&SCHEMA).await;
    let db = PgPool::connect(&url).await.unwrap();
    let folder = std::env::temp_dir().join(format!("archive-{}", common::ids::new_id()));
    let settings = [
        ("AUDIT_ARCHIVE_DIR", folder.to_str().unwrap()),
        ("AUDIT_RETENTION", "30d"),
    ];
    // Three months of entries, the first one two thousand.
    let clock = Clock::fixed(Clock::system().now() - TimeDelta::days(150));
    let then = Service::on_at(db.clone(), clock.clone(), &settings).await;
    let person = Grant::new(&[AuditWrite]);
    let client = then.client_of(&person);
    for (batches, days) in [(4, 31), (1, 31), (4, 31)] {
        for _ in 0..batches {
            let entry = json!({"action": "a.b", "outcome": "success", "details": {"text": "строка"}});
            let batch = json!({"entries": vec![entry; 500]});
            assert_eq!(client.post("/audit/log/batch", &batch).await.status, 201);
        }
        clock.advance(TimeDelta::days(days));
    }

    let redis = testing::redis().await;
    let redis_url = redis.url().to_owned();
    let service = Whole::with(redis, &redis_url, &url, &settings).await;
    let client = service.client(&[AuditWrite, AuditRead]);
    eventually("the archive is complete", Duration::from_secs(60), async || {
        let segments = items(&client, "/audit/segments").await;
        segments
            .iter()
            .map(|segment| segment["last_sequence"].as_i64())
            .max()
            .flatten()
            == Some(4096)
            && segments.iter().all(|segment| segment["removed_at"].is_string())
    })
    .await;
    let left: i64 = sqlx::query_scalar("select count(*) from security.audit_entries")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(left, 4500 - 4096, "what does not fill a block stays");
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["after"], &verified["entries"]),
        (&json!(true), &json!(4096), &json!(404)),
        "{verified}"
    );
    let verified: Value = client.get("/audit/verify?archive=true").await.json();
    assert_eq!(
        (&verified["valid"], &verified["after"], &verified["entries"]),
        (&json!(true), &json!(0), &json!(4500)),
        "{verified}"
    );
    // Proofs of what stays need nothing of what has gone.
    let entry = items(&client, "/audit/log?limit=1").await[0].clone();
    let proof = client
        .get(&format!("/audit/log/{}/proof", entry["id"].as_str().unwrap()))
        .await;
    assert_eq!(proof.status, 200, "{}", proof.text());

    // A person is erased there too, and the archive verifies as before.
    let admin = service.client(&[SecurityAdmin]);
    let request = json!({"user_id": person.user_id, "reason": "Запрос субъекта персональных данных"});
    let erased: Value = admin.post("/audit/erasures", &request).await.json();
    assert_eq!(erased["entries"], 4500);
    let again: Value = admin.post("/audit/erasures", &request).await.json();
    assert_eq!(again["entries"], 0);
    let verified: Value = client.get("/audit/verify?archive=true").await.json();
    assert_eq!(
        (&verified["valid"], &verified["erased"]),
        (&json!(true), &json!(4500)),
        "{verified}"
    );

    // A file that is changed, or gone.
    let segments = items(&client, "/audit/segments").await;
    let file = folder.join(segments[1]["file"].as_str().unwrap());
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let verified: Value = client.get("/audit/verify?archive=true").await.json();
    assert_eq!(verified["first_broken"]["kind"], "edited", "{verified}");
    std::fs::remove_file(&file).unwrap();
    let verified: Value = client.get("/audit/verify?archive=true").await.json();
    assert_eq!(
        verified["first_broken"],
        json!({"kind": "missing", "sequence": segments[1]["first_sequence"]})
    );
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn what_an_earlier_release_has_appended_is_taken_over() {
    let url = testing::database_url(&SCHEMA).await;
    let db = PgPool::connect(&url).await.unwrap();
    append_as_before(&db, 3).await;
    let redis = testing::redis().await;
    let redis_url = redis.url().to_owned();
    let service = Whole::with(redis, &redis_url, &url, &[]).await;
    let client = service.client(&[AuditRead]);
    eventually("they are taken over", Duration::from_secs(20), async || {
        items(&client, "/audit/log").await.len() == 3
    })
    .await;
    // The earlier release goes on for a while beside this one.
    append_as_before(&db, 2).await;
    eventually("the rest too", Duration::from_secs(30), async || {
        items(&client, "/audit/log").await.len() == 5
    })
    .await;
    let listed = items(&client, "/audit/log").await;
    assert_eq!(listed[4]["details"], json!({"n": 1}));
    assert_eq!(listed[4]["actor"]["role"], "admin");
    assert_eq!(client.get("/audit/verify").await.json::<Value>()["valid"], true);
    let threats: i64 = sqlx::query_scalar("select count(*) from security.threats")
        .fetch_one(&db)
        .await
        .unwrap();
    assert_eq!(threats, 0);
}

/// Appends to the table of earlier releases, in their way.
async fn append_as_before(db: &PgPool, count: i64) {
    let statement = r#"do $$
        declare head security.audit_head; details text; id uuid; at timestamptz := date_trunc('second', now());
        begin
            for n in 1..$count loop
                select * into head from security.audit_head for update;
                head.sequence := head.sequence + 1;
                id := gen_random_uuid();
                details := '{"n":' || n || '}';
                insert into security.audit_log (sequence, id, occurred_at, recorded_at, source, action, outcome,
                    actor_id, actor_role, details, prev_hash, hash)
                values (head.sequence, id, at, at, 'user-management', 'users.invited', 'success', id, 'admin',
                    details::json, head.hash,
                    sha256(convert_to('audit.v1', 'UTF8') || int8send(32) || head.hash || int8send(head.sequence)
                        || uuid_send(id) || int8send((extract(epoch from at) * 1000000)::bigint)
                        || int8send((extract(epoch from at) * 1000000)::bigint)
                        || int8send(15) || convert_to('user-management', 'UTF8')
                        || int8send(13) || convert_to('users.invited', 'UTF8')
                        || int8send(7) || convert_to('success', 'UTF8')
                        || '\x01'::bytea || int8send(16) || uuid_send(id)
                        || '\x01'::bytea || int8send(5) || convert_to('admin', 'UTF8')
                        || '\x000000'::bytea
                        || int8send(octet_length(details)) || convert_to(details, 'UTF8')))
                returning hash into head.hash;
                update security.audit_head set sequence = head.sequence, hash = head.hash;
            end loop;
        end $$"#;
    let statement = statement.replace("$count", &count.to_string());
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
        .execute(db)
        .await
        .unwrap();
}
