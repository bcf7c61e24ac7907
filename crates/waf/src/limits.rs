//! What bounds the work on one request, whatever it carries.

/// Bytes of a body that are looked at.
pub const BODY: usize = 128 * 1024;
/// Bytes of one value that are looked at.
pub const VALUE: usize = 64 * 1024;
/// Values of one request that are looked at.
pub const LEAVES: usize = 2_000;
/// Passes of percent-decoding beyond that of the transport.
pub(crate) const PERCENT_PASSES: usize = 3;
/// Shortest text that is tried as base64.
pub(crate) const BASE64_FROM: usize = 12;
/// Texts of one request that are tried as base64.
pub(crate) const BASE64_TRIES: usize = 64;
/// Longest value that is taken apart as SQL or HTML word by word.
pub(crate) const TOKENS: usize = 4 * 1024;
/// Values of one request that are taken apart so.
pub(crate) const TOKEN_TRIES: usize = 64;
/// Depth of parentheses in a filter.
pub(crate) const DEPTH: usize = 64;
/// Reasons that a verdict names.
pub(crate) const REASONS: usize = 32;
