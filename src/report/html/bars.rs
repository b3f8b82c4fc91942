//! What is drawn: SVGs as wide as their place, with all that lies along time in percent of it and all else in pixels, so
//! that they fit a phone as they fit a desk. Pure.

use super::scale::{percent, ticks};
use shipgate_core::html::Html;

/// Below what is drawn: the ticks' labels.
pub(super) const AXIS_HEIGHT: u32 = 22;

/// A picture with its name and its description, for those who cannot see it.
pub(super) struct Picture<'a> {
    /// Unique on the page.
    pub(super) id: &'a str,
    pub(super) class: &'static str,
    pub(super) height: u32,
    pub(super) title: &'a str,
    pub(super) description: &'a str,
}

impl Picture<'_> {
    /// Draws it.
    pub(super) fn draw(&self, html: &mut Html, content: impl FnOnce(&mut Html)) {
        let (title, description) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        let named = format!("{title} {description}");
        let height = self.height.to_string();
        let attributes = [
            ("class", self.class),
            ("role", "img"),
            ("aria-labelledby", &named),
            ("width", "100%"),
            ("height", &height),
        ];
        html.element("svg", &attributes, |html| {
            html.leaf("title", &[("id", &title)], self.title);
            html.leaf("desc", &[("id", &description)], self.description);
            content(html);
        });
    }
}

/// A stretch of time in a picture.
pub(super) struct Bar {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) top: u32,
    pub(super) height: u32,
}

impl Bar {
    /// Draws it on an axis that ends at `end`. `hover` is what it says to a mouse. However short it is, it is seen.
    pub(super) fn draw(&self, html: &mut Html, class: &str, end: u64, hover: &str) {
        let least = end.div_ceil(400);
        let from = self.from.min(end.saturating_sub(least));
        let (x, width) = (percent(from, end), percent(self.to.saturating_sub(from).max(least), end));
        let (y, height) = (self.top.to_string(), self.height.to_string());
        let place = [("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height), ("rx", "2")];
        html.element("rect", &place, |html| {
            if !hover.is_empty() {
                html.leaf("title", &[], hover);
            }
        });
    }
}

/// The lines of the axis and, below `bottom`, its labels.
pub(super) fn axis(html: &mut Html, end_ms: u64, bottom: u32) {
    let (foot, base) = (bottom.to_string(), (bottom + 16).to_string());
    for tick in ticks(end_ms) {
        let x = percent(tick.at_ms, end_ms);
        let line = [("class", "grid"), ("x1", x.as_str()), ("x2", &x), ("y1", "0"), ("y2", &foot)];
        html.leaf("line", &line, "");
        let class = if tick.at_ms == 0 { "tick first" } else { "tick" };
        html.leaf("text", &[("class", class), ("x", &x), ("y", &base)], &tick.label);
    }
}

/// A place on the axis for what is drawn in pixels around it.
pub(super) fn spot(html: &mut Html, at: u64, end: u64, y: u32, content: impl FnOnce(&mut Html)) {
    let (x, y) = (percent(at, end), y.to_string());
    html.element("svg", &[("class", "spot"), ("x", &x), ("y", &y)], content);
}

/// Stripes for what failed: it is told by more than its colour.
pub(super) fn stripes(html: &mut Html) {
    html.literal(
        "<defs><pattern id=\"stripes\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><rect class=\"ground\" width=\"6\" height=\"6\"></rect>\
         <rect class=\"stripe\" width=\"2\" height=\"6\"></rect></pattern></defs>",
    );
}
