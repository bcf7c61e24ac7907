//! The settings of an infobase as people give them: by request, by merge patch, by a file.

use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use common::Text;
use common::http::Violations;
use common::http::address::has_refused_host;
use common::sealing::Unspecified;

use crate::infobase::{Zone, service_root};
use crate::store::infobases::{Infobase, Kind};
use crate::transport::{SessionMode, certificates};
use crate::vault::Vault;

/// All settings. Secrets are taken and never given.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InfobaseSettings {
    /// What people call it.
    pub(crate) name: String,
    #[serde(default = "odata")]
    pub(crate) kind: Kind,
    /// Address of the base or of its OData service.
    #[serde(default)]
    pub(crate) base_url: Option<Url>,
    #[serde(default)]
    soap_url: Option<Url>,
    #[serde(default)]
    http_url: Option<Url>,
    /// The 1C user.
    #[serde(default)]
    username: String,
    #[serde(default, skip_serializing)]
    #[schemars(with = "Option<String>")]
    password: Option<SecretString>,
    #[serde(default = "moscow")]
    time_zone: String,
    #[serde(default = "three")]
    concurrency: i32,
    #[serde(default)]
    requests_per_second: Option<f64>,
    #[serde(default = "auto")]
    session_mode: SessionMode,
    #[serde(default, skip_serializing)]
    #[schemars(with = "Option<String>")]
    proxy_url: Option<SecretString>,
    #[serde(default)]
    ca_certificate: Option<String>,
    #[serde(default = "sixty")]
    request_timeout_seconds: i32,
    #[serde(default)]
    exchange_plan: Option<String>,
    #[serde(default)]
    exchange_node: Option<String>,
    #[serde(default)]
    sync_interval_seconds: Option<i32>,
    #[serde(default = "three")]
    reconcile_hour: i32,
    #[serde(default)]
    http_services: Vec<String>,
    #[serde(default)]
    paused: bool,
}

fn odata() -> Kind {
    Kind::Odata
}

fn moscow() -> String {
    "Europe/Moscow".to_owned()
}

fn auto() -> SessionMode {
    SessionMode::Auto
}

fn three() -> i32 {
    3
}

fn sixty() -> i32 {
    60
}

impl InfobaseSettings {
    /// The settings of an infobase, without its secrets.
    pub(crate) fn of(stored: &Infobase) -> Self {
        let url = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        Self {
            name: stored.name.clone(),
            kind: stored.kind,
            base_url: url(&stored.base_url),
            soap_url: url(&stored.soap_url),
            http_url: url(&stored.http_url),
            username: stored.username.clone(),
            password: None,
            time_zone: stored.time_zone.clone(),
            concurrency: stored.concurrency,
            requests_per_second: stored.requests_per_second.and_then(|rate| rate.to_f64()),
            session_mode: stored.session_mode,
            proxy_url: None,
            ca_certificate: stored.ca_certificate.clone(),
            request_timeout_seconds: stored.request_timeout_seconds,
            exchange_plan: stored.exchange_plan.clone(),
            exchange_node: stored.exchange_node.clone(),
            sync_interval_seconds: stored.sync_interval_seconds,
            reconcile_hour: stored.reconcile_hour,
            http_services: stored.http_services.clone(),
            paused: stored.paused,
        }
    }

    /// The settings with a merge patch (RFC 7396) applied: null sets a member back to its default,
    /// and removes a secret.
    ///
    /// # Errors
    /// When the result is not of the right form; the message names the member.
    pub(crate) fn patched(&self, patch: &serde_json::Map<String, Value>) -> Result<Self, serde_json::Error> {
        let mut document = serde_json::to_value(self)?;
        if let Value::Object(members) = &mut document {
            for (name, value) in patch {
                match (name.as_str(), value) {
                    // An absent secret stays; an empty one is none.
                    ("password" | "proxy_url", Value::Null) => {
                        members.insert(name.clone(), Value::String(String::new()));
                    }
                    (_, Value::Null) => drop(members.remove(name)),
                    // No setting is an object, so that nothing is merged deeper.
                    _ => drop(members.insert(name.clone(), value.clone())),
                }
            }
        }
        serde_json::from_value(document)
    }

