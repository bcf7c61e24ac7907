//! Reading settings one by one and reporting all mistakes together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// How strict the program is about its settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Environment {
    /// Defaults meant for one's own machine are accepted.
    #[default]
    Development,
    /// As production, on separate data.
    Staging,
    /// Default and weak secrets are refused.
    Production,
}

impl Environment {
    /// False only in development.
    #[must_use]
    pub fn is_strict(self) -> bool {
        !matches!(self, Self::Development)
    }

    /// The value of `ENVIRONMENT`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

impl FromStr for Environment {
    type Err = &'static str;

    fn from_str(value: &str) -> Result<Self, Self::Err> {
        match value {
            "development" => Ok(Self::Development),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err("not one of development, staging, production"),
        }
    }
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<(String, String)>);

impl ConfigErrors {
    /// Variable name and what is wrong with it, in the order of reading.
    #[must_use]
    pub fn entries(&self) -> &[(String, String)] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = if self.0.len() == 1 { "mistake" } else { "mistakes" };
        write!(f, "{} {mistakes} in the configuration:", self.0.len())?;
        for (name, message) in &self.0 {
            write!(f, "\n  {name} {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Reads settings and remembers what was wrong.
///
/// Reading functions return `None` after a mistake; a section reads all of its values first and
/// only then puts itself together with `?`, so that one mistake does not hide the next.
#[derive(Debug)]
pub struct Reader {
    values: BTreeMap<String, String>,
    errors: Vec<(String, String)>,
    environment: Environment,
}

/// Values that a published example or a habit makes known to everybody.
const KNOWN_SECRETS: [&str; 18] = [
    "changeme",
    "change_me",
    "secret",
    "password",
    "postgres",
    "admin",
    "default",
    "example",
    "development",
    "ai_password",
    "1c_password",
    "user_password",
    "analytics_password",
    "security_password",
    "redis_password",
    "monitoring_password",
    "postgres_password",
    "romashka-2026",
];

impl Reader {
    /// Settings of this process. `service` names the development file `.dev/<service>.toml` that
    /// `cargo dev --without <service>` leaves for a service started by hand.
    #[must_use]
    pub fn from_process(service: &str) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let mut reader = Self::from_values(environment);
        let file = reader.values.get("CONFIG_FILE").cloned();
        let development = format!(".dev/{service}.toml");
        match file {
            Some(file) => reader.add_file(Path::new(&file)),
            None if !reader.environment.is_strict() && Path::new(&development).exists() => {
                reader.add_file(Path::new(&development));
            }
            None => {}
        }
        reader
    }

    /// Settings given as names and values, for tests and for starting a service inside a program.
    pub fn from_values(values: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let values = values
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .filter(|(_, value)| !value.trim().is_empty())
            .collect();
        let mut reader = Self {
            values,
            errors: Vec::new(),
            environment: Environment::default(),
        };
        reader.environment = reader
            .parse("ENVIRONMENT", Environment::Development)
            .unwrap_or(Environment::Production);
        reader
    }

    fn add_file(&mut self, path: &Path) {
        let file = config::Config::builder()
            .add_source(config::File::from(path).format(config::FileFormat::Toml))
            .build()
            .and_then(|file| file.cache.clone().into_table());
        match file {
            Ok(table) => {
                let mut flat = Vec::new();
                flatten("", table, &mut flat);
                for (name, value) in flat {
                    self.values.entry(name).or_insert(value);
                }
            }
            Err(error) => self.invalid("CONFIG_FILE", format!("cannot be read: {error}")),
        }
    }

    /// The environment that the program says it runs in.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// Records a mistake that the caller found, such as two settings that contradict each other.
    pub fn invalid(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push((name.to_owned(), message.into()));
    }

    fn raw(&mut self, name: &str) -> Option<String> {
        let names = match name.strip_prefix("ONEC_") {
            Some(rest) => vec![name.to_owned(), format!("1C_{rest}")],
            None => vec![name.to_owned()],
        };
        for name in names {
            if let Some(value) = self.values.get(&name) {
                return Some(value.clone());
            }
            if let Some(path) = self.values.get(&format!("{name}_FILE")).cloned() {
                match std::fs::read_to_string(&path) {
                    // As an empty variable: a secret that a deployment has no use for.
                    Ok(text) if text.trim().is_empty() => {}
                    Ok(text) => return Some(text.trim_end_matches(['\r', '\n']).to_owned()),
                    Err(error) => {
                        self.invalid(&format!("{name}_FILE"), format!("cannot be read: {error}"));
                        return None;
                    }
                }
            }
        }
        None
    }

    /// A value that may be absent. The outer `None` means that it is there but wrong.
    pub fn optional<T>(&mut self, name: &str) -> Option<Option<T>>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let Some(value) = self.raw(name) else {
            return Some(None);
        };
        match value.trim().parse() {
            Ok(value) => Some(Some(value)),
            Err(error) => {
                // Without the value: a URL may hold a password.
                self.invalid(name, format!("is not valid: {error}"));
                None
            }
        }
    }

    /// A value with a built-in default.
    pub fn parse<T>(&mut self, name: &str, default: T) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.optional(name).map(|value| value.unwrap_or(default))
    }

