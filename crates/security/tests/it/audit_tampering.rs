//! What somebody who owns the database does to the audit log, and that it is found and named.

use common::auth::Permission::{AuditRead, AuditWrite, SecurityAdmin};
use common::testing::Client;
use serde_json::{Value, json};

use crate::support::Service;

/// A log of eight entries with a checkpoint after five.
async fn log() -> (Service, Client) {
    let service = Service::start().await;
    let client = service.client(&[AuditWrite, AuditRead, SecurityAdmin]);
    append(&client, 5).await;
    assert_eq!(client.post("/audit/checkpoints", &json!({})).await.status, 201);
    append(&client, 3).await;
    (service, client)
}

async fn append(client: &Client, count: usize) {
    let entry = json!({"action": "a.b", "outcome": "success", "target": "user:1", "details": {"n": 1}});
    let batch = json!({"entries": vec![entry; count]});
    assert_eq!(client.post("/audit/log/batch", &batch).await.status, 201);
}

/// What only a superuser can do.
async fn tamper(service: &Service, statements: &[&str]) {
    let mut transaction = service.db.begin().await.unwrap();
    for statement in ["set session_replication_role = replica"]
        .iter()
        .chain(statements)
        .chain(&["set session_replication_role = origin"])
    {
        sqlx::query(sqlx::AssertSqlSafe((*statement).to_owned()))
            .execute(&mut *transaction)
            .await
            .unwrap();
    }
    transaction.commit().await.unwrap();
}

/// Makes the hashes of the entries from a number on fit each other again, as somebody would who knows
/// how they are computed; the end of the chain too.
async fn hash_anew(service: &Service, from: i64) {
    let statement = format!(
        r"do $$
        declare
            entry security.audit_entries;
            before bytea;
        begin
            select hash into before from security.audit_entries where sequence = {from} - 1;
            before := coalesce(before, decode(repeat('00', 32), 'hex'));
            for entry in select * from security.audit_entries where sequence >= {from} order by sequence loop
                entry.hash := sha256(
                    convert_to('audit.v2', 'UTF8')
                    || int8send(32) || before || int8send(entry.sequence)
                    || uuid_send(entry.id) || uuid_send(entry.company_id) || int8send(entry.company_sequence)
                    || int8send((extract(epoch from entry.occurred_at) * 1000000)::bigint)
                    || int8send((extract(epoch from entry.recorded_at) * 1000000)::bigint)
                    || int8send(octet_length(entry.source)) || convert_to(entry.source, 'UTF8')
                    || int8send(octet_length(entry.action)) || convert_to(entry.action, 'UTF8')
                    || int8send(octet_length(entry.outcome)) || convert_to(entry.outcome, 'UTF8')
                    || coalesce('\x01'::bytea || int8send(octet_length(entry.request_id))
                                || convert_to(entry.request_id, 'UTF8'), '\x00'::bytea)
                    || int8send(32) || entry.who_commitment || int8send(32) || entry.what_commitment);
                update security.audit_entries set prev_hash = before, hash = entry.hash
                    where sequence = entry.sequence;
                before := entry.hash;
                update security.audit_tip set sequence = entry.sequence, hash = entry.hash;
            end loop;
        end $$"
    );
    tamper(service, &[&statement]).await;
}

async fn verify(client: &Client) -> Value {
    client.get("/audit/verify").await.json()
}

#[tokio::test]
async fn the_log_cannot_be_changed() {
    let (service, client) = log().await;
    for statement in [
        "update security.audit_entries set action = 'c.d' where sequence = 3",
        "update security.audit_entries set target = 'user:2' where sequence = 3",
        "update security.audit_entries set who_salt = '\\x00' where sequence = 3",
        "delete from security.audit_entries where sequence = 3",
        "truncate security.audit_entries",
    ] {
        let refused = sqlx::query(statement).execute(&service.db).await.unwrap_err();
        assert!(
            refused.to_string().contains("can only be appended to"),
            "{statement}: {refused}"
        );
    }
    let verified = verify(&client).await;
    assert_eq!(
        (&verified["valid"], &verified["entries"], &verified["checkpoints"]),
        (&json!(true), &json!(8), &json!(1)),
        "{verified}"
    );
}

