//! What a client says of itself when it is registered (RFC 7591).

use common::Text;
use common::auth::Permission;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::client::{AUTHORIZATION_CODE, AuthMethod, IdTokenAlg, REFRESH_TOKEN};
use super::client_keys::ClientKeys;
use super::{redirect, scope};

/// As it is sent. Members that mean nothing here are ignored, as RFC 7591 has it.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct ClientMetadata {
    /// Only administrators choose one.
    pub(crate) client_id: Option<String>,
    pub(crate) client_name: Option<String>,
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) token_endpoint_auth_method: Option<String>,
    pub(crate) grant_types: Option<Vec<String>>,
    pub(crate) response_types: Option<Vec<String>>,
    pub(crate) scope: Option<String>,
    pub(crate) id_token_signed_response_alg: Option<String>,
    /// Public keys of a client that signs.
    pub(crate) jwks: Option<Value>,
    /// Where it publishes them.
    pub(crate) jwks_uri: Option<String>,
    /// Only administrators call a client ours.
    #[serde(default)]
    pub(crate) first_party: bool,
}

/// The same, checked.
#[derive(Debug)]
pub(crate) struct NewClient {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) auth_method: AuthMethod,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) post_logout_redirect_uris: Vec<String>,
    pub(crate) grant_types: Vec<String>,
    pub(crate) scopes: Vec<String>,
    pub(crate) id_token_alg: IdTokenAlg,
    pub(crate) first_party: bool,
    pub(crate) keys: Option<ClientKeys>,
    /// The account that the client is; `None` for clients that log people in.
    pub(crate) service_account: Option<Uuid>,
}

/// Who registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registrar {
    Administrator,
    /// The program itself.
    Program,
}

const MAX_ADDRESSES: usize = 20;
const MAX_NAME_CHARS: usize = 100;

impl ClientMetadata {
    /// Checks all of it. `plain` tells that we are reached by plain http ourselves; `new_id` is the
    /// id of a client that does not bring one.
    ///
    /// # Errors
    /// JSON pointers, with what is wrong.
    pub(crate) fn check(
        self,
        registrar: Registrar,
        plain: bool,
        new_id: String,
    ) -> Result<NewClient, Vec<(String, Text)>> {
        let mut wrong: Vec<(String, Text)> = Vec::new();
        let by_program = registrar == Registrar::Program;
        let id = self.client_id.filter(|_| !by_program);
        let id = checked_id(&mut wrong, id).unwrap_or(new_id);
        let method = self.token_endpoint_auth_method.as_deref();
        let auth_method = checked_method(&mut wrong, method, &AuthMethod::ALL);
        // Nobody makes us call an address but an administrator.
        let jwks_uri = self.jwks_uri.as_deref().filter(|_| !by_program);
        let keys = checked_keys(&mut wrong, auth_method, self.jwks, jwks_uri, plain);
        let name = self
            .client_name
            .map(|name| name.trim().to_owned())
            .unwrap_or_default();
        let name = if name.is_empty() { id.clone() } else { name };
        if name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
            wrong.push((
                "/client_name".to_owned(),
                Text::new(
                    format!("Не длиннее {MAX_NAME_CHARS} знаков и без управляющих символов."),
                    format!("At most {MAX_NAME_CHARS} characters, none of them a control character."),
                ),
            ));
        }
        let public = auth_method == AuthMethod::None;
        check_addresses(&mut wrong, "/redirect_uris", &self.redirect_uris, public, plain);
        check_addresses(
            &mut wrong,
            "/post_logout_redirect_uris",
            &self.post_logout_redirect_uris,
            public,
            plain,
        );
        if self.redirect_uris.is_empty() {
            wrong.push((
                "/redirect_uris".to_owned(),
                Text::new("Нужен хотя бы один адрес.", "At least one address is needed."),
            ));
        }
        let known = [AUTHORIZATION_CODE, REFRESH_TOKEN];
        let mut grant_types = self
            .grant_types
            .unwrap_or_else(|| known.map(str::to_owned).to_vec());
        // A program names what it can do; what we do not have it will not get.
        if by_program {
            grant_types.retain(|grant| known.contains(&grant.as_str()));
        }
        let grants_are_fine = grant_types.iter().all(|grant| known.contains(&grant.as_str()))
            && grant_types.iter().any(|grant| grant == AUTHORIZATION_CODE);
        if !grants_are_fine {
            wrong.push(one_of("/grant_types", &known));
        }
        if self.response_types.is_some_and(|types| types != ["code"]) {
            wrong.push(one_of("/response_types", &["code"]));
        }
        let id_token_alg = match self.id_token_signed_response_alg.as_deref() {
            None => IdTokenAlg::Rs256,
            Some(name) => IdTokenAlg::from_name(name).unwrap_or_else(|| {
                wrong.push(one_of(
                    "/id_token_signed_response_alg",
                    &IdTokenAlg::ALL.map(IdTokenAlg::as_str),
                ));
                IdTokenAlg::Rs256
            }),
        };
        let scopes = match (self.scope.as_deref().map(scope::names), registrar) {
            (None, Registrar::Administrator) => ["openid", "profile", "email", "groups"]
                .map(str::to_owned)
                .to_vec(),
            (Some(scopes), Registrar::Administrator) => {
                if let Some(unknown) = scopes.iter().find(|name| !scope::is_known(name)) {
                    wrong.push((
                        "/scope".to_owned(),
                        Text::new(
                            format!("Неизвестная область доступа «{unknown}»."),
                            format!("There is no scope `{unknown}`."),
                        ),
                    ));
                }
                scopes
            }
            (asked, Registrar::Program) => for_stranger(asked),
        };
        if scopes.is_empty() {
            wrong.push((
                "/scope".to_owned(),
                Text::new("Ничего из этого не даётся.", "Nothing of this can be given."),
            ));
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(NewClient {
            id,
            name,
            auth_method,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            grant_types,
            scopes,
            id_token_alg,
            first_party: self.first_party && !by_program,
            keys,
            service_account: None,
        })
    }
}

