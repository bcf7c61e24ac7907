//! `/auth/providers`, `/auth/oidc` and `/auth/supabase`: logging in at a provider that is not ours.

use ::http::header::{ACCEPT, LOCATION, SET_COOKIE};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Duration, Utc};
use common::Text;
use common::db::StoreResult;
use common::http::{Json, Page, Path, Problem, Query};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::Client;
use super::login::{TokensAnswer, finish as finish_login, no_store};
use super::secret;
use crate::account::User;
use crate::cookies::SameSite;
use crate::error::Error;
use crate::federation::{
    self, Admission, Attempt, FederationError, HANDOVER_COOKIE, Halves, Handover, HandoverTo, Provider,
    Purpose, ReturnTo,
};
use crate::login::{self, Method, Proof};
use crate::pages::Failure;
use crate::{AppState, metrics, store};

/// A provider as the login page shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProviderResponse {
    id: String,
    title: String,
    /// Where to send the browser.
    start_url: String,
}

/// The providers that one can log in at; few, so that the list has one page.
pub(crate) async fn providers(State(state): State<AppState>) -> Json<Page<ProviderResponse>> {
    let providers = state.federation.providers().iter();
    let items = providers.map(|provider| ProviderResponse {
        id: provider.id().to_owned(),
        title: provider.title().to_owned(),
        start_url: format!("/api/users/auth/oidc/{}/start", provider.id()),
    });
    Json(Page {
        items: items.collect(),
        next_cursor: None,
    })
}

/// Where to come back to.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Start {
    return_to: Option<String>,
    /// The query of a program's request, from our own login page.
    request: Option<String>,
}

/// A longer request would outgrow the cookie that it is carried in.
const MAX_REQUEST_BYTES: usize = 1536;

/// Sends the browser to the provider.
pub(crate) async fn start(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Query(query): Query<Start>,
    headers: HeaderMap,
) -> Response {
    let return_to = query
        .return_to
        .as_deref()
        .and_then(ReturnTo::parse)
        .unwrap_or_default();
    let begun = async {
        let provider = state.federation.provider(&id)?;
        let purpose = match query.request {
            None => Purpose::Login,
            Some(request) if request.len() <= MAX_REQUEST_BYTES => Purpose::Authorize { request },
            Some(_) => {
                return Err(Problem::bad_request(Text::new(
                    "Запрос программы слишком длинный.",
                    "The request of the program is too long.",
                )));
            }
        };
        begin(&state, provider, purpose, return_to.clone(), &headers).await
    };
    match begun.await {
        Ok((url, cookies)) => redirect(&url, &cookies),
        Err(problem) => answer_problem(&state, &headers, &return_to, problem, Vec::new()),
    }
}

/// Logins that one browser may have under way. Cookies of more would outgrow the header that they are
/// sent in.
const MAX_ATTEMPTS: usize = 3;

/// The address at the provider, and the cookie that carries the attempt.
pub(super) async fn begin(
    state: &AppState,
    provider: &Provider,
    purpose: Purpose,
    return_to: ReturnTo,
    headers: &HeaderMap,
) -> Result<(String, Vec<HeaderValue>), Problem> {
    let now = state.clock.now();
    let attempt = Attempt::new(provider.id(), purpose, return_to, now);
    let url = provider
        .authorization_url(&attempt, now)
        .await
        .inspect_err(|error| {
            metrics::federated_login(provider.id(), error.reason());
        })?;
    let sealed = state
        .federation
        .attempts()
        .seal(&attempt)
        .map_err(Problem::internal)?;
    let mut cookies = Vec::new();
    let others = state.cookies.names(headers, federation::ATTEMPT_COOKIE);
    if others.len() >= MAX_ATTEMPTS {
        for name in others {
            cookies.push(set_cookie(state, name, "", Duration::zero())?);
        }
    }
    let name = Attempt::cookie(&attempt.state);
    cookies.push(set_cookie(state, &name, &sealed, federation::ATTEMPT_LIFETIME)?);
    Ok((url.into(), cookies))
}

