//! Pages of a list: at most twenty entries, and a token that says where the next page begins.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::refusal;
use crate::answer::ApiError;

/// The page the input asks for of a list in its final order; `key` names an entry for ever. The token carries the
/// key of the last entry that was given, so entries that arrive meanwhile neither repeat nor hide others.
pub(super) fn page<'a, T>(
    entries: &'a [T],
    input: &Value,
    key: impl Fn(&T) -> &str,
) -> Result<(&'a [T], Option<String>), ApiError> {
    let max = input.get("MaxResults").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(20);
    let begin = match input.get("NextToken").and_then(Value::as_str) {
        None => 0,
        Some(token) => {
            let after = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
            let position = entries.iter().position(|entry| key(entry).as_bytes() == after);
            position.ok_or_else(|| refusal::invalid_request("NextToken isn't valid."))? + 1
        }
    };
    let end = entries.len().min(begin + max);
    let page = &entries[begin..end];
    let next = page.last().filter(|_| end < entries.len()).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::page;

    #[test]
    fn pages_cover_a_list_once_also_when_it_grows_at_its_head() {
        let mut entries: Vec<String> = (0..45).map(|n| n.to_string()).collect();
        let (first, token) = page(&entries, &json!({}), String::as_str).unwrap();
        assert_eq!(first.len(), 20);
        entries.insert(0, "new".to_owned());
        let (second, token) = page(&entries, &json!({ "NextToken": token }), String::as_str).unwrap();
        assert_eq!((second[0].as_str(), second.len()), ("20", 20));
        let (third, token) = page(&entries, &json!({ "NextToken": token }), String::as_str).unwrap();
        assert_eq!((third[0].as_str(), third.len(), token), ("40", 5, None));
    }

    #[test]
    fn a_token_of_nobody_is_refused() {
        let entries = ["a".to_owned(), "b".to_owned()];
        let (one, token) = page(&entries, &json!({ "MaxResults": 1 }), String::as_str).unwrap();
        assert_eq!((one.len(), token.is_some()), (1, true));
        let error = page(&entries, &json!({ "NextToken": "nonsense" }), String::as_str).unwrap_err();
        assert_eq!(error.code, "InvalidRequestException");
    }
}
