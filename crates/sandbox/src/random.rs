//! Random text for keys and tokens, from the operating system's generator: an access key that can be guessed protects nothing.

use aws_lc_rs::rand;

/// The capitals and digits in the ids that IAM makes.
const IAM_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const ALPHANUMERIC: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters and digits without a meaning.
pub(crate) fn alphanumeric(length: usize) -> String {
    text(ALPHANUMERIC, length)
}

/// An id of IAM: four letters for the kind (`AKIA`, `ASIA`, `AROA`) and sixteen capitals and digits.
pub(crate) fn iam_id(kind: &str) -> String {
    kind.to_owned() + &text(IAM_ALPHABET, 16)
}

fn text(alphabet: &[u8], length: usize) -> String {
    // Bytes past the last whole multiple would make the first letters more likely than the others.
    let whole = 256 - 256 % alphabet.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let letters = bytes().into_iter().map(usize::from).filter(|byte| *byte < whole);
        let missing = length - text.len();
        text.extend(letters.take(missing).map(|byte| char::from(alphabet[byte % alphabet.len()])));
    }
    text
}

fn bytes() -> [u8; 64] {
    let mut bytes = [0; 64];
    if rand::fill(&mut bytes).is_err() {
        // A sandbox does not start without a random source, because its OIDC issuer has no key then.
        bytes.fill_with(|| fastrand::u8(..));
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{alphanumeric, iam_id};

    #[test]
    fn has_the_length_and_alphabet() {
        let (id, other) = (iam_id("AKIA"), iam_id("AKIA"));
        assert!(id.len() == 20 && id.starts_with("AKIA") && id != other, "{id} {other}");
        assert!(id.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()), "{id}");
        for length in [0, 1, 40, 340] {
            let text = alphanumeric(length);
            assert!(text.len() == length && text.chars().all(|c| c.is_ascii_alphanumeric()), "{text}");
        }
    }
}