/// What a program that registers itself may ask for of what it names; everything of that when it
/// names nothing.
fn for_stranger(asked: Option<Vec<String>>) -> Vec<String> {
    let may = |name: &str| {
        scope::OF_IDENTITY.contains(&name)
            || Permission::from_name(name)
                .is_some_and(|permission| scope::FOR_STRANGERS.contains(&permission))
    };
    match asked {
        Some(names) => names.into_iter().filter(|name| may(name)).collect(),
        None => {
            let permissions = scope::FOR_STRANGERS.iter().map(|permission| permission.as_str());
            scope::OF_IDENTITY
                .into_iter()
                .chain(permissions)
                .map(str::to_owned)
                .collect()
        }
    }
}

/// The id that an administrator chose, if they did.
pub(crate) fn checked_id(wrong: &mut Vec<(String, Text)>, id: Option<String>) -> Option<String> {
    let id = id?;
    if !is_client_id(&id) {
        wrong.push((
            "/client_id".to_owned(),
            Text::new(
                "От 3 до 64 знаков: строчные латинские буквы, цифры, дефис и подчёркивание.",
                "3 to 64 lower-case Latin letters, digits, hyphens and underscores.",
            ),
        ));
    }
    Some(id)
}

/// How the client will prove to be itself: one of `possible`.
pub(crate) fn checked_method(
    wrong: &mut Vec<(String, Text)>,
    name: Option<&str>,
    possible: &[AuthMethod],
) -> AuthMethod {
    let Some(name) = name else {
        return AuthMethod::Basic;
    };
    let method = AuthMethod::from_name(name).filter(|method| possible.contains(method));
    method.unwrap_or_else(|| {
        let names: Vec<&str> = possible.iter().map(|method| method.as_str()).collect();
        wrong.push(one_of("/token_endpoint_auth_method", &names));
        AuthMethod::Basic
    })
}

/// The keys of a client that signs. Others have none, whatever they say of them.
pub(crate) fn checked_keys(
    wrong: &mut Vec<(String, Text)>,
    method: AuthMethod,
    jwks: Option<Value>,
    jwks_uri: Option<&str>,
    plain: bool,
) -> Option<ClientKeys> {
    if method != AuthMethod::PrivateKeyJwt {
        return None;
    }
    match ClientKeys::check(jwks, jwks_uri, plain) {
        Ok(keys) => Some(keys),
        Err((pointer, detail)) => {
            wrong.push((pointer.to_owned(), detail));
            None
        }
    }
}

fn is_client_id(id: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (3..=64).contains(&id.len()) && id.bytes().all(fine)
}

