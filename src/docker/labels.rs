//! The labels that say whose a container is and until when, so that what a killed run left can be told from what a
//! running one uses.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

/// The run a container belongs to.
pub const RUN: &str = "shipgate.run";

/// When nobody can be using it any more: Unix seconds.
pub const EXPIRES: &str = "shipgate.expires";

/// The labels of a run's container that is of no use after `lifetime`.
#[must_use]
pub fn labels(run_id: &str, now: Timestamp, lifetime: Duration) -> HashMap<String, String> {
    let lifetime_seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let expires = now.as_second().saturating_add(lifetime_seconds);
    HashMap::from([(RUN.to_owned(), run_id.to_owned()), (EXPIRES.to_owned(), expires.to_string())])
}

/// Whether these labels say that a container was left behind. Without both labels, or with one that cannot be read,
/// it is not ours to judge.
pub(super) fn has_expired(labels: &HashMap<String, String>, now: Timestamp) -> bool {
    let expires = labels.get(EXPIRES).and_then(|text| text.parse::<i64>().ok());
    labels.contains_key(RUN) && expires.is_some_and(|expires| expires < now.as_second())
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use jiff::Timestamp;

    use super::{EXPIRES, RUN, has_expired, labels};

    #[test]
    fn only_what_has_both_labels_and_a_past_moment_has_expired() {
        let now = Timestamp::from_second(1_000).unwrap();
        let table: [(&[(&str, &str)], bool); 6] = [
            (&[(RUN, "r"), (EXPIRES, "999")], true),
            (&[(RUN, "r"), (EXPIRES, "1000")], false),
            (&[(RUN, "r"), (EXPIRES, "5000")], false),
            (&[(EXPIRES, "1")], false),
            (&[(RUN, "r")], false),
            (&[(RUN, "r"), (EXPIRES, "soon")], false),
        ];
        for (pairs, expired) in table {
            let labels: HashMap<String, String> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(has_expired(&labels, now), expired, "{pairs:?}");
        }
    }

    #[test]
    fn a_fresh_label_expires_after_its_lifetime() {
        let now = Timestamp::from_second(1_000).unwrap();
        let labels = labels("run-1", now, Duration::from_mins(1));
        assert_eq!((labels[RUN].as_str(), labels[EXPIRES].as_str()), ("run-1", "1060"));
        assert!(!has_expired(&labels, now));
        assert!(has_expired(&labels, Timestamp::from_second(1_061).unwrap()));
    }
}
