//! One operation under description.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Schemas of what clients send, and of what they get: a member that has a default may be left out of
/// the one and is always in the other.
#[derive(Debug)]
pub struct Generators {
    /// Of requests.
    pub requests: SchemaGenerator,
    /// Of answers.
    pub answers: SchemaGenerator,
}

/// Where an operation is found.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The path template, such as `/users/{id}`.
    pub path: &'static str,
}

impl Place {
    /// Names of the parameters in the path, in its order.
    fn names(self) -> impl Iterator<Item = &'static str> {
        self.path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| name.trim_start_matches('*'))
    }
}

/// An operation (OpenAPI 3.1, section 4.8.10), as far as its handler's types have told of it.
#[derive(Debug)]
pub struct Operation<'a> {
    place: Place,
    generators: &'a mut Generators,
    parameters: Vec<Value>,
    body: Option<Value>,
    responses: Map<String, Value>,
}

impl<'a> Operation<'a> {
    /// An operation of which nothing is known yet.
    #[must_use]
    pub fn new(place: Place, generators: &'a mut Generators) -> Self {
        Self {
            place,
            generators,
            parameters: Vec::new(),
            body: None,
            responses: Map::new(),
        }
    }

    /// Parameters of the path, from the type they are read into: a scalar, a tuple in the order of the
    /// path, or a struct with their names.
    pub fn path<T: JsonSchema>(&mut self) {
        let names = self.place.names();
        let whole = inlined::<T>(&mut self.generators.requests);
        let items = whole
            .get("prefixItems")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for (index, name) in names.enumerate() {
            let of_struct = whole
                .get("properties")
                .and_then(|properties| properties.get(name));
            let schema = of_struct.or_else(|| items.get(index)).unwrap_or(&whole);
            self.parameters.push(json!({
                "name": name, "in": "path", "required": true, "schema": schema,
            }));
        }
    }

    /// Parameters of the query: the members of a struct.
    pub fn query<T: JsonSchema>(&mut self) {
        let whole = inlined::<T>(&mut self.generators.requests);
        let required: Vec<&str> = whole
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let mut members = Vec::new();
        gather(&whole, &mut members);
        for (name, mut schema) in members {
            let description = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"));
            let mut parameter = json!({
                "name": name, "in": "query", "required": required.contains(&name.as_str()),
                "schema": schema,
            });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            self.parameters.push(parameter);
        }
    }

    /// A header that clients may send.
    pub fn header(&mut self, name: &str, description: &str) {
        self.parameters.push(json!({
            "name": name, "in": "header", "required": false, "description": description,
            "schema": {"type": "string"},
        }));
    }

    /// A body of JSON.
    pub fn json_body<T: JsonSchema>(&mut self) {
        let schema = self.generators.requests.subschema_for::<T>();
        self.body("application/json", &schema.to_value());
    }

    /// A body of another type, or of JSON of any form.
    pub fn body(&mut self, content_type: &str, schema: &Value) {
        self.body = Some(json!({"required": true, "content": {content_type: {"schema": schema}}}));
    }

    /// An answer of JSON.
    pub fn json_answer<T: JsonSchema>(&mut self, status: &str) {
        let schema = self.generators.answers.subschema_for::<T>();
        self.answer(status, Some(("application/json", &schema.to_value())));
    }

    /// An answer with a body of some type, or without one.
    pub fn answer(&mut self, status: &str, content: Option<(&str, &Value)>) {
        let mut response = json!({"description": "Done"});
        if let Some((content_type, schema)) = content {
            response["content"] = json!({content_type: {"schema": schema}});
        }
        self.responses.insert(status.to_owned(), response);
    }

    /// What was told of answers gets another status: of a handler that names it beside the body.
    pub fn any_success(&mut self) {
        if let Some(response) = self.responses.remove("200") {
            self.responses.insert("2XX".to_owned(), response);
        }
    }

    /// The object of the document, without what the table of routes tells.
    #[must_use]
    pub fn finish(mut self) -> Map<String, Value> {
        // A handler that takes the request whole names none of its path.
        for name in self.place.names() {
            if !self.parameters.iter().any(|known| known["name"] == name) {
                self.parameters.push(json!({
                    "name": name, "in": "path", "required": true, "schema": {"type": "string"},
                }));
            }
        }
        let mut whole = Map::new();
        if !self.parameters.is_empty() {
            whole.insert("parameters".to_owned(), Value::Array(self.parameters));
        }
        if let Some(body) = self.body {
            whole.insert("requestBody".to_owned(), body);
        }
        whole.insert("responses".to_owned(), Value::Object(self.responses));
        whole
    }
}

/// The schema itself, not a reference to it.
fn inlined<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    let schema: Schema = T::json_schema(generator);
    schema.to_value()
}

/// The members of a struct, those of flattened ones too.
fn gather(schema: &Value, members: &mut Vec<(String, Value)>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, schema) in properties {
            if !members.iter().any(|(known, _)| known == name) {
                members.push((name.clone(), schema.clone()));
            }
        }
    }
    for alternatives in ["allOf", "oneOf", "anyOf"] {
        for part in schema
            .get(alternatives)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            gather(part, members);
        }
    }
}
