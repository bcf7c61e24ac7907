//! `POST /oauth2/token`: a code or a refresh token becomes tokens (RFC 6749, sections 4.1.3 and 6), and
//! a service account gets a token of its own (section 4.4).

use ::http::header::CACHE_CONTROL;
use ::http::{HeaderMap, HeaderName};
use axum::extract::State;
use axum::response::Response;
use chrono::DateTime;
use common::auth::Permission;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::events::Actor;
use common::http::Json;
use common::http::Problem;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{Form, authenticated, cors};
use crate::http::Client;
use crate::login::Proof;
use crate::oauth::claims::IdToken;
use crate::oauth::client::{AUTHORIZATION_CODE, CLIENT_CREDENTIALS, IdTokenAlg, OAuthClient, REFRESH_TOKEN};
use crate::oauth::code::{self, Code};
use crate::oauth::error::OAuthError;
use crate::oauth::params::Params;
use crate::oauth::scope::{self, OFFLINE_ACCESS, OPENID};
use crate::record::Audited;
use crate::roles::names_of;
use crate::sessions::{self, EndReason, Grant, Issued, Kind, Refreshed, Session};
use crate::{AppState, metrics, store};

/// What a client gets (RFC 6749, section 5.1).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct TokenResponse {
    access_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    scope: String,
}