/// The browser comes back from the provider.
pub(crate) async fn callback(
    State(state): State<AppState>,
    client: Client,
    Path(id): Path<String>,
    Query(query): Query<federation::Callback>,
    headers: HeaderMap,
) -> Response {
    let now = state.clock.now();
    let attempt = attempt_of(&state, &id, &query, &headers, now);
    let (provider, attempt) = match attempt {
        Ok(found) => found,
        Err(error) => {
            if state.federation.provider(&id).is_ok() {
                metrics::federated_login(&id, error.reason());
            }
            return answer_problem(&state, &headers, &ReturnTo::default(), error.into(), Vec::new());
        }
    };
    // Whatever comes of it, the attempt is over.
    let over = set_cookie(&state, &Attempt::cookie(&attempt.state), "", Duration::zero());
    let mut cookies: Vec<HeaderValue> = over.into_iter().collect();
    match come_back(&state, &client, provider, &attempt, &query, now).await {
        Ok(Back::LoggedIn(halves)) if let Purpose::Authorize { request } = &attempt.purpose => {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query
                .append_pair("code", &halves.code)
                .append_pair("request", request);
            let url = format!("{}/oauth2/federated?{}", state.provider.issuer(), query.finish());
            let cookie = set_cookie(&state, HANDOVER_COOKIE, &halves.cookie, halves.lifetime);
            cookies.extend(cookie);
            redirect(&url, &cookies)
        }
        Ok(Back::LoggedIn(halves)) => {
            let fragment = format!("oidc_code={}", halves.code);
            go_to_page(&state, &attempt.return_to, &fragment, Some(&halves), cookies)
        }
        Ok(Back::Linked) => {
            let fragment = format!("oidc_linked={}", provider.id());
            go_to_page(&state, &attempt.return_to, &fragment, None, cookies)
        }
        Ok(Back::LinkRequired(halves)) => {
            let cookie = set_cookie(&state, HANDOVER_COOKIE, &halves.cookie, halves.lifetime);
            cookies.extend(cookie);
            let problem: Problem = FederationError::LinkRequired.into();
            let problem = problem
                .extension("provider", provider.id())
                .extension("link_code", halves.code.as_str());
            answer_problem(&state, &headers, &attempt.return_to, problem, cookies)
        }
        // Our own login page has no script that could tell.
        Err(error) if matches!(attempt.purpose, Purpose::Authorize { .. }) => {
            let mut response = Failure(error.into()).into_response();
            for cookie in cookies {
                response.headers_mut().append(SET_COOKIE, cookie);
            }
            response
        }
        Err(error) => answer_problem(&state, &headers, &attempt.return_to, error.into(), cookies),
    }
}

/// The attempt that this browser carries for this state.
fn attempt_of<'a>(
    state: &'a AppState,
    id: &str,
    query: &federation::Callback,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<(&'a Provider, Attempt), FederationError> {
    let provider = state.federation.provider(id)?;
    let named = query.get("state").ok_or(FederationError::StateInvalid)?;
    let cookie = state.cookies.get(headers, &Attempt::cookie(named));
    let attempt = cookie.and_then(|cookie| state.federation.attempts().open(cookie, id, named, now));
    Ok((provider, attempt.ok_or(FederationError::StateInvalid)?))
}

/// How a callback ended.
enum Back {
    LoggedIn(Halves),
    Linked,
    LinkRequired(Halves),
}

async fn come_back(
    state: &AppState,
    client: &Client,
    provider: &Provider,
    attempt: &Attempt,
    query: &federation::Callback,
    now: DateTime<Utc>,
) -> Result<Back, Error> {
    let person = provider.person(attempt, query, now).await.inspect_err(|error| {
        metrics::federated_login(provider.id(), error.reason());
    })?;
    let to = match &attempt.purpose {
        &Purpose::Link { user, session } => {
            let mut transaction = state.db.begin().await.store("begin")?;
            let session = store::sessions::find(&mut transaction, session).await?;
            if session.is_none_or(|session| session.ended_at.is_some() || session.user_id != user) {
                return Err(FederationError::StateInvalid.into());
            }
            let rules = provider.rules();
            federation::link(
                state,
                client,
                &mut transaction,
                user,
                provider.id(),
                rules,
                &person,
            )
            .await?;
            transaction.commit().await.store("commit")?;
            metrics::federated_login(provider.id(), "linked");
            return Ok(Back::Linked);
        }
        Purpose::Login | Purpose::Authorize { .. } => {
            match federation::admit(state, client, provider.id(), provider.rules(), person).await? {
                Admission::User(user) => HandoverTo::User(user.id),
                Admission::Link(person) => HandoverTo::Link(person),
            }
        }
    };
    if matches!(
        (&attempt.purpose, &to),
        (Purpose::Authorize { .. }, HandoverTo::Link(_))
    ) {
        return Err(FederationError::LinkRequired.into());
    }
    let must_link = matches!(to, HandoverTo::Link(_));
    let handover = Handover {
        provider: provider.id().to_owned(),
        to,
    };
    let mut connection = state.db.acquire().await.store("acquire")?;
    let halves = federation::hand_over(&mut connection, &handover, now).await?;
    Ok(if must_link {
        Back::LinkRequired(halves)
    } else {
        Back::LoggedIn(halves)
    })
}

/// The code that the page found in its address.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Complete {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    code: SecretString,
    /// Whether the refresh token becomes a cookie.
    #[serde(default)]
    cookie: bool,
}

/// The page fetches the tokens of the login that the callback ended.
pub(crate) async fn complete(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<Complete>,
) -> Result<TokensAnswer, Problem> {
    let now = state.clock.now();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let cookie = state.cookies.get(&headers, HANDOVER_COOKIE);
    let handover = federation::take(&mut connection, body.code.expose_secret(), cookie, now).await?;
    let HandoverTo::User(id) = handover.to else {
        return Err(Error::from(FederationError::CodeInvalid).into());
    };
    let user = store::users::find_steady(&mut connection, id).await?;
    drop(connection);
    let user = user.ok_or_else(|| Error::from(FederationError::NoAccount))?;
    finish(&state, &client, &headers, &handover.provider, user, body.cookie).await
}

