//! Settings.

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::config::{self, Reader};
use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use crate::infobase::{Zone, service_root};
use crate::settings::InfobaseSettings;
use crate::store::infobases::Kind;

/// Names the file of infobases.
const LIST: &str = "ONEC_INFOBASES_FILE";

/// Key of development, so that nothing has to be configured on one's own machine.
const DEVELOPMENT_KEY: &str = "development-only-onec-encryption-key";

/// Settings of the service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The database.
    pub database: config::Database,
    /// Redis.
    pub redis: config::Redis,
    /// Verification of tokens.
    pub auth: config::Auth,
    /// `ONEC_ENCRYPTION_KEY` (at least 32 characters outside of development): encrypts the
    /// passwords of infobases in the database.
    pub encryption_key: SecretString,
    /// `SYNC_INTERVAL` (60s): how often the mirror is brought up to date.
    pub sync_interval: Duration,
    /// `PROBE_INTERVAL` (5s): how often an idle infobase is asked whether it answers.
    pub probe_interval: Duration,
    /// The infobase of `ONEC_SERVER_URL`, if there is one.
    pub infobase: Option<Seed>,
    /// The infobases of `ONEC_INFOBASES_FILE`, a TOML file of `[[infobases]]`.
    pub(crate) listed: Vec<InfobaseSettings>,
}

/// The infobase that the environment names.
#[derive(Debug, Clone)]
pub struct Seed {
    /// `ONEC_NAME`: what people call it; the last part of the address by default.
    pub name: String,
    /// `ONEC_SERVER_URL` (or `1C_SERVER_URL`): address of the base or of its OData service.
    pub base_url: Url,
    /// `ONEC_USERNAME`.
    pub username: String,
    /// `ONEC_PASSWORD`.
    pub password: SecretString,
    /// `ONEC_TIME_ZONE` (Europe/Moscow): IANA name of the zone of the infobase's server.
    pub time_zone: String,
}

impl Config {
    /// Reads the settings.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        let database = config::Database::read(reader);
        let redis = config::Redis::read(reader);
        let auth = config::Auth::read(reader);
        let encryption_key = reader.strong_secret("ONEC_ENCRYPTION_KEY", 32, DEVELOPMENT_KEY);
        let sync_interval = reader.duration("SYNC_INTERVAL", Duration::from_secs(60));
        let probe_interval = reader.duration("PROBE_INTERVAL", Duration::from_secs(5));
        let infobase = Seed::read(reader);
        let listed = read_list(reader);
        Some(Self {
            database: database?,
            redis: redis?,
            auth: auth?,
            encryption_key: encryption_key?,
            sync_interval: sync_interval?,
            probe_interval: probe_interval?,
            infobase: infobase?,
            listed: listed?,
        })
    }
}

impl Seed {
    fn read(reader: &mut Reader) -> Option<Option<Self>> {
        let url = reader.optional::<Url>("ONEC_SERVER_URL");
        let name = reader.optional::<String>("ONEC_NAME");
        let username = reader.optional::<String>("ONEC_USERNAME");
        let password = reader.secret("ONEC_PASSWORD");
        let time_zone = reader.parse("ONEC_TIME_ZONE", "Europe/Moscow".to_owned())?;
        if Zone::parse(&time_zone).is_none() {
            reader.invalid("ONEC_TIME_ZONE", "is not a name of the IANA time zone database");
            return None;
        }
        let (name, username) = (name?, username?);
        let Some(url) = url? else { return Some(None) };
        let Some(base_url) = service_root(&url) else {
            reader.invalid("ONEC_SERVER_URL", "is not an http or https address");
            return None;
        };
        let Some(username) = username else {
            reader.invalid("ONEC_USERNAME", "is not set, but ONEC_SERVER_URL is");
            return None;
        };
        Some(Some(Self {
            name: name.unwrap_or_else(|| last_segment(&url)),
            base_url,
            username,
            password: password.unwrap_or_default(),
            time_zone,
        }))
    }
}

