//! `/account`: the pages that links in letters lead to, for people without another program.
//!
//! A page uses nothing up by being looked at, since programs that check mails follow every link; what
//! its form sends goes the way of the API. Without a secret, two of them ask whom to send a letter to.

use ::http::StatusCode;
use axum::extract::{FromRequest, FromRequestParts, RawQuery, Request, State};
use common::Text;
use common::db::StoreResult;
use common::http::openapi::{Operation, Part};
use common::http::{Json, Problem, Violations};
use secrecy::SecretString;

use super::oauth::{Form, from_own_page, read_form};
use super::registration::{Address, Setup, Token};
use super::{Client, invites, passwords, registration};
use crate::error::Error;
use crate::links::{self, Purpose};
use crate::oauth::params::Params;
use crate::pages::{self, AccountForm, Failure, Field, Page};
use crate::store::links::Opened;
use crate::{AppState, store};

/// A form that a page of ours sent.
pub(crate) struct Sent {
    client: Client,
    form: Params,
}

impl Part for Sent {
    fn describe(operation: &mut Operation<'_>) {
        Form::describe(operation);
    }
}

impl FromRequest<AppState> for Sent {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Failure> {
        from_own_page(request.headers())?;
        let (mut parts, body) = request.into_parts();
        let Ok(client) = Client::from_request_parts(&mut parts, state).await;
        let form = read_form(Request::from_parts(parts, body), state).await;
        let form = form.map_err(|_| {
            Problem::bad_request(Text::new("Форма не прочитана.", "The form could not be read."))
        })?;
        Ok(Self { client, form })
    }
}

impl Sent {
    fn text(&self, name: &str) -> String {
        self.form.get(name).unwrap_or_default().to_owned()
    }

    fn secret(&self, name: &str) -> SecretString {
        SecretString::from(self.text(name))
    }

    /// The new password, typed the same twice.
    fn new_password(&self) -> Result<SecretString, Problem> {
        let mut violations = Violations::new();
        violations.check(
            self.form.get("password") == self.form.get("password_again"),
            "/password_again",
            Text::new("Пароли не совпадают.", "The passwords differ."),
        );
        violations.finish()?;
        Ok(self.secret("password"))
    }
}

/// What became of a form.
enum Outcome {
    Done,
    /// The form is to be shown again, with what was wrong with it.
    Again(Vec<String>),
    /// The secret opens nothing.
    LinkInvalid,
}

fn outcome<T>(result: Result<T, Problem>) -> Result<Outcome, Failure> {
    let problem = match result {
        Ok(_) => return Ok(Outcome::Done),
        Err(problem) => problem,
    };
    match problem.code() {
        "auth.link_invalid" => Ok(Outcome::LinkInvalid),
        "request.validation_failed" => {
            let told = problem.to_json(pages::locale(), None);
            let errors = told["errors"].as_array().into_iter().flatten();
            let details = errors.filter_map(|error| error["detail"].as_str());
            Ok(Outcome::Again(details.map(str::to_owned).collect()))
        }
        _ => Err(Failure(problem)),
    }
}

/// The secret that the address of a page carries.
fn token_of(query: Option<String>) -> Option<String> {
    Params::parse(query.unwrap_or_default().as_bytes())
        .get("token")
        .map(str::to_owned)
}

/// What a secret opens, which stays as it is.
async fn look(state: &AppState, token: &str, purposes: &[Purpose]) -> Result<Option<Opened>, Failure> {
    let hash = links::hash(&SecretString::from(token));
    let mut connection = state.db.acquire().await.store("acquire").map_err(Error::from)?;
    let opened = store::links::open(&mut connection, &hash, purposes, state.clock.now()).await;
    Ok(opened.map_err(Error::from)?)
}

fn message(heading: &Text, text: &Text) -> Page {
    let locale = pages::locale();
    pages::message(locale, heading.get(locale), text.get(locale), None)
}

