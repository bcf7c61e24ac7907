//! `/oauth2/logout`: a program logs its user out here as well (OpenID Connect RP-Initiated Logout).

use ::http::header::SET_COOKIE;
use ::http::{HeaderMap, StatusCode};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use common::Text;
use common::db::StoreResult;
use common::http::Problem;
use jsonwebtoken::{Algorithm, Validation};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::authorize::redirect;
use super::{Form, from_own_page};
use crate::browser::{self, FormKey, Person};
use crate::http::Client;
use crate::oauth::params::Params;
use crate::oauth::redirect::with_query;
use crate::oauth::request;
use crate::pages::{self, Failure};
use crate::sessions::EndReason;
use crate::{AppState, store};

/// As a link or a redirect.
pub(crate) async fn get(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    caller: Client,
) -> Result<Response, Failure> {
    log_out(
        &state,
        &headers,
        &caller,
        &Params::parse(query.unwrap_or_default().as_bytes()),
        false,
    )
    .await
}

/// As a form.
pub(crate) async fn post(
    State(state): State<AppState>,
    headers: HeaderMap,
    caller: Client,
    Form(params): Form,
) -> Result<Response, Failure> {
    log_out(&state, &headers, &caller, &params, false).await
}

/// The answer of the person who was asked.
pub(crate) async fn confirmed(
    State(state): State<AppState>,
    headers: HeaderMap,
    caller: Client,
    Form(form): Form,
) -> Result<Response, Failure> {
    from_own_page(&headers)?;
    let params = Params::parse(form.get("request").unwrap_or_default().as_bytes());
    let person = browser::person(&state, &headers).await?;
    let key = FormKey::of(&state, &headers)?;
    let accepted = key.accepts(&state, person.as_ref(), form.get("form"));
    log_out(&state, &headers, &caller, &params, accepted).await
}

/// What an ID token of ours says, however old it is.
#[derive(Debug, Deserialize, JsonSchema)]
struct Hint {
    sub: Uuid,
    aud: String,
    sid: Uuid,
}

async fn log_out(
    state: &AppState,
    headers: &HeaderMap,
    caller: &Client,
    params: &Params,
    confirmed: bool,
) -> Result<Response, Failure> {
    let locale = request::locale(params, pages::locale());
    let hint = params
        .get("id_token_hint")
        .and_then(|token| read_hint(state, token));
    let client_id = params
        .get("client_id")
        .or(hint.as_ref().map(|hint| hint.aud.as_str()));
    let contradicts = hint
        .as_ref()
        .is_some_and(|hint| client_id != Some(hint.aud.as_str()));
    let back = match (params.get("post_logout_redirect_uri"), client_id) {
        (None, _) => None,
        (Some(uri), Some(client)) if !contradicts => Some(registered(state, client, uri).await?),
        (Some(_), _) => Some(None),
    };
    // An address that is not registered leads nowhere, and is told of before anything is ended.
    let Some(back) = back.map_or(Some(None), |back| back.map(Some)) else {
        let problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "oauth.request_invalid",
            Text::new("Выход невозможен", "You cannot be logged out"),
        );
        return Err(Failure(problem.detail(Text::new(
            "Программа указала адрес возврата, который для неё не зарегистрирован.",
            "The program named a return address that is not registered for it.",
        ))));
    };
    let person = browser::person(state, headers).await?;
    if let Some(person) = &person {
        // A link of any site leads here; only the program's ID token shows that it is the program.
        let shown = hint.as_ref().is_some_and(|hint| hint.sub == person.user.id);
        if !shown && !confirmed {
            return ask(state, headers, params, person, back.as_deref());
        }
        browser::log_out(state, person, caller).await?;
    }
    if let Some(hint) = &hint {
        end_hinted(state, hint).await?;
    }
    let mut response = match back {
        Some(uri) => {
            let state = params.get("state").map(|state| ("state", state));
            redirect(&with_query(&uri, state.as_slice()))
        }
        None => {
            let title = Text::new("Вы вышли", "You are logged out");
            let text = Text::new("Окно можно закрыть.", "You can close this window.");
            pages::message(locale, title.get(locale), text.get(locale), None).into_response()
        }
    };
    response.headers_mut().append(SET_COOKIE, browser::forget(state)?);
    Ok(response)
}

fn ask(
    state: &AppState,
    headers: &HeaderMap,
    params: &Params,
    person: &Person,
    back: Option<&str>,
) -> Result<Response, Failure> {
    let key = FormKey::of(state, headers)?;
    let locale = request::locale(params, pages::locale());
    let token = key.token(state, Some(person));
    let page = pages::confirm_logout(locale, &person.user, &token, &params.encode());
    let target = back.and_then(crate::oauth::redirect::form_target);
    Ok(page.form_target(target).cookie(key.set_cookie).into_response())
}

/// The address, when it is one of the client's.
async fn registered(state: &AppState, client: &str, uri: &str) -> Result<Option<String>, Failure> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let client = store::oauth_clients::find(&mut connection, client).await?;
    let known =
        client.is_some_and(|client| client.post_logout_redirect_uris.iter().any(|known| known == uri));
    Ok(known.then(|| uri.to_owned()))
}

/// The session that the ID token was issued in ends, too.
async fn end_hinted(state: &AppState, hint: &Hint) -> Result<(), Failure> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let (reason, now) = (EndReason::Logout, state.clock.now());
    let ended = store::oauth_sessions::end_one(&mut connection, hint.sid, &hint.aud, reason, now).await?;
    drop(connection);
    state.revoker.revoke(ended.as_slice()).await;
    Ok(())
}

fn read_hint(state: &AppState, token: &str) -> Option<Hint> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::EdDSA) || header.typ.as_deref() == Some("at+jwt") {
        return None;
    }
    let key = state.tokens.ring().published_key(&header.kid?)?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[state.provider.issuer()]);
    validation.validate_aud = false;
    validation.validate_exp = false;
    validation.set_required_spec_claims(&["iss", "sub", "aud"]);
    Some(
        jsonwebtoken::decode::<Hint>(token, &key, &validation)
            .ok()?
            .claims,
    )
}
