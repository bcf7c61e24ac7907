//! Drawing: what is on a page is collected, then put down at once.

use common::BoxError;
use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule};

use super::face::Face;

/// Red, green, blue.
pub(super) type Colour = (u8, u8, u8);

pub(super) const BLACK: Colour = (0x1f, 0x23, 0x28);
pub(super) const GREY: Colour = (0x57, 0x60, 0x6a);
pub(super) const RED: Colour = (0xb0, 0x00, 0x20);
pub(super) const LINE: Colour = (0xc3, 0xcb, 0xd3);
pub(super) const SHADE: Colour = (0xe8, 0xec, 0xf1);
pub(super) const STRIPE: Colour = (0xf6, 0xf8, 0xfa);

/// A line of text.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) x: f32,
    /// Where the letters stand.
    pub(super) base: f32,
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) colour: Colour,
    pub(super) text: String,
}

/// A filled area.
#[derive(Debug, Clone, Copy)]
struct Area {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
    colour: Colour,
}

/// What is on a page.
#[derive(Debug, Default)]
pub(super) struct Paper {
    areas: Vec<Area>,
    words: Vec<Words>,
}

impl Paper {
    pub(super) fn area(&mut self, (x, y): (f32, f32), (width, height): (f32, f32), colour: Colour) {
        self.areas.push(Area {
            x,
            y,
            width,
            height,
            colour,
        });
    }

    /// A thin line to the right.
    pub(super) fn rule(&mut self, from: f32, to: f32, y: f32) {
        self.area((from, y - 0.2), (to - from, 0.4), LINE);
    }

    /// A thin line down.
    pub(super) fn bar(&mut self, x: f32, from: f32, to: f32) {
        self.area((x - 0.2, from), (0.4, to - from), LINE);
    }

    pub(super) fn write(&mut self, words: Words) {
        self.words.push(words);
    }

    /// Puts everything down as the next page.
    pub(super) fn put(
        &self,
        document: &mut Document,
        (width, height): (f32, f32),
        regular: &Face,
        bold: &Face,
    ) -> Result<(), BoxError> {
        let settings = PageSettings::from_wh(width, height).ok_or("a page without an area")?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for area in &self.areas {
            let Some(shape) = Rect::from_xywh(area.x, area.y, area.width, area.height) else {
                continue;
            };
            let mut path = PathBuilder::new();
            path.push_rect(shape);
            if let Some(path) = path.finish() {
                surface.set_fill(Some(fill(area.colour)));
                surface.draw_path(&path);
            }
        }
        for words in self.words.iter().filter(|words| !words.text.is_empty()) {
            let face = if words.bold { bold } else { regular };
            surface.set_fill(Some(fill(words.colour)));
            let glyphs = face.shape(&words.text)?;
            surface.draw_glyphs(
                Point::from_xy(words.x, words.base),
                &glyphs,
                face.font.clone(),
                &words.text,
                words.size,
                false,
            );
        }
        surface.finish();
        page.finish();
        Ok(())
    }
}

fn fill((red, green, blue): Colour) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }
}
