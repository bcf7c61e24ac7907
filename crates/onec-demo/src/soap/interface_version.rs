//! `InterfaceVersion`: which versions of an interface the base speaks.

use super::value::Value;
use super::wsdl::{Of, Operation, Service, given};
use super::{Answer, Given};

pub(super) static SERVICE: Service = Service {
    name: "InterfaceVersion",
    namespace: "http://www.1c.ru/SaaS/1.0/WS",
    file: "InterfaceVersion.1cws",
    operations: &[Operation {
        name: "GetVersions",
        parameters: &[given("InterfaceName", "xs:string")],
        result: (Of("v8:Array"), false),
    }],
    package: ("", ""),
};

pub(super) fn call(given: &Given) -> Answer {
    let versions: &[&str] = match given.text("InterfaceName") {
        "EnterpriseDataExchange" => &["1.0.1.1"],
        "ОбменДанными" | "DataExchange" => &["2.0.1.6"],
        _ => &[],
    };
    let versions = versions.iter().map(|version| Value::text(*version)).collect();
    Ok((Value::Array(versions), Vec::new()))
}
