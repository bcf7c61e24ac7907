//! Keys of analytics, and the accounts that registers write to.

use std::collections::HashMap;

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

/// What a key of analytics stands for.
#[derive(Debug)]
pub(crate) struct Meaning {
    pub(crate) reference: Uuid,
    pub(crate) company: Option<Uuid>,
    pub(crate) counterparty: Option<Uuid>,
    pub(crate) contract: Option<Uuid>,
    pub(crate) item: Option<Uuid>,
    pub(crate) warehouse: Option<Uuid>,
}

/// What keys stand for, by key.
pub(crate) async fn meanings(
    connection: &mut PgConnection,
    infobase: Uuid,
    keys: &[Uuid],
) -> Result<HashMap<Uuid, Meaning>, StoreError> {
    let found = sqlx::query_as!(
        Meaning,
        r#"select ref as "reference", company, counterparty, contract, item, warehouse
           from onec.analytics_keys where infobase_id = $1 and ref = any($2)"#,
        infobase,
        keys,
    )
    .fetch_all(connection)
    .await
    .store("analytics_keys_meanings")?;
    Ok(found
        .into_iter()
        .map(|meaning| (meaning.reference, meaning))
        .collect())
}

/// Sees to it that the accounts of a profile without a chart of accounts exist.
pub(crate) async fn ensure_accounts(
    connection: &mut PgConnection,
    infobase: Uuid,
    refs: &[Uuid],
    codes: &[String],
    names: &[String],
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.accounts (infobase_id, ref, data_version, deleted, code, name, nature, generation)
         select $1, ref, '', false, code, name, '', $1 from unnest($2::uuid[], $3::text[], $4::text[])
              as theirs (ref, code, name)
         on conflict (infobase_id, ref) do update set name = excluded.name
         where accounts.name <> excluded.name",
        infobase,
        refs,
        codes,
        names,
    )
    .execute(connection)
    .await
    .store("accounts_ensure")?;
    Ok(())
}
