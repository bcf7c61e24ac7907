//! How changes lead from one sum to another.

use rust_decimal::Decimal;

use super::Style;
use super::axis::Axis;
use super::font::width;
use super::layout::{Frame, Legend, SMALL, ink};
use super::number::{compact, exact, float};
use super::spec::Chart;
use super::svg::{Anchor, Svg};

/// A step: from where to where, and whether it is a change or the sum so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    from: Decimal,
    to: Decimal,
    sum: bool,
}

fn steps(values: &[Option<Decimal>]) -> Vec<Step> {
    let mut sum = Decimal::ZERO;
    values
        .iter()
        .map(|value| match value {
            Some(change) => {
                let from = sum;
                sum += change;
                Step {
                    from,
                    to: sum,
                    sum: false,
                }
            }
            None => Step {
                from: Decimal::ZERO,
                to: sum,
                sum: true,
            },
        })
        .collect()
}

pub(super) fn draw(chart: &Chart, style: Style) -> Svg {
    let mut frame = Frame::new(
        chart,
        style,
        Legend::None,
        (style.width * 0.42).clamp(200.0, 340.0),
    );
    let Some(series) = chart.series.first().filter(|_| !chart.is_empty()) else {
        return frame.no_data(style.locale);
    };
    let steps = steps(&series.values);
    let axis = Axis::new(
        steps.iter().flat_map(|step| [float(step.from), float(step.to)]),
        5,
        true,
    );
    frame.values(&axis, chart, style.locale);
    let count = f64::from(u32::try_from(steps.len()).unwrap_or(u32::MAX));
    let (left, place) = (frame.left, frame.width() / count);
    let centre = move |index: usize| left + place * (f64::from(u32::try_from(index).unwrap_or(0)) + 0.5);
    let thick = (place * 0.66).min(90.0);
    let colours = frame.colours;
    for (index, step) in steps.iter().enumerate() {
        let change = step.to - step.from;
        let colour = match (step.sum, change.is_sign_negative()) {
            (true, _) => colours.total,
            (false, true) => colours.bad,
            (false, false) => colours.good,
        };
        let (from, to) = (frame.y(&axis, float(step.from)), frame.y(&axis, float(step.to)));
        let x = centre(index) - thick / 2.0;
        let title = format!(
            "{}: {}",
            chart.categories[index],
            exact(change, &chart.unit, style.locale)
        );
        frame.svg.rect(
            x,
            from.min(to),
            thick,
            (from - to).abs().max(1.0),
            colour,
            Some(&title),
        );
        if index + 1 < steps.len() {
            let next = centre(index + 1) - thick / 2.0;
            frame.svg.line((x + thick, to), (next, to), colours.muted, 1.0);
        }
        let text = compact(change, &chart.unit, style.locale);
        if width(&text, SMALL, false) <= place + 2.0 {
            let down = change.is_sign_negative();
            let y = if down {
                from.max(to) + 13.0
            } else {
                from.min(to) - 4.0
            };
            let y = y.clamp(frame.top + 4.0, frame.bottom - 3.0);
            frame
                .svg
                .text(centre(index), y, &text, ink(SMALL, colours.text, Anchor::Middle));
        }
    }
    frame.names(&chart.categories, centre);
    frame.svg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_the_changes() {
        let change = |value: i64| Some(Decimal::from(value));
        let steps = steps(&[change(100), change(-30), None, change(5), None]);
        let ends: Vec<(i64, i64, bool)> = steps
            .iter()
            .map(|step| {
                let whole = |value: Decimal| i64::try_from(value).unwrap();
                (whole(step.from), whole(step.to), step.sum)
            })
            .collect();
        assert_eq!(
            ends,
            [
                (0, 100, false),
                (100, 70, false),
                (0, 70, true),
                (70, 75, false),
                (0, 75, true)
            ]
        );
    }
}