    /// What is wrong with them.
    pub(crate) fn violations(&self) -> Violations {
        let mut violations = Violations::new();
        violations.check(
            (1..=100).contains(&self.name.trim().chars().count()),
            "/name",
            Text::new("От 1 до 100 символов.", "1 to 100 characters."),
        );
        if self.kind == Kind::Odata {
            if self.base_url.is_none() {
                violations.add("/base_url", address_needed());
            }
        } else {
            violations.check(
                self.base_url.is_none() && self.soap_url.is_none() && self.http_url.is_none(),
                "/base_url",
                Text::new(
                    "У базы вида commerceml адреса нет: она обращается к нам сама.",
                    "An infobase of kind commerceml has no address: it calls us.",
                ),
            );
        }
        for (pointer, url) in [
            ("/base_url", &self.base_url),
            ("/soap_url", &self.soap_url),
            ("/http_url", &self.http_url),
        ] {
            if let Some(url) = url {
                check_address(&mut violations, pointer, url);
            }
        }
        violations.check(
            self.kind != Kind::Odata || !self.username.trim().is_empty(),
            "/username",
            Text::new("Укажите имя пользователя 1С.", "Name the 1C user."),
        );
        violations.check(
            Zone::parse(&self.time_zone).is_some(),
            "/time_zone",
            Text::new(
                "Укажите часовой пояс из базы IANA, например Europe/Moscow.",
                "Name a zone of the IANA database, such as Europe/Moscow.",
            ),
        );
        self.check_limits(&mut violations);
        self.check_trust(&mut violations);
        self.check_exchange(&mut violations);
        violations
    }

    fn check_limits(&self, violations: &mut Violations) {
        let range =
            |from: i32, to: i32| Text::new(format!("От {from} до {to}."), format!("From {from} to {to}."));
        for (pointer, value, from, to) in [
            ("/concurrency", self.concurrency, 1, 16),
            ("/request_timeout_seconds", self.request_timeout_seconds, 1, 600),
            ("/reconcile_hour", self.reconcile_hour, 0, 23),
            (
                "/sync_interval_seconds",
                self.sync_interval_seconds.unwrap_or(60),
                1,
                7 * 86_400,
            ),
        ] {
            violations.check((from..=to).contains(&value), pointer, range(from, to));
        }
        violations.check(
            self.requests_per_second
                .is_none_or(|rate| (0.01..=1000.0).contains(&rate)),
            "/requests_per_second",
            Text::new("От 0,01 до 1000.", "From 0.01 to 1000."),
        );
    }

    fn check_trust(&self, violations: &mut Violations) {
        let proxy = self.proxy_url.as_ref().map(|proxy| proxy.expose_secret());
        if let Some(proxy) = proxy.filter(|proxy| !proxy.is_empty()) {
            let fits = proxy
                .parse::<Url>()
                .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && !has_refused_host(&url));
            violations.check(
                fits,
                "/proxy_url",
                Text::new(
                    "Нужен адрес http- или https-прокси, например http://proxy.firma.local:3128.",
                    "The address of an http or https proxy is needed, such as http://proxy.firma.local:3128.",
                ),
            );
        }
        violations.check(
            self.ca_certificate
                .as_deref()
                .is_none_or(|pem| certificates(pem).is_ok()),
            "/ca_certificate",
            Text::new(
                "Нужен сертификат в виде PEM (-----BEGIN CERTIFICATE-----).",
                "A certificate as PEM (-----BEGIN CERTIFICATE-----) is needed.",
            ),
        );
    }

    fn check_exchange(&self, violations: &mut Violations) {
        violations.check(
            self.exchange_plan.as_deref().is_none_or(|plan| {
                plan.strip_prefix("ExchangePlan_").is_some_and(|name| {
                    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
                })
            }),
            "/exchange_plan",
            Text::new(
                "Имя плана обмена в OData, например ExchangePlan_ИИАссистент.",
                "The exchange plan's name in OData, such as ExchangePlan_ИИАссистент.",
            ),
        );
        violations.check(
            self.exchange_node
                .as_deref()
                .is_none_or(|code| (1..=50).contains(&code.chars().count())),
            "/exchange_node",
            Text::new("От 1 до 50 символов.", "1 to 50 characters."),
        );
        violations.check(
            self.http_services.len() <= 100
                && self.http_services.iter().all(|prefix| {
                    !prefix.is_empty()
                        && prefix.len() <= 200
                        && !prefix.starts_with('/')
                        && !prefix.split('/').any(|part| matches!(part, "." | ".."))
                        && !prefix.contains(['?', '#', '%', '\\'])
                }),
            "/http_services",
            Text::new(
                "Пути внутри hs/ без косой черты в начале, например mcp/health.",
                "Paths within hs/ without a slash at the start, such as mcp/health.",
            ),
        );
    }

    /// Sets them on an infobase. Secrets that are not given stay.
    ///
    /// # Errors
    /// When a secret cannot be sealed.
    pub(crate) fn apply(self, infobase: &mut Infobase, vault: &Vault) -> Result<(), Unspecified> {
        let id = infobase.id;
        self.name.trim().clone_into(&mut infobase.name);
        infobase.kind = self.kind;
        infobase.base_url = self.base_url.as_ref().and_then(service_root).map(String::from);
        infobase.soap_url = self.soap_url.map(root_of);
        infobase.http_url = self.http_url.map(root_of);
        self.username.trim().clone_into(&mut infobase.username);
        if self.password.is_some() || infobase.password.is_empty() {
            infobase.password = vault.seal(id, &self.password.unwrap_or_default())?;
        }
        infobase.time_zone = self.time_zone;
        infobase.concurrency = self.concurrency;
        infobase.requests_per_second = self
            .requests_per_second
            .and_then(Decimal::from_f64)
            .map(|rate| rate.round_dp(4).normalize());
        infobase.session_mode = self.session_mode;
        if let Some(proxy) = self.proxy_url {
            let is_none = proxy.expose_secret().is_empty();
            infobase.proxy_url = if is_none {
                None
            } else {
                Some(vault.seal(id, &proxy)?)
            };
        }
        infobase.ca_certificate = self.ca_certificate;
        infobase.request_timeout_seconds = self.request_timeout_seconds;
        infobase.exchange_plan = self.exchange_plan;
        infobase.exchange_node = self.exchange_node;
        infobase.sync_interval_seconds = self.sync_interval_seconds;
        infobase.reconcile_hour = self.reconcile_hour;
        infobase.http_services = self.http_services;
        infobase.paused = self.paused;
        Ok(())
    }
}

