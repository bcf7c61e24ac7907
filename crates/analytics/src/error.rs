//! What can go wrong, in the words of the service.

use ::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::Text;
use common::db::StoreError;
use common::http::{FieldError, Problem};
use common::idempotency::IdempotencyError;

use crate::links::LinkError;
use crate::onec::OnecError;

/// An error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the figures of 1C cannot be had")]
    Onec(#[from] OnecError),
    #[error("a report has {actual} rows, more than {limit}")]
    RowLimitExceeded { limit: u32, actual: u64 },
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
        Problem::validation(vec![FieldError {
            pointer: pointer.to_owned(),
            detail,
        }])
        .into()
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
