//! The built-in engine: answers the commonest accounting questions by rules, without a language
//! model. It never guesses: what it does not understand it says, and every figure is a report's.

mod intent;
mod lexicon;
mod names;
mod parse;
#[cfg(test)]
mod paraphrases;
pub(crate) mod period;
mod words;
