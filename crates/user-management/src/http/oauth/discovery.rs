//! What the provider says of itself (OpenID Connect Discovery; RFC 8414; RFC 9728).

use ::http::HeaderName;
use ::http::header::CACHE_CONTROL;
use axum::extract::State;
use common::http::Json;
use serde_json::{Value, json};

use super::cors::ANY_ORIGIN;
use crate::AppState;
use crate::jws;
use crate::oauth::client::{AUTHORIZATION_CODE, AuthMethod, CLIENT_CREDENTIALS, IdTokenAlg, REFRESH_TOKEN};
use crate::oauth::scope;

type Answer = ([(HeaderName, &'static str); 2], Json<Value>);

const HEADERS: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "public, max-age=300"), ANY_ORIGIN];

/// `GET /.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`.
pub(crate) async fn metadata(State(state): State<AppState>) -> Answer {
    let provider = &state.provider;
    let permissions = scope::FOR_STRANGERS.iter().map(|permission| permission.as_str());
    let scopes: Vec<&str> = scope::OF_IDENTITY.into_iter().chain(permissions).collect();
    let methods = AuthMethod::ALL.map(AuthMethod::as_str);
    let confidential: Vec<&str> = methods.into_iter().filter(|method| *method != "none").collect();
    let algorithms: Vec<String> = jws::ALGORITHMS.iter().map(|alg| format!("{alg:?}")).collect();
    let mut document = json!({
        "issuer": provider.issuer(),
        "authorization_endpoint": provider.url("/oauth2/authorize"),
        "token_endpoint": provider.url("/oauth2/token"),
        "userinfo_endpoint": provider.url("/oauth2/userinfo"),
        "jwks_uri": provider.url("/oauth2/jwks"),
        "introspection_endpoint": provider.url("/oauth2/introspect"),
        "revocation_endpoint": provider.url("/oauth2/revoke"),
        "end_session_endpoint": provider.url("/oauth2/logout"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": IdTokenAlg::ALL.map(IdTokenAlg::as_str),
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "amr", "azp", "sid", "nonce", "at_hash",
            "name", "preferred_username", "email", "email_verified", "groups", "roles",
        ],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": ["ru", "en"],
        "authorization_response_iss_parameter_supported": true,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
    });
    if provider.registration_open() {
        document["registration_endpoint"] = json!(provider.url("/oauth2/register"));
    }
    (HEADERS, Json(document))
}

/// `GET /.well-known/oauth-protected-resource`: by whom the users of our MCP server are logged in.
/// MCP clients begin here.
pub(crate) async fn protected_resource(State(state): State<AppState>) -> Answer {
    let issuer = state.provider.issuer();
    let origin = url::Url::parse(issuer).map(|url| url.origin().ascii_serialization());
    let document = json!({
        "resource": format!("{}/mcp", origin.unwrap_or_default()),
        "authorization_servers": [issuer],
        "scopes_supported": scope::FOR_STRANGERS.map(common::auth::Permission::as_str),
        "bearer_methods_supported": ["header"],
    });
    (HEADERS, Json(document))
}
