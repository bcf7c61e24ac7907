//! Passwords: which are accepted, and how they are hashed and compared.

mod argon2id;
mod guessable;
mod hasher;
mod imported;
mod leaked;
mod policy;

pub(crate) use hasher::{HashError, Passwords, Verdict};
pub(crate) use imported::objection as objection_to_import;
pub(crate) use leaked::build as build_filter;
pub(crate) use policy::Policy;
