//! Files of the archive: gzip of JSON lines, a head and then the entries, each with everything that is
//! needed to compute its hash again.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Entry;
use super::checkpoint::CheckpointJson;
use super::line::Line;

/// Names the format, and its version.
const FORMAT: &str = "ai1c-audit-archive/1";
/// Characters of a line; particulars are bounded, so a longer one is none of ours.
const LONGEST_LINE: u64 = 1024 * 1024;

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    format: String,
    pub(crate) first_sequence: i64,
    pub(crate) last_sequence: i64,
    /// Signs the log up to the last entry of the file.
    pub(crate) checkpoint: CheckpointJson,
}

impl Head {
    pub(crate) fn new(first_sequence: i64, last_sequence: i64, checkpoint: CheckpointJson) -> Self {
        Self {
            format: FORMAT.to_owned(),
            first_sequence,
            last_sequence,
            checkpoint,
        }
    }
}

/// Counts and hashes what is written.
struct Measured<W> {
    inner: W,
    hasher: Sha256,
    bytes: i64,
}

impl<W: Write> Write for Measured<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += i64::try_from(written).unwrap_or(0);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// A file that is being written; nobody sees it before [`Writer::finish`].
pub(crate) struct Writer {
    gzip: GzEncoder<Measured<BufWriter<File>>>,
    unfinished: PathBuf,
    path: PathBuf,
}

/// A complete file.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) bytes: i64,
    pub(crate) sha256: Vec<u8>,
}

impl Writer {
    /// Begins a file.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub(crate) fn create(folder: &Path, name: &str, head: &Head) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let unfinished = folder.join(format!("{name}.unfinished"));
        let measured = Measured {
            inner: BufWriter::new(File::create(&unfinished)?),
            hasher: Sha256::new(),
            bytes: 0,
        };
        let mut writer = Self {
            gzip: GzEncoder::new(measured, Compression::default()),
            unfinished,
            path: folder.join(name),
        };
        writer.line(head)?;
        Ok(writer)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.gzip, value)?;
        self.gzip.write_all(b"\n")
    }

    /// Adds entries.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn add(&mut self, entries: &[Entry]) -> io::Result<()> {
        entries.iter().try_for_each(|entry| self.line(&Line::new(entry)))
    }

    /// Brings everything to the disk and gives the file its name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn finish(self) -> io::Result<Written> {
        let mut measured = self.gzip.finish()?;
        measured.flush()?;
        measured.inner.get_ref().sync_all()?;
        std::fs::rename(&self.unfinished, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        Ok(Written {
            bytes: measured.bytes,
            sha256: measured.hasher.finalize().to_vec(),
        })
    }
}

/// The entries of a file, one after the other.
pub(crate) struct Reader {
    lines: BufReader<MultiGzDecoder<File>>,
    /// What the file says about itself.
    pub(crate) head: Head,
}

impl Reader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it is not there or of another format.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut lines = BufReader::new(MultiGzDecoder::new(File::open(path)?));
        let head: Head = next_line(&mut lines)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if head.format == FORMAT {
            Ok(Self { lines, head })
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    }

    /// The next entry, if there is one.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(crate) fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let Some(line) = next_line::<Line>(&mut self.lines)? else {
            return Ok(None);
        };
        line.into_entry()
            .map(Some)
            .ok_or(io::ErrorKind::InvalidData.into())
    }
}

/// Writes a file anew, with its entries as `change` leaves them.
///
/// # Errors
/// When it cannot be read or written; then it is as it was.
pub(crate) fn rewrite(folder: &Path, name: &str, mut change: impl FnMut(&mut Entry)) -> io::Result<Written> {
    let mut reader = Reader::open(&folder.join(name))?;
    let mut writer = Writer::create(folder, name, &reader.head)?;
    while let Some(mut entry) = reader.next_entry()? {
        change(&mut entry);
        writer.add(&[entry])?;
    }
    writer.finish()
}

fn next_line<T: serde::de::DeserializeOwned>(lines: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = String::new();
    if lines.take(LONGEST_LINE).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::checkpoint::Checkpoint;
    use crate::audit::tests::{at, first, new};

    #[test]
    fn a_file_gives_its_entries_back() {
        let folder = std::env::temp_dir().join(format!("archive-{}", common::ids::new_id()));
        let checkpoint = CheckpointJson::from(&Checkpoint {
            number: 1,
            size: 2,
            root: vec![1; 32],
            hash: vec![2; 32],
            previous: vec![0; 32],
            made_at: chrono::DateTime::UNIX_EPOCH,
            key_id: "k".to_owned(),
            signature: vec![3; 64],
        });
        let one = first(new(1));
        let other = at(new(2), 2, &one.hash);
        let mut writer = Writer::create(&folder, "a.gz", &Head::new(1, 2, checkpoint)).unwrap();
        assert!(!folder.join("a.gz").exists());
        writer.add(&[one.clone(), other.clone()]).unwrap();
        let written = writer.finish().unwrap();
        let bytes = std::fs::read(folder.join("a.gz")).unwrap();
        assert_eq!(i64::try_from(bytes.len()), Ok(written.bytes));
        assert_eq!(Sha256::digest(&bytes).to_vec(), written.sha256);
        let mut reader = Reader::open(&folder.join("a.gz")).unwrap();
        assert_eq!((reader.head.first_sequence, reader.head.last_sequence), (1, 2));
        assert_eq!(reader.next_entry().unwrap(), Some(one));
        assert_eq!(reader.next_entry().unwrap(), Some(other));
        assert_eq!(reader.next_entry().unwrap(), None);
        // Half of the file is no file.
        std::fs::write(folder.join("b.gz"), &bytes[..bytes.len() / 2]).unwrap();
        let cut = Reader::open(&folder.join("b.gz")).and_then(|mut reader| {
            while reader.next_entry()?.is_some() {}
            Ok(())
        });
        assert!(cut.is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
