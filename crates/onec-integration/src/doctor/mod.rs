//! The check of an infobase: what its 1C administrator has to set right, and what is well.
//!
//! It calls 1C by a transport of its own, apart from the mirror's limits, reads only, and ends the
//! sessions that it began.

mod code;
mod content;
mod network;
mod service;

use std::time::Duration;

use chrono::{DateTime, Utc};
use common::Text;
use common::clock::Clock;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use code::{Code, Severity};

use crate::odata::OdataError;
use crate::profile::Profiles;
use crate::soap::Services;
use crate::store::infobases::Infobase;
use crate::transport::{Settings, Transport};

/// The whole check; its callers wait a minute at most.
const WHOLE: Duration = Duration::from_secs(55);
/// The first answer: 1C may have to start a process.
const FIRST_ANSWER: Duration = Duration::from_secs(35);
/// Each answer after that.
const ANSWER: Duration = Duration::from_secs(15);
/// An answer of the check is no larger: the list of all sets of a large configuration is under 1 MB.
const LARGEST: usize = 16 * 1024 * 1024;

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) checked_at: DateTime<Utc>,
    pub(crate) duration_ms: u64,
    pub(crate) findings: Vec<Finding>,
}

/// One thing found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) code: Code,
    #[serde(default)]
    pub(crate) detail: Option<Detail>,
    /// Numbers and names behind it.
    #[serde(default)]
    pub(crate) measured: Option<Value>,
}

/// The particulars of a finding in both languages, as they are stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Detail {
    ru: String,
    en: String,
}

impl Detail {
    /// The text in a language.
    pub(crate) fn get(&self, locale: common::Locale) -> &str {
        match locale {
            common::Locale::Ru => &self.ru,
            common::Locale::En => &self.en,
        }
    }
}

impl From<Text> for Detail {
    fn from(text: Text) -> Self {
        Self {
            ru: text.get(common::Locale::Ru).to_owned(),
            en: text.get(common::Locale::En).to_owned(),
        }
    }
}

/// What is looked for in any infobase.
pub(crate) struct Lookout {
    /// Configurations.
    pub(crate) profiles: Profiles,
    /// Web services.
    pub(crate) services: Services,
}

/// Checks an infobase with these settings.
pub(crate) async fn check(
    settings: &Settings,
    infobase: &Infobase,
    lookout: Lookout,
    clock: &Clock,
) -> Report {
    check_within(WHOLE, settings, infobase, lookout, clock).await
}

async fn check_within(
    whole: Duration,
    settings: &Settings,
    infobase: &Infobase,
    lookout: Lookout,
    clock: &Clock,
) -> Report {
    let checked_at = clock.now();
    let started = Instant::now();
    let mut findings = Vec::new();
    // Settings were validated, so that a transport that cannot be made is ours to explain.
    match Transport::new(&Settings {
        concurrency: 1,
        ..settings.clone()
    }) {
        Ok(transport) => {
            let mut doctor = Doctor {
                settings,
                infobase,
                lookout,
                clock,
                transport,
                findings: &mut findings,
            };
            let complete = tokio::time::timeout(whole, doctor.examine()).await.is_ok();
            doctor.transport.finish().await;
            if !complete {
                doctor.note(Code::CheckIncomplete);
            }
        }
        Err(error) => findings.push(Finding {
            code: Code::TlsFailed,
            detail: Some(Text::same(error.to_string()).into()),
            measured: None,
        }),
    }
    Report {
        checked_at,
        duration_ms: millis(started.elapsed()),
        findings,
    }
}

/// A check under way.
struct Doctor<'a> {
    settings: &'a Settings,
    infobase: &'a Infobase,
    lookout: Lookout,
    clock: &'a Clock,
    transport: Transport,
    findings: &'a mut Vec<Finding>,
}

/// An answer, with what it took.
struct Seen {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    took: Duration,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

impl Doctor<'_> {
    async fn examine(&mut self) {
        if !self.reach().await {
            return;
        }
        let Some(sets) = self.published_sets().await else {
            return;
        };
        self.exchange_plan(&sets).await;
        self.configuration(&sets).await;
        self.services().await;
    }

    fn note(&mut self, code: Code) {
        self.tell(code, None, None);
    }

    fn tell(&mut self, code: Code, detail: Option<Text>, measured: Option<Value>) {
        self.findings.push(Finding {
            code,
            detail: detail.map(Detail::from),
            measured,
        });
    }

    /// Asks for an address under the service's root.
    async fn ask(&self, address: &str, limit: Duration) -> Result<Seen, OdataError> {
        self.get(&format!("{}{address}", self.transport.odata()), limit)
            .await
    }

    async fn get(&self, url: &str, limit: Duration) -> Result<Seen, OdataError> {
        let request = self
            .transport
            .request(Method::GET, url)
            .header(http::header::ACCEPT, "application/json")
            .timeout(limit.min(self.settings.timeout));
        let started = Instant::now();
        let answer = self.transport.send(request).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.bytes(LARGEST).await?.to_vec();
        Ok(Seen {
            status,
            headers,
            body,
            took: started.elapsed(),
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::odata::Credentials;
    use crate::store::infobases::Kind;
    use crate::transport::SessionMode;

    #[tokio::test]
    async fn a_check_that_does_not_end_says_so() {
        // Takes connections and says nothing.
        let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let odata = format!("http://{}/", silent.local_addr().unwrap());
        let settings = Settings {
            odata: odata.parse().unwrap(),
            soap: None,
            http: None,
            credentials: Credentials {
                username: String::new(),
                password: String::new().into(),
            },
            concurrency: 1,
            requests_per_second: None,
            session_mode: SessionMode::Auto,
            proxy: None,
            ca_certificate: None,
            timeout: Duration::from_secs(60),
        };
        let infobase = Infobase::new(common::ids::new_id(), String::new(), Kind::Odata);
        let lookout = Lookout {
            profiles: Profiles::load(None).unwrap(),
            services: Services::new(&[]),
        };
        let whole = Duration::from_millis(50);
        let report = check_within(whole, &settings, &infobase, lookout, &Clock::system()).await;
        let codes: Vec<Code> = report.findings.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, [Code::AddressReached, Code::CheckIncomplete]);
    }
}
