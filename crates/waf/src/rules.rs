//! The tables of rules, `rules/*.toml`.
//!
//! A rule is looked at only where one of its words occurs, which one pass over the text finds for all rules
//! at once; its expression is made when that happens first. Both take time linear in the text.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::leaves::Place;

/// What texts a table is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everything but texts for the assistant.
    #[default]
    Data,
    /// Texts for the assistant.
    Chat,
}

/// What an attack is after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// The database.
    Sqli,
    /// A document store, a directory, an XML document.
    Nosql,
    /// The browser of somebody else.
    Xss,
    /// A shell.
    Rce,
    /// The interpreter of a language or of templates.
    Code,
    /// Files of the server, and files that should not be there.
    Files,
    /// A server that is made to call another.
    Ssrf,
    /// An XML parser.
    Xxe,
    /// HTTP itself, or mail.
    Protocol,
    /// A token.
    Token,
    /// A program that looks for holes.
    Scanner,
    /// The assistant's instructions.
    Prompt,
    /// A secret that leaves the company.
    Secret,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Sqli,
        Self::Nosql,
        Self::Xss,
        Self::Rce,
        Self::Code,
        Self::Files,
        Self::Ssrf,
        Self::Xxe,
        Self::Protocol,
        Self::Token,
        Self::Scanner,
        Self::Prompt,
        Self::Secret,
    ];

    /// The name in JSON, events and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqli => "sqli",
            Self::Nosql => "nosql",
            Self::Xss => "xss",
            Self::Rce => "rce",
            Self::Code => "code",
            Self::Files => "files",
            Self::Ssrf => "ssrf",
            Self::Xxe => "xxe",
            Self::Protocol => "protocol",
            Self::Token => "token",
            Self::Scanner => "scanner",
            Self::Prompt => "prompt",
            Self::Secret => "secret",
        }
    }

    fn of_id(id: &str) -> Option<Self> {
        let (area, _) = id.split_once('.')?;
        Some(match area {
            "sqli" => Self::Sqli,
            "nosql" => Self::Nosql,
            "xss" => Self::Xss,
            "rce" => Self::Rce,
            "php" | "java" | "code" | "ssti" | "ssi" => Self::Code,
            "lfi" | "rfi" => Self::Files,
            "ssrf" => Self::Ssrf,
            "xxe" => Self::Xxe,
            "protocol" => Self::Protocol,
            "token" => Self::Token,
            "scanner" => Self::Scanner,
            "prompt" => Self::Prompt,
            "secret" => Self::Secret,
            _ => return None,
        })
    }
}

/// Where a rule looks, in the words of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Where {
    Value,
    Name,
    Cookie,
    Path,
    File,
    Header,
    Agent,
    ContentType,
}

impl Where {
    const USUAL: [Self; 5] = [Self::Value, Self::Name, Self::Cookie, Self::Path, Self::File];

    fn of(place: Place) -> Self {
        match place {
            Place::Query | Place::Body => Self::Value,
            Place::Name => Self::Name,
            Place::Cookie => Self::Cookie,
            Place::Path => Self::Path,
            Place::File => Self::File,
            Place::Header => Self::Header,
            Place::Agent => Self::Agent,
            Place::ContentType => Self::ContentType,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    scope: Scope,
    rule: Vec<Source>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    id: String,
    points: u32,
    words: Vec<String>,
    pattern: String,
    #[serde(default)]
    places: Vec<Where>,
    #[serde(default)]
    also: Vec<Where>,
    #[serde(default)]
    unless: Option<String>,
    #[serde(default)]
    negatable: bool,
    #[serde(default)]
    spare: Vec<String>,
    matches: Vec<String>,
    ignores: Vec<String>,
}

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Stable name, `<area>.<what>`.
    pub id: String,
    /// What it finds.
    pub family: Family,
    /// What a match counts: 5 is enough by itself.
    pub points: u32,
    /// Texts that it must match, by itself.
    pub matches: Vec<String>,
    /// Texts that it must not match.
    pub ignores: Vec<String>,
    scope: Scope,
    pattern: String,
    unless: Option<String>,
    negatable: bool,
    spare: Vec<String>,
    places: Vec<Where>,
    expressions: OnceLock<Option<(Regex, Option<Regex>)>>,
}

/// What precedes something that is not to be done.
const NEGATIONS: [&str; 12] = [
    "не ",
    "не надо ",
    "нельзя ",
    "никогда не ",
    "don't ",
    "do not ",
    "not ",
    "never ",
    "cannot ",
    "не следует ",
    "не нужно ",
    "без ",
];

impl Rule {
    /// Makes the expressions.
    ///
    /// # Errors
    /// When one of them is none.
    pub fn compile(&self) -> Result<(), regex::Error> {
        self.build().map(drop)
    }

