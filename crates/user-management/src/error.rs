//! What can go wrong, in the words of this service, and how a client sees it.

use ::http::StatusCode;
use common::Text;
use common::db::StoreError;
use common::http::Problem;
use secrecy::ExposeSecret;

use crate::challenges::Challenge;
use crate::password::HashError;

/// A request that cannot be fulfilled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Unknown account, wrong password or locked account: nobody learns which.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The first factor was right; the account asks for a second one.
    #[error("a second factor is due")]
    SecondFactorRequired(Box<Challenge>),
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
            Error::SecondFactorRequired(challenge) => {
                let methods: Vec<&str> = challenge.methods.iter().map(|m| m.as_str()).collect();
                Self::new(
                    StatusCode::UNAUTHORIZED,
                    "auth.second_factor_required",
                    Text::new("Нужен второй фактор", "A second factor is required"),
                )
                .detail(Text::new(
                    "Пароль верный. Подтвердите вход вторым способом.",
                    "The password is right. Confirm the login by a second factor.",
                ))
                .extension("challenge", challenge.token.expose_secret())
                .extension("methods", methods)
            }
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
