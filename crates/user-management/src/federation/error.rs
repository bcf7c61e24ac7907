//! What can go wrong between us and a provider.

use common::http::Problem;
use common::{BoxError, Text};
use http::StatusCode;

/// Why a login at a provider led to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FederationError {
    /// Nothing of that name is configured.
    #[error("there is no such identity provider")]
    UnknownProvider,
    /// The provider does not answer, or not as it should.
    #[error("the identity provider `{provider}` cannot be used now")]
    Unavailable {
        /// Its id.
        provider: String,
        #[source]
        source: BoxError,
    },
    /// The browser that comes back is not the one that set out, or took too long.
    #[error("the answer belongs to no login of this browser")]
    StateInvalid,
    /// The provider, or the person there, said no.
    #[error("the identity provider refused: {0}")]
    Refused(String),
    /// What the provider said of the person cannot be trusted.
    #[error("the word of the identity provider `{provider}` does not count")]
    Untrusted {
        /// Its id.
        provider: String,
        #[source]
        source: BoxError,
    },
    /// A new account needs an address that the provider vouches for.
    #[error("the identity provider does not vouch for an e-mail address")]
    EmailUnverified,
    /// The address is of another domain than those that may come.
    #[error("the domain of the e-mail address may not log in")]
    DomainNotAllowed,
    /// Nobody has made an account for the person.
    #[error("the person has no account")]
    NoAccount,
    /// There is an account of that address, and it has not been linked.
    #[error("there is an account of that address")]
    LinkRequired,
    /// The one-time code opens nothing.
    #[error("the code is not valid")]
    CodeInvalid,
    /// The identity belongs to another account, or the account has another one of the provider.
    #[error("the identity is linked otherwise")]
    IdentityTaken,
    /// Without it the user could not log in any more.
    #[error("the identity is the only way to log in")]
    LastMethod,
    /// The user has no identity of that provider.
    #[error("there is no identity of that provider")]
    NotLinked,
}

impl FederationError {
    /// The reason in events and metrics.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::UnknownProvider => "unknown_provider",
            Self::Unavailable { .. } => "provider_unavailable",
            Self::StateInvalid => "state_invalid",
            Self::Refused(_) => "provider_refused",
            Self::Untrusted { .. } => "token_invalid",
            Self::EmailUnverified => "email_unverified",
            Self::DomainNotAllowed => "domain_not_allowed",
            Self::NoAccount => "unknown_account",
            Self::LinkRequired => "link_required",
            Self::CodeInvalid => "code_invalid",
            Self::IdentityTaken => "identity_taken",
            Self::LastMethod => "last_method",
            Self::NotLinked => "not_linked",
        }
    }
}

impl From<FederationError> for Problem {
    fn from(error: FederationError) -> Self {
        match error {
            FederationError::UnknownProvider => Self::new(
                StatusCode::NOT_FOUND,
                "federation.unknown_provider",
                Text::new("Такого способа входа нет", "There is no such identity provider"),
            ),
            error @ FederationError::Unavailable { .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "federation.provider_unavailable",
                Text::new("Служба входа не отвечает", "The identity provider is unavailable"),
            )
            .detail(Text::new(
                "Внешняя служба входа не ответила или ответила ошибкой. Повторите позже или войдите по паролю.",
                "The identity provider did not answer, or answered with an error. Try again later, or log in by \
                 password.",
            ))
            .retry_after(5)
            .source(error),
            FederationError::StateInvalid => Self::new(
                StatusCode::BAD_REQUEST,
                "federation.state_invalid",
                Text::new("Вход начат не здесь или устарел", "The login was not begun here, or too long ago"),
            )
            .detail(Text::new(
                "Начните вход заново в этом же браузере.",
                "Begin the login again in this browser.",
            )),
            error @ FederationError::Refused(_) => Self::new(
                StatusCode::UNAUTHORIZED,
                "federation.refused",
                Text::new("Служба входа отказала", "The identity provider refused"),
            )
            .detail(Text::new(
                "Вход отменён или отклонён внешней службой. Начните заново.",
                "The login was cancelled or refused by the identity provider. Begin again.",
            ))
            .source(error),
            error @ FederationError::Untrusted { .. } => Self::new(
                StatusCode::UNAUTHORIZED,
                "federation.token_invalid",
                Text::new("Ответу службы входа нельзя верить", "The identity provider's answer cannot be trusted"),
            )
            .detail(Text::new(
                "Ответ внешней службы входа не прошёл проверку; причина в журнале.",
                "The answer of the identity provider failed verification; the log has the cause.",
            ))
            .source(error),
            FederationError::EmailUnverified => Self::new(
                StatusCode::FORBIDDEN,
                "federation.email_unverified",
                Text::new("Почта не подтверждена", "The e-mail address is not verified"),
            )
            .detail(Text::new(
                "Подтвердите почту в службе, через которую входите.",
                "Verify your e-mail address at the provider by which you log in.",
            )),
            FederationError::DomainNotAllowed => Self::new(
                StatusCode::FORBIDDEN,
                "federation.domain_not_allowed",
                Text::new("Этой почтой войти нельзя", "This e-mail address may not log in"),
            )
            .detail(Text::new(
                "Войдите с рабочей почтой: администратор разрешил только домены компании.",
                "Log in with your address at work: only the company's domains are allowed.",
            )),
            FederationError::NoAccount => Self::new(
                StatusCode::FORBIDDEN,
                "federation.no_account",
                Text::new("Учётной записи нет", "There is no account"),
            )
            .detail(Text::new(
                "Учётную запись создаёт администратор.",
                "An administrator makes accounts.",
            )),
            FederationError::LinkRequired => Self::new(
                StatusCode::CONFLICT,
                "federation.link_required",
                Text::new("Такая учётная запись уже есть", "There is such an account already"),
            )
            .detail(Text::new(
                "Войдите в неё по паролю и привяжите внешний вход.",
                "Log in to it by password and link the identity.",
            )),
            FederationError::CodeInvalid => Self::new(
                StatusCode::UNAUTHORIZED,
                "federation.code_invalid",
                Text::new("Код входа недействителен", "The code is not valid"),
            )
            .detail(Text::new(
                "Код одноразовый, живёт минуту и годится только в браузере, где начат вход. Начните заново.",
                "The code works once, for a minute, in the browser where the login began. Begin again.",
            )),
            FederationError::IdentityTaken => Self::new(
                StatusCode::CONFLICT,
                "federation.identity_taken",
                Text::new("Внешний вход уже привязан", "The identity is linked already"),
            )
            .detail(Text::new(
                "Он привязан к другой учётной записи, или у вашей уже есть другой вход этой службы.",
                "It is linked to another account, or yours has another identity of this provider.",
            )),
            FederationError::LastMethod => Self::new(
                StatusCode::CONFLICT,
                "federation.last_method",
                Text::new("Это единственный способ входа", "This is the only way to log in"),
            )
            .detail(Text::new(
                "Сначала задайте пароль или привяжите другой вход.",
                "Set a password or link another identity first.",
            )),
            FederationError::NotLinked => Self::new(
                StatusCode::NOT_FOUND,
                "federation.not_linked",
                Text::new("Такой вход не привязан", "No such identity is linked"),
            ),
        }
    }
}