type Answer = ([(HeaderName, &'static str); 2], Json<TokenResponse>);

/// Tokens must not stay in a cache (RFC 6749, section 5.1).
const NO_STORE: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (::http::header::PRAGMA, "no-cache")];

/// Gives tokens for a code, a refresh token or credentials of a service account (RFC 6749).
pub(crate) async fn post(
    State(state): State<AppState>,
    headers: HeaderMap,
    caller: Client,
    form: Result<Form, OAuthError>,
) -> Response {
    let answer = issue(&state, &headers, &caller, form).await;
    cors::readable(answer, cors::origin(&state, &headers).await)
}

async fn issue(
    state: &AppState,
    headers: &HeaderMap,
    caller: &Client,
    form: Result<Form, OAuthError>,
) -> Result<Answer, OAuthError> {
    let Form(params) = form?;
    let grant_type = params
        .get("grant_type")
        .ok_or(OAuthError::InvalidRequest("grant_type is missing"))?;
    let grant_type = [AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS]
        .into_iter()
        .find(|known| *known == grant_type)
        .ok_or(OAuthError::UnsupportedGrantType)?;
    let client = authenticated(state, headers, caller, &params).await?;
    if !client.grant_types.iter().any(|grant| grant == grant_type) {
        return Err(OAuthError::UnauthorizedClient(
            "the client is not registered for this grant",
        ));
    }
    let answered = match grant_type {
        REFRESH_TOKEN => refresh(state, &client, caller, &params).await,
        CLIENT_CREDENTIALS => of_itself(state, &client, caller, &params).await,
        _ => redeem(state, &client, caller, &params).await,
    };
    metrics::oauth_tokens(grant_type, answered.is_ok());
    answered.map(|response| (NO_STORE, Json(response)))
}

/// A code becomes tokens, once. Who shows it a second time, or the one before, has stolen it: the
/// tokens of the first use end (RFC 9700, section 4.5).
async fn redeem(
    state: &AppState,
    client: &OAuthClient,
    caller: &Client,
    params: &Params,
) -> Result<TokenResponse, OAuthError> {
    const WRONG: OAuthError = OAuthError::InvalidGrant("the code opens nothing");
    let shown = params
        .get("code")
        .ok_or(OAuthError::InvalidRequest("code is missing"))?;
    let hash = code::hash(shown);
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    let code = store::authorization_codes::find_locked(&mut transaction, &hash).await?;
    let code = code.filter(|code| code.client_id == client.id).ok_or(WRONG)?;
    if code.used_at.is_some() {
        let reason = EndReason::CodeReused;
        let ended = match code.session_id {
            Some(id) => store::oauth_sessions::end_one(&mut transaction, id, &client.id, reason, now).await?,
            None => None,
        };
        let audited = Audited {
            action: "oauth.code_reused",
            outcome: Outcome::Denied,
            user: Some(code.user_id),
            details: json!({ "client_id": client.id }),
        };
        audited
            .append(&mut transaction, &state.clock, None, Some(caller))
            .await?;
        transaction.commit().await.store("commit")?;
        state.revoker.revoke(ended.as_slice()).await;
        return Err(WRONG);
    }
    if now >= code.expires_at {
        return Err(WRONG);
    }
    if code.redirect_uri.as_deref() != params.get("redirect_uri") {
        return Err(OAuthError::InvalidGrant(
            "redirect_uri is not that of the request",
        ));
    }
    let verifier = params.get("code_verifier").unwrap_or_default();
    if !code::verifies(verifier, &code.code_challenge) {
        return Err(OAuthError::InvalidGrant("code_verifier does not fit the request"));
    }
    // The user before the session, as everywhere. Whoever has logged out or lost their rights
    // within the minute is not served.
    let user = store::users::find_steady(&mut transaction, code.user_id)
        .await?
        .ok_or(WRONG)?;
    let browser = store::sessions::find(&mut transaction, code.browser_session).await?;
    if !browser.is_some_and(|session| session.is_alive(now)) {
        return Err(WRONG);
    }
    let refreshes =
        client.refreshes() && (scope::has(&code.scopes, OFFLINE_ACCESS) || !scope::has(&code.scopes, OPENID));
    // Rights may have gone since the user agreed.
    let scopes = scope::grantable(&code.scopes, user.permissions);
    if scopes.is_empty() {
        return Err(WRONG);
    }
    let proof = Proof::from_names(&code.amr, code.auth_time);
    let grant = Grant {
        client_id: Some(client.id.clone()),
        scope: Some(scopes),
        kind: Kind::Bearer,
    };
    let issued = sessions::open(&mut transaction, &state.tokens, user, &proof, caller, grant, now).await?;
    if !refreshes {
        let browser = Some(code.browser_session);
        store::oauth_sessions::bind(&mut transaction, issued.session, browser).await?;
    }
    store::authorization_codes::mark_used(&mut transaction, &hash, issued.session, now).await?;
    store::oauth_clients::touch(&mut transaction, &client.id, now).await?;
    let response = respond(state, &mut transaction, client, issued, Some(&code), refreshes).await?;
    transaction.commit().await.store("commit")?;
    Ok(response)
}

/// A service account gets a token of its own: what it may do, or of that what the scope names. Nobody has
/// proved who they are, so that the token opens nothing that asks for a person.
async fn of_itself(
    state: &AppState,
    client: &OAuthClient,
    caller: &Client,
    params: &Params,
) -> Result<TokenResponse, OAuthError> {
    let id = client.service_account.ok_or(OAuthError::UnauthorizedClient(
        "the client is not a service account",
    ))?;
    let now = state.clock.now();
    let mut transaction = state.db.begin().await.store("begin")?;
    // Steady, so that a change of rights finds the token that is made meanwhile.
    let account = store::users::find_steady(&mut transaction, id).await?;
    let account = account.ok_or(OAuthError::UnauthorizedClient(
        "the service account is switched off",
    ))?;
    let scopes = match params.get("scope").map(scope::names) {
        None => names_of(account.permissions),
        Some(asked) => asked,
    };
    let within = |name: &String| {
        Permission::from_name(name).is_some_and(|permission| account.permissions.contains(permission))
    };
    if !scopes.iter().all(within) {
        return Err(OAuthError::InvalidScope(
            "the scope names what the service account may not do",
        ));
    }
    let nobody = Proof::nothing(DateTime::UNIX_EPOCH);
    let grant = Grant {
        client_id: Some(client.id.clone()),
        scope: Some(scopes),
        kind: Kind::Bearer,
    };
    let actor = Actor {
        user_id: account.id,
        role: account.role.clone(),
    };
    let issued = sessions::open(
        &mut transaction,
        &state.tokens,
        account,
        &nobody,
        caller,
        grant,
        now,
    )
    .await?;
    store::oauth_sessions::bind(&mut transaction, issued.session, None).await?;
    // Once an hour is enough to see who was here.
    if store::oauth_clients::touch(&mut transaction, &client.id, now).await? {
        let audited = Audited {
            action: "service_accounts.token_issued",
            outcome: Outcome::Success,
            user: Some(id),
            details: json!({ "client_id": client.id, "method": client.auth_method.as_str() }),
        };
        audited
            .append(&mut transaction, &state.clock, Some(actor), Some(caller))
            .await?;
    }
    let response = respond(state, &mut transaction, client, issued, None, false).await?;
    transaction.commit().await.store("commit")?;
    Ok(response)
}

/// A refresh token becomes new tokens, under the rule that all our sessions have.
async fn refresh(
    state: &AppState,
    client: &OAuthClient,
    caller: &Client,
    params: &Params,
) -> Result<TokenResponse, OAuthError> {
    const WRONG: OAuthError = OAuthError::InvalidGrant("the refresh token opens nothing");
    let shown = params
        .get("refresh_token")
        .ok_or(OAuthError::InvalidRequest("refresh_token is missing"))?;
    let grant = Grant {
        client_id: Some(client.id.clone()),
        scope: None,
        kind: Kind::Bearer,
    };
    let mut transaction = state.db.begin().await.store("begin")?;
    let refreshed = sessions::refresh(
        &mut transaction,
        &state.tokens,
        shown,
        &grant,
        caller,
        &state.clock,
    )
    .await?;
    let response = match refreshed {
        Refreshed::Issued(issued) => {
            let asked = params.get("scope").map(scope::names);
            let session = issued.session;
            let response = respond(state, &mut transaction, client, *issued, None, true).await?;
            let granted = scope::names(&response.scope);
            if asked.is_some_and(|asked| asked.iter().any(|name| !granted.contains(name))) {
                // Nothing is committed, so that the token stays good.
                tracing::debug!("a wider scope was asked for session {session}");
                return Err(OAuthError::InvalidScope(
                    "the scope is wider than what was granted",
                ));
            }
            store::oauth_clients::touch(&mut transaction, &client.id, state.clock.now()).await?;
            metrics::refresh("success");
            Ok(response)
        }
        Refreshed::Reused(ended) => {
            metrics::refresh("reused");
            transaction.commit().await.store("commit")?;
            state.revoker.revoke(&[ended]).await;
            return Err(WRONG);
        }
        Refreshed::Invalid => {
            metrics::refresh("invalid");
            Err(WRONG)
        }
    };
    transaction.commit().await.store("commit")?;
    response
}

/// Puts the answer together; a first one has the nonce of its request.
async fn respond(
    state: &AppState,
    connection: &mut sqlx::PgConnection,
    client: &OAuthClient,
    issued: Issued,
    code: Option<&Code>,
    refreshes: bool,
) -> Result<TokenResponse, OAuthError> {
    let session = stored(connection, issued.session).await?;
    let scopes = session.scope.as_deref().unwrap_or_default();
    let id_token = if scope::has(scopes, OPENID) {
        let nonce = code.and_then(|code| code.nonce.as_deref());
        Some(id_token(state, client, &session, &issued, nonce).await?)
    } else {
        None
    };
    Ok(TokenResponse {
        token_type: "Bearer",
        expires_in: issued.access_expires_in,
        refresh_token: refreshes.then(|| issued.refresh_token.expose_secret().to_owned()),
        id_token,
        scope: scopes.join(" "),
        access_token: issued.access_token,
    })
}

async fn stored(connection: &mut sqlx::PgConnection, id: Uuid) -> Result<Session, OAuthError> {
    let session = store::sessions::find(connection, id).await?;
    session.ok_or_else(|| Problem::internal("a session that was opened is not there").into())
}

async fn id_token(
    state: &AppState,
    client: &OAuthClient,
    session: &Session,
    issued: &Issued,
    nonce: Option<&str>,
) -> Result<String, OAuthError> {
    let token = IdToken {
        issuer: state.provider.issuer(),
        client_id: &client.id,
        alg: client.id_token_alg,
        scopes: session.scope.as_deref().unwrap_or_default(),
        nonce,
        access_token: &issued.access_token,
        lifetime: state.tokens.lifetimes().access,
    };
    let claims = token.claims(&issued.user, session, state.clock.now());
    match client.id_token_alg {
        IdTokenAlg::Rs256 => {
            let signer = state
                .provider
                .keeper()
                .id_tokens()
                .await
                .map_err(Problem::internal)?;
            signer
                .jwt(&claims)
                .map_err(|_| Problem::internal("an ID token could not be signed").into())
        }
        IdTokenAlg::EdDsa => {
            let key = state.tokens.ring().current();
            let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
            header.kid = Some(key.kid.clone());
            jsonwebtoken::encode(&header, &claims, &key.signing)
                .map_err(|error| Problem::internal(error).into())
        }
    }
}
