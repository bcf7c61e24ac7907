//! What can go wrong, in the words of the service.

use ::http::StatusCode;
use common::Text;
use common::db::StoreError;
use common::http::Problem;
use uuid::Uuid;

use crate::alerts::State;

/// An error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("another audit entry has the id {0}")]
    EntryConflict(Uuid),
    #[error("the search would look at too much of the audit log")]
    SearchTooWide,
    #[error("no checkpoint has signed the audit entry yet")]
    NotSigned,
    #[error("the audit log is broken at entry {0}")]
    Broken(i64),
    #[error("this needs the right to all companies")]
    AllCompaniesNeeded,
    #[error("there is no such alert")]
    AlertNotFound,
    #[error("an alert that is {from} cannot become {to}")]
    WrongTransition { from: State, to: State },
}

impl Error {
    /// A search that was ended because it took too long is the searcher's to narrow.
    pub(crate) fn of_search(error: StoreError) -> Self {
        let code = error.source.as_database_error().and_then(|error| error.code());
        if code.as_deref() == Some("57014") {
            Self::SearchTooWide
        } else {
            Self::Store(error)
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => error.into(),
            Error::EntryConflict(id) => Self::new(
                StatusCode::CONFLICT,
                "audit.id_conflict",
                Text::new(
                    "Запись с таким id уже есть и отличается",
                    "Another entry has this id",
                ),
            )
            .detail(Text::new(
                format!("В журнале уже есть другая запись {id}; журнал не изменяется."),
                format!("The log already has another entry {id}; it is never changed."),
            )),
            Error::SearchTooWide => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "audit.search_too_wide",
                Text::new("Слишком широкий поиск", "The search is too wide"),
            )
            .detail(Text::new(
                "За 10 секунд поиск не закончился. Уточните его: from и to, action, actor или target.",
                "The search did not end within 10 seconds. Narrow it by from and to, action, actor or target.",
            )),
            Error::NotSigned => Self::new(
                StatusCode::CONFLICT,
                "audit.not_signed_yet",
                Text::new("Ещё не подписано", "Not signed yet"),
            )
            .detail(Text::new(
                "Контрольной точки, которая подписывает эту запись, ещё нет. Повторите запрос через минуту.",
                "No checkpoint has signed this entry yet. Try again in a minute.",
            ))
            .retry_after(60),
            Error::Broken(sequence) => Self::new(
                StatusCode::CONFLICT,
                "audit.broken",
                Text::new("Журнал повреждён", "The audit log is broken"),
            )
            .detail(Text::new(
                format!("Запись {sequence} не та, что была записана; GET /audit/verify расскажет больше."),
                format!("Entry {sequence} is not what was written; GET /audit/verify tells more."),
            )),
            Error::AllCompaniesNeeded => Self::new(
                StatusCode::FORBIDDEN,
                "audit.all_companies_required",
                Text::new("Нужен доступ ко всем компаниям", "Access to all companies is required"),
            )
            .detail(Text::new(
                "Персональные данные удаляются из записей всех компаний сразу.",
                "Personal data are erased from the entries of all companies at once.",
            )),
            Error::AlertNotFound => Self::not_found(),
            Error::WrongTransition { from, to } => Self::new(
                StatusCode::CONFLICT,
                "alerts.wrong_transition",
                Text::new("Недопустимый переход состояния", "Wrong transition"),
            )
            .detail(Text::new(
                format!(
                    "Оповещение в состоянии «{}» нельзя перевести в «{}».",
                    from.as_str(),
                    to.as_str()
                ),
                format!(
                    "An alert that is `{}` cannot become `{}`.",
                    from.as_str(),
                    to.as_str()
                ),
            ))
            .extension("state", from.as_str()),
        }
    }
}
