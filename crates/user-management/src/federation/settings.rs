//! Which providers there are: `OIDC_PROVIDERS_FILE`, or one in the environment, and Supabase.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use common::auth::Companies;
use common::config::Reader;
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::rights;
use crate::roles::NEWCOMER;

/// All providers.
#[derive(Debug, Clone, Default)]
pub(crate) struct FederationSettings {
    /// `OIDC_PROVIDERS_FILE`, a TOML file of `[[providers]]`, and the one of `OIDC_PROVIDER_ISSUER`,
    /// `OIDC_PROVIDER_CLIENT_ID`, `OIDC_PROVIDER_CLIENT_SECRET`, `OIDC_PROVIDER_ID` (sso) and
    /// `OIDC_PROVIDER_TITLE`.
    pub(crate) providers: Vec<ProviderSettings>,
    /// `SUPABASE_URL` and `SUPABASE_KEY`; the rules are `[supabase.users]` of the file.
    pub(crate) supabase: Option<SupabaseSettings>,
}

/// One provider.
#[derive(Debug, Clone)]
pub(crate) struct ProviderSettings {
    /// Its name in our URLs.
    pub(crate) id: String,
    /// Its name for people.
    pub(crate) title: String,
    /// The `iss` of its tokens, byte by byte.
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// Absent for a public client.
    pub(crate) client_secret: Option<SecretString>,
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) scopes: Vec<String>,
    /// Sent along to the authorization endpoint, such as `hd` or `prompt`.
    pub(crate) authorization_params: BTreeMap<String, String>,
    /// For a provider that speaks OAuth 2.0 without OpenID Connect.
    pub(crate) oauth2: Option<OAuth2Settings>,
    pub(crate) rules: Rules,
}

/// How the client proves who it is at the token endpoint (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ClientAuth {
    /// By the header `Authorization: Basic`.
    Basic,
    /// By `client_secret` in the body.
    Post,
}

/// What OpenID Connect would tell by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth2Settings {
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) userinfo_endpoint: Url,
    #[serde(default)]
    pub(crate) userinfo: UserinfoBy,
    /// Where the answer has the person's id: a name or a JSON pointer.
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    /// Parts of the name, joined by spaces.
    #[serde(default)]
    pub(crate) name: Vec<String>,
    /// Parameters of the callback that the token endpoint wants back.
    #[serde(default)]
    pub(crate) callback_params: Vec<String>,
}

/// How the access token reaches the userinfo endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserinfoBy {
    /// GET with `Authorization: Bearer` (RFC 6750).
    #[default]
    Bearer,
    /// GET with `Authorization: OAuth`.
    OauthHeader,
    /// POST of a form with `access_token` and `client_id`.
    Form,
}

/// Who may come in, and as what.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Whether people without an account get one; as `REGISTRATION` when absent.
    pub(crate) create_users: Option<bool>,
    /// Whether addresses count as verified without the provider saying so.
    pub(crate) trust_email: bool,
    /// Domains of addresses that may come; all when empty.
    pub(crate) allowed_domains: BTreeSet<String>,
    /// The first rule that holds counts.
    pub(crate) roles: Vec<RoleRule>,
    pub(crate) default: Grant,
    /// Whether the rules are applied at every login, and not to new accounts only.
    pub(crate) sync_roles: bool,
}

/// Who has the value in the claim gets the role.
#[derive(Debug, Clone)]
pub(crate) struct RoleRule {
    pub(crate) claim: String,
    pub(crate) value: String,
    pub(crate) grant: Grant,
}

/// A role and companies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) role: String,
    /// `None` leaves those of an account as they are; a new one has none.
    pub(crate) companies: Option<Companies>,
}

/// A project of Supabase.
#[derive(Debug, Clone)]
pub(crate) struct SupabaseSettings {
    pub(crate) url: Url,
    /// The public (`anon` or publishable) key; it is sent along and grants nothing here.
    pub(crate) key: SecretString,
    pub(crate) rules: Rules,
}

/// The id under which identities of Supabase are kept.
pub(crate) const SUPABASE: &str = "supabase";

