//! Settings. The doc comment of a field names its variable.

use std::time::Duration;

use chrono_tz::Tz;
use common::config::{Auth, Database, Reader, Redis};
use url::Url;

mod models;

pub use models::{Models, Provider, Signing};

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
    /// `ANALYTICS_URL` (<http://127.0.0.1:8003>): makes files of reports.
    pub analytics_url: Url,
    /// `TIME_ZONE` (Europe/Moscow): where «today» is.
    pub time_zone: Tz,
    /// The models.
    pub models: Models,
    /// `TOOL_TIMEOUT` (20s): how long one call of a tool may take.
    pub tool_timeout: Duration,
    /// `TOOLS_DEADLINE` (3m): after that an answer makes no more calls of tools.
    pub tools_deadline: Duration,
    /// `RULES_FIRST` (false): questions that name no model and that the built-in rules are certain of are
    /// answered by them, free of charge, although a language model is connected.
    pub rules_first: bool,
    /// `CHAT_HISTORY_TOKENS` (6000, at least 500): how much of a conversation a language model is shown
    /// word for word; a summary stands for what is older.
    pub history_tokens: u64,
    /// `MCP_ALLOWED_HOSTS` (all): values of `Host` that the MCP server answers, separated by commas.
    pub mcp_allowed_hosts: Vec<String>,
    /// `MCP_ALLOWED_ORIGINS` (all): origins of pages that may call it, separated by commas.
    pub mcp_allowed_origins: Vec<String>,
    /// `MCP_CLIENTS` (external): whose models the programs that call it pass data on to: `external`, so that
    /// policies of privacy which forbid that close it, or `local`.
    pub mcp_clients_local: bool,
    /// `LOCAL_ONLY` (false): nothing is sent to models outside of the company.
    pub local_only: bool,
    /// `BUDGET_UNPRICED_MODELS` (refuse): whether models of others whose price is not known are asked where
    /// a limit of money holds: `allow` or `refuse`.
    pub refuse_unpriced: bool,
    /// `ANSWER_CACHE_TTL` (10m): how long answers are kept for those who ask the same with the same rights,
    /// unless the data changes before; 0s: not at all.
    pub answer_cache: Duration,
    /// `TOOL_CACHE_TTL` (10m): the same of results of tools.
    pub tool_cache: Duration,
}