fn link_invalid(what_now: &Text) -> Page {
    let heading = Text::new("Ссылка не действует", "The link is not valid");
    let locale = pages::locale();
    let why = Text::new(
        "Ссылка уже использована, устарела или скопирована не полностью.",
        "The link was used, has ended, or was not copied whole.",
    );
    let text = format!("{} {}", why.get(locale), what_now.get(locale));
    message(&heading, &Text::same(text)).status(StatusCode::BAD_REQUEST)
}

fn letter_sent() -> Page {
    message(
        &Text::new("Проверьте почту", "Look into your mailbox"),
        &Text::new(
            "Если для этого адреса есть что отправить, письмо придёт в течение нескольких минут. Проверьте и папку «Спам».",
            "If there is anything to send to this address, a letter comes within minutes. Look into the spam folder, too.",
        ),
    )
}

/// Asks for an address; a page says why.
fn ask_for_address(
    state: &AppState,
    action: &'static str,
    heading: Text,
    text: Text,
    email: &str,
    failures: &[String],
) -> Result<Page, Failure> {
    if !state.mailer.is_on() {
        return Err(Error::MailNotConfigured.into());
    }
    let form = AccountForm {
        locale: pages::locale(),
        heading,
        text,
        action,
        fields: vec![Field::Email(email)],
        button: Text::new("Отправить письмо", "Send the letter"),
        failures,
    };
    Ok(form.page())
}

const CONFIRMING: [Purpose; 3] = [Purpose::Registration, Purpose::VerifyEmail, Purpose::ChangeEmail];

fn ask_for_confirmation(state: &AppState, email: &str, failures: &[String]) -> Result<Page, Failure> {
    ask_for_address(
        state,
        "verify-email",
        Text::new("Подтверждение адреса", "Confirming an address"),
        Text::new(
            "Отправим письмо со ссылкой ещё раз.",
            "The letter with the link will be sent once more.",
        ),
        email,
        failures,
    )
}

/// Asks whether to confirm the address, or whom to send the letter to once more.
pub(crate) async fn show_verify_email(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Page, Failure> {
    let Some(token) = token_of(query) else {
        return ask_for_confirmation(&state, "", &[]);
    };
    let Some(opened) = look(&state, &token, &CONFIRMING).await? else {
        return Ok(confirmation_invalid());
    };
    let email = opened.email.unwrap_or_default();
    let form = AccountForm {
        locale: pages::locale(),
        heading: Text::new("Подтвердите адрес почты", "Confirm your e-mail address"),
        text: Text::new(
            format!("Это ваш адрес: {email}?"),
            format!("Is this your address: {email}?"),
        ),
        action: "verify-email",
        fields: vec![Field::Token(&token)],
        button: Text::new("Да, подтвердить", "Yes, confirm it"),
        failures: &[],
    };
    Ok(form.page())
}

fn confirmation_invalid() -> Page {
    link_invalid(&Text::new(
        "Запросите новую там, где вы регистрировались или меняли адрес.",
        "Ask for a new one where you registered or changed the address.",
    ))
}

/// Confirms the address, or sends the letter once more.
pub(crate) async fn verify_email(State(state): State<AppState>, sent: Sent) -> Result<Page, Failure> {
    if sent.form.get("token").is_none() {
        let body = Address {
            email: sent.text("email"),
        };
        let asked = registration::resend(State(state.clone()), sent.client.clone(), Json(body));
        return match outcome(asked.await)? {
            Outcome::Again(failures) => {
                let page = ask_for_confirmation(&state, &sent.text("email"), &failures)?;
                Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY))
            }
            Outcome::Done | Outcome::LinkInvalid => Ok(letter_sent()),
        };
    }
    let body = Token {
        token: sent.secret("token"),
    };
    let confirmed = registration::verify_email(State(state), sent.client, Json(body)).await;
    match outcome(confirmed)? {
        Outcome::Done => Ok(message(
            &Text::new("Адрес подтверждён", "The address is confirmed"),
            &Text::new("Теперь с ним можно войти.", "You can log in with it now."),
        )),
        Outcome::Again(_) | Outcome::LinkInvalid => Ok(confirmation_invalid()),
    }
}

