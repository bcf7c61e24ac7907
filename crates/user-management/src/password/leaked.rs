//! A list of leaked passwords, looked up in a file: no password and no part of its hash leaves the
//! machine, and the list takes no memory.
//!
//! The file is made by `user-management passwords build-filter` and holds, of the SHA-1 of each
//! password, some bits after those that its place in the file says:
//!
//! ```text
//! magic "A1CLEAK1" · bits of a bucket's number (u8) · buckets + 1 offsets (u64, little-endian) · entries (3 bytes)
//! ```
//!
//! Bucket `n` holds the passwords whose SHA-1 begins with the bits of `n`, as the 24 bits that follow,
//! in ascending order. About sixteen share a bucket, so that a password that never leaked is taken for
//! a leaked one in about one of a million cases.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use common::BoxError;

const MAGIC: [u8; 8] = *b"A1CLEAK1";
const HEADER: u64 = 9;
const OFFSET: u64 = 8;
const ENTRY: usize = 3;
/// Passwords in one bucket, on average.
const PER_BUCKET: u64 = 16;
const MAX_BITS: u8 = 28;

/// An opened list.
#[derive(Debug)]
pub(crate) struct LeakedPasswords {
    file: File,
    bits: u8,
    count: u64,
}

impl LeakedPasswords {
    /// Opens a list.
    ///
    /// # Errors
    /// When it cannot be read, or is none of ours, or is incomplete.
    pub(crate) fn open(path: &Path) -> Result<Self, BoxError> {
        let file = File::open(path)?;
        let mut header = [0; HEADER as usize];
        file.read_exact_at(&mut header, 0)
            .map_err(|_| "is not a list made by `user-management passwords build-filter`")?;
        let [magic @ .., bits] = header;
        if magic != MAGIC || bits > MAX_BITS {
            return Err("is not a list made by `user-management passwords build-filter`".into());
        }
        let list = Self { file, bits, count: 0 };
        let count = list.offset((1_u64 << bits) + 1 - 1)?;
        let expected = list.entries_begin() + count * ENTRY as u64;
        if list.file.metadata()?.len() != expected {
            return Err("is incomplete".into());
        }
        Ok(Self { count, ..list })
    }

    /// How many passwords it holds.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// True when the list has the password. Two reads of the file; not for an asynchronous thread.
    pub(crate) fn contains(&self, password: &str) -> Result<bool, std::io::Error> {
        let prefix = prefix(password.as_bytes());
        let (bucket, rest) = split(prefix, self.bits);
        let (begin, end) = (self.offset(bucket)?, self.offset(bucket + 1)?);
        // No bucket of a whole file is near this; a damaged one must not cost memory.
        let length = usize::try_from(end.saturating_sub(begin))
            .unwrap_or(0)
            .min(1 << 20)
            * ENTRY;
        let mut entries = vec![0; length];
        let at = self.entries_begin() + begin * ENTRY as u64;
        self.file.read_exact_at(&mut entries, at)?;
        Ok(entries.chunks_exact(ENTRY).any(|entry| entry == rest))
    }

    fn offset(&self, bucket: u64) -> Result<u64, std::io::Error> {
        let mut bytes = [0; OFFSET as usize];
        self.file.read_exact_at(&mut bytes, HEADER + bucket * OFFSET)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn entries_begin(&self) -> u64 {
        entries_begin(self.bits)
    }
}

fn entries_begin(bits: u8) -> u64 {
    HEADER + ((1_u64 << bits) + 1) * OFFSET
}

/// The first 64 bits of the SHA-1.
fn prefix(password: &[u8]) -> u64 {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
    let mut first = [0; 8];
    first
        .iter_mut()
        .zip(hash.as_ref())
        .for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(first)
}

/// The bucket and what is kept in it.
fn split(prefix: u64, bits: u8) -> (u64, [u8; ENTRY]) {
    let bucket = prefix.checked_shr(64 - u32::from(bits)).unwrap_or(0);
    let [a, b, c, ..] = (prefix << bits).to_be_bytes();
    (bucket, [a, b, c])
}

/// Makes a list of a text file: a password on each line, or, as Have I Been Pwned publishes them
/// ordered by hash, `<SHA-1 in hex>:<count>`. The latter is read in one pass and in constant memory;
/// passwords are kept in memory, eight bytes for each. Returns how many there are.
///
/// # Errors
/// When a file cannot be read or written, or hashes are not in order.
pub(crate) fn build(list: &Path, output: &Path) -> Result<u64, BoxError> {
    let hashed = is_hashed(list)?;
    let writer = if hashed {
        let (mut count, mut last) = (0_u64, None);
        each_hash(list, |prefix| {
            if last > Some(prefix) {
                return Err(
                    "the hashes are not in ascending order: take the list that is ordered by hash".into(),
                );
            }
            count += u64::from(last != Some(prefix));
            last = Some(prefix);
            Ok(())
        })?;
        let mut writer = Writer::new(output, count)?;
        let mut last = None;
        each_hash(list, |prefix| {
            if last.replace(prefix) != Some(prefix) {
                writer.add(prefix)?;
            }
            Ok(())
        })?;
        writer
    } else {
        let mut prefixes = Vec::new();
        let mut reader = BufReader::new(File::open(list)?);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            let password = line.trim_ascii_end();
            if !password.is_empty() {
                prefixes.push(prefix(password));
                // In the form in which passwords are looked up as well.
                if let Ok(text) = std::str::from_utf8(password) {
                    let folded = super::policy::normalised(text).to_lowercase();
                    prefixes.push(prefix(folded.as_bytes()));
                }
            }
            line.clear();
        }
        prefixes.sort_unstable();
        prefixes.dedup();
        let mut writer = Writer::new(output, prefixes.len() as u64)?;
        for prefix in prefixes {
            writer.add(prefix)?;
        }
        writer
    };
    writer.finish()
}

