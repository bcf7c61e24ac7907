//! The words of the exchange: what 1C asks for, and what it is told. The first line of an answer
//! decides; what follows `failure` is shown to the user of 1C, so it says what to do.

use super::feed::FeedError;
use super::import::ImportError;
use super::reader::ReadError;
use super::zip::ZipError;
use super::{FILE_LIMIT, LARGEST_EXCHANGE, LARGEST_FILE, LARGEST_XML};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Done.
    Success,
    /// The login is right; the value of the cookie.
    LoggedIn(String),
    /// How files are to be sent.
    Init,
    /// Not ready: 1C asks the same again.
    Progress(String),
    /// Orders of the site: there are none.
    Orders(String),
    /// It went wrong.
    Failure(Trouble),
}

/// What went wrong, for the user of 1C.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There is no such exchange.
    UnknownExchange,
    /// Login or password is wrong.
    Refused,
    /// Too many wrong passwords from the address.
    TooManyRefusals,
    /// The session has ended, or there was none.
    NoSession,
    /// `type` or `mode` is not known.
    UnknownMode,
    /// The name of a file is missing or not allowed.
    FileName,
    /// A part is larger than was asked for.
    PartTooLarge,
    /// A file, or all files together, are too large.
    TooMuch,
    /// The part broke off.
    Incomplete,
    /// A file that was not sent is to be imported.
    NotSent(String),
    /// The file could not be imported; the text of [`explain`].
    Import(String),
    /// Our database is away.
    Unavailable,
}

const MIB: i64 = 1024 * 1024;

impl Trouble {
    /// The text, and what to do.
    pub(crate) fn text(&self) -> String {
        let text = match self {
            Self::UnknownExchange => {
                "Такого обмена нет: он удалён или адрес введён с ошибкой. Скопируйте адрес заново из настроек обмена."
            }
            Self::Refused => {
                "Неверное имя пользователя или пароль. Проверьте их в настройках обмена с сайтом; новый пароль выдаёт администратор."
            }
            Self::TooManyRefusals => "Слишком много неверных паролей подряд. Повторите обмен через 15 минут.",
            Self::NoSession => "Сеанс обмена завершён. Запустите обмен ещё раз.",
            Self::UnknownMode => {
                "Такая операция обмена не поддерживается. Выберите в настройках выгрузку товаров, цен и остатков."
            }
            Self::FileName => "Недопустимое имя файла.",
            Self::PartTooLarge => {
                let text = format!(
                    "Часть файла больше {} МБ. Уменьшите размер порции в настройках обмена.",
                    FILE_LIMIT / 1024 / 1024
                );
                return text;
            }
            Self::TooMuch => {
                let text = format!(
                    "Выгрузка слишком большая: один файл — до {} МБ, все вместе — до {} МБ. Сократите отбор товаров или не выгружайте картинки.",
                    LARGEST_FILE / MIB,
                    LARGEST_EXCHANGE / MIB
                );
                return text;
            }
            Self::Incomplete => "Часть файла пришла не полностью. Проверьте связь и запустите обмен ещё раз.",
            Self::NotSent(name) => {
                return format!("Файл «{name}» не был передан. Запустите обмен ещё раз.");
            }
            Self::Import(text) => return text.clone(),
            Self::Unavailable => "Сервис временно недоступен. Повторите обмен через несколько минут.",
        };
        text.to_owned()
    }
}

impl Answer {
    /// The body.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Success => "success\n".to_owned(),
            Self::LoggedIn(cookie) => format!("success\n{}\n{cookie}\n", super::access::COOKIE_NAME),
            Self::Init => format!("zip=yes\nfile_limit={FILE_LIMIT}\n"),
            Self::Progress(text) => format!("progress\n{text}\n"),
            Self::Orders(xml) => xml.clone(),
            Self::Failure(trouble) => format!("failure\n{}\n", trouble.text()),
        }
    }
}

