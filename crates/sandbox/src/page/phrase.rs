//! Times, durations and sizes as the page writes them. All times are UTC.

use jiff::Timestamp;

/// `06:57:52` of a moment today, `2026-11-22` of any other.
pub(super) fn clock(at: Timestamp, now: Timestamp) -> String {
    let day = |moment: Timestamp| moment.strftime("%Y-%m-%d").to_string();
    if day(at) == day(now) { at.strftime("%H:%M:%S").to_string() } else { day(at) }
}

/// `06:57:52.123`, for log lines.
pub(super) fn clock_milliseconds(at: Timestamp) -> String {
    at.strftime("%H:%M:%S%.3f").to_string()
}

/// The moment, `milliseconds` after the beginning of 1970.
pub(super) fn moment(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What something took: `0.3 s`, `12.3 s`, `3 m 05 s`.
pub(super) fn took(from: Timestamp, to: Timestamp) -> String {
    let tenths = (to.as_millisecond() - from.as_millisecond()).max(0) / 100;
    if tenths < 600 { format!("{}.{} s", tenths / 10, tenths % 10) } else { minutes(tenths / 10) }
}

/// What something that goes on has taken so far: whole seconds, so that it changes once a second.
pub(super) fn taken_so_far(from: Timestamp, now: Timestamp) -> String {
    let seconds = (now.as_second() - from.as_second()).max(0);
    if seconds < 60 { format!("{seconds} s") } else { minutes(seconds) }
}

fn minutes(seconds: i64) -> String {
    if seconds < 3600 {
        format!("{} m {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60)
    }
}

/// `17.2 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// The first twelve digits of a digest, as everybody writes it; anything else stays as it is.
pub(super) fn short_digest(digest: &str) -> &str {
    digest.strip_prefix("sha256:").and_then(|hex| hex.get(..12)).unwrap_or(digest)
}

/// `START_DEPLOYMENT` in words: `start deployment`.
pub(super) fn words(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::{clock, clock_milliseconds, moment, short_digest, size, taken_so_far, took};

    #[test]
    fn how_long() {
        let at = |ms: i64| moment(ms);
        for (ms, text, so_far) in [
            (0, "0.0 s", "0 s"),
            (999, "0.9 s", "0 s"),
            (12_340, "12.3 s", "12 s"),
            (185_000, "3 m 05 s", "3 m 05 s"),
            (7_260_000, "2 h 01 m", "2 h 01 m"),
            (-5, "0.0 s", "0 s"),
        ] {
            assert_eq!((took(at(0), at(ms)), taken_so_far(at(0), at(ms))), (text.to_owned(), so_far.to_owned()));
        }
        assert_eq!(clock_milliseconds(at(3_723_004)), "01:02:03.004");
        assert_eq!(clock(at(3_723_004), at(86_399_999)), "01:02:03");
        assert_eq!(clock(at(3_723_004), at(86_400_000)), "1970-01-01");
    }

    #[test]
    fn how_large() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (18_140_366, "17.3 MiB"), (1 << 40, "1.0 TiB")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn which_digest() {
        let digest = format!("sha256:{}", "0af99dfc9167".repeat(6));
        assert_eq!(short_digest(&digest), "0af99dfc9167");
        assert_eq!(short_digest("nonsense"), "nonsense");
    }
}
