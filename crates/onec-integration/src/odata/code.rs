//! The numbers by which 1C tells why it refused (developer guide of the platform, chapter 17.4).

use serde::Deserialize;

use super::row::without_bom;

/// Characters of 1C's text that are kept.
const LONGEST_TEXT: usize = 500;
/// Exceptions within exceptions that are looked into.
const DEEPEST: usize = 32;

/// Why 1C refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// An exception inside 1C's own code: a business rule, most often.
    Exception,
    /// Something is not supported.
    Unsupported,
    /// A value could not be parsed.
    ValueNotParsed,
    /// The form of the request.
    BadRequest,
    /// The form of the answer asked for.
    BadRepresentation,
    /// A value is wrong.
    BadValue,
    /// A property that must be given is missing.
    ValueRequired,
    /// The address is wrong.
    BadAddress,
    /// A part of the key is missing.
    KeyIncomplete,
    /// The entity is unknown or not published.
    NotPublished,
    /// There is no such object.
    NotFound,
    /// A property is wrong.
    BadProperty,
    /// A method is wrong.
    BadMethod,
    /// An argument is wrong.
    BadArgument,
    /// Rows of tabular parts cannot be created on their own.
    RowNotCreatable,
    /// An option of the query could not be parsed.
    OptionNotParsed,
    /// An object with that key exists.
    KeyExists,
    /// A property cannot be assigned.
    NotAssignable,
    /// The object cannot be written in load mode.
    NotLoadable,
    /// A name is given twice.
    DuplicateName,
    /// The HTTP method is wrong.
    BadHttpMethod,
    /// Rights are missing.
    NoRights,
    /// A function is wrong.
    BadFunction,
    /// A number that is not known.
    Other(i32),
}

impl Cause {
    /// The cause of a number.
    pub(crate) fn of(code: i32) -> Self {
        match code {
            -1 => Self::Exception,
            0 => Self::Unsupported,
            1 => Self::ValueNotParsed,
            2 => Self::BadRequest,
            3 => Self::BadRepresentation,
            4 => Self::BadValue,
            5 => Self::ValueRequired,
            6 => Self::BadAddress,
            7 => Self::KeyIncomplete,
            8 => Self::NotPublished,
            9 => Self::NotFound,
            10 => Self::BadProperty,
            11 => Self::BadMethod,
            12 => Self::BadArgument,
            13 => Self::RowNotCreatable,
            14 => Self::OptionNotParsed,
            15 => Self::KeyExists,
            16 => Self::NotAssignable,
            17 => Self::NotLoadable,
            18 => Self::DuplicateName,
            19 => Self::BadHttpMethod,
            20 => Self::NoRights,
            21 => Self::BadFunction,
            other => Self::Other(other),
        }
    }
}

/// What an error's body tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Why; none when the platform failed before its OData interface.
    pub(crate) cause: Option<Cause>,
    /// 1C's own words, cut to 500 characters. They repeat what was asked: not for logs.
    pub(crate) text: String,
}

impl Refusal {
    /// Reads a body in any of the forms of errors; none for HTML and other bodies.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let body = without_bom(body);
        if let Ok(found) = serde_json::from_slice::<OdataBody>(body) {
            let code = found.error.code.trim().parse().ok();
            return Some(Self::new(code.map(Cause::of), &found.error.message.value));
        }
        if let Ok(found) = serde_json::from_slice::<PlatformBody>(body) {
            return Some(Self::new(None, found.exception.deepest()));
        }
        let text = std::str::from_utf8(body).ok()?;
        let element = |name: &str| {
            let (_, rest) = text.split_once(&format!("<m:{name}"))?;
            let (_, rest) = rest.split_once('>')?;
            rest.split('<').next().map(str::trim)
        };
        let code = element("code")?.parse().ok()?;
        let message = element("message").unwrap_or_default();
        let message = quick_xml::escape::unescape(message).unwrap_or_default();
        Some(Self::new(Some(Cause::of(code)), &message))
    }

    fn new(cause: Option<Cause>, text: &str) -> Self {
        Self {
            cause,
            text: text.trim().chars().take(LONGEST_TEXT).collect(),
        }
    }
}

#[derive(Deserialize)]
struct OdataBody {
    #[serde(rename = "odata.error")]
    error: OdataInner,
}

#[derive(Deserialize)]
struct OdataInner {
    code: String,
    #[serde(default)]
    message: Message,
}

#[derive(Deserialize, Default)]
struct Message {
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct PlatformBody {
    exception: Exception,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(default)]
    descr: String,
    inner: Option<Box<Exception>>,
}

impl Exception {
    /// What the innermost exception that has words says.
    fn deepest(&self) -> &str {
        let mut text = self.descr.as_str();
        let mut current = self;
        for _ in 0..DEEPEST {
            let Some(inner) = &current.inner else { break };
            if !inner.descr.trim().is_empty() {
                text = &inner.descr;
            }
            current = inner;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_and_the_innermost_words_are_found() {
        let refusal = |body: &str| Refusal::read(body.as_bytes());
        let json = "\u{feff}{\"odata.error\":{\"code\":\"-1\",\"message\":{\"lang\":\"ru\",\"value\":\" Не хватает товара \"}}}";
        let found = refusal(json).unwrap();
        assert_eq!(found.cause, Some(Cause::Exception));
        assert_eq!(found.text, "Не хватает товара");
        let xml = "<?xml version=\"1.0\"?><m:error xmlns:m=\"x\"><m:code>15</m:code><m:message xml:lang=\"ru\">&quot;А&quot; уже существует</m:message></m:error>";
        let found = refusal(xml).unwrap();
        assert_eq!(found.cause, Some(Cause::KeyExists));
        assert_eq!(found.text, "\"А\" уже существует");
        let nested = "{\"#exception\":\"x\",\"exception\":{\"descr\":\"HTTP: Forbidden\",\"inner\":{\"descr\":\"Запрещено.\",\
             \"creationStack\":\"модуль\",\"inner\":{\"descr\":\"\"}}}}";
        assert_eq!(refusal(nested).unwrap().text, "Запрещено.");
        assert_eq!(refusal("<html>1C</html>"), None);
        let long = "я".repeat(2000);
        let long = format!("{{\"odata.error\":{{\"code\":\"77\",\"message\":{{\"value\":\"{long}\"}}}}}}");
        let found = refusal(&long).unwrap();
        assert_eq!(found.text.chars().count(), LONGEST_TEXT);
        assert_eq!(found.cause, Some(Cause::Other(77)));
        for code in 0..=21 {
            assert!(!matches!(Cause::of(code), Cause::Other(_)), "{code}");
        }
    }
}