fn ask_for_reset(state: &AppState, email: &str, failures: &[String]) -> Result<Page, Failure> {
    ask_for_address(
        state,
        "reset-password",
        Text::new("Забытый пароль", "Forgotten password"),
        Text::new(
            "Укажите адрес учётной записи: на него придёт ссылка, чтобы задать новый пароль.",
            "Give the address of your account: it gets a link to set a new password.",
        ),
        email,
        failures,
    )
}

/// Asks for the new password, or whom to send the letter to.
pub(crate) async fn show_reset_password(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Page, Failure> {
    match token_of(query) {
        None => ask_for_reset(&state, "", &[]),
        Some(token) => ask_new_password(&state, &token, &[]).await,
    }
}

async fn ask_new_password(state: &AppState, token: &str, failures: &[String]) -> Result<Page, Failure> {
    let opened = look(state, token, &[Purpose::ResetPassword]).await?;
    let Some((opened, user)) = opened.and_then(|opened| opened.user_id.map(|user| (opened, user))) else {
        return Ok(reset_invalid());
    };
    let alone = passwords::is_only_factor(state, user).await?;
    let email = opened.email.unwrap_or_default();
    let form = AccountForm {
        locale: pages::locale(),
        heading: Text::new("Новый пароль", "New password"),
        text: Text::new(
            "После этого на всех устройствах нужно будет войти снова.",
            "After that, all devices have to log in again.",
        ),
        action: "reset-password",
        fields: vec![
            Field::Token(token),
            Field::KnownEmail(&email),
            Field::NewPassword {
                min_length: state.passwords.min_length(alone),
            },
        ],
        button: Text::new("Задать пароль", "Set the password"),
        failures,
    };
    Ok(form.page())
}

fn reset_invalid() -> Page {
    link_invalid(&Text::new(
        "Запросите новую: ссылка «Забыли пароль?» есть на странице входа.",
        "Ask for a new one: the page where you log in has a link for forgotten passwords.",
    ))
}

/// Sets the new password, or sends the letter.
pub(crate) async fn reset_password(State(state): State<AppState>, sent: Sent) -> Result<Page, Failure> {
    let Some(token) = sent.form.get("token").map(str::to_owned) else {
        let body = Address {
            email: sent.text("email"),
        };
        let asked = passwords::forgot(State(state.clone()), sent.client.clone(), Json(body));
        return match outcome(asked.await)? {
            Outcome::Again(failures) => {
                let page = ask_for_reset(&state, &sent.text("email"), &failures)?;
                Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY))
            }
            Outcome::Done | Outcome::LinkInvalid => Ok(letter_sent()),
        };
    };
    let reset = match sent.new_password() {
        Ok(password) => {
            let body = passwords::Reset {
                token: sent.secret("token"),
                password,
            };
            passwords::reset(State(state.clone()), sent.client, Json(body)).await
        }
        Err(problem) => Err(problem),
    };
    match outcome(reset)? {
        Outcome::Done => Ok(message(
            &Text::new("Пароль изменён", "The password is set"),
            &Text::new(
                "Войдите с новым паролем. Остальные сеансы завершены.",
                "Log in with the new password. All other sessions have ended.",
            ),
        )),
        Outcome::Again(failures) => {
            let page = ask_new_password(&state, &token, &failures).await?;
            Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY))
        }
        Outcome::LinkInvalid => Ok(reset_invalid()),
    }
}

