//! CommerceML 2: a 1C base that no one can reach pushes its goods, prices and stocks to us with its
//! standard exchange with a site. 1C is the client and we are the site.
//!
//! [`protocol`] is what 1C asks and is answered, [`access`] its login, [`files`] what it has sent,
//! [`zip`] what is inside of archives, [`feed`] and [`reader`] turn a file into [`records`], and
//! [`import`] applies one file in one transaction, which [`worker`] runs.

pub(crate) mod access;
pub(crate) mod feed;
pub(crate) mod files;
pub(crate) mod import;
#[cfg(test)]
mod mutations;
mod node;
pub(crate) mod protocol;
pub(crate) mod reader;
pub(crate) mod records;
pub(crate) mod refs;
pub(crate) mod worker;
pub(crate) mod zip;

/// The profile of infobases that push, in place of a configuration's.
pub(crate) const PROFILE: &str = "commerceml";

/// Bytes of a part of a file that 1C is asked to keep to (`file_limit`). nginx, the gateway and the
/// service let 10 MiB through.
pub(crate) const FILE_LIMIT: usize = 2 * 1024 * 1024;
/// Bytes of a part that are taken all the same: some versions of 1C count a little differently.
pub(crate) const LARGEST_PART: usize = 2 * FILE_LIMIT;
/// Bytes of one file.
pub(crate) const LARGEST_FILE: i64 = 512 * 1024 * 1024;
/// Bytes of all files of an exchange that wait to be imported.
pub(crate) const LARGEST_EXCHANGE: i64 = 1024 * 1024 * 1024;
/// Bytes of one XML file, unpacked and in UTF-8.
pub(crate) const LARGEST_XML: u64 = 1024 * 1024 * 1024;
