//! What leaves the company for language models of others: names and requisites are replaced by
//! tokens on the way out and put back on the way in; what data say is never an instruction.
//!
//! In reading order: `kind`, `policy`, `mask` and `mask_json` (out), `unmask` (in), `vault` (the
//! tokens), `veil` (a whole request), `shield` (the decision), `dictionary`, `patterns`, `organisations`, `persons` (what is found),
//! `injection` and `links` (what data and answers may not do).

mod checksum;
mod common_words;
mod dictionary;
mod forms;
mod injection;
mod kind;
mod links;
mod literals;
mod mask;
mod mask_json;
mod names;
mod organisations;
mod patterns;
mod persons;
mod policy;
mod shield;
mod unmask;
mod vault;
mod veil;
mod words;

pub(crate) use dictionary::Dictionary;
pub(crate) use injection::{Place, Screen, Suspicion, is_suspicious};
pub(crate) use kind::Kind;
pub(crate) use links::Links;
pub(crate) use mask::Mask;
pub(crate) use policy::{Mode, Policies, Policy};
pub(crate) use shield::{Privacy, Subject, barred_notice, mask, policy, shielded};
pub(crate) use unmask::Unmasker;
pub(crate) use vault::Secret;
pub(crate) use veil::Veil;
