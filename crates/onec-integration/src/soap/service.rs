//! Finding web services of an infobase and calling their operations.
//!
//! 1C has no list of its web services, so they are looked for by name: those of the standard
//! library and those that the settings name. What a service offers is read from its WSDL and kept
//! for a short time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use common::http::FieldError;
use futures_util::{StreamExt, stream};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use super::decode::{self, DecodeError};
use super::encode;
use super::envelope::{self, EnvelopeError, Fault, FaultKind, Reply};
use super::wsdl::{Description, Direction, LARGEST_DOCUMENT, Operation, Version, WsdlError};
use super::xml::Element;
use crate::metrics::REQUEST_DURATION;
use crate::odata::OdataError;
use crate::transport::Transport;

/// How long a description is taken as current.
const LIFETIME: Duration = Duration::from_secs(300);
/// A description younger than this is not read again for an operation that it does not have.
const FRESH: Duration = Duration::from_secs(5);
/// Most descriptions that are kept.
const MOST_KNOWN: usize = 256;
/// Most documents that make up one description.
const MOST_DOCUMENTS: usize = 16;
/// Largest answer of an operation. A part of an exchange message is some megabytes.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;
/// How many services are looked for at a time.
const PROBES: usize = 4;
/// What may not stand in a segment of a path as it is.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'/')
    .add(b'\\');

/// Services of the standard library of subsystems (БСП), by the names they are published with, and
/// of 1С:Документооборот.
const STANDARD: [&str; 14] = [
    "InterfaceVersion",
    "EnterpriseDataExchange_1_0_1_1",
    "EnterpriseDataUpload_1_0_1_1",
    "Exchange",
    "Exchange_2_0_1_6",
    "Exchange_3_0_1_1",
    "Exchange_3_0_2_1",
    "Exchange_3_0_2_2",
    "RemoteAdministrationOfExchange",
    "RemoteAdministrationOfExchange_2_0_1_6",
    "RemoteAdministrationOfExchange_2_1_6_1",
    "RemoteAdministrationOfExchange_2_4_5_1",
    "RemoteControl",
    "DMService",
];

/// Why a service could not be described or called.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SoapError {
    /// 1C could not be asked.
    #[error("calling the web service failed")]
    Transport(#[from] OdataError),
    /// No such service is published.
    #[error("the web service is not published")]
    ServiceNotFound,
    /// It has no such operation.
    #[error("the web service has no such operation")]
    OperationNotFound,
    /// It does not offer that version of the protocol.
    #[error("the web service does not offer that version of SOAP")]
    VersionNotOffered,
    /// Its description cannot be used.
    #[error("the description of the web service cannot be used")]
    Wsdl(#[from] WsdlError),
    /// Arguments do not fit the description.
    #[error("{} arguments do not fit the description", .0.len())]
    Arguments(Vec<FieldError>),
    /// The service refused or failed, in its own words.
    #[error("the web service answered with a fault")]
    Fault(Fault),
    /// The answer is no envelope.
    #[error("the web service answered otherwise than by SOAP")]
    Envelope(#[from] EnvelopeError),
    /// The answer does not fit the description.
    #[error("the answer does not fit the description")]
    Answer(#[from] DecodeError),
}

impl SoapError {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Transport(error) => error.code(),
            Self::ServiceNotFound => "onec.service_not_found",
            Self::OperationNotFound => "onec.operation_not_found",
            Self::VersionNotOffered => "onec.soap_version_not_offered",
            Self::Wsdl(_) => "onec.wsdl_unusable",
            Self::Arguments(_) => "request.validation_failed",
            Self::Fault(fault) => match fault.kind {
                FaultKind::UnknownParameter => "onec.soap_unknown_parameter",
                FaultKind::MissingParameter => "onec.soap_missing_parameter",
                FaultKind::Other => "onec.soap_fault",
            },
            Self::Envelope(_) | Self::Answer(_) => "onec.soap_answer_unusable",
        }
    }
}

/// The name of a web service, which becomes one segment of an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceName(String);

impl ServiceName {
    /// A name of 1C's, with or without `.1cws` at its end.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let plain = name.strip_suffix(".1cws").unwrap_or(name);
        let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
        let fits = !plain.is_empty() && plain.chars().count() <= 100 && plain.chars().all(is_name);
        fits.then(|| Self(name.to_owned()))
    }

    /// The name as given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Names of the published file, the likeliest first.
    fn files(&self) -> Vec<String> {
        let mut files = vec![self.0.clone()];
        if !self.0.ends_with(".1cws") {
            files.push(format!("{}.1cws", self.0));
            let lower = format!("{}.1cws", self.0.to_lowercase());
            if !files.contains(&lower) {
                files.push(lower);
            }
        }
        files
    }
}

