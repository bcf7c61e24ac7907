//! Settings of language models. `OPENAI_*` and `ANTHROPIC_*` are the two providers that most
//! have; `LLM_PROVIDERS` names more, each with variables `LLM_<NAME>_…` of its own, or tables
//! `[llm.<name>]` of the file that `CONFIG_FILE` names.

use std::time::Duration;

use common::config::Reader;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use url::{Host, Url};

use super::{list, url};
use crate::providers::{Breaking, Catalog, Dialect, Fallback, Patience};

/// Language models.
#[derive(Debug, Clone)]
pub struct Models {
    /// `openai`, `anthropic`, those of `LLM_PROVIDERS` in its order, `ollama`, `local`.
    pub providers: Vec<Provider>,
    /// `AI_DEFAULT_MODEL`: the model that answers when a request names none. Without it, the
    /// first one that is there and calls tools; `builtin` when there is none.
    pub default: Option<String>,
    /// `LLM_FALLBACK`: models that answer in place of one that fails, such as `gpt-6-sol, local/qwen3`;
    /// `none` for none. Without it, the first model of each other provider.
    pub fallback: Fallback,
    /// `LLM_BREAKER_FAILURES` (5) and `LLM_BREAKER_REST` (30s).
    pub breaking: Breaking,
    /// `LLM_TOTAL_TIMEOUT` (5m): for one turn, all tries on all models together.
    pub total: Duration,
    /// `LLM_MAX_OUTPUT_TOKENS` (4096): of one turn.
    pub max_output_tokens: u32,
    /// `LLM_PROBE_INTERVAL` (5m): how often servers are asked for their models; `0s`: not at all.
    pub probe_every: Duration,
    /// What is known of models; `MODELS_FILE` amends it.
    pub catalog: Catalog,
}

/// One provider.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Its name in answers, in `provider/model`, in metrics.
    pub name: String,
    /// `LLM_<NAME>_DIALECT` (`openai-chat`): its wire format.
    pub dialect: Dialect,
    /// `LLM_<NAME>_URL`: where its API begins.
    pub base_url: Url,
    /// `LLM_<NAME>_KEY` and `LLM_<NAME>_AUTH` (`bearer` or `api-key`).
    pub auth: Signing,
    /// `LLM_<NAME>_HEADERS`: further headers, such as `OpenAI-Project: b1g…, x-data-logging-enabled: false`.
    pub headers: HeaderMap,
    /// `LLM_<NAME>_CA_FILE`: certificates that its own has to descend from, besides the usual ones.
    pub authority: Option<String>,
    /// `LLM_<NAME>_MODELS`: the models to offer, the first one first; a server within the company
    /// is asked for its models when none is named.
    pub models: Vec<String>,
    /// `LLM_<NAME>_PROBE`: its models are trusted with tools only after a trial call. Without it,
    /// true for a server that is asked for its models.
    pub tried_first: bool,
    /// `LLM_<NAME>_EXTERNAL`: what is sent to it leaves the company. Without it, true unless its
    /// address is of one's own network.
    pub external: bool,
    /// `LLM_CONNECT_TIMEOUT` (5s), `LLM_FIRST_TOKEN_TIMEOUT` (10s, 60s within the company; models
    /// that think before they write get three times that), `LLM_IDLE_TIMEOUT` (15s); the second
    /// also as `LLM_<NAME>_FIRST_TOKEN_TIMEOUT`.
    pub patience: Patience,
}

/// How requests to a provider are signed.
#[derive(Debug, Clone)]
pub enum Signing {
    /// Not at all.
    None,
    /// `Authorization: Bearer <key>`.
    Bearer(SecretString),
    /// `Authorization: Api-Key <key>`, as Yandex Cloud has it.
    ApiKey(SecretString),
    /// `x-api-key`, and the version of the API.
    Anthropic {
        /// The key.
        key: Option<SecretString>,
        /// `anthropic-version`.
        version: HeaderValue,
    },
    /// The key is exchanged for a token, as at GigaChat.
    Exchange {
        /// `LLM_<NAME>_KEY`: what the provider calls the authorisation key.
        key: SecretString,
        /// `LLM_<NAME>_AUTH_URL`.
        url: Url,
        /// `LLM_<NAME>_SCOPE`.
        scope: String,
    },
}

