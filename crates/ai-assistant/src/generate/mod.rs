//! Texts: by template, and after the words of the caller.
//!
//! In reading order: `template` (what a template is), `order`, `fill` (values and reports), `render`,
//! `output` (files), `run`.

pub(crate) mod fill;
pub(crate) mod order;
pub(crate) mod output;
pub(crate) mod render;
pub(crate) mod run;
pub(crate) mod template;
