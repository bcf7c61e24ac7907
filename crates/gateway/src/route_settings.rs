//! A file that changes lines of the route table and adds others.
//!
//! ```toml
//! [[route]]
//! path = "/api/1c/*"            # a line of the table, by its name
//! timeout_seconds = 60
//! cache = "session"             # a 200 is shown again to the same session
//! cache_seconds = 30
//!
//! [[route]]
//! path = "/api/partners/*"      # another line; without `/*` the path is exactly this
//! service = "analytics"
//! inside = "/partners"
//! access = "optional"
//! ```
//!
//! Lines of the table may be made stricter and never laxer: a slip of the pen must not open a door.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use crate::cache_rule::{Caching, Scope};
use crate::path;
use crate::routing::{Access, Origins, Patience, Rate, Route, Service};

/// Bytes of a body where neither the table nor the file says.
const BODY_LIMIT: u64 = 10 * 1024 * 1024;
/// No answer is kept for longer: a day.
const LONGEST: u32 = 24 * 60 * 60;

/// What is wrong with the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoutes {
    /// It is not TOML of this form.
    #[error("{0}")]
    Form(String),
    /// A line of it cannot be.
    #[error("{path}: {reason}")]
    Line {
        /// Which.
        path: String,
        /// Why.
        reason: &'static str,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    route: Vec<Line>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    path: String,
    service: Option<ServiceName>,
    inside: Option<String>,
    access: Option<AccessName>,
    rate: Option<RateName>,
    timeout_seconds: Option<u32>,
    max_body_bytes: Option<u64>,
    cache: Option<CacheName>,
    cache_seconds: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ServiceName {
    AiAssistant,
    OnecIntegration,
    UserManagement,
    Analytics,
    Security,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AccessName {
    Public,
    Optional,
    Required,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RateName {
    Anonymous,
    Address,
    User,
    Chat,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CacheName {
    Never,
    AsTold,
    Session,
    Public,
}

/// The table with the changes of a file.
///
/// # Errors
/// [`BadRoutes`] when anything in the file cannot be used; nothing of it is then.
pub fn apply(table: &[Route], text: &str) -> Result<Vec<Route>, BadRoutes> {
    let file: File = toml::from_str(text).map_err(|error| BadRoutes::Form(error.to_string()))?;
    let mut routes = table.to_vec();
    let mut seen = HashSet::new();
    for line in &file.route {
        let bad = |reason| BadRoutes::Line {
            path: line.path.clone(),
            reason,
        };
        if !seen.insert(&line.path) {
            return Err(bad("stands there twice"));
        }
        if let Some(known) = routes.iter_mut().find(|route| route.label == line.path) {
            change(known, line).map_err(bad)?;
        } else {
            routes.push(new_route(line).map_err(bad)?);
        }
    }
    // The longest match counts.
    routes.sort_by_key(|route| std::cmp::Reverse(route.outside.len()));
    Ok(routes)
}

fn new_route(line: &Line) -> Result<Route, &'static str> {
    let (outside, exact) = match line.path.strip_suffix("/*") {
        Some(outside) => (outside, false),
        None => (line.path.as_str(), true),
    };
    let normal = path::normalise(outside).is_ok_and(|normal| normal == outside);
    if !normal || outside.ends_with('/') || outside.contains('*') || outside == "/health" {
        return Err("is not a path such as /api/name or /api/name/*");
    }
    let service = line.service.ok_or("a new line needs a service")?;
    let inside = line.inside.as_deref().ok_or("a new line needs the path inside")?;
    let inside_is_normal = path::normalise(inside).is_ok_and(|normal| normal == inside);
    if !(inside.is_empty() || inside_is_normal && !inside.ends_with('/')) {
        return Err("the path inside must be empty or begin with a slash and end without one");
    }
    let mut route = Route {
        label: kept(&line.path),
        outside: kept(outside),
        exact,
        inside: kept(inside),
        service: match service {
            ServiceName::AiAssistant => Service::AiAssistant,
            ServiceName::OnecIntegration => Service::OnecIntegration,
            ServiceName::UserManagement => Service::UserManagement,
            ServiceName::Analytics => Service::Analytics,
            ServiceName::Security => Service::Security,
        },
        access: access(line).unwrap_or(Access::Token),
        rate: Rate::User,
        body_limit: BODY_LIMIT,
        patience: Patience::Ordinary,
        timeout: None,
        origins: Origins::Listed,
        caching: Caching::AsTold,
    };
    settings(&mut route, line)?;
    Ok(route)
}

fn change(route: &mut Route, line: &Line) -> Result<(), &'static str> {
    if line.service.is_some() || line.inside.is_some() {
        return Err("a line of the table keeps its service and its path inside");
    }
    if let Some(wanted) = access(line) {
        if strictness(wanted) < strictness(route.access) {
            return Err("a line of the table may be made stricter, not laxer");
        }
        route.access = wanted;
    }
    settings(route, line)
}

fn settings(route: &mut Route, line: &Line) -> Result<(), &'static str> {
    if let Some(rate) = line.rate {
        route.rate = match rate {
            RateName::Anonymous => Rate::Anonymous,
            RateName::Address => Rate::Address,
            RateName::User => Rate::User,
            RateName::Chat => Rate::Chat,
        };
    }
    if let Some(seconds) = line.timeout_seconds {
        if seconds == 0 {
            return Err("timeout_seconds must be at least 1");
        }
        route.timeout = Some(Duration::from_secs(seconds.into()));
    }
    if let Some(bytes) = line.max_body_bytes {
        route.body_limit = bytes;
    }
    let scope = match line.cache {
        Some(CacheName::Session) => Some(Scope::Session),
        Some(CacheName::Public) => Some(Scope::Public),
        Some(CacheName::Never) => {
            route.caching = Caching::Never;
            None
        }
        Some(CacheName::AsTold) => {
            route.caching = Caching::AsTold;
            None
        }
        None => None,
    };
    match (scope, line.cache_seconds) {
        (None, None) => Ok(()),
        (Some(scope), Some(seconds @ 1..=LONGEST)) => {
            if scope == Scope::Public && route.access != Access::Public {
                return Err("what needs a token is not the same for all: cache = \"session\"");
            }
            if scope == Scope::Session && route.access == Access::Public {
                return Err("a public line has no sessions: cache = \"public\"");
            }
            let time = Duration::from_secs(seconds.into());
            route.caching = Caching::For { time, scope };
            Ok(())
        }
        _ => Err("cache = \"session\" or \"public\" goes with cache_seconds of 1 to 86400"),
    }
}

fn access(line: &Line) -> Option<Access> {
    line.access.map(|access| match access {
        AccessName::Public => Access::Public,
        AccessName::Optional => Access::Optional,
        AccessName::Required => Access::Token,
    })
}

const fn strictness(access: Access) -> u8 {
    match access {
        Access::Public => 0,
        Access::Optional => 1,
        Access::Token => 2,
    }
}

/// A text for the rest of the process: names of routes are labels of metrics, which last as long too.
/// The same text is kept once, however often settings are read.
fn kept(text: &str) -> &'static str {
    static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.get_or_insert_default();
    if let Some(known) = kept.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    kept.insert(text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{TABLE, find_in};

    fn route(text: &str, path: &str) -> (Route, String) {
        let routes = apply(&TABLE, text).unwrap();
        let (route, inside) = find_in(&routes, path).unwrap();
        (*route, inside)
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(apply(&TABLE, "").unwrap(), TABLE.to_vec());
    }

    #[test]
    fn a_line_is_changed_and_the_others_stay() {
        let text = "[[route]]\npath = \"/api/1c/*\"\ntimeout_seconds = 60\nmax_body_bytes = 1000\nrate = \"chat\"\n\
                    cache = \"session\"\ncache_seconds = 30";
        let (changed, inside) = route(text, "/api/1c/reports");
        assert_eq!(inside, "/reports");
        assert_eq!(changed.timeout, Some(Duration::from_secs(60)));
        assert_eq!((changed.body_limit, changed.rate), (1000, Rate::Chat));
        let time = Duration::from_secs(30);
        let scope = Scope::Session;
        assert_eq!(changed.caching, Caching::For { time, scope });
        let (other, _) = route(text, "/api/1c/infobases/1");
        assert_eq!((other.timeout, other.rate), (None, Rate::User));
    }

    #[test]
    fn new_lines_have_their_place_by_length() {
        let text = "[[route]]\npath = \"/api/1c/reports/public/*\"\nservice = \"analytics\"\ninside = \"/shared\"\n\
                    access = \"optional\"\n[[route]]\npath = \"/about\"\nservice = \"ai-assistant\"\ninside = \"\"\n\
                    access = \"public\"\nrate = \"address\"";
        let (shared, inside) = route(text, "/api/1c/reports/public/7");
        assert_eq!(
            (shared.service, inside.as_str()),
            (Service::Analytics, "/shared/7")
        );
        assert_eq!(shared.access, Access::Optional);
        assert_eq!(
            route(text, "/api/1c/reports/sales").0.service,
            Service::OnecIntegration
        );
        let (about, inside) = route(text, "/about");
        assert_eq!((about.exact, inside.as_str()), (true, "/"));
        let routes = apply(&TABLE, text).unwrap();
        assert!(find_in(&routes, "/about/x").is_none());
        let lengths: Vec<usize> = routes.iter().map(|route| route.outside.len()).collect();
        assert!(lengths.is_sorted_by(|a, b| a >= b));
        // Read again, nothing more is kept.
        let again = apply(&TABLE, text).unwrap();
        let label = |routes: &[Route]| find_in(routes, "/about").unwrap().0.label.as_ptr();
        assert_eq!(label(&routes), label(&again));
    }

    #[test]
    fn mistakes_are_named() {
        for (lines, reason) in [
            ("path = \"/api/1c/*\"\naccess = \"public\"", "stricter"),
            ("path = \"/api/1c/*\"\naccess = \"optional\"", "stricter"),
            (
                "path = \"/api/1c/*\"\nservice = \"security\"",
                "keeps its service",
            ),
            ("path = \"/api/1c/*\"\ncache = \"session\"", "cache_seconds"),
            ("path = \"/api/1c/*\"\ncache_seconds = 5", "cache_seconds"),
            (
                "path = \"/api/1c/*\"\ncache = \"public\"\ncache_seconds = 5",
                "not the same for all",
            ),
            (
                "path = \"/api/users/auth/providers\"\ncache = \"session\"\ncache_seconds = 5",
                "no sessions",
            ),
            ("path = \"/api/1c/*\"\ntimeout_seconds = 0", "at least 1"),
            ("path = \"/api/1c/*\"\nspeed = 1", "speed"),
            ("path = \"/api/x\"", "needs a service"),
            ("path = \"/api/x\"\nservice = \"security\"", "path inside"),
            ("path = \"/api/x\"\nservice = \"elsewhere\"", "elsewhere"),
            (
                "path = \"/api/../x\"\nservice = \"security\"\ninside = \"\"",
                "not a path",
            ),
            (
                "path = \"/health\"\nservice = \"security\"\ninside = \"\"",
                "not a path",
            ),
            (
                "path = \"/a*b\"\nservice = \"security\"\ninside = \"\"",
                "not a path",
            ),
            (
                "path = \"/x\"\nservice = \"security\"\ninside = \"/y/\"",
                "end without one",
            ),
        ] {
            let error = apply(&TABLE, &format!("[[route]]\n{lines}")).unwrap_err();
            assert!(error.to_string().contains(reason), "{lines}: {error}");
        }
        let twice = "[[route]]\npath = \"/v1/*\"\n[[route]]\npath = \"/v1/*\"";
        assert!(apply(&TABLE, twice).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn a_public_line_may_be_closed() {
        let text = "[[route]]\npath = \"/api/users/auth/register\"\naccess = \"required\"";
        assert_eq!(route(text, "/api/users/auth/register").0.access, Access::Token);
    }
}
