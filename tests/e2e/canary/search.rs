//! Looks for a secret in text, whole or in pieces, in every encoding.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A piece this long is enough to know a secret by.
const PIECE: usize = 8;

/// The same in base64.
const BASE64_PIECE: usize = 12;

/// Fails the test if the text has any piece of the secret.
pub(crate) fn assert_absent(name: &str, text: &str, secret: &str) {
    let plain = pieces(secret, PIECE);
    // Percent-encoded and escaped text is read before it is searched.
    let readable = [text.to_owned(), percent_decoded(text), unescaped(text)];
    for piece in plain {
        for text in &readable {
            assert!(!text.contains(&piece), "`{piece}` of a secret is in {name}:\n{text}");
        }
    }
    for shift in 0..3 {
        let shifted = "x".repeat(shift) + secret;
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            for piece in pieces(&encoded[4 * shift.min(1)..encoded.len() - 1], BASE64_PIECE) {
                for text in &readable {
                    assert!(!text.contains(&piece), "`{piece}` of a secret in base64 is in {name}:\n{text}");
                }
            }
        }
    }
}

fn pieces(text: &str, length: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(length).map(|piece| piece.iter().collect()).collect()
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        if let (b'%', Some(byte)) = (first, code) {
            bytes.push(byte);
            rest = &rest[3..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Without the backslashes of JSON, and with the characters that HTML and XML write as references.
fn unescaped(text: &str) -> String {
    let references = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&"), ("\\", "")];
    references.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}
