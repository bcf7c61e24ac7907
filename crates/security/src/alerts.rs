//! The life of an alert.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Nobody has looked yet.
    Open,
    /// Somebody is on it.
    Acknowledged,
    /// Done; the same threat will open a new one.
    Resolved,
}

/// What a wish to change the state leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transition {
    /// It changes.
    Change,
    /// It is so already.
    Keep,
    /// It cannot.
    Refuse,
}

impl State {
    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// The state of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Acknowledged, Self::Resolved]
            .into_iter()
            .find(|state| state.as_str() == name)
    }

    /// Whether an alert in this state may get into `to`.
    pub(crate) fn transition(self, to: Self) -> Transition {
        match (self, to) {
            (Self::Open, Self::Acknowledged)
            | (Self::Open | Self::Acknowledged, Self::Resolved)
            | (Self::Resolved, Self::Open) => Transition::Change,
            (from, to) if from == to => Transition::Keep,
            _ => Transition::Refuse,
        }
    }
}

/// What an alert turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Resolution {
    /// An attack.
    TruePositive,
    /// Nothing: the rule was wrong.
    FalsePositive,
    /// Told of already.
    Duplicate,
    /// What the rule says, but with good reason.
    Benign,
}

impl Resolution {
    /// The name in JSON and in the database.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::TruePositive => "true_positive",
            Self::FalsePositive => "false_positive",
            Self::Duplicate => "duplicate",
            Self::Benign => "benign",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::State::{Acknowledged, Open, Resolved};
    use super::Transition::{Change, Keep, Refuse};

    #[test]
    fn alerts_go_forward_or_are_opened_again() {
        for (from, to, expected) in [
            (Open, Open, Keep),
            (Open, Acknowledged, Change),
            (Open, Resolved, Change),
            (Acknowledged, Open, Refuse),
            (Acknowledged, Acknowledged, Keep),
            (Acknowledged, Resolved, Change),
            (Resolved, Open, Change),
            (Resolved, Acknowledged, Refuse),
            (Resolved, Resolved, Keep),
        ] {
            assert_eq!(from.transition(to), expected, "{from} to {to}");
        }
    }
}
