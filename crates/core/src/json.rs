//! JSON as registries and token services send it: read what is usable, refuse only what is no JSON document.

use serde::de::IgnoredAny;
use serde_json::Value;

/// The byte order mark of UTF-8.
pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// Values nested deeper become null: nobody reads them, and `serde_json` refuses documents from 128 levels on.
const MAX_DEPTH: usize = 100;

/// Parses `bytes`. A byte order mark is skipped, invalid UTF-8 and lone surrogates become U+FFFD, numbers out of range
/// and values nested too deeply become null. If a key is repeated, the last one counts.
pub fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(bytes.strip_prefix(BOM).unwrap_or(bytes));
    if let Ok(value) = serde_json::from_str(&text) {
        return Ok(value);
    }
    serde_json::from_str(&repaired(&text)).map_err(|error| error.to_string())
}

/// `text` without what `serde_json` refuses in a well-formed document.
fn repaired(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut repaired = String::with_capacity(text.len());
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'"' => end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => end_of_number(bytes, at),
            b'[' | b'{' if depth >= MAX_DEPTH => end_of_nested(bytes, at),
            _ => end_of_other(bytes, at),
        };
        let token = text.get(at..end).unwrap_or_default();
        match byte {
            b'"' => push_string(&mut repaired, token),
            b'-' | b'0'..=b'9' if is_out_of_range(token) => repaired.push_str("null"),
            b'[' | b'{' if depth >= MAX_DEPTH && is_json(token) => repaired.push_str("null"),
            b'[' | b'{' if depth < MAX_DEPTH => {
                depth += 1;
                repaired.push_str(token);
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                repaired.push_str(token);
            }
            _ => repaired.push_str(token),
        }
        at = end;
    }
    repaired
}

/// Where the string that starts at `start` ends, behind its closing quote.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn end_of_number(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    start + rest.iter().take_while(|byte| is_part(byte)).count()
}

/// Where the array or object that starts at `start` ends. Whether its brackets match is decided by [`is_json`].
fn end_of_nested(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0_usize, start);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// One bracket, or everything up to the next token of interest.
fn end_of_other(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start + 1..).unwrap_or_default();
    if matches!(bytes.get(start), Some(b'[' | b'{' | b']' | b'}')) {
        return start + 1;
    }
    let is_token = |byte: &u8| matches!(byte, b'"' | b'-' | b'0'..=b'9' | b'[' | b'{' | b']' | b'}');
    start + 1 + rest.iter().take_while(|byte| !is_token(byte)).count()
}

/// Checks the syntax alone: [`IgnoredAny`] neither recurses nor converts numbers.
fn is_json(token: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(token).is_ok()
}

fn is_out_of_range(number: &str) -> bool {
    is_json(number) && serde_json::from_str::<Value>(number).is_err()
}

/// Copies a string with its quotes. A surrogate without its other half becomes U+FFFD.
fn push_string(repaired: &mut String, string: &str) {
    let mut rest = string;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        let kept = match code_unit(escape) {
            Some(0xD800..=0xDBFF) if matches!(escape.get(6..).and_then(code_unit), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                repaired.push('\u{FFFD}');
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            Some(_) => 6,
            // The backslash and the character that follows, which can have several bytes.
            None => escape.char_indices().nth(2).map_or(escape.len(), |(index, _)| index),
        };
        let (escape, remaining) = escape.split_at_checked(kept).unwrap_or((escape, ""));
        repaired.push_str(escape);
        rest = remaining;
    }
    repaired.push_str(rest);
}

/// The UTF-16 code unit of the `\uXXXX` that `escape` starts with.
fn code_unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix("\\u")?.get(..4)?;
    // `from_str_radix` accepts a sign.
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_json_as_registries_send_it() {
        for (written, expected) in [
            (&b"\xEF\xBB\xBF{\"a\": 1}"[..], json!({"a": 1})),
            (b"\"a\xFFb\"", json!("a\u{FFFD}b")),
            (b"[\"\xE2\x82\"]", json!(["\u{FFFD}"])),
            (br#""\ud83d""#, json!("\u{FFFD}")),
            (br#""\ude00 \ud83d\n""#, json!("\u{FFFD} \u{FFFD}\n")),
            (br#""\ud83d\ud83d\ude00""#, json!("\u{FFFD}\u{1F600}")),
            (br#""\\ud83d \" \u0041 \ud83d""#, json!("\\ud83d \" A \u{FFFD}")),
            (br#"{"a": 1, "b": 2, "a": 3}"#, json!({"a": 3, "b": 2})),
            (br#"{"a": 1e400, "b": -1E+999, "c": 1e5, "d": -0.5}"#, json!({"a": null, "b": null, "c": 1e5, "d": -0.5})),
            (br#"{"1e400": "1e400", "x": [1e400]}"#, json!({"1e400": "1e400", "x": [null]})),
            (br" null ", json!(null)),
        ] {
            assert_eq!(parse(written), Ok(expected), "{}", String::from_utf8_lossy(written));
        }
    }

    #[test]
    fn refuses_what_is_no_json() {
        for written in [
            "",
            " ",
            "\u{FEFF}\u{FEFF}{}",
            "{} x",
            "{}{}",
            "[1,]",
            "{",
            "[1e400",
            "01e400",
            "+1e400",
            "1e400.",
            "1.e400",
            "-",
            "\"",
            "\"\\",
            "\"\\u",
            "\"\\ud83d",
            "\"\\uD83\"",
            "\"\\u+123\"",
            "\"\\é\"",
            "<html>",
            "\"\\ud83d\" 1",
            "1e400 1e400",
            "]",
        ] {
            assert!(parse(written.as_bytes()).is_err(), "{written}");
        }
    }

    #[test]
    fn deep_nesting_becomes_null() {
        for depth in [101, 128, 5_000, 200_000] {
            for (open, inner, close) in [("[", "", "]"), ("{\"a\":", "1", "}"), ("[{\"]\":", "\"}\"", "}]")] {
                let nested = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
                let document = parse(format!("{{\"deep\": {nested}, \"kept\": 1}}").as_bytes()).unwrap();
                assert_eq!(document["kept"], 1, "{depth} {open}");
                assert!(parse(format!("{nested}]").as_bytes()).is_err(), "{depth} {open}");
                assert!(parse(nested.trim_end_matches(close).as_bytes()).is_err(), "{depth} {open}");
            }
            let mismatched = format!("{}{}", "[".repeat(depth), "}".repeat(depth));
            assert!(parse(mismatched.as_bytes()).is_err(), "{depth}");
        }
    }

    #[test]
    fn random_bytes_never_panic() {
        const PIECES: [&[u8]; 24] = [
            b"{",
            b"}",
            b"[",
            b"]",
            b"\"",
            b"\"",
            b"\\",
            b"\\u",
            b"d83d",
            b"\\ud83d",
            b"\\ude00",
            b"1e400",
            b"-",
            b"0",
            b".5",
            b":",
            b",",
            b"null",
            b"\xEF\xBB\xBF",
            b"\xFF",
            b"\xC3",
            b"\xE2\x82\xAC",
            b" ",
            b"\0",
        ];
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = |bound: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state >> 33).unwrap() % bound
        };
        for _ in 0..2_000 {
            let length = next(24);
            let bytes: Vec<u8> = (0..length)
                .flat_map(|_| match next(32) {
                    piece if piece < PIECES.len() => PIECES[piece].to_vec(),
                    _ => vec![u8::try_from(next(256)).unwrap()],
                })
                .collect();
            let _ = parse(&bytes);
            let deep = [vec![b'['; 120], bytes].concat();
            let _ = parse(&deep);
        }
    }
}
