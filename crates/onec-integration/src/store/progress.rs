//! How far a job has come with each of its entities, and what it could not read.

use chrono::{DateTime, Utc};
use common::db::{StoreError, StoreResult};
use sqlx::PgConnection;
use uuid::Uuid;

use super::jobs::{Added, Held};

/// Progress of one entity, to be shown.
#[derive(Debug)]
pub(crate) struct EntityProgress {
    pub(crate) entity: String,
    pub(crate) state: String,
    pub(crate) done: i64,
    pub(crate) total: Option<i64>,
    pub(crate) pages: i64,
    pub(crate) rows: i64,
    pub(crate) started_at: Option<DateTime<Utc>>,
    pub(crate) moved_at: Option<DateTime<Utc>>,
}

/// Progress of a job, in the order of its entities.
pub(crate) async fn progress(
    connection: &mut PgConnection,
    job: Uuid,
) -> Result<Vec<EntityProgress>, StoreError> {
    sqlx::query_as!(
        EntityProgress,
        "select entity, state, done, total, pages, rows, started_at, moved_at
         from onec.sync_progress where job_id = $1 order by ordinal",
        job
    )
    .fetch_all(connection)
    .await
    .store("job_progress")
}

/// Lists an entity among those of a job.
pub(crate) async fn entity_open(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
    ordinal: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.sync_progress (job_id, entity, ordinal, state) values ($1, $2, $3, 'waiting')
         on conflict (job_id, entity) do update set ordinal = excluded.ordinal",
        job,
        entity,
        ordinal,
    )
    .execute(connection)
    .await
    .store("entity_open")?;
    Ok(())
}

/// Notes how much an entity that waits will be.
pub(crate) async fn entity_expect(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
    total: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.sync_progress set total = $3
         where job_id = $1 and entity = $2 and state = 'waiting'",
        job,
        entity,
        total,
    )
    .execute(connection)
    .await
    .store("entity_expect")?;
    Ok(())
}

/// Where the reading of an entity is.
#[derive(Debug)]
pub(crate) struct Position {
    pub(crate) state: String,
    pub(crate) position: Option<serde_json::Value>,
}

/// Says where the reading of an entity is.
pub(crate) async fn entity_position(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
) -> Result<Position, StoreError> {
    sqlx::query_as!(
        Position,
        "select state, position from onec.sync_progress where job_id = $1 and entity = $2",
        job,
        entity
    )
    .fetch_one(connection)
    .await
    .store("entity_position")
}

/// Begins the reading of an entity; what 1C has from now on may be missing in it.
pub(crate) async fn entity_begin(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
    at: DateTime<Utc>,
    total: Option<i64>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.sync_progress
         set state = 'running', started_at = coalesce(started_at, $3), total = coalesce($4, total)
         where job_id = $1 and entity = $2",
        job,
        entity,
        at,
        total,
    )
    .execute(connection)
    .await
    .store("entity_begin")?;
    Ok(())
}

/// Moves an entity forward.
pub(crate) async fn entity_move(
    connection: &mut PgConnection,
    job: Uuid,
    entity: &str,
    added: Added,
    position: Option<&serde_json::Value>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update onec.sync_progress
         set done = done + $3, rows = rows + $4, pages = pages + $5, position = coalesce($6, position),
             total = greatest(total, done + $3), moved_at = now()
         where job_id = $1 and entity = $2",
        job,
        entity,
        added.done,
        added.rows,
        added.pages,
        position,
    )
    .execute(connection)
    .await
    .store("entity_move")?;
    Ok(())
}

/// Ends an entity: its part of the mirror is true of the moment when its reading began.
pub(crate) async fn entity_end(
    connection: &mut PgConnection,
    job: &Held,
    entity: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with ended as (
             update onec.sync_progress set state = 'done', total = done, moved_at = now() where job_id = $1 and entity = $3
             returning started_at
         )
         insert into onec.freshness (infobase_id, entity, as_of)
         select $2, $3, started_at from ended where started_at is not null
         on conflict (infobase_id, entity) do update set as_of = greatest(freshness.as_of, excluded.as_of)",
        job.id,
        job.infobase_id,
        entity,
    )
    .execute(connection)
    .await
    .store("entity_end")?;
    Ok(())
}

/// Notes that parts of a mirror are true of a moment.
pub(crate) async fn note_fresh(
    connection: &mut PgConnection,
    infobase: Uuid,
    entities: &[String],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into onec.freshness (infobase_id, entity, as_of)
         select $1, entity, $3 from unnest($2::text[]) as entity
         on conflict (infobase_id, entity) do update set as_of = greatest(freshness.as_of, excluded.as_of)",
        infobase,
        entities,
        at,
    )
    .execute(connection)
    .await
    .store("freshness_note")?;
    Ok(())
}

/// An object that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadObject {
    pub(crate) entity: String,
    /// The entity set of 1C and the reference in it; the recorder for rows of a register.
    pub(crate) object_set: String,
    pub(crate) reference: Uuid,
    /// Why, as a code of errors.
    pub(crate) code: String,
    /// The property that could not be understood, when it was one.
    pub(crate) field: Option<String>,
}

/// Notes objects that could not be read; returns how many were not known to the job.
pub(crate) async fn note_dead(
    connection: &mut PgConnection,
    job: Uuid,
    objects: &[DeadObject],
) -> Result<i32, StoreError> {
    let mut new = 0;
    for object in objects {
        let noted = sqlx::query!(
            "insert into onec.dead_objects (job_id, entity, object_set, ref, code, field)
             values ($1, $2, $3, $4, $5, $6)
             on conflict (job_id, entity, ref) do nothing",
            job,
            object.entity,
            object.object_set,
            object.reference,
            object.code,
            object.field,
        )
        .execute(&mut *connection)
        .await
        .store("dead_object_note")?;
        new += i32::try_from(noted.rows_affected()).unwrap_or(0);
    }
    Ok(new)
}

/// What a job could not read, by entity and reference, after the one given.
pub(crate) async fn dead_objects(
    connection: &mut PgConnection,
    job: Uuid,
    after: Option<&(Uuid, String)>,
    limit: i64,
) -> Result<Vec<DeadObject>, StoreError> {
    sqlx::query_as!(
        DeadObject,
        r#"select entity, object_set, ref as "reference!", code, field
           from onec.dead_objects
           where job_id = $1 and ($2::uuid is null or (ref, entity) > ($2, $3::text))
           order by ref, entity limit $4"#,
        job,
        after.map(|(reference, _)| *reference),
        after.map(|(_, entity)| entity.as_str()),
        limit,
    )
    .fetch_all(connection)
    .await
    .store("dead_object_list")
}
