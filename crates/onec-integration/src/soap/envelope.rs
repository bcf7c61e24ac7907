//! Envelopes of SOAP 1.1 and 1.2, and faults.

use super::schema::{CURRENT_CONFIG, V8, XS};
use super::wsdl::Version;
use super::xml::{Element, XSI, XmlError, escape};

/// Namespace of SOAP 1.1 envelopes.
const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of SOAP 1.2 envelopes.
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// Longest text of a fault that is passed on, in characters.
const LONGEST_TEXT: usize = 500;

/// Why an answer is no envelope.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvelopeError {
    /// Not XML as we allow it.
    #[error("the answer is not readable XML")]
    Xml(#[from] XmlError),
    /// XML, but not of SOAP.
    #[error("the answer is not a SOAP envelope")]
    NotSoap,
}

/// What the body of an envelope holds.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The answer's wrapper.
    Answer(Element),
    /// The service refused or failed.
    Fault(Fault),
}

/// A fault, in the service's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What sort of fault.
    pub(crate) kind: FaultKind,
    /// The text without the place in the module, at most 500 characters.
    pub(crate) text: String,
}

/// Faults that 1C gives before its own code runs, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// A parameter that the operation does not have.
    UnknownParameter,
    /// A parameter is not given.
    MissingParameter,
    /// The text tells.
    Other,
}

/// The document of a request.
pub(crate) fn request(version: Version, body: &str) -> String {
    let space = match version {
        Version::V11 => SOAP_11,
        Version::V12 => SOAP_12,
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<soap:Envelope xmlns:soap=\"{space}\" xmlns:xs=\"{XS}\" \
         xmlns:xsi=\"{XSI}\" xmlns:v8=\"{V8}\" xmlns:cfg=\"{CURRENT_CONFIG}\"><soap:Body>{body}</soap:Body></soap:Envelope>"
    )
}

/// The headers that tell a request's form and action.
pub(crate) fn headers(version: Version, action: &str) -> Vec<(&'static str, String)> {
    let action = escape(action).unwrap_or_default().replace(['\n', '\t'], "");
    match version {
        Version::V11 => vec![
            ("content-type", "text/xml; charset=utf-8".to_owned()),
            ("soapaction", format!("\"{action}\"")),
        ],
        Version::V12 => vec![(
            "content-type",
            format!("application/soap+xml; charset=utf-8; action=\"{action}\""),
        )],
    }
}

/// Reads an answer of at most `limit` bytes.
pub(crate) fn read(document: &[u8], limit: usize) -> Result<Reply, EnvelopeError> {
    let mut envelope = Element::parse(document, limit)?;
    let space = envelope.name.space.clone();
    if &*envelope.name.local != "Envelope" || !matches!(&*space, SOAP_11 | SOAP_12) {
        return Err(EnvelopeError::NotSoap);
    }
    let body = envelope
        .children
        .iter_mut()
        .find(|child| child.name.is(&space, "Body"))
        .ok_or(EnvelopeError::NotSoap)?;
    if body.children.is_empty() {
        return Err(EnvelopeError::NotSoap);
    }
    let content = body.children.swap_remove(0);
    if content.name.is(&space, "Fault") {
        return Ok(Reply::Fault(fault(&content)));
    }
    Ok(Reply::Answer(content))
}

fn fault(element: &Element) -> Fault {
    let text_11 = element.child("", "faultstring");
    let text_12 = element
        .children
        .iter()
        .find(|child| &*child.name.local == "Reason")
        .and_then(|reason| reason.children.first());
    let text = text_11.or(text_12).map_or("", |text| text.text.as_str());
    Fault {
        kind: kind(text),
        text: essence(text),
    }
}

fn kind(text: &str) -> FaultKind {
    let lower = text.to_lowercase();
    if lower.contains("неизвестный параметр") || lower.contains("unknown parameter") {
        FaultKind::UnknownParameter
    } else if lower.contains("обязательный параметр не задан") || lower.contains("required parameter")
    {
        FaultKind::MissingParameter
    } else {
        FaultKind::Other
    }
}

/// The text of the exception: without «Неизвестная ошибка.» and the places in modules before it.
pub(crate) fn essence(text: &str) -> String {
    let mut text = text.trim();
    for prefix in ["Неизвестная ошибка.", "Unknown error."] {
        text = text.strip_prefix(prefix).unwrap_or(text).trim_start();
    }
    // `{WebСервис.Обмен.Модуль(134)}: Не найден узел`
    while let Some((_, rest)) = text.starts_with('{').then(|| text.split_once("}:")).flatten() {
        text = rest.trim_start();
    }
    text.chars().take(LONGEST_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Reply, EnvelopeError> {
        read(text.as_bytes(), 1 << 20)
    }

    fn fault_of(text: &str) -> Fault {
        match read_text(text).unwrap() {
            Reply::Fault(fault) => fault,
            Reply::Answer(answer) => panic!("{answer:?}"),
        }
    }

    #[test]
    fn faults_of_both_versions_are_read() {
        let fault = fault_of(
            r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>
            <faultcode>soap:Client</faultcode>
            <faultstring>Ошибка разбора SOAP сообщения: неизвестный параметр. </faultstring><detail/>
            </soap:Fault></soap:Body></soap:Envelope>"#,
        );
        assert_eq!(fault.kind, FaultKind::UnknownParameter);
        let fault = fault_of(
            r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault>
            <s:Code><s:Value>s:Sender</s:Value></s:Code>
            <s:Reason><s:Text xml:lang="ru">Обязательный параметр не задан: NodeCode</s:Text></s:Reason>
            </s:Fault></s:Body></s:Envelope>"#,
        );
        assert_eq!(fault.kind, FaultKind::MissingParameter);
        assert_eq!(fault.text, "Обязательный параметр не задан: NodeCode");
    }

    #[test]
    fn the_text_is_that_of_the_exception() {
        assert_eq!(
            essence(
                "Неизвестная ошибка. {WebСервис.Exchange.Модуль(134)}: {ОбщийМодуль.X.Модуль(2)}: Нет узла \"А}:Б\""
            ),
            "Нет узла \"А}:Б\""
        );
        assert_eq!(essence(&"я".repeat(600)).chars().count(), 500);
        assert_eq!(essence("{не закрыто"), "{не закрыто");
    }

    #[test]
    fn other_documents_are_not_soap() {
        for text in [
            "<html/>",
            r#"<Envelope xmlns="urn:other"><Body/></Envelope>"#,
            r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>"#,
            r#"<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/></Envelope>"#,
        ] {
            assert!(matches!(read_text(text), Err(EnvelopeError::NotSoap)), "{text}");
        }
        assert!(matches!(read_text("{}"), Err(EnvelopeError::Xml(_))));
    }

    #[test]
    fn actions_cannot_break_out_of_their_header() {
        for version in [Version::V11, Version::V12] {
            for (_, value) in headers(version, "a\"\r\nX: y") {
                assert!(!value.contains(['\r', '\n']), "{value}");
            }
        }
    }
}
