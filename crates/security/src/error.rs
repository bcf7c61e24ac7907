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
    #[error("there is no such alert")]
    AlertNotFound,
    #[error("an alert that is {from} cannot become {to}")]
    WrongTransition { from: State, to: State },
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
