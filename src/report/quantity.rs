//! Times and sizes as people read them.

use std::time::Duration;

use shipgate_core::event::milliseconds;

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// `0.4 s`, `12.0 s`, `3 m 05 s`, `1 h 03 m`.
pub(super) fn duration(elapsed_ms: u64) -> String {
    let tenths = elapsed_ms.saturating_add(50) / 100;
    if tenths < 600 { format!("{}.{} s", tenths / 10, tenths % 10) } else { long(tenths / 10) }
}

/// `12 s`, `3 m 05 s`: for times that are estimates or seconds anyway.
pub(super) fn seconds(duration: Duration) -> String {
    let seconds = milliseconds(duration).saturating_add(500) / 1000;
    if seconds < 60 { format!("{seconds} s") } else { long(seconds) }
}

fn long(seconds: u64) -> String {
    let (minutes, rest) = (seconds / 60, seconds % 60);
    if minutes < 60 { format!("{minutes} m {rest:02} s") } else { format!("{} h {:02} m", minutes / 60, minutes % 60) }
}

/// `512 B`, `12.3 MiB`: powers of 1024, one decimal.
pub(super) fn size(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 1;
    while unit + 1 < UNITS.len() && tenths_of(bytes, unit) >= 10240 {
        unit += 1;
    }
    let tenths = tenths_of(bytes, unit);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

fn tenths_of(bytes: u64, unit: usize) -> u128 {
    let whole = 1u128 << (10 * unit);
    (u128::from(bytes) * 10 + whole / 2) / whole
}

/// One thing, two things.
pub(super) fn count(number: u64, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{count, duration, seconds, size};

    #[test]
    fn durations() {
        let table = [
            (0, "0.0 s"),
            (49, "0.0 s"),
            (1_234, "1.2 s"),
            (59_949, "59.9 s"),
            (59_950, "1 m 00 s"),
            (185_000, "3 m 05 s"),
            (3_599_999, "1 h 00 m"),
            (3_780_000, "1 h 03 m"),
        ];
        for (elapsed_ms, text) in table {
            assert_eq!(duration(elapsed_ms), text, "{elapsed_ms}");
        }
        assert!(duration(u64::MAX).ends_with(" m"));
    }

    #[test]
    fn whole_seconds() {
        assert_eq!(seconds(Duration::from_millis(6_400)), "6 s");
        assert_eq!(seconds(Duration::from_millis(59_500)), "1 m 00 s");
    }

    #[test]
    fn sizes() {
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (12_897_485, "12.3 MiB"),
            (1_048_575, "1.0 MiB"),
            (5 << 40, "5.0 TiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text, "{bytes}");
        }
        assert!(size(u64::MAX).ends_with(" TiB"));
    }

    #[test]
    fn counts() {
        assert_eq!((count(1, "blob"), count(0, "blob")), ("1 blob".to_owned(), "0 blobs".to_owned()));
    }
}
