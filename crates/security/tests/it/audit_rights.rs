//! What the service's own role cannot do to the audit log, in a database that is made as the deployment
//! kit makes it.

use std::path::Path;
use std::process::Command;

use common::auth::Permission::{AuditRead, AuditWrite, SecurityAdmin};
use common::{db, testing};
use security::SCHEMA;
use serde_json::{Value, json};
use sqlx::PgPool;
use url::Url;

use crate::support::{Service, items};

/// Runs the scripts of a new data folder and gives the address of the database as the service's user.
fn initialise(cluster: &Url) -> Url {
    let secret = std::env::temp_dir().join(format!("secret-{}", common::ids::new_id()));
    std::fs::write(&secret, "not asked for\n").unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docker/init-scripts/postgres");
    for script in ["10-application.sh", "20-audit.sh"] {
        let output = Command::new("bash")
            .arg(scripts.join(script))
            .env("PGHOST", cluster.host_str().unwrap())
            .env("PGPORT", cluster.port().unwrap().to_string())
            .env("POSTGRES_USER", "postgres")
            .env("APPLICATION_USER", "security_user")
            .env("APPLICATION_DATABASE", "security")
            .env("APPLICATION_PASSWORD_FILE", &secret)
            .env("MONITORING_PASSWORD_FILE", &secret)
            .output()
            .unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
    }
    std::fs::remove_file(secret).unwrap();
    let mut url = cluster.clone();
    url.set_username("security_user").unwrap();
    url.set_path("/security");
    url
}

#[tokio::test]
async fn the_service_cannot_change_what_it_has_written() {
    let cluster: Url = testing::database_url(&SCHEMA).await.parse().unwrap();
    let url = initialise(&cluster);
    let own = PgPool::connect(url.as_str()).await.unwrap();
    // Twice: a second start of the service must find nothing to do.
    for _ in 0..2 {
        db::migrate(&own, &SCHEMA).await.unwrap();
    }
    let service = Service::on(own.clone()).await;
    let client = service.client(&[AuditWrite, AuditRead, SecurityAdmin]);
    let entry = json!({"action": "a.b", "outcome": "success", "target": "user:1"});
    let batch = json!({"entries": [entry, entry, entry]});
    assert_eq!(client.post("/audit/log/batch", &batch).await.status, 201);
    assert_eq!(client.post("/audit/checkpoints", &json!({})).await.status, 201);

    for statement in [
        "update security.audit_entries set action = 'c.d'",
        "update security.audit_entries set who_salt = null, actor_id = null, actor_role = null, ip = null",
        "delete from security.audit_entries",
        "truncate security.audit_entries",
        "alter table security.audit_entries disable trigger all",
        "drop trigger audit_entries_append_only on security.audit_entries",
        "drop table security.audit_entries",
        "alter table security.audit_entries owner to security_user",
        "create or replace function security.guard_audit_entries() returns trigger language plpgsql \
         as 'begin return old; end'",
        "drop schema security cascade",
        "delete from security.audit_tip",
        "update security.audit_checkpoints set root = sha256(root)",
        "delete from security.audit_checkpoints",
        "update security.audit_blocks set root = sha256(root)",
        "delete from security.audit_segments",
        "update security.audit_log set action = 'c.d'",
        "set role audit_owner",
    ] {
        let refused = sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&own)
            .await
            .unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("permission denied") || text.contains("must be owner"),
            "{statement}: {text}"
        );
    }
    // What it may do goes on: entries, erasures, archiving.
    let listed = items(&client, "/audit/log").await;
    let erase = json!({"entries": [listed[0]["id"]], "reason": "Запрос субъекта"});
    assert_eq!(
        client.post("/audit/erasures", &erase).await.json::<Value>()["entries"],
        1
    );
    let removed: i64 = sqlx::query_scalar("select security.remove_archived_audit_entries(2, 10)")
        .fetch_one(&own)
        .await
        .unwrap_or(-1);
    assert_eq!(removed, -1, "nothing is archived");
    let verified: Value = client.get("/audit/verify").await.json();
    assert_eq!(
        (&verified["valid"], &verified["entries"], &verified["erased"]),
        (&json!(true), &json!(4), &json!(1)),
        "{verified}"
    );
}
