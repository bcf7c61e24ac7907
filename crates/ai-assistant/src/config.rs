//! Settings. The doc comment of a field names its variable.

use std::time::Duration;

use chrono_tz::Tz;
use common::config::{Auth, Database, Reader, Redis};
use secrecy::SecretString;
use url::Url;

use crate::providers::{Dialect, Patience};

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database.
    pub database: Database,
    /// Redis.
    pub redis: Redis,
    /// How tokens are verified.
    pub auth: Auth,
    /// `ONEC_INTEGRATION_URL` (<http://127.0.0.1:8001>).
    pub onec_integration_url: Url,
    /// `TIME_ZONE` (Europe/Moscow): where «today» is.
    pub time_zone: Tz,
    /// The models.
    pub models: Models,
    /// `TOOL_TIMEOUT` (20s): how long one call of a tool may take.
    pub tool_timeout: Duration,
    /// `RULES_FIRST` (false): questions that name no model and that the built-in rules are certain of are
    /// answered by them, free of charge, although a language model is connected.
    pub rules_first: bool,
}

/// Language models.
#[derive(Debug, Clone)]
pub struct Models {
    /// `OPENAI_API_KEY`, `OPENAI_BASE_URL`, `OPENAI_MODEL`, `OPENAI_API`.
    pub openai: Option<Connection>,
    /// `ANTHROPIC_API_KEY`, `ANTHROPIC_BASE_URL`, `ANTHROPIC_MODEL`, `ANTHROPIC_VERSION`.
    pub anthropic: Option<Connection>,
    /// `AI_DEFAULT_MODEL`: the model that answers when a request names none; the first one
    /// configured by default, `builtin` when there is none.
    pub default: String,
    /// `LLM_FIRST_TOKEN_TIMEOUT` (30s) and `LLM_IDLE_TIMEOUT` (20s).
    pub patience: Patience,
    /// `LLM_MAX_OUTPUT_TOKENS` (4096): of one turn.
    pub max_output_tokens: u32,
}

/// One provider.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The key; servers of one's own may need none.
    pub key: Option<SecretString>,
    /// Where its API begins.
    pub base_url: Url,
    /// The models to offer, the first one first.
    pub models: Vec<String>,
    /// Its wire format.
    pub dialect: Dialect,
    /// `anthropic-version` (2026-10-21).
    pub version: String,
}

impl Config {
    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let database = Database::read(reader);
        let redis = Redis::read(reader);
        let auth = Auth::read(reader);
        let onec = url(reader, "ONEC_INTEGRATION_URL", "http://127.0.0.1:8001");
        let zone = reader.parse("TIME_ZONE", "Europe/Moscow".to_owned());
        let models = Models::read(reader);
        let tool_timeout = reader.duration("TOOL_TIMEOUT", Duration::from_secs(20));
        let rules_first = reader.parse("RULES_FIRST", false);
        let zone = zone?.parse::<Tz>();
        if zone.is_err() {
            reader.invalid(
                "TIME_ZONE",
                "is not the name of a time zone such as Europe/Moscow",
            );
        }
        Some(Self {
            database: database?,
            redis: redis?,
            auth: auth?,
            onec_integration_url: onec?,
            time_zone: zone.ok()?,
            models: models?,
            tool_timeout: tool_timeout?,
            rules_first: rules_first?,
        })
    }
}

impl Models {
    fn read(reader: &mut Reader) -> Option<Self> {
        let openai = openai(reader);
        let anthropic = anthropic(reader);
        let default = reader.optional::<String>("AI_DEFAULT_MODEL");
        let first_token = reader.duration("LLM_FIRST_TOKEN_TIMEOUT", Duration::from_secs(30));
        let idle = reader.duration("LLM_IDLE_TIMEOUT", Duration::from_secs(20));
        let max_output_tokens = reader.parse("LLM_MAX_OUTPUT_TOKENS", 4096);
        let (openai, anthropic) = (openai?, anthropic?);
        let known: Vec<String> = openai
            .iter()
            .chain(&anthropic)
            .flat_map(|connection| connection.models.iter().cloned())
            .chain([crate::builtin::MODEL.to_owned()])
            .collect();
        let default = default?.unwrap_or_else(|| known[0].clone());
        if !known.contains(&default) {
            let known = known.join(", ");
            reader.invalid("AI_DEFAULT_MODEL", format!("`{default}` is not one of {known}"));
            return None;
        }
        Some(Self {
            openai,
            anthropic,
            default,
            patience: Patience {
                first_token: first_token?,
                idle: idle?,
            },
            max_output_tokens: max_output_tokens?,
        })
    }
}

/// OpenAI, or a server of one's own that speaks its protocol and may need no key.
fn openai(reader: &mut Reader) -> Option<Option<Connection>> {
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
    let connection = Connection {
        key,
        base_url,
        models: list(&models?),
        dialect: if api? == "responses" {
            Dialect::OpenAiResponses
        } else {
            Dialect::OpenAiChat
        },
        version: String::new(),
    };
    Some(configured.then_some(connection))
}

fn anthropic(reader: &mut Reader) -> Option<Option<Connection>> {
    let key = reader.secret("ANTHROPIC_API_KEY");
    let base_url = url(reader, "ANTHROPIC_BASE_URL", "https://api.anthropic.com");
    let models = reader.parse("ANTHROPIC_MODEL", "claude-sonnet-5-5".to_owned());
    let version = reader.parse("ANTHROPIC_VERSION", "2026-10-21".to_owned());
    let configured = key.is_some();
    let connection = Connection {
        key,
        base_url: base_url?,
        models: list(&models?),
        dialect: Dialect::AnthropicMessages,
        version: version?,
    };
    Some(configured.then_some(connection))
}

fn url(reader: &mut Reader, name: &str, default: &str) -> Option<Url> {
    match reader.optional::<Url>(name)? {
        Some(url) => Some(url),
        None => Url::parse(default).ok(),
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[(&str, &str)]) -> Result<Config, String> {
        let base = [("DATABASE_URL", "postgres://u@h/d"), ("REDIS_URL", "redis://h")];
        let mut reader = Reader::from_values(base.iter().chain(values).map(|(k, v)| (*k, *v)));
        let config = Config::read(&mut reader);
        reader.finish(config).map_err(|errors| errors.to_string())
    }

    #[test]
    fn without_keys_the_engine_is_built_in() {
        let models = read(&[]).unwrap().models;
        assert!(models.openai.is_none() && models.anthropic.is_none());
        assert_eq!(models.default, "builtin");
    }

    #[test]
    fn the_wire_format_follows_the_address() {
        let openai = |values: &[(&str, &str)]| read(values).unwrap().models.openai.unwrap();
        assert_eq!(
            openai(&[("OPENAI_API_KEY", "k")]).dialect,
            Dialect::OpenAiResponses
        );
        let local = openai(&[
            ("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"),
            ("OPENAI_MODEL", "a, b"),
        ]);
        assert_eq!((local.dialect, local.key.is_none()), (Dialect::OpenAiChat, true));
        assert_eq!(local.models, ["a", "b"]);
    }

    #[test]
    fn mistakes_are_named() {
        let error = read(&[("AI_DEFAULT_MODEL", "gpt-9"), ("TIME_ZONE", "Mars/Olympus")]).unwrap_err();
        assert!(
            error.contains("AI_DEFAULT_MODEL") && error.contains("TIME_ZONE"),
            "{error}"
        );
    }
}
