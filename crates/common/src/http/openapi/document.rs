//! The whole document.

use std::collections::HashSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::{Generators, Operation, Place};
use crate::http::routes::{Access, RouteSpec};

/// Where definitions are.
const DEFINITIONS: &str = "/components/schemas";
const REFERENCE: &str = "#/components/schemas/";

/// A route with the functions that describe it.
#[derive(Debug, Clone)]
pub struct Described {
    /// The line of the table.
    pub spec: RouteSpec,
    /// Full name of the handler, such as `security::http::threats::list`.
    pub handler: &'static str,
    /// It has its effect once for each `Idempotency-Key`.
    pub once: bool,
    /// Tells what the handler's types tell.
    pub describe: fn(&mut Operation<'_>),
}

/// The routes of one service in the document of all.
#[derive(Debug, Clone)]
pub struct Published {
    /// Short name, such as `ai`: the first part of tags and of names of schemas.
    pub name: &'static str,
    /// From a path of the service to the path that clients call.
    pub outside: fn(&str) -> String,
    /// Its routes.
    pub routes: Vec<Described>,
}

/// OpenAPI 3.1 of a system of services behind one gateway. `about` gives the documentation of a
/// handler by its full name.
#[must_use]
pub fn document(
    title: &str,
    version: &str,
    services: &[Published],
    about: &dyn Fn(&str) -> Option<String>,
) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    schemas.insert("Problem".to_owned(), problem());
    for service in services {
        let (own_paths, own_schemas) = of_service(service, about);
        paths.extend(own_paths);
        schemas.extend(own_schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "An access token of /api/users/auth/login, or an API key.",
                },
            },
            "responses": {
                "Problem": {
                    "description": "Refused, or failed (RFC 9457); `code` says why and never changes.",
                    "content": {"application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                    }},
                },
            },
        },
    })
}

fn of_service(
    service: &Published,
    about: &dyn Fn(&str) -> Option<String>,
) -> (Map<String, Value>, Map<String, Value>) {
    let settings = || {
        SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = DEFINITIONS.into();
            settings.meta_schema = None;
        })
    };
    let mut generators = Generators {
        requests: settings().for_deserialize().into_generator(),
        answers: settings().for_serialize().into_generator(),
    };
    let mut paths = Map::new();
    let mut ids = HashSet::new();
    for route in &service.routes {
        // Browsers ask by themselves.
        if route.spec.method == http::Method::OPTIONS {
            continue;
        }
        let mut whole = operation(service, route, &mut generators);
        // One handler may serve several routes, and an id names one of them (section 4.8.10).
        let mut id = name_of(service, route.handler);
        if !ids.insert(id.clone()) {
            id = format!("{id}_{}", ids.len());
            ids.insert(id.clone());
        }
        whole.insert("operationId".to_owned(), json!(id));
        if let Some(text) = about(route.handler) {
            let (summary, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
            whole.insert("summary".to_owned(), json!(summary.replace('\n', " ")));
            if !rest.is_empty() {
                whole.insert("description".to_owned(), json!(rest));
            }
        }
        let path = paths
            .entry((service.outside)(&route.spec.path.replace("{*", "{")))
            .or_insert_with(|| json!({}));
        path[route.spec.method.as_str().to_ascii_lowercase()] = Value::Object(whole);
    }
    let answers = generators.answers.take_definitions(true);
    let requests = generators.requests.take_definitions(true);
    // A type that is sent otherwise than it is read has two schemas.
    let is_other = |name: &str| {
        answers
            .get(name)
            .is_some_and(|answer| requests.get(name).is_some_and(|request| request != answer))
    };
    let in_answers = |name: &str| format!("{}.{name}", service.name);
    let in_requests = |name: &str| {
        let suffix = if is_other(name) { "Request" } else { "" };
        format!("{}.{name}{suffix}", service.name)
    };
    for path in paths.values_mut().filter_map(Value::as_object_mut) {
        for operation in path.values_mut().filter_map(Value::as_object_mut) {
            for (part, value) in operation {
                if part == "responses" {
                    rename(value, &in_answers);
                } else {
                    rename(value, &in_requests);
                }
            }
        }
    }
    let mut schemas = Map::new();
    for (name, schema) in &requests {
        let mut schema = schema.clone();
        rename(&mut schema, &in_requests);
        schemas.insert(in_requests(name), schema);
    }
    for (name, schema) in &answers {
        let mut schema = schema.clone();
        rename(&mut schema, &in_answers);
        schemas.insert(in_answers(name), schema);
    }
    (paths, schemas)
}

/// Gives the references in a schema other names.
fn rename(value: &mut Value, new: &impl Fn(&str) -> String) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let own = member
                    .as_str()
                    .filter(|_| name == "$ref")
                    .and_then(|target| target.strip_prefix(REFERENCE))
                    .filter(|target| *target != "Problem")
                    .map(|target| format!("{REFERENCE}{}", new(target)));
                match own {
                    Some(own) => *member = json!(own),
                    None => rename(member, new),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, new)),
        _ => {}
    }
}

fn operation(service: &Published, route: &Described, generators: &mut Generators) -> Map<String, Value> {
    let place = Place {
        path: route.spec.path,
    };
    let mut operation = Operation::new(place, generators);
    (route.describe)(&mut operation);
    if route.once {
        operation.header(
            "Idempotency-Key",
            "The same key gets the first answer again, and nothing is done twice.",
        );
    }
    let mut whole = operation.finish();
    let name = name_of(service, route.handler);
    let tag: Vec<&str> = name.split('.').take(2).collect();
    whole.insert("tags".to_owned(), json!([tag.join(".")]));
    match route.spec.access {
        Access::Public => {}
        Access::Authenticated => {
            whole.insert("security".to_owned(), json!([{"bearer": []}]));
        }
        Access::Permission(permission) => {
            whole.insert("security".to_owned(), json!([{"bearer": []}]));
            whole.insert("x-permission".to_owned(), json!(permission.as_str()));
        }
    }
    if let Some(responses) = whole.get_mut("responses") {
        responses["default"] = json!({"$ref": "#/components/responses/Problem"});
    }
    whole
}

/// `security.threats.list` of `security::http::threats::list`.
fn name_of(service: &Published, handler: &str) -> String {
    let parts = handler.split("::").skip(1).filter(|part| *part != "http");
    let parts: Vec<&str> = std::iter::once(service.name).chain(parts).collect();
    parts.join(".")
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "code": {"type": "string", "description": "Stable: see docs/errors.md."},
            "request_id": {"type": "string"},
            "errors": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": {
                        "pointer": {"type": "string", "description": "JSON pointer (RFC 6901), or ?name of a query."},
                        "detail": {"type": "string"},
                    },
                },
            },
        },
    })
}