/// The limits of time that are not a provider's own.
#[derive(Debug, Clone, Copy)]
struct Limits {
    connect: Duration,
    idle: Duration,
    total: Duration,
    external: Duration,
    inside: Duration,
}

impl Limits {
    fn read(reader: &mut Reader) -> Option<Self> {
        const FIRST: &str = "LLM_FIRST_TOKEN_TIMEOUT";
        let connect = reader.duration("LLM_CONNECT_TIMEOUT", Duration::from_secs(5));
        let external = reader.duration(FIRST, Duration::from_secs(10));
        let idle = reader.duration("LLM_IDLE_TIMEOUT", Duration::from_secs(15));
        let total = reader.duration("LLM_TOTAL_TIMEOUT", Duration::from_secs(300));
        Some(Self {
            connect: connect?,
            idle: idle?,
            total: total?,
            external: external?,
            // A server without a graphics card reads a long question for a minute.
            inside: reader.duration(FIRST, Duration::from_secs(60))?,
        })
    }

    fn patience(self, external: bool) -> Patience {
        Patience {
            connect: self.connect,
            first_token: if external { self.external } else { self.inside },
            idle: self.idle,
            total: self.total,
        }
    }
}

impl Models {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let limits = Limits::read(reader);
        let providers = limits.and_then(|limits| providers(reader, limits));
        let catalog = catalog(reader);
        let default = reader.optional::<String>("AI_DEFAULT_MODEL");
        let fallback = reader.optional::<String>("LLM_FALLBACK");
        let failures = reader.parse("LLM_BREAKER_FAILURES", 5);
        let rest = reader.duration("LLM_BREAKER_REST", Duration::from_secs(30));
        let max_output_tokens = reader.parse("LLM_MAX_OUTPUT_TOKENS", 4096);
        let probe_every = reader.duration("LLM_PROBE_INTERVAL", Duration::from_secs(300));
        let (providers, default) = (providers?, default?);
        let fallback = match fallback? {
            None => Fallback::Usual,
            Some(none) if none.trim() == "none" => Fallback::Only(Vec::new()),
            Some(names) => Fallback::Only(list(&names)),
        };
        let mut mistaken = false;
        if let Some(name) = &default {
            mistaken |= name != crate::builtin::MODEL && !known(reader, "AI_DEFAULT_MODEL", name, &providers);
        }
        if let Fallback::Only(names) = &fallback {
            for name in names {
                mistaken |= !known(reader, "LLM_FALLBACK", name, &providers);
            }
        }
        if mistaken {
            return None;
        }
        Some(Self {
            providers,
            default,
            fallback,
            breaking: Breaking {
                failures: failures?,
                rest: rest?,
            },
            total: limits?.total,
            max_output_tokens: max_output_tokens?,
            probe_every: probe_every?,
            catalog: catalog?,
        })
    }
}

/// Whether a model of that name is configured; one that a server may yet tell of is believed in.
fn known(reader: &mut Reader, variable: &str, name: &str, providers: &[Provider]) -> bool {
    let names = providers.iter().flat_map(|provider| {
        provider
            .models
            .iter()
            .flat_map(|model| [model.clone(), format!("{}/{model}", provider.name)])
    });
    let names: Vec<String> = names.collect();
    if names.iter().any(|one| one == name) || providers.iter().any(|provider| provider.models.is_empty()) {
        return true;
    }
    let mut offered: Vec<&str> = providers
        .iter()
        .flat_map(|provider| provider.models.iter().map(String::as_str))
        .collect();
    offered.push(crate::builtin::MODEL);
    let offered = offered.join(", ");
    reader.invalid(variable, format!("`{name}` is not one of {offered}"));
    false
}