/// Asks whoever was invited for a name and a password.
pub(crate) async fn show_invite(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Page, Failure> {
    let token = token_of(query).unwrap_or_default();
    ask_newcomer(&state, &token, "", &[]).await
}

async fn ask_newcomer(
    state: &AppState,
    token: &str,
    name: &str,
    failures: &[String],
) -> Result<Page, Failure> {
    let opened = look(state, token, &[Purpose::Invite]).await?;
    let Some(id) = opened.and_then(|opened| opened.invite_id) else {
        return Ok(invite_invalid());
    };
    let Some((invite, role)) = invites::offered(state, id).await? else {
        return Ok(invite_invalid());
    };
    let form = AccountForm {
        locale: pages::locale(),
        heading: Text::new("Приглашение", "Invite"),
        text: Text::new(
            format!(
                "Ваша роль: {}. Укажите имя и пароль.",
                role.get(common::Locale::Ru)
            ),
            format!(
                "Your role: {}. Give a name and a password.",
                role.get(common::Locale::En)
            ),
        ),
        action: "invite",
        fields: vec![
            Field::Token(token),
            Field::KnownEmail(invite.email.as_str()),
            Field::Name(name),
            Field::NewPassword {
                min_length: state.passwords.min_length(true),
            },
        ],
        button: Text::new("Создать учётную запись", "Make the account"),
        failures,
    };
    Ok(form.page())
}

fn invite_invalid() -> Page {
    link_invalid(&Text::new(
        "Попросите администратора пригласить вас снова.",
        "Ask your administrator to invite you again.",
    ))
}

/// Makes the account that was offered.
pub(crate) async fn invite(State(state): State<AppState>, sent: Sent) -> Result<Page, Failure> {
    let accepted = match sent.new_password() {
        Ok(password) => {
            let body = invites::Accept {
                token: sent.secret("token"),
                name: sent.text("name"),
                password,
            };
            invites::accept(State(state.clone()), sent.client.clone(), Json(body))
                .await
                .map(drop)
        }
        Err(problem) => Err(problem),
    };
    match outcome(accepted)? {
        Outcome::Done => Ok(account_made()),
        Outcome::Again(failures) => {
            let page = ask_newcomer(&state, &sent.text("token"), &sent.text("name"), &failures).await?;
            Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY))
        }
        Outcome::LinkInvalid => Ok(invite_invalid()),
    }
}

fn account_made() -> Page {
    message(
        &Text::new("Учётная запись готова", "The account is ready"),
        &Text::new("Теперь можно войти.", "You can log in now."),
    )
}

/// Asks for the first administrator.
pub(crate) async fn show_setup(
    State(state): State<AppState>,
    RawQuery(query): RawQuery,
) -> Result<Page, Failure> {
    let token = token_of(query);
    if let Some(token) = &token
        && look(&state, token, &[Purpose::Setup]).await?.is_none()
    {
        return Ok(setup_invalid());
    }
    let field = token.as_deref().map_or(Field::TypedToken, Field::Token);
    Ok(ask_administrator(&state, field, "", "", &[]))
}

fn ask_administrator(
    state: &AppState,
    token: Field<'_>,
    email: &str,
    name: &str,
    failures: &[String],
) -> Page {
    let form = AccountForm {
        locale: pages::locale(),
        heading: Text::new("Первый администратор", "The first administrator"),
        text: Text::new(
            "Система установлена, администратора в ней ещё нет. Им станете вы.",
            "The system is installed and has no administrator yet. It will be you.",
        ),
        action: "setup",
        fields: vec![
            token,
            Field::Email(email),
            Field::Name(name),
            Field::NewPassword {
                min_length: state.passwords.min_length(true),
            },
        ],
        button: Text::new("Создать администратора", "Make the administrator"),
        failures,
    };
    form.page()
}

fn setup_invalid() -> Page {
    link_invalid(&Text::new(
        "Если администратора ещё нет, перезапустите user-management: в журнале появится новая ссылка.",
        "If there is no administrator yet, start user-management again: its log will have a new link.",
    ))
}

/// Makes the first administrator.
pub(crate) async fn setup(State(state): State<AppState>, sent: Sent) -> Result<Page, Failure> {
    let made = match sent.new_password() {
        Ok(password) => {
            let body = Setup {
                token: sent.secret("token"),
                email: sent.text("email"),
                password,
                name: sent.text("name"),
            };
            registration::setup(State(state.clone()), sent.client.clone(), Json(body))
                .await
                .map(drop)
        }
        Err(problem) => Err(problem),
    };
    match outcome(made)? {
        Outcome::Done => Ok(account_made()),
        Outcome::Again(failures) => {
            let (token, email, name) = (sent.text("token"), sent.text("email"), sent.text("name"));
            let page = ask_administrator(&state, Field::Token(&token), &email, &name, &failures);
            Ok(page.status(StatusCode::UNPROCESSABLE_ENTITY))
        }
        Outcome::LinkInvalid => Ok(setup_invalid()),
    }
}
