//! What can go wrong, in the words of this service, and how clients see it.

use common::db::StoreError;
use common::http::Problem;
use common::idempotency::IdempotencyError;
use common::{BoxError, Text};
use http::StatusCode;

use crate::budget::Refusal;
use crate::generate::render::Mistake;
use crate::providers::{Failure, ProviderError};
use crate::tools::OnecError;

/// An error of this service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the conversation does not exist or is another user's")]
    ConversationNotFound,
    #[error("there is no model `{0}`")]
    UnknownModel(String),
    #[error("a language model is needed and none is configured")]
    ModelRequired,
    #[error("the policy of the company forbids to ask external models")]
    ExternalForbidden,
    #[error("the company has no policy of its own")]
    PolicyNotFound,
    #[error("no counterparty is called so")]
    SubjectNotFound(String),
    #[error("several counterparties are called so")]
    SubjectAmbiguous(Vec<String>),
    #[error("the template does not exist or is another user's")]
    TemplateNotFound,
    #[error("templates of the product are not changed")]
    TemplateBuiltIn,
    #[error("the template cannot be filled in")]
    TemplateFailed(#[source] Mistake),
    #[error("a file could not be made")]
    File(#[source] BoxError),
    #[error("1C data is not open to the caller")]
    DataForbidden,
    #[error("onec-integration gave no data")]
    Onec(#[source] OnecError),
    #[error("the language model gave no answer")]
    Provider(#[source] ProviderError),
    #[error(transparent)]
    Budget(Refusal),
    #[error("there is no such limit")]
    LimitNotFound,
    #[error("the client has gone")]
    Cancelled,
    #[error(transparent)]
    Idempotency(#[from] IdempotencyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The error of a turn that failed.
    pub(crate) fn of_provider(error: ProviderError) -> Self {
        match error.into_refusal() {
            Ok(refusal) => Self::Budget(refusal),
            Err(error) => Self::Provider(error),
        }
    }

    /// The status of the response.
    fn status(&self) -> StatusCode {
        match self {
            Self::ConversationNotFound
            | Self::PolicyNotFound
            | Self::TemplateNotFound
            | Self::LimitNotFound => StatusCode::NOT_FOUND,
            Self::Budget(refusal) => refusal.status(),
            Self::File(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UnknownModel(_)
            | Self::ModelRequired
            | Self::SubjectNotFound(_)
            | Self::TemplateFailed(_)
            | Self::SubjectAmbiguous(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TemplateBuiltIn => StatusCode::CONFLICT,
            Self::Idempotency(error) => error.status(),
            Self::DataForbidden | Self::ExternalForbidden => StatusCode::FORBIDDEN,
            Self::Onec(error) => match error {
                OnecError::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
                OnecError::Refused { status, .. } if status.is_client_error() => {
                    StatusCode::UNPROCESSABLE_ENTITY
                }
                OnecError::Refused { .. } => StatusCode::SERVICE_UNAVAILABLE,
                OnecError::Malformed(_) => StatusCode::BAD_GATEWAY,
            },
            Self::Provider(_) => StatusCode::BAD_GATEWAY,
            // Nobody is there to read it.
            Self::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(error) if error.is_unavailable() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::ConversationNotFound => "assistant.conversation_not_found",
            Self::UnknownModel(_) => "assistant.unknown_model",
            Self::ModelRequired => "assistant.model_required",
            Self::ExternalForbidden => "privacy.external_forbidden",
            Self::PolicyNotFound => "privacy.policy_not_found",
            Self::Idempotency(error) => error.code(),
            Self::SubjectNotFound(_) => "assistant.counterparty_not_found",
            Self::SubjectAmbiguous(_) => "assistant.counterparty_ambiguous",
            Self::TemplateNotFound => "assistant.template_not_found",
            Self::TemplateBuiltIn => "assistant.template_built_in",
            Self::TemplateFailed(_) => "assistant.template_failed",
            Self::DataForbidden => "auth.permission_denied",
            Self::Onec(OnecError::Unreachable(_)) => "assistant.onec_unavailable",
            Self::Onec(OnecError::Refused { .. }) => "assistant.onec_refused",
            Self::Onec(OnecError::Malformed(_)) => "assistant.onec_malformed",
            Self::Provider(error) => match error.failure {
                Failure::Interrupted | Failure::Stalled | Failure::TimedOut | Failure::Malformed => {
                    "assistant.model_interrupted"
                }
                Failure::Unreachable
                | Failure::Resting
                | Failure::NoFirstToken
                | Failure::RateLimited
                | Failure::QuotaExhausted
                | Failure::Unauthorized
                | Failure::ContextTooLong
                | Failure::ContentRefused
                | Failure::ModelNotFound
                | Failure::InvalidRequest
                | Failure::Overloaded
                | Failure::Server
                | Failure::BudgetExhausted
                | Failure::PriceUnknown
                | Failure::BudgetUnavailable => "assistant.model_failed",
            },
            Self::Budget(refusal) => refusal.code(),
            Self::LimitNotFound => "ai.limit_not_found",
            Self::Cancelled => "assistant.cancelled",
            Self::File(_) | Self::Store(_) => "internal",
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = (error.status(), error.code());
        let problem = |ru: &'static str, en: &'static str| Self::new(status, code, Text::new(ru, en));
        match error {
            Error::Store(error) => Self::from(error),
            Error::File(error) => Self::internal(error),
            Error::TemplateNotFound => problem("Шаблон не найден", "Template not found"),
            Error::TemplateBuiltIn => problem(
                "Шаблон поставляется с продуктом",
                "The template comes with the product",
            )
            .detail(Text::new(
                "Его не меняют: сделайте свой по его образцу (POST /templates).",
                "It cannot be changed: make one of your own after it (POST /templates).",
            )),
            Error::TemplateFailed(mistake) => problem(
                "Шаблон не удалось заполнить",
                "The template could not be filled in",
            )
            .detail(Text::new(
                format!("Строка {}: {}", mistake.line, mistake.what),
                format!("Line {}: {}", mistake.line, mistake.what),
            )),
            Error::Idempotency(error) => Self::from(error),
            Error::DataForbidden => Self::permission_denied("onec:read"),
            Error::ConversationNotFound => problem("Беседа не найдена", "Conversation not found"),
            Error::UnknownModel(model) => problem("Нет такой модели", "Unknown model").detail(Text::new(
                format!("Модель «{model}» не подключена. Список — GET /models."),
                format!("The model `{model}` is not configured; see GET /models."),
            )),
            Error::ModelRequired => {
                problem("Нужна языковая модель", "A language model is needed").detail(Text::new(
                    "Без языковой модели составляются только документы по шаблону: GET /templates.",
                    "Without a language model only documents by template can be made: GET /templates.",
                ))
            }
            Error::ExternalForbidden => problem(
                "Правила компании запрещают отправлять данные внешним моделям",
                "The company's policy forbids sending data to external models",
            )
            .detail(Text::new(
                "Ничего не отправлено. Выберите модель, которая работает внутри компании, или шаблон.",
                "Nothing was sent. Choose a model that runs within the company, or a template.",
            )),
            Error::PolicyNotFound => problem(
                "У организации нет своих правил",
                "The company has no policy of its own",
            ),
            Error::SubjectNotFound(name) => {
                problem("Контрагент не найден", "Counterparty not found").detail(Text::same(name))
            }
            Error::SubjectAmbiguous(names) => {
                problem("Подходят несколько контрагентов", "Several counterparties fit")
                    .extension("candidates", names)
            }
            Error::Onec(error) => {
                let unreachable = matches!(error, OnecError::Unreachable(_));
                let said = match &error {
                    OnecError::Refused { message, .. } => Some(message.clone()),
                    OnecError::Unreachable(_) | OnecError::Malformed(_) => None,
                };
                let mut problem =
                    problem("Данные 1С сейчас недоступны", "1C data is not available now").source(error);
                if let Some(said) = said {
                    problem = problem.detail(Text::same(said));
                }
                if unreachable {
                    problem.retry_after(5)
                } else {
                    problem
                }
            }
            Error::Provider(error) => {
                problem("Языковая модель не ответила", "The language model did not answer")
                    .detail(Text::new(
                        "Ответ оборвался или не начался; неполный ответ не показан как готовый.",
                        "The answer broke off or did not begin; a part of it is not passed off as the whole.",
                    ))
                    .source(error)
            }
            Error::Budget(refusal) => Self::from(refusal),
            Error::LimitNotFound => problem("Предел не найден", "Limit not found"),
            Error::Cancelled => problem("Запрос отменён", "The request was cancelled"),
        }
    }
}
