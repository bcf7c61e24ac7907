//! WSDL 1.1 with bindings to SOAP 1.1 and 1.2, document/literal wrapped, as 1C publishes it.

use schemars::JsonSchema;
use std::collections::{BTreeMap, HashMap};

use super::schema::{Complex, Member, Schema, Type, XS};
use super::xml::{Element, Name, XmlError};

/// WSDL 1.1.
const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
/// Binding of WSDL 1.1 to SOAP 1.1.
const SOAP_11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
/// Binding of WSDL 1.1 to SOAP 1.2.
const SOAP_12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
/// Largest document that is read. WSDLs of large services of 1C take some hundred kilobytes.
pub(crate) const LARGEST_DOCUMENT: usize = 8 * 1024 * 1024;

/// Version of the protocol.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize, JsonSchema,
)]
pub(crate) enum Version {
    /// SOAP 1.1.
    #[serde(rename = "1.1")]
    V11,
    /// SOAP 1.2.
    #[serde(rename = "1.2")]
    V12,
}

/// Why a service's description cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WsdlError {
    /// Not XML as we allow it.
    #[error("the description is not readable XML")]
    Xml(#[from] XmlError),
    /// XML, but not a description of a service.
    #[error("the document is not a WSDL")]
    NotWsdl,
    /// No binding that we speak.
    #[error("the service has no document/literal binding to SOAP")]
    NoBinding,
}

/// Which way a parameter goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// To the service.
    In,
    /// From the service.
    Out,
    /// Both ways.
    InOut,
}

/// A parameter of an operation.
#[derive(Debug, Clone)]
pub(crate) struct Parameter {
    pub(crate) member: Member,
    pub(crate) direction: Direction,
}

/// An operation of a service.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The element of the request.
    pub(crate) input: Name,
    /// The element of the answer.
    pub(crate) output: Name,
    /// In the order of the description, those of the answer alone last.
    pub(crate) parameters: Vec<Parameter>,
    /// What the answer returns beside parameters.
    pub(crate) result: Option<Member>,
    /// `SOAPAction` by version of the protocol.
    pub(crate) actions: BTreeMap<Version, String>,
}

/// A service.
#[derive(Debug)]
pub(crate) struct Description {
    /// The service's own name.
    pub(crate) name: String,
    /// Target namespace.
    pub(crate) namespace: String,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) schema: Schema,
}

impl Description {
    /// The addresses of other documents that a document imports or includes.
    pub(crate) fn imports(document: &Element) -> Vec<String> {
        let imported = document.children_of(WSDL, "import");
        let mut found: Vec<String> = imported
            .filter_map(|import| import.attribute("location").map(str::to_owned))
            .collect();
        for schema in schemas(document) {
            for child in &schema.children {
                if &*child.name.space == XS
                    && matches!(&*child.name.local, "import" | "include" | "redefine")
                    && let Some(location) = child.attribute("schemaLocation")
                {
                    found.push(location.to_owned());
                }
            }
        }
        found
    }

    /// The service that these documents describe; the first is the WSDL itself.
    pub(crate) fn read(documents: &[Element]) -> Result<Self, WsdlError> {
        let main = documents.first().ok_or(WsdlError::NotWsdl)?;
        if !main.name.is(WSDL, "definitions") {
            return Err(WsdlError::NotWsdl);
        }
        let sources: Vec<&Element> = documents.iter().flat_map(schemas).collect();
        let schema = Schema::new(&sources);
        let parts = Parts::of(documents);
        let service = main
            .children_of(WSDL, "service")
            .chain(
                documents
                    .iter()
                    .flat_map(|other| other.children_of(WSDL, "service")),
            )
            .next()
            .ok_or(WsdlError::NotWsdl)?;
        let mut operations = BTreeMap::new();
        for port in service.children_of(WSDL, "port") {
            let binding = port.name_in("binding").and_then(|name| parts.bindings.get(&name));
            if let Some(binding) = binding {
                parts.bind(binding, &schema, &mut operations);
            }
        }
        if operations.is_empty() {
            return Err(WsdlError::NoBinding);
        }
        Ok(Self {
            name: service.attribute("name").unwrap_or_default().to_owned(),
            namespace: main.attribute("targetNamespace").unwrap_or_default().to_owned(),
            operations,
            schema,
        })
    }
}