#[tokio::test]
async fn every_column_of_every_row_is_covered() {
    let (service, client) = log().await;
    let changes = [
        "id = '01890a5d-ac96-774b-bcce-b302099a8057'",
        "company_id = '01890a5d-ac96-774b-bcce-b302099a8057'",
        "company_sequence = 1000",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "recorded_at = recorded_at - interval '1 microsecond'",
        "source = source || ' '",
        "action = 'a.c'",
        "outcome = 'denied'",
        "request_id = null",
        "who_commitment = set_byte(who_commitment, 31, get_byte(who_commitment, 31) # 1)",
        "who_salt = set_byte(who_salt, 0, get_byte(who_salt, 0) # 1)",
        "who_salt = null, actor_id = null, actor_role = null, ip = null",
        "actor_id = '01890a5d-ac96-774b-bcce-b302099a8057'",
        "actor_role = null",
        "ip = '192.0.2.1'",
        "what_commitment = set_byte(what_commitment, 0, get_byte(what_commitment, 0) # 128)",
        "what_salt = set_byte(what_salt, 15, get_byte(what_salt, 15) # 1)",
        "what_salt = null, target = null, details = null",
        "target = 'user:2'",
        "details = '{\"n\": 1}'",
        "prev_hash = set_byte(prev_hash, 3, get_byte(prev_hash, 3) # 1)",
        "hash = set_byte(hash, 3, get_byte(hash, 3) # 1)",
    ];
    for (number, change) in changes.iter().enumerate() {
        let sequence = number % 8 + 1;
        let keep =
            format!("create table kept as select * from security.audit_entries where sequence = {sequence}");
        let change = format!("update security.audit_entries set {change} where sequence = {sequence}");
        tamper(&service, &[&keep, &change]).await;
        let verified = verify(&client).await;
        assert_eq!(
            verified["first_broken"],
            json!({"sequence": sequence, "kind": "edited"}),
            "{change}: {verified}"
        );
        tamper(
            &service,
            &[
                &format!("delete from security.audit_entries where sequence = {sequence}"),
                "insert into security.audit_entries select * from kept",
                "drop table kept",
            ],
        )
        .await;
    }
    assert_eq!(verify(&client).await["valid"], true);
    // It is a threat as well, one in all.
    let threats: i64 =
        sqlx::query_scalar("select count(*) from security.threats where kind = 'audit_chain_broken'")
            .fetch_one(&service.db)
            .await
            .unwrap();
    assert_eq!(threats, 1);
}

#[tokio::test]
async fn removing_moving_and_cutting_off_are_named() {
    const EXCHANGE: &str =
        "update security.audit_entries set sequence = 9 - sequence + 100 where sequence in (3, 6)";
    const EXCHANGED: &str =
        "update security.audit_entries set sequence = sequence - 100 where sequence > 100";
    let cases: [(&[&str], Value); 9] = [
        (
            &["delete from security.audit_entries where sequence = 1"],
            json!({"sequence": 1, "kind": "missing"}),
        ),
        (
            &["delete from security.audit_entries where sequence = 4"],
            json!({"sequence": 4, "kind": "missing"}),
        ),
        (
            &[
                "delete from security.audit_entries where sequence = 4",
                "update security.audit_entries set sequence = sequence + 99 where sequence > 4",
                "update security.audit_entries set sequence = sequence - 100 where sequence > 100",
            ],
            json!({"sequence": 4, "kind": "missing"}),
        ),
        (
            &[EXCHANGE, EXCHANGED],
            json!({"sequence": 3, "kind": "reordered"}),
        ),
        (
            &["update security.audit_entries set sequence = 90 where sequence = 2"],
            json!({"sequence": 2, "kind": "reordered"}),
        ),
        (
            &["delete from security.audit_entries where sequence = 8"],
            json!({"sequence": 8, "kind": "truncated"}),
        ),
        (
            // With the end moved as well only the checkpoint tells.
            &[
                "delete from security.audit_entries where sequence > 3",
                "update security.audit_tip set (sequence, hash) =
                     (select sequence, hash from security.audit_entries where sequence = 3)",
            ],
            json!({"sequence": 4, "kind": "truncated", "until": 5, "checkpoint": 1}),
        ),
        (
            &["delete from security.audit_tip"],
            json!({"sequence": 1, "kind": "truncated"}),
        ),
        (
            &["delete from security.audit_entries"],
            json!({"sequence": 1, "kind": "truncated", "until": 5, "checkpoint": 1}),
        ),
    ];
    for (statements, expected) in cases {
        let (service, client) = log().await;
        tamper(&service, statements).await;
        let verified = verify(&client).await;
        assert_eq!(verified["first_broken"], expected, "{statements:?}: {verified}");
    }
}

#[tokio::test]
async fn a_log_that_is_written_anew_does_not_agree_with_its_checkpoint() {
    let (service, client) = log().await;
    // The test's own way of computing hashes is right: it changes nothing.
    hash_anew(&service, 1).await;
    assert_eq!(verify(&client).await["valid"], true);

    tamper(
        &service,
        &["update security.audit_entries set outcome = 'denied' where sequence = 2"],
    )
    .await;
    hash_anew(&service, 2).await;
    assert_eq!(
        verify(&client).await["first_broken"],
        json!({"sequence": 1, "kind": "forged", "until": 5, "checkpoint": 1})
    );
}

