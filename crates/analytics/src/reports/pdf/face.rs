//! Letters of a font: how wide they are, and which glyph each is.

use std::collections::HashMap;

use krilla::Data;
use krilla::text::{Font, GlyphId, KrillaGlyph};

/// A letter that the font does not have. Another in its place would be a lie, an empty one too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the font has no letter U+{:04X}", u32::from(*.0))]
pub(crate) struct MissingGlyph(pub(crate) char);

/// The embedded font cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the embedded font cannot be read")]
pub(super) struct FontDamaged;

/// One face of the embedded font.
pub(super) struct Face {
    pub(super) font: Font,
    /// Glyph and advance, the latter in units of the font's size.
    glyphs: HashMap<char, (u32, f32)>,
}

impl Face {
    pub(super) fn read(bytes: &'static [u8]) -> Result<Self, FontDamaged> {
        let face = ttf_parser::Face::parse(bytes, 0).map_err(|_| FontDamaged)?;
        let em = f32::from(face.units_per_em());
        let mut glyphs = HashMap::new();
        let tables = face.tables().cmap.into_iter();
        for table in tables.flat_map(|cmap| cmap.subtables.into_iter()) {
            if !table.is_unicode() {
                continue;
            }
            table.codepoints(|code| {
                if let Some(letter) = char::from_u32(code)
                    && let Some(glyph) = table.glyph_index(code)
                    && glyph.0 != 0
                    && let Some(advance) = face.glyph_hor_advance(glyph)
                {
                    glyphs.insert(letter, (u32::from(glyph.0), f32::from(advance) / em));
                }
            });
        }
        let font = Font::new(Data::from(bytes), 0).ok_or(FontDamaged)?;
        Ok(Self { font, glyphs })
    }

    fn glyph(&self, letter: char) -> Result<(u32, f32), MissingGlyph> {
        self.glyphs.get(&letter).copied().ok_or(MissingGlyph(letter))
    }

    /// Width of a text at a size of 1.
    pub(super) fn width(&self, text: &str) -> Result<f32, MissingGlyph> {
        let mut width = 0.0;
        for letter in text.chars() {
            width += self.glyph(letter)?.1;
        }
        Ok(width)
    }

    /// The glyphs of a text: one a letter, which Russian and Latin need no more than.
    pub(super) fn shape(&self, text: &str) -> Result<Vec<KrillaGlyph>, MissingGlyph> {
        text.char_indices()
            .map(|(start, letter)| {
                let (glyph, advance) = self.glyph(letter)?;
                let range = start..start + letter.len_utf8();
                Ok(KrillaGlyph::new(
                    GlyphId::new(glyph),
                    advance,
                    0.0,
                    0.0,
                    0.0,
                    range,
                    None,
                ))
            })
            .collect()
    }

    /// Cuts a text into lines that are at most `width` wide at a size of 1: between words, and within
    /// one that is wider by itself.
    pub(super) fn wrap(&self, text: &str, width: f32) -> Result<Vec<String>, MissingGlyph> {
        let space = self.glyph(' ')?.1;
        let mut lines = Vec::new();
        let (mut line, mut used) = (String::new(), 0.0);
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let wide = self.width(word)?;
            let gap = if line.is_empty() { 0.0 } else { space };
            if used + gap + wide <= width {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
                used += gap + wide;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            used = 0.0;
            for letter in word.chars() {
                let advance = self.glyph(letter)?.1;
                if used + advance > width && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                }
                line.push(letter);
                used += advance;
            }
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BOLD, REGULAR};
    use super::*;

    #[test]
    fn the_letters_of_our_users_have_glyphs_of_their_own() {
        for bytes in [REGULAR, BOLD] {
            let face = Face::read(bytes).unwrap();
            let text = "Ёжик №5 −1\u{a0}234\u{a0}567,89 ₽ Қазақ «ё» – — … ’";
            let glyphs = face.shape(text).unwrap();
            assert_eq!(glyphs.len(), text.chars().count());
            let question = face.glyph('?').unwrap().0;
            for (letter, glyph) in text.chars().zip(&glyphs) {
                assert_ne!(glyph.glyph_id.to_u32(), question, "{letter}");
                assert_ne!(glyph.glyph_id.to_u32(), 0, "{letter}");
            }
            assert_ne!(face.glyph('−').unwrap().0, face.glyph('-').unwrap().0);
            // Figures stand under each other.
            let zero = face.glyph('0').unwrap().1;
            for digit in '1'..='9' {
                assert!((face.glyph(digit).unwrap().1 - zero).abs() < f32::EPSILON);
            }
        }
    }

    #[test]
    fn a_letter_that_is_not_there_is_an_error() {
        let face = Face::read(REGULAR).unwrap();
        assert_eq!(face.shape("ООО 漢").unwrap_err(), MissingGlyph('漢'));
        assert_eq!(
            face.width("🦔").unwrap_err().to_string(),
            "the font has no letter U+1F994"
        );
    }

    #[test]
    fn lines_are_cut_between_words_and_within_those_too_long() {
        let face = Face::read(REGULAR).unwrap();
        let width = face.width("Общество с").unwrap() + 0.01;
        let lines = face
            .wrap("Общество с ограниченной ответственностью", width)
            .unwrap();
        assert_eq!(lines[0], "Общество с");
        assert_eq!(
            lines.concat().replace(' ', ""),
            "Обществосограниченнойответственностью"
        );
        for line in &lines {
            assert!(face.width(line).unwrap() <= width, "{line}");
        }
        assert_eq!(face.wrap("", 1.0).unwrap(), [""]);
    }
}
