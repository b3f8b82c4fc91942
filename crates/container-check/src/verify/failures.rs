//! The failed probes of a check, as readers see them: equal ones in a row are one line.

use super::judge::{ProbeRecord, seconds};
use shipgate_core::health::HealthCheck;

/// The most lines: an application that changes its answer all the time is not described by more of them.
const MOST_LINES: usize = 10;

/// What each failed probe saw, with its time, oldest first. Empty where all of them saw the same: the verdict says that.
pub(super) fn different_failures(records: &[ProbeRecord], check: &HealthCheck) -> Vec<String> {
    let mut groups: Vec<(String, Vec<&ProbeRecord>)> = Vec::new();
    let mut has_passed = false;
    for record in records {
        let detail = record.seen.describe(check);
        match groups.last_mut().filter(|(known, _)| *known == detail && !has_passed) {
            _ if record.seen.passes() => has_passed = true,
            Some((_, group)) => group.push(record),
            None => {
                groups.push((detail, vec![record]));
                has_passed = false;
            }
        }
    }
    if groups.iter().all(|(detail, _)| groups.first().is_some_and(|(first, _)| first == detail)) {
        return Vec::new();
    }
    let left_out = groups.len().saturating_sub(MOST_LINES);
    groups[left_out..].iter().map(|(detail, group)| line(detail, group)).collect()
}

fn line(detail: &str, group: &[&ProbeRecord]) -> String {
    let numbers = match group {
        [only] => format!("probe {}", only.number),
        [first, .., last] => format!("probes {} to {}", first.number, last.number),
        [] => String::new(),
    };
    let times: Vec<String> = group.iter().map(|record| seconds(record.at)).collect();
    format!("{numbers} failed: {detail} (after {})", times.join(", "))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{HealthCheck, ProbeRecord, different_failures};
    use crate::verify::probe::Seen;

    #[test]
    fn equal_failures_in_a_row_are_one_line_with_times() {
        let lines = |seen: &[Seen]| {
            let records: Vec<ProbeRecord> = (1..)
                .zip(seen)
                .map(|(number, seen)| ProbeRecord {
                    number,
                    seen: seen.clone(),
                    at: Duration::from_secs(u64::from(number)),
                })
                .collect();
            different_failures(&records, &HealthCheck { path: "/up".to_owned(), ..HealthCheck::default() })
        };
        let (refused, missing, well) = (Seen::Refused, Seen::answered(404), Seen::answered(200));
        assert_eq!(
            lines(&[refused.clone(), refused.clone(), missing.clone()]),
            [
                "probes 1 to 2 failed: connection refused (after 1.0 s, 2.0 s)",
                "probe 3 failed: GET /up answered 404 (after 3.0 s)"
            ]
        );
        assert_eq!(
            lines(&[missing.clone(), well.clone(), missing.clone(), refused.clone()]),
            [
                "probe 1 failed: GET /up answered 404 (after 1.0 s)",
                "probe 3 failed: GET /up answered 404 (after 3.0 s)",
                "probe 4 failed: connection refused (after 4.0 s)",
            ]
        );
        assert!(lines(&[missing.clone(), well, missing.clone()]).is_empty() && lines(&[]).is_empty());
        let turns: Vec<Seen> =
            (0..40).map(|turn| if turn % 2 == 0 { refused.clone() } else { missing.clone() }).collect();
        assert_eq!(lines(&turns).len(), 10);
    }
}
