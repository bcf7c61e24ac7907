//! What can go wrong, in the words of the service.

use ::http::StatusCode;
use common::Text;
use common::db::StoreError;
use common::http::Problem;
use uuid::Uuid;

use crate::alerts::State;
use crate::identity::IdentityError;

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
    #[error("there is no such threat")]
    ThreatNotFound,
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("a later alert tells of the same")]
    AlertSuperseded,
    #[error("{0} cannot be banned")]
    CannotBan(String, BanRefusal),
    #[error("the response cannot be taken back")]
    CannotUndo(UndoRefusal),
    #[error("the subject is on the allow list already")]
    AllowedAlready,
    #[error("user-management did not take the change back")]
    Identity(#[from] IdentityError),
    #[error("the channel is not configured")]
    ChannelNotConfigured,
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
            Error::AlertNotFound | Error::ThreatNotFound | Error::NotFound(_) => Self::not_found(),
            Error::AlertSuperseded => Self::new(
                StatusCode::CONFLICT,
                "alerts.superseded",
                Text::new("Есть более новое оповещение", "There is a later alert"),
            )
            .detail(Text::new(
                "О той же угрозе открыто другое оповещение; работайте с ним.",
                "Another alert is open about the same threat; handle that one.",
            )),
            Error::CannotBan(subject, refusal) => Self::new(
                StatusCode::CONFLICT,
                "bans.refused",
                Text::new("Это нельзя заблокировать", "This cannot be banned"),
            )
            .detail(refusal.text(&subject)),
            Error::CannotUndo(refusal) => Self::new(
                StatusCode::CONFLICT,
                "responses.cannot_undo",
                Text::new("Это нельзя отменить", "This cannot be taken back"),
            )
            .detail(refusal.text()),
            Error::AllowedAlready => Self::new(
                StatusCode::CONFLICT,
                "allowed.already",
                Text::new("Уже в списке разрешённых", "Already on the allow list"),
            ),
            Error::Identity(IdentityError::NotNow(error)) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "dependency.unavailable",
                Text::new(
                    "Сервис временно недоступен",
                    "The service is temporarily unavailable",
                ),
            )
            .detail(Text::new(
                "Не отвечает user-management.",
                "user-management does not answer.",
            ))
            .retry_after(5)
            .source(error),
            Error::Identity(error @ IdentityError::Refused(_)) => Self::new(
                StatusCode::CONFLICT,
                "responses.cannot_undo",
                Text::new("Это нельзя отменить", "This cannot be taken back"),
            )
            .detail(Text::new(
                "user-management отказывает служебной учётной записи RESPONSE_CLIENT_ID.",
                "user-management refuses the service account RESPONSE_CLIENT_ID.",
            ))
            .source(error),
            Error::ChannelNotConfigured => Self::new(
                StatusCode::CONFLICT,
                "notifications.not_configured",
                Text::new("Канал не настроен", "The channel is not configured"),
            )
            .detail(Text::new(
                "Задайте его переменные окружения и перезапустите сервис.",
                "Set its variables and restart the service.",
            )),
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

/// Why somebody is not banned.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BanRefusal {
    Allowed,
    Own,
    TooWide,
    Oneself,
}

impl BanRefusal {
    fn text(self, subject: &str) -> Text {
        match self {
            Self::Allowed => Text::new(
                format!("«{subject}» в списке разрешённых; сначала уберите оттуда."),
                format!("`{subject}` is on the allow list; remove it there first."),
            ),
            Self::Own => Text::new("Это адрес самой системы.", "It is the system's own address."),
            Self::TooWide => Text::new(
                "Сеть слишком велика: для IPv4 не шире /8, для IPv6 не шире /16.",
                "The network is too wide: at most a /8 of IPv4, a /16 of IPv6.",
            ),
            Self::Oneself => Text::new("Вы заблокировали бы себя.", "You would ban yourself."),
        }
    }
}

/// Why a response is not taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum UndoRefusal {
    /// Ended sessions stay ended.
    Irreversible,
    /// It is over, undone or was never done.
    NotInForce,
    /// The account of a service is needed.
    NotConfigured,
}

impl UndoRefusal {
    fn text(self) -> Text {
        match self {
            Self::Irreversible => Text::new(
                "Завершённые сеансы не возвращаются; пользователь может войти снова.",
                "Ended sessions do not come back; the user can log in again.",
            ),
            Self::NotInForce => Text::new(
                "Ответ уже отменён, истёк или не был выполнен.",
                "The response has been taken back, has expired or was never done.",
            ),
            Self::NotConfigured => Text::new(
                "Не задана служебная учётная запись RESPONSE_CLIENT_ID.",
                "The service account RESPONSE_CLIENT_ID is not set.",
            ),
        }
    }
}
