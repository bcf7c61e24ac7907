//! Passwords: which are accepted, and how they are hashed and compared.

mod argon2id;
mod hasher;
mod policy;

pub(crate) use hasher::{HashError, Passwords, Verdict};
pub(crate) use policy::Policy;