/// The schemas within a document, which may be a schema itself.
fn schemas(document: &Element) -> Vec<&Element> {
    if document.name.is(XS, "schema") {
        return vec![document];
    }
    document
        .children_of(WSDL, "types")
        .flat_map(|types| types.children_of(XS, "schema"))
        .collect()
}

/// Named parts of all documents.
struct Parts<'a> {
    /// The element of a message's only part.
    messages: HashMap<Name, Name>,
    port_types: HashMap<Name, &'a Element>,
    bindings: HashMap<Name, &'a Element>,
}

impl<'a> Parts<'a> {
    fn of(documents: &'a [Element]) -> Self {
        let mut parts = Self {
            messages: HashMap::new(),
            port_types: HashMap::new(),
            bindings: HashMap::new(),
        };
        for document in documents
            .iter()
            .filter(|document| document.name.is(WSDL, "definitions"))
        {
            let space = document.attribute("targetNamespace").unwrap_or_default();
            for child in document
                .children
                .iter()
                .filter(|child| &*child.name.space == WSDL)
            {
                let Some(name) = child.attribute("name").map(|name| Name::new(space, name)) else {
                    continue;
                };
                match &*child.name.local {
                    "message" => {
                        let part = child.child(WSDL, "part");
                        if let Some(element) = part.and_then(|part| part.name_in("element")) {
                            parts.messages.insert(name, element);
                        }
                    }
                    "portType" => drop(parts.port_types.insert(name, child)),
                    "binding" => drop(parts.bindings.insert(name, child)),
                    _ => {}
                }
            }
        }
        parts
    }

    /// Adds the operations of a binding.
    fn bind(&self, binding: &Element, schema: &Schema, operations: &mut BTreeMap<String, Operation>) {
        let bound = [(SOAP_11, Version::V11), (SOAP_12, Version::V12)]
            .into_iter()
            .find_map(|(space, version)| Some((space, version, binding.child(space, "binding")?)));
        let port_type = binding
            .name_in("type")
            .and_then(|name| self.port_types.get(&name));
        let (Some((space, version, form)), Some(port_type)) = (bound, port_type) else {
            return;
        };
        let style = form.attribute("style").unwrap_or("document");
        for operation in binding.children_of(WSDL, "operation") {
            let Some(name) = operation.attribute("name") else {
                continue;
            };
            let own = operation.child(space, "operation");
            let own_style = own.and_then(|own| own.attribute("style")).unwrap_or(style);
            let is_literal = |way: &str| {
                let body = operation
                    .child(WSDL, way)
                    .and_then(|way| way.child(space, "body"));
                body.and_then(|body| body.attribute("use")) != Some("encoded")
            };
            if own_style != "document" || !is_literal("input") || !is_literal("output") {
                continue;
            }
            let action = own
                .and_then(|own| own.attribute("soapAction"))
                .unwrap_or_default();
            if let Some(known) = operations.get_mut(name) {
                known.actions.insert(version, action.to_owned());
                continue;
            }
            let declared = port_type
                .children_of(WSDL, "operation")
                .find(|declared| declared.attribute("name") == Some(name));
            let element = |way: &str| {
                let message = declared?.child(WSDL, way)?.name_in("message")?;
                self.messages.get(&message).cloned()
            };
            if let (Some(input), Some(output)) = (element("input"), element("output")) {
                let (parameters, result) = parameters(schema, &input, &output);
                operations.insert(
                    name.to_owned(),
                    Operation {
                        input,
                        output,
                        parameters,
                        result,
                        actions: BTreeMap::from([(version, action.to_owned())]),
                    },
                );
            }
        }
    }
}

