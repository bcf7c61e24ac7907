//! Which of our ways of writing a value a type takes, and what types are called in JSON.

use super::schema::{CURRENT_CONFIG, Complex, Schema, Simple, Type, V8, XS};
use super::xml::Name;
use schemars::JsonSchema;

/// Key of a value's type in JSON, where the schema leaves it open.
pub(crate) const TYPE: &str = "@type";
/// Key of a value beside [`TYPE`].
pub(crate) const VALUE: &str = "value";
/// Key of an element's text beside attributes.
pub(crate) const TEXT: &str = "#text";

/// How values of a type are written.
#[derive(Debug, Clone, Copy, JsonSchema)]
pub(crate) enum Kind<'a> {
    /// Any type: the value itself tells.
    Any,
    /// Text of a form.
    Text(Form),
    /// `v8:Structure`: named values.
    Structure,
    /// `v8:Array`: values in order.
    Array,
    /// `v8:Map`: pairs of values.
    Map,
    /// `v8:ValueTable`: columns and rows.
    ValueTable,
    /// `v8:Null`, which is not the same as no value.
    Null,
    /// A simple type of the schema.
    Simple(&'a Simple),
    /// A complex type of the schema.
    Complex(&'a Complex),
}

/// Forms of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
pub(crate) enum Form {
    /// Any text.
    String,
    /// `true` or `false`.
    Boolean,
    /// A whole number that fits 64 bits: a number in JSON.
    Integer,
    /// A number of any size and precision: a string in JSON.
    Decimal,
    /// As [`Form::Decimal`], with exponents and `INF`.
    Float,
    /// Moment without a zone.
    DateTime,
    /// Day.
    Date,
    /// Time of day.
    Time,
    /// Bytes.
    Base64,
    /// Bytes.
    Hex,
    /// UUID: also a reference to an object of the configuration.
    Uuid,
}

impl<'a> Kind<'a> {
    /// The kind of a type. A type that nothing defines may be anything.
    pub(crate) fn of(schema: &'a Schema, name: &Name) -> Self {
        match &*name.space {
            XS => xs(&name.local),
            V8 => v8(&name.local).unwrap_or_else(|| defined(schema, name)),
            CURRENT_CONFIG if name.local.contains("Ref.") => Self::Text(Form::Uuid),
            _ => defined(schema, name),
        }
    }
}

fn defined<'a>(schema: &'a Schema, name: &Name) -> Kind<'a> {
    match schema.get(name) {
        Some(Type::Simple(simple)) => Kind::Simple(simple),
        Some(Type::Complex(complex)) => Kind::Complex(complex),
        None => Kind::Any,
    }
}

fn xs<'a>(local: &str) -> Kind<'a> {
    Kind::Text(match local {
        "anyType" => return Kind::Any,
        "boolean" => Form::Boolean,
        "int" | "long" | "short" | "byte" | "unsignedInt" | "unsignedLong" | "unsignedShort"
        | "unsignedByte" => Form::Integer,
        "decimal" | "integer" | "nonNegativeInteger" | "positiveInteger" | "nonPositiveInteger"
        | "negativeInteger" => Form::Decimal,
        "float" | "double" => Form::Float,
        "dateTime" => Form::DateTime,
        "date" => Form::Date,
        "time" => Form::Time,
        "base64Binary" => Form::Base64,
        "hexBinary" => Form::Hex,
        _ => Form::String,
    })
}

fn v8<'a>(local: &str) -> Option<Kind<'a>> {
    Some(match local {
        "Structure" | "FixedStructure" => Kind::Structure,
        "Array" | "FixedArray" => Kind::Array,
        "Map" | "FixedMap" => Kind::Map,
        "ValueTable" => Kind::ValueTable,
        "Null" => Kind::Null,
        "UUID" => Kind::Text(Form::Uuid),
        "ValueStorage" => Kind::Text(Form::Base64),
        _ => return None,
    })
}

/// What a type is called in JSON: `xs:string`, `v8:Map`, `cfg:CatalogRef.Контрагенты`, else
/// `{namespace}name`.
pub(crate) fn label(name: &Name) -> String {
    match prefix(&name.space) {
        Some(prefix) => format!("{prefix}:{}", name.local),
        None => format!("{{{}}}{}", name.space, name.local),
    }
}

/// The type of a label.
pub(crate) fn named(label: &str) -> Option<Name> {
    if let Some(rest) = label.strip_prefix('{') {
        let (space, local) = rest.split_once('}')?;
        return (!local.is_empty()).then(|| Name::new(space, local));
    }
    let (prefix, local) = label.split_once(':')?;
    let space = match prefix {
        "xs" => XS,
        "v8" => V8,
        "cfg" => CURRENT_CONFIG,
        _ => return None,
    };
    (!local.is_empty()).then(|| Name::new(space, local))
}

/// The prefix that a namespace has in our envelopes and labels.
pub(crate) fn prefix(space: &str) -> Option<&'static str> {
    match space {
        XS => Some("xs"),
        V8 => Some("v8"),
        CURRENT_CONFIG => Some("cfg"),
        _ => None,
    }
}
