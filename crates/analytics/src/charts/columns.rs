//! Standing bars, beside or on top of each other.

use rust_decimal::Decimal;

use super::Style;
use super::axis::Axis;
use super::font::width;
use super::layout::{Frame, Legend, SMALL, ink};
use super::number::{compact, exact, float};
use super::spec::Chart;
use super::svg::{Anchor, Svg};

/// How bars of one category stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Beside,
    Stacked,
}

/// One bar: its series, its ends, and the value that it stands for.
struct Bar {
    series: usize,
    from: Decimal,
    to: Decimal,
    value: Decimal,
}

/// The bars of one category.
fn stack(chart: &Chart, category: usize, mode: Mode) -> Vec<Bar> {
    let (mut up, mut down) = (Decimal::ZERO, Decimal::ZERO);
    let mut bars = Vec::new();
    for (series, values) in chart.series.iter().enumerate() {
        let Some(value) = values.values[category] else {
            continue;
        };
        let from = match mode {
            Mode::Beside => Decimal::ZERO,
            Mode::Stacked if value.is_sign_negative() => {
                down += value;
                down - value
            }
            Mode::Stacked => {
                up += value;
                up - value
            }
        };
        bars.push(Bar {
            series,
            from,
            to: from + value,
            value,
        });
    }
    bars
}

pub(super) fn draw(chart: &Chart, style: Style, mode: Mode) -> Svg {
    let mut frame = Frame::new(
        chart,
        style,
        Legend::Series,
        (style.width * 0.42).clamp(190.0, 340.0),
    );
    if chart.is_empty() {
        return frame.no_data(style.locale);
    }
    let stacks: Vec<Vec<Bar>> = (0..chart.categories.len())
        .map(|category| stack(chart, category, mode))
        .collect();
    let ends = stacks.iter().flatten().flat_map(|bar| [bar.from, bar.to]);
    let axis = Axis::new(ends.map(float), 5, true);
    frame.values(&axis, chart, style.locale);
    let count = f64::from(u32::try_from(stacks.len()).unwrap_or(u32::MAX));
    let (left, place) = (frame.left, frame.width() / count);
    let centre = move |index: usize| left + place * (f64::from(u32::try_from(index).unwrap_or(0)) + 0.5);
    let beside = match mode {
        Mode::Beside => f64::from(u32::try_from(chart.series.len()).unwrap_or(1)),
        Mode::Stacked => 1.0,
    };
    let group = (place * 0.78).min(90.0 * beside);
    let thick = group / beside;
    let colours = frame.colours;
    // All have a label or none: single ones would look like something special.
    let labelled = stacks.iter().all(|bars| {
        let sum: Decimal = bars.iter().map(|bar| bar.value).sum();
        width(&compact(sum, &chart.unit, style.locale), SMALL, false) <= place - 4.0
    });
    for (category, bars) in stacks.iter().enumerate() {
        for bar in bars {
            let number = match mode {
                Mode::Beside => f64::from(u32::try_from(bar.series).unwrap_or(0)),
                Mode::Stacked => 0.0,
            };
            let x = centre(category) - group / 2.0 + thick * number;
            let (from, to) = (frame.y(&axis, float(bar.from)), frame.y(&axis, float(bar.to)));
            let below = bar.value.is_sign_negative() && !bar.value.is_zero();
            let colour = if below && chart.series.len() == 1 {
                colours.bad
            } else {
                colours.series(bar.series)
            };
            let title = format!(
                "{}, {}: {}",
                chart.categories[category],
                chart.series[bar.series].name,
                exact(bar.value, &chart.unit, style.locale)
            );
            let gap = if thick > 4.0 { 1.0 } else { 0.0 };
            frame.svg.rect(
                x,
                from.min(to),
                (thick - gap).max(0.8),
                (to - from).abs(),
                colour,
                Some(&title),
            );
        }
        if labelled {
            label(&mut frame, chart, style, mode, bars, &axis, centre(category));
        }
    }
    frame.names(&chart.categories, centre);
    frame.svg
}

/// The value, or the sum of a stack, above its bar.
fn label(frame: &mut Frame, chart: &Chart, style: Style, mode: Mode, bars: &[Bar], axis: &Axis, centre: f64) {
    let single = chart.series.len() == 1;
    if !(single || mode == Mode::Stacked) || bars.is_empty() {
        return;
    }
    let negative = bars
        .iter()
        .any(|bar| bar.value.is_sign_negative() && !bar.value.is_zero());
    if negative && !single {
        // A sum of what goes up and down belongs to neither end.
        return;
    }
    let sum: Decimal = bars.iter().map(|bar| bar.value).sum();
    let text = compact(sum, &chart.unit, style.locale);
    let end = frame.y(axis, float(sum));
    let y = if negative { end + 13.0 } else { end - 4.0 };
    let ink = ink(SMALL, frame.colours.text, Anchor::Middle);
    frame.svg.text(centre, y.max(frame.top + 4.0), &text, ink);
}
