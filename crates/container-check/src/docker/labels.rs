//! The labels that say whose something in the engine is and until when, so that what a killed run left can be told from
//! what a running one uses.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;

use super::owner::{Fate, Owner};

/// The run it belongs to.
pub const RUN: &str = "shipgate.run";

/// When nobody can be using it any more: Unix seconds. For owners that cannot be looked for.
pub const EXPIRES: &str = "shipgate.expires";

/// The process of the run.
pub const OWNER: &str = "shipgate.owner";

/// Set on what the user wanted to keep: no run removes it.
pub const KEPT: &str = "shipgate.kept";

/// On a marker: the reference of the image that a run had pulled for it.
pub const IMAGE: &str = "shipgate.image";

/// The labels of something of a run, of no use after `lifetime` or after this process.
#[must_use]
pub fn labels(run_id: &str, now: Timestamp, lifetime: Duration) -> HashMap<String, String> {
    let lifetime_seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    let expires = now.as_second().saturating_add(lifetime_seconds);
    let mut labels = HashMap::from([(RUN.to_owned(), run_id.to_owned()), (EXPIRES.to_owned(), expires.to_string())]);
    labels.extend(Owner::of_this_process().map(|owner| (OWNER.to_owned(), owner.to_string())));
    labels
}

/// The labels of something of a run that is the user's from now on.
#[must_use]
pub fn kept(run_id: &str) -> HashMap<String, String> {
    HashMap::from([(RUN.to_owned(), run_id.to_owned()), (KEPT.to_owned(), "true".to_owned())])
}

/// Whether these labels say that something was left behind: its owner is gone, or it has expired and its owner cannot be
/// looked for. An owner that is alive is never swept under, however late it is. Without labels, or with some that
/// cannot be read, it is not ours to judge.
pub(super) fn is_left(labels: &HashMap<String, String>, now: Timestamp, fate_of: impl FnOnce(&str) -> Fate) -> bool {
    if !labels.contains_key(RUN) || labels.contains_key(KEPT) {
        return false;
    }
    match labels.get(OWNER).map_or(Fate::Unknown, |owner| fate_of(owner)) {
        Fate::Alive => false,
        Fate::Gone => true,
        Fate::Unknown => {
            let expires = labels.get(EXPIRES).and_then(|text| text.parse::<i64>().ok());
            expires.is_some_and(|expires| expires < now.as_second())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, time::Duration};

    use jiff::Timestamp;

    use super::{EXPIRES, Fate, KEPT, OWNER, RUN, is_left, kept, labels};

    type Pairs = &'static [(&'static str, &'static str)];

    #[test]
    fn left_is_what_an_ended_owner_had_and_what_expired_of_an_unknown_one() {
        let now = Timestamp::from_second(1_000).unwrap();
        let table: [(Pairs, Fate, bool); 12] = [
            (&[(RUN, "r"), (EXPIRES, "999")], Fate::Gone, true),
            (&[(RUN, "r"), (EXPIRES, "1000")], Fate::Gone, false),
            (&[(RUN, "r"), (EXPIRES, "5000")], Fate::Gone, false),
            (&[(EXPIRES, "1")], Fate::Gone, false),
            (&[(RUN, "r")], Fate::Gone, false),
            (&[(RUN, "r"), (EXPIRES, "soon")], Fate::Gone, false),
            (&[(RUN, "r"), (EXPIRES, "5000"), (OWNER, "o")], Fate::Gone, true),
            (&[(RUN, "r"), (EXPIRES, "1"), (OWNER, "o")], Fate::Alive, false),
            (&[(RUN, "r"), (EXPIRES, "1"), (OWNER, "o")], Fate::Unknown, true),
            (&[(RUN, "r"), (EXPIRES, "5000"), (OWNER, "o")], Fate::Unknown, false),
            (&[(RUN, "r"), (EXPIRES, "1"), (OWNER, "o"), (KEPT, "true")], Fate::Gone, false),
            (&[(OWNER, "o")], Fate::Gone, false),
        ];
        for (pairs, fate, left) in table {
            let labels: HashMap<String, String> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(is_left(&labels, now, |_| fate), left, "{pairs:?} {fate:?}");
        }
        assert!(!is_left(&kept("r"), now, |_| Fate::Gone));
    }

    #[test]
    fn a_fresh_label_expires_after_its_lifetime() {
        let now = Timestamp::from_second(1_000).unwrap();
        let labels = labels("run-1", now, Duration::from_mins(1));
        assert_eq!((labels[RUN].as_str(), labels[EXPIRES].as_str()), ("run-1", "1060"));
        assert!(!is_left(&labels, now, |_| Fate::Unknown));
        assert!(is_left(&labels, Timestamp::from_second(1_061).unwrap(), |_| Fate::Unknown));
    }
}
