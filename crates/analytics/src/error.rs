//! What can go wrong, in the words of the service.

use ::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::db::StoreError;
use common::http::{FieldError, Problem};
use common::idempotency::IdempotencyError;
use common::sealing::Unspecified;
use common::{Locale, Text};

use crate::links::LinkError;
use crate::onec::OnecError;
use crate::users::UsersError;

/// An error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the figures of 1C cannot be had")]
    Onec(#[from] OnecError),
    #[error("a report has {actual} rows, more than {limit}")]
    RowLimitExceeded { limit: u32, actual: u64 },
    #[error("the member {pointer} of the request is wrong")]
    Wrong { pointer: String, detail: Text },
    #[error("the request is wrong")]
    Refused(#[source] ProblemError),
    #[error("there is no such thing of the caller's")]
    NotFound,
    #[error("the file has expired")]
    FileExpired,
    #[error("the idempotency key was used for another request")]
    KeyReused,
    #[error("the caller has {limit} dashboards already")]
    TooManyDashboards { limit: i64 },
    #[error("the link has expired")]
    LinkExpired,
    #[error("the link has been revoked")]
    LinkRevoked,
    #[error("the figures changed while they were read")]
    DataChanges,
    #[error("the caller has too many files in the making")]
    TooManyJobs,
    #[error("the job has ended")]
    JobEnded,
    #[error("the link is not one of ours")]
    LinkForged,
    #[error("the caller has another saved report of this name")]
    NameTaken,
    #[error("the caller has saved too many reports")]
    TooManySaved,
    #[error("the keys of schedules cannot be had")]
    Users(#[from] UsersError),
    #[error("the key of a schedule was sealed under another secret")]
    KeySealed,
    #[error("a secret cannot be sealed")]
    Sealing(#[from] Unspecified),
    #[error("a value cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// A [`Problem`] that was made already.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.code())]
pub(crate) struct ProblemError(pub(crate) Problem);

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::Refused(ProblemError(problem))
    }
}

impl From<LinkError> for Error {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Forged => Self::LinkForged,
            LinkError::Ended => Self::FileExpired,
        }
    }
}

impl Error {
    /// One wrong member of the request.
    pub(crate) fn member(pointer: &str, detail: Text) -> Self {
        Self::Wrong {
            pointer: pointer.to_owned(),
            detail,
        }
    }

    /// The same mistake, of a part of the request that is within another.
    pub(crate) fn within(self, outer: &str) -> Self {
        match self {
            Self::Wrong { pointer, detail } => Self::Wrong {
                pointer: format!("{outer}{pointer}"),
                detail,
            },
            other => other,
        }
    }

