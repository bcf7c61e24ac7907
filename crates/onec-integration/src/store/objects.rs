//! Whole objects as 1C gives them.

use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use super::copy::CopyRows;

/// An object with its JSON.
#[derive(Debug)]
pub(crate) struct ObjectRow {
    pub(crate) reference: Uuid,
    pub(crate) data_version: String,
    /// JSON text.
    pub(crate) payload: String,
}

/// PostgreSQL's JSON has no place for the character 0, which is `\u0000` in the text.
fn storable(payload: &str) -> std::borrow::Cow<'_, str> {
    if payload.contains("\\u0000") {
        // An even number of backslashes before it would be something else; such a text is not worth
        // more than losing four zeros.
        payload.replace("\\u0000", "").into()
    } else {
        payload.into()
    }
}

/// Adds objects that are known not to be there yet.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    rows: &[ObjectRow],
) -> Result<(), StoreError> {
    let mut copy = CopyRows::default();
    for row in rows {
        copy.uuid(Some(infobase))
            .text(set)
            .uuid(Some(row.reference))
            .text(&row.data_version)
            .json(&storable(&row.payload))
            .end_row();
    }
    let statement = "copy onec.objects (infobase_id, object_set, ref, data_version, payload)
         from stdin with (format binary)";
    copy.send(connection, statement).await?;
    Ok(())
}

/// Writes objects; those of the same version are left alone.
pub(crate) async fn upsert(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    rows: &[ObjectRow],
) -> Result<(), StoreError> {
    let refs: Vec<Uuid> = rows.iter().map(|row| row.reference).collect();
    let versions: Vec<&str> = rows.iter().map(|row| row.data_version.as_str()).collect();
    let payloads: Vec<String> = rows
        .iter()
        .map(|row| storable(&row.payload).into_owned())
        .collect();
    sqlx::query!(
        "insert into onec.objects as ours (infobase_id, object_set, ref, data_version, payload)
         select distinct on (theirs.ref) $1::uuid, $2::text, theirs.ref, theirs.data_version, theirs.payload::jsonb
         from unnest($3::uuid[], $4::text[], $5::text[]) as theirs (ref, data_version, payload)
         on conflict (infobase_id, object_set, ref) do update
         set data_version = excluded.data_version, payload = excluded.payload
         where ours.data_version <> excluded.data_version",
        infobase,
        set,
        &refs,
        &versions as &[&str],
        &payloads,
    )
    .execute(connection)
    .await
    .store("objects_upsert")?;
    Ok(())
}

/// Removes objects.
pub(crate) async fn remove(
    connection: &mut PgConnection,
    infobase: Uuid,
    set: &str,
    refs: &[Uuid],
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from onec.objects where infobase_id = $1 and object_set = $2 and ref = any($3)",
        infobase,
        set,
        refs,
    )
    .execute(connection)
    .await
    .store("objects_remove")?;
    Ok(())
}