const FILE: &str = "OIDC_PROVIDERS_FILE";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    providers: Vec<RawProvider>,
    #[serde(default)]
    supabase: RawSupabase,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSupabase {
    #[serde(default)]
    users: RawRules,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProvider {
    id: String,
    title: Option<String>,
    issuer: String,
    client_id: String,
    client_secret: Option<SecretString>,
    client_secret_file: Option<PathBuf>,
    client_auth: Option<ClientAuth>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    authorization_params: BTreeMap<String, String>,
    oauth2: Option<OAuth2Settings>,
    #[serde(default)]
    users: RawRules,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRules {
    create: Option<bool>,
    #[serde(default)]
    trust_email: bool,
    #[serde(default)]
    allowed_domains: Vec<String>,
    #[serde(default)]
    roles: Vec<RawRole>,
    default_role: Option<String>,
    default_companies: Option<Vec<String>>,
    #[serde(default)]
    sync_roles: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRole {
    claim: String,
    value: String,
    role: String,
    companies: Option<Vec<String>>,
}

impl FederationSettings {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let strict = reader.environment().is_strict();
        let file = reader.optional::<PathBuf>(FILE)?;
        let file = match file.map(|path| parse(&path)).transpose() {
            Ok(file) => file.unwrap_or_default(),
            Err(message) => {
                reader.invalid(FILE, message);
                return None;
            }
        };
        let mut providers = Vec::new();
        let mut wrong = Vec::new();
        for raw in file.providers {
            let id = raw.id.clone();
            match provider(raw, strict) {
                Ok(provider) => providers.push(provider),
                Err(message) => wrong.push(format!("provider `{id}`: {message}")),
            }
        }
        let supabase_rules = rules(file.supabase.users)
            .map_err(|message| wrong.push(format!("supabase: {message}")))
            .ok();
        for message in &wrong {
            reader.invalid(FILE, message.as_str());
        }
        let supabase = supabase(reader, supabase_rules, strict)?;
        if let Some(raw) = one_in_environment(reader)? {
            match provider(raw, strict) {
                Ok(provider) => providers.push(provider),
                Err(message) => {
                    reader.invalid("OIDC_PROVIDER_ISSUER", message);
                    return None;
                }
            }
        }
        let mut ids = BTreeSet::from([SUPABASE]);
        for provider in &providers {
            if !ids.insert(&provider.id) {
                reader.invalid(FILE, format!("`{}` names two providers", provider.id));
                return None;
            }
        }
        wrong.is_empty().then_some(Self { providers, supabase })
    }
}

fn parse(path: &std::path::Path) -> Result<File, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    // The message of the parser, without the line: it may hold a secret.
    toml::from_str(&text).map_err(|error| format!("is not right: {}", error.message()))
}

/// The outer `None` after a mistake.
fn one_in_environment(reader: &mut Reader) -> Option<Option<RawProvider>> {
    let issuer = reader.optional::<String>("OIDC_PROVIDER_ISSUER")?;
    let client_id = reader.optional::<String>("OIDC_PROVIDER_CLIENT_ID")?;
    let client_secret = reader.secret("OIDC_PROVIDER_CLIENT_SECRET");
    let id = reader.parse("OIDC_PROVIDER_ID", "sso".to_owned())?;
    let title = reader.optional::<String>("OIDC_PROVIDER_TITLE")?;
    let (issuer, client_id) = match (issuer, client_id) {
        (Some(issuer), Some(client_id)) => (issuer, client_id),
        (None, None) => return Some(None),
        (Some(_), None) => {
            reader.invalid(
                "OIDC_PROVIDER_CLIENT_ID",
                "is not set, but OIDC_PROVIDER_ISSUER is",
            );
            return None;
        }
        (None, Some(_)) => {
            reader.invalid(
                "OIDC_PROVIDER_ISSUER",
                "is not set, but OIDC_PROVIDER_CLIENT_ID is",
            );
            return None;
        }
    };
    Some(Some(RawProvider {
        id,
        title,
        issuer,
        client_id,
        client_secret,
        client_secret_file: None,
        client_auth: None,
        scopes: None,
        authorization_params: BTreeMap::new(),
        oauth2: None,
        users: RawRules::default(),
    }))
}

fn supabase(reader: &mut Reader, rules: Option<Rules>, strict: bool) -> Option<Option<SupabaseSettings>> {
    let Some(url) = reader.optional::<Url>("SUPABASE_URL")? else {
        return Some(None);
    };
    if let Err(message) = check_url(&url, strict) {
        reader.invalid("SUPABASE_URL", message);
        return None;
    }
    let Some(key) = reader.secret("SUPABASE_KEY") else {
        reader.invalid("SUPABASE_KEY", "is not set, but SUPABASE_URL is");
        return None;
    };
    rules.map(|rules| Some(SupabaseSettings { url, key, rules }))
}

fn provider(raw: RawProvider, strict: bool) -> Result<ProviderSettings, String> {
    let id_is_fine = (1..=40).contains(&raw.id.len())
        && raw
            .id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !id_is_fine {
        return Err("the id is not made of 1 to 40 small letters, digits and hyphens".to_owned());
    }
    let issuer: Url = raw
        .issuer
        .parse()
        .map_err(|error| format!("the issuer is no URL: {error}"))?;
    check_url(&issuer, strict).map_err(|message| format!("the issuer {message}"))?;
    if raw.client_id.is_empty() {
        return Err("the client_id is empty".to_owned());
    }
    let client_secret = match (raw.client_secret, raw.client_secret_file) {
        (Some(_), Some(_)) => return Err("has both client_secret and client_secret_file".to_owned()),
        (secret, None) => secret,
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| format!("client_secret_file cannot be read: {error}"))?;
            Some(SecretString::from(text.trim_end_matches(['\r', '\n'])))
        }
    };
    let scopes = match (raw.scopes, &raw.oauth2) {
        (Some(scopes), _) => scopes,
        (None, Some(_)) => Vec::new(),
        (None, None) => ["openid", "profile", "email"].map(str::to_owned).to_vec(),
    };
    if raw.oauth2.is_none() && !scopes.iter().any(|scope| scope == "openid") {
        return Err("the scopes lack openid".to_owned());
    }
    if let Some(oauth2) = &raw.oauth2 {
        let endpoints = [
            &oauth2.authorization_endpoint,
            &oauth2.token_endpoint,
            &oauth2.userinfo_endpoint,
        ];
        for endpoint in endpoints {
            check_url(endpoint, strict).map_err(|message| format!("an endpoint {message}"))?;
        }
    }
    Ok(ProviderSettings {
        title: raw.title.unwrap_or_else(|| raw.id.clone()),
        id: raw.id,
        issuer: raw.issuer,
        client_id: raw.client_id,
        client_secret,
        client_auth: raw.client_auth,
        scopes,
        authorization_params: raw.authorization_params,
        oauth2: raw.oauth2,
        rules: rules(raw.users)?,
    })
}

