//! States of the hash along a blob. An upload that goes on in the middle needs a reading that begins there and can still
//! check the whole; and what was sent before has to be what is read now, or a corrupt blob might become whole.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use sha2::{Digest as _, Sha256};

/// Noted by the first reading, kept to by all that follow.
pub(super) struct Checkpoints {
    /// The distance between two; parts of an upload begin at multiples of it.
    distance: u64,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    /// At multiples of the distance.
    regular: BTreeMap<u64, Sha256>,
    /// As far as any reading has come.
    furthest: Option<(u64, Sha256)>,
}

impl Checkpoints {
    /// None yet, and later one every so many bytes.
    pub(super) fn every(bytes: u64) -> Self {
        Self { distance: bytes.max(1), noted: Mutex::default() }
    }

    fn locked(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next offset after `from`, and not after `to`, at which a reading has to show its hash.
    pub(super) fn next_stop(&self, from: u64, to: u64) -> Option<u64> {
        let regular = (from / self.distance).saturating_add(1).saturating_mul(self.distance);
        let furthest = self.locked().furthest.as_ref().map(|(offset, _)| *offset).filter(|offset| *offset > from);
        let next = furthest.map_or(regular, |furthest| furthest.min(regular));
        (next <= to).then_some(next)
    }

    /// A reading has come here; whether it agrees with those before it.
    pub(super) fn agrees(&self, offset: u64, hash: &Sha256) -> bool {
        let mut noted = self.locked();
        let same = |before: &Sha256| before.clone().finalize() == hash.clone().finalize();
        let agrees = noted.regular.get(&offset).is_none_or(same)
            && noted.furthest.as_ref().filter(|(at, _)| *at == offset).is_none_or(|(_, before)| same(before));
        if agrees && offset.is_multiple_of(self.distance) {
            noted.regular.entry(offset).or_insert_with(|| hash.clone());
        }
        agrees
    }

    /// A reading has come this far.
    pub(super) fn reached(&self, offset: u64, hash: &Sha256) {
        let mut noted = self.locked();
        if noted.furthest.as_ref().is_none_or(|(furthest, _)| *furthest < offset) {
            noted.furthest = Some((offset, hash.clone()));
        }
    }

    /// Where a reading can begin that is to go on from this offset, with the state of the hash there.
    pub(super) fn before(&self, offset: u64) -> (u64, Sha256) {
        let noted = self.locked();
        let last = noted.regular.range(..=offset).next_back();
        last.map_or_else(|| (0, Sha256::new()), |(at, hash)| (*at, hash.clone()))
    }

    /// Whether what was sent up to this offset can be checked: all of it is known, or will be when the next reading comes
    /// to where the last one was.
    pub(super) fn vouch_for(&self, offset: u64) -> bool {
        self.locked().furthest.as_ref().is_some_and(|(furthest, _)| *furthest >= offset)
    }

    /// What has been noted is wrong.
    pub(super) fn forget(&self) {
        *self.locked() = Noted::default();
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::Checkpoints;

    fn hash(bytes: &[u8]) -> Sha256 {
        Sha256::new_with_prefix(bytes)
    }

    #[test]
    fn readings_stop_at_multiples_and_where_the_furthest_was() {
        let checkpoints = Checkpoints::every(4);
        assert_eq!(checkpoints.next_stop(0, 3), None);
        assert_eq!(checkpoints.next_stop(0, 4), Some(4));
        assert_eq!(checkpoints.next_stop(4, 100), Some(8));
        assert!(checkpoints.agrees(4, &hash(b"abcd")));
        checkpoints.reached(6, &hash(b"abcdef"));
        assert_eq!(checkpoints.next_stop(4, 100), Some(6));
        assert_eq!(checkpoints.next_stop(6, 100), Some(8));
    }

    #[test]
    fn a_reading_that_differs_is_found_out_at_the_next_stop() {
        let checkpoints = Checkpoints::every(4);
        assert!(checkpoints.agrees(4, &hash(b"abcd")));
        checkpoints.reached(6, &hash(b"abcdef"));
        assert!(checkpoints.vouch_for(5) && checkpoints.vouch_for(6) && !checkpoints.vouch_for(7));
        let (at, mut state) = checkpoints.before(5);
        assert_eq!(at, 4);
        state.update(b"ef");
        assert!(checkpoints.agrees(6, &state));
        let (_, mut state) = checkpoints.before(5);
        state.update(b"xf");
        assert!(!checkpoints.agrees(6, &state));
        assert_eq!(checkpoints.before(3).0, 0);
    }
}
