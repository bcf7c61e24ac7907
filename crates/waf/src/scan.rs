//! One request, looked at whole.

use std::borrow::Cow;

use serde::Serialize;

use crate::kind::Kind;
use crate::leaves::{self, Place};
use crate::limits::{BASE64_FROM, BASE64_TRIES, BODY, LEAVES, REASONS, TOKEN_TRIES, TOKENS};
use crate::rules::{Candidates, Family, Scope, Table, table};
use crate::views::{Views, cut};
use crate::{chat, decode, grammar, identity};

/// Points from which a request counts as an attack: those of one grave finding.
pub const THRESHOLD: u32 = 5;

/// Characters of what matched that a reason shows.
const EXCERPT: usize = 80;

/// A request whose parts are all there.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, as they were sent.
    pub uri: &'a str,
    /// Names and values of headers.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, or its beginning.
    pub body: &'a [u8],
    /// What its route carries; [`Kind::of_path`] knows.
    pub kind: Kind,
}

/// Why a request has its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The rule.
    pub rule: &'static str,
    /// What it finds.
    pub family: Family,
    /// What it counts.
    pub points: u32,
    /// Where it found it.
    pub place: Place,
    /// The parameter, member or header; empty when there is none.
    pub name: String,
    /// What matched, decoded and in small letters; never of a text for the assistant.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}

/// What is thought of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The sum of the points of all rules that found something.
    pub score: u32,
    /// True when that is enough to call it an attack.
    pub flagged: bool,
    /// What was found, the gravest first.
    pub reasons: Vec<Reason>,
}

/// Scores a request.
#[must_use]
pub fn scan(request: &Request<'_>) -> Verdict {
    let mut scan = Scan::new(request.kind);
    scan.head(request.method, request.uri, request.headers.iter().copied());
    let content_type = request
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map_or(&b""[..], |(_, value)| value);
    scan.body(&String::from_utf8_lossy(content_type), request.body);
    scan.verdict()
}

/// A request that is looked at as it comes: first its head, then its body.
#[derive(Debug)]
pub struct Scan {
    kind: Kind,
    table: &'static Table,
    found: Candidates,
    reasons: Vec<Reason>,
    score: u32,
    leaves: usize,
    tries: usize,
    token_tries: usize,
    /// True where somebody tells the address of an infobase, which may well be on this machine.
    connects: bool,
}

/// Where a value is, and under which name.
#[derive(Debug, Clone, Copy)]
struct Spot<'a> {
    place: Place,
    name: &'a str,
}

