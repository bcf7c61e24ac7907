//! Values of 1C and how they are written in XDTO.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::tree::{CFG, Node, V8, XS, escape};

/// A value of the built-in language.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Неопределено.
    Nil,
    Null,
    Text(String),
    Bool(bool),
    /// A number by its text.
    Number(String),
    /// A moment by its text.
    Moment(String),
    Bytes(Vec<u8>),
    /// The packed form of a ХранилищеЗначения.
    Storage(String),
    Id(Uuid),
    /// Name of the reference's type, such as `CatalogRef.Склады`.
    Reference(String, Uuid),
    Structure(Vec<(String, Value)>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Table {
        /// Name and type, such as `xs:string`.
        columns: Vec<(String, String)>,
        rows: Vec<Vec<Value>>,
    },
    /// An object of a type of the service's own: members in order.
    Object(Vec<(&'static str, Value)>),
    /// Several elements in place of one.
    Several(Vec<Value>),
}

impl Value {
    /// Text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// What it is as text; empty for other values.
    pub(super) fn as_text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Moment(text) => text,
            _ => "",
        }
    }

    /// What it is as a whole number.
    pub(super) fn as_whole(&self) -> i64 {
        let text = self.as_text();
        text.split('.')
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or_default()
    }

    /// The name of its type, where the place it stands in does not tell.
    fn type_name(&self) -> Option<String> {
        Some(match self {
            Self::Nil | Self::Object(_) | Self::Several(_) => return None,
            Self::Null => "v8:Null".to_owned(),
            Self::Text(_) => "xs:string".to_owned(),
            Self::Bool(_) => "xs:boolean".to_owned(),
            Self::Number(_) => "xs:decimal".to_owned(),
            Self::Moment(_) => "xs:dateTime".to_owned(),
            Self::Bytes(_) => "xs:base64Binary".to_owned(),
            Self::Storage(_) => "v8:ValueStorage".to_owned(),
            Self::Id(_) => "v8:UUID".to_owned(),
            Self::Reference(name, _) => format!("cfg:{name}"),
            Self::Structure(_) => "v8:Structure".to_owned(),
            Self::Array(_) => "v8:Array".to_owned(),
            Self::Map(_) => "v8:Map".to_owned(),
            Self::Table { .. } => "v8:ValueTable".to_owned(),
        })
    }

    /// An element that holds the value. `open`: its type has to be told. Members of objects are
    /// written with the prefix of `tag`.
    pub(super) fn write(&self, tag: &str, open: bool) -> String {
        if let Self::Several(values) = self {
            return values.iter().map(|value| value.write(tag, open)).collect();
        }
        let mark = match (open, self.type_name()) {
            (true, Some(name)) => format!(" xsi:type=\"{}\"", escape(&name)),
            _ => String::new(),
        };
        let content = match self {
            Self::Nil => return format!("<{tag} xsi:nil=\"true\"/>"),
            Self::Null => String::new(),
            Self::Text(text) | Self::Number(text) | Self::Moment(text) | Self::Storage(text) => escape(text),
            Self::Bool(value) => value.to_string(),
            Self::Bytes(bytes) => STANDARD.encode(bytes),
            Self::Id(id) | Self::Reference(_, id) => id.to_string(),
            Self::Structure(properties) => properties
                .iter()
                .map(|(name, value)| {
                    let value = value.write("v8:Value", true);
                    format!("<v8:Property name=\"{}\">{value}</v8:Property>", escape(name))
                })
                .collect(),
            Self::Array(values) => values.iter().map(|value| value.write("v8:Value", true)).collect(),
            Self::Map(pairs) => pairs
                .iter()
                .map(|(key, value)| {
                    let (key, value) = (key.write("v8:Key", true), value.write("v8:Value", true));
                    format!("<v8:pair>{key}{value}</v8:pair>")
                })
                .collect(),
            Self::Table { columns, rows } => table(columns, rows),
            Self::Object(members) => {
                let prefix = tag.split_once(':').map_or("", |(prefix, _)| prefix);
                let own = |name: &str| {
                    if prefix.is_empty() {
                        name.to_owned()
                    } else {
                        format!("{prefix}:{name}")
                    }
                };
                let written = members.iter().map(|(name, value)| value.write(&own(name), false));
                written.collect()
            }
            Self::Several(_) => String::new(),
        };
        if content.is_empty() {
            format!("<{tag}{mark}/>")
        } else {
            format!("<{tag}{mark}>{content}</{tag}>")
        }
    }
}