#[tokio::test]
async fn an_entry_that_is_hashed_anew_alone_is_named() {
    let (service, client) = log().await;
    let (count, statement) = (
        "select count(*) from security.audit_entries",
        "update security.audit_entries set action = 'x.y' where sequence = 7",
    );
    tamper(&service, &[statement]).await;
    // Its own hash fits again; the next one continues from another.
    let after = "create table kept as select * from security.audit_entries where sequence = 8";
    tamper(
        &service,
        &[after, "delete from security.audit_entries where sequence = 8"],
    )
    .await;
    hash_anew(&service, 7).await;
    tamper(
        &service,
        &[
            "insert into security.audit_entries select * from kept",
            "update security.audit_tip set (sequence, hash) = (select sequence, hash from kept)",
        ],
    )
    .await;
    let entries: i64 = sqlx::query_scalar(count).fetch_one(&service.db).await.unwrap();
    assert_eq!(entries, 8);
    assert_eq!(
        verify(&client).await["first_broken"],
        json!({"sequence": 7, "kind": "forged"})
    );
}

#[tokio::test]
async fn a_replaced_checkpoint_is_not_ours() {
    for change in [
        "root = sha256(root)",
        "size = 4",
        "hash = sha256(hash)",
        "made_at = made_at + interval '1 microsecond'",
        "signature = set_byte(signature, 0, get_byte(signature, 0) # 1)",
        "key_id = 'another'",
    ] {
        let (service, client) = log().await;
        tamper(
            &service,
            &[&format!("update security.audit_checkpoints set {change}")],
        )
        .await;
        let verified = verify(&client).await;
        assert_eq!(verified["first_broken"]["kind"], "forged", "{change}: {verified}");
        assert_eq!(verified["first_broken"]["checkpoint"], 1, "{change}: {verified}");
        // And nothing is signed on top of it.
        let answer = client.post("/audit/checkpoints", &json!({})).await;
        answer.assert_problem(409, "audit.broken");
    }
}

#[tokio::test]
async fn a_checkpoint_that_is_gone_from_the_middle_is_missed() {
    let (service, client) = log().await;
    assert_eq!(client.post("/audit/checkpoints", &json!({})).await.status, 201);
    assert_eq!(verify(&client).await["checkpoints"], 2);
    tamper(
        &service,
        &["delete from security.audit_checkpoints where number = 1"],
    )
    .await;
    assert_eq!(
        verify(&client).await["first_broken"],
        json!({"sequence": 8, "kind": "missing", "checkpoint": 2})
    );
}

#[tokio::test]
async fn a_copy_that_was_kept_outside_finds_what_the_database_hides() {
    let (service, client) = log().await;
    let page: Value = client.get("/audit/checkpoints").await.json();
    let mut copy = page["items"][0].clone();
    for member in ["statement", "delivered_at"] {
        copy.as_object_mut().unwrap().remove(member);
    }
    let compare = json!({"checkpoints": [copy]});
    let found: Value = client.post("/audit/verify", &compare).await.json();
    assert_eq!(
        (&found["valid"], &found["checkpoints"]),
        (&json!(true), &json!(2)),
        "{found}"
    );
    // Everything is written anew, and the checkpoint is gone.
    tamper(
        &service,
        &[
            "update security.audit_entries set action = 'x.y' where sequence = 4",
            "delete from security.audit_checkpoints",
        ],
    )
    .await;
    hash_anew(&service, 4).await;
    assert_eq!(
        verify(&client).await["valid"],
        true,
        "the database alone does not tell"
    );
    let found: Value = client.post("/audit/verify", &compare).await.json();
    assert_eq!(
        found["first_broken"],
        json!({"sequence": 1, "kind": "forged", "until": 5, "checkpoint": 1})
    );
    // A copy that nobody of us has signed is no copy.
    let mut forged = compare.clone();
    forged["checkpoints"][0]["size"] = json!(3);
    let found: Value = client.post("/audit/verify", &forged).await.json();
    assert_eq!(found["first_broken"]["kind"], "forged");
    let wrong = json!({"checkpoints": [{"number": 1, "size": 1, "root": "xyz", "hash": "", "previous": "",
        "made_at": "2026-01-01T00:00:00Z", "key_id": "", "signature": ""}]});
    let answer = client.post("/audit/verify", &wrong).await;
    answer.assert_problem(422, "request.validation_failed");
}

#[tokio::test]
async fn a_part_is_verified_from_the_checkpoint_before_it() {
    let (service, client) = log().await;
    let part: Value = client.get("/audit/verify?from=7&to=8").await.json();
    assert_eq!(
        (&part["valid"], &part["after"], &part["entries"]),
        (&json!(true), &json!(5), &json!(3)),
        "{part}"
    );
    tamper(
        &service,
        &["update security.audit_entries set action = 'x.y' where sequence = 2"],
    )
    .await;
    assert_eq!(
        client.get("/audit/verify?from=6").await.json::<Value>()["valid"],
        true
    );
    let part: Value = client.get("/audit/verify?to=3").await.json();
    assert_eq!(part["first_broken"], json!({"sequence": 2, "kind": "edited"}));
    client
        .get("/audit/verify?from=3&to=2")
        .await
        .assert_problem(400, "request.invalid");
}
