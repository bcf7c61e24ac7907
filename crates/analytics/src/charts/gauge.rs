//! One value on a scale.

use std::f64::consts::{FRAC_PI_2, PI};

use super::Style;
use super::layout::{Frame, LABEL, Legend, SMALL, ink};
use super::number::{compact, exact, float};
use super::spec::{Chart, Level};
use super::svg::{Anchor, Ink, Svg};

pub(super) fn draw(chart: &Chart, style: Style) -> Svg {
    let mut frame = Frame::new(
        chart,
        style,
        Legend::None,
        (style.width * 0.4).clamp(130.0, 210.0),
    );
    let value = chart
        .series
        .first()
        .and_then(|series| series.values.iter().rev().flatten().next().copied());
    let Some(value) = value else {
        return frame.no_data(style.locale);
    };
    let (low, high) = chart.scale();
    let share = |value| (float(value - low) / float(high - low)).clamp(0.0, 1.0);
    let angle = |value| -FRAC_PI_2 + share(value) * PI;
    let outer = (frame.width() / 2.0 - 40.0).min(frame.height() - 26.0).max(30.0);
    let inner = outer * 0.72;
    let centre = (f64::midpoint(frame.left, frame.right), frame.top + outer + 4.0);
    let colours = frame.colours;
    let of = |level| match level {
        Level::Good => colours.good,
        Level::Warning => colours.warning,
        Level::Bad => colours.bad,
    };
    frame
        .svg
        .sector(centre, (inner, outer), -FRAC_PI_2, FRAC_PI_2, colours.grid, None);
    let level = chart
        .thresholds
        .iter()
        .filter(|threshold| threshold.from <= value)
        .max_by_key(|threshold| threshold.from)
        .map(|threshold| threshold.level);
    let colour = level.map_or(colours.series(0), of);
    let title = format!("{}: {}", chart.title, exact(value, &chart.unit, style.locale));
    frame.svg.sector(
        centre,
        (inner, outer),
        -FRAC_PI_2,
        angle(value).max(-FRAC_PI_2 + 0.01),
        colour,
        Some(&title),
    );
    // Thresholds as a thin band outside.
    for (index, threshold) in chart.thresholds.iter().enumerate() {
        let end = chart.thresholds.get(index + 1).map_or(high, |next| next.from);
        if angle(end) > angle(threshold.from) {
            frame.svg.sector(
                centre,
                (outer + 3.0, outer + 7.0),
                angle(threshold.from),
                angle(end),
                of(threshold.level),
                None,
            );
        }
    }
    let big = Ink {
        size: (outer * 0.3).clamp(16.0, 30.0),
        bold: true,
        colour: colours.text,
        anchor: Anchor::Middle,
    };
    frame.svg.text(
        centre.0,
        centre.1 - 6.0,
        &compact(value, &chart.unit, style.locale),
        big,
    );
    let middle = f64::midpoint(inner, outer);
    for (value, side) in [(low, -1.0), (high, 1.0)] {
        frame.svg.text(
            centre.0 + side * middle,
            centre.1 + 16.0,
            &compact(value, &chart.unit, style.locale),
            ink(SMALL, colours.muted, Anchor::Middle),
        );
    }
    if let Some(name) = chart.series.first().map(|series| series.name.as_str())
        && name != chart.title
        && !name.is_empty()
    {
        frame.svg.text(
            centre.0,
            centre.1 + 16.0,
            name,
            ink(LABEL, colours.muted, Anchor::Middle),
        );
    }
    frame.svg
}
