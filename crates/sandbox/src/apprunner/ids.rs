//! The ids that are given out: random, or the same again from the same seed.

use std::sync::{Mutex, PoisonError};

/// A source of ids.
pub(super) struct Ids(Mutex<fastrand::Rng>);

impl Ids {
    pub(super) fn new(seed: Option<u64>) -> Self {
        Self(Mutex::new(seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed)))
    }

    /// 32 hex digits without dashes: how real service ids look, whatever the model says.
    pub(super) fn hex(&self) -> String {
        format!("{:032x}", self.0.lock().unwrap_or_else(PoisonError::into_inner).u128(..))
    }

    /// A dashed UUID of version 4: how operation ids look (the model's pattern of `UUID`).
    pub(super) fn uuid(&self) -> String {
        let mut digits = self.hex();
        digits.replace_range(12..13, "4");
        let variant = match digits.as_bytes()[16] {
            b'0'..=b'3' => "8",
            b'4'..=b'7' => "9",
            b'8'..=b'9' | b'a'..=b'b' => "a",
            _ => "b",
        };
        digits.replace_range(16..17, variant);
        for position in [20, 16, 12, 8] {
            digits.insert(position, '-');
        }
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn ids_have_their_forms_and_follow_the_seed() {
        let ids = Ids::new(Some(7));
        for _ in 0..64 {
            let uuid = ids.uuid();
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert_eq!(&uuid[14..15], "4");
            assert!(["8", "9", "a", "b"].contains(&&uuid[19..20]), "{uuid}");
            assert_eq!(ids.hex().len(), 32);
        }
        assert_eq!(Ids::new(Some(1)).hex(), Ids::new(Some(1)).hex());
        assert_ne!(Ids::new(Some(1)).hex(), Ids::new(Some(2)).hex());
    }
}