impl Scan {
    /// A scan of a request to a route of that kind.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            table: table(),
            found: Candidates::default(),
            reasons: Vec::new(),
            score: 0,
            leaves: LEAVES,
            tries: BASE64_TRIES,
            token_tries: TOKEN_TRIES,
            connects: false,
        }
    }

    /// Looks at the head.
    pub fn head<'h>(&mut self, method: &str, uri: &str, headers: impl Iterator<Item = (&'h str, &'h [u8])>) {
        if !method.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            self.give(
                "protocol.method",
                Family::Protocol,
                5,
                Spot {
                    place: Place::Header,
                    name: "",
                },
                method,
            );
        }
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        self.connects = self.kind == Kind::Onec && path.starts_with("/api/1c/infobases");
        self.path(path);
        self.query(query.split('#').next().unwrap_or(query));
        for (name, value) in headers {
            self.header(name, value);
        }
    }

    /// Looks at a body or its beginning.
    pub fn body(&mut self, content_type: &str, body: &[u8]) {
        if body.is_empty() {
            return;
        }
        let body = &body[..body.len().min(BODY)];
        leaves::body(content_type, body, |place, name, value| {
            match place {
                Place::Body => self.member(name, value),
                place => self.value(Spot { place, name }, value),
            }
            self.leaves > 0
        });
    }

    /// What is thought of what was looked at so far.
    #[must_use]
    pub fn verdict(mut self) -> Verdict {
        self.reasons
            .sort_by_key(|reason| std::cmp::Reverse(reason.points));
        self.reasons.truncate(REASONS);
        Verdict {
            score: self.score,
            flagged: self.score >= THRESHOLD,
            reasons: self.reasons,
        }
    }

    /// The points so far.
    #[must_use]
    pub fn score(&self) -> u32 {
        self.score
    }

    fn path(&mut self, path: &str) {
        let bytes = decode::percent(path.as_bytes(), false);
        let decoded = decode::text(&bytes);
        let spot = Spot {
            place: Place::Path,
            name: "",
        };
        if decoded
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_'))
            && decoded.len() < 64
        {
            // Names of files and of programs are in plain paths too.
            self.rules(Scope::Data, spot, &decoded.to_ascii_lowercase(), true);
            self.encoded(spot, &decoded);
            return;
        }
        if self.kind == Kind::Onec
            && let Some(strings) = grammar::path(&decoded)
        {
            for text in strings {
                self.quoted(spot, text);
            }
            return;
        }
        self.value(spot, &decoded);
        // A payload may be a part of the path.
        if let Some(last) = decoded
            .rsplit('/')
            .next()
            .filter(|last| last.len() + 1 < decoded.len())
        {
            self.tokens(spot, last);
        }
    }

    fn query(&mut self, query: &str) {
        if query.is_empty() {
            return;
        }
        let mut parameters = Vec::new();
        leaves::parameters(query, |name, value| {
            parameters.push((name.to_owned(), value.to_owned()));
            parameters.len() < self.leaves
        });
        for (name, value) in &parameters {
            self.name(name);
            if self.kind == Kind::Onec
                && let Some(strings) = grammar::option_value(name, value)
            {
                for text in strings {
                    self.quoted(
                        Spot {
                            place: Place::Query,
                            name,
                        },
                        text,
                    );
                }
                continue;
            }
            self.value(
                Spot {
                    place: Place::Query,
                    name,
                },
                value,
            );
        }
    }

    fn header(&mut self, name: &str, value: &[u8]) {
        if identity::is_plain_header(name)
            && !name.eq_ignore_ascii_case("authorization")
            && !name.eq_ignore_ascii_case("cookie")
        {
            return;
        }
        let text = decode::text(value);
        if name.eq_ignore_ascii_case("cookie") {
            leaves::cookies(&text, |cookie, value| {
                self.token(
                    Spot {
                        place: Place::Cookie,
                        name: cookie,
                    },
                    value,
                );
                self.rules(
                    Scope::Data,
                    Spot {
                        place: Place::Cookie,
                        name: "",
                    },
                    &cookie.to_ascii_lowercase(),
                    false,
                );
                self.value(
                    Spot {
                        place: Place::Cookie,
                        name: cookie,
                    },
                    value,
                );
            });
            return;
        }
        if name.eq_ignore_ascii_case("authorization") {
            if let Some((_, token)) = text.split_once(' ') {
                self.token(
                    Spot {
                        place: Place::Header,
                        name: "authorization",
                    },
                    token,
                );
                // Tokens are letters, digits and a few signs.
                if token.contains(['<', '=', '\'', '"', '(']) {
                    let spot = Spot {
                        place: Place::Header,
                        name: "authorization",
                    };
                    self.rules(Scope::Data, spot, &cut(token, TOKENS).to_ascii_lowercase(), false);
                }
            }
            return;
        }
        let place = if name.eq_ignore_ascii_case("user-agent") {
            Place::Agent
        } else if name.eq_ignore_ascii_case("content-type") {
            Place::ContentType
        } else {
            Place::Header
        };
        let spot = Spot { place, name };
        let file = ["filename", "file-name", "file_name", "file.name"];
        if name.len() >= 8 && file.iter().any(|end| name.to_ascii_lowercase().ends_with(end)) {
            self.value(
                Spot {
                    place: Place::File,
                    name,
                },
                &text,
            );
            return;
        }
        self.rule_views(Scope::Data, spot, &text);
        if place == Place::Header
            && name
                .get(..2)
                .is_some_and(|start| start.eq_ignore_ascii_case("x-"))
        {
            self.encoded(spot, &text);
            self.tokens(spot, &text);
        }
    }

    fn token(&mut self, spot: Spot<'_>, token: &str) {
        if let Some(rule) = identity::token(token) {
            self.give(rule, Family::Token, 5, spot, "");
        }
    }

    /// The name of a parameter or member.
    fn name(&mut self, name: &str) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'$');
        let is_plain = name.bytes().all(plain)
            || (name.bytes().all(|byte| plain(byte) || byte == b'_') && !name.contains("__"));
        if !is_plain {
            self.value(
                Spot {
                    place: Place::Name,
                    name: "",
                },
                name,
            );
        }
    }

    /// A member of a body.
    fn member(&mut self, name: &str, value: &str) {
        let spot = Spot {
            place: Place::Body,
            name,
        };
        match self.kind {
            Kind::Chat => {
                self.chat(spot, value);
                return;
            }
            Kind::Account if identity::is_secret(name) => return,
            Kind::Account if name == "email" => {
                if identity::is_no_email(value) {
                    self.give("protocol.email", Family::Protocol, 5, spot, "");
                }
            }
            Kind::Onec => {
                let known = grammar::options(value)
                    .or_else(|| grammar::expression(value))
                    .or_else(|| grammar::query(value));
                if let Some(strings) = known {
                    for text in strings {
                        self.quoted(spot, text);
                    }
                    return;
                }
            }
            Kind::Account | Kind::Data => {}
        }
        self.value(spot, value);
    }

    /// A text for the assistant.
    fn chat(&mut self, spot: Spot<'_>, value: &str) {
        if value.len() < 8 || self.leaves == 0 {
            return;
        }
        self.leaves -= 1;
        let folded = chat::folded(cut(value, crate::limits::VALUE));
        if folded.hidden {
            self.give("prompt.hidden_text", Family::Prompt, 5, spot, "");
        }
        self.rules(Scope::Chat, spot, &folded.text, true);
        for text in self.runs(value) {
            let folded = chat::folded(&text);
            self.rules(Scope::Chat, spot, &folded.text, true);
        }
    }

    /// A string inside of something that is harmless by its grammar.
    fn quoted(&mut self, spot: Spot<'_>, text: &str) {
        if text.len() > 3 && self.leaves > 0 {
            self.leaves -= 1;
            self.rule_views(Scope::Data, spot, text);
        }
    }

    /// Any other value.
    fn value(&mut self, spot: Spot<'_>, value: &str) {
        if self.leaves == 0 || value.is_empty() {
            return;
        }
        self.leaves -= 1;
        self.rule_views(Scope::Data, spot, value);
        if !matches!(spot.place, Place::Path | Place::File) {
            self.tokens(spot, value);
        }
        self.encoded(spot, value);
    }

    fn rule_views(&mut self, scope: Scope, spot: Spot<'_>, value: &str) {
        let views = Views::of(value);
        for text in views.all() {
            self.rules(scope, spot, text, true);
        }
    }

    /// Looks a decoded text up in the tables.
    fn rules(&mut self, scope: Scope, spot: Spot<'_>, text: &str, named: bool) {
        let mut candidates = Candidates::default();
        self.table.of(scope).candidates(text, &mut candidates);
        for at in candidates.without(self.found).iter() {
            if !self.table.looks_at(at, spot.place, spot.name) {
                continue;
            }
            let Some(rule) = self.table.rules.get(at) else {
                continue;
            };
            // onec-integration has rules of its own about where infobases may be.
            if self.connects && matches!(spot.name, "base_url" | "proxy_url") && rule.id == "ssrf.loopback" {
                continue;
            }
            let Some(matched) = rule.find(text) else { continue };
            self.found.add(at);
            let excerpt = match scope {
                Scope::Data => matched.trim(),
                Scope::Chat => "",
            };
            let spot = if named { spot } else { Spot { name: "", ..spot } };
            self.give(&rule.id, rule.family, rule.points, spot, excerpt);
        }
    }

    /// Looks at a value as the databases and browsers do, word by word.
    fn tokens(&mut self, spot: Spot<'_>, value: &str) {
        let odd = |c: char| {
            matches!(
                c,
                '\'' | '"'
                    | '`'
                    | '('
                    | ')'
                    | ';'
                    | '<'
                    | '>'
                    | '='
                    | '#'
                    | '|'
                    | '&'
                    | '/'
                    | '*'
                    | '\\'
                    | '@'
            )
        };
        if value.len() < 4 || value.len() > TOKENS || !value.contains(odd) && !value.contains("--") {
            return;
        }
        let text: Cow<'_, str> = crate::views::decoded(value);
        let (sql, html) = (sql_is_meant(&text), text.contains(['<', '=', ':']));
        if self.token_tries == 0 || !sql && !html {
            return;
        }
        self.token_tries -= 1;
        if sql && libinjectionrs::detect_sqli(text.as_bytes()).is_injection() {
            self.give("sqli.fingerprint", Family::Sqli, 5, spot, &text);
        }
        if html && libinjectionrs::detect_xss(text.as_bytes()).is_injection() {
            self.give("xss.fingerprint", Family::Xss, 5, spot, &text);
        }
    }

    /// Looks at what is hidden in base64, once.
    fn encoded(&mut self, spot: Spot<'_>, value: &str) {
        for text in self.runs(value) {
            self.rule_views(Scope::Data, spot, &text);
            self.tokens(spot, &text);
        }
    }

    /// Texts that runs of base64 letters stand for.
    fn runs(&mut self, value: &str) -> Vec<String> {
        let mut texts = Vec::new();
        if value.len() < BASE64_FROM {
            return texts;
        }
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=');
        let trimmed = value.trim_start_matches('/');
        for run in trimmed.split(|c: char| !is_letter(c)) {
            if self.tries == 0 {
                break;
            }
            let mixed = run.bytes().any(|byte| byte.is_ascii_uppercase())
                && run.bytes().any(|byte| byte.is_ascii_lowercase());
            if run.len() < BASE64_FROM || !mixed {
                continue;
            }
            self.tries -= 1;
            texts.extend(decode::base64(run));
            // A path is made of letters of base64 too.
            if let Some(last) = run
                .rsplit('/')
                .next()
                .filter(|last| last.len() < run.len() && last.len() >= BASE64_FROM)
            {
                texts.extend(decode::base64(last));
            }
        }
        texts
    }

    fn give(&mut self, rule: &str, family: Family, points: u32, spot: Spot<'_>, excerpt: &str) {
        let Some(rule) = stable(rule) else { return };
        if self.reasons.iter().any(|reason| reason.rule == rule) {
            return;
        }
        self.score = self.score.saturating_add(points);
        let end = excerpt
            .char_indices()
            .nth(EXCERPT)
            .map_or(excerpt.len(), |(at, _)| at);
        self.reasons.push(Reason {
            rule,
            family,
            points,
            place: spot.place,
            name: spot.name.chars().take(EXCERPT).collect(),
            excerpt: excerpt[..end].to_owned(),
        });
    }
}

