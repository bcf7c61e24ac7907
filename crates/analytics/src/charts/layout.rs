//! What all charts have around them: title, legend, note; and the plot between two axes.

use common::{Locale, Text};

use super::axis::Axis;
use super::font::{fit, width, wrap};
use super::number::mark;
use super::spec::Chart;
use super::svg::{Anchor, Ink, Svg};
use super::theme::Colours;
use super::{Style, theme};

/// Sizes of texts, in pixels.
pub(super) const TITLE: f64 = 16.0;
pub(super) const LABEL: f64 = 13.0;
pub(super) const SMALL: f64 = 12.0;
const MARGIN: f64 = 14.0;

/// A picture with its title, legend and note, and the room that is left.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) svg: Svg,
    pub(super) colours: &'static Colours,
    pub(super) left: f64,
    pub(super) right: f64,
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// Whether a chart names its series above the plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legend {
    Series,
    None,
}

pub(super) const fn ink(size: f64, colour: &'static str, anchor: Anchor) -> Ink {
    Ink {
        size,
        bold: false,
        colour,
        anchor,
    }
}

impl Frame {
    /// `body` is the height of the plot when the style names none for the picture.
    pub(super) fn new(chart: &Chart, style: Style, legend: Legend, body: f64) -> Self {
        let colours = theme::Theme::colours(style.theme);
        let room = style.width - 2.0 * MARGIN;
        let title = wrap(&chart.title, TITLE, true, room, 2);
        let names: Vec<&str> = match legend {
            Legend::Series if chart.series.len() > 1 => {
                chart.series.iter().map(|series| series.name.as_str()).collect()
            }
            _ => Vec::new(),
        };
        let legend = legend_lines(&names, room);
        let note = chart
            .note
            .as_deref()
            .map(|note| wrap(note, SMALL, false, room, 2))
            .unwrap_or_default();
        let count = |lines: usize| f64::from(u32::try_from(lines).unwrap_or(0));
        let top = MARGIN + count(title.len()) * 20.0 + count(legend.len()) * 20.0 + 6.0;
        let below = MARGIN + count(note.len()) * 16.0;
        let height = style.height.unwrap_or(top + body + below).max(top + 60.0 + below);

        let mut svg = Svg::new(style.width, height, &chart.title, &describe(chart, style.locale));
        svg.rect(0.0, 0.0, style.width, height, colours.background, None);
        let mut y = MARGIN + TITLE - 3.0;
        for line in &title {
            let ink = Ink {
                size: TITLE,
                bold: true,
                colour: colours.text,
                anchor: Anchor::Start,
            };
            svg.text(MARGIN, y, line, ink);
            y += 20.0;
        }
        for line in &legend {
            for (x, index, name) in line {
                svg.rect(MARGIN + x, y - 10.0, 11.0, 11.0, colours.series(*index), None);
                svg.text(
                    MARGIN + x + 16.0,
                    y,
                    name,
                    ink(LABEL, colours.text, Anchor::Start),
                );
            }
            y += 20.0;
        }
        let mut y = height - below + 16.0;
        for line in &note {
            svg.text(MARGIN, y, line, ink(SMALL, colours.muted, Anchor::Start));
            y += 16.0;
        }
        Self {
            svg,
            colours,
            left: MARGIN,
            right: style.width - MARGIN,
            top,
            bottom: height - below,
        }
    }

