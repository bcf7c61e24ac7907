//! What routes take and answer, as an OpenAPI 3.1 document.
//!
//! Nothing is written twice: the table of routes names method, path and permission, and the types of
//! a handler's arguments and of its answer tell the rest ([`Part`], [`Answer`]). A test of the whole
//! system compares the document with the one that the gateway publishes, so no running service
//! carries the schemas.

mod answers;
#[cfg(feature = "testing")]
mod document;
mod operation;
mod parts;

#[cfg(feature = "testing")]
pub use document::{Described, Published, document};
pub use operation::Operation;
#[cfg(feature = "testing")]
pub use operation::{Generators, Place};

use std::future::Future;

use axum::response::IntoResponse;

/// An argument of a handler.
pub trait Part {
    /// Tells what the argument takes from a request; most take nothing that a client writes.
    fn describe(operation: &mut Operation<'_>) {
        let _ = operation;
    }
}

/// What a handler answers.
pub trait Answer: IntoResponse {
    /// Tells statuses and bodies.
    fn describe(operation: &mut Operation<'_>);
}

/// A handler whose arguments and answer tell what they are. `T` is the list of arguments, as in
/// [`axum::handler::Handler`].
pub trait Documented<T> {
    /// Tells all of them.
    fn describe(operation: &mut Operation<'_>);
}

impl<F, Fut, R> Documented<((),)> for F
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = R>,
    R: Answer,
{
    fn describe(operation: &mut Operation<'_>) {
        R::describe(operation);
    }
}

macro_rules! documented {
    ($($argument:ident),+) => {
        impl<F, Fut, R, M, $($argument),+> Documented<(M, $($argument,)+)> for F
        where
            F: FnOnce($($argument),+) -> Fut,
            Fut: Future<Output = R>,
            R: Answer,
            $($argument: Part,)+
        {
            fn describe(operation: &mut Operation<'_>) {
                $($argument::describe(operation);)+
                R::describe(operation);
            }
        }
    };
}

documented!(A1);
documented!(A1, A2);
documented!(A1, A2, A3);
documented!(A1, A2, A3, A4);
documented!(A1, A2, A3, A4, A5);
documented!(A1, A2, A3, A4, A5, A6);
documented!(A1, A2, A3, A4, A5, A6, A7);
documented!(A1, A2, A3, A4, A5, A6, A7, A8);
