//! What is asked of the audit log.

use chrono::{DateTime, Utc};
use common::Text;
use common::auth::Identity;
use common::contract::events::Outcome;
use common::http::Problem;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::audit::formats::Format;
use crate::store::audit::Filter;

/// Characters of `q`.
const MAX_TEXT: usize = 200;

/// Parameters of `GET /audit/log` and `GET /audit/export`.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub(crate) struct SearchQuery {
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
    /// One action, or all that begin so: `users.*`.
    action: Option<String>,
    actor: Option<Uuid>,
    target: Option<String>,
    outcome: Option<Outcome>,
    source: Option<String>,
    ip: Option<String>,
    request_id: Option<String>,
    company: Option<Uuid>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
    /// A part of the target or the particulars.
    q: Option<String>,
    /// Of exports.
    pub(crate) format: Option<Format>,
    /// Of exports: the first number.
    pub(crate) first: Option<i64>,
    /// Of exports: the last number.
    pub(crate) last: Option<i64>,
}

impl SearchQuery {
    /// The filter of the query, within what the caller may see.
    ///
    /// # Errors
    /// 400 when `q` is too long.
    pub(crate) fn filter(&self, identity: &Identity) -> Result<Filter, Problem> {
        let text = self.q.as_deref().filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > MAX_TEXT) {
            return Err(Problem::bad_request(Text::new(
                "q: не больше 200 символов.",
                "q: at most 200 characters.",
            )));
        }
        let action = self
            .action
            .as_deref()
            .map(|action| match action.strip_suffix('*') {
                Some(prefix) => format!("{}%", literally(prefix)),
                None => literally(action),
            });
        Ok(Filter {
            action,
            actor: self.actor,
            target: self.target.clone(),
            outcome: self.outcome.map(|outcome| outcome.as_str().to_owned()),
            source: self.source.clone(),
            ip: self.ip.clone(),
            request_id: self.request_id.clone(),
            company: self.company,
            from: self.from,
            to: self.to,
            text: text.map(|text| format!("%{}%", literally(text))),
            sight: identity.companies.restriction(),
        })
    }

    /// What was asked for, for the record of an export.
    pub(crate) fn told(&self) -> Value {
        let mut told = Map::new();
        let mut tell = |name: &str, value: Option<String>| {
            told.extend(value.map(|value| (name.to_owned(), Value::from(value))));
        };
        tell("action", self.action.clone());
        tell("actor", self.actor.map(|id| id.to_string()));
        tell("target", self.target.clone());
        tell("outcome", self.outcome.map(|outcome| outcome.as_str().to_owned()));
        tell("source", self.source.clone());
        tell("ip", self.ip.clone());
        tell("request_id", self.request_id.clone());
        tell("from", self.from.map(|time| time.to_rfc3339()));
        tell("to", self.to.map(|time| time.to_rfc3339()));
        tell("q", self.q.clone());
        tell("first", self.first.map(|number| number.to_string()));
        tell("last", self.last.map(|number| number.to_string()));
        tell("of_company", self.company.map(|id| id.to_string()));
        Value::Object(told)
    }
}

/// A text within a pattern of `like`.
fn literally(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_means_something_in_a_pattern_is_taken_literally() {
        assert_eq!(super::literally("a_b%\\c"), "a\\_b\\%\\\\c");
    }
}
