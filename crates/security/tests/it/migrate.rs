//! `security migrate`, which deployments run before they replace a replica.

use std::process::{Command, Output};

use common::testing;

fn security(argument: &str, database: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_security"))
        .arg(argument)
        .env_clear()
        .env("DATABASE_URL", database)
        .env("DATABASE_CONNECT_WITHIN", "1s")
        .output()
        .unwrap()
}

#[tokio::test]
async fn the_schema_is_made_and_left_when_it_is_there() {
    let url = testing::database_url(&security::SCHEMA).await;
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    sqlx::query("drop schema security cascade")
        .execute(&pool)
        .await
        .unwrap();
    for _ in 0..2 {
        let output = security("migrate", &url);
        assert!(output.status.success(), "{output:?}");
    }
    let entries: i64 = sqlx::query_scalar("select count(*) from security.audit_entries")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(entries, 0);
}

#[test]
fn a_database_that_is_away_is_a_failure_and_a_wrong_word_a_mistake() {
    let away = "postgres://nobody@127.0.0.1:1/none";
    assert_eq!(security("migrate", away).status.code(), Some(1));
    assert_eq!(security("migrate", "not a url").status.code(), Some(64));
    let output = security("migrat", away);
    assert_eq!(output.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`migrat` is not one of"));
}