fn catalog(reader: &mut Reader) -> Option<Catalog> {
    const FILE: &str = "MODELS_FILE";
    let mut catalog = match Catalog::built_in() {
        Ok(catalog) => catalog,
        Err(error) => {
            reader.invalid(FILE, format!("the built-in data {error}"));
            return None;
        }
    };
    let Some(path) = reader.optional::<String>(FILE)? else {
        return Some(catalog);
    };
    let amended = match std::fs::read_to_string(&path) {
        Ok(text) => catalog.amend(&text).map_err(|error| error.to_string()),
        Err(error) => Err(format!("cannot be read: {error}")),
    };
    match amended {
        Ok(()) => Some(catalog),
        Err(message) => {
            reader.invalid(FILE, message);
            None
        }
    }
}

fn providers(reader: &mut Reader, limits: Limits) -> Option<Vec<Provider>> {
    let openai = openai(reader, limits);
    let anthropic = anthropic(reader, limits);
    let names = reader.parse("LLM_PROVIDERS", String::new());
    let names = list(&names?);
    let mut more = Some(Vec::new());
    for name in &names {
        let provider = further(reader, name, limits);
        more = more.and_then(|mut more| {
            more.push(provider?);
            Some(more)
        });
    }
    let ollama = ollama(reader, limits);
    let local = local(reader, limits);
    let mut providers: Vec<Provider> = openai?.into_iter().chain(anthropic?).collect();
    providers.extend(more?);
    providers.extend(ollama?.into_iter().chain(local?));
    for (index, provider) in providers.iter().enumerate() {
        if providers[..index].iter().any(|other| other.name == provider.name) {
            let name = &provider.name;
            reader.invalid("LLM_PROVIDERS", format!("`{name}` is configured twice"));
            return None;
        }
    }
    Some(providers)
}

/// OpenAI, or a server of one's own that speaks its protocol and may need no key.
fn openai(reader: &mut Reader, limits: Limits) -> Option<Option<Provider>> {
    const HOME: &str = "https://api.openai.com/v1";
    let key = reader.secret("OPENAI_API_KEY");
    let base = reader.optional::<Url>("OPENAI_BASE_URL");
    let models = reader.parse("OPENAI_MODEL", "gpt-6.1-terra".to_owned());
    let base = base?;
    let configured = key.is_some() || base.is_some();
    let base_url = match base {
        Some(base) => base,
        None => Url::parse(HOME).ok()?,
    };
    // Only OpenAI itself is sure to have the newer API.
    let usual = if base_url.host_str() == Some("api.openai.com") {
        "responses"
    } else {
        "chat"
    };
    let api = reader.one_of("OPENAI_API", &["responses", "chat"], usual);
    let external = is_external(&base_url);
    let provider = Provider {
        name: "openai".to_owned(),
        dialect: if api? == "responses" {
            Dialect::OpenAiResponses
        } else {
            Dialect::OpenAiChat
        },
        base_url,
        auth: key.map_or(Signing::None, Signing::Bearer),
        headers: HeaderMap::new(),
        authority: None,
        models: list(&models?),
        tried_first: false,
        external,
        patience: limits.patience(external),
    };
    Some(configured.then_some(provider))
}

fn anthropic(reader: &mut Reader, limits: Limits) -> Option<Option<Provider>> {
    let key = reader.secret("ANTHROPIC_API_KEY");
    let base_url = url(reader, "ANTHROPIC_BASE_URL", "https://api.anthropic.com");
    let models = reader.parse("ANTHROPIC_MODEL", "claude-sonnet-5-5".to_owned());
    let version = version(reader, "ANTHROPIC_VERSION");
    let (base_url, configured) = (base_url?, key.is_some());
    let external = is_external(&base_url);
    let provider = Provider {
        name: "anthropic".to_owned(),
        dialect: Dialect::AnthropicMessages,
        base_url,
        auth: Signing::Anthropic {
            key,
            version: version?,
        },
        headers: HeaderMap::new(),
        authority: None,
        models: list(&models?),
        tried_first: false,
        external,
        patience: limits.patience(external),
    };
    Some(configured.then_some(provider))
}

