//! Arguments in JSON to XML, by the schema of the service.

use common::Text;
use common::http::FieldError;
use serde_json::{Map, Value};

use super::kind::{Kind, TEXT, TYPE, VALUE, label, named, prefix};
use super::schema::{Complex, Member, Schema, Simple, V8, XS};
use super::text;
use super::wsdl::{Direction, Operation};
use super::xml::{Name, escape};

/// How deep values may be nested.
const MAX_DEPTH: usize = 48;

/// The element of a request with its arguments.
///
/// # Errors
/// Every wrong argument with its JSON pointer below `at`.
pub(crate) fn arguments(
    schema: &Schema,
    operation: &Operation,
    arguments: &Map<String, Value>,
    at: &str,
) -> Result<String, Vec<FieldError>> {
    let mut encoder = Encoder {
        schema,
        space: &operation.input.space,
        wrong: Vec::new(),
    };
    let body = encoder.parameters(operation, arguments, at);
    if !encoder.wrong.is_empty() {
        return Err(encoder.wrong);
    }
    let space = escape(&operation.input.space).unwrap_or_default();
    let name = &operation.input.local;
    Ok(format!("<m:{name} xmlns:m=\"{space}\">{body}</m:{name}>"))
}

struct Encoder<'a> {
    schema: &'a Schema,
    /// Namespace of the prefix `m`.
    space: &'a str,
    wrong: Vec<FieldError>,
}

/// Attributes and content of an element.
#[derive(Default)]
struct Written {
    attributes: String,
    content: String,
}

impl Written {
    fn content(content: String) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }

    fn nil() -> Self {
        Self {
            attributes: " xsi:nil=\"true\"".to_owned(),
            content: String::new(),
        }
    }
}