    /// Whether the same may go well later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Store(_)
            | Self::Onec(OnecError::Unavailable(_))
            | Self::DataChanges
            | Self::TooManyJobs => true,
            Self::Users(UsersError::Unavailable(_)) => true,
            Self::Onec(OnecError::Refused { status, .. })
            | Self::Users(UsersError::Refused(OnecError::Refused { status, .. })) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Refused(ProblemError(problem)) => problem.status().is_server_error(),
            _ => false,
        }
    }

    /// The code and the words for people, where there is no response.
    pub(crate) fn told(self, locale: Locale) -> (String, String) {
        let told = match self.into_problem() {
            Ok(problem) => problem.to_json(locale, None),
            Err(OnecError::Refused { problem, .. }) => problem,
            Err(error @ OnecError::Unavailable(_)) => error.summary(),
        };
        let member = |name: &str| told[name].as_str().unwrap_or_default();
        let detail = format!("{}. {}", member("title"), member("detail"));
        (member("code").to_owned(), detail.trim_end().to_owned())
    }

    fn into_problem(self) -> Result<Problem, OnecError> {
        Ok(match self {
            Self::Store(error) => error.into(),
            Self::Onec(error @ OnecError::Unavailable(_)) => {
                Problem::unavailable("onec-integration").source(error)
            }
            // onec-integration has said it all, in the caller's language.
            Self::Onec(error @ OnecError::Refused { .. }) => return Err(error),
            Self::RowLimitExceeded { limit, actual } => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "analytics.row_limit_exceeded",
                Text::new("Слишком много строк", "Too many rows"),
            )
            .detail(Text::new(
                format!("В отчёте {actual} строк, а можно не больше {limit}. Сузьте период или отбор."),
                format!("The report has {actual} rows; at most {limit} are possible. Narrow the period or the filter."),
            ))
            .extension("limit", limit)
            .extension("actual", actual),
            Self::Wrong { pointer, detail } => Problem::validation(vec![FieldError { pointer, detail }]),
            Self::Refused(ProblemError(problem)) => problem,
            Self::NotFound => Problem::not_found(),
            Self::FileExpired => Problem::new(
                StatusCode::GONE,
                "analytics.file_expired",
                Text::new("Срок хранения файла истёк", "The file has expired"),
            )
            .detail(Text::new(
                "Сформируйте отчёт заново.",
                "Generate the report again.",
            )),
            Self::TooManyDashboards { limit } => Problem::new(
                StatusCode::CONFLICT,
                "analytics.too_many_dashboards",
                Text::new("Слишком много панелей показателей", "Too many dashboards"),
            )
            .detail(Text::new(
                format!("Можно не больше {limit}. Удалите ненужные."),
                format!("{limit} at most. Delete those that are not needed."),
            )),
            Self::LinkExpired => Problem::new(
                StatusCode::GONE,
                "analytics.link_expired",
                Text::new("Срок действия ссылки истёк", "The link has expired"),
            )
            .detail(Text::new(
                "Попросите новую ссылку у того, кто её прислал.",
                "Ask whoever sent it for a new one.",
            )),
            Self::LinkRevoked => Problem::new(
                StatusCode::GONE,
                "analytics.link_revoked",
                Text::new("Ссылка отозвана", "The link has been revoked"),
            ),
            Self::KeyReused => IdempotencyError::Reused.into(),
            Self::DataChanges => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "analytics.data_changes",
                Text::new("Данные меняются", "The data is changing"),
            )
            .detail(Text::new(
                "Пока отчёт читался, данные 1С обновлялись. Повторите через минуту.",
                "The data of 1C was being renewed while the report was read. Try again in a minute.",
            ))
            .retry_after(60),
            Self::TooManyJobs => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "analytics.too_many_jobs",
                Text::new("Слишком много отчётов сразу", "Too many reports at once"),
            )
            .detail(Text::new(
                "Дождитесь готовности отчётов, которые уже формируются, или отмените их.",
                "Wait for the reports in the making, or cancel them.",
            ))
            .retry_after(10),
            Self::JobEnded => Problem::new(
                StatusCode::CONFLICT,
                "analytics.job_ended",
                Text::new("Отчёт уже сформирован", "The report is finished"),
            ),
            Self::LinkForged => Problem::new(
                StatusCode::FORBIDDEN,
                "analytics.link_invalid",
                Text::new("Ссылка недействительна", "The link is not valid"),
            )
            .detail(Text::new(
                "Ссылка изменена или выдана не этой системой. Запросите новую.",
                "The link was changed or is not of this system. Ask for a new one.",
            )),
            Self::NameTaken => Problem::new(
                StatusCode::CONFLICT,
                "analytics.name_taken",
                Text::new("Такое имя уже есть", "The name is taken"),
            ),
            Self::TooManySaved => Problem::new(
                StatusCode::CONFLICT,
                "analytics.too_many_saved",
                Text::new("Сохранено слишком много", "Too much is saved"),
            )
            .detail(Text::new(
                "Удалите варианты или расписания, которые больше не нужны.",
                "Delete variants or schedules that are not needed any more.",
            )),
            Self::Users(UsersError::Unavailable(error)) => {
                Problem::unavailable("user-management").source(error)
            }
            // As above; a program cannot have it in other words.
            Self::Users(UsersError::Refused(error)) => return Err(error),
            Self::KeySealed => Problem::new(
                StatusCode::CONFLICT,
                "analytics.schedule_key_unreadable",
                Text::new("Расписание нужно сохранить заново", "The schedule has to be saved again"),
            )
            .detail(Text::new(
                "Ключ, под которым хранились расписания, сменился (REPORTS_ENCRYPTION_KEY).",
                "The key that schedules were kept under has changed (REPORTS_ENCRYPTION_KEY).",
            )),
            Self::Sealing(error) => Problem::internal(error),
            Self::Json(error) => Problem::internal(error),
        })
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self.into_problem() {
            Ok(problem) => problem.into_response(),
            Err(refused) => refused.into_response(),
        }
    }
}