/// The infobases of a TOML file: settings as in `POST /infobases`; `password_file` and
/// `proxy_url_file` name files with the secrets.
fn read_list(reader: &mut Reader) -> Option<Vec<InfobaseSettings>> {
    let Some(path) = reader.optional::<PathBuf>(LIST)? else {
        return Some(Vec::new());
    };
    match parse_list(&path) {
        Ok(listed) => Some(listed),
        Err(message) => {
            reader.invalid(LIST, message);
            None
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    infobases: Vec<toml::Table>,
}

fn parse_list(path: &Path) -> Result<Vec<InfobaseSettings>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    // The message of the parser shows the line, which may hold a password.
    let list: List = toml::from_str(&text).map_err(|error| format!("is not right: {}", error.message()))?;
    let mut found = Vec::new();
    for (index, mut table) in list.infobases.into_iter().enumerate() {
        let number = index + 1;
        for secret in ["password", "proxy_url"] {
            let Some(file) = table.remove(&format!("{secret}_file")) else {
                continue;
            };
            let file = file
                .as_str()
                .ok_or_else(|| format!("infobase {number}: {secret}_file is not a path"))?;
            let value = std::fs::read_to_string(file)
                .map_err(|error| format!("infobase {number}: {secret}_file cannot be read: {error}"))?;
            let value = value.trim_end_matches(['\r', '\n']).to_owned();
            table.insert(secret.to_owned(), toml::Value::String(value));
        }
        let settings: InfobaseSettings = toml::Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| format!("infobase {number}: {}", error.message()))?;
        if settings.kind != Kind::Odata {
            return Err(format!(
                "infobase {number}: only infobases of kind odata may be listed"
            ));
        }
        if let Err(problem) = settings.violations().finish() {
            let problem = problem.to_json(common::Locale::En, None);
            let (pointer, detail) = (&problem["errors"][0]["pointer"], &problem["errors"][0]["detail"]);
            return Err(format!(
                "infobase {number}: {}: {}",
                pointer.as_str().unwrap_or_default().trim_start_matches('/'),
                detail.as_str().unwrap_or_default()
            ));
        }
        found.push(settings);
    }
    Ok(found)
}

/// The publication's name, which is the segment before `odata`.
fn last_segment(url: &Url) -> String {
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/odata/standard.odata").unwrap_or(path);
    path.rsplit('/')
        .find(|segment| !segment.is_empty())
        .or_else(|| url.host_str())
        .unwrap_or("1c")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: [(&str, &str); 2] = [
        ("DATABASE_URL", "postgres://u@localhost/d"),
        ("REDIS_URL", "redis://localhost"),
    ];

    fn read(more: &[(&str, &str)]) -> Result<Config, common::config::ConfigErrors> {
        let mut reader = Reader::from_values(REQUIRED.iter().chain(more).copied());
        let config = Config::read(&mut reader);
        reader.finish(config)
    }

    #[test]
    fn an_infobase_may_come_from_the_environment() {
        assert!(read(&[]).unwrap().infobase.is_none());
        let seed = read(&[("1C_SERVER_URL", "http://1c/trade"), ("1C_USERNAME", "odata")])
            .unwrap()
            .infobase
            .unwrap();
        assert_eq!(seed.name, "trade");
        assert_eq!(seed.base_url.as_str(), "http://1c/trade/odata/standard.odata/");
        assert_eq!(seed.time_zone, "Europe/Moscow");
    }

    #[test]
    fn several_infobases_may_come_from_a_file() {
        let folder = std::env::temp_dir().join(format!("infobases-{}", common::ids::new_id()));
        std::fs::create_dir(&folder).unwrap();
        let (list, secret) = (folder.join("infobases.toml"), folder.join("secret"));
        std::fs::write(&secret, "пароль\n").unwrap();
        let write = |text: &str| std::fs::write(&list, text).unwrap();
        let value = list.to_str().unwrap();
        write(&format!(
            "[[infobases]]\nname = 'Торговля'\nbase_url = 'http://1c/ut'\nusername = 'odata'\npassword_file = {secret:?}\n\
             concurrency = 2\n\n[[infobases]]\nname = 'Зарплата'\nbase_url = 'http://1c/zup'\nusername = 'odata'\n"
        ));
        let config = read(&[(LIST, value)]).unwrap();
        assert_eq!(config.listed.len(), 2);
        assert_eq!(config.listed[0].name, "Торговля");
        for (text, told) in [
            ("[[infobases]]\nname = 'x'\npasword = 's3cret'", "unknown field"),
            (
                "[[infobases]]\nname = 'x'\nbase_url = 'http://169.254.169.254/'\nusername = 'a'",
                "base_url",
            ),
            (
                "[[infobases]]\nname = 'x'\npassword_file = '/nowhere'",
                "password_file",
            ),
            ("password = 's3cret", "is not right"),
        ] {
            write(text);
            let errors = read(&[(LIST, value)]).unwrap_err();
            let (name, message) = &errors.entries()[0];
            assert_eq!(name, LIST);
            assert!(message.contains(told) && !message.contains("s3cret"), "{message}");
        }
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(read(&[(LIST, value)]).is_err());
    }

    #[test]
    fn mistakes_are_named() {
        let name = |more: &[(&str, &str)]| read(more).unwrap_err().entries()[0].0.clone();
        assert_eq!(
            name(&[("ONEC_SERVER_URL", "ftp://1c"), ("ONEC_USERNAME", "a")]),
            "ONEC_SERVER_URL"
        );
        assert_eq!(name(&[("ONEC_SERVER_URL", "http://1c/a")]), "ONEC_USERNAME");
        assert_eq!(name(&[("ONEC_TIME_ZONE", "Moscow")]), "ONEC_TIME_ZONE");
        assert_eq!(name(&[("ENVIRONMENT", "production")]), "ONEC_ENCRYPTION_KEY");
    }
}
