//! Words that nobody can guess: they end what only shipgate may end.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// A sequence of words from one random key. Whoever has seen some of them cannot tell the next one.
pub struct Nonces {
    key: [u8; 32],
    given: u64,
}

impl Nonces {
    /// The words of this key, which must be random and never be told.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, given: 0 }
    }

    /// The next word: 32 hexadecimal digits.
    pub(super) fn word(&mut self) -> String {
        self.given += 1;
        let hash = Sha256::new().chain_update(self.key).chain_update(self.given.to_be_bytes()).finalize();
        hash.iter().take(16).fold(String::new(), |mut word, byte| {
            let _infallible = write!(word, "{byte:02x}");
            word
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Nonces;

    #[test]
    fn words_differ_from_each_other_and_from_key_to_key() {
        let (mut one, mut other) = (Nonces::new([1; 32]), Nonces::new([2; 32]));
        let words = [one.word(), one.word(), other.word(), other.word()];
        for (index, word) in words.iter().enumerate() {
            assert!(word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit()), "{word}");
            assert!(!words[index + 1..].contains(word), "{words:?}");
        }
    }
}
