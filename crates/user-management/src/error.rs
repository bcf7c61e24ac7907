//! What can go wrong, in the words of this service, and how a client sees it.

use ::http::StatusCode;
use common::Text;
use common::db::StoreError;
use common::http::{FieldError, Problem};

use crate::federation::FederationError;
use crate::login::Due;
use crate::password::HashError;
use crate::webauthn::Refused;

/// A request that cannot be fulfilled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Unknown account, wrong password or locked account: nobody learns which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The first factor was right; the account asks for a second one.
    #[error("a second factor is due")]
    SecondFactorRequired,
    /// The challenge is unknown, too old, or was tried too often.
    #[error("the challenge is not valid")]
    ChallengeInvalid,
    /// The second factor is wrong, or locked for a while: nobody learns which.
    #[error("the second factor is wrong")]
    SecondFactorWrong,
    /// A request for step-up lacks something.
    #[error("not all was shown that a step-up needs")]
    StepUpIncomplete(Due),
    /// The session of the token has ended.
    #[error("the session has ended")]
    SessionEnded,
    /// The user has no such session.
    #[error("there is no such session")]
    SessionNotFound,
    /// An application for codes counts already.
    #[error("there is an authenticator application already")]
    TotpExists,
    /// The password was accepted beside a second factor, and there would be none any more.
    #[error("the password is too short to be the only factor")]
    PasswordTooShortAlone,
    /// The account has no such second factor.
    #[error("there is no such second factor")]
    SecondFactorNotFound,
    /// A passkey cannot be added.
    #[error("the passkey cannot be added")]
    PasskeyRefused(#[source] Refused),
    /// The passkey belongs to an account already.
    #[error("the passkey is registered")]
    PasskeyExists,
    /// The account has as many passkeys as it may have.
    #[error("there are too many passkeys")]
    TooManyPasskeys,
    /// No host name is known that passkeys could be bound to.
    #[error("PUBLIC_URL has no host name")]
    PasskeysUnavailable,
    /// A secret at rest does not open, or could not be sealed.
    #[error("a stored secret could not be sealed or opened")]
    Sealing,
    /// A request with a cookie that does not come from our own page.
    #[error("the request does not come from our own page")]
    CrossSite,
    /// The last proof of who the caller is is too old, or lacks the second factor.
    #[error("the caller has to prove again who they are")]
    StepUpRequired,
    /// The client's address has failed too often.
    #[error("too many failed logins from one address")]
    TooManyFailures {
        /// Seconds until it may try again.
        retry_after: u64,
    },
    /// Accounts are made by administrators only.
    #[error("registration is closed")]
    RegistrationClosed,
    /// The secret of a letter is unknown, was used, or has ended.
    #[error("the link is not valid")]
    LinkInvalid,
    /// No letters can be sent.
    #[error("no mail server is configured")]
    MailNotConfigured,
    /// Too many letters were asked for from one address.
    #[error("too many letters were asked for")]
    TooManyMails,
    /// The password that is to be replaced is another one.
    #[error("the current password is wrong")]
    CurrentPasswordWrong,
    /// Nobody may be invited.
    #[error("invites are switched off")]
    InvitesClosed,
    /// The state of the account does not allow it.
    #[error("the account is in another state")]
    WrongState,
    /// There is no such invite.
    #[error("there is no such invite")]
    InviteNotFound,
    /// There is an account of that address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The refresh token opens nothing.
    #[error("the refresh token is not valid")]
    RefreshInvalid,
    /// The refresh token had been replaced long ago.
    #[error("the refresh token was used again")]
    RefreshReused,
    /// The user does not exist, or the caller may not know.
    #[error("there is no such user")]
    UserNotFound,
    /// The change would leave nobody to administer the system.
    #[error("the user is the last administrator")]
    LastAdministrator,
    /// The caller lacks what they would give or take.
    #[error("the caller has not all the rights in question")]
    BeyondOwnRights,
    /// A login at a provider that is not ours led to nothing.
    #[error(transparent)]
    Federation(#[from] FederationError),
    /// There is no such OAuth client.
    #[error("there is no such OAuth client")]
    OAuthClientNotFound,
    /// The id of an OAuth client is taken.
    #[error("there is an OAuth client of that id")]
    OAuthClientExists,
    /// The OAuth client has no secret that could be replaced.
    #[error("the OAuth client has no secret")]
    OAuthClientPublic,
    /// Programs may not register themselves.
    #[error("the registration of OAuth clients is closed")]
    ClientRegistrationClosed,
    /// Too many programs have registered themselves and not been used.
    #[error("too many OAuth clients have registered themselves")]
    TooManyClients,
    /// A header of an answer could not be made.
    #[error("a header could not be made")]
    Header(#[source] common::BoxError),
    /// There is no role of that name.
    #[error("there is no such role")]
    RoleNotFound,
    /// The role comes with the release.
    #[error("the role is built in")]
    RoleBuiltIn,
    /// There is a role of that name.
    #[error("the name of the role is taken")]
    RoleNameTaken,
    /// Somebody has the role, or is to get it.
    #[error("the role is in use")]
    RoleInUse {
        /// How many accounts have it.
        holders: i64,
    },
    /// There are as many roles as one page shows.
    #[error("there are too many roles")]
    TooManyRoles,
    /// What is to be changed is not the version that the client has seen.
    #[error("the version has changed")]
    VersionMismatch,
    /// The API key opens nothing.
    #[error("the API key is not valid")]
    ApiKeyInvalid,
    /// The API key was one of ours.
    #[error("the API key has expired")]
    ApiKeyExpired,
    /// The key does not exist, or the caller may not know.
    #[error("there is no such API key")]
    KeyNotFound,
    /// The account has as many keys as it may have.
    #[error("the account has too many API keys")]
    TooManyKeys,
    /// The key has expired, has been rotated, or is not a secret of ours.
    #[error("the API key cannot be rotated")]
    KeyNotRotatable,
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// A token could not be signed.
    #[error("a token could not be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::InvalidCredentials => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.invalid_credentials",
                Text::new(
                    "Неверная почта или пароль",
                    "The e-mail address or the password is wrong",
                ),
            ),
            Error::SecondFactorRequired => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.second_factor_required",
                Text::new("Нужен второй фактор", "A second factor is required"),
            )
            .detail(Text::new(
                "Пароль верный. Подтвердите вход вторым способом.",
                "The password is right. Confirm the login by a second factor.",
            )),
            Error::ChallengeInvalid => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.challenge_invalid",
                Text::new("Вход нужно начать заново", "Begin the login anew"),
            )
            .detail(Text::new(
                "Прошло больше пяти минут, или слишком много неудачных попыток.",
                "More than five minutes have passed, or there were too many failed attempts.",
            )),
            Error::SecondFactorWrong => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.second_factor_wrong",
                Text::new("Второй фактор не подошёл", "The second factor is wrong"),
            ),
            Error::StepUpIncomplete(due) => {
                let mut violations = Vec::new();
                let mut missing = |pointer: &str, detail| {
                    violations.push(FieldError {
                        pointer: pointer.to_owned(),
                        detail,
                    });
                };
                if due.password {
                    missing("/password", Text::new("Нужен пароль.", "The password is needed."));
                }
                if due.second_factor {
                    missing(
                        "/code",
                        Text::new("Нужен второй фактор.", "A second factor is needed."),
                    );
                }
                Self::validation(violations)
            }
            Error::SessionEnded => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.session_revoked",
                Text::new("Сеанс завершён", "The session has ended"),
            ),
            Error::TotpExists => Self::new(
                StatusCode::CONFLICT,
                "users.totp_exists",
                Text::new("Приложение уже подключено", "There is an application already"),
            )
            .detail(Text::new(
                "Сначала отключите прежнее приложение с кодами.",
                "Remove the former authenticator application first.",
            )),
            Error::PasswordTooShortAlone => Self::new(
                StatusCode::CONFLICT,
                "users.password_too_short_alone",
                Text::new(
                    "Пароль слишком короткий без второго фактора",
                    "The password is too short without a second factor",
                ),
            )
            .detail(Text::new(
                "Сначала задайте более длинный пароль.",
                "Set a longer password first.",
            )),
            Error::SecondFactorNotFound | Error::SessionNotFound => Self::not_found(),
            Error::PasskeyRefused(refused) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "users.passkey_refused",
                Text::new("Ключ доступа не подошёл", "The passkey is refused"),
            )
            .detail(Text::new(
                "Устройство ответило не так, как нужно. Попробуйте ещё раз или другое устройство.",
                "The device did not answer as it should. Try again, or another device.",
            ))
            .source(refused),
            Error::PasskeyExists => Self::new(
                StatusCode::CONFLICT,
                "users.passkey_exists",
                Text::new("Ключ доступа уже подключён", "The passkey is registered already"),
            ),
            Error::TooManyPasskeys => Self::new(
                StatusCode::CONFLICT,
                "users.too_many_passkeys",
                Text::new("Слишком много ключей доступа", "Too many passkeys"),
            )
            .detail(Text::new("Удалите один из прежних.", "Remove one of the former.")),
            Error::PasskeysUnavailable => Self::new(
                StatusCode::CONFLICT,
                "auth.passkeys_unavailable",
                Text::new("Ключи доступа не настроены", "Passkeys are not set up"),
            )
            .detail(Text::new(
                "Администратору нужно задать PUBLIC_URL с именем узла.",
                "The administrator has to set PUBLIC_URL with a host name.",
            )),
            error @ Error::Sealing => Self::internal(error),
            Error::CrossSite => Self::new(
                StatusCode::FORBIDDEN,
                "auth.csrf_refused",
                Text::new("Запрос не с нашей страницы", "Not from our own page"),
            )
            .detail(Text::new(
                "Запрос с cookie должен прийти с нашей страницы и с заголовком X-CSRF-Token.",
                "A request with a cookie must come from our own page, with the header X-CSRF-Token.",
            )),
            Error::StepUpRequired => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.step_up_required",
                Text::new("Подтвердите, что это вы", "Confirm that it is you"),
            )
            .detail(Text::new(
                "Для этого действия нужно снова ввести пароль или второй фактор.",
                "This needs the password or the second factor once more.",
            ))
            .challenge(r#"Bearer error="insufficient_user_authentication", max_age=600"#),
            Error::TooManyFailures { retry_after } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "auth.too_many_failures",
                Text::new("Слишком много неудачных попыток", "Too many failed attempts"),
            )
            .detail(Text::new(
                "С этого адреса слишком часто вводили неверный пароль. Повторите позже.",
                "A wrong password was given too often from this address. Try again later.",
            ))
            .retry_after(retry_after),
            Error::RegistrationClosed => Self::new(
                StatusCode::FORBIDDEN,
                "auth.registration_closed",
                Text::new("Регистрация закрыта", "Registration is closed"),
            )
            .detail(Text::new(
                "Учётную запись создаёт администратор.",
                "An administrator makes accounts.",
            )),
            Error::LinkInvalid => Self::new(
                StatusCode::BAD_REQUEST,
                "auth.link_invalid",
                Text::new("Ссылка не действует", "The link is not valid"),
            )
            .detail(Text::new(
                "Ссылка уже использована, устарела или скопирована не полностью. Запросите новую.",
                "The link was used, has ended, or was not copied whole. Ask for a new one.",
            )),
            Error::MailNotConfigured => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "auth.mail_not_configured",
                Text::new("Отправка писем не настроена", "No letters can be sent"),
            )
            .detail(Text::new(
                "Обратитесь к администратору: почтовый сервер не задан (SMTP_URL).",
                "Ask your administrator: there is no mail server (SMTP_URL).",
            )),
            Error::TooManyMails => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "auth.too_many_mails",
                Text::new("Слишком много писем", "Too many letters"),
            )
            .detail(Text::new(
                "С этого адреса запросили слишком много писем. Повторите через час.",
                "Too many letters were asked for from this address. Try again in an hour.",
            ))
            .retry_after(3600),
            Error::CurrentPasswordWrong => Self::new(
                StatusCode::FORBIDDEN,
                "auth.current_password_wrong",
                Text::new("Неверный текущий пароль", "The current password is wrong"),
            ),
            Error::InvitesClosed => Self::new(
                StatusCode::FORBIDDEN,
                "users.invites_closed",
                Text::new("Приглашения отключены", "Invites are switched off"),
            )
            .detail(Text::new(
                "Настройка REGISTRATION=closed не допускает приглашений.",
                "The setting REGISTRATION=closed allows no invites.",
            )),
            Error::WrongState => Self::new(
                StatusCode::CONFLICT,
                "users.wrong_state",
                Text::new(
                    "Учётная запись в другом состоянии",
                    "The account is in another state",
                ),
            ),
            Error::InviteNotFound => Self::not_found(),
            Error::EmailTaken => Self::new(
                StatusCode::CONFLICT,
                "users.email_taken",
                Text::new("Почта уже занята", "The e-mail address is taken"),
            ),
            Error::RefreshInvalid => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.refresh_invalid",
                Text::new("Недействительный токен обновления", "Invalid refresh token"),
            )
            .detail(log_in_again()),
            Error::RefreshReused => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.refresh_reused",
                Text::new("Токен обновления уже использован", "Refresh token used again"),
            )
            .detail(Text::new(
                "Токен предъявлен повторно, сеанс завершён для безопасности. Войдите снова.",
                "The token was shown again, so the session was ended for safety. Log in again.",
            )),
            Error::UserNotFound => Self::not_found(),
            Error::LastAdministrator => Self::new(
                StatusCode::CONFLICT,
                "users.last_administrator",
                Text::new("Это последний администратор", "This is the last administrator"),
            )
            .detail(Text::new(
                "Сначала назначьте администратором кого-то ещё.",
                "Make somebody else an administrator first.",
            )),
            Error::BeyondOwnRights => Self::new(
                StatusCode::FORBIDDEN,
                "users.beyond_own_rights",
                Text::new("Недостаточно собственных прав", "Beyond your own rights"),
            )
            .detail(Text::new(
                "Нельзя выдать или отнять права и компании, которых нет у вас самих.",
                "Rights and companies that you lack yourself can be neither given nor taken.",
            )),
            Error::Federation(error) => error.into(),
            Error::OAuthClientNotFound => Self::not_found(),
            Error::OAuthClientExists => Self::new(
                StatusCode::CONFLICT,
                "oauth.client_exists",
                Text::new("Такой идентификатор уже есть", "The client id is taken"),
            ),
            Error::OAuthClientPublic => Self::new(
                StatusCode::CONFLICT,
                "oauth.client_has_no_secret",
                Text::new("У программы нет секрета", "The client has no secret"),
            ),
            Error::ClientRegistrationClosed => Self::new(
                StatusCode::FORBIDDEN,
                "oauth.registration_closed",
                Text::new(
                    "Регистрация программ закрыта",
                    "The registration of clients is closed",
                ),
            )
            .detail(Text::new(
                "Программу регистрирует администратор.",
                "An administrator registers clients.",
            )),
            Error::TooManyClients => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "oauth.too_many_clients",
                Text::new("Слишком много новых программ", "Too many new clients"),
            )
            .retry_after(3600),
            Error::Header(error) => Self::internal(error),
            Error::RoleNotFound => Self::not_found(),
            Error::RoleBuiltIn => Self::new(
                StatusCode::CONFLICT,
                "roles.built_in",
                Text::new("Встроенная роль", "The role is built in"),
            )
            .detail(Text::new(
                "Встроенные роли не меняются; создайте свою роль с нужными правами.",
                "Built-in roles do not change; make a role of your own with the permissions you need.",
            )),
            Error::RoleNameTaken => Self::new(
                StatusCode::CONFLICT,
                "roles.name_taken",
                Text::new("Имя роли занято", "The name of the role is taken"),
            ),
            Error::RoleInUse { holders } => Self::new(
                StatusCode::CONFLICT,
                "roles.in_use",
                Text::new("Роль используется", "The role is in use"),
            )
            .detail(Text::new(
                format!("Сначала дайте другую роль тем, у кого она есть (учётных записей: {holders}), и отзовите приглашения с ней."),
                format!("First give another role to those who have it (accounts: {holders}), and withdraw invitations to it."),
            ))
            .extension("holders", holders),
            Error::TooManyRoles => Self::new(
                StatusCode::CONFLICT,
                "roles.too_many",
                Text::new("Слишком много ролей", "Too many roles"),
            )
            .detail(Text::new(
                "Удалите роли, которыми никто не пользуется.",
                "Delete roles that nobody uses.",
            )),
            Error::ApiKeyInvalid => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.api_key_invalid",
                Text::new("Недействительный ключ API", "Invalid API key"),
            ),
            Error::ApiKeyExpired => Self::new(
                StatusCode::UNAUTHORIZED,
                "auth.api_key_expired",
                Text::new("Срок действия ключа API истёк", "The API key has expired"),
            )
            .detail(Text::new("Создайте новый ключ.", "Make a new key.")),
            Error::KeyNotFound => Self::not_found(),
            Error::TooManyKeys => Self::new(
                StatusCode::CONFLICT,
                "api_keys.too_many",
                Text::new("Слишком много ключей API", "Too many API keys"),
            )
            .detail(Text::new(
                "Отзовите ключи, которыми никто не пользуется.",
                "Revoke keys that nobody uses.",
            )),
            Error::KeyNotRotatable => Self::new(
                StatusCode::CONFLICT,
                "api_keys.not_rotatable",
                Text::new("Ключ нельзя заменить", "The key cannot be rotated"),
            )
            .detail(Text::new(
                "Ключ истёк или уже заменён. Создайте новый.",
                "The key has expired or has been rotated already. Make a new one.",
            )),
            Error::VersionMismatch => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "request.version_mismatch",
                Text::new("Данные уже изменились", "The data has changed meanwhile"),
            )
            .detail(Text::new(
                "Прочитайте данные заново и повторите изменение с новым ETag в If-Match.",
                "Read the data again and repeat the change with the new ETag in If-Match.",
            )),
            Error::Hash(HashError::Overloaded) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "auth.overloaded",
                Text::new("Слишком много входов одновременно", "Too many logins at once"),
            )
            .retry_after(1),
            Error::Hash(error @ HashError::Failed(_)) => Self::internal(error),
            Error::Sign(error) => Self::internal(error),
            Error::Store(error) => error.into(),
        }
    }
}

fn log_in_again() -> Text {
    Text::new("Войдите снова.", "Log in again.")
}
