//! Finding attacks: rules as data over observations, judged by pure functions.
//!
//! Observations are looked at by the time they happened, whenever they arrived, so that events delayed
//! by an outage are judged as if they had come at once. A window counts only when it holds an
//! observation that was not there before, or each attack would be found again with every event.

mod evaluate;
mod known;
mod observation;
mod rates;
mod rule;
mod ruleset;

pub(crate) use evaluate::evaluate;
#[cfg(test)]
pub(crate) use known::Probe;
pub(crate) use known::{is_scanner, probe};
pub(crate) use observation::{Observation, address_key, fingerprint, network_key, subject_of};
pub(crate) use rates::anomaly;
pub(crate) use rule::{Field, Response, Rule, Words};
pub(crate) use ruleset::{Ruleset, Whose};