/// A service that is published.
#[derive(Debug)]
pub(crate) struct Published {
    address: Url,
    pub(crate) description: Description,
}

/// What is known of one service of one infobase.
#[derive(Debug, Clone)]
struct Known {
    read_at: Instant,
    /// Root of the services when it was read.
    root: Url,
    /// None: it is not published.
    published: Option<Arc<Published>>,
}

/// What an operation answered.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    /// What it returned.
    pub(crate) result: Value,
    /// Parameters that came out.
    pub(crate) out: Map<String, Value>,
}

/// What a service may be, found by its name.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    /// The description, or the code of why there is none.
    pub(crate) described: Result<Arc<Published>, &'static str>,
}

/// The services of all infobases, as far as they are known.
#[derive(Debug)]
pub(crate) struct Services {
    /// Names that are looked for.
    names: Vec<ServiceName>,
    known: Mutex<HashMap<(Uuid, ServiceName), Known>>,
}

impl Services {
    /// Looks for the standard services and those named.
    pub(crate) fn new(more: &[ServiceName]) -> Self {
        let mut names: Vec<ServiceName> = STANDARD.into_iter().filter_map(ServiceName::parse).collect();
        for name in more {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        Self {
            names,
            known: Mutex::default(),
        }
    }

    /// The same names, with nothing known about them.
    pub(crate) fn anew(&self) -> Self {
        Self {
            names: self.names.clone(),
            known: Mutex::default(),
        }
    }

    /// The services that an infobase publishes among those looked for.
    ///
    /// # Errors
    /// When 1C cannot be asked.
    pub(crate) async fn list(&self, infobase: Uuid, transport: &Transport) -> Result<Vec<Found>, SoapError> {
        let looks: Vec<_> = self
            .names
            .iter()
            .map(|name| self.look(infobase, transport, name))
            .collect();
        let looked: Vec<_> = stream::iter(looks).buffered(PROBES).collect().await;
        let mut found = Vec::new();
        for (name, published) in self.names.iter().zip(looked) {
            let name = name.as_str().to_owned();
            match published {
                Ok(Some(published)) => found.push(Found {
                    name,
                    described: Ok(published),
                }),
                Ok(None) => {}
                Err(error @ SoapError::Wsdl(_)) => found.push(Found {
                    name,
                    described: Err(error.code()),
                }),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// As it is known, or as it turns out.
    async fn look(
        &self,
        infobase: Uuid,
        transport: &Transport,
        name: &ServiceName,
    ) -> Result<Option<Arc<Published>>, SoapError> {
        if let Some(known) = self.known(infobase, transport, name) {
            return Ok(known.published);
        }
        match self.read(infobase, transport, name).await {
            Ok(published) => Ok(Some(published)),
            Err(SoapError::ServiceNotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a service offers.
    pub(crate) async fn describe(
        &self,
        infobase: Uuid,
        transport: &Transport,
        name: &ServiceName,
    ) -> Result<Arc<Published>, SoapError> {
        let known = self.known(infobase, transport, name);
        match known.and_then(|known| known.published) {
            Some(published) => Ok(published),
            None => self.read(infobase, transport, name).await,
        }
    }

    /// Calls an operation. An operation that is not known makes the description be read again.
    pub(crate) async fn call(
        &self,
        infobase: Uuid,
        transport: &Transport,
        name: &ServiceName,
        operation: &str,
        call: &Call<'_>,
    ) -> Result<Answer, SoapError> {
        let mut published = self.describe(infobase, transport, name).await?;
        let is_old = self
            .known(infobase, transport, name)
            .is_none_or(|known| known.read_at.elapsed() > FRESH);
        if is_old && !published.description.operations.contains_key(operation) {
            published = self.read(infobase, transport, name).await?;
        }
        let answer = published.call(transport, operation, call).await;
        if let Err(
            SoapError::ServiceNotFound
            | SoapError::Fault(Fault {
                kind: FaultKind::UnknownParameter | FaultKind::MissingParameter,
                ..
            }),
        ) = &answer
        {
            // The configuration has changed.
            self.lock().remove(&(infobase, name.clone()));
        }
        answer
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Uuid, ServiceName), Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, infobase: Uuid, transport: &Transport, name: &ServiceName) -> Option<Known> {
        let known = self.lock().get(&(infobase, name.clone())).cloned()?;
        (known.read_at.elapsed() < LIFETIME && known.root == *transport.soap()).then_some(known)
    }

    async fn read(
        &self,
        infobase: Uuid,
        transport: &Transport,
        name: &ServiceName,
    ) -> Result<Arc<Published>, SoapError> {
        let started = Instant::now();
        let read = find(transport, name).await;
        measure("wsdl", started, read.as_ref().err());
        let published = match read {
            Ok(published) => Some(Arc::new(published)),
            Err(SoapError::ServiceNotFound) => None,
            Err(error) => return Err(error),
        };
        let known = Known {
            read_at: Instant::now(),
            root: transport.soap().clone(),
            published: published.clone(),
        };
        let mut all = self.lock();
        if all.len() >= MOST_KNOWN {
            let oldest = all.iter().min_by_key(|(_, known)| known.read_at);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                all.remove(&oldest);
            }
        }
        all.insert((infobase, name.clone()), known);
        published.ok_or(SoapError::ServiceNotFound)
    }
}

/// A call of an operation.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) arguments: &'a Map<String, Value>,
    /// Where the arguments stand in the request, for pointers.
    pub(crate) at: &'a str,
    /// None: 1.1 when it is offered.
    pub(crate) version: Option<Version>,
}

async fn find(transport: &Transport, name: &ServiceName) -> Result<Published, SoapError> {
    for file in name.files() {
        let segment = utf8_percent_encode(&file, SEGMENT);
        let Ok(address) = transport.soap().join(&segment.to_string()) else {
            continue;
        };
        let mut wsdl = address.clone();
        wsdl.set_query(Some("wsdl"));
        if let Some(main) = document(transport, &wsdl).await? {
            let documents = with_imports(transport, &wsdl, main).await?;
            let description = Description::read(&documents)?;
            return Ok(Published { address, description });
        }
    }
    Err(SoapError::ServiceNotFound)
}

/// A document of a description; nothing when there is none at the address.
async fn document(transport: &Transport, address: &Url) -> Result<Option<Element>, SoapError> {
    let request = transport.request(Method::GET, address.as_str());
    let answer = transport.send(request).await?;
    let status = answer.status();
    let body = answer.bytes(LARGEST_DOCUMENT).await?;
    if status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if !status.is_success() {
        return Err(OdataError::from_answer("ws", status.as_u16(), &body).into());
    }
    match Element::parse(&body, LARGEST_DOCUMENT) {
        Ok(document) => Ok(Some(document)),
        // A page that says that there is no licence, also with status 200.
        Err(error) => match OdataError::from_answer("ws", status.as_u16(), &body) {
            OdataError::NotOdata => Err(WsdlError::from(error).into()),
            said => Err(said.into()),
        },
    }
}

/// A description with what it imports from the same server; schemas from elsewhere are not fetched.
async fn with_imports(
    transport: &Transport,
    address: &Url,
    main: Element,
) -> Result<Vec<Element>, SoapError> {
    let mut seen = vec![address.clone()];
    let mut waiting: Vec<(Url, String)> = Description::imports(&main)
        .into_iter()
        .map(|location| (address.clone(), location))
        .collect();
    let mut documents = vec![main];
    while let Some((base, location)) = waiting.pop() {
        let Ok(imported) = base.join(&location) else {
            continue;
        };
        let is_near =
            imported.origin() == address.origin() && imported.path().starts_with(transport.soap().path());
        if !is_near || seen.contains(&imported) || documents.len() >= MOST_DOCUMENTS {
            continue;
        }
        seen.push(imported.clone());
        if let Some(document) = document(transport, &imported).await? {
            let more = Description::imports(&document);
            waiting.extend(more.into_iter().map(|location| (imported.clone(), location)));
            documents.push(document);
        }
    }
    Ok(documents)
}

impl Published {
    async fn call(&self, transport: &Transport, name: &str, call: &Call<'_>) -> Result<Answer, SoapError> {
        let description = &self.description;
        let operation = description
            .operations
            .get(name)
            .ok_or(SoapError::OperationNotFound)?;
        let version = match call.version {
            Some(version) => version,
            // They are in order, the oldest first.
            None => *operation
                .actions
                .keys()
                .next()
                .ok_or(SoapError::VersionNotOffered)?,
        };
        let action = operation
            .actions
            .get(&version)
            .ok_or(SoapError::VersionNotOffered)?;
        let body = encode::arguments(&description.schema, operation, call.arguments, call.at)
            .map_err(SoapError::Arguments)?;
        let started = Instant::now();
        let answered = self.send(transport, version, action, &body).await;
        measure("soap", started, answered.as_ref().err());
        let Some(answer) = answered? else {
            return Ok(Answer {
                result: Value::Null,
                out: Map::new(),
            });
        };
        self.read(operation, &answer)
    }

    /// The wrapper of the answer; nothing when the service has nothing to say.
    async fn send(
        &self,
        transport: &Transport,
        version: Version,
        action: &str,
        body: &str,
    ) -> Result<Option<Element>, SoapError> {
        let mut request = transport.request(Method::POST, self.address.as_str());
        for (name, value) in envelope::headers(version, action) {
            request = request.header(name, value);
        }
        let request = request.body(envelope::request(version, body));
        let answer = transport.send(request).await?;
        let status = answer.status();
        let is_xml = answer
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("xml"));
        let body = answer.bytes(LARGEST_ANSWER).await?;
        if status == StatusCode::NOT_FOUND {
            return Err(SoapError::ServiceNotFound);
        }
        // Faults come with 500, in SOAP 1.2 with 400 as well.
        let may_be_soap = status.is_success() || matches!(status.as_u16(), 400 | 500);
        if !may_be_soap || !(is_xml || body.is_empty()) {
            return Err(match OdataError::from_answer("ws", status.as_u16(), &body) {
                OdataError::NotOdata => EnvelopeError::NotSoap.into(),
                said => said.into(),
            });
        }
        if body.is_empty() && status.is_success() {
            return Ok(None);
        }
        match envelope::read(&body, LARGEST_ANSWER) {
            Ok(Reply::Answer(answer)) => Ok(Some(answer)),
            Ok(Reply::Fault(fault)) => Err(SoapError::Fault(fault)),
            Err(_) if !status.is_success() => {
                Err(OdataError::from_answer("ws", status.as_u16(), &body).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read(&self, operation: &Operation, answer: &Element) -> Result<Answer, SoapError> {
        if answer.name.local != operation.output.local {
            return Err(EnvelopeError::NotSoap.into());
        }
        let schema = &self.description.schema;
        let result = match &operation.result {
            Some(member) => decode::member(schema, member, answer)?,
            None => None,
        };
        let mut out = Map::new();
        for parameter in &operation.parameters {
            if parameter.direction == Direction::In {
                continue;
            }
            if let Some(value) = decode::member(schema, &parameter.member, answer)? {
                out.insert(parameter.member.name.local.to_string(), value);
            }
        }
        Ok(Answer {
            result: result.unwrap_or_default(),
            out,
        })
    }
}

/// The operations that calls are measured by.
pub(crate) fn measure(operation: &'static str, started: Instant, error: Option<&SoapError>) {
    let outcome = error.map_or("ok", SoapError::code);
    metrics::histogram!(REQUEST_DURATION, "operation" => operation, "outcome" => outcome)
        .record(started.elapsed().as_secs_f64());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_segment() {
        for name in ["InterfaceVersion", "exchange_2_0_1_6.1cws", "Обмен"] {
            assert_eq!(ServiceName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            ".1cws",
            "..",
            "a/b",
            "a%2fb",
            "a?b",
            "a b",
            "a.b",
            &"x".repeat(101),
        ] {
            assert!(ServiceName::parse(name).is_none(), "{name}");
        }
        assert_eq!(
            ServiceName::parse("Exchange").unwrap().files(),
            ["Exchange", "Exchange.1cws", "exchange.1cws"]
        );
    }

    #[test]
    fn names_are_looked_for_once() {
        let more = ["Обмен", "Exchange"].map(|name| ServiceName::parse(name).unwrap());
        assert_eq!(Services::new(&more).names.len(), STANDARD.len() + 1);
    }
}
