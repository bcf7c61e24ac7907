//! Bars beside each other: standing, or lying when the names of the categories are long.

use super::Style;
use super::axis::Axis;
use super::columns::{self, Mode};
use super::font::{fit, width};
use super::layout::{Frame, LABEL, Legend, SMALL, ink};
use super::number::{compact, exact, float};
use super::spec::Chart;
use super::svg::{Anchor, Svg};

/// Lying bars are readable up to this many.
const MOST_LYING: usize = 40;

pub(super) fn draw(chart: &Chart, style: Style) -> Svg {
    let longest = chart
        .categories
        .iter()
        .map(|name| width(name, LABEL, false))
        .fold(0.0, f64::max);
    let count = f64::from(u32::try_from(chart.categories.len()).unwrap_or(u32::MAX));
    let place = (style.width - 90.0) / count.max(1.0);
    if longest > place && longest > 60.0 && chart.categories.len() <= MOST_LYING {
        lying(chart, style, longest)
    } else {
        columns::draw(chart, style, Mode::Beside)
    }
}

/// A row for each category: its name at the left, its value at the end of the bar.
fn lying(chart: &Chart, style: Style, longest: f64) -> Svg {
    let rows = f64::from(u32::try_from(chart.categories.len()).unwrap_or(u32::MAX));
    let bars = f64::from(u32::try_from(chart.series.len()).unwrap_or(u32::MAX));
    let mut frame = Frame::new(chart, style, Legend::Series, rows * (14.0 + bars * 14.0));
    if chart.is_empty() {
        return frame.no_data(style.locale);
    }
    let all = || {
        chart
            .series
            .iter()
            .flat_map(|series| series.values.iter().flatten())
    };
    let axis = Axis::new(all().map(|value| float(*value)), 4, true);
    // Where PT Sans is not installed, letters are somewhat wider.
    let names = (longest * 1.08).min(frame.width() * 0.42);
    let figures = all()
        .map(|value| width(&compact(*value, &chart.unit, style.locale), SMALL, false))
        .fold(0.0, f64::max);
    let negative = all().any(|value| value.is_sign_negative() && !value.is_zero());
    let left = frame.left + names + 10.0 + if negative { figures + 6.0 } else { 0.0 };
    let span = (frame.right - left - figures - 6.0).max(20.0);
    let zero = left + axis.share(0.0) * span;
    let step = frame.height() / rows;
    let thick = ((step - 6.0) / bars).clamp(2.0, 26.0);
    let colours = frame.colours;
    let (top, start) = (frame.top, frame.left);
    for (row, name) in chart.categories.iter().enumerate() {
        let middle = top + step * (f64::from(u32::try_from(row).unwrap_or(0)) + 0.5);
        let text = fit(name, LABEL, false, names / 1.08);
        frame.svg.text(
            start,
            middle + 4.0,
            &text,
            ink(LABEL, colours.text, Anchor::Start),
        );
        for (number, series) in chart.series.iter().enumerate() {
            let Some(value) = series.values[row] else { continue };
            let y = middle + thick * (f64::from(u32::try_from(number).unwrap_or(0)) - bars / 2.0);
            let end = left + axis.share(float(value)) * span;
            let below = value.is_sign_negative() && !value.is_zero();
            let colour = if below && chart.series.len() == 1 {
                colours.bad
            } else {
                colours.series(number)
            };
            let title = format!(
                "{name}, {}: {}",
                series.name,
                exact(value, &chart.unit, style.locale)
            );
            frame.svg.rect(
                zero.min(end),
                y,
                (end - zero).abs().max(1.0),
                thick - 2.0,
                colour,
                Some(&title),
            );
            if thick >= 11.0 {
                let text = compact(value, &chart.unit, style.locale);
                let (x, anchor) = if below {
                    (end - 5.0, Anchor::End)
                } else {
                    (end + 5.0, Anchor::Start)
                };
                frame
                    .svg
                    .text(x, y + thick / 2.0 + 3.0, &text, ink(SMALL, colours.muted, anchor));
            }
        }
    }
    frame
        .svg
        .line((zero, frame.top), (zero, frame.bottom), colours.muted, 1.0);
    frame.svg
}