fn rules(raw: RawRules) -> Result<Rules, String> {
    let companies = |names: Option<Vec<String>>| {
        names
            .map(|names| rights::parse_selected(&names))
            .transpose()
            .map_err(|_| "companies are neither ids nor [\"*\"]".to_owned())
    };
    let mut mapped = Vec::new();
    for role in raw.roles {
        mapped.push(RoleRule {
            claim: role.claim,
            value: role.value,
            grant: Grant {
                role: role.role,
                companies: companies(role.companies)?,
            },
        });
    }
    let domains = raw.allowed_domains.iter();
    Ok(Rules {
        create_users: raw.create,
        trust_email: raw.trust_email,
        allowed_domains: domains
            .map(|domain| domain.trim_start_matches('@').to_lowercase())
            .collect(),
        roles: mapped,
        default: Grant {
            role: raw.default_role.unwrap_or_else(|| NEWCOMER.to_owned()),
            companies: companies(raw.default_companies)?,
        },
        sync_roles: raw.sync_roles,
    })
}

/// Plain http is for one's own machine.
pub(super) fn check_url(url: &Url, strict: bool) -> Result<(), &'static str> {
    let on_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("has no host"),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if on_loopback && !strict => Ok(()),
        _ => Err("does not begin with https://"),
    }
}

impl Rules {
    /// What the rules give to somebody with these claims; `None` when no rule holds.
    pub(crate) fn mapped(&self, claims: &serde_json::Map<String, serde_json::Value>) -> Option<&Grant> {
        self.roles
            .iter()
            .find(|rule| super::person::claim_has(claims, &rule.claim, &rule.value))
            .map(|rule| &rule.grant)
    }