/// A root without query, which ends in a slash.
fn root_of(mut url: Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.into()
}

fn address_needed() -> Text {
    Text::new(
        "Нужен адрес http или https.",
        "An http or https address is needed.",
    )
}

fn check_address(violations: &mut Violations, pointer: &str, url: &Url) {
    if service_root(url).is_none() {
        violations.add(pointer, address_needed());
    } else if !url.username().is_empty() || url.password().is_some() {
        violations.add(
            pointer,
            Text::new(
                "Имя и пароль указываются отдельно, не в адресе.",
                "Login and password are given separately, not in the address.",
            ),
        );
    } else if has_refused_host(url) {
        violations.add(
            pointer,
            Text::new(
                "Этот адрес не бывает сервером 1С и закрыт: адреса самонастройки (169.254.0.0/16, fe80::/10) и \
                 службы метаданных облаков выдают секреты машины. Адреса частных сетей разрешены.",
                "This is never the address of a 1C server and is refused: link-local addresses (169.254.0.0/16, \
                 fe80::/10) and metadata services of clouds give away secrets of the machine. Private networks are allowed.",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> InfobaseSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_merge_patch_sets_removes_and_keeps() {
        let before = settings(
            json!({"name": "a", "base_url": "http://1c/a", "username": "u", "concurrency": 5,
                                     "exchange_plan": "ExchangePlan_А"}),
        );
        let patch = json!({"name": "b", "concurrency": null, "proxy_url": null});
        let after = before.patched(patch.as_object().unwrap()).unwrap();
        assert_eq!((after.name.as_str(), after.concurrency), ("b", 3));
        assert_eq!(after.exchange_plan.as_deref(), Some("ExchangePlan_А"));
        assert_eq!(after.proxy_url.unwrap().expose_secret(), "");
        assert!(after.password.is_none());
        for wrong in [
            json!({"nmae": "b"}),
            json!({"concurrency": "many"}),
            json!({"name": null}),
        ] {
            assert!(before.patched(wrong.as_object().unwrap()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn each_mistake_is_told_where_it_is() {
        for (member, value, fits) in [
            ("base_url", json!("http://169.254.169.254/latest"), false),
            ("base_url", json!("http://user:secret@1c/base"), false),
            ("base_url", json!("http://192.168.0.5/base"), true),
            ("soap_url", json!("file:///etc/passwd"), false),
            ("concurrency", json!(17), false),
            ("requests_per_second", json!(0), false),
            ("requests_per_second", json!(0.5), true),
            ("request_timeout_seconds", json!(0), false),
            ("reconcile_hour", json!(24), false),
            ("sync_interval_seconds", json!(0), false),
            ("proxy_url", json!("socks5://proxy"), false),
            ("proxy_url", json!("http://user:secret@proxy:3128"), true),
            ("ca_certificate", json!("hello"), false),
            ("exchange_plan", json!("Catalog_X"), false),
            ("exchange_plan", json!("ExchangePlan_X'); drop"), false),
            ("exchange_node", json!(""), false),
            ("http_services", json!(["mcp/health"]), true),
            ("http_services", json!(["../odata"]), false),
        ] {
            let mut document = json!({"name": "a", "base_url": "http://1c/a", "username": "u"});
            document[member] = value.clone();
            let checked = settings(document).violations().finish();
            assert_eq!(checked.is_ok(), fits, "{member} {value}");
            if let Err(problem) = checked {
                let body = problem.to_json(common::Locale::En, None);
                assert_eq!(body["errors"][0]["pointer"], format!("/{member}"), "{body}");
            }
        }
        assert!(
            settings(json!({"name": "site", "kind": "commerceml"}))
                .violations()
                .finish()
                .is_ok()
        );
    }
}
