//! Why something was not drafted, not written or not undone.

use common::Text;
use common::http::Problem;
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

/// Why.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no such draft, or it is another user's.
    DraftNotFound,
    /// Nobody confirmed it in time.
    DraftExpired,
    /// It was carried out already, or is being carried out: what came of it, when that is known.
    DraftUsed(Option<Value>),
    /// There is no object with that key, or it is another company's.
    ObjectNotFound,
    /// The object cannot be told to be of a company of the caller's.
    NotOwn,
    /// The object was changed since the draft: what the draft would change now.
    ObjectChanged(Value),
    /// 1C refused the change by a rule of the configuration: its text.
    Business(String),
    /// 1C refused the change for what it is.
    Refused,
    /// The connection broke after the change was sent: set, key and write.
    OutcomeUnknown(String, Uuid, Uuid),
    /// There is no such change, or it is another user's.
    WriteNotFound,
    /// The change cannot be taken back: why.
    UndoNotPossible(Text),
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let simple =
            |status, code, ru: &'static str, en: &'static str| Self::new(status, code, Text::new(ru, en));
        match failure {
            Failure::DraftNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.draft_not_found",
                "Черновик не найден",
                "Draft not found",
            ),
            Failure::DraftExpired => simple(
                StatusCode::CONFLICT,
                "onec.draft_expired",
                "Срок черновика истёк",
                "The draft has expired",
            )
            .detail(Text::new(
                "Данные могли измениться: составьте черновик ещё раз.",
                "The data may have changed: make the draft again.",
            )),
            Failure::DraftUsed(result) => {
                let problem = simple(
                    StatusCode::CONFLICT,
                    "onec.draft_used",
                    "Черновик уже подтверждён",
                    "The draft was confirmed already",
                )
                .detail(Text::new(
                    "Черновик выполняется один раз. Что получилось, показывает GET /documents/drafts/{id}.",
                    "A draft is carried out once. GET /documents/drafts/{id} tells what came of it.",
                ));
                match result {
                    Some(result) => problem.extension("result", result),
                    None => problem,
                }
            }
            Failure::ObjectNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.object_not_found",
                "Объект не найден",
                "Object not found",
            ),
            Failure::NotOwn => simple(
                StatusCode::FORBIDDEN,
                "onec.write_denied",
                "Записывать можно только данные своих организаций",
                "Only data of one's own companies may be written",
            )
            .detail(Text::new(
                "Объект должен относиться к одной из ваших организаций, а такие данные, как номенклатура и \
                 контрагенты, общие для всех.",
                "The object must belong to a company of yours; data such as goods and counterparties belong to all.",
            )),
            Failure::ObjectChanged(differences) => simple(
                StatusCode::CONFLICT,
                "onec.object_changed",
                "Объект изменили после составления черновика",
                "The object was changed after the draft was made",
            )
            .detail(Text::new(
                "Ничего не записано. Посмотрите отличия и составьте черновик ещё раз.",
                "Nothing was written. Look at the differences and make the draft again.",
            ))
            .extension("differences", differences),
            Failure::Business(text) => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "onec.write_refused",
                "1С не записала объект",
                "1C did not write the object",
            )
            .detail(Text::new(text.clone(), text)),
            Failure::Refused => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "onec.write_refused",
                "1С не записала объект",
                "1C did not write the object",
            )
            .detail(Text::new(
                "1С не приняла одно из значений. Ничего не записано.",
                "1C did not take one of the values. Nothing was written.",
            )),
            Failure::OutcomeUnknown(set, reference, write) => simple(
                StatusCode::BAD_GATEWAY,
                "onec.outcome_unknown",
                "Неизвестно, записала ли 1С объект",
                "It is not known whether 1C wrote the object",
            )
            .detail(Text::new(
                format!(
                    "Связь прервалась после отправки. Не повторяйте запись, пока не проверите в 1С: {set}, ссылка \
                     {reference}."
                ),
                format!(
                    "The connection broke after the change was sent. Do not write again before you have looked in \
                     1C: {set}, reference {reference}."
                ),
            ))
            .extension("entity", set)
            .extension("ref", reference.to_string())
            .extension("write_id", write.to_string()),
            Failure::WriteNotFound => simple(
                StatusCode::NOT_FOUND,
                "onec.write_not_found",
                "Такой записи в 1С не было",
                "There was no such change in 1C",
            ),
            Failure::UndoNotPossible(why) => simple(
                StatusCode::CONFLICT,
                "onec.undo_not_possible",
                "Отменить запись нельзя",
                "The change cannot be undone",
            )
            .detail(why),
        }
    }
}
