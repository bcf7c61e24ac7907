//! A table as a picture, for dashboards that are one.

use super::Style;
use super::font::{fit, width};
use super::layout::{LABEL, SMALL, TITLE, ink};
use super::svg::{Anchor, Ink, Svg};

/// A cell, as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// Numbers stand at the right.
    pub(crate) number: bool,
    /// Shown in the colour of what is not welcome.
    pub(crate) negative: bool,
}

/// A table that is shown.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) headings: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// A line below the rows, such as how many there are besides.
    pub(crate) note: Option<String>,
}

impl Table {
    /// Draws the table, with as many rows as the height has room for.
    pub(crate) fn draw(&self, style: Style) -> Svg {
        let colours = style.theme.colours();
        let count = f64::from(u32::try_from(self.rows.len()).unwrap_or(u32::MAX));
        let note = if self.note.is_some() { 20.0 } else { 0.0 };
        let height = style
            .height
            .unwrap_or(40.0 + 24.0 + count * 22.0 + note + 12.0)
            .max(120.0);
        let mut svg = Svg::new(style.width, height, &self.title, "");
        svg.rect(0.0, 0.0, style.width, height, colours.background, None);
        let room = style.width - 28.0;
        let heading = Ink {
            size: TITLE,
            bold: true,
            colour: colours.text,
            anchor: Anchor::Start,
        };
        svg.text(14.0, 27.0, &fit(&self.title, TITLE, true, room), heading);
        let widths = self.widths(room);
        let numbers: Vec<bool> = (0..self.headings.len())
            .map(|column| {
                self.rows
                    .iter()
                    .all(|row| row.get(column).is_none_or(|cell| cell.number))
            })
            .collect();
        let put = |svg: &mut Svg, y: f64, column: usize, text: &str, size: f64, colour| {
            let before: f64 = widths[..column].iter().sum();
            let (wide, number) = (widths[column], numbers[column]);
            let text = fit(text, size, false, wide - 10.0);
            let (x, anchor) = if number {
                (14.0 + before + wide - 4.0, Anchor::End)
            } else {
                (14.0 + before, Anchor::Start)
            };
            svg.text(x, y, &text, ink(size, colour, anchor));
        };
        for (column, text) in self.headings.iter().enumerate() {
            put(&mut svg, 54.0, column, text, SMALL, colours.muted);
        }
        svg.line((14.0, 60.0), (14.0 + room, 60.0), colours.grid, 1.0);
        let mut y = 76.0;
        for row in &self.rows {
            if y > height - note - 8.0 {
                break;
            }
            for (column, cell) in row.iter().enumerate().take(widths.len()) {
                let colour = if cell.negative { colours.bad } else { colours.text };
                put(&mut svg, y, column, &cell.text, LABEL, colour);
            }
            y += 22.0;
        }
        if let Some(note) = &self.note {
            svg.text(
                14.0,
                height - 10.0,
                &fit(note, SMALL, false, room),
                ink(SMALL, colours.muted, Anchor::Start),
            );
        }
        svg
    }

    /// Widths of the columns: what they need, in proportion when that is too much.
    fn widths(&self, room: f64) -> Vec<f64> {
        let needed: Vec<f64> = (0..self.headings.len())
            .map(|column| {
                let cells = self
                    .rows
                    .iter()
                    .filter_map(|row| row.get(column))
                    .map(|cell| width(&cell.text, LABEL, false));
                cells.fold(width(&self.headings[column], SMALL, false), f64::max) + 14.0
            })
            .collect();
        let sum: f64 = needed.iter().sum();
        if sum <= room {
            let spare = (room - sum) / f64::from(u32::try_from(needed.len()).unwrap_or(1)).max(1.0);
            return needed.iter().map(|wide| wide + spare).collect();
        }
        // Short columns keep their width; long ones share what is left.
        let fair = room / f64::from(u32::try_from(needed.len()).unwrap_or(1)).max(1.0);
        let short: f64 = needed.iter().filter(|wide| **wide <= fair).sum();
        let long: f64 = needed.iter().filter(|wide| **wide > fair).sum();
        needed
            .iter()
            .map(|&wide| {
                if wide <= fair {
                    wide
                } else {
                    wide / long * (room - short)
                }
            })
            .collect()
    }
}
