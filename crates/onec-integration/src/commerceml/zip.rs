//! Archives that 1C sends, read where they lie: the directory first, then one member as a stream.
//!
//! Only what 1C writes is taken: stored or deflated members, no encryption, no parts on other
//! disks, no sizes of ZIP64. What a member unpacks to is limited by what the archive itself says
//! and by the ratio that XML can have, so that a small archive cannot fill anything.

use std::io;

use bytes::Bytes;
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::LARGEST_XML;
use super::feed::Source;
use super::files::Blob;

/// The record at the end: signature, counts, size and place of the directory.
const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const ENTRY: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: usize = 30;
/// Bytes of the directory.
const LARGEST_DIRECTORY: usize = 16 * 1024 * 1024;
/// Members of an archive.
const MOST_MEMBERS: usize = 50_000;
/// Deflate makes XML twenty times smaller at most in practice.
const HIGHEST_RATIO: u64 = 200;
/// Below that size the ratio says nothing.
const RATIO_FROM: u64 = 10 * 1024 * 1024;
/// Bytes that are unpacked at a time.
const STEP: usize = 64 * 1024;

/// Why an archive cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ZipError {
    /// It is not a ZIP archive, or it broke off.
    #[error("the archive is damaged or incomplete")]
    Damaged,
    /// A member is encrypted.
    #[error("the archive has a password")]
    Encrypted,
    /// A way of packing that 1C does not use.
    #[error("the archive is packed in a way that is not supported")]
    Unsupported,
    /// A name leads out of the archive.
    #[error("the archive has a member whose name is not allowed")]
    UnsafeName,
    /// A member would unpack to too much.
    #[error("the archive unpacks to too much")]
    Bomb,
    /// The database did not give its bytes.
    #[error("the archive could not be fetched")]
    Fetch,
}

/// A member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    offset: u64,
    packed: u64,
    unpacked: u64,
    crc: u32,
    deflated: bool,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    u32_at(bytes, at).and_then(|value| usize::try_from(value).ok())
}

/// Whether a name of a file is one that stays where it is put: relative, without `..`.
pub(crate) fn is_safe_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= 255
        && !name.starts_with('/')
        && !name
            .chars()
            .any(|c| c.is_control() || matches!(c, '\\' | ':' | '\u{fffd}'))
        && name.split('/').all(|part| !matches!(part, "." | ".."))
}

/// The members of an archive.
pub(crate) async fn members(archive: &Blob) -> Result<Vec<Member>, ZipError> {
    let size = archive.size();
    let tail = size.min((END_BYTES + usize::from(u16::MAX)) as u64);
    let end = archive
        .range(size - tail, usize::try_from(tail).unwrap_or(0))
        .await?;
    let (count, length, offset) = find_end(&end).ok_or(ZipError::Damaged)?;
    if count == usize::from(u16::MAX) || offset == u64::from(u32::MAX) {
        return Err(ZipError::Unsupported);
    }
    if length > LARGEST_DIRECTORY || count > MOST_MEMBERS {
        return Err(ZipError::Bomb);
    }
    let directory = archive.range(offset, length).await?;
    parse_directory(&directory, count)
}

/// Count of members, length and place of the directory.
fn find_end(tail: &[u8]) -> Option<(usize, usize, u64)> {
    let last = tail.len().checked_sub(END_BYTES)?;
    let at = (0..=last).rev().find(|at| {
        u32_at(tail, *at) == Some(END)
            && u16_at(tail, at + 20)
                .is_some_and(|comment| at + END_BYTES + usize::from(comment) == tail.len())
    })?;
    // This disk and the disk of the directory.
    if u16_at(tail, at + 4)? != 0 || u16_at(tail, at + 6)? != 0 {
        return None;
    }
    let count = usize::from(u16_at(tail, at + 10)?);
    Some((count, usize_at(tail, at + 12)?, u64::from(u32_at(tail, at + 16)?)))
}

fn parse_directory(mut rest: &[u8], count: usize) -> Result<Vec<Member>, ZipError> {
    let mut members = Vec::new();
    for _ in 0..count {
        let (member, next) = parse_entry(rest).ok_or(ZipError::Damaged)?;
        rest = next;
        let member = member?;
        if !member.name.ends_with('/') {
            members.push(member);
        }
    }
    Ok(members)
}

