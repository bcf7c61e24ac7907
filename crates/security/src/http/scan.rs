//! `/scan`: what the gateway would think of a request.

use std::collections::BTreeMap;

use common::Text;
use common::http::{Json, Problem, Violations};
use common::telemetry::RequestContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use waf::{Family, Kind, Place, Request, THRESHOLD};

/// Headers of one request.
const MAX_HEADERS: usize = 100;
/// Bytes of path and query, as at the gateway.
const MAX_URI: usize = 8 * 1024;

/// A request as its parts.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScanRequest {
    method: String,
    /// Path and query, as a client of the gateway sends them.
    uri: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    /// What the route carries; by default as the path says.
    #[schemars(with = "Option<String>")]
    kind: Option<Kind>,
}

impl ScanRequest {
    fn validate(&self) -> Result<(), Problem> {
        let mut violations = Violations::new();
        violations.check(
            (1..=40).contains(&self.method.len()),
            "/method",
            Text::new("От 1 до 40 символов.", "1 to 40 characters."),
        );
        violations.check(
            self.uri.starts_with('/') && self.uri.len() <= MAX_URI,
            "/uri",
            Text::new(
                "Путь с параметрами: начинается с косой черты, не длиннее 8 КиБ.",
                "Path and query: begins with a slash, 8 KiB at most.",
            ),
        );
        violations.check(
            self.headers.len() <= MAX_HEADERS,
            "/headers",
            Text::new("Не больше 100 заголовков.", "100 headers at most."),
        );
        violations.finish()
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScanResponse {
    score: u32,
    /// Points from which a request is flagged.
    threshold: u32,
    flagged: bool,
    #[schemars(with = "String")]
    kind: Kind,
    reasons: Vec<ReasonResponse>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ReasonResponse {
    rule: &'static str,
    #[schemars(with = "String")]
    family: Family,
    title: String,
    points: u32,
    #[schemars(with = "String")]
    place: Place,
    name: String,
    /// What matched, decoded; absent for texts for the assistant.
    #[serde(skip_serializing_if = "String::is_empty")]
    excerpt: String,
}

/// Scores one request as the gateway does.
pub(crate) async fn scan(Json(request): Json<ScanRequest>) -> Result<Json<ScanResponse>, Problem> {
    request.validate()?;
    let kind = request.kind.unwrap_or_else(|| Kind::of_path(&request.uri));
    let headers: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let verdict = waf::scan(&Request {
        method: &request.method,
        uri: &request.uri,
        headers: &headers,
        body: request.body.as_bytes(),
        kind,
    });
    let locale = RequestContext::current_locale();
    let reasons = verdict.reasons.into_iter().map(|reason| ReasonResponse {
        rule: reason.rule,
        family: reason.family,
        title: title(reason.family).get(locale).to_owned(),
        points: reason.points,
        place: reason.place,
        name: reason.name,
        excerpt: reason.excerpt,
    });
    Ok(Json(ScanResponse {
        score: verdict.score,
        threshold: THRESHOLD,
        flagged: verdict.flagged,
        kind,
        reasons: reasons.collect(),
    }))
}

/// What an attack of a family is after, in words.
fn title(family: Family) -> Text {
    match family {
        Family::Sqli => Text::new("Команды базы данных (SQL)", "Commands for a database (SQL)"),
        Family::Nosql => Text::new(
            "Запросы к хранилищу документов, каталогу LDAP или XPath",
            "Queries of a document store, an LDAP directory or XPath",
        ),
        Family::Xss => Text::new(
            "Скрипт для чужого браузера (XSS)",
            "A script for the browser of somebody else (XSS)",
        ),
        Family::Rce => Text::new("Команды операционной системы", "Commands of the operating system"),
        Family::Code => Text::new(
            "Код для интерпретатора или шаблона",
            "Code for an interpreter or a template",
        ),
        Family::Files => Text::new("Чужие или служебные файлы", "Files of others or of the system"),
        Family::Ssrf => Text::new(
            "Обращение от имени сервера (SSRF)",
            "A call in the name of the server (SSRF)",
        ),
        Family::Xxe => Text::new("Внешние сущности XML (XXE)", "External entities of XML (XXE)"),
        Family::Protocol => Text::new("Нарушение протокола", "Abuse of a protocol"),
        Family::Token => Text::new("Поддельный токен", "A forged token"),
        Family::Scanner => Text::new(
            "Программа для поиска уязвимостей",
            "A program that looks for holes",
        ),
        Family::Prompt => Text::new(
            "Попытка изменить указания помощнику",
            "An attempt to change the assistant's instructions",
        ),
        Family::Secret => Text::new("Пароль или ключ в тексте", "A password or a key in a text"),
    }
}
