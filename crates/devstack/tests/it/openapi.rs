//! The published OpenAPI document is the one that the routes of all services tell.

use std::path::Path;

use common::http::openapi::{Published, document};
use gateway::routing::{self, Service};
use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../gateway/api/openapi.json");

fn services() -> [(Service, Published); 5] {
    let of_ai = |path: &str| match path {
        "/mcp" => path.to_owned(),
        _ if path.starts_with("/v1/") => path.to_owned(),
        _ => format!("/api/ai{path}"),
    };
    let of_users = |path: &str| {
        if path.starts_with("/users") {
            format!("/api{path}")
        } else if path.starts_with("/account/") {
            path.to_owned()
        } else {
            format!("/api/users{path}")
        }
    };
    let published = |name, outside, routes: &[_]| Published {
        name,
        outside,
        routes: routes.to_vec(),
    };
    [
        (
            Service::AiAssistant,
            published("ai", of_ai, ai_assistant::router::routes().described()),
        ),
        (
            Service::OnecIntegration,
            published(
                "1c",
                |path| format!("/api/1c{path}"),
                onec_integration::routes().described(),
            ),
        ),
        (
            Service::UserManagement,
            published("users", of_users, user_management::routes().described()),
        ),
        (
            Service::Analytics,
            published(
                "analytics",
                |path| format!("/api/analytics{path}"),
                analytics::routes().described(),
            ),
        ),
        (
            Service::Security,
            published(
                "security",
                |path| format!("/api/security{path}"),
                security::routes().described(),
            ),
        ),
    ]
}

/// What the source says of a handler. `schemars` takes the texts of types along; no compiler tells those
/// of functions.
fn documentation(handler: &str) -> Option<String> {
    let (package, rest) = handler.split_once("::")?;
    let (modules, name) = rest.rsplit_once("::")?;
    let modules = modules.replace("::", "/");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(package.replace('_', "-"))
        .join("src");
    let source = [format!("{modules}.rs"), format!("{modules}/mod.rs")]
        .into_iter()
        .find_map(|file| std::fs::read_to_string(sources.join(file)).ok())?;
    let lines: Vec<&str> = source.lines().collect();
    let declared = lines.iter().position(|line| {
        line.split_once("async fn ")
            .or_else(|| line.split_once("pub(crate) fn "))
            .is_some_and(|(_, after)| after.starts_with(&format!("{name}(")))
    })?;
    let mut text: Vec<&str> = lines
        .get(..declared)?
        .iter()
        .rev()
        .skip_while(|line| line.starts_with("#["))
        .map_while(|line| line.strip_prefix("///"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    text.reverse();
    let whole = text.join("\n");
    // Of the error section only people who read the code have any use.
    let whole = whole.split("\n\n# ").next().unwrap_or_default().trim().to_owned();
    (!whole.is_empty()).then_some(whole)
}

/// With `UPDATE=1` the file is written anew.
#[test]
fn the_published_document_is_that_of_the_routes() {
    let all: Vec<Published> = services().into_iter().map(|(_, published)| published).collect();
    let told = document(
        "AI Assistants for 1C",
        env!("CARGO_PKG_VERSION"),
        &all,
        &documentation,
    );
    if std::env::var_os("UPDATE").is_some() {
        let mut text = serde_json::to_string_pretty(&told).unwrap();
        text.push('\n');
        std::fs::write(FILE, text).unwrap();
    }
    let known: Value = serde_json::from_str(&std::fs::read_to_string(Path::new(FILE)).unwrap()).unwrap();
    for (path, operations) in told["paths"].as_object().unwrap() {
        assert_eq!(
            known["paths"][path], *operations,
            "{path} changed: UPDATE=1 cargo test -p devstack openapi"
        );
    }
    let operations = told["paths"].as_object().unwrap().values();
    for operation in operations.flat_map(|path| path.as_object().unwrap().values()) {
        assert!(
            operation["summary"].is_string(),
            "the handler {} says nothing of itself",
            operation["operationId"]
        );
    }
    assert!(
        known == told,
        "the document changed: UPDATE=1 cargo test -p devstack openapi"
    );
}

/// What the document calls a path is what the gateway calls it.
#[test]
fn every_published_path_leads_to_its_service() {
    for (service, published) in services() {
        for route in &published.routes {
            let filled = |path: &str| path.replace("{*", "").replace(['{', '}'], "");
            let outside = (published.outside)(&filled(route.spec.path));
            let (found, inside) =
                routing::find(&outside).unwrap_or_else(|| panic!("{outside} leads nowhere"));
            assert_eq!(
                (found.service, inside),
                (service, filled(route.spec.path)),
                "{outside}"
            );
        }
    }
}