    pub(super) fn width(&self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(&self) -> f64 {
        self.bottom - self.top
    }

    /// Says that there is nothing to be shown.
    pub(super) fn no_data(mut self, locale: Locale) -> Svg {
        let text = Text::new("Нет данных", "No data");
        let (x, y) = (
            f64::midpoint(self.left, self.right),
            f64::midpoint(self.top, self.bottom),
        );
        let ink = ink(LABEL, self.colours.muted, Anchor::Middle);
        self.svg.text(x, y, text.get(locale), ink);
        self.svg
    }

    /// Draws the axis of values at the left with lines across the plot, and makes room for the
    /// names of the categories below.
    pub(super) fn values(&mut self, axis: &Axis, chart: &Chart, locale: Locale) {
        self.bottom -= 22.0;
        // Labels stand above the highest bar.
        self.top += 16.0;
        let marks: Vec<(f64, String)> = axis
            .marks()
            .into_iter()
            .map(|value| (value, mark(value, &chart.unit, locale)))
            .collect();
        let widest = marks
            .iter()
            .map(|(_, text)| width(text, SMALL, false))
            .fold(0.0, f64::max);
        self.left += widest + 8.0;
        for (value, text) in marks {
            let y = self.y(axis, value);
            let colour = if value == 0.0 {
                self.colours.muted
            } else {
                self.colours.grid
            };
            self.svg.line((self.left, y), (self.right, y), colour, 1.0);
            let ink = ink(SMALL, self.colours.muted, Anchor::End);
            self.svg.text(self.left - 6.0, y + 4.0, &text, ink);
        }
    }

    /// Height of a value within the plot.
    pub(super) fn y(&self, axis: &Axis, value: f64) -> f64 {
        self.bottom - axis.share(value) * self.height()
    }

    /// Writes names below the plot, each in the middle of its place, as many as there is room for.
    /// `centre` gives the middle of a place.
    pub(super) fn names(&mut self, names: &[String], centre: impl Fn(usize) -> f64) {
        let widest = names
            .iter()
            .map(|name| width(name, SMALL, false))
            .fold(0.0, f64::max)
            .min(110.0);
        let apart = if names.len() > 1 {
            (centre(1) - centre(0)).abs()
        } else {
            self.width()
        };
        let mut every = 1_usize;
        while f64::from(u32::try_from(every).unwrap_or(u32::MAX)) * apart < widest + 10.0
            && every < names.len()
        {
            every += 1;
        }
        let room = (apart * f64::from(u32::try_from(every).unwrap_or(1)) - 4.0).max(24.0);
        let y = self.bottom + 16.0;
        for (index, name) in names.iter().enumerate().step_by(every) {
            let text = fit(name, SMALL, false, room.min(120.0));
            let half = width(&text, SMALL, false) / 2.0;
            // The first and the last name must not stick out of the picture.
            let edge = self.svg.width() - 2.0;
            let x = centre(index).max(half + 2.0).min(edge - half);
            self.svg
                .text(x, y, &text, ink(SMALL, self.colours.muted, Anchor::Middle));
        }
    }
}

/// Names with their place, in lines: distance from the left, number of the series, text.
fn legend_lines(names: &[&str], room: f64) -> Vec<Vec<(f64, usize, String)>> {
    let mut lines: Vec<Vec<(f64, usize, String)>> = Vec::new();
    let mut x = f64::INFINITY;
    for (index, name) in names.iter().enumerate() {
        let text = fit(name, LABEL, false, (room - 20.0).min(220.0));
        let wide = 16.0 + width(&text, LABEL, false) + 18.0;
        if x + wide - 18.0 > room {
            lines.push(Vec::new());
            x = 0.0;
        }
        if let Some(line) = lines.last_mut() {
            line.push((x, index, text));
        }
        x += wide;
    }
    lines
}

/// The chart in words, for those who cannot see it.
fn describe(chart: &Chart, locale: Locale) -> String {
    let names: Vec<&str> = chart.series.iter().map(|series| series.name.as_str()).collect();
    let span = match (chart.categories.first(), chart.categories.last()) {
        (Some(first), Some(last)) if first != last => format!("{first} — {last}"),
        (Some(only), _) => only.clone(),
        _ => String::new(),
    };
    Text::new(
        format!("Ряды: {}. {span}", names.join(", ")),
        format!("Series: {}. {span}", names.join(", ")),
    )
    .get(locale)
    .to_owned()
}
