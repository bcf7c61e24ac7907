//! What at least two services need and that knows none of them.
