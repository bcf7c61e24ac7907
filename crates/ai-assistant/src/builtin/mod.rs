//! The built-in engine: answers the commonest accounting questions by rules, without a language
//! model. It never guesses: what it does not understand it says, and every figure is a report's.

#[cfg(test)]
mod accuracy;
mod amount;
mod bases;
mod confidence;
mod double;
mod engine;
mod explain;
mod filter;
pub(crate) mod format;
mod frame;
mod help;
mod intent;
mod lexicon;
mod names;
mod over_bases;
mod paid;
#[cfg(test)]
mod paraphrases;
mod parse;
pub(crate) mod period;
mod query;
mod render;
mod resolve;
mod route;
mod several;
mod slots;
mod spelling;
mod suggest;
mod words;

pub(crate) use engine::{Surroundings, answer, intent_of, language_of};
pub(crate) use frame::State;
pub(crate) use names::{Fit, fit};
pub(crate) use route::{Understanding, understand};

/// Name of the engine as a provider.
pub(crate) const PROVIDER: &str = "builtin";
/// Name of the engine as a model.
pub(crate) const MODEL: &str = "builtin";