fn version(reader: &mut Reader, name: &str) -> Option<HeaderValue> {
    let version = reader.parse(name, "2026-10-21".to_owned())?;
    let value = HeaderValue::from_str(&version).ok();
    if value.is_none() {
        reader.invalid(name, "is not a version such as 2026-10-21");
    }
    value
}

/// A provider of `LLM_PROVIDERS`.
fn further(reader: &mut Reader, name: &str, limits: Limits) -> Option<Provider> {
    let well = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '-';
    if !name.chars().all(well) || name == crate::builtin::PROVIDER {
        reader.invalid(
            "LLM_PROVIDERS",
            format!("`{name}` is not a name of lower-case letters, digits and hyphens"),
        );
        return None;
    }
    let prefix = format!("LLM_{}", name.to_uppercase().replace('-', "_"));
    let variable = |what: &str| format!("{prefix}_{what}");
    let dialects = Dialect::ALL.map(Dialect::as_str);
    let dialect = reader.one_of(&variable("DIALECT"), &dialects, Dialect::OpenAiChat.as_str());
    let dialect = Dialect::ALL
        .into_iter()
        .find(|one| Some(one.as_str()) == dialect)?;
    let base_url = match dialect {
        Dialect::OpenAiChat => reader.required(&variable("URL")),
        Dialect::OpenAiResponses => url(reader, &variable("URL"), "https://api.openai.com/v1"),
        Dialect::AnthropicMessages => url(reader, &variable("URL"), "https://api.anthropic.com"),
        Dialect::GigaChat => url(
            reader,
            &variable("URL"),
            "https://gigachat.devices.sberbank.ru/api/v1",
        ),
    };
    let auth = auth(reader, &variable, dialect);
    let headers = headers(reader, &variable("HEADERS"));
    let authority = authority(reader, &variable("CA_FILE"));
    let models = reader.parse(&variable("MODELS"), String::new());
    let base_url = base_url?;
    let external = reader.parse(&variable("EXTERNAL"), is_external(&base_url))?;
    let mut patience = limits.patience(external);
    patience.first_token = reader.duration(&variable("FIRST_TOKEN_TIMEOUT"), patience.first_token)?;
    let models = list(&models?);
    if models.is_empty() && external {
        reader.invalid(&variable("MODELS"), "is not set");
        return None;
    }
    let tried_first = reader.parse(&variable("PROBE"), models.is_empty())?;
    Some(Provider {
        name: name.to_owned(),
        tried_first,
        dialect,
        base_url,
        auth: auth?,
        headers: headers?,
        authority: authority?,
        models,
        external,
        patience,
    })
}

fn auth(reader: &mut Reader, variable: &dyn Fn(&str) -> String, dialect: Dialect) -> Option<Signing> {
    const OAUTH: &str = "https://ngw.devices.sberbank.ru:9443/api/v2/oauth";
    let key = reader.secret(&variable("KEY"));
    match dialect {
        Dialect::AnthropicMessages => Some(Signing::Anthropic {
            key,
            version: version(reader, &variable("VERSION"))?,
        }),
        Dialect::GigaChat => {
            let url = url(reader, &variable("AUTH_URL"), OAUTH);
            let scope = reader.one_of(
                &variable("SCOPE"),
                &["GIGACHAT_API_PERS", "GIGACHAT_API_B2B", "GIGACHAT_API_CORP"],
                "GIGACHAT_API_PERS",
            );
            if key.is_none() {
                reader.invalid(&variable("KEY"), "is not set");
            }
            Some(Signing::Exchange {
                key: key?,
                url: url?,
                scope: scope?.to_owned(),
            })
        }
        Dialect::OpenAiChat | Dialect::OpenAiResponses => {
            let scheme = reader.one_of(&variable("AUTH"), &["bearer", "api-key"], "bearer")?;
            Some(match key {
                None => Signing::None,
                Some(key) if scheme == "api-key" => Signing::ApiKey(key),
                Some(key) => Signing::Bearer(key),
            })
        }
    }
}

