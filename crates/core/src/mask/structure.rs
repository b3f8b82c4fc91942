//! Masks documents without breaking them: only the text within JSON strings, and the text and attribute values of XML and HTML.

use super::masked;

/// Members of JSON objects whose values are shipgate's own words and numbers.
const OWN: [&str; 10] =
    ["event", "at", "stage", "outcome", "verdict", "exit_code", "source", "digest", "account", "media_type"];

/// A JSON document, or several, one per line. What needs no masking stays byte for byte.
#[must_use]
pub fn masked_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let mut name = String::new();
    while let Some(start) = rest.find('"') {
        let end = start + string_length(&rest[start..]);
        let (before, string, after) = (&rest[..start], &rest[start..end], &rest[end..]);
        shown.push_str(before);
        let is_name = after.trim_start().starts_with(':');
        let is_own = before.trim_end().ends_with(':') && OWN.contains(&name.as_str());
        if is_name {
            string.trim_matches('"').clone_into(&mut name);
        }
        if is_name || is_own {
            shown.push_str(string);
        } else {
            shown.push_str(&masked_string(string));
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// How long the string is that begins this text, with both its quotes.
fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => (),
        }
    }
    text.len()
}

fn masked_string(string: &str) -> String {
    let Ok(text) = serde_json::from_str::<String>(string) else { return masked(string) };
    let shown = masked(&text);
    if shown == text { string.to_owned() } else { serde_json::Value::from(shown).to_string() }
}

/// An XML or HTML document. Names of elements and attributes stay as they are.
#[must_use]
pub fn masked_markup(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        shown.push_str(&masked(&rest[..start]));
        let tag = &rest[start..];
        let end = ["<![CDATA[", "<!--"]
            .into_iter()
            .zip(["]]>", "-->"])
            .find(|(opening, _)| tag.starts_with(opening))
            .map(|(opening, closing)| (opening.len(), tag.find(closing).unwrap_or(tag.len())));
        let length = if let Some((opening, end)) = end {
            shown.push_str(&tag[..opening]);
            shown.push_str(&masked(&tag[opening..end]));
            end
        } else {
            let length = tag_length(tag);
            shown.push_str(&masked_tag(&tag[..length]));
            length
        };
        rest = &tag[length..];
    }
    shown.push_str(&masked(rest));
    shown
}

/// To the `>` that is in no attribute's value.
fn tag_length(tag: &str) -> usize {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => (),
        }
    }
    tag.len()
}

fn masked_tag(tag: &str) -> String {
    let mut shown = String::with_capacity(tag.len());
    let mut rest = tag;
    while let Some(start) = rest.find(['"', '\'']) {
        let quote = &rest[start..=start];
        let after = &rest[start + 1..];
        let length = after.find(quote).unwrap_or(after.len());
        shown.push_str(&rest[..=start]);
        shown.push_str(&masked(&after[..length]));
        rest = &after[length..];
        if let Some(closed) = rest.strip_prefix(quote) {
            shown.push_str(quote);
            rest = closed;
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::{masked_json, masked_markup};
    use crate::secret::Secret;

    #[test]
    fn json_stays_json() {
        let _secrets = [Secret::new("container-7"), Secret::new("n1234567"), Secret::new("quo\"ted\\value")];
        let table = [
            (
                r#"{"event":"container-7","container-7":"is container-7","n":12}"#,
                r#"{"event":"container-7","container-7":"is …","n":12}"#,
            ),
            (r#"{"line":"a\n1234567 n1234567"}"#, r#"{"line":"a\n1234567 …"}"#),
            (r#"{"line":"x quo\"ted\\value y"}"#, r#"{"line":"x … y"}"#),
            (r#"{"body":"{\"a\":\"quo\\\"ted\\\\value\"}"}"#, r#"{"body":"{\"a\":\"…\"}"}"#),
            (r#"["\u00e9 n1234567", null]"#, r#"["é …", null]"#),
            (r#"{"kept":"\u00e9\/"}"#, r#"{"kept":"\u00e9\/"}"#),
        ];
        for (text, expected) in table {
            assert_eq!(masked_json(text), expected);
            assert!(serde_json::from_str::<serde_json::Value>(&masked_json(text)).is_ok(), "{text}");
        }
        let lines = "{\"a\":\"n1234567\"}\n{\"a\":\"b\"}\n";
        assert_eq!(masked_json(lines), "{\"a\":\"…\"}\n{\"a\":\"b\"}\n");
    }

    #[test]
    fn markup_stays_markup() {
        let _secrets = [Secret::new("testcase"), Secret::new("a<b&c>d\"e")];
        let table = [
            (r#"<testcase name="a testcase">testcase</testcase>"#, r#"<testcase name="a …">…</testcase>"#),
            (r#"<a title="a&lt;b&amp;c&gt;d&quot;e"/>"#, r#"<a title="…"/>"#),
            ("<a>a&lt;b&amp;c&gt;d\"e</a>", "<a>…</a>"),
            ("<a><![CDATA[a<b&c>d\"e > testcase]]></a>", "<a><![CDATA[… > …]]></a>"),
            ("<!-- testcase --><testcase>", "<!-- … --><testcase>"),
        ];
        for (text, expected) in table {
            assert_eq!(masked_markup(text), expected);
        }
    }
}
