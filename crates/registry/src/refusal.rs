//! Reads what a registry answers when it refuses (OCI distribution specification, "Error codes"), and decides what that means.

use std::time::Duration;

use reqwest::{
    Response,
    header::{RANGE, RETRY_AFTER},
};
use serde_json::Value;

use super::{
    encoding,
    error::{Action, Answer, RegistryError},
    location, redact, retry,
};
use shipgate_core::json;

/// As much of a refusal's body as is read.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// As many of the errors in a body as are shown.
const MAX_SHOWN_ERRORS: usize = 4;

pub(super) async fn read_answer(response: Response, redirected_to: Option<String>, patience: Duration) -> Answer {
    let status = response.status().as_u16();
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = asked.and_then(|value| retry::parse_retry_after(value, jiff::Timestamp::now()));
    let range = response.headers().get(RANGE).and_then(|value| value.to_str().ok()).and_then(range_bytes);
    let url = response.url().clone();
    let body = tokio::time::timeout(patience, read_body(response)).await.unwrap_or_default();
    let body = location::without_query_values(&url, &String::from_utf8_lossy(&body));
    let Reason { code, message, first } = Reason::read(body.as_bytes());
    let received_bytes = range.or_else(|| last_number(&first)).filter(|_| status == 416);
    Answer { status, code, message, redirected_to, token_service: None, retry_after, received_bytes }
}

/// `0-LAST` is as many bytes and one more.
fn range_bytes(range: &str) -> Option<u64> {
    range.split_once('-').and_then(|(_, last)| last.trim().parse::<u64>().ok()).and_then(|last| last.checked_add(1))
}

/// ECR names the offset it expects at the end of its message.
fn last_number(text: &str) -> Option<u64> {
    text.rsplit(|c: char| !c.is_ascii_digit()).find(|digits| !digits.is_empty())?.parse().ok()
}

/// The body as far as it came. The status has said what matters, so a body that breaks off is no failure.
async fn read_body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= MAX_REFUSAL_BYTES {
            body.truncate(MAX_REFUSAL_BYTES);
            break;
        }
    }
    encoding::decoded_start(response.headers(), body, MAX_REFUSAL_BYTES)
}

/// Why a registry refused.
#[derive(PartialEq, Eq, Debug)]
struct Reason {
    /// The code of the first error.
    code: Option<String>,
    /// The first error's message and detail, then the other errors, each with its code.
    message: String,
    /// The first error's message alone.
    first: String,
}

/// One error of a body, its texts fit to be shown.
struct BodyError {
    code: Option<String>,
    message: String,
    detail: String,
}

impl Reason {
    fn read(body: &[u8]) -> Self {
        let errors = json::parse(body).map(|body| errors_in(&body)).unwrap_or_default();
        let mut texts: Vec<String> = Vec::new();
        for (number, error) in errors.iter().enumerate() {
            let text = error.text(number > 0);
            if !text.is_empty() && !texts.contains(&text) {
                texts.push(text);
            }
        }
        let more = texts.len().saturating_sub(MAX_SHOWN_ERRORS);
        texts.truncate(MAX_SHOWN_ERRORS);
        if more > 0 {
            texts.push(format!("and {more} more"));
        }
        if let Some(error) = errors.into_iter().next() {
            return Self { code: error.code, message: texts.join("; "), first: error.message };
        }
        let text = redact::fit_to_show(&String::from_utf8_lossy(body));
        Self { code: None, message: text.clone(), first: text }
    }
}

impl BodyError {
    fn read(error: &Value) -> Option<Self> {
        if let Value::String(message) = error {
            return Some(Self { code: None, message: redact::fit_to_show(message), detail: String::new() });
        }
        let text = |name: &str| error.get(name).map(scalar).unwrap_or_default();
        let code = Some(redact::fit_to_show(&text("code"))).filter(|code| !code.is_empty());
        let message = redact::fit_to_show(&text("message"));
        let detail = error.get("detail").map(shown).unwrap_or_default();
        let detail = if detail == message { String::new() } else { detail };
        let error = Self { code, message, detail };
        (error.code.is_some() || !error.message.is_empty() || !error.detail.is_empty()).then_some(error)
    }

    fn text(&self, with_code: bool) -> String {
        let code = self.code.as_deref().filter(|_| with_code);
        let words: Vec<&str> =
            code.into_iter().chain(Some(self.message.as_str())).filter(|word| !word.is_empty()).collect();
        match (words.join(" "), self.detail.as_str()) {
            (text, "") => text,
            (text, detail) if text.is_empty() => detail.to_owned(),
            (text, detail) => format!("{text} ({detail})"),
        }
    }
}

