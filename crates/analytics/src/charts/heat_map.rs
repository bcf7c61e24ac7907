//! Cells whose colour is their value: hours of the week, customers by months.

use super::Style;
use super::font::{fit, width};
use super::layout::{Frame, LABEL, Legend, SMALL, ink};
use super::number::{compact, exact, float};
use super::spec::Chart;
use super::svg::{Anchor, Svg};

pub(super) fn draw(chart: &Chart, style: Style) -> Svg {
    let rows = f64::from(u32::try_from(chart.series.len()).unwrap_or(1));
    let mut frame = Frame::new(chart, style, Legend::None, rows * 26.0 + 48.0);
    if chart.is_empty() {
        return frame.no_data(style.locale);
    }
    let values = || {
        chart
            .series
            .iter()
            .flat_map(|series| series.values.iter().flatten())
    };
    let low = values().min().copied().unwrap_or_default();
    let high = values().max().copied().unwrap_or_default();
    let low = if low.is_sign_positive() {
        rust_decimal::Decimal::ZERO
    } else {
        low
    };
    let span = float(high - low);
    let share = |value| {
        if span > 0.0 {
            float(value - low) / span
        } else {
            0.5
        }
    };
    let names = chart
        .series
        .iter()
        .map(|series| width(&series.name, LABEL, false))
        .fold(0.0, f64::max)
        .min(frame.width() * 0.35);
    let start = frame.left;
    frame.left += names + 8.0;
    frame.bottom -= 46.0;
    let columns = f64::from(u32::try_from(chart.categories.len()).unwrap_or(1));
    let (wide, high_cell) = (frame.width() / columns, frame.height() / rows);
    let gap = if wide > 6.0 { 1.0 } else { 0.0 };
    let colours = frame.colours;
    for (row, series) in chart.series.iter().enumerate() {
        let y = frame.top + high_cell * f64::from(u32::try_from(row).unwrap_or(0));
        let name = fit(&series.name, LABEL, false, names);
        frame.svg.text(
            start,
            y + high_cell / 2.0 + 4.0,
            &name,
            ink(LABEL, colours.text, Anchor::Start),
        );
        for (column, value) in series.values.iter().enumerate() {
            let x = frame.left + wide * f64::from(u32::try_from(column).unwrap_or(0));
            let Some(value) = value else {
                frame
                    .svg
                    .rect(x, y, wide - gap, high_cell - 1.0, colours.grid, None);
                continue;
            };
            let (red, green, blue) = colours.heat(share(*value));
            let fill = format!("#{red:02x}{green:02x}{blue:02x}");
            let title = format!(
                "{}, {}: {}",
                series.name,
                chart.categories[column],
                exact(*value, &chart.unit, style.locale)
            );
            frame
                .svg
                .rect(x, y, wide - gap, high_cell - 1.0, &fill, Some(&title));
            let text = compact(*value, &super::Unit::default(), style.locale);
            if !value.is_zero() && width(&text, SMALL, false) < wide - 4.0 && high_cell > 14.0 {
                // Black or white, whichever can be read on the cell.
                let bright = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
                let colour = if bright > 140.0 { "#10151c" } else { "#ffffff" };
                frame.svg.text(
                    x + wide / 2.0,
                    y + high_cell / 2.0 + 4.0,
                    &text,
                    ink(SMALL, colour, Anchor::Middle),
                );
            }
        }
    }
    let left = frame.left;
    frame.names(&chart.categories, move |index| {
        left + wide * (f64::from(u32::try_from(index).unwrap_or(0)) + 0.5)
    });
    // The scale.
    let y = frame.bottom + 28.0;
    let ends = [
        compact(low, &chart.unit, style.locale),
        compact(high, &chart.unit, style.locale),
    ];
    let mut x = frame.left;
    frame
        .svg
        .text(x, y + 10.0, &ends[0], ink(SMALL, colours.muted, Anchor::Start));
    x += width(&ends[0], SMALL, false) + 6.0;
    for step in 0..12_u32 {
        let (red, green, blue) = colours.heat(f64::from(step) / 11.0);
        let fill = format!("#{red:02x}{green:02x}{blue:02x}");
        frame.svg.rect(x, y, 9.0, 11.0, &fill, None);
        x += 9.0;
    }
    frame.svg.text(
        x + 6.0,
        y + 10.0,
        &ends[1],
        ink(SMALL, colours.muted, Anchor::Start),
    );
    frame.svg
}
