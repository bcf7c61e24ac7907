//! An exact cache of answers and of results of tools, in Redis, shared by all replicas.
//!
//! Everything that an answer depends on is in its key: what the caller may see, the company, the model, all
//! that it is told, the day, and the version of the data. So an answer is found only by those who would get
//! the same one anew, and nothing has to be thrown away when data or rights change. While Redis is away, or
//! the version of the data is not known, answers are made anew.

mod flight;
mod key;
mod recall;

pub(crate) use flight::{Cache, Seat};
pub(crate) use key::Key;
pub(crate) use recall::Recall;
