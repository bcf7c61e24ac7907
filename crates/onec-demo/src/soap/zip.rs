//! Just enough of ZIP for exchange messages: one file, packed or not.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::Crc;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Largest file that is unpacked.
const LARGEST: u64 = 256 * 1024 * 1024;

/// An archive of one file.
pub(super) fn pack(name: &str, content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content)?;
    let packed = encoder.finish()?;
    let mut crc = Crc::new();
    crc.update(content);
    let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut common = Vec::new();
    // Version needed, names in UTF-8, deflated, 1980-01-01.
    for part in [20_u16, 1 << 11, 8, 0, 33] {
        common.extend(part.to_le_bytes());
    }
    for part in [crc.sum(), size(&packed), size(content)] {
        common.extend(part.to_le_bytes());
    }
    let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX);
    common.extend(name_length.to_le_bytes());
    common.extend([0, 0]);
    let mut archive = b"PK\x03\x04".to_vec();
    archive.extend(&common);
    archive.extend(name.as_bytes());
    archive.extend(&packed);
    let directory = size(&archive);
    archive.extend(b"PK\x01\x02");
    archive.extend(20_u16.to_le_bytes());
    archive.extend(&common);
    archive.extend([0; 14]);
    archive.extend(name.as_bytes());
    let length = size(&archive) - directory;
    archive.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    archive.extend(length.to_le_bytes());
    archive.extend(directory.to_le_bytes());
    archive.extend([0, 0]);
    Ok(archive)
}

/// The content of the first file of an archive; nothing when it is none or damaged.
pub(super) fn unpack(archive: &[u8]) -> Option<Vec<u8>> {
    let end = archive.windows(4).rposition(|window| window == b"PK\x05\x06")?;
    let number = |at: usize, bytes: usize| -> Option<u64> {
        let part = archive.get(at..at.checked_add(bytes)?)?;
        let digits = part.iter().rev();
        Some(digits.fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    };
    let place = |at: usize| number(at, 4).and_then(|value| usize::try_from(value).ok());
    let entry = place(end + 16)?;
    if archive.get(entry..entry.checked_add(4)?)? != b"PK\x01\x02" {
        return None;
    }
    let method = number(entry + 10, 2)?;
    let expected = u32::try_from(number(entry + 16, 4)?).ok()?;
    let packed = place(entry + 20)?;
    let local = place(entry + 42)?;
    let names = number(local.checked_add(26)?, 2)? + number(local + 28, 2)?;
    let start = local.checked_add(30)?.checked_add(usize::try_from(names).ok()?)?;
    let data = archive.get(start..start.checked_add(packed)?)?;
    let mut content = Vec::new();
    match method {
        0 => content.extend(data),
        8 => drop(
            DeflateDecoder::new(data)
                .take(LARGEST)
                .read_to_end(&mut content)
                .ok()?,
        ),
        _ => return None,
    }
    let mut crc = Crc::new();
    crc.update(&content);
    (crc.sum() == expected).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let content = "Сообщение ".repeat(100);
        let archive = pack("message.xml", content.as_bytes()).unwrap();
        assert!(archive.len() < 300);
        assert_eq!(unpack(&archive).unwrap(), content.as_bytes());
        for cut in 0..archive.len() {
            let _ = unpack(&archive[..cut]);
            let mut damaged = archive.clone();
            damaged[cut] ^= 0x55;
            let _ = unpack(&damaged);
        }
    }
}
