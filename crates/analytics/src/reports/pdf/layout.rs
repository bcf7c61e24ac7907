//! What fits where: the paper, the widths of the columns, the heights of the rows.

use common::contract::onec::Column;

use super::face::{Face, MissingGlyph};
use crate::reports::cell::is_number;

/// Points of a millimetre.
const MM: f32 = 72.0 / 25.4;
/// Room for a hole punch on the left.
pub(super) const LEFT: f32 = 15.0 * MM;
pub(super) const RIGHT: f32 = 8.0 * MM;
pub(super) const TOP: f32 = 10.0 * MM;
pub(super) const BOTTOM: f32 = 13.0 * MM;
/// Around the text of a cell.
pub(super) const PADDING: f32 = 2.6;
/// Height of a line, in sizes of the letters.
const LEADING: f32 = 1.22;
/// A column of text is not made narrower than this many sizes of the letters.
const NARROWEST: f32 = 7.0;

/// Sheets that are tried in turn, with the size of the letters: width and height in points.
const PAPERS: [(f32, f32, f32); 6] = [
    (210.0 * MM, 297.0 * MM, 8.5),
    (297.0 * MM, 210.0 * MM, 8.5),
    (297.0 * MM, 210.0 * MM, 7.5),
    (297.0 * MM, 210.0 * MM, 6.5),
    (420.0 * MM, 297.0 * MM, 7.5),
    (420.0 * MM, 297.0 * MM, 6.0),
];

/// How wide the contents of the columns are, at a size of 1.
#[derive(Debug)]
pub(super) struct Needs {
    /// The widest value without wrapping, of the heading its widest word.
    widest: Vec<f32>,
}

impl Needs {
    pub(super) fn of(columns: &[&Column], bold: &Face) -> Result<Self, MissingGlyph> {
        let mut widest = Vec::with_capacity(columns.len());
        for column in columns {
            let mut word_width: f32 = 0.0;
            for word in super::printable(&column.title).split(' ') {
                word_width = word_width.max(bold.width(word)?);
            }
            widest.push(word_width);
        }
        Ok(Self { widest })
    }

    /// Takes one more value into account.
    pub(super) fn add(&mut self, column: usize, width: f32) {
        self.widest[column] = self.widest[column].max(width);
    }
}

/// The page and its columns.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f32,
    pub(super) height: f32,
    /// Size of the letters in the table.
    pub(super) size: f32,
    /// Left edges of the columns and, last, the right edge of the table.
    pub(super) edges: Vec<f32>,
}

impl Layout {
    /// The smallest paper and the largest letters on which all figures stand on one line; texts wrap.
    pub(super) fn choose(columns: &[&Column], needs: &Needs) -> Self {
        let mut last = None;
        for (width, height, size) in PAPERS {
            let (layout, fits) = Self::on(width, height, size, columns, needs);
            if fits {
                return layout;
            }
            last = Some(layout);
        }
        last.unwrap_or(Self {
            width: PAPERS[0].0,
            height: PAPERS[0].1,
            size: PAPERS[0].2,
            edges: vec![LEFT],
        })
    }

    fn on(width: f32, height: f32, size: f32, columns: &[&Column], needs: &Needs) -> (Self, bool) {
        let room = width - LEFT - RIGHT;
        let natural: Vec<f32> = needs
            .widest
            .iter()
            .map(|wide| wide * size + 2.0 * PADDING + 0.5)
            .collect();
        let flexible = |place: usize| !is_number(columns[place].kind);
        let least = |place: usize| {
            if flexible(place) {
                natural[place].min(NARROWEST * size + 2.0 * PADDING)
            } else {
                natural[place]
            }
        };
        let wanted: f32 = natural.iter().sum();
        let needed: f32 = (0..columns.len()).map(least).sum();
        // Texts of long names may take two or three lines; more is hard to read.
        let fits = needed <= room && wanted <= room * 1.45;
        let widths: Vec<f32> = if wanted <= room {
            natural
        } else {
            // What there is beyond the least goes to those that want more, by how much they want.
            let spare = (room - needed).max(0.0);
            let missing: f32 = (0..columns.len())
                .map(|place| natural[place] - least(place))
                .sum();
            let squeeze = if needed > room { room / needed } else { 1.0 };
            (0..columns.len())
                .map(|place| {
                    let more = if missing > 0.0 {
                        spare * (natural[place] - least(place)) / missing
                    } else {
                        0.0
                    };
                    (least(place) + more) * squeeze
                })
                .collect()
        };
        let mut edges = vec![LEFT];
        let mut edge = LEFT;
        for width in widths {
            edge += width;
            edges.push(edge);
        }
        let layout = Self {
            width,
            height,
            size,
            edges,
        };
        (layout, fits)
    }

    /// Room for text in a column, at a size of 1.
    pub(super) fn text_room(&self, column: usize) -> f32 {
        let width = self.edges[column + 1] - self.edges[column] - 2.0 * PADDING;
        // What has been measured fits in spite of rounding.
        (width / self.size).max(1.0) + 0.01
    }

    /// Height of a line of the table.
    pub(super) fn line(&self) -> f32 {
        self.size * LEADING
    }

    /// Height of a row of so many lines.
    #[expect(clippy::cast_precision_loss, reason = "a page has some hundred lines")]
    pub(super) fn row(&self, lines: usize) -> f32 {
        self.line() * lines as f32 + 2.0 * PADDING * 0.7
    }

    /// Where the table has to end on a page.
    pub(super) fn floor(&self) -> f32 {
        self.height - BOTTOM
    }

    /// Room between the left and the right edge of the page, at a size.
    pub(super) fn page_room(&self, size: f32) -> f32 {
        (self.width - LEFT - RIGHT) / size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::contract::onec::ColumnKind;

    fn column(kind: ColumnKind) -> Column {
        Column {
            key: String::new(),
            title: "Сумма".to_owned(),
            kind,
        }
    }

    #[test]
    fn few_columns_stand_upright_and_many_lie() {
        let face = Face::read(super::super::BOLD).unwrap();
        let (text, money) = (column(ColumnKind::Text), column(ColumnKind::Money));
        let layout = |numbers: usize| {
            let columns: Vec<&Column> = std::iter::once(&text)
                .chain(std::iter::repeat_n(&money, numbers))
                .collect();
            let mut needs = Needs::of(&columns, &face).unwrap();
            needs.add(0, 30.0);
            for place in 1..=numbers {
                needs.add(place, face.width("−1\u{a0}234\u{a0}567,89").unwrap());
            }
            Layout::choose(&columns, &needs)
        };
        assert!(layout(2).width < layout(2).height);
        assert!(layout(10).width > layout(10).height);
        for numbers in 0..40 {
            let layout = layout(numbers);
            let right = layout.edges.last().copied().unwrap();
            assert!(
                right <= layout.width - RIGHT + 0.1,
                "{numbers} columns end at {right}"
            );
        }
    }
}
