//! The first answer: is it 1C, does it take the login, what does it publish, how fast.

use std::collections::HashSet;
use std::time::Duration;

use chrono::DateTime;
use common::Text;
use serde::Deserialize;
use serde_json::json;

use super::network::tls_failure;
use super::{ANSWER, Code, Doctor, FIRST_ANSWER, Seen, millis};
use crate::odata::OdataError;
use crate::transport::SessionMode;

/// Seconds by which clocks may differ: the header has whole ones, and an answer takes its time.
const CLOCK_TOLERANCE: i64 = 30;
/// A first answer after a pause may take this long.
const SLOW_FIRST: Duration = Duration::from_secs(10);
/// Other answers that take longer are slow.
const SLOW: Duration = Duration::from_secs(2);
/// Below this, it does not matter whether a session was opened.
const UNNOTICED: Duration = Duration::from_millis(500);

/// `{"value":[{"name":"Catalog_X","url":"Catalog_X"}]}`.
#[derive(Deserialize)]
struct ServiceDocument {
    value: Vec<Set>,
}

#[derive(Deserialize)]
struct Set {
    name: String,
}

impl Doctor<'_> {
    /// The sets published; none when what is wrong keeps us from asking further.
    pub(super) async fn published_sets(&mut self) -> Option<HashSet<String>> {
        let asked_at = self.clock.now();
        let first = match self.ask("?$format=json", FIRST_ANSWER).await {
            Ok(seen) => seen,
            Err(error) => {
                self.tell_failure(&error);
                return None;
            }
        };
        self.tell_security();
        self.tell_clock(&first, asked_at);
        if let Some((code, detail)) = self.refusal(&first) {
            self.tell(code, detail, Some(json!({"status": first.status})));
            return None;
        }
        let Some(sets) = read_sets(&first.body) else {
            self.note(Code::NotOnec);
            return None;
        };
        self.note(Code::LoginAccepted);
        self.tell_speed(&first).await;
        if sets.is_empty() {
            self.note(Code::CompositionEmpty);
            return None;
        }
        self.tell(Code::CompositionRead, None, Some(json!({"sets": sets.len()})));
        Some(sets)
    }

    fn tell_failure(&mut self, error: &OdataError) {
        let code = match error {
            OdataError::Unreachable(error) => tls_failure(error).unwrap_or(Code::NoConnection),
            OdataError::TimedOut => Code::AnswerTimeout,
            _ => Code::NotOnec,
        };
        self.note(code);
    }

    fn tell_security(&mut self) {
        let url = &self.settings.odata;
        let is_near = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() == "https" {
            self.note(Code::TlsVerified);
        } else if !is_near {
            self.note(Code::PlainHttp);
        }
    }

    fn tell_clock(&mut self, seen: &Seen, asked_at: DateTime<chrono::Utc>) {
        let Ok(theirs) = DateTime::parse_from_rfc2822(seen.header("date")) else {
            return;
        };
        // The header was written somewhere between asking and now.
        let took = i64::try_from(seen.took.as_secs()).unwrap_or(0);
        let skew = (theirs.to_utc() - asked_at).num_seconds();
        let off = if skew > took { skew - took } else { skew.min(0) };
        let code = if off.abs() > CLOCK_TOLERANCE {
            Code::ClockSkew
        } else {
            Code::ClockAgrees
        };
        self.tell(code, None, Some(json!({"seconds": off})));
    }

    /// What an answer that is not the service document means.
    fn refusal(&self, seen: &Seen) -> Option<(Code, Option<Text>)> {
        let text = String::from_utf8_lossy(&seen.body);
        let lower = text.to_lowercase();
        let is_json = seen.header("content-type").contains("json");
        let code = match seen.status {
            200 if is_json => return None,
            300..=399 => return Some(self.redirection(seen)),
            400 if lower.contains("https port") || lower.contains("https scheme") => Code::HttpOnHttpsPort,
            407 => Code::ProxyLogin,
            401 if !offers_basic(seen) => Code::LoginMethod,
            status => match OdataError::from_answer("", status, &seen.body) {
                OdataError::NoLicence => Code::NoLicence,
                OdataError::Locked => Code::InfobaseLocked,
                OdataError::AccessDenied(_) => Code::RoleMissing,
                OdataError::CredentialsRefused => Code::LoginRefused,
                OdataError::NotPublished(_) | OdataError::NotFound(_) => Code::OdataDisabled,
                _ if status == 404 && is_of_onec(seen, &lower) => Code::OdataDisabled,
                _ if status == 404 => Code::PublicationMissing,
                OdataError::Failed(..) | OdataError::Refused(..) => Code::InfobaseFailed,
                _ => Code::NotOnec,
            },
        };
        let server = seen.header("server");
        // Only the product's name: versions and the rest are of no use here.
        let product = server.split(['/', ' ']).next().unwrap_or_default();
        let detail = (!product.is_empty()).then(|| {
            Text::new(
                format!("Ответил веб-сервер {product} со статусом {}.", seen.status),
                format!("The web server {product} answered with status {}.", seen.status),
            )
        });
        Some((code, detail))
    }

    fn redirection(&self, seen: &Seen) -> (Code, Option<Text>) {
        let asked = self.transport.odata();
        let target = asked.join(seen.header("location")).ok();
        let Some(mut target) = target else {
            return (Code::Redirected, None);
        };
        target.set_query(None);
        let decoded = |url: &url::Url| {
            percent_encoding::percent_decode_str(url.path())
                .decode_utf8_lossy()
                .into_owned()
        };
        let (ours, theirs) = (decoded(asked), decoded(&target));
        let trimmed = |path: &str| path.trim_end_matches('/').to_lowercase();
        let is_case = asked.host() == target.host()
            && ours.trim_end_matches('/') != theirs.trim_end_matches('/')
            && trimmed(&ours) == trimmed(&theirs);
        let code = if is_case {
            Code::PublicationCase
        } else {
            Code::Redirected
        };
        let detail = Text::new(
            format!("Сервер отправляет на {target}"),
            format!("The server sends us to {target}"),
        );
        (code, Some(detail))
    }

    async fn tell_speed(&mut self, first: &Seen) {
        let Ok(again) = self.ask("?$format=json", ANSWER).await else {
            return;
        };
        let Ok(warm) = self.ask("?$format=json", ANSWER).await else {
            return;
        };
        let warm_took = again.took.min(warm.took);
        let measured = json!({"first_ms": millis(first.took), "warm_ms": millis(warm_took)});
        let code = if warm_took > SLOW {
            Code::SlowCalls
        } else if first.took > SLOW_FIRST {
            Code::SlowFirstCall
        } else {
            Code::LatencyFine
        };
        self.tell(code, None, Some(measured));
        let has_session = [first, &again].iter().any(|seen| {
            seen.headers.get_all("set-cookie").iter().any(|cookie| {
                cookie
                    .to_str()
                    .is_ok_and(|cookie| cookie.to_lowercase().starts_with("ibsession="))
            })
        });
        let opens_each = warm_took > UNNOTICED && warm_took * 2 > first.took;
        let code = match self.settings.session_mode {
            SessionMode::Use if has_session => Code::SessionsReused,
            SessionMode::Use => Code::SessionsNotReused,
            SessionMode::None => Code::SessionsEachCall,
            SessionMode::Auto if opens_each => Code::SessionsEachCall,
            SessionMode::Auto => Code::SessionsReused,
        };
        self.note(code);
    }
}

/// True when an answer of 401 takes a name and a password.
fn offers_basic(seen: &Seen) -> bool {
    let offers: Vec<String> = seen
        .headers
        .get_all("www-authenticate")
        .iter()
        .filter_map(|offer| offer.to_str().ok())
        .map(str::to_lowercase)
        .collect();
    // 1C's own refusal of a login sometimes offers nothing.
    offers.is_empty() || offers.iter().any(|offer| offer.contains("basic"))
}

/// True for a page or an exception of 1C, as against one of the web server.
fn is_of_onec(seen: &Seen, lower: &str) -> bool {
    !seen.header("dataserviceversion").is_empty()
        || ["1c:enterprise", "1с:предприятие", "v8.1c.ru", "\"exception\""]
            .iter()
            .any(|mark| lower.contains(mark))
}

fn read_sets(body: &[u8]) -> Option<HashSet<String>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let document: ServiceDocument = serde_json::from_slice(body).ok()?;
    Some(document.value.into_iter().map(|set| set.name).collect())
}