/// The parameters that two wrappers hold, and the result. 1C calls the result `return`; others call
/// it as they like, and then it is the only member that the request does not have.
fn parameters(schema: &Schema, input: &Name, output: &Name) -> (Vec<Parameter>, Option<Member>) {
    let given = wrapped(schema, input);
    let mut answered = wrapped(schema, output);
    let is_given = |member: &Member| given.iter().any(|given| given.name.local == member.name.local);
    let alone = answered.iter().filter(|member| !is_given(member)).count() == 1;
    let result = answered
        .iter()
        .position(|member| &*member.name.local == "return")
        .or_else(|| {
            alone
                .then(|| answered.iter().position(|member| !is_given(member)))
                .flatten()
        })
        .map(|at| answered.remove(at));
    let mut parameters: Vec<Parameter> = given
        .iter()
        .map(|member| {
            let both = answered
                .iter()
                .any(|answer| answer.name.local == member.name.local);
            Parameter {
                member: member.clone(),
                direction: if both { Direction::InOut } else { Direction::In },
            }
        })
        .collect();
    parameters.extend(
        answered
            .into_iter()
            .filter(|member| !is_given(member))
            .map(|member| Parameter {
                member,
                direction: Direction::Out,
            }),
    );
    (parameters, result)
}

fn wrapped(schema: &Schema, element: &Name) -> Vec<Member> {
    let root = schema.root(element);
    match root.and_then(|root| schema.get(&root.type_name)) {
        Some(Type::Complex(complex)) => members(schema, complex),
        _ => Vec::new(),
    }
}

fn members(schema: &Schema, complex: &Complex) -> Vec<Member> {
    schema.members(complex).into_iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn operations_have_parameters_with_directions() {
        let description = fixtures::description();
        assert_eq!(description.name, "Обмен");
        assert_eq!(description.namespace, "http://example.org/exchange");
        let operation = &description.operations["Перенести"];
        assert!(operation.input.is("http://example.org/exchange", "Перенести"));
        let ways: Vec<_> = operation
            .parameters
            .iter()
            .map(|parameter| (&*parameter.member.name.local, parameter.direction))
            .collect();
        assert_eq!(
            ways,
            [
                ("Таблица", Direction::In),
                ("Состояние", Direction::InOut),
                ("Ошибка", Direction::Out)
            ]
        );
        let result = operation.result.as_ref().unwrap();
        assert!(result.type_name.is(XS, "boolean") && !result.is_nillable);
        assert_eq!(
            operation.actions[&Version::V11],
            "http://example.org/exchange#Обмен:Перенести"
        );
        assert!(operation.actions.contains_key(&Version::V12));
    }

    #[test]
    fn what_is_not_a_description_is_told() {
        let read = |text: &str| {
            let document = Element::parse(text.as_bytes(), LARGEST_DOCUMENT).unwrap();
            Description::read(&[document])
        };
        assert!(matches!(read("<html/>"), Err(WsdlError::NotWsdl)));
        let bare =
            r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"><service name="X"/></definitions>"#;
        assert!(matches!(read(bare), Err(WsdlError::NoBinding)));
    }

    #[test]
    fn encoded_and_rpc_operations_are_left_out() {
        let text = fixtures::WSDL.replace("style=\"document\"", "style=\"rpc\"");
        let document = Element::parse(text.as_bytes(), LARGEST_DOCUMENT).unwrap();
        assert!(matches!(
            Description::read(&[document]),
            Err(WsdlError::NoBinding)
        ));
        let text = fixtures::WSDL.replace("use=\"literal\"", "use=\"encoded\"");
        let document = Element::parse(text.as_bytes(), LARGEST_DOCUMENT).unwrap();
        assert!(matches!(
            Description::read(&[document]),
            Err(WsdlError::NoBinding)
        ));
    }
}