fn check_addresses(
    wrong: &mut Vec<(String, Text)>,
    pointer: &str,
    uris: &[String],
    public: bool,
    plain: bool,
) {
    if uris.len() > MAX_ADDRESSES {
        wrong.push((
            pointer.to_owned(),
            Text::new(
                format!("Не больше {MAX_ADDRESSES} адресов."),
                format!("At most {MAX_ADDRESSES} addresses."),
            ),
        ));
    }
    for (index, uri) in uris.iter().enumerate() {
        if let Err(text) = redirect::check(uri, public, plain) {
            wrong.push((format!("{pointer}/{index}"), text));
        }
    }
}

fn one_of(pointer: &str, words: &[&str]) -> (String, Text) {
    let words = words.join(", ");
    let text = Text::new(
        format!("Возможно только: {words}."),
        format!("Only possible: {words}."),
    );
    (pointer.to_owned(), text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(body: serde_json::Value, registrar: Registrar) -> Result<NewClient, Vec<String>> {
        let metadata: ClientMetadata = serde_json::from_value(body).unwrap();
        let checked = metadata.check(registrar, false, "made".to_owned());
        checked.map_err(|wrong| wrong.into_iter().map(|(pointer, _)| pointer).collect())
    }

    #[test]
    fn a_program_cannot_make_itself_more_than_a_stranger() {
        let body = json!({
            "client_id": "grafana", "client_name": "Cursor", "first_party": true,
            "redirect_uris": ["cursor://x/cb"], "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
            "scope": "openid chat users:admin onec:write", "software_id": "x",
        });
        let client = check(body, Registrar::Program).unwrap();
        assert_eq!(client.id, "made");
        assert!(!client.first_party);
        assert_eq!(client.scopes, ["openid", "chat"]);
        assert_eq!(client.grant_types, [AUTHORIZATION_CODE, REFRESH_TOKEN]);
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let body = json!({
            "client_id": "Not An Id", "client_name": "x\u{0}",
            "redirect_uris": ["https://a.example/cb", "http://a.example/cb"],
            "post_logout_redirect_uris": ["javascript:alert(1)"],
            "token_endpoint_auth_method": "tls", "grant_types": ["password"], "response_types": ["token"],
            "id_token_signed_response_alg": "none", "scope": "openid magic",
        });
        assert_eq!(
            check(body, Registrar::Administrator).unwrap_err(),
            [
                "/client_id",
                "/token_endpoint_auth_method",
                "/client_name",
                "/redirect_uris/1",
                "/post_logout_redirect_uris/0",
                "/grant_types",
                "/response_types",
                "/id_token_signed_response_alg",
                "/scope",
            ]
        );
        assert_eq!(
            check(json!({}), Registrar::Program).unwrap_err(),
            ["/redirect_uris"]
        );
    }

    #[test]
    fn a_client_that_signs_brings_its_keys() {
        let body = |members: serde_json::Value| {
            let mut body = json!({
                "redirect_uris": ["https://a.example/cb"], "token_endpoint_auth_method": "private_key_jwt",
            });
            body.as_object_mut()
                .unwrap()
                .extend(members.as_object().unwrap().clone());
            body
        };
        let published = body(json!({ "jwks_uri": "https://a.example/jwks" }));
        let client = check(published.clone(), Registrar::Administrator).unwrap();
        assert_eq!(client.keys.unwrap().jwks_uri(), Some("https://a.example/jwks"));
        assert_eq!(
            check(published, Registrar::Program).unwrap_err(),
            ["/jwks"],
            "a stranger names no address"
        );
        assert_eq!(
            check(body(json!({})), Registrar::Administrator).unwrap_err(),
            ["/jwks"]
        );
    }

    #[test]
    fn an_administrator_need_not_say_much() {
        let body =
            json!({ "client_id": "grafana", "redirect_uris": ["https://g.example.ru/login/generic_oauth"] });
        let client = check(body, Registrar::Administrator).unwrap();
        assert_eq!((client.id.as_str(), client.name.as_str()), ("grafana", "grafana"));
        assert_eq!(client.auth_method, AuthMethod::Basic);
        assert!(client.keys.is_none());
        assert_eq!(client.id_token_alg, IdTokenAlg::Rs256);
        assert_eq!(client.scopes, ["openid", "profile", "email", "groups"]);
    }
}
