//! Dashboards: ready ones and those of users. Both are definitions over one catalogue of queries;
//! none has a query language of its own, so that nobody reaches more than the catalogue gives to
//! the caller's rights.
//!
//! Reading order: `definition`, `time`, `catalogue`, then what gets the figures (`onec`, `own`,
//! `run`, `cache`), then what shows them (`panel`, `board`, `html`, `picture`), then `ready`.

mod board;
mod cache;
mod catalogue;
mod definition;
mod frame;
mod html;
mod onec;
mod own;
mod panel;
mod picture;
mod ready;
mod run;
mod time;

pub(crate) use board::{Board, Request, build, build_panel, range};
pub(crate) use cache::Cache;
pub(crate) use catalogue::{QueryInfo, catalogue};
pub(crate) use definition::Definition;
pub(crate) use frame::{Fields, Frame};
pub(crate) use html::{html, policy};
pub(crate) use onec::chart_of;
pub(crate) use picture::{panel_picture, picture};
pub(crate) use ready::{Ready, ready};
pub(crate) use time::{Range, Step};