/// Names of findings that no table has.
const OWN: [&str; 7] = [
    "sqli.fingerprint",
    "xss.fingerprint",
    "token.unsigned",
    "token.foreign_key",
    "token.key_name",
    "protocol.email",
    "protocol.method",
];

fn stable(rule: &str) -> Option<&'static str> {
    let own = OWN.iter().copied().find(|own| *own == rule);
    own.or_else(|| {
        let known = table().rules.iter().find(|known| known.id == rule)?;
        Some(known.id.as_str())
    })
}

/// Fingerprints of SQL fit titles of goods as well (`"UNION" BY ROBERT F`); an attack has some of this, too.
fn sql_is_meant(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    const WORDS: [&str; 30] = [
        "select",
        "union",
        "insert",
        "update",
        "delete",
        "drop",
        "sleep",
        "benchmark",
        "having",
        "where",
        "exec",
        "declare",
        "like",
        "rlike",
        "regexp",
        "between",
        "case when",
        "procedure",
        "waitfor",
        "cast(",
        "convert(",
        "char(",
        "concat",
        "null",
        "group by",
        "order by",
        "limit",
        "information",
        "@@",
        "exists",
    ];
    let words = WORDS.iter().filter(|word| small.contains(**word)).count();
    let signs = small.contains("--")
        || small.contains("/*")
        || small.contains('#')
        || small.contains("||")
        || small.contains("&&")
        || small.contains(';');
    let compares = small.contains('=') || small.contains('<') || small.contains('>') || small.contains('(');
    let quoted = small.contains(['\'', '"', '`']);
    words >= 2 || words >= 1 && (compares || signs && quoted) || quoted && compares || quoted && signs
}
