//! What may be spent on language models: limits of users, roles, companies and of all together, by day
//! and month, in tokens and money.
//!
//! The counters are in PostgreSQL, as usage rows are: they are as durable, one statement holds in all of
//! them or in none whatever replica it comes from, and what is settled is settled in the transaction of its
//! usage row. While the database is away nothing is spent.
//!
//! [`Reservation`] is what every door takes: it holds before each attempt what the attempt may use, and
//! puts in its place what it did use.

mod limit;
mod payer;
mod refusal;
mod reservation;
mod sweep;

pub(crate) use limit::{EACH, Limit, Period, Scope, Standing};
pub(crate) use payer::Payer;
pub(crate) use refusal::Refusal;
pub(crate) use reservation::{Reservation, Wanted};
pub(crate) use sweep::sweep;