/// What is wrong with a file, with a stable code for the history.
pub(crate) fn explain(error: &ImportError) -> Option<(&'static str, String)> {
    let ImportError::Read(error) = error else {
        return None;
    };
    let explained = match error {
        ReadError::Feed(FeedError::Zip(error)) => return explain_zip(error),
        ReadError::Feed(FeedError::Encoding(name)) => (
            "onec.exchange_encoding",
            format!("Кодировка {name} не поддерживается: нужна UTF-8 или windows-1251."),
        ),
        ReadError::Feed(FeedError::Malformed) | ReadError::Malformed => (
            "onec.exchange_file_damaged",
            "Файл повреждён или передан не полностью. Запустите обмен ещё раз.".to_owned(),
        ),
        ReadError::Feed(FeedError::TooLarge) => (
            "onec.exchange_file_too_large",
            format!(
                "Файл больше {} МБ. Сократите отбор товаров.",
                LARGEST_XML / 1024 / 1024
            ),
        ),
        ReadError::ObjectTooLarge => (
            "onec.exchange_file_too_large",
            "Один из объектов файла слишком большой: сократите описания товаров.".to_owned(),
        ),
        ReadError::Doctype => (
            "onec.exchange_file_refused",
            "Файл содержит DOCTYPE: такие файлы не принимаются.".to_owned(),
        ),
        ReadError::NotCommerceMl => (
            "onec.exchange_file_refused",
            "Это не файл CommerceML. Выберите в 1С стандартный обмен с сайтом.".to_owned(),
        ),
        ReadError::Version(version) => (
            "onec.exchange_file_refused",
            format!("Версия схемы CommerceML {version} не поддерживается: нужна версия 2."),
        ),
        ReadError::Fetch(_) => return None,
    };
    Some(explained)
}

/// What is wrong with an archive.
pub(crate) fn explain_zip(error: &ZipError) -> Option<(&'static str, String)> {
    let (code, text) = match error {
        ZipError::Damaged => (
            "onec.exchange_file_damaged",
            "Архив повреждён или передан не полностью. Запустите обмен ещё раз.",
        ),
        ZipError::Encrypted => (
            "onec.exchange_file_refused",
            "Архив с паролем не принимается. Снимите пароль с архива.",
        ),
        ZipError::Unsupported => (
            "onec.exchange_file_refused",
            "Архив упакован неподдерживаемым способом. Отключите сжатие в настройках обмена.",
        ),
        ZipError::UnsafeName => (
            "onec.exchange_file_refused",
            "В архиве недопустимое имя файла. Отключите сжатие в настройках обмена.",
        ),
        ZipError::Bomb => (
            "onec.exchange_file_too_large",
            "Содержимое архива слишком большое. Сократите отбор товаров.",
        ),
        ZipError::Fetch => return None,
    };
    Some((code, text.to_owned()))
}

/// What a file is of, by its name: `import` of `import0_1.xml`.
pub(crate) fn part_of_name(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.chars()
        .take_while(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_ascii_lowercase()
}

/// What a name ends with, in lower case.
pub(crate) fn has_extension(name: &str, extension: &str) -> bool {
    let end = name.rsplit('.').next().unwrap_or_default();
    end.len() < name.len() && end.eq_ignore_ascii_case(extension)
}

/// A document without orders.
pub(crate) fn no_orders(at: chrono::NaiveDateTime) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<КоммерческаяИнформация ВерсияСхемы=\"2.07\" ДатаФормирования=\"{}\"></КоммерческаяИнформация>\n",
        at.format("%Y-%m-%dT%H:%M:%S")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_decides() {
        for (answer, first) in [
            (Answer::Success, "success"),
            (Answer::LoggedIn("x".to_owned()), "success"),
            (Answer::Init, "zip=yes"),
            (Answer::Progress("12".to_owned()), "progress"),
            (Answer::Failure(Trouble::NoSession), "failure"),
        ] {
            assert_eq!(answer.text().lines().next(), Some(first));
        }
        assert_eq!(
            Answer::LoggedIn("x".to_owned()).text(),
            "success\nONEC_EXCHANGE\nx\n"
        );
    }

    #[test]
    fn names_of_files_tell_what_they_are_of() {
        assert_eq!(part_of_name("webdata/import0_1.xml"), "import");
        assert_eq!(part_of_name("Rests0_1.xml"), "rests");
        assert!(has_extension("import.XML", "xml"));
        assert!(!has_extension("xml", "xml"));
    }
}
