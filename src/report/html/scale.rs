//! From moments to places on an axis. Pure.

/// Steps between ticks, in milliseconds: those that people count in.
const STEPS: &[u64] = &[
    100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000,
    3_600_000, 7_200_000, 14_400_000, 43_200_000, 86_400_000,
];
/// More ticks than this do not fit on a phone.
const MAX_TICKS: u64 = 4;

/// A part of a whole, for an SVG's attribute: `12.34%`. Never more than the whole; of nothing, nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part.min(whole)) * 10_000 / u128::from(whole.max(1));
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// A tick of an axis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Tick {
    pub(super) at_ms: u64,
    pub(super) label: String,
}

/// The ticks of an axis from 0 to this moment. The last is left out where its label would not fit.
pub(super) fn ticks(end_ms: u64) -> Vec<Tick> {
    let step = STEPS.iter().copied().find(|step| end_ms / step <= MAX_TICKS).unwrap_or(end_ms.max(1));
    let moments = (0..).map(|number| number * step).take_while(|at| at * 100 <= end_ms * 94);
    moments.map(|at_ms| Tick { at_ms, label: label(at_ms, step) }).collect()
}

fn label(at_ms: u64, step: u64) -> String {
    let (seconds, minutes) = (at_ms / 1000, at_ms / 60_000);
    match at_ms {
        0 => "0".to_owned(),
        _ if step < 1_000 => format!("{seconds}.{} s", at_ms % 1000 / 100),
        1..60_000 => format!("{seconds} s"),
        60_000..3_600_000 if seconds % 60 == 0 => format!("{minutes} m"),
        60_000..3_600_000 => format!("{minutes}:{:02} m", seconds % 60),
        _ if minutes % 60 == 0 => format!("{} h", minutes / 60),
        _ => format!("{}:{:02} h", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_TICKS, percent, ticks};

    #[test]
    fn parts_of_a_whole() {
        let table = [
            (0, 10, "0.00%"),
            (1, 3, "33.33%"),
            (10, 10, "100.00%"),
            (11, 10, "100.00%"),
            (5, 0, "0.00%"),
            (u64::MAX, u64::MAX, "100.00%"),
        ];
        for (part, whole, expected) in table {
            assert_eq!(percent(part, whole), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn ticks_are_where_people_look_for_them() {
        let table: [(u64, &[&str]); 8] = [
            (0, &["0"]),
            (430, &["0", "0.1 s", "0.2 s", "0.3 s", "0.4 s"]),
            (6_000, &["0", "2 s", "4 s"]),
            (44_000, &["0", "10 s", "20 s", "30 s", "40 s"]),
            (70_000, &["0", "15 s", "30 s", "45 s", "1 m"]),
            (185_000, &["0", "1 m", "2 m"]),
            (5_000_000, &["0", "30 m", "1 h"]),
            (6_600_000, &["0", "30 m", "1 h", "1:30 h"]),
        ];
        for (end, expected) in table {
            let labels: Vec<String> = ticks(end).into_iter().map(|tick| tick.label).collect();
            assert_eq!(labels, expected, "{end}");
        }
        for end in (0..45).map(|power| 1_u64 << power) {
            assert!(ticks(end).len() as u64 <= MAX_TICKS + 1, "{end}: {:?}", ticks(end));
        }
    }
}
