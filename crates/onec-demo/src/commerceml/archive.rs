//! A ZIP archive as 1C makes it: deflated members, the directory at the end.

use std::io::{self, Write as _};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::ExportFile;

/// Puts files into one archive.
///
/// # Errors
/// When a file or the archive is longer than four gigabytes.
pub fn archive(files: &[ExportFile]) -> io::Result<Vec<u8>> {
    let mut archive = Vec::new();
    let mut directory = Vec::new();
    for file in files {
        let mut crc = Crc::new();
        crc.update(&file.bytes);
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&file.bytes)?;
        let packed = encoder.finish()?;
        let offset = number(archive.len())?;
        // Version 2.0, names in UTF-8, deflated, the first of January 1980.
        let mut head = Vec::new();
        for field in [20_u16, 0x0800, 8, 0, 0x21] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        for field in [crc.sum(), number(packed.len())?, number(file.bytes.len())?] {
            head.extend_from_slice(&field.to_le_bytes());
        }
        let name = u16::try_from(file.name.len()).map_err(io::Error::other)?;
        head.extend_from_slice(&name.to_le_bytes());
        head.extend_from_slice(&0_u16.to_le_bytes());
        archive.extend_from_slice(&0x0403_4b50_u32.to_le_bytes());
        archive.extend_from_slice(&head);
        archive.extend_from_slice(file.name.as_bytes());
        archive.extend_from_slice(&packed);
        directory.extend_from_slice(&0x0201_4b50_u32.to_le_bytes());
        directory.extend_from_slice(&20_u16.to_le_bytes());
        directory.extend_from_slice(&head);
        // Comment, disk, attributes.
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(file.name.as_bytes());
    }
    let count = u16::try_from(files.len()).map_err(io::Error::other)?;
    let (offset, length) = (number(archive.len())?, number(directory.len())?);
    archive.append(&mut directory);
    archive.extend_from_slice(&0x0605_4b50_u32.to_le_bytes());
    archive.extend_from_slice(&[0; 4]);
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&count.to_le_bytes());
    archive.extend_from_slice(&length.to_le_bytes());
    archive.extend_from_slice(&offset.to_le_bytes());
    archive.extend_from_slice(&0_u16.to_le_bytes());
    Ok(archive)
}

fn number(length: usize) -> io::Result<u32> {
    u32::try_from(length).map_err(io::Error::other)
}