/// One entry and what follows it.
fn parse_entry(bytes: &[u8]) -> Option<(Result<Member, ZipError>, &[u8])> {
    if u32_at(bytes, 0)? != ENTRY {
        return None;
    }
    let flags = u16_at(bytes, 8)?;
    let method = u16_at(bytes, 10)?;
    let lengths = [28, 30, 32].map(|at| u16_at(bytes, at).map(usize::from));
    let [name, extra, comment] = lengths;
    let (name, extra, comment) = (name?, extra?, comment?);
    let text = bytes.get(ENTRY_BYTES..ENTRY_BYTES + name)?;
    let rest = bytes.get(ENTRY_BYTES + name + extra + comment..)?;
    let member = Member {
        // Windows programs write names with backslashes; names beyond ASCII are of pictures only.
        name: String::from_utf8_lossy(text).replace(['\\', '\u{fffd}'], "/"),
        offset: u64::from(u32_at(bytes, 42)?),
        packed: u64::from(u32_at(bytes, 20)?),
        unpacked: u64::from(u32_at(bytes, 24)?),
        crc: u32_at(bytes, 16)?,
        deflated: method == 8,
    };
    // Bit 0: encrypted; bit 13: the directory is.
    let refusal = if flags & 1 != 0 || flags & (1 << 13) != 0 {
        Some(ZipError::Encrypted)
    } else if !matches!(method, 0 | 8)
        || [member.packed, member.unpacked, member.offset].contains(&u64::from(u32::MAX))
    {
        Some(ZipError::Unsupported)
    } else if !is_safe_name(member.name.trim_end_matches('/')) {
        Some(ZipError::UnsafeName)
    } else {
        None
    };
    Some((refusal.map_or(Ok(member), Err), rest))
}

/// The member of that name: with its folder, or the only one whose last part it is.
pub(crate) fn find<'a>(members: &'a [Member], name: &str) -> Option<&'a Member> {
    let exact = members
        .iter()
        .find(|member| member.name.eq_ignore_ascii_case(name));
    exact.or_else(|| {
        let last = |name: &str| name.rsplit('/').next().map(str::to_ascii_lowercase);
        let mut found = members.iter().filter(|member| last(&member.name) == last(name));
        found.next().filter(|_| found.next().is_none())
    })
}

/// What is being unpacked.
struct Unpacking {
    archive: Blob,
    member: Member,
    /// Where the next packed bytes are, and how many are left.
    offset: u64,
    left: u64,
    input: Bytes,
    inflate: Decompress,
    crc: Crc,
    produced: u64,
    ended: bool,
}

/// The unpacked bytes of a member.
pub(crate) async fn unpack(archive: Blob, member: Member) -> Result<Source, ZipError> {
    let ratio = member.unpacked / member.packed.max(1);
    if member.unpacked > LARGEST_XML || (member.unpacked > RATIO_FROM && ratio > HIGHEST_RATIO) {
        return Err(ZipError::Bomb);
    }
    let head = archive.range(member.offset, LOCAL_BYTES).await?;
    if u32_at(&head, 0) != Some(LOCAL) {
        return Err(ZipError::Damaged);
    }
    let name = u16_at(&head, 26).ok_or(ZipError::Damaged)?;
    let extra = u16_at(&head, 28).ok_or(ZipError::Damaged)?;
    let offset = member.offset + LOCAL_BYTES as u64 + u64::from(name) + u64::from(extra);
    if offset + member.packed > archive.size() {
        return Err(ZipError::Damaged);
    }
    let unpacking = Unpacking {
        archive,
        offset,
        left: member.packed,
        member,
        input: Bytes::new(),
        inflate: Decompress::new(false),
        crc: Crc::new(),
        produced: 0,
        ended: false,
    };
    Ok(Box::pin(futures_util::stream::try_unfold(
        unpacking,
        async |mut unpacking| {
            let next = unpacking.next().await.map_err(io::Error::other)?;
            Ok(next.map(|bytes| (bytes, unpacking)))
        },
    )))
}

impl Unpacking {
    async fn next(&mut self) -> Result<Option<Bytes>, ZipError> {
        loop {
            if self.ended {
                return Ok(None);
            }
            if self.input.is_empty() && self.left > 0 {
                let mut bytes = self.archive.at(self.offset).await?;
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                bytes.truncate(most);
                if bytes.is_empty() {
                    return Err(ZipError::Damaged);
                }
                self.offset += bytes.len() as u64;
                self.left -= bytes.len() as u64;
                self.input = bytes;
            }
            let (output, done) = if self.member.deflated {
                self.inflate_some()?
            } else {
                let output = std::mem::take(&mut self.input);
                let done = self.left == 0;
                (output, done)
            };
            self.crc.update(&output);
            self.produced += output.len() as u64;
            if self.produced > self.member.unpacked {
                return Err(ZipError::Bomb);
            }
            if done {
                self.ended = true;
                if self.produced != self.member.unpacked || self.crc.sum() != self.member.crc {
                    return Err(ZipError::Damaged);
                }
            }
            if !output.is_empty() {
                return Ok(Some(output));
            }
        }
    }

    fn inflate_some(&mut self) -> Result<(Bytes, bool), ZipError> {
        let mut output = Vec::with_capacity(STEP);
        let before = self.inflate.total_in();
        let status = self
            .inflate
            .decompress_vec(&self.input, &mut output, FlushDecompress::None)
            .map_err(|_| ZipError::Damaged)?;
        let used = usize::try_from(self.inflate.total_in() - before).unwrap_or(usize::MAX);
        let used = used.min(self.input.len());
        drop(self.input.split_to(used));
        let done = status == Status::StreamEnd;
        if !done && used == 0 && output.is_empty() && self.left == 0 {
            return Err(ZipError::Damaged);
        }
        Ok((output.into(), done))
    }
}
