//! Writing into 1C, always in two steps. A draft is checked against the metadata and shown to the
//! person with all its differences; only then, and once, it is carried out. 1C passes over what it does
//! not understand, takes references that lead nowhere, and cuts what is too long, so all that is
//! checked before, and what was written is read again and compared.
//!
//! `plan` makes drafts out of `validate` (names and types), `references` (objects that are referred
//! to) and `differences`; `execute` carries them out, `trace` finds out what came of
//! one whose writer ended on the way, and `undo` takes them back.

pub(crate) mod differences;
pub(crate) mod execute;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod reading;
pub(crate) mod references;
pub(crate) mod trace;
pub(crate) mod undo;
pub(crate) mod validate;
pub(crate) mod values;