fn table(columns: &[(String, String)], rows: &[Vec<Value>]) -> String {
    let mut text = String::new();
    for (name, of_type) in columns {
        let qualifiers = match of_type.as_str() {
            "xs:string" => {
                "<v8:StringQualifiers><v8:Length>0</v8:Length><v8:AllowedLength>Variable</v8:AllowedLength></v8:StringQualifiers>"
            }
            "xs:dateTime" => {
                "<v8:DateQualifiers><v8:DateFractions>DateTime</v8:DateFractions></v8:DateQualifiers>"
            }
            _ => "",
        };
        text.push_str(&format!(
            "<v8:column><v8:Name>{}</v8:Name><v8:ValueType><v8:Type>{}</v8:Type>{qualifiers}</v8:ValueType></v8:column>",
            escape(name),
            escape(of_type)
        ));
    }
    for row in rows {
        let cells: String = row.iter().map(|value| value.write("v8:Value", true)).collect();
        text.push_str(&format!("<v8:row>{cells}</v8:row>"));
    }
    text
}

/// The value of an element of a type named by namespace and local part; nothing when it does not
/// fit.
pub(super) fn read(node: &Node, space: &str, local: &str) -> Option<Value> {
    if node.nil {
        return Some(Value::Nil);
    }
    let trimmed = node.text.trim();
    Some(match (space, local) {
        (XS, "anyType") => return read_open(node),
        (XS, "string") if node.nodes.is_empty() => Value::Text(node.text.clone()),
        (XS, "boolean") => match trimmed {
            "true" | "1" => Value::Bool(true),
            "false" | "0" => Value::Bool(false),
            _ => return None,
        },
        (XS, "int" | "integer" | "long") => Value::Number(trimmed.parse::<i64>().ok()?.to_string()),
        (XS, "decimal") => {
            trimmed.parse::<rust_decimal::Decimal>().ok()?;
            Value::Number(trimmed.to_owned())
        }
        (XS, "dateTime") => {
            trimmed.parse::<chrono::NaiveDateTime>().ok()?;
            Value::Moment(trimmed.to_owned())
        }
        (XS, "base64Binary") => {
            let packed: String = trimmed.split_whitespace().collect();
            Value::Bytes(STANDARD.decode(packed).ok()?)
        }
        (V8, "ValueStorage") => Value::Storage(trimmed.to_owned()),
        (V8, "UUID") => Value::Id(trimmed.parse().ok()?),
        (V8, "Null") => Value::Null,
        (V8, "Array") => Value::Array(opens(node, "Value")?),
        (V8, "Structure") => {
            let properties = node.nodes.iter().map(|property| {
                let name = property.attribute("name")?.to_owned();
                Some((name, property.get("Value").map_or(Some(Value::Nil), read_open)?))
            });
            Value::Structure(properties.collect::<Option<_>>()?)
        }
        (V8, "Map") => {
            let pairs = node
                .nodes
                .iter()
                .map(|pair| Some((read_open(pair.get("Key")?)?, read_open(pair.get("Value")?)?)));
            Value::Map(pairs.collect::<Option<_>>()?)
        }
        (V8, "ValueTable") => {
            let columns = node.nodes.iter().filter(|part| part.name == "column");
            let columns = columns
                .map(|column| {
                    let of_type = column.get("ValueType").map_or("", |types| types.text_of("Type"));
                    (column.text_of("Name").to_owned(), of_type.to_owned())
                })
                .collect();
            let rows = node.nodes.iter().filter(|part| part.name == "row");
            let rows = rows.map(|row| opens(row, "Value")).collect::<Option<_>>()?;
            Value::Table { columns, rows }
        }
        (CFG, name) if name.contains("Ref.") => Value::Reference(name.to_owned(), trimmed.parse().ok()?),
        _ => return None,
    })
}

fn opens(node: &Node, name: &str) -> Option<Vec<Value>> {
    let values = node.nodes.iter().filter(|value| value.name == name);
    values.map(read_open).collect()
}

fn read_open(node: &Node) -> Option<Value> {
    match &node.of_type {
        Some((space, local)) if (space.as_str(), local.as_str()) != (XS, "anyType") => {
            read(node, space, local)
        }
        _ if node.nil => Some(Value::Nil),
        _ => Some(Value::Text(node.text.clone())),
    }
}
