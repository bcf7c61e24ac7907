//! Files of a question: those that it names and those that its conversation has already. They are told
//! to a model as data, hidden from models of others like rows of 1C, and their figures may be repeated.

use common::Locale;
use common::ids;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::attachments::{self, Attachment};
use crate::error::Error;
use crate::privacy::Screen;
use crate::store::attachments as store;
use crate::tools::Toolbox;

/// Puts files of the user into a conversation, and gives all that it has.
///
/// # Errors
/// [`Error::AttachmentNotFound`], also for files of other users; [`Error::TooManyOfQuestion`].
pub(super) async fn join(
    db: &mut PgConnection,
    user: Uuid,
    conversation: Uuid,
    named: &[Uuid],
) -> Result<Vec<Attachment>, Error> {
    let mut ids = named.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if !ids.is_empty() && store::join(db, user, conversation, &ids).await? < ids.len() as u64 {
        return Err(Error::AttachmentNotFound);
    }
    let rows = store::of_conversation(db, user, conversation).await?;
    if rows.len() > attachments::MAX_OF_QUESTION {
        return Err(Error::TooManyOfQuestion(attachments::MAX_OF_QUESTION));
    }
    rows.into_iter()
        .map(|row| {
            Ok(Attachment {
                name: row.name,
                content: serde_json::from_value(row.content).map_err(|error| Error::File(error.into()))?,
            })
        })
        .collect()
}

/// The question with the files that belong to it.
pub(super) fn told(
    question: String,
    files: &[Attachment],
    screen: &mut Screen,
    toolbox: &mut Toolbox,
) -> String {
    if files.is_empty() {
        return question;
    }
    let mark = ids::new_id().simple().to_string();
    let (block, facts) = attachments::block(files, &mark, screen);
    toolbox.add_facts(facts);
    format!("{block}\n\n{question}")
}

/// Says that the built-in engine has not looked at the files.
pub(super) fn unread_notice(locale: Locale) -> String {
    match locale {
        Locale::Ru => "Приложенные файлы не прочитаны: встроенный помощник работает только с данными 1С, файлы читает языковая модель.",
        Locale::En => "The attached files were not read: the built-in engine works with 1C data only; a language model reads files.",
    }
    .to_owned()
}
