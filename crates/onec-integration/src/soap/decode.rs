//! Answers in XML to JSON, by the schema of the service.

use serde_json::{Map, Value, json};

use super::encode::attribute_key;
use super::kind::{Form, Kind, TEXT, TYPE, VALUE, label};
use super::schema::{Complex, Member, Schema, V8, XS};
use super::text;
use super::xml::{Element, Name};

/// How deep values may be nested.
const MAX_DEPTH: usize = 64;

/// An answer that does not fit the description of the service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    /// A text of another form.
    #[error("the element `{0}` has a value of another form than its type")]
    Value(String),
    /// Too deep.
    #[error("the answer is nested too deep")]
    TooDeep,
}

/// The value of a member among the children of a wrapper; nothing when it does not come.
pub(crate) fn member(
    schema: &Schema,
    member: &Member,
    parent: &Element,
) -> Result<Option<Value>, DecodeError> {
    Decoder { schema }.member(member, parent, 0)
}

struct Decoder<'a> {
    schema: &'a Schema,
}

impl Decoder<'_> {
    fn member(&self, member: &Member, parent: &Element, depth: usize) -> Result<Option<Value>, DecodeError> {
        // Some services qualify what their schema does not, and the other way about.
        let mut found = parent
            .children
            .iter()
            .filter(|child| child.name.local == member.name.local);
        if member.is_repeated {
            let values: Result<Vec<_>, _> = found
                .map(|element| self.value(&member.type_name, element, depth + 1))
                .collect();
            return values.map(|values| Some(Value::Array(values)));
        }
        found
            .next()
            .map(|element| self.value(&member.type_name, element, depth + 1))
            .transpose()
    }

    fn value(&self, declared: &Name, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        if element.is_nil() {
            return Ok(Value::Null);
        }
        let wrong = || DecodeError::Value(element.name.local.to_string());
        match Kind::of(self.schema, declared) {
            Kind::Any => self.any(element, depth),
            Kind::Text(Form::Base64) if !element.children.is_empty() => self.plain(element, depth),
            Kind::Text(form) => text::to_json(form, &element.text).ok_or_else(wrong),
            Kind::Structure => self.structure(element, depth),
            Kind::Array => self.array(element, depth),
            Kind::Map => self.map(element, depth),
            Kind::ValueTable => self.table(element, depth),
            Kind::Null => Ok(Value::Null),
            Kind::Simple(simple) if simple.is_list => {
                let items = element.text.split_ascii_whitespace();
                let items = items.map(|item| self.text(&simple.base, item, depth).ok_or_else(wrong));
                items.collect::<Result<Vec<_>, _>>().map(Value::Array)
            }
            Kind::Simple(simple) => self.text(&simple.base, &element.text, depth).ok_or_else(wrong),
            Kind::Complex(complex) => {
                let instance = element.instance_type().filter(|name| name != declared);
                match instance.as_ref().map(|name| (name, Kind::of(self.schema, name))) {
                    Some((name, Kind::Complex(derived))) if self.schema.derives(name, declared) => {
                        let mut value = self.complex(derived, element, depth)?;
                        if let Value::Object(object) = &mut value {
                            object.insert(TYPE.to_owned(), label(name).into());
                        }
                        Ok(value)
                    }
                    _ => self.complex(complex, element, depth),
                }
            }
        }
    }

    /// The value of a text of a simple type.
    fn text(&self, type_name: &Name, content: &str, depth: usize) -> Option<Value> {
        if depth > MAX_DEPTH {
            return None;
        }
        match Kind::of(self.schema, type_name) {
            Kind::Text(form) => text::to_json(form, content),
            Kind::Simple(simple) => self.text(&simple.base, content, depth + 1),
            _ => Some(content.into()),
        }
    }

    fn complex(&self, complex: &Complex, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        let mut object = Map::new();
        for attribute in self.schema.attributes(complex) {
            if let Some(text) = element.attribute(&attribute.name.local) {
                let value = self
                    .text(&attribute.type_name, text, depth + 1)
                    .ok_or_else(|| DecodeError::Value(attribute.name.local.to_string()))?;
                object.insert(attribute_key(&attribute.name), value);
            }
        }
        if let Some(content) = &complex.content {
            let text = self
                .text(content, &element.text, depth + 1)
                .ok_or_else(|| DecodeError::Value(element.name.local.to_string()))?;
            if object.is_empty() {
                return Ok(text);
            }
            object.insert(TEXT.to_owned(), text);
        }
        for member in self.schema.members(complex) {
            if let Some(value) = self.member(member, element, depth)? {
                object.insert(member.name.local.to_string(), value);
            }
        }
        Ok(Value::Object(object))
    }

    /// A value that tells its type. Text, truth, arrays and structures are plain JSON; the rest
    /// keeps its type beside it, so that it can be sent back as it is.
    fn any(&self, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        if element.is_nil() {
            return Ok(Value::Null);
        }
        let Some(name) = element.instance_type() else {
            return self.plain(element, depth);
        };
        let kind = Kind::of(self.schema, &name);
        let value = match kind {
            Kind::Any => self.plain(element, depth)?,
            _ => self.value(&name, element, depth + 1)?,
        };
        match (kind, value) {
            (Kind::Structure, Value::Object(object))
                if !object.contains_key(TYPE) && name.is(V8, "Structure") =>
            {
                Ok(Value::Object(object))
            }
            (Kind::Array, value) if name.is(V8, "Array") => Ok(value),
            (Kind::Text(Form::String), value) if name.is(XS, "string") => Ok(value),
            (Kind::Text(Form::Boolean), value) => Ok(value),
            (Kind::Null, _) => Ok(json!({TYPE: label(&name)})),
            (Kind::Complex(_), Value::Object(mut object)) => {
                object.insert(TYPE.to_owned(), label(&name).into());
                Ok(Value::Object(object))
            }
            (_, value) => Ok(json!({TYPE: label(&name), VALUE: value})),
        }
    }

    /// An element of no known type: its text, or its children by name.
    fn plain(&self, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        if element.children.is_empty() {
            return Ok(element.text.as_str().into());
        }
        let mut object: Map<String, Value> = Map::new();
        for child in &element.children {
            let value = self.any(child, depth + 1)?;
            match object.get_mut(&*child.name.local) {
                None => drop(object.insert(child.name.local.to_string(), json!([value]))),
                Some(Value::Array(values)) => values.push(value),
                Some(_) => {}
            }
        }
        for value in object.values_mut() {
            if let Value::Array(values) = value
                && values.len() == 1
                && let Some(only) = values.pop()
            {
                *value = only;
            }
        }
        Ok(Value::Object(object))
    }

    fn structure(&self, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        let mut object = Map::new();
        for property in element.children_of(V8, "Property") {
            let name = property.attribute("name").unwrap_or_default().to_owned();
            let value = match property.child(V8, "Value") {
                Some(value) => self.any(value, depth + 1)?,
                None => Value::Null,
            };
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }

    fn array(&self, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        let values = element.children_of(V8, "Value");
        let values: Result<Vec<_>, _> = values.map(|value| self.any(value, depth + 1)).collect();
        values.map(Value::Array)
    }

    fn map(&self, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        let mut pairs = Vec::new();
        for pair in element.children_of(V8, "pair") {
            let part = |name| match pair.child(V8, name) {
                Some(part) => self.any(part, depth + 1),
                None => Ok(Value::Null),
            };
            pairs.push(json!({"key": part("Key")?, VALUE: part("Value")?}));
        }
        Ok(Value::Array(pairs))
    }

    fn table(&self, element: &Element, depth: usize) -> Result<Value, DecodeError> {
        let mut columns = Vec::new();
        let mut shown = Vec::new();
        for column in element.children_of(V8, "column") {
            let name = column.child(V8, "Name").map_or("", |name| name.text.trim());
            let types: Vec<Name> = column
                .child(V8, "ValueType")
                .into_iter()
                .flat_map(|types| types.children_of(V8, "Type"))
                .filter_map(|of_column| of_column.qualified(&of_column.text))
                .collect();
            let labels: Vec<String> = types.iter().map(label).collect();
            shown.push(json!({"name": name, "types": labels}));
            columns.push((name, types));
        }
        let mut rows = Vec::new();
        for row in element.children_of(V8, "row") {
            let mut object = Map::new();
            for ((name, types), value) in columns.iter().zip(row.children_of(V8, "Value")) {
                // A column of one type needs no mark at each value.
                let value = match types.as_slice() {
                    [only] if element_fits(value, only) => self.value(only, value, depth + 1)?,
                    _ => self.any(value, depth + 1)?,
                };
                object.insert((*name).to_owned(), value);
            }
            rows.push(Value::Object(object));
        }
        Ok(json!({"columns": shown, "rows": rows}))
    }
}

fn element_fits(value: &Element, only: &Name) -> bool {
    value.instance_type().is_none_or(|name| name == *only)
}
