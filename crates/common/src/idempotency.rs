//! Requests that may be repeated: the header `Idempotency-Key`.
//!
//! A client that got no answer sends the request again with the same key and gets the first answer; what
//! the request creates is created once. The key belongs to the caller and to the operation. A failure
//! gives it back, so that the request may be made again.
//!
//! The table is the same in every schema that has one; a migration of the service makes it:
//!
//! ```sql
//! create table onec.idempotency_keys (
//!     user_id      uuid not null,
//!     operation    text not null,
//!     key          text not null,
//!     request_hash bytea not null,
//!     answer       jsonb,                    -- the first answer; null while it is being made
//!     created_at   timestamptz not null,
//!     primary key (user_id, operation, key)
//! );
//! create index on onec.idempotency_keys (created_at);
//! ```

use chrono::{DateTime, Duration, Utc};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use crate::Text;
use crate::db::{Schema, StoreError, StoreResult};
use crate::http::Problem;

/// The header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of a key.
const LONGEST: usize = 200;
/// Answers are kept this long.
const KEEP: Duration = Duration::hours(24);
/// A request that has taken this long has died with its process.
const ABANDONED: Duration = Duration::minutes(10);

/// A key of a caller, with what tells one request from another.
#[derive(Debug, Clone)]
pub struct Key {
    user: Uuid,
    operation: String,
    key: String,
    request_hash: Vec<u8>,
}

/// The text of the header, if there is one.
///
/// # Errors
/// 400 when it is no usable key.
pub fn text(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let is_usable =
        |key: &&str| (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    let key = value.to_str().ok().filter(is_usable);
    key.map(Some).ok_or_else(|| {
        Problem::bad_request(Text::new(
            format!("Idempotency-Key: от 1 до {LONGEST} видимых символов ASCII."),
            format!("Idempotency-Key: 1 to {LONGEST} visible ASCII characters."),
        ))
    })
}

impl Key {
    /// The key of a request, if it has one. `operation` is what it does, `request` the bytes that
    /// make it the same request.
    ///
    /// # Errors
    /// 400 when the header is no usable key.
    pub fn read(
        headers: &HeaderMap,
        user: Uuid,
        operation: impl Into<String>,
        request: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let hash = || aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, request);
        Ok(text(headers)?.map(|key| Self {
            user,
            operation: operation.into(),
            key: key.to_owned(),
            request_hash: hash().as_ref().to_vec(),
        }))
    }

    /// Bytes that no other key has.
    pub(crate) fn name(&self) -> Vec<u8> {
        format!("{} {} {}", self.user, self.operation, self.key).into_bytes()
    }
}

/// Whether a request is the first of its key.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// It is; the key is taken until [`complete`] or [`release`].
    Taken,
    /// The answer of the first.
    Answered(Value),
}

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The first request is being handled.
    #[error("the first request with this idempotency key is being handled")]
    InFlight,
    /// It was used for another request.
    #[error("the idempotency key was used for another request")]
    Reused,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IdempotencyError {
    /// The status it is told with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::InFlight => StatusCode::CONFLICT,
            Self::Reused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Store(error) if error.is_unavailable() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InFlight => "request.in_progress",
            Self::Reused => "request.idempotency_key_reused",
            Self::Store(_) => "internal",
        }
    }
}

impl From<IdempotencyError> for Problem {
    fn from(error: IdempotencyError) -> Self {
        let (status, code) = (error.status(), error.code());
        match error {
            IdempotencyError::Store(error) => Self::from(error),
            IdempotencyError::InFlight => Self::new(
                status,
                code,
                Text::new("Запрос уже выполняется", "The request is being handled"),
            )
            .retry_after(2),
            IdempotencyError::Reused => Self::new(
                status,
                code,
                Text::new(
                    "Ключ идемпотентности уже использован для другого запроса",
                    "The idempotency key was used for another request",
                ),
            )
            .detail(Text::new(
                "С этим Idempotency-Key уже отправлен запрос с другим содержимым. Для нового запроса нужен новый ключ.",
                "A request with another content was sent with this Idempotency-Key. A new request needs a new key.",
            )),
        }
    }
}

/// Takes the key, or gives the answer that it has.
///
/// # Errors
/// When the key is in use or belongs to another request.
pub async fn claim(
    connection: &mut PgConnection,
    schema: &Schema,
    key: &Key,
    now: DateTime<Utc>,
) -> Result<Claim, IdempotencyError> {
    // The name of a schema is a constant of ours; it cannot be bound as a parameter.
    let table = format!("{}.idempotency_keys", schema.name);
    sqlx::query(AssertSqlSafe(format!(
        "delete from {table} where created_at < $1 or (answer is null and created_at < $2)"
    )))
    .bind(now - KEEP)
    .bind(now - ABANDONED)
    .execute(&mut *connection)
    .await
    .store("idempotency_expire")?;
    let inserted = sqlx::query(AssertSqlSafe(format!(
        "insert into {table} (user_id, operation, key, request_hash, created_at)
         values ($1, $2, $3, $4, $5) on conflict do nothing"
    )))
    .bind(key.user)
    .bind(&key.operation)
    .bind(&key.key)
    .bind(&key.request_hash)
    .bind(now)
    .execute(&mut *connection)
    .await
    .store("idempotency_claim")?;
    if inserted.rows_affected() == 1 {
        return Ok(Claim::Taken);
    }
    let known: Option<(Vec<u8>, Option<Json<Value>>)> = sqlx::query_as(AssertSqlSafe(format!(
        "select request_hash, answer from {table} where user_id = $1 and operation = $2 and key = $3"
    )))
    .bind(key.user)
    .bind(&key.operation)
    .bind(&key.key)
    .fetch_optional(connection)
    .await
    .store("idempotency_get")?;
    match known {
        Some((hash, _)) if hash != key.request_hash => Err(IdempotencyError::Reused),
        Some((_, Some(Json(answer)))) => Ok(Claim::Answered(answer)),
        // None: given back between the two statements.
        Some((_, None)) | None => Err(IdempotencyError::InFlight),
    }
}

/// Keeps the answer.
///
/// # Errors
/// When the statement fails.
pub async fn complete(
    connection: &mut PgConnection,
    schema: &Schema,
    key: &Key,
    answer: &Value,
) -> Result<(), StoreError> {
    let statement = format!(
        "update {}.idempotency_keys set answer = $4 where user_id = $1 and operation = $2 and key = $3",
        schema.name
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(key.user)
        .bind(&key.operation)
        .bind(&key.key)
        .bind(Json(answer))
        .execute(connection)
        .await
        .store("idempotency_complete")?;
    Ok(())
}

/// Gives the key back after a failure.
///
/// # Errors
/// When the statement fails.
pub async fn release(connection: &mut PgConnection, schema: &Schema, key: &Key) -> Result<(), StoreError> {
    let statement = format!(
        "delete from {}.idempotency_keys
         where user_id = $1 and operation = $2 and key = $3 and answer is null",
        schema.name
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(key.user)
        .bind(&key.operation)
        .bind(&key.key)
        .execute(connection)
        .await
        .store("idempotency_release")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_short_and_visible() {
        let read = |value: &'static [u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(IDEMPOTENCY_KEY, http::HeaderValue::from_bytes(value).unwrap());
            text(&headers).map(|key| key.map(str::to_owned))
        };
        assert_eq!(text(&HeaderMap::new()).unwrap(), None);
        assert_eq!(read(b"8e03978e-40d5").unwrap().as_deref(), Some("8e03978e-40d5"));
        for wrong in [&b""[..], b"a b", "ключ".as_bytes(), &[b'x'; 201]] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
