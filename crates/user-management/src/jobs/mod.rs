//! What runs beside requests until the service ends.

pub(crate) mod mails;
pub(crate) mod revocations;
pub(crate) mod sessions;
pub(crate) mod signing_keys;