impl Config {
    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let database = Database::read(reader);
        let redis = Redis::read(reader);
        let auth = Auth::read(reader);
        let onec = url(reader, "ONEC_INTEGRATION_URL", "http://127.0.0.1:8001");
        let analytics = url(reader, "ANALYTICS_URL", "http://127.0.0.1:8003");
        let zone = reader.parse("TIME_ZONE", "Europe/Moscow".to_owned());
        let models = Models::read(reader);
        let tool_timeout = reader.duration("TOOL_TIMEOUT", Duration::from_secs(20));
        let tools_deadline = reader.duration("TOOLS_DEADLINE", Duration::from_mins(3));
        let rules_first = reader.parse("RULES_FIRST", false);
        let history_tokens = reader.parse("CHAT_HISTORY_TOKENS", 6000);
        if history_tokens.is_some_and(|tokens| tokens < 500) {
            reader.invalid("CHAT_HISTORY_TOKENS", "is less than 500");
        }
        let hosts = reader.parse("MCP_ALLOWED_HOSTS", String::new());
        let origins = reader.parse("MCP_ALLOWED_ORIGINS", String::new());
        let mcp_clients = reader.one_of("MCP_CLIENTS", &["external", "local"], "external");
        let local_only = reader.parse("LOCAL_ONLY", false);
        let answer_cache = reader.duration("ANSWER_CACHE_TTL", Duration::from_secs(600));
        let tool_cache = reader.duration("TOOL_CACHE_TTL", Duration::from_secs(600));
        let unpriced = reader.one_of("BUDGET_UNPRICED_MODELS", &["allow", "refuse"], "refuse");
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
            analytics_url: analytics?,
            time_zone: zone.ok()?,
            models: models?,
            tool_timeout: tool_timeout?,
            tools_deadline: tools_deadline?,
            rules_first: rules_first?,
            history_tokens: history_tokens?,
            mcp_allowed_hosts: list(&hosts?),
            mcp_allowed_origins: list(&origins?),
            mcp_clients_local: mcp_clients? == "local",
            local_only: local_only?,
            refuse_unpriced: unpriced? == "refuse",
            answer_cache: answer_cache?,
            tool_cache: tool_cache?,
        })
    }
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
    use crate::providers::Dialect;

    fn read(values: &[(&str, &str)]) -> Result<Config, String> {
        let base = [("DATABASE_URL", "postgres://u@h/d"), ("REDIS_URL", "redis://h")];
        let mut reader = Reader::from_values(base.iter().chain(values).map(|(k, v)| (*k, *v)));
        let config = Config::read(&mut reader);
        reader.finish(config).map_err(|errors| errors.to_string())
    }

    #[test]
    fn without_keys_the_engine_is_built_in() {
        let models = read(&[]).unwrap().models;
        assert!(models.providers.is_empty() && models.default.is_none());
    }

    #[test]
    fn the_wire_format_follows_the_address() {
        let openai = |values: &[(&str, &str)]| read(values).unwrap().models.providers.remove(0);
        let own = openai(&[("OPENAI_API_KEY", "k")]);
        assert_eq!((own.dialect, own.external), (Dialect::OpenAiResponses, true));
        let local = openai(&[
            ("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1"),
            ("OPENAI_MODEL", "a, b"),
        ]);
        assert_eq!((local.dialect, local.external), (Dialect::OpenAiChat, false));
        assert!(matches!(local.auth, Signing::None));
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

    #[test]
    fn more_providers_are_named_and_then_described() {
        let models = read(&[
            ("ANTHROPIC_API_KEY", "k"),
            ("LLM_PROVIDERS", "yandex, our-server, sber"),
            ("LLM_YANDEX_URL", "https://llm.api.cloud.yandex.net/v1"),
            ("LLM_YANDEX_KEY", "k"),
            ("LLM_YANDEX_AUTH", "api-key"),
            (
                "LLM_YANDEX_HEADERS",
                "OpenAI-Project: b1g, x-data-logging-enabled: false",
            ),
            ("LLM_YANDEX_MODELS", "gpt://b1g/yandexgpt/latest"),
            ("LLM_OUR_SERVER_URL", "http://gpu.office.internal:8000/v1"),
            ("LLM_OUR_SERVER_FIRST_TOKEN_TIMEOUT", "90s"),
            ("LLM_SBER_DIALECT", "gigachat"),
            ("LLM_SBER_KEY", "k"),
            ("LLM_SBER_MODELS", "GigaChat-2-Max"),
            ("LLM_SBER_EXTERNAL", "false"),
            ("OLLAMA_HOST", "0.0.0.0"),
            ("LOCAL_LLM_URL", "http://llama:8080/v1"),
            (
                "LLM_FALLBACK",
                "yandex/gpt://b1g/yandexgpt/latest, GigaChat-2-Max",
            ),
        ])
        .unwrap()
        .models;
        let told: Vec<_> = models
            .providers
            .iter()
            .map(|one| {
                (
                    one.name.as_str(),
                    one.dialect.as_str(),
                    one.external,
                    one.patience.first_token.as_secs(),
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("anthropic", "anthropic-messages", true, 10),
                ("yandex", "openai-chat", true, 10),
                ("our-server", "openai-chat", false, 90),
                ("sber", "gigachat", false, 60),
                ("ollama", "openai-chat", false, 60),
                ("local", "openai-chat", false, 60),
            ]
        );
        assert_eq!(models.providers[1].headers.len(), 2);
        assert!(matches!(models.providers[1].auth, Signing::ApiKey(_)));
        assert!(matches!(models.providers[3].auth, Signing::Exchange { .. }));
        assert_eq!(models.providers[4].base_url.as_str(), "http://127.0.0.1:11434/v1");
    }

    #[test]
    fn mistakes_in_providers_are_named() {
        let error = read(&[
            ("LLM_PROVIDERS", "one, two, Three"),
            ("LLM_ONE_URL", "https://one.example/v1"),
            ("LLM_TWO_URL", "https://two.example/v1"),
            ("LLM_TWO_MODELS", "m"),
            ("LLM_TWO_CA_FILE", "/nowhere"),
            ("MODELS_FILE", "/nowhere"),
        ])
        .unwrap_err();
        for name in [
            "LLM_ONE_MODELS",
            "LLM_TWO_CA_FILE",
            "LLM_PROVIDERS",
            "MODELS_FILE",
        ] {
            assert!(error.contains(name), "{name}: {error}");
        }
        let error = read(&[("OPENAI_API_KEY", "k"), ("LLM_FALLBACK", "gpt-6.1-terra, nobody")]).unwrap_err();
        assert!(error.contains("LLM_FALLBACK `nobody`"), "{error}");
    }
}
