//! `POST /oauth2/login` and `/oauth2/second-factor`: a person logs in by our page.

use ::http::header::{RETRY_AFTER, SET_COOKIE};
use ::http::{HeaderMap, HeaderValue, StatusCode};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use common::Text;
use common::db::StoreResult;
use common::http::Problem;
use secrecy::{ExposeSecret, SecretString};

use super::authorize::{Asked, elsewhere, forgotten, redirect, understand};
use super::{Form, from_own_page};
use crate::account::User;
use crate::browser::{self, FormKey, Person};
use crate::error::Error;
use crate::federation::{self, FederationError, HANDOVER_COOKIE, HandoverTo};
use crate::http::Client;
use crate::login::{self, Method, Proof, Step};
use crate::oauth::params::Params;
use crate::oauth::request;
use crate::pages::{self, Failure};
use crate::second_factors::Answer;
use crate::{AppState, metrics, store};

/// A form that was sent, and the request that it is to go on with.
struct Sent {
    state: AppState,
    headers: HeaderMap,
    client: Client,
    form: Params,
    /// Parameters of the request.
    params: Params,
    asked: Asked,
    person: Option<Person>,
    key: FormKey,
}

impl Sent {
    /// The inner error is the answer to a wrong form.
    async fn read(
        state: AppState,
        headers: HeaderMap,
        client: Client,
        form: Params,
    ) -> Result<Result<Self, Box<Response>>, Failure> {
        from_own_page(&headers)?;
        let params = Params::parse(form.get("request").unwrap_or_default().as_bytes());
        let asked = match understand(&state, &params).await? {
            Ok(asked) => asked,
            Err(response) => return Ok(Err(response)),
        };
        let person = browser::person(&state, &headers).await?;
        let key = FormKey::of(&state, &headers)?;
        let accepted = key.accepts(&state, person.as_ref(), form.get("form"));
        let sent = Self {
            state,
            headers,
            client,
            form,
            params,
            asked,
            person,
            key,
        };
        if accepted {
            return Ok(Ok(sent));
        }
        let outdated = Text::new(
            "Страница устарела или браузер не принимает cookie. Попробуйте ещё раз.",
            "The page is outdated, or the browser takes no cookies. Try again.",
        );
        Ok(Err(Box::new(sent.ask_password(StatusCode::FORBIDDEN, outdated))))
    }

    fn ask_password(&self, status: StatusCode, failure: Text) -> Response {
        let page = pages::Login {
            locale: request::locale(&self.params, pages::locale()),
            client_name: &self.asked.client.name,
            email: self.form.get("email").unwrap_or_default(),
            form_token: &self.key.token(&self.state, self.person.as_ref()),
            request: &self.params.encode(),
            failure: Some(failure),
            providers: elsewhere(&self.state, &self.params),
            forgotten: forgotten(&self.state),
        };
        let page = page
            .page()
            .status(status)
            .form_target(self.asked.request.answer.form_target());
        page.cookie(self.key.set_cookie.clone()).into_response()
    }

    fn ask_second_factor(
        &self,
        challenge: &SecretString,
        status: StatusCode,
        failure: Option<Text>,
    ) -> Response {
        let page = pages::SecondFactor {
            locale: request::locale(&self.params, pages::locale()),
            challenge: challenge.expose_secret(),
            form_token: &self.key.token(&self.state, self.person.as_ref()),
            request: &self.params.encode(),
            failure,
        };
        let page = page
            .page()
            .status(status)
            .form_target(self.asked.request.answer.form_target());
        page.into_response()
    }

    /// Logs the browser in and goes on with the request.
    async fn go_on(&self, user: User, proof: Proof) -> Result<Response, Failure> {
        let device = self.state.cookies.device(&self.headers, self.state.clock.now());
        let cookies = browser::log_in(
            &self.state,
            user,
            proof,
            &self.client,
            device.as_ref(),
            &self.headers,
        );
        let cookies = cookies.await?;
        let mut response = redirect(&format!(
            "authorize?{}",
            request::after_login(&self.params).encode()
        ));
        for value in cookies.get_all(SET_COOKIE) {
            response.headers_mut().append(SET_COOKIE, value.clone());
        }
        Ok(response)
    }
}