    /// A value that must be given.
    pub fn required<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        let value = self.optional(name)?;
        if value.is_none() {
            self.invalid(name, "is not set");
        }
        value
    }

    /// One of a fixed list of words.
    pub fn one_of(
        &mut self,
        name: &str,
        words: &[&'static str],
        default: &'static str,
    ) -> Option<&'static str> {
        let Some(value) = self.raw(name) else {
            return Some(default);
        };
        let found = words.iter().find(|word| word.eq_ignore_ascii_case(value.trim()));
        if found.is_none() {
            self.invalid(name, format!("`{value}` is not one of {}", words.join(", ")));
        }
        found.copied()
    }

    /// A duration such as `250ms`, `30s`, `15m`, `12h` or `7d`.
    pub fn duration(&mut self, name: &str, default: Duration) -> Option<Duration> {
        let Some(value) = self.raw(name) else {
            return Some(default);
        };
        let parsed = parse_duration(value.trim());
        if parsed.is_none() {
            self.invalid(
                name,
                format!("`{value}` is not a duration such as 250ms, 30s, 15m, 12h or 7d"),
            );
        }
        parsed
    }

    /// A secret that may be absent.
    pub fn secret(&mut self, name: &str) -> Option<SecretString> {
        self.raw(name).map(SecretString::from)
    }

    /// A secret of at least `min_length` characters. Without a value, `development` is used, but
    /// only in development; elsewhere a missing, short or well-known secret is a mistake.
    pub fn strong_secret(
        &mut self,
        name: &str,
        min_length: usize,
        development: &str,
    ) -> Option<SecretString> {
        let value = self.raw(name);
        if !self.environment.is_strict() {
            return Some(SecretString::from(
                value.unwrap_or_else(|| development.to_owned()),
            ));
        }
        let Some(value) = value else {
            self.invalid(name, "is not set");
            return None;
        };
        self.refuse_weak(name, &value, min_length, development)?;
        Some(SecretString::from(value))
    }

    /// Outside development, records a mistake when `value`, such as a password within a URL, is
    /// well known or shorter than `min_length` characters.
    pub fn refuse_weak(
        &mut self,
        name: &str,
        value: &str,
        min_length: usize,
        development: &str,
    ) -> Option<()> {
        if !self.environment.is_strict() {
            return Some(());
        }
        let lower = value.to_lowercase();
        if value == development || KNOWN_SECRETS.iter().any(|known| lower == *known) {
            let environment = self.environment.as_str();
            self.invalid(
                name,
                format!("is a well-known default, which {environment} refuses"),
            );
            return None;
        }
        if value.chars().count() < min_length {
            self.invalid(name, format!("is shorter than {min_length} characters"));
            return None;
        }
        Some(())
    }

