//! Troubles a 1C server gives its clients, switched on and off while it runs.

use std::sync::{Mutex, PoisonError};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::sessions::ReuseSessions;

/// What goes wrong. Everything is off by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Milliseconds before each answer.
    pub latency_ms: u64,
    /// How many of the next requests fail with `fail_status`.
    pub fail_next: u32,
    /// Share of requests that fail with `fail_status`, from 0 to 1.
    pub fail_rate: f64,
    /// Status of failed requests: 500 or 503; zero means 500.
    pub fail_status: u16,
    /// Answers are an HTML page saying that there is no free licence.
    pub no_licence: bool,
    /// Answers are an HTML login page with status 200, as proxies give them.
    pub login_page: bool,
    /// Nothing is published: the service document is empty, every set is unknown.
    pub empty_composition: bool,
    /// The base is closed for maintenance: 403 with the platform's own JSON.
    pub maintenance: bool,
    /// The user may not see the rows of the third organisation.
    pub rls: bool,
    /// An answer of more rows than this fails; zero means no limit.
    pub max_rows: usize,
    /// `If-Match` is not looked at, as behind some web servers.
    pub ignore_if_match: bool,
    /// An answer of more bytes than this fails as if the server's disk were full; zero means no limit.
    pub max_bytes: usize,
    /// Every answer fails: the server's disk is full.
    pub device_full: bool,
    /// Every body begins with a byte order mark.
    pub bom: bool,
    /// JSON ends one bracket too early.
    pub malformed_json: bool,
    /// Milliseconds between pieces of 512 bytes of an answer.
    pub drip_ms: u64,
    /// The connection breaks after so many bytes of an answer; zero means never.
    pub cut_after: usize,
    /// Errors are told in English, still marked as Russian.
    pub english_errors: bool,
    /// The user may not use the service: 403.
    pub forbidden: bool,
    /// The user's password is not accepted: 401.
    pub wrong_password: bool,
    /// Milliseconds before the first answer after `idle_seconds` without requests.
    pub cold_start_ms: u64,
    /// How long the server has to be idle to be cold again; zero means 20.
    pub idle_seconds: u64,
    /// What becomes of sessions.
    pub reuse_sessions: ReuseSessions,
    /// How long a session lives without requests, seconds.
    pub session_max_age: u64,
    /// How many sessions there may be at a time; a request too many gets the page of a missing licence. Zero means any number.
    pub licences: usize,
    /// The counter of `DataVersion` stands in the low bytes, as in bases on a database server.
    pub sql_data_version: bool,
    /// Documents up to this day cannot be written or posted.
    pub closed_until: Option<NaiveDate>,
    /// `$metadata` is filled up with made-up types to so many megabytes; zero means none.
    pub metadata_mb: usize,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            fail_next: 0,
            fail_rate: 0.0,
            fail_status: 0,
            no_licence: false,
            login_page: false,
            empty_composition: false,
            maintenance: false,
            rls: false,
            max_rows: 0,
            ignore_if_match: false,
            max_bytes: 0,
            device_full: false,
            bom: false,
            malformed_json: false,
            drip_ms: 0,
            cut_after: 0,
            english_errors: false,
            forbidden: false,
            wrong_password: false,
            cold_start_ms: 0,
            idle_seconds: 20,
            reuse_sessions: ReuseSessions::default(),
            session_max_age: 20,
            licences: 0,
            sql_data_version: false,
            closed_until: None,
            metadata_mb: 0,
        }
    }
}

/// A trouble a request runs into before it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    Status(u16),
    NoLicence,
    LoginPage,
    Maintenance,
    Forbidden,
    UnknownSession,
}

/// The switches of a running server.
#[derive(Default)]
pub(crate) struct Switches {
    state: Mutex<(Faults, f64)>,
}

impl Switches {
    /// What is switched on.
    pub(crate) fn get(&self) -> Faults {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .clone()
    }

    /// Replaces the switches.
    pub(crate) fn set(&self, faults: Faults) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (faults, 0.0);
    }

    /// The trouble the next request runs into. A rate is spread evenly: with 0.25, each fourth request fails.
    pub(crate) fn next(&self) -> Option<Trouble> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (faults, owed) = &mut *state;
        let status = if faults.fail_status == 0 {
            500
        } else {
            faults.fail_status
        };
        if faults.fail_next > 0 {
            faults.fail_next -= 1;
            return Some(Trouble::Status(status));
        }
        *owed += faults.fail_rate.clamp(0.0, 1.0);
        if *owed >= 1.0 {
            *owed -= 1.0;
            return Some(Trouble::Status(status));
        }
        if faults.no_licence {
            return Some(Trouble::NoLicence);
        }
        if faults.login_page {
            return Some(Trouble::LoginPage);
        }
        if faults.forbidden {
            return Some(Trouble::Forbidden);
        }
        faults.maintenance.then_some(Trouble::Maintenance)
    }
}

impl Trouble {
    /// Status, content type and body.
    pub(crate) fn answer(self, path: &str) -> (u16, &'static str, String) {
        const HTML: &str = "text/html;charset=utf-8";
        match self {
            Self::Status(status) => {
                (status, HTML, "<html><head><title>1C:Enterprise 8 application error</title></head><body>Сервер временно недоступен</body></html>".to_owned())
            }
            Self::NoLicence => (500, HTML, "<html><head><title>1C:Enterprise 8 application error</title></head><body><h1>Ошибка</h1><p>Не обнаружено свободной лицензии!</p></body></html>".to_owned()),
            Self::LoginPage => (200, HTML, "<html><head><title>Вход</title></head><body><form method=\"post\"><input name=\"login\"/><input name=\"password\" type=\"password\"/></form></body></html>".to_owned()),
            Self::UnknownSession => (400, HTML, "<html><head><title>1C:Enterprise 8 application error</title></head><body>Сеанс не найден или завершен</body></html>".to_owned()),
            Self::Forbidden => (403, HTML, "<html><head><title>403 Forbidden</title></head><body>Доступ к стандартному интерфейсу OData запрещен</body></html>".to_owned()),
            Self::Maintenance => {
                let text = serde_json::json!({
                    "#exception": "{http://v8.1c.ru/8.2/virtual-resource-system}Exception",
                    "exception": {
                        "reason": 403,
                        "descr": format!("HTTP: Forbidden\nОшибка при выполнении запроса GET к ресурсу {path}"),
                        "inner": {
                            "descr": "Начало сеанса с информационной базой запрещено.\nПроводятся технические работы.",
                            "inner": { "descr": "Информационная база заблокирована для выполнения технических работ до 06:00." }
                        }
                    }
                });
                (403, "application/json;charset=utf-8", format!("\u{feff}{text}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_spread_evenly() {
        let switches = Switches::default();
        switches.set(Faults {
            fail_rate: 0.25,
            fail_status: 503,
            ..Faults::default()
        });
        let failed = (0..100)
            .filter(|_| switches.next() == Some(Trouble::Status(503)))
            .count();
        assert_eq!(failed, 25);
    }

    #[test]
    fn failures_in_a_row_run_out() {
        let switches = Switches::default();
        switches.set(Faults {
            fail_next: 2,
            ..Faults::default()
        });
        let seen: Vec<_> = (0..3).map(|_| switches.next()).collect();
        assert_eq!(
            seen,
            [Some(Trouble::Status(500)), Some(Trouble::Status(500)), None]
        );
    }
}