    fn build(&self) -> Result<(Regex, Option<Regex>), regex::Error> {
        let build = |pattern: &str| {
            RegexBuilder::new(pattern)
                .unicode(self.scope == Scope::Chat)
                .dfa_size_limit(1 << 20)
                .build()
        };
        let unless = self.unless.as_deref().map(build).transpose()?;
        Ok((build(&self.pattern)?, unless))
    }

    /// Where it matches a decoded text in small letters.
    pub(crate) fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        let (expression, unless) = self.expressions.get_or_init(|| self.build().ok()).as_ref()?;
        let excused = |found: &str| {
            unless
                .as_ref()
                .is_some_and(|unless| unless.is_match(found.as_bytes()))
        };
        // Whoever negates a hundred times does not mean the next.
        for found in expression.find_iter(text.as_bytes()).take(100) {
            let matched = text.get(found.range()).unwrap_or_default();
            let before = text.get(..found.start()).unwrap_or_default();
            let negated = self.negatable && NEGATIONS.iter().any(|negation| before.ends_with(negation));
            // What excuses a rule may reach beyond what it matched.
            let around = text.get(found.start()..).unwrap_or(matched);
            if !negated && !excused(around) {
                return Some(matched);
            }
        }
        None
    }
}

/// All rules of one scope, ready to be looked for.
#[derive(Debug, Default)]
pub(crate) struct Matcher {
    words: Option<AhoCorasick>,
    /// By word: the rules, as indices into the table.
    rules_of: Vec<Vec<u16>>,
}

impl Matcher {
    fn new(rules: &[(Rule, Vec<String>)], scope: Scope) -> Result<Self, aho_corasick::BuildError> {
        let mut words: Vec<&str> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        let mut rules_of: Vec<Vec<u16>> = Vec::new();
        for (at, (rule, of_rule)) in rules.iter().enumerate() {
            if rule.scope != scope {
                continue;
            }
            for word in of_rule {
                let index = *known.entry(word).or_insert_with(|| {
                    words.push(word);
                    rules_of.push(Vec::new());
                    words.len() - 1
                });
                rules_of[index].extend(u16::try_from(at));
            }
        }
        let words = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(words)?;
        Ok(Self {
            words: Some(words),
            rules_of,
        })
    }

    /// Calls `each` for every rule one of whose words is in the text.
    pub(crate) fn candidates(&self, text: &str, candidates: &mut Candidates) {
        let Some(words) = &self.words else { return };
        for found in words.find_overlapping_iter(text) {
            for rule in &self.rules_of[found.pattern().as_usize()] {
                candidates.0[usize::from(*rule) / 64] |= 1 << (rule % 64);
            }
        }
    }
}

/// A set of rules, by index.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Candidates([u64; 4]);

impl Candidates {
    pub(crate) fn add(&mut self, rule: usize) {
        self.0[rule / 64 % 4] |= 1 << (rule % 64);
    }

