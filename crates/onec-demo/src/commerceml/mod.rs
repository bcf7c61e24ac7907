//! 1C's side of an exchange with a site (CommerceML 2): 1C is the HTTP client that sends goods, prices and stocks.
//!
//! [`export()`] writes the files, [`Site`] is the conversation step by step, [`push`] all of it at once.

mod archive;
mod export;
mod site;
mod xml;

pub use archive::archive;
pub use export::{Encoding, Export, ExportFile, Split, export};
pub use site::{Limits, PushError, Site, push};
