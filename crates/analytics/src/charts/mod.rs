//! Charts as SVG, and as PNG made of it. The numbers they show go beside them as JSON.
//!
//! A chart is drawn for a width in pixels, not scaled to it: texts keep their size, there are fewer
//! of them on a phone. Sizes of texts are those of PT Sans, which is in the program.

mod axis;
mod bars;
mod collage;
mod columns;
mod font;
mod gauge;
mod heat_map;
mod layout;
mod lines;
mod number;
mod pie;
mod png;
mod spec;
mod svg;
mod table;
mod theme;
mod tile;
mod waterfall;

use common::Locale;

pub(crate) use collage::collage;
pub(crate) use font::missing_glyph;
pub(crate) use number::{Unit, exact};
pub(crate) use png::{PngError, png};
pub(crate) use spec::{Chart, ChartKind, Series, Threshold, decimal};
pub(crate) use svg::{Svg, escape};
pub(crate) use table::{Cell, Table};
pub(crate) use theme::Theme;
pub(crate) use tile::{Figure, figures};

/// How a chart is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub(crate) theme: Theme,
    pub(crate) locale: Locale,
    /// Width in pixels.
    pub(crate) width: f64,
    /// Height in pixels; what suits the chart when absent.
    pub(crate) height: Option<f64>,
}

/// Least and greatest width of a chart, in pixels.
pub(crate) const WIDTHS: std::ops::RangeInclusive<u32> = 280..=2000;
/// Least and greatest height of a chart, in pixels.
pub(crate) const HEIGHTS: std::ops::RangeInclusive<u32> = 140..=2000;

/// Draws a chart that has been validated.
pub(crate) fn draw(chart: &Chart, style: Style) -> Svg {
    match chart.kind {
        ChartKind::Line => lines::draw(chart, style),
        ChartKind::Bar => bars::draw(chart, style),
        ChartKind::StackedBar => columns::draw(chart, style, columns::Mode::Stacked),
        ChartKind::Pie => pie::draw(chart, style),
        ChartKind::HeatMap => heat_map::draw(chart, style),
        ChartKind::Waterfall => waterfall::draw(chart, style),
        ChartKind::Gauge => gauge::draw(chart, style),
    }
}

#[cfg(test)]
mod tests;