/// The errors of a body: the specification's list, or the single error that some registries and proxies send instead. A `message`
/// or OAuth's `error_description` next to them counts where they have none.
fn errors_in(body: &Value) -> Vec<BodyError> {
    let named = ["errors", "error"].iter().filter_map(|name| body.get(name)).find(|error| !error.is_null());
    let mut errors: Vec<BodyError> = match named {
        Some(Value::Array(errors)) => errors.iter().filter_map(BodyError::read).collect(),
        Some(error) => BodyError::read(error).into_iter().collect(),
        None => Vec::new(),
    };
    let text = |name: &str| body.get(name).map(|text| redact::fit_to_show(&scalar(text))).unwrap_or_default();
    let (message, description) = (text("message"), text("error_description"));
    if errors.is_empty() && !message.is_empty() {
        errors.extend(BodyError::read(body));
    } else if errors.is_empty() && !description.is_empty() {
        errors.push(BodyError { code: None, message: description.clone(), detail: String::new() });
    }
    let has_message = errors.iter().any(|error| !error.message.is_empty());
    if let Some(first) = errors.first_mut() {
        if !has_message {
            first.message = message;
        }
        if first.detail.is_empty() && first.message != description {
            first.detail = description;
        }
    }
    errors
}

/// A `detail` in a line: `digest: sha256:…`, compact JSON where it is nested, nothing where it says nothing.
fn shown(detail: &Value) -> String {
    let text = match detail {
        Value::Object(fields) if fields.values().all(|value| !value.is_array() && !value.is_object()) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields.map(|(name, value)| format!("{name}: {}", scalar(value))).collect::<Vec<_>>().join(", ")
        }
        Value::Array(items) if items.is_empty() => String::new(),
        Value::Object(_) | Value::Array(_) => detail.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => scalar(detail),
    };
    redact::fit_to_show(&text)
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// What a refusal means. A HEAD's refusal has no body, hence no code.
pub(super) fn judge(action: Action, answer: Answer, is_write: bool) -> RegistryError {
    let (action, answer) = (Box::new(action), Box::new(answer));
    let says_immutable = answer.message.to_ascii_lowercase().contains("immutable");
    match (answer.status, answer.code.as_deref()) {
        (401 | 403, _) => RegistryError::Denied { action, answer },
        (404, Some("NAME_UNKNOWN")) => RegistryError::RepositoryNotFound { action, answer },
        (400..=499, _) if is_write && says_immutable => RegistryError::TagImmutable { action, answer },
        // A body that is not the specification's comes from something else than a registry: that is not "not found".
        (404, code) if !is_write && (code.is_some() || answer.message.is_empty() || answer.redirected_to.is_some()) => {
            RegistryError::ContentNotFound { action }
        }
        _ => RegistryError::Refused { action, answer },
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Answer, Reason, RegistryError, judge};

    fn judged(status: u16, body: &str, is_write: bool) -> RegistryError {
        let Reason { code, message, .. } = Reason::read(body.as_bytes());
        let action = Action { verb: "try", subject: String::new(), host: "h".to_owned(), repository: "r".to_owned() };
        judge(
            action,
            Answer {
                status,
                code,
                message,
                redirected_to: None,
                token_service: None,
                retry_after: None,
                received_bytes: None,
            },
            is_write,
        )
    }

    fn body(code: &str, message: &str) -> String {
        format!(r#"{{"errors":[{{"code":"{code}","message":"{message}","detail":{{}}}}]}}"#)
    }

    #[test]
    fn refusals_are_told_as_what_they_mean() {
        let unknown = body("MANIFEST_UNKNOWN", "not here");
        assert!(matches!(judged(404, &unknown, false), RegistryError::ContentNotFound { .. }));
        assert!(matches!(judged(404, "", false), RegistryError::ContentNotFound { .. }));
        assert!(matches!(judged(404, "<html>nginx</html>", false), RegistryError::Refused { .. }));
        assert!(matches!(
            judged(404, &body("NAME_UNKNOWN", "no repository"), true),
            RegistryError::RepositoryNotFound { .. }
        ));
        assert!(judged(403, &body("DENIED", "no"), false).is_denied());
        assert!(judged(401, "", true).is_denied());
        let immutable = body("TAG_INVALID", "The image tag 'v1' already exists and the repository is immutable.");
        assert!(matches!(judged(400, &immutable, true), RegistryError::TagImmutable { .. }));
        assert!(matches!(judged(400, &body("TAG_INVALID", "bad tag"), true), RegistryError::Refused { .. }));
    }

    #[test]
    fn a_manifest_refused_for_want_of_blobs_may_be_taken_later() {
        for code in ["BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN", "MANIFEST_UNKNOWN"] {
            assert!(judged(404, &body(code, "m"), true).is_content_not_yet_visible(), "{code}");
        }
        assert!(!judged(400, &body("MANIFEST_INVALID", "m"), true).is_content_not_yet_visible());
    }

    #[test]
    fn bodies_are_shown_capped_and_redacted() {
        let error = judged(500, &format!("see https://h/p?sig=s3cr3t {}", "x".repeat(20_000)), false).to_string();
        assert!(error.len() < 500 && !error.contains("s3cr3t"), "{error}");
    }

    fn reason(body: &str) -> (Option<String>, String) {
        let Reason { code, message, .. } = Reason::read(body.as_bytes());
        (code, message)
    }

    #[test]
    fn all_errors_and_their_details_are_shown() {
        let table = [
            (
                r#"{"errors":[{"code":"A","message":"m","detail":{"digest":"sha256:1"}},{"code":"A","message":"m","detail":{"digest":"sha256:2"}}]}"#,
                Some("A"),
                "m (digest: sha256:1); A m (digest: sha256:2)",
            ),
            (r#"{"errors":[{"code":"A","message":"m","detail":"why"},{"code":"B"}]}"#, Some("A"), "m (why); B"),
            (r#"{"errors":[{"code":"A","message":"m","detail":"m"},{"code":"A","message":"m"}]}"#, Some("A"), "m; A m"),
            (
                r#"{"errors":[{"code":"A","message":"m","detail":{"message":"unknown media type","x":null}}]}"#,
                Some("A"),
                "m (message: unknown media type)",
            ),
            (
                r#"{"errors":[{"code":"A","message":"m","detail":[{"Type":"repository","Name":"a/b"}]}]}"#,
                Some("A"),
                r#"m ([{"Name":"a/b","Type":"repository"}])"#,
            ),
            (
                r#"{"errors":[{"code":"A","message":"m","detail":{}}, {"code":"A","message":"m","detail":[]}]}"#,
                Some("A"),
                "m; A m",
            ),
            (r#"{"errors":[{"code":404,"message":"tag not there"}]}"#, Some("404"), "tag not there"),
            (r#"{"errors":[{"status":404,"message":"Not Found"}]}"#, None, "Not Found"),
            (r#"{"errors":["plain",{"code":"B","message":"m"}]}"#, None, "plain; B m"),
            (r#"{"error":{"code":"DENIED","message":"quota"}}"#, Some("DENIED"), "quota"),
            (r#"{"error":"invalid_grant"}"#, None, "invalid_grant"),
            (r#"{"message":"no such host","detail":"x"}"#, None, "no such host (x)"),
            (r#"{"error":"invalid_grant","error_description":"it expired"}"#, None, "invalid_grant (it expired)"),
            (r#"{"error_description":"it expired"}"#, None, "it expired"),
            (r#"{"errors":[{"code":"A"},{"code":"B"}],"message":"why"}"#, Some("A"), "why; B"),
            (r#"{"errors":[{"code":"A","message":"m"}],"message":"why"}"#, Some("A"), "m"),
            (r#"{"errors":[{"code":"A"},{"code":"B","message":"m"}],"message":"why"}"#, Some("A"), "B m"),
            (r#"{"errors":[],"message":"why"}"#, None, "why"),
            (r#"{"errors":null,"message":"why"}"#, None, "why"),
            (r#"{"errors":[{"code":"A","message":"a \ud83d b"}]}"#, Some("A"), "a \u{fffd} b"),
            ("\u{feff}{\"errors\":[{\"code\":\"A\"}]}", Some("A"), ""),
            (r#"{"errors":null}"#, None, r#"{"errors":null}"#),
            (r#"{"errors":[]}"#, None, r#"{"errors":[]}"#),
            ("Method not allowed", None, "Method not allowed"),
            ("", None, ""),
        ];
        for (body, code, message) in table {
            assert_eq!(reason(body), (code.map(str::to_owned), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn many_errors_are_counted_and_signatures_in_details_hidden() {
        let errors: Vec<String> =
            (0..9).map(|n| format!(r#"{{"code":"C{n}","message":"{}"}}"#, "x".repeat(2000))).collect();
        let (_, message) = reason(&format!(r#"{{"errors":[{}]}}"#, errors.join(",")));
        assert!(message.len() < 1400 && message.ends_with("; and 5 more"), "{message}");
        let (_, message) =
            reason(r#"{"errors":[{"code":"A","message":"m","detail":{"url":"https://s3/k?sig=s3cr3t"}}]}"#);
        assert_eq!(message, "m (url: https://s3/k?…)");
    }

    #[test]
    fn codes_survive_invalid_text() {
        let Reason { code, message, .. } =
            Reason::read(b"{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no \xff\"}]}");
        assert_eq!((code.as_deref(), message.as_str()), (Some("DENIED"), "no \u{fffd}"));
    }

    #[tokio::test]
    async fn codes_survive_long_bodies() {
        let detail = "x".repeat(40_000);
        let body = format!(r#"{{"errors":[{{"message":"no","detail":"{detail}","code":"DENIED"}}]}}"#);
        let response = axum::http::Response::builder().status(400).body(body).unwrap();
        let answer = super::read_answer(response.into(), None, std::time::Duration::from_mins(1)).await;
        assert_eq!(answer.code.as_deref(), Some("DENIED"));
        assert!(answer.message.starts_with("no (xxx") && answer.message.len() < 400, "{}", answer.message);
    }

    #[test]
    fn the_offset_after_a_416_is_the_first_messages() {
        let body = r#"{"errors":[{"code":"A","message":"First byte is 5 instead of 17","detail":{"n":99}}]}"#;
        assert_eq!(super::last_number(&Reason::read(body.as_bytes()).first), Some(17));
        for (range, bytes) in
            [("0-4", Some(5)), ("bytes=0-18446744073709551615", None), ("0-99999999999999999999", None), ("x", None)]
        {
            assert_eq!(super::range_bytes(range), bytes, "{range}");
        }
    }
}
