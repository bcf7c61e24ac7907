//! Bars under the table: the first rows, by the first figure that the table is about.

use common::contract::onec::Column;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::face::{Face, MissingGlyph};
use super::layout::{LEFT, Layout};
use super::paper::{BLACK, Colour, Paper, RED, Words};
use super::printable;
use crate::reports::Style;
use crate::reports::cell::Cell;
use crate::reports::picture::Picture;
use crate::reports::sheet::{Row, Sheet};

const SIZE: f32 = 7.5;
const TITLE_SIZE: f32 = 9.5;
/// Of a bar with the room below it.
const STEP: f32 = 13.0;
const THICKNESS: f32 = 9.0;
/// What bars are filled with.
const FILL: Colour = (0x3b, 0x6e, 0xa8);
/// A longer row of days is no picture on paper.
const MOST: u64 = 31;
/// Share of the page's width that names and figures have.
const NAMES: f32 = 0.28;
const FIGURES: f32 = 0.14;

/// The bars of a document, collected while its rows go by.
#[derive(Debug)]
pub(super) struct Bars {
    title: String,
    label: usize,
    value: usize,
    rows: usize,
    bars: Vec<(String, Decimal)>,
}

impl Bars {
    pub(super) fn of(sheet: &Sheet, columns: &[&Column], style: Style) -> Option<Self> {
        let picture = Picture::of(sheet, columns).filter(|picture| picture.rows <= MOST)?;
        let value = *picture.values.first()?;
        let title = format!(
            "{} — {}",
            picture.title(sheet, style.locale),
            columns[value].title
        );
        Some(Self {
            title: printable(&title),
            label: picture.label,
            value,
            rows: usize::try_from(picture.rows).ok()?,
            bars: Vec::new(),
        })
    }

    /// Takes a row, while there is room.
    pub(super) fn take(&mut self, row: &Row, columns: &[&Column], style: Style) {
        if self.bars.len() >= self.rows {
            return;
        }
        let (label, value) = (columns[self.label], columns[self.value]);
        let name = Cell::read(row.get(&label.key), label.kind).shown(label.kind, style.locale);
        let number = match Cell::read(row.get(&value.key), value.kind) {
            Cell::Number(number) => number,
            _ => Decimal::ZERO,
        };
        self.bars.push((printable(&name), number));
    }

    /// Height of the whole.
    #[expect(clippy::cast_precision_loss, reason = "at most 31")]
    pub(super) fn height(&self) -> f32 {
        TITLE_SIZE * 2.6 + STEP * self.bars.len() as f32
    }

    /// Draws downwards from `top`.
    pub(super) fn draw(
        &self,
        paper: &mut Paper,
        top: f32,
        layout: &Layout,
        columns: &[&Column],
        (regular, style): (&Face, Style),
    ) -> Result<(), MissingGlyph> {
        let room = layout.page_room(1.0);
        let mut words = |x: f32, base: f32, size: f32, bold: bool, colour: Colour, text: String| {
            paper.write(Words {
                x,
                base,
                size,
                bold,
                colour,
                text,
            });
        };
        words(
            LEFT,
            top + TITLE_SIZE,
            TITLE_SIZE,
            true,
            BLACK,
            self.title.clone(),
        );
        let kind = columns[self.value].kind;
        let lowest = self.bars.iter().map(|bar| length(bar.1)).fold(0.0, f32::min);
        let highest = self.bars.iter().map(|bar| length(bar.1)).fold(0.0, f32::max);
        let span = (highest - lowest).max(f32::MIN_POSITIVE);
        let (from, wide) = (LEFT + room * NAMES, room * (1.0 - NAMES - FIGURES));
        let zero = from + wide * (-lowest / span);
        let mut y = top + TITLE_SIZE * 2.0;
        let mut areas = Vec::with_capacity(self.bars.len());
        for (name, number) in &self.bars {
            let base = y + THICKNESS - 2.0;
            let mut lines = regular.wrap(name, room * NAMES / SIZE - 1.5)?.into_iter();
            let mut line = lines.next().unwrap_or_default();
            if lines.next().is_some() {
                // The table above has the whole name.
                line.push('…');
            }
            words(LEFT, base, SIZE, false, BLACK, line);
            let negative = number.is_sign_negative() && !number.is_zero();
            let long = wide * length(*number).abs() / span;
            let start = if negative { zero - long } else { zero };
            areas.push((
                (start, y),
                (long.max(0.3), THICKNESS),
                if negative { RED } else { FILL },
            ));
            let shown = Cell::Number(*number).shown(kind, style.locale);
            let x = LEFT + room - regular.width(&shown)? * SIZE;
            words(x, base, SIZE, false, if negative { RED } else { BLACK }, shown);
            y += STEP;
        }
        for (place, size, colour) in areas {
            paper.area(place, size, colour);
        }
        Ok(())
    }
}

fn length(number: Decimal) -> f32 {
    number.to_f32().unwrap_or_default()
}