fn is_hashed(list: &Path) -> Result<bool, BoxError> {
    let mut line = String::new();
    match BufReader::new(File::open(list)?).read_line(&mut line) {
        Ok(_) => Ok(hash_of(line.trim_end().as_bytes()).is_some()),
        // Not UTF-8: passwords in another encoding.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn each_hash(list: &Path, mut each: impl FnMut(u64) -> Result<(), BoxError>) -> Result<(), BoxError> {
    let mut reader = BufReader::new(File::open(list)?);
    let (mut line, mut number) = (Vec::new(), 0_u64);
    while reader.read_until(b'\n', &mut line)? > 0 {
        number += 1;
        let trimmed = line.trim_ascii();
        if !trimmed.is_empty() {
            let prefix =
                hash_of(trimmed).ok_or_else(|| format!("line {number} is not a SHA-1 with a count"))?;
            each(prefix)?;
        }
        line.clear();
    }
    Ok(())
}

/// The first 64 bits of `<40 hex digits>[:<count>]`.
fn hash_of(line: &[u8]) -> Option<u64> {
    let hash = line.split(|byte| *byte == b':').next()?;
    if hash.len() != 40 || !hash.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(hash.get(..16)?).ok()?, 16).ok()
}

struct Writer {
    entries: BufWriter<File>,
    offsets: BufWriter<File>,
    bits: u8,
    /// The bucket whose offset is written next.
    next_bucket: u64,
    count: u64,
}

impl Writer {
    fn new(path: &Path, count: u64) -> Result<Self, BoxError> {
        let bits = (0..MAX_BITS)
            .find(|bits| count >> bits <= PER_BUCKET)
            .unwrap_or(MAX_BITS);
        let mut offsets = File::create(path)?;
        offsets.write_all(&MAGIC)?;
        offsets.write_all(&[bits])?;
        let mut entries = File::options().write(true).open(path)?;
        entries.seek(SeekFrom::Start(entries_begin(bits)))?;
        Ok(Self {
            entries: BufWriter::new(entries),
            offsets: BufWriter::new(offsets),
            bits,
            next_bucket: 0,
            count: 0,
        })
    }

    fn add(&mut self, prefix: u64) -> Result<(), BoxError> {
        let (bucket, rest) = split(prefix, self.bits);
        self.begin_buckets_to(bucket + 1)?;
        self.entries.write_all(&rest)?;
        self.count += 1;
        Ok(())
    }

    fn begin_buckets_to(&mut self, end: u64) -> Result<(), BoxError> {
        while self.next_bucket < end {
            self.offsets.write_all(&self.count.to_le_bytes())?;
            self.next_bucket += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<u64, BoxError> {
        self.begin_buckets_to((1 << self.bits) + 1)?;
        self.offsets.flush()?;
        self.entries.flush()?;
        Ok(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new() -> Self {
            let path = std::env::temp_dir().join(format!("leaked-{}", common::ids::new_id()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn built(&self, list: &[u8]) -> Result<LeakedPasswords, BoxError> {
            let (from, to) = (self.0.join("list"), self.0.join("filter"));
            std::fs::write(&from, list).unwrap();
            build(&from, &to)?;
            LeakedPasswords::open(&to)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn passwords_of_a_plain_list_are_found_and_others_are_not() {
        let folder = Folder::new();
        let mut list: Vec<String> = (0..20_000).map(|n| format!("пароль номер {n}")).collect();
        list.push("Correct Horse Battery\r".to_owned());
        list.push(String::new());
        let leaked = folder.built(list.join("\n").as_bytes()).unwrap();
        assert_eq!(leaked.count(), 20_002, "one of them in two forms");
        for password in [
            "пароль номер 0",
            "пароль номер 19999",
            "Correct Horse Battery",
            "correct horse battery",
        ] {
            assert!(leaked.contains(password).unwrap(), "{password}");
        }
        let wrong = (0..20_000)
            .filter(|n| leaked.contains(&format!("другой {n}")).unwrap())
            .count();
        assert!(wrong <= 1, "{wrong} of 20000 passwords are taken for leaked ones");
        assert!(!leaked.contains("").unwrap());
    }

    #[test]
    fn the_list_of_have_i_been_pwned_is_read_as_it_is_published() {
        let folder = Folder::new();
        // SHA-1 of `123456`, `password` and `qwerty`, in their order.
        let list = b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:10434004\r\n\
            7C4A8D09CA3762AF61E59520943DC26494F8941B:42542807\r\n\
            B1B3773A05C0ED0176787A4F1574FF0075F7521E:10713794\r\n";
        let leaked = folder.built(list).unwrap();
        assert_eq!(leaked.count(), 3);
        for password in ["123456", "password", "qwerty"] {
            assert!(leaked.contains(password).unwrap());
        }
        assert!(!leaked.contains("Password").unwrap());
        let mut lines: Vec<&[u8]> = list.split(|byte| *byte == b'\n').collect();
        lines.swap(0, 1);
        assert!(
            folder
                .built(&lines.join(&b'\n'))
                .unwrap_err()
                .to_string()
                .contains("order")
        );
    }

    #[test]
    fn a_file_that_is_none_or_not_whole_is_refused() {
        let folder = Folder::new();
        folder.built(b"one\ntwo\nthree\n").unwrap();
        let path = folder.0.join("filter");
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(LeakedPasswords::open(&path).is_err());
        std::fs::write(&path, b"password\n123456\n").unwrap();
        assert!(LeakedPasswords::open(&path).is_err());
        assert!(folder.built(b"").unwrap().count() == 0, "an empty list is a list");
    }
}
