//! What a service offers, and its WSDL as 1C writes it.

use std::fmt::Write as _;

use super::tree::{CFG, V8, XS, escape};

/// A type as the definition of a service names it: `xs:string`, `v8:Structure`,
/// `cfg:CatalogRef.Склады`, `own:Заказ` (the service's package).
#[derive(Clone, Copy, Debug)]
pub(super) struct Of(pub(super) &'static str);

impl Of {
    /// Namespace and local part.
    pub(super) fn parts(self, package: &str) -> (String, &'static str) {
        let (prefix, local) = self.0.split_once(':').unwrap_or(("xs", self.0));
        let space = match prefix {
            "v8" => V8,
            "cfg" => CFG,
            "own" => package,
            _ => XS,
        };
        (space.to_owned(), local)
    }
}

/// Which way a parameter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
    InOut,
}

/// A parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) of: Of,
    pub(super) nillable: bool,
    pub(super) way: Way,
}

/// A parameter that goes in and is never empty.
pub(super) const fn given(name: &'static str, of: &'static str) -> Parameter {
    parameter(name, of, false, Way::In)
}

/// A parameter that may be empty.
pub(super) const fn parameter(name: &'static str, of: &'static str, nillable: bool, way: Way) -> Parameter {
    Parameter {
        name,
        of: Of(of),
        nillable,
        way,
    }
}

/// An operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// Type of the result and whether it may be empty.
    pub(super) result: (Of, bool),
}

/// A web service of the configuration.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: &'static str,
    pub(super) namespace: &'static str,
    /// Name of the published file.
    pub(super) file: &'static str,
    pub(super) operations: &'static [Operation],
    /// Namespace of the XDTO package with the service's own types, and its types in XML Schema.
    pub(super) package: (&'static str, &'static str),
}

/// The platform's types.
const CORE: &str = r#"<xs:simpleType name="UUID"><xs:restriction base="xs:string"><xs:pattern value="[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"/></xs:restriction></xs:simpleType>
<xs:simpleType name="ValueStorage"><xs:restriction base="xs:base64Binary"/></xs:simpleType>
<xs:complexType name="Null"/>
<xs:complexType name="Array"><xs:sequence><xs:element name="Value" type="xs:anyType" nillable="true" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>
<xs:complexType name="Structure"><xs:sequence><xs:element name="Property" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence><xs:element name="Value" type="xs:anyType" nillable="true" minOccurs="0"/></xs:sequence><xs:attribute name="name" type="xs:string" use="required"/></xs:complexType></xs:element></xs:sequence></xs:complexType>
<xs:complexType name="Map"><xs:sequence><xs:element name="pair" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence><xs:element name="Key" type="xs:anyType" nillable="true"/><xs:element name="Value" type="xs:anyType" nillable="true"/></xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType>
<xs:complexType name="StringQualifiers"><xs:sequence><xs:element name="Length" type="xs:decimal"/><xs:element name="AllowedLength" type="xs:string"/></xs:sequence></xs:complexType>
<xs:complexType name="DateQualifiers"><xs:sequence><xs:element name="DateFractions" type="xs:string"/></xs:sequence></xs:complexType>
<xs:complexType name="TypeDescription"><xs:sequence><xs:element name="Type" type="xs:QName" minOccurs="0" maxOccurs="unbounded"/><xs:element name="StringQualifiers" type="v8:StringQualifiers" minOccurs="0"/><xs:element name="DateQualifiers" type="v8:DateQualifiers" minOccurs="0"/></xs:sequence></xs:complexType>
<xs:complexType name="ValueTable"><xs:sequence><xs:element name="column" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence><xs:element name="Name" type="xs:string"/><xs:element name="ValueType" type="v8:TypeDescription" minOccurs="0"/></xs:sequence></xs:complexType></xs:element><xs:element name="row" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence><xs:element name="Value" type="xs:anyType" nillable="true" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType>"#;
/// The references of the configuration that services use.
const REFERENCES: &str = r#"<xs:simpleType name="CatalogRef.Склады"><xs:restriction base="v8:UUID"/></xs:simpleType>
<xs:simpleType name="CatalogRef.Номенклатура"><xs:restriction base="v8:UUID"/></xs:simpleType>
<xs:simpleType name="CatalogRef.Контрагенты"><xs:restriction base="v8:UUID"/></xs:simpleType>"#;

/// The declaration of a prefix; none for no namespace, which XML cannot bind a prefix to.
pub(super) fn bound(prefix: &str, space: &str) -> String {
    if space.is_empty() {
        String::new()
    } else {
        format!(" xmlns:{prefix}=\"{space}\"")
    }
}

