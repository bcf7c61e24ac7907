//! What an infobase publishes: its `$metadata`, read as a stream and kept in our database, where all
//! replicas look it up. 1C is asked again once a day, when something shows that the catalogue is not
//! true any more, and on request.

pub(crate) mod access;
mod edmx;
mod model;
mod reading;
pub(crate) mod values;

pub(crate) use edmx::read;
pub(crate) use model::{Catalogue, Property, Type};
pub(crate) use reading::{Hashed, current, invalidate, refresh};
