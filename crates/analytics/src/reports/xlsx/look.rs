//! Formats of cells.

use common::contract::onec::ColumnKind;
use rust_decimal::Decimal;
use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder};

/// Lines between cells.
const LINE: Color = Color::RGB(0x00D0_D7DE);
/// What is behind headings and totals.
const SHADE: Color = Color::RGB(0x00EE_F2F6);

/// The formats of a workbook.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) title: Format,
    pub(super) caption: Format,
    pub(super) heading: Format,
    pub(super) heading_left: Format,
    pub(super) text: Format,
    pub(super) date: Format,
    pub(super) plain_number: Format,
    pub(super) total_text: Format,
    money: Format,
    whole: Format,
    fraction: Format,
    total_money: Format,
    total_whole: Format,
    total_fraction: Format,
}

impl Look {
    /// Negative figures are red. The viewer's own language decides on the signs between digits:
    /// `1 234,56 ₽` in Russian.
    pub(super) fn new(currency: Option<&str>) -> Self {
        let sign = match currency {
            Some("RUB") => r"\ [$₽-419]".to_owned(),
            Some("USD") => r"\ [$$-409]".to_owned(),
            Some("EUR") => r"\ [$€-2]".to_owned(),
            Some(code) if code.bytes().all(|letter| letter.is_ascii_alphabetic()) => {
                format!(r"\ [${code}]")
            }
            _ => String::new(),
        };
        let signed = |form: &str, sign: &str| format!("{form}{sign};[Red]\\-{form}{sign}");
        let (money, whole, fraction) = (
            signed("#,##0.00", &sign),
            signed("#,##0", ""),
            signed("#,##0.0##", ""),
        );
        let cell = || {
            Format::new()
                .set_border(FormatBorder::Thin)
                .set_border_color(LINE)
                .set_align(FormatAlign::Top)
        };
        let total = || cell().set_bold().set_background_color(SHADE);
        Self {
            title: Format::new().set_bold().set_font_size(14),
            caption: Format::new().set_font_color(Color::RGB(0x0057_606A)),
            heading: total()
                .set_text_wrap()
                .set_align(FormatAlign::Center)
                .set_align(FormatAlign::VerticalCenter),
            heading_left: total(),
            text: cell().set_text_wrap(),
            date: cell().set_num_format("dd.mm.yyyy").set_align(FormatAlign::Center),
            plain_number: Format::new().set_num_format("#,##0").set_align(FormatAlign::Left),
            money: cell().set_num_format(&money),
            whole: cell().set_num_format(&whole),
            fraction: cell().set_num_format(&fraction),
            total_text: total(),
            total_money: total().set_num_format(&money),
            total_whole: total().set_num_format(&whole),
            total_fraction: total().set_num_format(&fraction),
        }
    }

    /// The format of a figure: a quantity shows a fraction only when it has one.
    pub(super) fn number(&self, kind: ColumnKind, number: Decimal) -> &Format {
        match kind {
            ColumnKind::Money => &self.money,
            _ if number.is_integer() => &self.whole,
            _ => &self.fraction,
        }
    }

    /// The same in the line of totals.
    pub(super) fn total(&self, kind: ColumnKind, number: Decimal) -> &Format {
        match kind {
            ColumnKind::Money => &self.total_money,
            _ if number.is_integer() => &self.total_whole,
            _ => &self.total_fraction,
        }
    }
}
