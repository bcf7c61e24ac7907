//! What can go wrong between us and 1C, in words that do not depend on how 1C puts it.
//!
//! 1C answers errors in three forms: OData JSON, the platform's own JSON of nested exceptions, and
//! an HTML page, sometimes with status 200. Its messages repeat what was asked (numbers, names,
//! keys), so they are looked at and never kept.

use serde::Deserialize;

use super::row::without_bom;
use crate::xml::XmlError;

/// Why 1C did not answer what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OdataError {
    /// No connection, or it broke.
    #[error("the infobase cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// Connected, but no answer in time.
    #[error("the infobase did not answer in time")]
    TimedOut,
    /// Wrong login or password, or a login that may not use OData.
    #[error("the infobase refused the login")]
    CredentialsRefused,
    /// The login may not read what was asked.
    #[error("the infobase denied access to `{0}`")]
    AccessDenied(String),
    /// All client licences are taken.
    #[error("the infobase has no free licence")]
    NoLicence,
    /// Sessions are forbidden, as during maintenance.
    #[error("the infobase is locked")]
    Locked,
    /// The entity set is not in the composition of the interface.
    #[error("`{0}` is not published")]
    NotPublished(String),
    /// There is no such object.
    #[error("an object of `{0}` does not exist")]
    NotFound(String),
    /// 1C did not understand the request: HTTP status and 1C's code.
    #[error("the infobase refused the request with status {0} and code {1:?}")]
    Refused(u16, Option<i32>),
    /// 1C failed inside: HTTP status and 1C's code.
    #[error("the infobase failed with status {0} and code {1:?}")]
    Failed(u16, Option<i32>),
    /// The answer is larger than we take at once.
    #[error("the answer is too large")]
    TooLarge,
    /// Something else than 1C's OData answered.
    #[error("the address does not answer as OData")]
    NotOdata,
    /// An answer that cannot be understood.
    #[error("the infobase sent data that cannot be read")]
    Data(#[from] DataError),
}

/// A value of another form than expected.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// Not JSON.
    #[error("the answer is not the JSON expected")]
    Json(#[source] serde_json::Error),
    /// Not XML, or XML of a kind that is not accepted.
    #[error("the answer is not the XML expected")]
    Xml(#[from] XmlError),
    /// A document of a kind that is not accepted: what was found.
    #[error("the document is not accepted: it has {0}")]
    Refused(&'static str),
    /// A property of another type.
    #[error("`{field}` is not a {expected}")]
    Value {
        /// The property.
        field: String,
        /// The type.
        expected: &'static str,
    },
    /// A property that must be there is not.
    #[error("`{0}` is missing")]
    Missing(String),
}

impl OdataError {
    /// The stable code, in problems and in the state of infobases and jobs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) | Self::TimedOut => "onec.infobase_unreachable",
            Self::CredentialsRefused => "onec.credentials_refused",
            Self::AccessDenied(_) => "onec.access_denied",
            Self::NoLicence => "onec.no_licence",
            Self::Locked => "onec.infobase_locked",
            Self::NotPublished(_) => "onec.not_published",
            Self::NotFound(_) => "onec.object_not_found",
            Self::Refused(..) => "onec.request_refused",
            Self::Failed(..) => "onec.infobase_failed",
            Self::TooLarge => "onec.answer_too_large",
            Self::NotOdata => "onec.not_odata",
            Self::Data(_) => "onec.unexpected_data",
        }
    }

    /// True when 1C answered at all, if only to refuse.
    pub(crate) fn has_answered(&self) -> bool {
        match self {
            Self::AccessDenied(_)
            | Self::NotPublished(_)
            | Self::NotFound(_)
            | Self::Refused(..)
            | Self::TooLarge
            | Self::Data(_) => true,
            Self::Unreachable(_)
            | Self::TimedOut
            | Self::CredentialsRefused
            | Self::NoLicence
            | Self::Locked
            | Self::Failed(..)
            | Self::NotOdata => false,
        }
    }

    /// The error behind an answer that is not a success, or not JSON although it should be.
    pub(crate) fn from_answer(set: &str, status: u16, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(without_bom(body));
        let lower = text.to_lowercase();
        if lower.contains("лиценз") || lower.contains("license") {
            return Self::NoLicence;
        }
        if let Some(code) = odata_code(&text) {
            return match (status, code) {
                (401 | 403, 20) => Self::AccessDenied(set.to_owned()),
                (_, 8) => Self::NotPublished(set.to_owned()),
                (_, 9) => Self::NotFound(set.to_owned()),
                (500.., _) => Self::Failed(status, Some(code)),
                _ => Self::Refused(status, Some(code)),
            };
        }
        if is_platform_exception(&text) && (status == 403 || lower.contains("начало сеанса")) {
            return Self::Locked;
        }
        match status {
            401 => Self::CredentialsRefused,
            403 => Self::AccessDenied(set.to_owned()),
            // A success, a redirection or a page of something else.
            0..=399 | 404 => Self::NotOdata,
            500.. => Self::Failed(status, None),
            _ => Self::Refused(status, None),
        }
    }
}

/// The code of `{"odata.error":{"code":"9",…}}` or of `<m:error><m:code>9</m:code>…`.
fn odata_code(text: &str) -> Option<i32> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "odata.error")]
        error: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        code: String,
    }
    if let Ok(body) = serde_json::from_str::<Body>(text) {
        return body.error.code.trim().parse().ok();
    }
    let (_, rest) = text.split_once("<m:code>")?;
    rest.split('<').next()?.trim().parse().ok()
}

fn is_platform_exception(text: &str) -> bool {
    text.contains("\"#exception\"") || text.contains("\"exception\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_of_errors_become_words() {
        let odata = |code: &str| {
            format!(
                "\u{feff}{{\"odata.error\":{{\"code\":\"{code}\",\"message\":{{\"lang\":\"ru\",\"value\":\"ИНН 7700\"}}}}}}"
            )
        };
        let locked = "\u{feff}{\"#exception\":\"{http://v8.1c.ru/8.2/virtual-resource-system}Exception\",\"exception\":\
             {\"reason\":403,\"inner\":{\"descr\":\"Начало сеанса с информационной базой запрещено.\"}}}";
        let licence =
            "<html><title>1C:Enterprise 8 application error</title>Не обнаружено свободной лицензии</html>";
        for (status, body, code) in [
            (404, odata("8"), "onec.not_published"),
            (404, odata("9"), "onec.object_not_found"),
            (401, odata("20"), "onec.access_denied"),
            (400, odata("14"), "onec.request_refused"),
            (500, odata("-1"), "onec.infobase_failed"),
            (
                404,
                "<m:error xmlns:m=\"…\"><m:code>8</m:code><m:message>нет</m:message></m:error>".to_owned(),
                "onec.not_published",
            ),
            (403, locked.to_owned(), "onec.infobase_locked"),
            (500, licence.to_owned(), "onec.no_licence"),
            (200, licence.to_owned(), "onec.no_licence"),
            (200, "<html>Вход</html>".to_owned(), "onec.not_odata"),
            (401, String::new(), "onec.credentials_refused"),
            (502, "<html>Bad gateway</html>".to_owned(), "onec.infobase_failed"),
            (404, "<html>nginx</html>".to_owned(), "onec.not_odata"),
        ] {
            let error = OdataError::from_answer("Catalog_X", status, body.as_bytes());
            assert_eq!(error.code(), code, "{status} {body}");
            assert!(!error.to_string().contains("7700"), "1C's text is not passed on");
        }
    }
}
