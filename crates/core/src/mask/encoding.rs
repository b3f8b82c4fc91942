//! How programs write a value: percent-encoding (RFC 3986), the escapes of JSON and of shells, the character references of
//! HTML and XML, and base64 (RFC 4648) at every alignment.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

/// As many backslashes as escapes within escapes have.
const MOST_SLASHES: usize = 16;

/// The bytes that one escape can begin with.
pub(super) fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'%' | b'+' | b'\\' | b'&')
}

/// One way to read an escape.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reading {
    bytes: [u8; 4],
    length: usize,
    /// How many bytes of the text the escape takes.
    pub(super) consumed: usize,
}

impl Reading {
    fn byte(byte: u8, consumed: usize) -> Self {
        Self { bytes: [byte, 0, 0, 0], length: 1, consumed }
    }

    fn character(character: char, consumed: usize) -> Self {
        let mut bytes = [0; 4];
        let length = character.encode_utf8(&mut bytes).len();
        Self { bytes, length, consumed }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

/// What the escape at the beginning of this text may stand for. Escapes within escapes are read too: `%2541`, `\\n`.
pub(super) fn readings(text: &[u8]) -> [Option<Reading>; 2] {
    match text {
        [b'+', ..] => [Some(Reading::byte(b' ', 1)), None],
        [b'%', b'2', b'5', rest @ ..] => {
            [hex(rest, 2).map(|byte| Reading::byte(low_byte(byte), 5)), Some(Reading::byte(b'%', 3))]
        }
        [b'%', rest @ ..] => [hex(rest, 2).map(|byte| Reading::byte(low_byte(byte), 3)), None],
        [b'&', ..] => [reference(text), None],
        [b'\\', ..] => backslash(text),
        _ => [None, None],
    }
}

fn backslash(text: &[u8]) -> [Option<Reading>; 2] {
    let slashes = text.iter().take(MOST_SLASHES).take_while(|byte| **byte == b'\\').count();
    let itself = (slashes >= 2).then(|| Reading::byte(b'\\', if slashes >= 4 { 4 } else { 2 }));
    let after = &text[slashes..];
    let escaped = match after.first() {
        Some(b'n') => Some(Reading::byte(b'\n', slashes + 1)),
        Some(b'r') => Some(Reading::byte(b'\r', slashes + 1)),
        Some(b't') => Some(Reading::byte(b'\t', slashes + 1)),
        Some(b'b') => Some(Reading::byte(8, slashes + 1)),
        Some(b'f') => Some(Reading::byte(12, slashes + 1)),
        Some(b'x') => hex(&after[1..], 2).map(|byte| Reading::byte(low_byte(byte), slashes + 3)),
        Some(b'u') => unicode(after, slashes),
        Some(mark) if mark.is_ascii_punctuation() => Some(Reading::byte(*mark, slashes + 1)),
        _ => None,
    };
    [escaped, itself]
}

/// `u00e9` or, beyond the basic plane, `ud83d\ude00`.
fn unicode(after: &[u8], slashes: usize) -> Option<Reading> {
    let high = hex(&after[1..], 4)?;
    if let Some(character) = char::from_u32(high) {
        return Some(Reading::character(character, slashes + 5));
    }
    let rest = &after[5..];
    let between = rest.iter().take_while(|byte| **byte == b'\\').count();
    let low = hex(rest.get(between + 1..)?, 4)?;
    let units = [high, low].map(|unit| u16::try_from(unit).unwrap_or_default());
    let character = char::decode_utf16(units).next()?.ok()?;
    Some(Reading::character(character, slashes + 5 + between + 5))
}

/// `&amp;`, `&#39;`, `&#x27;`.
fn reference(text: &[u8]) -> Option<Reading> {
    let end = text.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(&text[1..end]).ok()?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some(Reading::character(character, end + 1))
}

fn hex(text: &[u8], digits: usize) -> Option<u32> {
    let digits = text.get(..digits).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn low_byte(number: u32) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

/// A value as it is seen in base64, without the characters that its neighbours have a share in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Core {
    pub(super) text: String,
    /// Whether the character before it encodes the value's first bits too.
    pub(super) joins_before: bool,
    /// Whether the character after it encodes the value's last bits too.
    pub(super) joins_after: bool,
}

/// The value within base64, for each place it may have in a group of three bytes, in both alphabets.
pub(super) fn base64_cores(value: &[u8]) -> Vec<Core> {
    let mut cores = Vec::new();
    for (shift, start) in [(0, 0), (1, 2), (2, 3)] {
        let mut bytes = vec![0; shift];
        bytes.extend(value);
        let encoded = STANDARD_NO_PAD.encode(&bytes);
        let core = encoded.get(start..bytes.len() * 8 / 6).unwrap_or_default().to_owned();
        let url_safe = core.replace('+', "-").replace('/', "_");
        let (joins_before, joins_after) = (shift != 0, bytes.len() % 3 != 0);
        if url_safe != core {
            cores.push(Core { text: url_safe, joins_before, joins_after });
        }
        cores.push(Core { text: core, joins_before, joins_after });
    }
    cores
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };

    use super::{base64_cores, readings};

    fn read(text: &str) -> Vec<(String, usize)> {
        let found = readings(text.as_bytes()).into_iter().flatten();
        found.map(|one| (String::from_utf8(one.bytes().to_vec()).unwrap(), one.consumed)).collect()
    }

    #[test]
    fn escapes_are_read() {
        let table: [(&str, &[(&str, usize)]); 16] = [
            ("%2F", &[("/", 3)]),
            ("%2f", &[("/", 3)]),
            ("%252F", &[("/", 5), ("%", 3)]),
            ("%zz", &[]),
            ("%2", &[]),
            ("+", &[(" ", 1)]),
            (r"\n", &[("\n", 2)]),
            (r"\\n", &[("\n", 3), ("\\", 2)]),
            (r"\/", &[("/", 2)]),
            (r#"\\\""#, &[("\"", 4), ("\\", 2)]),
            (r"\u00e9", &[("é", 6)]),
            (r"\ud83d\ude00", &[("😀", 12)]),
            (r"\ud83d", &[]),
            (r"\x41", &[("A", 4)]),
            ("&#x27;", &[("'", 6)]),
            ("&nothing", &[]),
        ];
        for (text, expected) in table {
            let expected: Vec<(String, usize)> = expected.iter().map(|(t, n)| ((*t).to_owned(), *n)).collect();
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_is_found_in_base64_wherever_it_stands() {
        let value = "s3cr3t~~??>>value";
        let cores = base64_cores(value.as_bytes());
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "x", "xy", "xyz"] {
                let whole = format!("{before}{value}{after}");
                for encoded in [STANDARD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)] {
                    assert!(cores.iter().any(|core| encoded.contains(&core.text)), "{whole}: {encoded}");
                }
            }
        }
    }
}