    /// True when somebody with that address may come.
    pub(crate) fn admits(&self, email: Option<&crate::account::Email>) -> bool {
        let domain = email.and_then(|email| email.as_str().rsplit_once('@'));
        self.allowed_domains.is_empty()
            || domain.is_some_and(|(_, domain)| self.allowed_domains.contains(domain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn read(environment: &str, values: &[(&str, &str)]) -> Result<FederationSettings, Vec<(String, String)>> {
        let all = values.iter().copied().chain([("ENVIRONMENT", environment)]);
        let mut reader = Reader::from_values(all);
        let settings = FederationSettings::read(&mut reader);
        reader
            .finish(settings)
            .map_err(|errors| errors.entries().to_vec())
    }

    fn of_file(text: &str) -> Result<FederationSettings, Vec<(String, String)>> {
        let folder = std::env::temp_dir().join(format!("providers-{}", common::ids::new_id()));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("secret"), "of a file\n").unwrap();
        let path = folder.join("providers.toml");
        std::fs::write(&path, text.replace("FOLDER", folder.to_str().unwrap())).unwrap();
        let settings = read("production", &[(FILE, path.to_str().unwrap())]);
        std::fs::remove_dir_all(folder).unwrap();
        settings
    }

    #[test]
    fn a_file_names_several_providers() {
        let settings = of_file(
            r#"
            [[providers]]
            id = "keycloak"
            title = "Вход компании"
            issuer = "https://sso.example.com/realms/main"
            client_id = "ai1c"
            client_secret_file = "FOLDER/secret"
            [providers.users]
            allowed_domains = ["Example.com", "@example.org"]
            sync_roles = true
            [[providers.users.roles]]
            claim = "/realm_access/roles"
            value = "1c-buh"
            role = "accountant"
            companies = ["*"]

            [[providers]]
            id = "other"
            issuer = "https://login.example.org/"
            client_id = "x"
            users = { create = false }
            [providers.oauth2]
            authorization_endpoint = "https://login.example.org/authorize"
            token_endpoint = "https://login.example.org/token"
            userinfo_endpoint = "https://login.example.org/info"
            userinfo = "oauth_header"
            subject = "/id"
            "#,
        )
        .unwrap();
        let [keycloak, other] = settings.providers.as_slice() else {
            panic!("{settings:?}")
        };
        assert_eq!(
            keycloak.client_secret.as_ref().unwrap().expose_secret(),
            "of a file"
        );
        assert_eq!(keycloak.scopes, ["openid", "profile", "email"]);
        assert!(keycloak.rules.allowed_domains.contains("example.org"));
        let claims = serde_json::json!({ "realm_access": { "roles": ["1c-buh"] } });
        let grant = keycloak.rules.mapped(claims.as_object().unwrap()).unwrap();
        assert_eq!(
            (grant.role.as_str(), &grant.companies),
            ("accountant", &Some(Companies::All))
        );
        assert_eq!(other.title, "other");
        assert_eq!(other.oauth2.as_ref().unwrap().userinfo, UserinfoBy::OauthHeader);
        assert_eq!(other.rules.create_users, Some(false));
    }

    #[test]
    fn every_mistake_of_a_file_is_told() {
        let provider = |id: &str, issuer: &str, rest: &str| {
            format!("[[providers]]\nid = \"{id}\"\nissuer = \"{issuer}\"\nclient_id = \"x\"\n{rest}\n")
        };
        let text = [
            provider("Big", "https://a.example.com", ""),
            provider("plain", "http://a.example.com", ""),
            provider("scopes", "https://a.example.com", "scopes = [\"email\"]"),
            provider(
                "two",
                "https://a.example.com",
                "client_secret = \"x\"\nclient_secret_file = \"y\"",
            ),
            provider(
                "firm",
                "https://a.example.com",
                "users.default_companies = [\"acme\"]",
            ),
        ];
        let errors = of_file(&text.concat()).unwrap_err();
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert!(errors.iter().all(|(name, _)| name == FILE));
        let twice = provider("a", "https://a.example.com", "").repeat(2);
        assert!(of_file(&twice).unwrap_err()[0].1.contains("two providers"));
        let typo = provider("a", "https://a.example.com", "alowed_domains = [\"x\"]");
        assert!(of_file(&typo).unwrap_err()[0].1.contains("alowed_domains"));
        let reserved = provider(SUPABASE, "https://a.example.com", "");
        assert!(of_file(&reserved).is_err());
    }

    #[test]
    fn one_provider_fits_into_the_environment() {
        let settings = read(
            "production",
            &[
                ("OIDC_PROVIDER_ISSUER", "https://accounts.google.com"),
                ("OIDC_PROVIDER_CLIENT_ID", "id"),
                ("OIDC_PROVIDER_CLIENT_SECRET", "secret"),
                ("OIDC_PROVIDER_TITLE", "Google"),
            ],
        );
        let settings = settings.unwrap();
        assert_eq!(
            (
                settings.providers[0].id.as_str(),
                settings.providers[0].title.as_str()
            ),
            ("sso", "Google")
        );
        for half in ["OIDC_PROVIDER_ISSUER", "OIDC_PROVIDER_CLIENT_ID"] {
            assert!(read("production", &[(half, "https://accounts.google.com")]).is_err());
        }
        assert!(read("production", &[]).unwrap().providers.is_empty());
    }

    #[test]
    fn supabase_is_off_without_an_address_and_needs_its_key() {
        let url = ("SUPABASE_URL", "https://project.supabase.co");
        assert!(
            read("production", &[("SUPABASE_KEY", "x")])
                .unwrap()
                .supabase
                .is_none()
        );
        assert_eq!(read("production", &[url]).unwrap_err()[0].0, "SUPABASE_KEY");
        assert!(
            read("production", &[url, ("SUPABASE_KEY", "x")])
                .unwrap()
                .supabase
                .is_some()
        );
        let plain = ("SUPABASE_URL", "http://127.0.0.1:9");
        assert!(read("production", &[plain, ("SUPABASE_KEY", "x")]).is_err());
        assert!(read("development", &[plain, ("SUPABASE_KEY", "x")]).is_ok());
    }
}
