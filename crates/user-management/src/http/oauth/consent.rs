//! `POST /oauth2/consent`: the answer of the person who was asked.

use ::http::HeaderMap;
use axum::extract::State;
use axum::response::Response;
use common::db::StoreResult;

use super::authorize::{redirect, understand};
use super::{Form, from_own_page};
use crate::browser::{self, FormKey};
use crate::http::Client;
use crate::oauth::params::Params;
use crate::oauth::scope;
use crate::pages::Failure;
use crate::{AppState, store};

/// What somebody decided about a program that asks to be let in.
pub(crate) async fn post(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    Form(form): Form,
) -> Result<Response, Failure> {
    from_own_page(&headers)?;
    let request = form.get("request").unwrap_or_default();
    let params = Params::parse(request.as_bytes());
    let asked = match understand(&state, &params).await? {
        Ok(asked) => asked,
        Err(response) => return Ok(*response),
    };
    let person = browser::person(&state, &headers).await?;
    let key = FormKey::of(&state, &headers)?;
    let accepted = key.accepts(&state, person.as_ref(), form.get("form"));
    let recent = person.as_ref().filter(|person| {
        asked
            .request
            .accepts_proof_of(person.session.auth_time, state.clock.now())
    });
    let (true, Some(person)) = (accepted, recent) else {
        // The page is outdated: whoever sits there is asked once more.
        return Ok(redirect(&format!("authorize?{}", params.encode())));
    };
    if form.get("answer") != Some("allow") {
        return Ok(asked.refuse("access_denied", "the user denied the access"));
    }
    let scopes = scope::grantable(&asked.request.scopes, person.user.permissions);
    if scopes.is_empty() {
        return Ok(asked.refuse("access_denied", "the user has none of the permissions"));
    }
    let mut connection = state.db.acquire().await.store("acquire")?;
    let now = state.clock.now();
    store::consents::put(&mut connection, person.user.id, &asked.client.id, &scopes, now).await?;
    drop(connection);
    asked.grant(&state, &client, person, scopes).await
}