    pub(crate) fn without(self, other: Self) -> Self {
        let mut rest = self;
        for (word, other) in rest.0.iter_mut().zip(other.0) {
            *word &= !other;
        }
        rest
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(at, mut word)| {
            std::iter::from_fn(move || {
                let bit = word.trailing_zeros();
                if bit == 64 {
                    return None;
                }
                word &= word - 1;
                Some(at * 64 + bit as usize)
            })
        })
    }
}

/// All tables.
#[derive(Debug, Default)]
pub struct Table {
    /// The rules.
    pub rules: Vec<Rule>,
    pub(crate) data: Matcher,
    pub(crate) chat: Matcher,
}

/// Why the tables cannot be used.
#[derive(Debug)]
pub struct BadTable(
    /// What is wrong.
    pub String,
);

const FILES: [&str; 10] = [
    include_str!("../rules/sqli.toml"),
    include_str!("../rules/nosql.toml"),
    include_str!("../rules/xss.toml"),
    include_str!("../rules/rce.toml"),
    include_str!("../rules/code.toml"),
    include_str!("../rules/traversal.toml"),
    include_str!("../rules/protocol.toml"),
    include_str!("../rules/scanners.toml"),
    include_str!("../rules/prompt.toml"),
    include_str!("../rules/secrets.toml"),
];

impl Table {
    /// Reads the tables.
    ///
    /// # Errors
    /// When one of them has a mistake, which a test finds.
    pub fn read() -> Result<Self, BadTable> {
        let mut rules = Vec::new();
        for source in FILES {
            let file: File = toml::from_str(source).map_err(|error| BadTable(error.to_string()))?;
            for source in file.rule {
                let family = Family::of_id(&source.id)
                    .ok_or_else(|| BadTable(format!("{}: unknown area", source.id)))?;
                let mut places = source.places;
                if places.is_empty() {
                    places.extend(Where::USUAL);
                }
                places.extend(source.also);
                let rule = Rule {
                    id: source.id,
                    family,
                    points: source.points,
                    matches: source.matches,
                    ignores: source.ignores,
                    scope: file.scope,
                    pattern: source.pattern,
                    unless: source.unless,
                    negatable: source.negatable,
                    spare: source.spare,
                    places,
                    expressions: OnceLock::new(),
                };
                rules.push((rule, source.words));
            }
        }
        if rules.len() > 256 {
            return Err(BadTable("more rules than a set of candidates holds".to_owned()));
        }
        let matcher = |scope| Matcher::new(&rules, scope).map_err(|error| BadTable(error.to_string()));
        let (data, chat) = (matcher(Scope::Data)?, matcher(Scope::Chat)?);
        Ok(Self {
            rules: rules.into_iter().map(|(rule, _)| rule).collect(),
            data,
            chat,
        })
    }

    pub(crate) fn of(&self, scope: Scope) -> &Matcher {
        match scope {
            Scope::Data => &self.data,
            Scope::Chat => &self.chat,
        }
    }

    /// True when the rule looks at values of that place and name.
    pub(crate) fn looks_at(&self, rule: usize, place: Place, name: &str) -> bool {
        self.rules.get(rule).is_some_and(|rule| {
            rule.places.contains(&Where::of(place)) && !rule.spare.iter().any(|spared| spared == name)
        })
    }
}

/// The tables of this program. They are part of it, so a mistake in them does not get past the tests.
pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read().unwrap_or_default());
    &TABLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_can_be_read_and_every_expression_is_one() {
        let table = Table::read().unwrap();
        let mut ids: Vec<&str> = table.rules.iter().map(|rule| rule.id.as_str()).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count, "ids are unique");
        let broken: Vec<String> = table
            .rules
            .iter()
            .filter_map(|rule| Some(format!("{}: {}", rule.id, rule.compile().err()?)))
            .collect();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn candidates_are_a_set() {
        let mut set = Candidates::default();
        for rule in [0, 63, 64, 200, 200] {
            set.add(rule);
        }
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 63, 64, 200]);
        let mut other = Candidates::default();
        other.add(64);
        assert_eq!(set.without(other).iter().collect::<Vec<_>>(), [0, 63, 200]);
    }
}
