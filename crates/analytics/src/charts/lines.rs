//! Lines over categories, which are usually days or hours.

use super::Style;
use super::axis::Axis;
use super::layout::{Frame, Legend};
use super::number::{exact, float};
use super::spec::Chart;
use super::svg::Svg;

/// Points are shown as dots when there are no more of them than this.
const DOTS: usize = 31;

pub(super) fn draw(chart: &Chart, style: Style) -> Svg {
    let mut frame = Frame::new(
        chart,
        style,
        Legend::Series,
        (style.width * 0.42).clamp(190.0, 340.0),
    );
    if chart.is_empty() {
        return frame.no_data(style.locale);
    }
    let values = chart
        .series
        .iter()
        .flat_map(|series| series.values.iter().flatten());
    let axis = Axis::new(values.map(|value| float(*value)), 5, false);
    frame.values(&axis, chart, style.locale);
    let count = chart.categories.len();
    let (left, width) = (frame.left + 8.0, frame.width() - 16.0);
    let place = move |index: usize| {
        let share = if count > 1 {
            f64::from(u32::try_from(index).unwrap_or(0)) / f64::from(u32::try_from(count - 1).unwrap_or(1))
        } else {
            0.5
        };
        left + share * width
    };
    for (number, series) in chart.series.iter().enumerate() {
        let colour = frame.colours.series(number);
        let points: Vec<Option<(f64, f64)>> = series
            .values
            .iter()
            .enumerate()
            .map(|(index, value)| Some((place(index), frame.y(&axis, float((*value)?)))))
            .collect();
        // A gap in the values is a gap in the line.
        for part in points.split(Option::is_none) {
            let part: Vec<(f64, f64)> = part.iter().flatten().copied().collect();
            if part.len() > 1 {
                frame.svg.polyline(&part, colour);
            }
        }
        for (index, at) in points.iter().enumerate() {
            let Some(at) = at else { continue };
            let alone = [index.checked_sub(1), Some(index + 1)]
                .iter()
                .flatten()
                .all(|&next| points.get(next).copied().flatten().is_none());
            let value = series.values[index].map(|value| exact(value, &chart.unit, style.locale));
            let title = format!(
                "{}, {}: {}",
                chart.categories[index],
                series.name,
                value.unwrap_or_default()
            );
            let dot = count <= DOTS || alone;
            frame
                .svg
                .dot(*at, if dot { 3.0 } else { 6.0 }, colour, dot, &title);
        }
    }
    frame.names(&chart.categories, place);
    frame.svg
}
