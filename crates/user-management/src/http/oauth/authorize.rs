//! `/oauth2/authorize`: a program asks that its user be logged in.

use ::http::header::{CACHE_CONTROL, LOCATION};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use common::Text;
use common::contract::events::Outcome;
use common::db::StoreResult;
use common::events::Actor;
use common::http::Problem;
use serde_json::json;

use super::Form;
use crate::browser::{self, FormKey, Person};
use crate::error::Error;
use crate::http::Client;
use crate::links::{self, Purpose};
use crate::oauth::client::OAuthClient;
use crate::oauth::code::{self, Code};
use crate::oauth::params::Params;
use crate::oauth::request::{self, AuthorizeRequest, Refusal};
use crate::oauth::scope;
use crate::pages::{self, Failure};
use crate::record::Audited;
use crate::{AppState, store};

/// As a link or a redirect.
pub(crate) async fn get(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    client: Client,
) -> Result<Response, Failure> {
    let params = Params::parse(query.unwrap_or_default().as_bytes());
    authorize(&state, &headers, &client, &params).await
}

/// As a form.
pub(crate) async fn post(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    Form(params): Form,
) -> Result<Response, Failure> {
    authorize(&state, &headers, &client, &params).await
}

async fn authorize(
    state: &AppState,
    headers: &HeaderMap,
    client: &Client,
    params: &Params,
) -> Result<Response, Failure> {
    let asked = match understand(state, params).await? {
        Ok(asked) => asked,
        Err(response) => return Ok(*response),
    };
    let now = state.clock.now();
    let person = browser::person(state, headers).await?;
    let recent = |person: &Person| asked.request.accepts_proof_of(person.session.auth_time, now);
    let Some(person) = person.as_ref().filter(|person| recent(person)) else {
        if asked.request.prompt.none {
            return Ok(asked.refuse("login_required", "nobody is logged in"));
        }
        return ask_to_log_in(state, headers, params, &asked, person.as_ref());
    };
    let scopes = scope::grantable(&asked.request.scopes, person.user.permissions);
    if scopes.is_empty() {
        return Ok(asked.refuse("access_denied", "the user has none of the permissions"));
    }
    if asked.needs_consent(state, person, &scopes).await? {
        if asked.request.prompt.none {
            return Ok(asked.refuse("consent_required", "the user has not consented"));
        }
        let form = FormKey::of(state, headers)?;
        let page = pages::Consent {
            locale: request::locale(params, pages::locale()),
            client_name: &asked.client.name,
            destination: &asked.request.answer.destination(),
            user: &person.user,
            meanings: scopes.iter().filter_map(|name| scope::meaning(name)).collect(),
            form_token: &form.token(state, Some(person)),
            request: &params.encode(),
        };
        let target = asked.request.answer.form_target();
        return Ok(page
            .page()
            .form_target(target)
            .cookie(form.set_cookie)
            .into_response());
    }
    asked.grant(state, client, person, scopes).await
}

/// A request that has been understood, and the client that it comes from.
pub(super) struct Asked {
    pub(super) client: OAuthClient,
    pub(super) request: AuthorizeRequest,
}

/// Finds the client and checks its request. The inner error is the answer to a wrong one.
pub(super) async fn understand(
    state: &AppState,
    params: &Params,
) -> Result<Result<Asked, Box<Response>>, Failure> {
    let mut connection = state.db.acquire().await.store("acquire")?;
    let client = match params.get("client_id") {
        Some(id) => store::oauth_clients::find(&mut connection, id).await?,
        None => None,
    };
    drop(connection);
    let Some(client) = client else {
        let text = Text::new(
            "Программа, которая открыла эту страницу, здесь не зарегистрирована.",
            "The program that opened this page is not registered here.",
        );
        return Ok(Err(Box::new(told(text))));
    };
    Ok(
        match AuthorizeRequest::read(params, &client, state.provider.issuer()) {
            Ok(request) => Ok(Asked { client, request }),
            Err(Refusal::Told(text)) => Err(Box::new(told(text))),
            Err(Refusal::Sent(answer, error, description)) => {
                Err(Box::new(redirect(&answer.with_error(error, description))))
            }
        },
    )
}

fn told(text: Text) -> Response {
    let problem = Problem::new(
        StatusCode::BAD_REQUEST,
        "oauth.request_invalid",
        Text::new("Вход невозможен", "You cannot be logged in"),
    );
    Failure(problem.detail(text)).into_response()
}