    /// Ends the reading: the settings, or everything that is wrong with them.
    ///
    /// # Errors
    /// [`ConfigErrors`] when any value was wrong.
    pub fn finish<T>(self, built: Option<T>) -> Result<T, ConfigErrors> {
        match built {
            Some(built) if self.errors.is_empty() => Ok(built),
            _ => Err(ConfigErrors(self.errors)),
        }
    }
}

fn flatten(prefix: &str, table: config::Map<String, config::Value>, into: &mut Vec<(String, String)>) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key
        } else {
            format!("{prefix}_{key}")
        }
        .to_uppercase();
        match value.kind {
            config::ValueKind::Table(table) => flatten(&name, table, into),
            config::ValueKind::Array(items) => {
                let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
                into.push((name, items.join(",")));
            }
            _ => into.push((name, value.to_string())),
        }
    }
}

fn parse_duration(value: &str) -> Option<Duration> {
    let digits = value.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = value.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3600).map(Duration::from_secs),
        "d" => number.checked_mul(86_400).map(Duration::from_secs),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn all_mistakes_are_reported_by_variable() {
        let mut reader = Reader::from_values([("PORT", "eighty"), ("GRACE", "soon"), ("MODE", "loud")]);
        let _: Option<u16> = reader.parse("PORT", 1);
        reader.duration("GRACE", Duration::ZERO);
        reader.one_of("MODE", &["quiet"], "quiet");
        let _: Option<String> = reader.required("DATABASE_URL");
        let errors = reader.finish(Some(())).unwrap_err();
        let names: Vec<&str> = errors.entries().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["PORT", "GRACE", "MODE", "DATABASE_URL"]);
        assert!(
            errors
                .to_string()
                .starts_with("4 mistakes in the configuration:\n  PORT is not valid: invalid digit")
        );
    }

    #[test]
    fn empty_is_absent_and_both_spellings_of_1c_work() {
        let mut reader = Reader::from_values([("PORT", " "), ("1C_SERVER_URL", "http://1c")]);
        assert_eq!(reader.parse("PORT", 7_u16), Some(7));
        assert_eq!(
            reader.required::<String>("ONEC_SERVER_URL").as_deref(),
            Some("http://1c")
        );
    }

    #[test]
    fn production_refuses_default_and_weak_secrets() {
        let read = |environment: &str, secret: &str| {
            let mut reader = Reader::from_values([("ENVIRONMENT", environment), ("JWT_SECRET_KEY", secret)]);
            let value = reader.strong_secret("JWT_SECRET_KEY", 32, "development-only");
            reader
                .finish(value)
                .map(|secret| secret.expose_secret().to_owned())
        };
        assert_eq!(read("development", "").unwrap(), "development-only");
        assert!(read("production", "").is_err());
        assert!(read("production", "development-only").is_err());
        assert!(read("production", "Changeme").is_err());
        assert!(read("production", "short").is_err());
        assert!(read("production", "0123456789abcdef0123456789abcdef").is_ok());
        assert!(read("staging", "short").is_err());
    }

    #[test]
    fn secrets_come_from_files() {
        let file = std::env::temp_dir().join(format!("secret-{}", crate::ids::new_id()));
        std::fs::write(&file, "from file\n").unwrap();
        let mut reader = Reader::from_values([("KEY_FILE", file.to_str().unwrap())]);
        assert_eq!(reader.secret("KEY").unwrap().expose_secret(), "from file");
        std::fs::write(&file, "\n").unwrap();
        let mut reader = Reader::from_values([("KEY_FILE", file.to_str().unwrap())]);
        assert!(reader.secret("KEY").is_none() && reader.finish(Some(())).is_ok());
        std::fs::remove_file(&file).unwrap();
        let mut reader = Reader::from_values([("KEY_FILE", file.to_str().unwrap())]);
        assert!(reader.secret("KEY").is_none());
        assert_eq!(reader.finish(Some(())).unwrap_err().entries()[0].0, "KEY_FILE");
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("7d"), Some(Duration::from_secs(604_800)));
        for wrong in ["", "7", "s", "1w", "-1s", "99999999999999999999s"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }
}
