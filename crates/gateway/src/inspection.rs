//! Requests that are refused for who sends them or for what they carry.
//!
//! Bans come first. What a request carries is scored by the crate `waf`: its head once its route is known,
//! the beginning of its body once its caller is known, too. Whether a request with too many points is
//! refused or only reported is set by route; in either case security hears of it.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use ::metrics::Histogram;
use bytes::Bytes;
use common::contract::events::AttackFinding;
use common::http::Problem;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Uri};
use http_body::{Body as _, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use waf::{Kind, Reason, Scan, THRESHOLD, Verdict};

use crate::body::Source;
use crate::routing::{Route, Service};
use crate::visit::Visit;
use crate::worker::Worker;
use crate::{metrics, path, problems};

/// Bytes of a body that are looked at before the service gets it.
const LOOKED_AT: usize = 64 * 1024;
/// What is reported of one request.
const MAX_FINDINGS: usize = 16;

/// What is done with a request that looks like an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nobody looks.
    Off,
    /// It passes, and security hears of it.
    Monitor,
    /// It is refused, and security hears of it.
    Block,
}

/// The text is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be off, monitor or block")]
pub struct NotAMode;

impl FromStr for Mode {
    type Err = NotAMode;

    fn from_str(text: &str) -> Result<Self, NotAMode> {
        match text {
            "off" => Ok(Self::Off),
            "monitor" => Ok(Self::Monitor),
            "block" => Ok(Self::Block),
            _ => Err(NotAMode),
        }
    }
}

/// Modes of single routes, by the label of the route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteModes(pub Vec<(String, Mode)>);

impl Default for RouteModes {
    /// The assistant has guards of its own against texts that command it, and people may well ask about such texts;
    /// what 1C bases push is text of goods by the megabyte; and whoever has a request scored sends an attack on purpose.
    fn default() -> Self {
        let monitored = ["/api/ai/*", "/v1/*", "/mcp", "/api/1c/commerceml/*"];
        let mut modes: Vec<_> = monitored.map(|label| (label.to_owned(), Mode::Monitor)).into();
        modes.push(("/api/security/scan".to_owned(), Mode::Off));
        Self(modes)
    }
}

/// The text is not a list of modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a list such as /api/ai/*=monitor,/api/analytics/*=block")]
pub struct NotRouteModes;

impl FromStr for RouteModes {
    type Err = NotRouteModes;

    fn from_str(text: &str) -> Result<Self, NotRouteModes> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let modes = parts.map(|part| {
            let (label, mode) = part.rsplit_once('=').ok_or(NotRouteModes)?;
            let mode = mode.trim().parse().map_err(|_| NotRouteModes)?;
            Ok((label.trim().to_owned(), mode))
        });
        Ok(Self(modes.collect::<Result<_, _>>()?))
    }
}

/// What is looked at, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Of routes that are not named.
    pub mode: Mode,
    /// Of those that are.
    pub routes: RouteModes,
    /// Points from which a request looks like an attack.
    pub threshold: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::Block,
            routes: RouteModes::default(),
            threshold: THRESHOLD,
        }
    }
}

impl Settings {
    fn mode(&self, route: Option<&Route>) -> Mode {
        let named = route.and_then(|route| {
            let mut routes = self.routes.0.iter();
            routes.find(|(label, _)| label == route.label)
        });
        named.map_or(self.mode, |(_, mode)| *mode)
    }
}

/// What the service behind a route is sent.
fn kind(route: Option<&Route>) -> Kind {
    match route.map(|route| route.service) {
        Some(Service::AiAssistant) => Kind::Chat,
        Some(Service::OnecIntegration) => Kind::Onec,
        Some(Service::UserManagement) => Kind::Account,
        Some(Service::Analytics | Service::Security) | None => Kind::Data,
    }
}

/// What is known of a request that is being looked at.
#[derive(Debug)]
pub(crate) struct Inspection {
    scan: Scan,
    mode: Mode,
    threshold: u32,
    blocked: bool,
}

impl Inspection {
    /// The mode of a request that looks like an attack.
    fn judged(&mut self) -> Result<(), Problem> {
        if self.mode == Mode::Block && self.scan.score() >= self.threshold {
            self.blocked = true;
            return Err(problems::request_blocked());
        }
        Ok(())
    }

    /// What security is told; `None` for most requests.
    pub(crate) fn suspicion(self) -> Option<Suspicion> {
        (self.scan.score() >= self.threshold).then(|| Suspicion {
            verdict: self.scan.verdict(),
            blocked: self.blocked,
        })
    }
}

