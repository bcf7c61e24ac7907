//! The header `Idempotency-Key`.

use common::Text;
use common::auth::Identity;
use common::http::Problem;
use http::HeaderMap;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::store::idempotency::Key;

/// Characters of a key.
const MAX_LENGTH: usize = 200;

/// The key of a request, if it has one.
///
/// # Errors
/// 400 when the header is no usable key.
pub(super) fn key(
    headers: &HeaderMap,
    identity: &Identity,
    operation: &'static str,
    request: &impl Serialize,
) -> Result<Option<Key>, Problem> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = value
        .to_str()
        .ok()
        .filter(|key| !key.is_empty() && key.len() <= MAX_LENGTH);
    let Some(key) = key else {
        return Err(Problem::bad_request(Text::new(
            "Idempotency-Key: от 1 до 200 печатных символов ASCII.",
            "Idempotency-Key: 1 to 200 printable ASCII characters.",
        )));
    };
    let body = serde_json::to_vec(request).unwrap_or_default();
    Ok(Some(Key {
        user: identity.user_id,
        operation,
        key: key.to_owned(),
        request_hash: Sha256::digest(&body).to_vec(),
    }))
}
