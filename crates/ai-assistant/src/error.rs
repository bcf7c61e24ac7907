//! What can go wrong, in the words of this service, and how clients see it.

use common::db::StoreError;
use common::http::Problem;
use common::idempotency::IdempotencyError;
use common::{BoxError, Text};
use http::StatusCode;

use crate::attachments::{MultipartError, Unreadable};
use crate::budget::Refusal;
use crate::generate::render::Mistake;
use crate::providers::{Failure, ProviderError};
use crate::tools::OnecError;

/// An error of this service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the conversation does not exist or is another user's")]
    ConversationNotFound,
    #[error("the message does not exist or is another user's")]
    MessageNotFound,
    #[error("the attachment does not exist or is another user's")]
    AttachmentNotFound,
    #[error("a question has more than {0} attachments")]
    TooManyOfQuestion(usize),
    #[error("the user has too many attachments")]
    TooManyAttachments,
    #[error("the file is larger than {0} bytes")]
    AttachmentTooLarge(usize),
    #[error("the body holds no file")]
    NoUpload(#[source] MultipartError),
    #[error("the file cannot be read")]
    Unreadable(#[source] Unreadable),
    #[error("too many streams are being read on")]
    TooManyReaders,
    #[error("the message is no question")]
    NotAQuestion,
    #[error("the answer is not in the making any more")]
    AnswerEnded,
    #[error("the process that made the answer has died")]
    AnswerLost,
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
    #[error("the answer was cancelled, or its client has gone")]
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
            | Self::MessageNotFound
            | Self::AttachmentNotFound
            | Self::PolicyNotFound
            | Self::TemplateNotFound
            | Self::LimitNotFound => StatusCode::NOT_FOUND,
            Self::Budget(refusal) => refusal.status(),
            Self::AttachmentTooLarge(_) | Self::Unreadable(Unreadable::TooLarge) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::NoUpload(MultipartError::NotMultipart) | Self::Unreadable(Unreadable::Unsupported) => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::NoUpload(_) => StatusCode::BAD_REQUEST,
            Self::TooManyAttachments => StatusCode::CONFLICT,
            Self::File(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UnknownModel(_)
            | Self::NotAQuestion
            | Self::TooManyOfQuestion(_)
            | Self::Unreadable(_)
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
            Self::Cancelled | Self::AnswerEnded => StatusCode::CONFLICT,
            Self::AnswerLost => StatusCode::BAD_GATEWAY,
            Self::TooManyReaders => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(error) if error.is_unavailable() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::ConversationNotFound => "assistant.conversation_not_found",
            Self::MessageNotFound => "assistant.message_not_found",
            Self::AttachmentNotFound => "assistant.attachment_not_found",
            Self::TooManyOfQuestion(_) | Self::TooManyAttachments => "assistant.attachments_too_many",
            Self::AttachmentTooLarge(_) | Self::Unreadable(Unreadable::TooLarge) => {
                "assistant.attachment_too_large"
            }
            Self::NoUpload(MultipartError::NotMultipart) => "request.unsupported_media_type",
            Self::NoUpload(_) => "request.invalid",
            Self::Unreadable(Unreadable::Unsupported) => "assistant.attachment_unsupported",
            Self::Unreadable(_) => "assistant.attachment_unreadable",
            Self::TooManyReaders => "request.overloaded",
            Self::NotAQuestion => "assistant.not_a_question",
            Self::AnswerEnded => "assistant.answer_ended",
            Self::AnswerLost => "assistant.answer_lost",
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
            Error::MessageNotFound => problem("Сообщение не найдено", "Message not found"),
            Error::AttachmentNotFound => problem("Файл не найден", "Attachment not found"),
            Error::TooManyOfQuestion(most) => {
                problem("Слишком много файлов", "Too many attachments").detail(Text::new(
                    format!("К одной беседе можно приложить не больше {most} файлов."),
                    format!("A conversation may have {most} attachments at most."),
                ))
            }
            Error::TooManyAttachments => {
                problem("Слишком много файлов", "Too many attachments").detail(Text::new(
                    "Удалите ненужные: место для файлов пользователя ограничено.",
                    "Delete some: the space for the files of a user is limited.",
                ))
            }
            Error::AttachmentTooLarge(most) => {
                let megabytes = most / (1024 * 1024);
                problem("Файл слишком велик", "The file is too large").detail(Text::new(
                    format!("Не больше {megabytes} МБ."),
                    format!("{megabytes} MB at most."),
                ))
            }
            Error::NoUpload(MultipartError::NotMultipart) => {
                problem("Неподдерживаемый тип содержимого", "Unsupported media type").detail(Text::new(
                    "Файл передаётся как multipart/form-data, в части с именем file.",
                    "A file is sent as multipart/form-data, in a part called file.",
                ))
            }
            Error::NoUpload(error) => problem("Файла в запросе нет", "The request holds no file")
                .detail(Text::new(
                    "Нужна ровно одна часть с именем file и именем файла.",
                    "Exactly one part called file with a file name is needed.",
                ))
                .source(error),
            Error::Unreadable(error) => {
                let detail = match &error {
                    Unreadable::Unsupported => Text::new(
                        "Читаются текст, CSV и XLSX. Книгу старого формата (XLS) сохраните как XLSX.",
                        "Text, CSV and XLSX are read. Save a workbook of the old format (XLS) as XLSX.",
                    ),
                    Unreadable::Encrypted => Text::new(
                        "Книга защищена паролем: сохраните её без пароля.",
                        "The workbook is protected by a password: save it without one.",
                    ),
                    Unreadable::TooLarge => Text::new(
                        "В распакованном виде книга слишком велика.",
                        "The workbook is too large when unpacked.",
                    ),
                    Unreadable::Damaged(_) => Text::new(
                        "Книга повреждена: откройте её в Excel и сохраните заново.",
                        "The workbook is damaged: open it in Excel and save it anew.",
                    ),
                    Unreadable::Empty => Text::new("В файле ничего нет.", "There is nothing in the file."),
                };
                problem("Файл не удалось прочитать", "The file could not be read")
                    .detail(detail)
                    .source(error)
            }
            Error::TooManyReaders => problem("Сервис перегружен", "Service overloaded").retry_after(2),
            Error::NotAQuestion => problem("Это сообщение — не вопрос", "This message is no question"),
            Error::AnswerEnded => problem(
                "Ответ уже не составляется",
                "The answer is not being made any more",
            ),
            Error::AnswerLost => problem("Ответ потерян", "The answer is lost").detail(Text::new(
                "Процесс, который его составлял, завершился. Задайте вопрос ещё раз.",
                "The process that made it has ended. Ask again.",
            )),
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
            Error::Cancelled => problem("Ответ отменён", "The answer was cancelled"),
        }
    }
}