/// One `xs:schema`.
fn schema(space: &str, own: &str, content: &str) -> String {
    let imports: String = [V8, CFG, own]
        .into_iter()
        .filter(|imported| !imported.is_empty() && *imported != space)
        .map(|imported| format!("<xs:import namespace=\"{}\"/>", escape(imported)))
        .collect();
    let own = bound("own", own);
    format!(
        "<xs:schema xmlns:xs=\"{XS}\" xmlns:v8=\"{V8}\" xmlns:cfg=\"{CFG}\"{own} targetNamespace=\"{space}\" \
         attributeFormDefault=\"unqualified\" elementFormDefault=\"qualified\">{imports}\n{content}</xs:schema>\n"
    )
}

impl Service {
    /// The WSDL; `address` is the service's own.
    pub(super) fn wsdl(&self, address: &str) -> String {
        let (name, space) = (self.name, self.namespace);
        let (package, package_types) = self.package;
        let mut elements = String::new();
        let (mut messages, mut port_type) = (String::new(), String::new());
        let mut bindings = [String::new(), String::new()];
        let forms = ["soapbind", "soap12bind"];
        for operation in self.operations {
            let called = operation.name;
            let members = |wanted: [Way; 2]| {
                let mut text = String::new();
                for parameter in operation
                    .parameters
                    .iter()
                    .filter(|one| wanted.contains(&one.way))
                {
                    text.push_str(&member(parameter.name, parameter.of, parameter.nillable));
                }
                text
            };
            let (of, nillable) = operation.result;
            let result = member("return", of, nillable);
            for (element, content) in [
                (called.to_owned(), members([Way::In, Way::InOut])),
                (
                    format!("{called}Response"),
                    result + &members([Way::Out, Way::InOut]),
                ),
            ] {
                let _ = writeln!(
                    elements,
                    "<xs:element name=\"{element}\"><xs:complexType><xs:sequence>{content}</xs:sequence></xs:complexType></xs:element>"
                );
            }
            for (kind, element) in [
                ("Request", called.to_owned()),
                ("Response", format!("{called}Response")),
            ] {
                let _ = writeln!(
                    messages,
                    "<message name=\"{called}{kind}Message\"><part name=\"parameters\" element=\"tns:{element}\"/></message>"
                );
            }
            let _ = writeln!(
                port_type,
                "<operation name=\"{called}\"><input message=\"tns:{called}RequestMessage\"/><output message=\"tns:{called}ResponseMessage\"/></operation>"
            );
            for (form, binding) in forms.iter().zip(&mut bindings) {
                let body = format!("<{form}:body use=\"literal\"/>");
                let _ = writeln!(
                    binding,
                    "<operation name=\"{called}\"><{form}:operation style=\"document\" soapAction=\"{space}#{name}:{called}\"/>\
                     <input>{body}</input><output>{body}</output></operation>"
                );
            }
        }
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\" \
             xmlns:soap12bind=\"http://schemas.xmlsoap.org/wsdl/soap12/\" xmlns:soapbind=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
             xmlns:tns=\"{space}\" xmlns:xsd=\"{XS}\" xmlns:xsd1=\"{space}\" name=\"{name}\" targetNamespace=\"{space}\">\n<types>\n"
        );
        text.push_str(&schema(V8, "", CORE));
        text.push_str(&schema(CFG, "", REFERENCES));
        if !package.is_empty() {
            text.push_str(&schema(package, package, package_types));
        }
        text.push_str(&schema(space, package, &elements));
        let _ = write!(
            text,
            "</types>\n{messages}<portType name=\"{name}PortType\">\n{port_type}</portType>\n"
        );
        for ((form, binding), version) in forms.iter().zip(&bindings).zip(["", "12"]) {
            let _ = write!(
                text,
                "<binding name=\"{name}Soap{version}Binding\" type=\"tns:{name}PortType\">\
                 <{form}:binding style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n{binding}</binding>\n"
            );
        }
        let _ = writeln!(text, "<service name=\"{name}\">");
        for (form, version) in forms.iter().zip(["", "12"]) {
            let _ = writeln!(
                text,
                "<port name=\"{name}Soap{version}\" binding=\"tns:{name}Soap{version}Binding\"><documentation>\
                 <wsi:Claim xmlns:wsi=\"http://ws-i.org/schemas/conformanceClaim/\" conformsTo=\"http://ws-i.org/profiles/basic/1.1\"/>\
                 </documentation><{form}:address location=\"{}\"/></port>",
                escape(address)
            );
        }
        text.push_str("</service>\n</definitions>\n");
        text
    }
}

fn member(name: &str, of: Of, nillable: bool) -> String {
    let nillable = if nillable { " nillable=\"true\"" } else { "" };
    format!("<xs:element name=\"{name}\" type=\"{}\"{nillable}/>", of.0)
}
