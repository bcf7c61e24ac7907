//! Scanners and the paths that they ask for, from a table.

use std::sync::LazyLock;

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
struct Known {
    scanners: Vec<String>,
    sensitive_files: Vec<String>,
    admin_pages: Vec<String>,
    backdoors: Vec<String>,
}

/// The table is part of the program; a test reads it.
static KNOWN: LazyLock<Known> =
    LazyLock::new(|| toml::from_str(include_str!("known.toml")).unwrap_or_default());

/// What somebody was looking for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    SensitiveFile,
    AdminPage,
    Backdoor,
}

impl Probe {
    /// The signal of the rules.
    pub(crate) const fn signal(self) -> &'static str {
        match self {
            Self::SensitiveFile => "probe_sensitive_file",
            Self::AdminPage => "probe_admin_page",
            Self::Backdoor => "probe_backdoor",
        }
    }
}

/// What a path that leads nowhere was looking for, if it is a known one.
pub(crate) fn probe(path: &str) -> Option<Probe> {
    let path = path.to_lowercase();
    let among = |parts: &[String]| parts.iter().any(|part| path.contains(part.as_str()));
    if among(&KNOWN.backdoors) {
        Some(Probe::Backdoor)
    } else if among(&KNOWN.sensitive_files) {
        Some(Probe::SensitiveFile)
    } else if among(&KNOWN.admin_pages) {
        Some(Probe::AdminPage)
    } else {
        None
    }
}

/// Whether a client's program says that it is a scanner.
pub(crate) fn is_scanner(user_agent: &str) -> bool {
    let agent = user_agent.to_lowercase();
    KNOWN.scanners.iter().any(|part| agent.contains(part.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scanners_are_known_and_clients_are_not_scanners() {
        for agent in [
            "sqlmap/1.7.2#stable (https://sqlmap.org)",
            "Mozilla/5.0 zgrab/0.x",
            "Nikto/2.5.0",
            "${jndi:ldap://x}",
        ] {
            assert!(is_scanner(agent), "{agent}");
        }
        for agent in [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
            "1C+Enterprise/8.3",
            "curl/8.5.0",
            "python-requests/2.31",
            "okhttp/4.12.0",
            "Go-http-client/1.1",
            "ai-assistants-1c/0.1.0",
            "Prometheus/3.5.0",
            "",
        ] {
            assert!(!is_scanner(agent), "{agent}");
        }
    }

    #[test]
    fn paths_that_lead_nowhere_tell_what_was_looked_for() {
        for (path, expected) in [
            ("/.env", Some(Probe::SensitiveFile)),
            ("/app/.git/config", Some(Probe::SensitiveFile)),
            ("/WP-LOGIN.php", Some(Probe::AdminPage)),
            ("/uploads/shell.php", Some(Probe::Backdoor)),
            ("/favicon.ico", None),
            ("/robots.txt", None),
            ("/api/1c/entities/Catalog_Номенклатура", None),
            ("/api/usres/me", None),
            ("/apple-touch-icon.png", None),
        ] {
            assert_eq!(probe(path), expected, "{path}");
        }
    }
}
