//! How fast a copy went, moment by moment: a line over time.

use super::bars::Picture;
use crate::report::{document::shape::Copy, quantity};
use shipgate_core::html::Html;

/// Fewer points than this make no line.
const LEAST: usize = 4;
const HEIGHT: u64 = 48;
const WIDTH: u64 = 1000;

/// A stretch between two points: its middle and its rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rate {
    at_ms: u64,
    bytes_per_second: u64,
}

fn rates(copy: &Copy) -> Vec<Rate> {
    let between = |pair: &[crate::report::document::series::Point]| {
        let [one, two] = pair else { return None };
        let passed = two.at_ms.saturating_sub(one.at_ms).max(1);
        let bytes = two.bytes_done.saturating_sub(one.bytes_done);
        Some(Rate { at_ms: one.at_ms + passed / 2, bytes_per_second: per_second(bytes, passed) })
    };
    copy.progress.points().windows(2).filter_map(between).collect()
}

/// Bytes in so many milliseconds, as bytes a second.
pub(super) fn per_second(bytes: u64, elapsed_ms: u64) -> u64 {
    u64::try_from(u128::from(bytes) * 1000 / u128::from(elapsed_ms.max(1))).unwrap_or(u64::MAX)
}

/// The line, where there are points enough.
pub(super) fn line(html: &mut Html, copy: &Copy, number: usize) {
    let rates = rates(copy);
    let most = rates.iter().map(|rate| rate.bytes_per_second).max().unwrap_or(0);
    let (Some(first), Some(last)) = (rates.first(), rates.last()) else { return };
    if rates.len() < LEAST || most == 0 {
        return;
    }
    let told = format!("at most {}/s", quantity::size(most));
    let path = path(&rates, first.at_ms, last.at_ms, most);
    html.element("figure", &[("class", "rates")], |html| {
        html.element("figcaption", &[], |html| {
            html.leaf("span", &[], "Rate over time");
            html.leaf("span", &[("class", "quiet")], &told);
        });
        let id = format!("rates-{number}");
        let description = format!("It went {told}.");
        let picture =
            Picture { id: &id, class: "line", height: 48, title: "Rate over time", description: &description };
        picture.draw(html, |html| curve(html, &path));
    });
}

fn curve(html: &mut Html, path: &str) {
    let all = format!("0 0 {WIDTH} {HEIGHT}");
    let stretched = [("viewBox", all.as_str()), ("preserveAspectRatio", "none"), ("width", "100%"), ("height", "100%")];
    html.element("svg", &stretched, |html| {
        html.leaf("path", &[("class", "under"), ("d", &format!("{path}V{HEIGHT}H0Z"))], "");
        html.leaf("path", &[("class", "curve"), ("d", path)], "");
    });
}

/// From left to right, the highest a little below the top.
fn path(rates: &[Rate], from: u64, to: u64, most: u64) -> String {
    let x = |rate: &Rate| scaled(rate.at_ms - from, (to - from).max(1), WIDTH);
    let y = |rate: &Rate| HEIGHT - scaled(rate.bytes_per_second, most, HEIGHT - 4);
    let points: Vec<String> = rates.iter().map(|rate| format!("{} {}", x(rate), y(rate))).collect();
    format!("M{}", points.join("L"))
}

fn scaled(part: u64, whole: u64, length: u64) -> u64 {
    u64::try_from(u128::from(part) * u128::from(length) / u128::from(whole)).unwrap_or(length)
}
