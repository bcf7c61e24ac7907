//! What clients see of errors of web services.

use common::Text;
use common::http::Problem;
use http::StatusCode;

use super::enterprise_data::ExchangeError;
use super::envelope::FaultKind;
use super::service::SoapError;
use crate::error::Error;
use crate::infobase::InfobaseError;

impl From<SoapError> for Problem {
    fn from(error: SoapError) -> Self {
        let code = error.code();
        let simple = |status, ru: &'static str, en: &'static str| Self::new(status, code, Text::new(ru, en));
        match error {
            SoapError::Transport(error) => Error::from(InfobaseError::from(error)).into(),
            SoapError::ServiceNotFound => simple(
                StatusCode::NOT_FOUND,
                "Такой web-сервис не опубликован",
                "There is no such web service",
            )
            .detail(Text::new(
                "Проверьте имя сервиса и его публикацию на веб-сервере 1С.",
                "Check the name of the service and its publication on the web server of 1C.",
            )),
            SoapError::OperationNotFound => simple(
                StatusCode::NOT_FOUND,
                "У web-сервиса нет такой операции",
                "The web service has no such operation",
            ),
            SoapError::VersionNotOffered => simple(
                StatusCode::UNPROCESSABLE_ENTITY,
                "Web-сервис не поддерживает эту версию SOAP",
                "The web service does not offer this version of SOAP",
            ),
            SoapError::Wsdl(_) => simple(
                StatusCode::BAD_GATEWAY,
                "Описание web-сервиса не подходит",
                "The description of the web service cannot be used",
            )
            .detail(Text::new(
                "Нужен WSDL с привязкой document/literal к SOAP 1.1 или 1.2.",
                "A WSDL with a document/literal binding to SOAP 1.1 or 1.2 is needed.",
            ))
            .source(error),
            SoapError::Arguments(errors) => Self::validation(errors),
            SoapError::Fault(fault) => {
                let (ru, en) = match fault.kind {
                    FaultKind::UnknownParameter => (
                        "1С не знает переданного параметра",
                        "1C does not know a parameter that was given",
                    ),
                    FaultKind::MissingParameter => (
                        "1С не получила обязательный параметр",
                        "1C did not get a required parameter",
                    ),
                    FaultKind::Other => ("1С отклонила вызов", "1C refused the call"),
                };
                simple(StatusCode::UNPROCESSABLE_ENTITY, ru, en).detail(Text::same(fault.text))
            }
            SoapError::Envelope(_) | SoapError::Answer(_) => simple(
                StatusCode::BAD_GATEWAY,
                "Ответ web-сервиса не удалось разобрать",
                "The answer of the web service could not be read",
            )
            .source(error),
        }
    }
}

impl ExchangeError {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Soap(error) => error.code(),
            Self::Refused(_) => "onec.exchange_refused",
            Self::Cancelled => "onec.exchange_cancelled",
            Self::Incomplete(_) => "onec.soap_answer_unusable",
        }
    }
}

impl From<ExchangeError> for Problem {
    fn from(error: ExchangeError) -> Self {
        let code = error.code();
        match error {
            ExchangeError::Soap(error) => error.into(),
            ExchangeError::Refused(text) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                code,
                Text::new("1С отклонила обмен", "1C refused the exchange"),
            )
            .detail(Text::same(text)),
            ExchangeError::Cancelled => Self::new(
                StatusCode::CONFLICT,
                code,
                Text::new("Задание 1С отменено", "The job of 1C was cancelled"),
            )
            .detail(Text::new(
                "1С отменила задание или не знает его: начните обмен заново.",
                "1C cancelled the job or does not know it: begin the exchange again.",
            )),
            ExchangeError::Incomplete(_) => Self::new(
                StatusCode::BAD_GATEWAY,
                code,
                Text::new(
                    "Ответ web-сервиса не удалось разобрать",
                    "The answer of the web service could not be read",
                ),
            )
            .source(error),
        }
    }
}