/// E-mail address and password.
pub(crate) async fn password(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    Form(form): Form,
) -> Result<Response, Failure> {
    let sent = match Sent::read(state, headers, client, form).await? {
        Ok(sent) => sent,
        Err(response) => return Ok(*response),
    };
    let email = sent.form.get("email").unwrap_or_default();
    let password = SecretString::from(sent.form.get("password").unwrap_or_default());
    let device = sent.state.cookies.device(&sent.headers, sent.state.clock.now());
    match login::by_password(&sent.state, &sent.client, device.as_ref(), email, &password).await {
        Ok(Step::Done { user, proof }) => sent.go_on(user, proof).await,
        Ok(Step::SecondFactor(challenge)) => {
            Ok(sent.ask_second_factor(&challenge.token, StatusCode::OK, None))
        }
        Err(Error::InvalidCredentials) => {
            let text = Text::new(
                "Неверная почта или пароль.",
                "The e-mail address or the password is wrong.",
            );
            Ok(sent.ask_password(StatusCode::UNAUTHORIZED, text))
        }
        Err(Error::TooManyFailures { retry_after }) => {
            let text = Text::new(
                "Слишком много неудачных попыток с этого адреса. Повторите позже.",
                "Too many failed attempts from this address. Try again later.",
            );
            let mut response = sent.ask_password(StatusCode::TOO_MANY_REQUESTS, text);
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from(retry_after));
            Ok(response)
        }
        Err(error) => Err(Problem::from(error).into()),
    }
}

/// The browser comes back from another identity provider; see [`crate::federation`].
pub(crate) async fn federated(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let form = Params::parse(query.unwrap_or_default().as_bytes());
    let params = Params::parse(form.get("request").unwrap_or_default().as_bytes());
    let asked = match understand(&state, &params).await? {
        Ok(asked) => asked,
        Err(response) => return Ok(*response),
    };
    let (user, proof) = handed_over(&state, &headers, form.get("code").unwrap_or_default()).await?;
    let step = login::after_first_factor(&state, user, proof, &client).await?;
    let person = browser::person(&state, &headers).await?;
    let key = FormKey::of(&state, &headers)?;
    let sent = Sent {
        state,
        headers,
        client,
        form,
        params,
        asked,
        person,
        key,
    };
    match step {
        Step::Done { user, proof } => sent.go_on(user, proof).await,
        Step::SecondFactor(challenge) => {
            let mut response = sent.ask_second_factor(&challenge.token, StatusCode::OK, None);
            if let Some(cookie) = &sent.key.set_cookie {
                response.headers_mut().append(SET_COOKIE, cookie.clone());
            }
            Ok(response)
        }
    }
}

/// Who it is that comes back.
async fn handed_over(state: &AppState, headers: &HeaderMap, code: &str) -> Result<(User, Proof), Error> {
    let now = state.clock.now();
    let mut connection = state.db.acquire().await.store("acquire")?;
    let cookie = state.cookies.get(headers, HANDOVER_COOKIE);
    let handover = federation::take(&mut connection, code, cookie, now).await?;
    let HandoverTo::User(id) = handover.to else {
        return Err(FederationError::CodeInvalid.into());
    };
    let user = store::users::find_steady(&mut connection, id).await?;
    let user = user.ok_or(FederationError::NoAccount)?;
    metrics::federated_login(&handover.provider, "success");
    Ok((user, Proof::by(Method::Federated, now)))
}

/// The code of an application, or a recovery code.
pub(crate) async fn second_factor(
    State(state): State<AppState>,
    headers: HeaderMap,
    client: Client,
    Form(form): Form,
) -> Result<Response, Failure> {
    let sent = match Sent::read(state, headers, client, form).await? {
        Ok(sent) => sent,
        Err(response) => return Ok(*response),
    };
    let challenge = SecretString::from(sent.form.get("challenge").unwrap_or_default());
    let answer = match (sent.form.get("code"), sent.form.get("recovery_code")) {
        (Some(code), _) => Answer::Code(SecretString::from(code)),
        (None, code) => Answer::Recovery(SecretString::from(code.unwrap_or_default())),
    };
    match login::by_second_factor(&sent.state, &sent.client, &challenge, &answer).await {
        Ok((user, proof)) => sent.go_on(user, proof).await,
        Err(Error::SecondFactorWrong) => {
            let text = Text::new("Код не подошёл.", "The code is wrong.");
            Ok(sent.ask_second_factor(&challenge, StatusCode::UNAUTHORIZED, Some(text)))
        }
        Err(Error::ChallengeInvalid) => {
            let text = Text::new(
                "Вход занял слишком много времени или попыток. Начните сначала.",
                "The login took too long or too many attempts. Begin again.",
            );
            Ok(sent.ask_password(StatusCode::UNAUTHORIZED, text))
        }
        Err(error) => Err(Problem::from(error).into()),
    }
}
