//! Makes a registry's own words fit to be shown: short, on one line, and without the signatures that presigned
//! addresses carry in their query strings.

use shipgate_core::mask::{masked, masked_before_cut};

/// As many characters of a foreign text as are shown.
const MAX_SHOWN: usize = 300;

/// A text of so many bytes may have been cut off where reading stopped.
const MAY_BE_CUT_BYTES: usize = 16 * 1024;

/// The text without secrets, on one line, capped, with the query string of every address in it cut off.
pub(super) fn fit_to_show(text: &str) -> String {
    let text = if text.len() >= MAY_BE_CUT_BYTES { masked_before_cut(text) } else { masked(text) };
    let one_line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words = one_line.split_whitespace().map(without_queries).collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// An address may sit inside quotes, brackets or markup, and several in one word: everything between its `?` and the
/// first character that cannot be in an address goes.
fn without_queries(word: &str) -> String {
    let mut shown = String::new();
    let mut rest = word;
    while let Some(scheme_end) = rest.find("://") {
        let (before, address) = rest.split_at(scheme_end + 3);
        shown.push_str(before);
        let end = address.find(['"', '\'', '<', '>', '`', ')', '}', ']', '\\']).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        match address.split_once('?') {
            Some((path, _)) => {
                shown.push_str(path);
                shown.push_str("?…");
            }
            None => shown.push_str(address),
        }
        rest = after;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::fit_to_show;
    use shipgate_core::secret::Secret;

    #[test]
    fn queries_go_and_the_rest_stays() {
        let table = [
            ("denied", "denied"),
            ("what? no address", "what? no address"),
            ("see https://h/p?X-Amz-Signature=s3cr3t&a=b now", "see https://h/p?… now"),
            (r#"{"url":"https://h/p?sig=s3cr3t","x":1}"#, r#"{"url":"https://h/p?…","x":1}"#),
            ("<a>http://h/p?sig=s3cr3t</a>", "<a>http://h/p?…</a>"),
            ("a\r\nb\u{1b}[31m", "a b [31m"),
        ];
        for (text, shown) in table {
            assert_eq!(fit_to_show(text), shown);
        }
    }

    #[test]
    fn secrets_are_masked_before_the_cap() {
        let secret = Secret::new("s3cr3t-of-the-registry");
        let shown = fit_to_show(&format!("{}{}", "x".repeat(290), secret.reveal()));
        assert_eq!(shown, format!("{}…", "x".repeat(290)));
        let cut = fit_to_show(&format!("{} {}", " ".repeat(16 * 1024), &secret.reveal()[..12]));
        assert_eq!(cut, "…");
    }

    #[test]
    fn long_texts_are_capped_at_a_character() {
        let shown = fit_to_show(&"é".repeat(5000));
        assert_eq!(shown.chars().count(), 301);
        assert!(shown.ends_with('…'));
    }
}
