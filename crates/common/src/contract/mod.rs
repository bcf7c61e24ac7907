//! Types that cross a service boundary, by the service that owns the meaning.

pub mod events;
pub mod onec;
