//! Percent-encoding as SigV4 wants it, and the form bodies of the query protocol.

/// Encodes everything but `A-Z a-z 0-9 - . _ ~` (AWS General Reference, "UriEncode").
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push('%');
            out.push_str(&super::digesting::hex(&[byte]).to_ascii_uppercase());
        }
        out
    })
}

/// Decodes `%XX`, leaving malformed sequences as they are.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        if let Some(byte) = escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The pairs of a query string or of a form body, decoded, in their order.
pub(crate) fn pairs(text: &str, plus_is_space: bool) -> Vec<(String, String)> {
    let read = |part: &str| if plus_is_space { decode(&part.replace('+', " ")) } else { decode(part) };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (read(name), read(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode, pairs};

    #[test]
    fn there_and_back() {
        let text = "a b/ü~*=&+%";
        assert_eq!(encode(text), "a%20b%2F%C3%BC~%2A%3D%26%2B%25");
        assert_eq!(decode(&encode(text)), text);
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_form_body() {
        let read = pairs("Action=AssumeRole&RoleSessionName=a+b%2B&Flag", true);
        let expected = [("Action", "AssumeRole"), ("RoleSessionName", "a b+"), ("Flag", "")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
