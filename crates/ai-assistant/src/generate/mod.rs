//! Texts: documents by template with figures from 1C, and free texts by a language model.

mod letters;
pub(crate) mod run;
