//! Walking all routes of a service as somebody who may do nothing.

use http::Method;
use serde_json::json;

use super::{Client, Issuer};
use crate::http::routes::{Access, RouteSpec};
use crate::ids;

/// Calls every route without a token and with a token that grants nothing, and asserts that only
/// what the table calls public answers otherwise than 401 and 403.
///
/// # Panics
/// When a route lets the caller in.
pub async fn walk_routes(base: &str, specs: &[RouteSpec], issuer: &Issuer) {
    walk_routes_as(base, specs, &issuer.token(&[])).await;
}

/// As [`walk_routes`], with a token that grants nothing from elsewhere.
///
/// # Panics
/// When a route lets the caller in.
pub async fn walk_routes_as(base: &str, specs: &[RouteSpec], powerless: &str) {
    assert!(!specs.is_empty(), "there are no routes to walk");
    let anonymous = Client::anonymous(base);
    let powerless = anonymous.with_token(powerless);
    for spec in specs {
        let path = fill(spec.path);
        let call = async |client: &Client| {
            let request = client.request(spec.method.clone(), &path);
            let request = if spec.method == Method::GET {
                request
            } else {
                request.json(&json!({}))
            };
            client.send(request).await
        };
        let (method, template) = (&spec.method, spec.path);
        match spec.access {
            Access::Public => {}
            Access::Authenticated => {
                assert_eq!(
                    call(&anonymous).await.status,
                    401,
                    "{method} {template} without a token"
                );
            }
            Access::Permission(permission) => {
                assert_eq!(
                    call(&anonymous).await.status,
                    401,
                    "{method} {template} without a token"
                );
                let denied = call(&powerless).await;
                assert_eq!(
                    denied.status,
                    403,
                    "{method} {template} without {}",
                    permission.as_str()
                );
            }
        }
    }
}

fn fill(template: &str) -> String {
    template
        .split('/')
        .map(|segment| {
            if segment.starts_with('{') {
                ids::new_id().to_string()
            } else {
                segment.to_owned()
            }
        })
        .collect::<Vec<_>>()
        .join("/")
}
