//! Text of files: UTF-8, UTF-16 with a byte order mark, and Windows-1251, which 1C and Excel in Russia
//! still write.

/// Characters of Windows-1251 from 0x80 to 0xBF; Russian letters follow in their order.
const UPPER: &str = "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕї";

/// The text of a file; `None` when it is no text.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => std::str::from_utf8(rest).ok()?.to_owned(),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        bytes => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => windows_1251(bytes),
        },
    };
    is_text(&text).then_some(text)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .collect::<Result<String, _>>()
        .ok()
}

fn windows_1251(bytes: &[u8]) -> String {
    let upper: Vec<char> = UPPER.chars().collect();
    bytes
        .iter()
        .map(|byte| match byte {
            0..=0x7F => char::from(*byte),
            0x80..=0xBF => upper
                .get(usize::from(*byte - 0x80))
                .copied()
                .unwrap_or(char::REPLACEMENT_CHARACTER),
            0xC0..=0xFF => {
                char::from_u32(0x410 + u32::from(*byte - 0xC0)).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
        })
        .collect()
}

/// Text has no zero bytes and hardly any other control characters.
fn is_text(text: &str) -> bool {
    let control = text
        .chars()
        .filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
        .count();
    !text.contains('\0') && control * 100 <= text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_encodings() {
        assert_eq!(UPPER.chars().count(), 64);
        for (bytes, text) in [
            (&b"\xCF\xF0\xE8\xE2\xE5\xF2 \xB9 5 \xA8\xB8"[..], "Привет № 5 Ёё"),
            ("\u{feff}Привет".as_bytes(), "Привет"),
            (b"\xFF\xFE\x1F\x04\x40\x04", "Пр"),
            (b"\xFE\xFF\x04\x1F\x04\x40", "Пр"),
        ] {
            assert_eq!(decode(bytes).as_deref(), Some(text));
        }
        assert_eq!(decode(b"MZ\0\0\x01\x02"), None);
        assert_eq!(decode(b"\xFF\xFE\x1F"), None);
    }
}
