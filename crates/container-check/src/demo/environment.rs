//! The application's environment, as careless programs print it.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// `NAME=VALUE` of every variable.
pub(super) fn environment() -> Vec<String> {
    let variables = std::fs::read("/proc/self/environ").unwrap_or_default();
    let variables = variables.split(|byte| *byte == 0).filter(|variable| !variable.is_empty());
    variables.map(|variable| String::from_utf8_lossy(variable).into_owned()).collect()
}

/// Every variable in encodings that programs use, and at the place where shipgate cuts lines.
pub(super) fn encoded_environment() -> Vec<String> {
    let lines = |variable: String| {
        let value = variable.split_once('=').map(|(_, value)| value.to_owned()).unwrap_or_default();
        let percent = value.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
        [
            STANDARD.encode(&variable),
            URL_SAFE_NO_PAD.encode(&value),
            percent,
            serde_json::Value::from(value.as_str()).to_string(),
            format!("{}{value}", "x".repeat(990)),
        ]
    };
    environment().into_iter().flat_map(lines).collect()
}
