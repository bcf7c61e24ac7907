//! SOAP services of 1C: what they offer, calls with JSON arguments, and the exchange of
//! EnterpriseData as a worked case.
//!
//! In reading order: `xml` (documents as bounded trees), `schema` and `wsdl` (what a service
//! offers), `kind`, `text`, `encode` and `decode` (JSON to XML and back by the schema), `envelope`
//! (SOAP 1.1 and 1.2), `service` (finding and calling), `enterprise_data` (the worked case).

mod decode;
mod encode;
mod enterprise_data;
pub(crate) mod envelope;
#[cfg(test)]
mod fixtures;
mod kind;
mod problem;
mod schema;
mod service;
mod shape;
mod text;
#[cfg(test)]
mod trials;
pub(crate) mod wsdl;
pub(crate) mod xml;

pub(crate) use enterprise_data::{Exchange, ExchangeError, Peer, Progress, wait};
pub use service::ServiceName;
pub(crate) use service::{Call, Services, SoapError};
pub(crate) use shape::Shape;
pub(crate) use wsdl::{Direction, Version};