fn headers(reader: &mut Reader, variable: &str) -> Option<HeaderMap> {
    let text = reader.parse(variable, String::new())?;
    let mut headers = HeaderMap::new();
    for line in list(&text) {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            Some((name, value.trim().parse::<HeaderValue>().ok()?))
        });
        let Some((name, value)) = header else {
            reader.invalid(variable, "is not of the form `Name: value, Name: value`");
            return None;
        };
        headers.insert(name, value);
    }
    Some(headers)
}

fn authority(reader: &mut Reader, variable: &str) -> Option<Option<String>> {
    let Some(path) = reader.optional::<String>(variable)? else {
        return Some(None);
    };
    let pem = std::fs::read_to_string(&path).map_err(|error| format!("cannot be read: {error}"));
    let pem = pem.and_then(
        |pem| match reqwest::Certificate::from_pem_bundle(pem.as_bytes()) {
            Ok(certificates) if !certificates.is_empty() => Ok(pem),
            Ok(_) | Err(_) => Err("holds no certificates in PEM".to_owned()),
        },
    );
    match pem {
        Ok(pem) => Some(Some(pem)),
        Err(message) => {
            reader.invalid(variable, message);
            None
        }
    }
}

/// `OLLAMA_HOST`, as Ollama's own programs understand it.
fn ollama(reader: &mut Reader, limits: Limits) -> Option<Option<Provider>> {
    const VARIABLE: &str = "OLLAMA_HOST";
    let Some(host) = reader.optional::<String>(VARIABLE)? else {
        return Some(None);
    };
    let Some(base_url) = ollama_url(&host) else {
        reader.invalid(VARIABLE, "is not an address such as 127.0.0.1:11434");
        return None;
    };
    Some(Some(found("ollama", base_url, Signing::None, Vec::new(), limits)))
}

fn ollama_url(host: &str) -> Option<Url> {
    let (scheme, rest) = host.trim().split_once("://").unwrap_or(("http", host.trim()));
    let rest = rest.trim_end_matches('/');
    let rest = if rest.starts_with(':') {
        format!("127.0.0.1{rest}")
    } else {
        rest.to_owned()
    };
    let mut url = Url::parse(&format!("{scheme}://{rest}/v1")).ok()?;
    if url.port().is_none() && scheme == "http" {
        url.set_port(Some(11434)).ok()?;
    }
    // The address that a server listens on is not one to call.
    if url.host_str() == Some("0.0.0.0") {
        url.set_host(Some("127.0.0.1")).ok()?;
    }
    Some(url)
}

/// `LOCAL_LLM_URL`, `LOCAL_LLM_KEY`, `LOCAL_LLM_MODELS`: a server that speaks Chat Completions.
fn local(reader: &mut Reader, limits: Limits) -> Option<Option<Provider>> {
    let base_url = reader.optional::<Url>("LOCAL_LLM_URL");
    let key = reader.secret("LOCAL_LLM_KEY");
    let models = reader.parse("LOCAL_LLM_MODELS", String::new());
    let (base_url, models) = (base_url?, list(&models?));
    let auth = key.map_or(Signing::None, Signing::Bearer);
    Some(base_url.map(|base_url| found("local", base_url, auth, models, limits)))
}

fn found(name: &str, base_url: Url, auth: Signing, models: Vec<String>, limits: Limits) -> Provider {
    Provider {
        name: name.to_owned(),
        dialect: Dialect::OpenAiChat,
        external: is_external(&base_url),
        patience: limits.patience(is_external(&base_url)),
        base_url,
        auth,
        headers: HeaderMap::new(),
        authority: None,
        models,
        tried_first: true,
    }
}

/// False for addresses of this machine and of private networks (RFC 1918, RFC 4193), for names
/// without a dot, such as those of containers, and for `.local`, `.internal`, `.localhost`.
fn is_external(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        Some(Host::Ipv6(ip)) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let own = [".local", ".internal", ".localhost"];
            name.contains('.') && !own.iter().any(|end| name.ends_with(end))
        }
        None => true,
    }
}