/// The other providers that one may log in at, and the links to them, relative to `/oauth2/`.
pub(super) fn elsewhere<'a>(state: &'a AppState, params: &Params) -> Vec<(&'a str, String)> {
    let request = params.encode();
    let encoded: String = url::form_urlencoded::byte_serialize(request.as_bytes()).collect();
    let providers = state.federation.providers().iter();
    providers
        .map(|provider| {
            let id = provider.id();
            (
                provider.title(),
                format!("../auth/oidc/{id}/start?request={encoded}"),
            )
        })
        .collect()
}

/// The page that asks to log in, for the request.
fn ask_to_log_in(
    state: &AppState,
    headers: &HeaderMap,
    params: &Params,
    asked: &Asked,
    person: Option<&Person>,
) -> Result<Response, Failure> {
    let form = FormKey::of(state, headers)?;
    let suggested = asked.request.login_hint.as_deref();
    let of_person = person.map(|person| person.user.email.as_str());
    let page = pages::Login {
        locale: request::locale(params, pages::locale()),
        client_name: &asked.client.name,
        email: suggested.or(of_person).unwrap_or_default(),
        form_token: &form.token(state, person),
        request: &params.encode(),
        failure: None,
        providers: elsewhere(state, params),
        forgotten: forgotten(state),
    };
    let target = asked.request.answer.form_target();
    Ok(page
        .page()
        .form_target(target)
        .cookie(form.set_cookie)
        .into_response())
}

/// Where somebody who has forgotten their password is helped.
pub(super) fn forgotten(state: &AppState) -> Option<String> {
    let mailer = &state.mailer;
    mailer
        .is_on()
        .then(|| links::page(mailer.base(), Purpose::ResetPassword))
}

impl Asked {
    /// Sends the browser back with an error.
    pub(super) fn refuse(&self, error: &str, description: &str) -> Response {
        redirect(&self.request.answer.with_error(error, description))
    }

    /// True when the person has to be asked. A program on somebody's machine cannot be told from
    /// another that takes its address, so that nothing is remembered for it (RFC 8252, section 8.6).
    async fn needs_consent(
        &self,
        state: &AppState,
        person: &Person,
        scopes: &[String],
    ) -> Result<bool, Error> {
        if self.request.prompt.consent {
            return Ok(true);
        }
        if self.client.first_party {
            return Ok(false);
        }
        if self.client.is_public() && !self.request.answer.is_owned() {
            return Ok(true);
        }
        let mut connection = state.db.acquire().await.store("acquire")?;
        let given = store::consents::find(&mut connection, person.user.id, &self.client.id).await?;
        Ok(!given.is_some_and(|given| scopes.iter().all(|name| given.contains(name))))
    }

    /// Makes a code and sends the browser back with it.
    pub(super) async fn grant(
        &self,
        state: &AppState,
        client: &Client,
        person: &Person,
        scopes: Vec<String>,
    ) -> Result<Response, Failure> {
        let now = state.clock.now();
        let shown = code::new();
        let audited = Audited {
            action: "oauth.authorized",
            outcome: Outcome::Success,
            user: Some(person.user.id),
            details: json!({ "client_id": self.client.id, "scopes": scopes }),
        };
        let stored = Code {
            client_id: self.client.id.clone(),
            user_id: person.user.id,
            browser_session: person.session.id,
            redirect_uri: self.request.redirect_uri.clone(),
            scopes,
            nonce: self.request.nonce.clone(),
            code_challenge: self.request.code_challenge.clone(),
            amr: person.session.amr.clone(),
            auth_time: person.session.auth_time,
            expires_at: now + code::LIFETIME,
            used_at: None,
            session_id: None,
        };
        let actor = Actor {
            user_id: person.user.id,
            role: person.user.role.clone(),
        };
        let mut transaction = state.db.begin().await.store("begin")?;
        store::authorization_codes::insert(&mut transaction, &code::hash(&shown), &stored).await?;
        audited
            .append(&mut transaction, &state.clock, Some(actor), Some(client))
            .await?;
        transaction.commit().await.store("commit")?;
        Ok(redirect(&self.request.answer.with_code(&shown)))
    }
}

/// Sends the browser on by GET (303), as after a form.
pub(super) fn redirect(address: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(address) else {
        return Problem::internal("an address that was checked is no header").into_response();
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
