//! The little XML that the query protocol needs.

/// The namespace of the answers (STS API reference).
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// `<NAME>INNER</NAME>`, the inner part being XML already.
pub(crate) fn element(name: &str, inner: &str) -> String {
    format!("<{name}>{inner}</{name}>")
}

/// `<NAME>VALUE</NAME>`, the value being text.
pub(crate) fn text(name: &str, value: &str) -> String {
    let escaped = value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    element(name, &escaped)
}

/// The answer to an action.
pub(crate) fn response(action: &str, result: &str, request_id: &str) -> String {
    let result = element(&format!("{action}Result"), result);
    let metadata = element("ResponseMetadata", &text("RequestId", request_id));
    format!("<{action}Response xmlns=\"{NAMESPACE}\">{result}{metadata}</{action}Response>")
}

/// An error answer.
pub(crate) fn error(status: u16, code: &str, message: &str, request_id: &str) -> String {
    let side = if status < 500 { "Sender" } else { "Receiver" };
    let inner = [text("Type", side), text("Code", code), text("Message", message)].concat();
    let error = element("Error", &inner);
    format!("<ErrorResponse xmlns=\"{NAMESPACE}\">{error}{}</ErrorResponse>", text("RequestId", request_id))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn text_is_escaped() {
        assert_eq!(text("M", "a<b> & \"c\""), "<M>a&lt;b&gt; &amp; &quot;c&quot;</M>");
    }
}
