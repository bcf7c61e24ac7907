//! Writing SVG: presentation attributes only, so that a strict content security policy shows it.

use std::fmt::Write as _;

use super::font;

/// A picture under construction.
#[derive(Debug, Clone)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    label: String,
    description: String,
    body: String,
}

/// Where a text stands to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How a text is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) colour: &'static str,
    pub(super) anchor: Anchor,
}

/// Text for XML: characters that XML does not allow are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            other if other.is_control() || matches!(other, '\u{FFFE}' | '\u{FFFF}') => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// A coordinate with one decimal.
fn point(value: f64) -> String {
    let mut text = format!("{value:.1}");
    if text.ends_with(".0") {
        text.truncate(text.len() - 2);
    }
    if text == "-0" { "0".to_owned() } else { text }
}

impl Svg {
    /// An empty picture; `label` and `description` are for those who hear it.
    pub(super) fn new(width: f64, height: f64, label: &str, description: &str) -> Self {
        Self {
            width,
            height,
            label: label.to_owned(),
            description: description.to_owned(),
            body: String::new(),
        }
    }

    pub(super) const fn width(&self) -> f64 {
        self.width
    }

    pub(crate) const fn height(&self) -> f64 {
        self.height
    }

    /// The size in whole pixels.
    pub(super) fn size(&self) -> (u32, u32) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "widths and heights are bounded; `as` saturates"
        )]
        let whole = |value: f64| value.ceil() as u32;
        (whole(self.width), whole(self.height))
    }

    pub(super) fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str, title: Option<&str>) {
        let (x, y, width, height) = (point(x), point(y), point(width.max(0.0)), point(height.max(0.0)));
        self.mark(
            &format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\""),
            "rect",
            title,
        );
    }

    /// A rectangle with round corners.
    pub(super) fn card(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str, edge: &str) {
        let (x, y, width, height) = (point(x), point(y), point(width.max(0.0)), point(height.max(0.0)));
        let _ = writeln!(
            self.body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{fill}\" stroke=\"{edge}\"/>"
        );
    }

    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        let (x1, y1, x2, y2) = (point(from.0), point(from.1), point(to.0), point(to.1));
        let _ = writeln!(
            self.body,
            "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"{colour}\" stroke-width=\"{}\"/>",
            point(width)
        );
    }

    /// A line through points.
    pub(super) fn polyline(&mut self, points: &[(f64, f64)], colour: &str) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", point(*x), point(*y)))
            .collect();
        let _ = writeln!(
            self.body,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>",
            points.join(" ")
        );
    }

    /// A dot. An invisible one only carries its title.
    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, fill: &str, visible: bool, title: &str) {
        let opacity = if visible { "" } else { " fill-opacity=\"0\"" };
        self.mark(
            &format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{fill}\"{opacity}",
                point(at.0),
                point(at.1),
                point(radius)
            ),
            "circle",
            Some(title),
        );
    }

    /// A sector of a ring around `centre`; angles in radians, clockwise from the top.
    pub(super) fn sector(
        &mut self,
        centre: (f64, f64),
        radii: (f64, f64),
        from: f64,
        to: f64,
        fill: &str,
        title: Option<&str>,
    ) {
        // A full circle has no end apart from its beginning, so it is drawn in halves.
        if to - from >= std::f64::consts::TAU - 1e-6 {
            let half = from + std::f64::consts::PI;
            self.sector(centre, radii, from, half, fill, title);
            self.sector(
                centre,
                radii,
                half,
                from + std::f64::consts::TAU - 1e-4,
                fill,
                title,
            );
            return;
        }
        let at = |radius: f64, angle: f64| {
            format!(
                "{:.2} {:.2}",
                centre.0 + radius * angle.sin(),
                centre.1 - radius * angle.cos()
            )
        };
        let large = u8::from(to - from > std::f64::consts::PI);
        let (inner, outer) = radii;
        let path = format!(
            "<path d=\"M{} A{outer:.1} {outer:.1} 0 {large} 1 {} L{} A{inner:.1} {inner:.1} 0 {large} 0 {} Z\" fill=\"{fill}\"",
            at(outer, from),
            at(outer, to),
            at(inner, to),
            at(inner, from),
        );
        self.mark(&path, "path", title);
    }

    fn mark(&mut self, opening: &str, element: &str, title: Option<&str>) {
        match title {
            Some(title) => {
                let _ = writeln!(
                    self.body,
                    "{opening}><title>{}</title></{element}>",
                    escape(title)
                );
            }
            None => {
                let _ = writeln!(self.body, "{opening}/>");
            }
        }
    }

    /// A text whose line stands at `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, ink: Ink) {
        let anchor = match ink.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let weight = if ink.bold { " font-weight=\"700\"" } else { "" };
        let _ = writeln!(
            self.body,
            "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{weight}{anchor}>{}</text>",
            point(x),
            point(y),
            point(ink.size),
            ink.colour,
            escape(text)
        );
    }

    /// Another picture within this one.
    pub(super) fn nest(&mut self, x: f64, y: f64, other: &Self) {
        let _ = writeln!(
            self.body,
            "<svg x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\">\n{}</svg>",
            point(x),
            point(y),
            point(other.width),
            point(other.height),
            point(other.width),
            point(other.height),
            other.body
        );
    }

    /// The document.
    pub(crate) fn finish(&self) -> String {
        let (width, height) = (point(self.width), point(self.height));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             role=\"img\" aria-label=\"{}\" font-family=\"'{}', 'Segoe UI', Arial, sans-serif\">\n<desc>{}</desc>\n{}</svg>\n",
            escape(&self.label),
            font::FAMILY,
            escape(&self.description),
            self.body
        )
    }
}