/// A request that looks like an attack.
#[derive(Debug)]
pub(crate) struct Suspicion {
    verdict: Verdict,
    /// True when it was refused.
    pub(crate) blocked: bool,
}

impl Suspicion {
    pub(crate) fn families(&self) -> impl Iterator<Item = &'static str> {
        let mut families: Vec<_> = self.verdict.reasons.iter().map(|reason| reason.family).collect();
        families.sort_unstable();
        families.dedup();
        families.into_iter().map(waf::Family::as_str)
    }

    pub(crate) fn score(&self) -> u32 {
        self.verdict.score
    }

    /// What was found, as security is told.
    pub(crate) fn findings(&self) -> Vec<AttackFinding> {
        let reasons = self.verdict.reasons.iter().take(MAX_FINDINGS);
        let finding = |reason: &Reason| AttackFinding {
            rule: reason.rule.to_owned(),
            family: reason.family.as_str().to_owned(),
            points: reason.points,
            place: reason.place.as_str().to_owned(),
            name: reason.name.clone(),
        };
        reasons.map(finding).collect()
    }
}

/// Looks at where a request comes from, before anything else is done for it.
///
/// # Errors
/// 403 for an address that is shut out.
pub(crate) fn of_origin(worker: &Worker, visit: &Visit<'_>) -> Result<(), Problem> {
    let gateway = &worker.gateway;
    match gateway.bans.of_address(visit.client, gateway.clock.now()) {
        Some(rest) if !visit.client.is_loopback() && !is_exempt(worker, visit) => Err(problems::banned(rest)),
        _ => Ok(()),
    }
}

/// True for who comes from where nobody is ever shut out, whatever a ban says.
fn is_exempt(worker: &Worker, visit: &Visit<'_>) -> bool {
    worker.gateway.settings.load().never_banned.contains(visit.client)
}

/// Looks at the head of a request, whether it has a route or not: who looks for holes begins with paths that
/// are none.
///
/// # Errors
/// 403 for an attack, where it is not only reported.
pub(crate) fn of_head(settings: &Settings, visit: &mut Visit<'_>, parts: &Parts) -> Result<(), Problem> {
    let route = visit.route;
    let mode = settings.mode(route.as_ref());
    if mode == Mode::Off {
        return Ok(());
    }
    let started = Instant::now();
    let mut scan = Scan::new(kind(route.as_ref()));
    let uri = seen(&parts.uri, route.is_some());
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()));
    scan.head(parts.method.as_str(), &uri, headers);
    HEAD_TIME.record(started.elapsed().as_secs_f64());
    let inspection = visit.inspection.insert(Inspection {
        scan,
        mode,
        threshold: settings.threshold,
        blocked: false,
    });
    inspection.judged()
}

/// Path and query as a service sees them: dots are resolved before a route is looked for. Where there is none, as
/// they were sent.
fn seen(uri: &Uri, routed: bool) -> Cow<'_, str> {
    let both = uri.path_and_query().map_or("/", |both| both.as_str());
    if !routed || !uri.path().contains("/.") && !uri.path().contains("/%2") {
        return Cow::Borrowed(both);
    }
    match (path::normalise(uri.path()), uri.query()) {
        (Ok(path), Some(query)) => Cow::Owned(format!("{path}?{query}")),
        (Ok(path), None) => path,
        (Err(_), _) => Cow::Borrowed(both),
    }
}

/// Looks at a request whose route and caller are known.
///
/// # Errors
/// 403 for a user or a session that is shut out, and for who shows no token where strangers are.
pub(crate) fn of_request(worker: &Worker, visit: &Visit<'_>) -> Result<(), Problem> {
    let (bans, now) = (&worker.gateway.bans, worker.gateway.clock.now());
    let rest = match &visit.identity {
        Some(identity) => bans.of_caller(identity.user_id, identity.session_id, now),
        None => bans.of_stranger(visit.client, now),
    };
    match rest {
        Some(rest) if !is_exempt(worker, visit) => Err(problems::banned(rest)),
        _ => Ok(()),
    }
}