/// A token of the Supabase project.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct SupabaseLogin {
    #[serde(deserialize_with = "secret")]
    #[schemars(with = "String")]
    access_token: SecretString,
    #[serde(default)]
    cookie: bool,
}

/// Logs in with a token of the Supabase project.
pub(crate) async fn supabase(
    State(state): State<AppState>,
    client: Client,
    headers: HeaderMap,
    Json(body): Json<SupabaseLogin>,
) -> Result<TokensAnswer, Problem> {
    let supabase = state.federation.supabase()?;
    if let Some(retry_after) = state.address_limit.wait(client.ip).await {
        return Err(Error::TooManyFailures { retry_after }.into());
    }
    let person = supabase_person(&state, body.access_token.expose_secret()).await;
    let person = match person {
        Ok(person) => person,
        Err(error) => {
            if let Error::Federation(error) = &error {
                metrics::federated_login(supabase.id(), error.reason());
            }
            if let Error::Federation(FederationError::Untrusted { .. }) = &error {
                state.address_limit.count(client.ip).await;
            }
            return Err(error.into());
        }
    };
    match federation::admit(&state, &client, supabase.id(), supabase.rules(), person).await? {
        Admission::User(user) => finish(&state, &client, &headers, supabase.id(), user, body.cookie).await,
        Admission::Link(_) => Err(FederationError::LinkRequired.into()),
    }
}

/// Who holds the token. Whoever has an account is known by the token alone.
pub(super) async fn supabase_person(state: &AppState, token: &str) -> Result<federation::Person, Error> {
    let supabase = state.federation.supabase()?;
    let person = supabase.by_token(token, state.clock.now()).await?;
    if let Some(person) = person {
        let mut connection = state.db.acquire().await.store("acquire")?;
        let known = store::federation::find_user(&mut connection, &person.issuer, &person.subject).await?;
        if known.is_some() {
            return Ok(person);
        }
    }
    Ok(supabase.by_project(token).await?)
}

/// What is left after the provider's word: the second factor, and the session.
async fn finish(
    state: &AppState,
    client: &Client,
    headers: &HeaderMap,
    provider: &str,
    user: User,
    cookie: bool,
) -> Result<TokensAnswer, Problem> {
    let proof = Proof::by(Method::Federated, state.clock.now());
    let step = login::after_first_factor(state, user, proof, client).await?;
    metrics::federated_login(provider, "success");
    finish_login(state, client, headers, step, cookie).await
}

fn set_cookie(state: &AppState, name: &str, value: &str, lifetime: Duration) -> Result<HeaderValue, Problem> {
    // Lax: the provider sends the browser back from another site.
    let set = state.cookies.set(name, value, SameSite::Lax, Some(lifetime));
    set.map_err(Problem::internal)
}

fn redirect(url: &str, cookies: &[HeaderValue]) -> Response {
    let mut headers = no_store();
    match HeaderValue::from_str(url) {
        Ok(url) => headers.insert(LOCATION, url),
        Err(error) => return Problem::internal(error).into_response(),
    };
    // The address of the page before must not reach the provider, and ours not the next page.
    headers.insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie.clone());
    }
    (StatusCode::SEE_OTHER, headers).into_response()
}

fn go_to_page(
    state: &AppState,
    return_to: &ReturnTo,
    fragment: &str,
    halves: Option<&Halves>,
    mut cookies: Vec<HeaderValue>,
) -> Response {
    if let Some(halves) = halves {
        match set_cookie(state, HANDOVER_COOKIE, &halves.cookie, halves.lifetime) {
            Ok(cookie) => cookies.push(cookie),
            Err(problem) => return problem.into_response(),
        }
    }
    redirect(
        &format!("{}#{fragment}", state.federation.page(return_to)),
        &cookies,
    )
}

/// A browser is on its way: it gets to the page, which tells what happened in its own way. A program
/// gets the problem itself.
fn answer_problem(
    state: &AppState,
    headers: &HeaderMap,
    return_to: &ReturnTo,
    problem: Problem,
    cookies: Vec<HeaderValue>,
) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let mut response = if accept.is_some_and(|accept| accept.contains("text/html")) {
        let members = problem.to_json(common::Locale::default(), None);
        let mut fragment = url::form_urlencoded::Serializer::new(String::new());
        fragment.append_pair("oidc_error", problem.code());
        for name in ["provider", "link_code"] {
            if let Some(value) = members.get(name).and_then(serde_json::Value::as_str) {
                fragment.append_pair(name, value);
            }
        }
        if let Some(context) = common::telemetry::RequestContext::current() {
            fragment.append_pair("request_id", &context.request_id);
        }
        // Logged as any other problem, although the browser is not shown it.
        drop(problem.into_response());
        redirect(
            &format!("{}#{}", state.federation.page(return_to), fragment.finish()),
            &[],
        )
    } else {
        problem.into_response()
    };
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
