//! PT Sans: how wide a text is, and which characters can be drawn.

use std::sync::LazyLock;

use ttf_parser::Face;

/// Regular letters. © ParaType, SIL Open Font License 1.1: `assets/OFL.txt`.
pub(super) static REGULAR: &[u8] = include_bytes!("../../assets/PTSans-Regular.ttf");
/// Bold letters.
pub(super) static BOLD: &[u8] = include_bytes!("../../assets/PTSans-Bold.ttf");

/// The family's name.
pub(super) const FAMILY: &str = "PT Sans";

static FACES: LazyLock<Option<[Face<'static>; 2]>> =
    LazyLock::new(|| Some([Face::parse(REGULAR, 0).ok()?, Face::parse(BOLD, 0).ok()?]));

/// Width of a text in pixels, at a size in pixels.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    // About right when a font cannot be read, which a test rules out.
    let guess = |text: &str| f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) * size * 0.55;
    let Some(faces) = FACES.as_ref() else {
        return guess(text);
    };
    let face = &faces[usize::from(bold)];
    let units = f64::from(face.units_per_em());
    text.chars()
        .map(|character| {
            face.glyph_index(character)
                .and_then(|glyph| face.glyph_hor_advance(glyph))
                .map_or(size * 0.6, |advance| f64::from(advance) / units * size)
        })
        .sum()
}

/// The first character that the font has no picture of.
pub(crate) fn missing_glyph(text: &str) -> Option<char> {
    let [regular, bold] = FACES.as_ref()?;
    text.chars().find(|&character| {
        !character.is_control()
            && (regular.glyph_index(character).is_none() || bold.glyph_index(character).is_none())
    })
}

/// The text, cut with an ellipsis when it is wider than `room`.
pub(super) fn fit(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = width("…", size, bold);
    for character in text.chars() {
        used += width(character.encode_utf8(&mut [0; 4]), size, bold);
        if used > room {
            break;
        }
        cut.push(character);
    }
    format!("{}…", cut.trim_end())
}

/// The text in lines no wider than `room`, the last one cut when there would be more than `most`.
pub(super) fn wrap(text: &str, size: f64, bold: bool, room: f64, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let mut line = word.to_owned();
        if lines.len() + 1 == most {
            for word in words.by_ref() {
                line.push(' ');
                line.push_str(word);
            }
        } else {
            while let Some(next) = words.peek() {
                let longer = format!("{line} {next}");
                if width(&longer, size, bold) > room {
                    break;
                }
                line = longer;
                words.next();
            }
        }
        lines.push(fit(&line, size, bold, room));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_what_our_texts_need() {
        assert!(FACES.is_some());
        let text = "Ёжик №5 −1 234 567,89 ₽ Қазақ «…» — – € $ % · × ±";
        assert_eq!(missing_glyph(text), None);
        assert_eq!(missing_glyph("a\u{1F600}"), Some('\u{1F600}'));
        assert_eq!(missing_glyph("→"), Some('→'));
    }

    #[test]
    fn texts_are_measured_cut_and_wrapped() {
        // All digits are of one width, so that columns of figures stand.
        assert!((width("111", 13.0, false) - width("888", 13.0, false)).abs() < 1e-9);
        assert!(width("Итого", 13.0, true) > width("Итого", 13.0, false));
        let cut = fit("Задолженность покупателей", 13.0, false, 80.0);
        assert!(cut.ends_with('…') && width(&cut, 13.0, false) <= 80.0, "{cut}");
        assert_eq!(fit("Да", 13.0, false, 80.0), "Да");
        let lines = wrap("Выручка и затраты по месяцам года", 16.0, true, 120.0, 2);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines.iter().all(|line| width(line, 16.0, true) <= 120.0));
    }
}