/// Looks at the beginning of a body that is a text, and gives the whole body back. `patience` is how long
/// the client may take for each part.
///
/// # Errors
/// 403 for an attack, where it is not only reported; 400 and 408 when the body breaks off or does not come.
pub(crate) async fn of_body(
    visit: &mut Visit<'_>,
    headers: &HeaderMap,
    mut body: Incoming,
    patience: Duration,
) -> Result<Source, Problem> {
    let Some(inspection) = &mut visit.inspection else {
        return Ok(Source::Client(body));
    };
    let Some(content_type) = text_type(headers).filter(|_| !body.is_end_stream()) else {
        return Ok(Source::Client(body));
    };
    let mut frames: VecDeque<Frame<Bytes>> = VecDeque::new();
    let mut length = 0;
    while length < LOOKED_AT {
        let Ok(frame) = tokio::time::timeout(patience, body.frame()).await else {
            return Err(problems::body_too_slow());
        };
        let Some(frame) = frame
            .transpose()
            .map_err(|error| problems::body_broken().source(error))?
        else {
            break;
        };
        length += frame.data_ref().map_or(0, Bytes::len);
        frames.push_back(frame);
    }
    let started = Instant::now();
    let mut datas = frames.iter().filter_map(Frame::data_ref);
    match (datas.next(), datas.next()) {
        (Some(only), None) => inspection.scan.body(&content_type, start(only)),
        (Some(first), Some(second)) => {
            let mut whole = Vec::with_capacity(length.min(LOOKED_AT));
            for data in [first, second].into_iter().chain(datas) {
                whole.extend_from_slice(&data[..data.len().min(LOOKED_AT.saturating_sub(whole.len()))]);
            }
            inspection.scan.body(&content_type, &whole);
        }
        (None, _) => {}
    }
    BODY_TIME.record(started.elapsed().as_secs_f64());
    inspection.judged()?;
    Ok(Source::Begun { frames, rest: body })
}

fn start(data: &Bytes) -> &[u8] {
    &data[..data.len().min(LOOKED_AT)]
}

/// The type of a body that is worth a look; `None` for files, pictures and what is compressed.
fn text_type(headers: &HeaderMap) -> Option<String> {
    let packed = headers
        .get(CONTENT_ENCODING)
        .is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if packed {
        return None;
    }
    // What does not say what it is may be a stream, and is nothing that a service reads as a text.
    let content_type = headers.get(CONTENT_TYPE)?;
    let content_type = String::from_utf8_lossy(content_type.as_bytes()).into_owned();
    let small = content_type.to_ascii_lowercase();
    let is_text = small.starts_with("text/")
        || ["json", "xml", "form"].iter().any(|kind| small.contains(kind)) && !small.contains("openxml");
    is_text.then_some(content_type)
}

static HEAD_TIME: LazyLock<Histogram> = LazyLock::new(|| metrics::inspection_duration("head"));
static BODY_TIME: LazyLock<Histogram> = LazyLock::new(|| metrics::inspection_duration("body"));

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn modes_are_set_by_route() {
        let settings = Settings {
            mode: Mode::Block,
            routes: "/api/ai/*=monitor, /mcp=off".parse().unwrap(),
            threshold: THRESHOLD,
        };
        let of = |path: &str| {
            let (route, _) = crate::routing::find(path).unzip();
            settings.mode(route)
        };
        assert_eq!(of("/api/ai/chat"), Mode::Monitor);
        assert_eq!(of("/mcp"), Mode::Off);
        assert_eq!(of("/api/1c/companies"), Mode::Block);
        assert_eq!(of("/nowhere"), Mode::Block);
        let settings = Settings {
            routes: RouteModes::default(),
            ..settings
        };
        let (route, _) = crate::routing::find("/api/security/scan").unzip();
        assert_eq!(settings.mode(route), Mode::Off);
        assert_eq!("/api/ai/*".parse::<RouteModes>(), Err(NotRouteModes));
        assert_eq!("/api/ai/*=never".parse::<RouteModes>(), Err(NotRouteModes));
    }

    #[test]
    fn routes_with_a_mode_of_their_own_exist() {
        for (label, _) in RouteModes::default().0 {
            let mut table = crate::routing::TABLE.iter();
            assert!(table.any(|route| route.label == label), "{label}");
        }
    }

    #[test]
    fn only_texts_are_looked_at() {
        let of = |content_type: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            text_type(&headers).is_some()
        };
        for text in [
            "application/json",
            "application/problem+json",
            "Text/XML",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
        ] {
            assert!(of(text), "{text}");
        }
        for other in [
            "image/png",
            "application/octet-stream",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/zip",
        ] {
            assert!(!of(other), "{other}");
        }
        assert_eq!(text_type(&HeaderMap::new()), None);
        let mut packed = HeaderMap::new();
        packed.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert_eq!(text_type(&packed), None);
    }
}
