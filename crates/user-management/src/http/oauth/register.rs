//! `POST /oauth2/register`: a program registers itself (RFC 7591), where the operator lets it.

use ::http::StatusCode;
use axum::extract::State;
use axum::response::Response;
use common::Locale;
use common::db::StoreResult;
use common::http::{Json, Problem};
use common::ids;

use super::clients::{self, ClientResponse};
use super::cors;
use crate::error::Error;
use crate::http::Client;
use crate::oauth::error::OAuthError;
use crate::oauth::metadata::{ClientMetadata, Registrar};
use crate::{AppState, store};

/// Registrations that have not led to a login. Anybody may register, so that there has to be an end.
const MAX_UNUSED: i64 = 1000;

/// Registers a program as a stranger: it is never called ours, its users are always asked, and it
/// may read and ask but not change.
pub(crate) async fn post(
    State(state): State<AppState>,
    caller: Client,
    Json(body): Json<ClientMetadata>,
) -> Response {
    let origin = cors::of_registration(&state);
    cors::readable(register(&state, &caller, body).await, origin)
}

async fn register(
    state: &AppState,
    caller: &Client,
    body: ClientMetadata,
) -> Result<(StatusCode, Json<ClientResponse>), OAuthError> {
    if !state.provider.registration_open() {
        return Err(Problem::from(Error::ClientRegistrationClosed).into());
    }
    let id = ids::new_id().to_string();
    let new = body
        .check(Registrar::Program, state.provider.is_plain(), id)
        .map_err(|wrong| {
            let told = |(pointer, text): &(String, common::Text)| {
                format!("{}: {}", pointer.trim_start_matches('/'), text.get(Locale::En))
            };
            let text = wrong.iter().map(told).collect::<Vec<_>>().join(" ");
            if wrong.iter().any(|(pointer, _)| pointer.contains("redirect_uris")) {
                OAuthError::InvalidRedirectUri(text)
            } else {
                OAuthError::InvalidClientMetadata(text)
            }
        })?;
    let mut transaction = state.db.begin().await.store("begin")?;
    if store::oauth_clients::count_unused(&mut transaction).await? >= MAX_UNUSED {
        return Err(Problem::from(Error::TooManyClients).into());
    }
    let made = clients::insert(state, &mut transaction, &new, None, caller).await?;
    transaction.commit().await.store("commit")?;
    state
        .provider
        .keeper()
        .id_tokens()
        .await
        .map_err(Problem::internal)?;
    Ok((StatusCode::CREATED, Json(made)))
}