impl Encoder<'_> {
    fn refuse(&mut self, at: &str, detail: Text) {
        self.wrong.push(FieldError {
            pointer: at.to_owned(),
            detail,
        });
    }

    /// 1C wants every parameter that goes in. One that goes both ways and may be empty is sent
    /// empty when it is not given.
    fn parameters(&mut self, operation: &Operation, given: &Map<String, Value>, at: &str) -> String {
        let mut body = String::new();
        for parameter in &operation.parameters {
            let member = &parameter.member;
            let at = child(at, &member.name.local);
            match (given.get(&*member.name.local), parameter.direction) {
                (Some(_), Direction::Out) => self.refuse(
                    &at,
                    Text::new(
                        "Этот параметр возвращает 1С, передавать его не нужно.",
                        "1C returns this parameter; it is not to be given.",
                    ),
                ),
                (None, Direction::Out) => {}
                (None, Direction::InOut) if member.is_nillable => {
                    body.push_str(&self.element(&member.name, &Written::nil()));
                }
                (value, _) => body.push_str(&self.member(member, value, &at, 0)),
            }
        }
        let known = |name: &str| {
            let mut parameters = operation.parameters.iter();
            parameters.any(|parameter| &*parameter.member.name.local == name)
        };
        for name in given.keys().filter(|name| !known(name)) {
            self.refuse(&child(at, name), unknown());
        }
        body
    }

    /// All elements of a member.
    fn member(&mut self, member: &Member, value: Option<&Value>, at: &str, depth: usize) -> String {
        let Some(value) = value else {
            if !member.is_optional {
                self.refuse(at, Text::new("Обязательное значение.", "A value is required."));
            }
            return String::new();
        };
        if !member.is_repeated {
            return self.one(member, value, at, depth);
        }
        let Value::Array(values) = value else {
            self.refuse(at, Text::new("Нужен массив.", "An array is needed."));
            return String::new();
        };
        if values.is_empty() && !member.is_optional {
            self.refuse(
                at,
                Text::new("Нужно хотя бы одно значение.", "At least one value is needed."),
            );
        }
        values
            .iter()
            .enumerate()
            .map(|(index, value)| self.one(member, value, &format!("{at}/{index}"), depth))
            .collect()
    }

    fn one(&mut self, member: &Member, value: &Value, at: &str, depth: usize) -> String {
        let written = match (value, Kind::of(self.schema, &member.type_name)) {
            (Value::Null, _) if member.is_nillable => Written::nil(),
            (Value::Null, kind) if !matches!(kind, Kind::Any | Kind::Null) => {
                self.refuse(
                    at,
                    Text::new("Значение не может быть пустым.", "The value cannot be null."),
                );
                return String::new();
            }
            (value, _) => self.value(&member.type_name, value, at, depth),
        };
        self.element(&member.name, &written)
    }

    fn element(&self, name: &Name, written: &Written) -> String {
        let (tag, declaration) = if name.space.is_empty() {
            (name.local.to_string(), String::new())
        } else if &*name.space == self.space {
            (format!("m:{}", name.local), String::new())
        } else if let Some(prefix) = prefix(&name.space) {
            (format!("{prefix}:{}", name.local), String::new())
        } else {
            let space = escape(&name.space).unwrap_or_default();
            (format!("n:{}", name.local), format!(" xmlns:n=\"{space}\""))
        };
        let Written { attributes, content } = written;
        if content.is_empty() {
            format!("<{tag}{declaration}{attributes}/>")
        } else {
            format!("<{tag}{declaration}{attributes}>{content}</{tag}>")
        }
    }

    fn value(&mut self, type_name: &Name, value: &Value, at: &str, depth: usize) -> Written {
        if depth > MAX_DEPTH {
            self.refuse(at, Text::new("Слишком большая вложенность.", "Nested too deep."));
            return Written::default();
        }
        match Kind::of(self.schema, type_name) {
            Kind::Any => self.any(value, at, depth),
            Kind::Text(form) => Written::content(match text::from_json(form, value) {
                Ok(text) => self.escaped(&text, at),
                Err(detail) => {
                    self.refuse(at, detail);
                    String::new()
                }
            }),
            Kind::Structure => self.structure(value, at, depth),
            Kind::Array => self.array(value, at, depth),
            Kind::Map => self.map(value, at, depth),
            Kind::ValueTable => self.table(value, at, depth),
            Kind::Null => Written::default(),
            Kind::Simple(simple) => self.simple(simple, value, at, depth),
            Kind::Complex(complex) => self.complex(type_name, complex, value, at, depth),
        }
    }

    fn escaped(&mut self, text: &str, at: &str) -> String {
        escape(text).unwrap_or_else(|| {
            self.refuse(
                at,
                Text::new(
                    "В тексте есть символы, которые нельзя передать в XML.",
                    "The text has characters that XML cannot hold.",
                ),
            );
            String::new()
        })
    }

    fn simple(&mut self, simple: &Simple, value: &Value, at: &str, depth: usize) -> Written {
        if simple.is_list {
            let Value::Array(values) = value else {
                self.refuse(at, Text::new("Нужен массив.", "An array is needed."));
                return Written::default();
            };
            let texts: Vec<String> = values
                .iter()
                .enumerate()
                .map(|(index, value)| {
                    let at = format!("{at}/{index}");
                    self.value(&simple.base, value, &at, depth + 1).content
                })
                .collect();
            return Written::content(texts.join(" "));
        }
        if let Value::String(text) = value {
            if !simple.values.is_empty() && !simple.values.contains(text) {
                let allowed = simple.values.join(", ");
                self.refuse(
                    at,
                    Text::new(
                        format!("Допустимые значения: {allowed}."),
                        format!("Allowed values: {allowed}."),
                    ),
                );
            }
            if let Some(most) = simple.max_length.filter(|most| text.chars().count() > *most) {
                self.refuse(
                    at,
                    Text::new(
                        format!("Не длиннее {most} символов."),
                        format!("At most {most} characters."),
                    ),
                );
            }
        }
        self.value(&simple.base, value, at, depth + 1)
    }

    fn complex(
        &mut self,
        declared: &Name,
        complex: &Complex,
        value: &Value,
        at: &str,
        depth: usize,
    ) -> Written {
        let schema = self.schema;
        if let (Some(content), false) = (&complex.content, value.is_object()) {
            return self.value(content, value, at, depth + 1);
        }
        let Value::Object(given) = value else {
            self.refuse(at, Text::new("Нужен объект.", "An object is needed."));
            return Written::default();
        };
        let mut written = Written::default();
        let mut complex = complex;
        if let Some(wanted) = given.get(TYPE) {
            let name = wanted.as_str().and_then(named);
            match name.as_ref().map(|name| (name, Kind::of(schema, name))) {
                Some((name, Kind::Complex(derived))) if schema.derives(name, declared) => {
                    complex = derived;
                    written.attributes = self.instance_type(name);
                }
                _ => {
                    let at = child(at, TYPE);
                    let shown = label(declared);
                    self.refuse(
                        &at,
                        Text::new(
                            format!("Нужен тип {shown} или производный от него."),
                            format!("The type {shown} or one derived from it is needed."),
                        ),
                    );
                }
            }
        }
        if complex.is_abstract {
            self.refuse(
                at,
                Text::new(
                    "Укажите конкретный тип в «@type».",
                    "Name a concrete type in `@type`.",
                ),
            );
        }
        let members = schema.members(complex);
        let attributes = schema.attributes(complex);
        for attribute in &attributes {
            let key = attribute_key(&attribute.name);
            let at = child(at, &key);
            match given.get(&key) {
                Some(value) => {
                    let text = self.value(&attribute.type_name, value, &at, depth + 1).content;
                    written
                        .attributes
                        .push_str(&format!(" {}=\"{text}\"", attribute.name.local));
                }
                None if attribute.is_required => {
                    self.refuse(&at, Text::new("Обязательное значение.", "A value is required."));
                }
                None => {}
            }
        }
        if let (Some(content), Some(text)) = (&complex.content, given.get(TEXT)) {
            written.content = self.value(content, text, &child(at, TEXT), depth + 1).content;
        }
        for member in &members {
            let key = &*member.name.local;
            let xml = self.member(member, given.get(key), &child(at, key), depth + 1);
            written.content.push_str(&xml);
        }
        for key in given.keys() {
            let is_known = key == TYPE
                || (key == TEXT && complex.content.is_some())
                || members.iter().any(|member| &*member.name.local == key)
                || attributes
                    .iter()
                    .any(|attribute| attribute_key(&attribute.name) == *key);
            if !is_known {
                self.refuse(&child(at, key), unknown());
            }
        }
        written
    }

    fn instance_type(&self, name: &Name) -> String {
        let local = escape(&name.local).unwrap_or_default();
        match prefix(&name.space) {
            Some(prefix) => format!(" xsi:type=\"{prefix}:{local}\""),
            None if &*name.space == self.space => format!(" xsi:type=\"m:{local}\""),
            None => {
                let space = escape(&name.space).unwrap_or_default();
                format!(" xmlns:t=\"{space}\" xsi:type=\"t:{local}\"")
            }
        }
    }

    /// A value that tells its type: by its form in JSON, or by [`TYPE`].
    fn any(&mut self, value: &Value, at: &str, depth: usize) -> Written {
        let (name, payload, payload_at) = match value {
            Value::Null => return Written::nil(),
            Value::String(_) => (Name::new(XS, "string"), value, at.to_owned()),
            Value::Bool(_) => (Name::new(XS, "boolean"), value, at.to_owned()),
            Value::Number(_) => (Name::new(XS, "decimal"), value, at.to_owned()),
            Value::Array(_) => (Name::new(V8, "Array"), value, at.to_owned()),
            Value::Object(object) => {
                let Some(wanted) = object.get(TYPE) else {
                    let mut written = self.structure(value, at, depth);
                    written.attributes.push_str(" xsi:type=\"v8:Structure\"");
                    return written;
                };
                let name = wanted.as_str().and_then(named);
                let kind = name.as_ref().map(|name| Kind::of(self.schema, name));
                let (Some(name), Some(kind)) = (name, kind) else {
                    return self.unknown_type(at);
                };
                match kind {
                    Kind::Any => return self.unknown_type(at),
                    Kind::Complex(_) => {
                        let mut written = self.value(&name, value, at, depth + 1);
                        written.attributes = self.instance_type(&name);
                        return written;
                    }
                    _ => {}
                }
                for key in object.keys().filter(|key| *key != TYPE && *key != VALUE) {
                    self.refuse(&child(at, key), unknown());
                }
                let payload = object.get(VALUE).unwrap_or(&Value::Null);
                (name, payload, child(at, VALUE))
            }
        };
        let mut written = self.value(&name, payload, &payload_at, depth + 1);
        let attributes = self.instance_type(&name);
        written.attributes.push_str(&attributes);
        written
    }

    fn unknown_type(&mut self, at: &str) -> Written {
        self.refuse(
            &child(at, TYPE),
            Text::new("Неизвестный тип.", "An unknown type."),
        );
        Written::default()
    }

    /// `<v8:Value>` of any type.
    fn open_value(&mut self, value: &Value, at: &str, depth: usize) -> String {
        let written = self.any(value, at, depth + 1);
        self.element(&Name::new(V8, "Value"), &written)
    }

    fn structure(&mut self, value: &Value, at: &str, depth: usize) -> Written {
        let Value::Object(object) = value else {
            self.refuse(at, Text::new("Нужен объект.", "An object is needed."));
            return Written::default();
        };
        let properties = object.iter().map(|(key, value)| {
            let at = child(at, key);
            let name = self.escaped(key, &at);
            let value = self.open_value(value, &at, depth);
            format!("<v8:Property name=\"{name}\">{value}</v8:Property>")
        });
        Written::content(properties.collect())
    }

    fn array(&mut self, value: &Value, at: &str, depth: usize) -> Written {
        let values = self.items(value, at);
        let values = values
            .iter()
            .enumerate()
            .map(|(index, value)| self.open_value(value, &format!("{at}/{index}"), depth));
        Written::content(values.collect())
    }

    fn items<'v>(&mut self, value: &'v Value, at: &str) -> &'v [Value] {
        match value {
            Value::Array(values) => values,
            _ => {
                self.refuse(at, Text::new("Нужен массив.", "An array is needed."));
                &[]
            }
        }
    }

    fn map(&mut self, value: &Value, at: &str, depth: usize) -> Written {
        let mut content = String::new();
        for (index, pair) in self.items(value, at).iter().enumerate() {
            let at = format!("{at}/{index}");
            let (Some(key), Some(value), Some(2)) =
                (pair.get("key"), pair.get(VALUE), pair.as_object().map(Map::len))
            else {
                self.refuse(
                    &at,
                    Text::new(
                        "Нужен объект {\"key\": …, \"value\": …}.",
                        "An object {\"key\": …, \"value\": …} is needed.",
                    ),
                );
                continue;
            };
            let key = self.any(key, &child(&at, "key"), depth + 1);
            content.push_str("<v8:pair>");
            content.push_str(&self.element(&Name::new(V8, "Key"), &key));
            content.push_str(&self.open_value(value, &child(&at, VALUE), depth));
            content.push_str("</v8:pair>");
        }
        Written::content(content)
    }

    /// `{"columns": [{"name": …, "types": ["xs:string"]}], "rows": [{…}]}`.
    fn table(&mut self, value: &Value, at: &str, depth: usize) -> Written {
        let mut content = String::new();
        let mut columns: Vec<(String, Option<Name>)> = Vec::new();
        let listed = value.get("columns").unwrap_or(&Value::Null);
        let columns_at = child(at, "columns");
        for (index, column) in self.items(listed, &columns_at).iter().enumerate() {
            let at = format!("{columns_at}/{index}");
            let types: Vec<Option<Name>> = match column.get("types") {
                None => Vec::new(),
                Some(types) => self
                    .items(types, &child(&at, "types"))
                    .iter()
                    .map(|label| label.as_str().and_then(named))
                    .collect(),
            };
            let Some(name) = column.get("name").and_then(Value::as_str) else {
                self.refuse(
                    &child(&at, "name"),
                    Text::new("Нужна строка.", "A string is needed."),
                );
                continue;
            };
            let shown = self.escaped(name, &at);
            content.push_str(&format!("<v8:column><v8:Name>{shown}</v8:Name><v8:ValueType>"));
            for (index, of_column) in types.iter().enumerate() {
                let at = format!("{at}/types/{index}");
                match of_column.as_ref().map(|name| (prefix(&name.space), &name.local)) {
                    Some((Some(prefix), local)) => {
                        let local = self.escaped(local, &at);
                        content.push_str(&format!("<v8:Type>{prefix}:{local}</v8:Type>"));
                    }
                    _ => self.refuse(&at, Text::new("Неизвестный тип.", "An unknown type.")),
                }
            }
            content.push_str("</v8:ValueType></v8:column>");
            let only = types.into_iter().flatten().collect::<Vec<_>>();
            columns.push((
                name.to_owned(),
                <[Name; 1]>::try_from(only).ok().map(|[only]| only),
            ));
        }
        let listed = value.get("rows").unwrap_or(&Value::Null);
        let rows_at = child(at, "rows");
        for (index, row) in self.items(listed, &rows_at).iter().enumerate() {
            let at = format!("{rows_at}/{index}");
            let Value::Object(row) = row else {
                self.refuse(&at, Text::new("Нужен объект.", "An object is needed."));
                continue;
            };
            content.push_str("<v8:row>");
            for (name, only) in &columns {
                let at = child(&at, name);
                let value = row.get(name).unwrap_or(&Value::Null);
                let written = match only {
                    Some(name) if !value.is_null() && value.get(TYPE).is_none() => {
                        let mut written = self.value(name, value, &at, depth + 1);
                        written.attributes = self.instance_type(name);
                        written
                    }
                    _ => self.any(value, &at, depth + 1),
                };
                content.push_str(&self.element(&Name::new(V8, "Value"), &written));
            }
            content.push_str("</v8:row>");
            for key in row
                .keys()
                .filter(|key| !columns.iter().any(|(name, _)| name == *key))
            {
                self.refuse(&child(&at, key), unknown());
            }
        }
        Written::content(content)
    }
}

/// The key of an attribute in JSON.
pub(crate) fn attribute_key(name: &Name) -> String {
    // `@type` tells the type of a value.
    if &*name.local == "type" {
        "@@type".to_owned()
    } else {
        format!("@{}", name.local)
    }
}

fn child(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

fn unknown() -> Text {
    Text::new("Такого параметра нет.", "There is no such parameter.")
}
