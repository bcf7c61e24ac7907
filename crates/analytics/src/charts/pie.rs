//! Parts of a whole, as a ring with a list beside it, or below it on a phone.

use std::f64::consts::TAU;

use common::Text;
use rust_decimal::Decimal;

use super::Style;
use super::font::{fit, width};
use super::layout::{Frame, LABEL, Legend, TITLE, ink};
use super::number::{Unit, compact, exact, float};
use super::spec::Chart;
use super::svg::{Anchor, Ink, Svg};

/// Parts that are shown; the smallest ones are one together.
const MOST: usize = 8;

/// The parts from the largest to the smallest, what is left over last.
fn parts(chart: &Chart, style: Style) -> Vec<(String, Decimal)> {
    let Some(series) = chart.series.first() else {
        return Vec::new();
    };
    let mut parts: Vec<(String, Decimal)> = chart
        .categories
        .iter()
        .zip(&series.values)
        .filter_map(|(name, value)| Some((name.clone(), (*value)?)))
        .filter(|(_, value)| !value.is_zero())
        .collect();
    parts.sort_by_key(|(_, value)| std::cmp::Reverse(*value));
    if parts.len() > MOST {
        let rest: Decimal = parts.drain(MOST - 1..).map(|(_, value)| value).sum();
        let name = Text::new("Прочее", "Other");
        parts.push((name.get(style.locale).to_owned(), rest));
    }
    parts
}

pub(super) fn draw(chart: &Chart, style: Style) -> Svg {
    let parts = parts(chart, style);
    let total: Decimal = parts.iter().map(|(_, value)| *value).sum();
    let lines = f64::from(u32::try_from(parts.len()).unwrap_or(0)) * 22.0;
    let narrow = style.width < 480.0;
    let body = if narrow {
        200.0 + lines + 10.0
    } else {
        lines.max(210.0)
    };
    let mut frame = Frame::new(chart, style, Legend::None, body);
    if total.is_zero() {
        return frame.no_data(style.locale);
    }
    let ring = if narrow {
        (frame.height() - lines - 10.0).clamp(60.0, 200.0)
    } else {
        frame.height().min(260.0)
    };
    let outer = ring / 2.0 - 4.0;
    let centre = if narrow {
        (f64::midpoint(frame.left, frame.right), frame.top + ring / 2.0)
    } else {
        (frame.left + ring / 2.0, f64::midpoint(frame.top, frame.bottom))
    };
    let (mut x, mut y) = if narrow {
        (frame.left, frame.top + ring + 22.0)
    } else {
        (frame.left + ring + 18.0, centre.1 - lines / 2.0 + 15.0)
    };
    x = x.round();
    let colours = frame.colours;
    let mut angle = 0.0;
    for (number, (name, value)) in parts.iter().enumerate() {
        let share = *value / total;
        let percent = compact(
            (share * Decimal::ONE_HUNDRED).round_dp(1),
            &Unit::new("%"),
            style.locale,
        );
        let title = format!("{name}: {} ({percent})", exact(*value, &chart.unit, style.locale));
        let end = angle + float(share) * TAU;
        let colour = colours.series(number);
        frame
            .svg
            .sector(centre, (outer * 0.6, outer), angle, end, colour, Some(&title));
        // A thin line between neighbours.
        if parts.len() > 1 {
            let at = |radius: f64| (centre.0 + radius * end.sin(), centre.1 - radius * end.cos());
            frame
                .svg
                .line(at(outer * 0.6), at(outer), colours.background, 1.5);
        }
        angle = end;
        let figure = format!("{} · {percent}", compact(*value, &chart.unit, style.locale));
        // Where PT Sans is not installed, letters are somewhat wider.
        let room = (frame.right - x - 22.0 - width(&figure, LABEL, false) * 1.08 - 10.0) / 1.08;
        frame.svg.rect(x, y - 10.0, 11.0, 11.0, colour, None);
        let name = fit(name, LABEL, false, room);
        frame
            .svg
            .text(x + 17.0, y, &name, ink(LABEL, colours.text, Anchor::Start));
        frame
            .svg
            .text(frame.right, y, &figure, ink(LABEL, colours.muted, Anchor::End));
        y += 22.0;
    }
    let whole = compact(total, &chart.unit, style.locale);
    let size = if width(&whole, TITLE, true) > outer * 1.1 {
        LABEL
    } else {
        TITLE
    };
    let ink = Ink {
        size,
        bold: true,
        colour: colours.text,
        anchor: Anchor::Middle,
    };
    frame.svg.text(centre.0, centre.1 + size / 3.0, &whole, ink);
    frame.svg
}
