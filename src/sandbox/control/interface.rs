//! `/_sandbox/…`: what tests and people ask of the sandbox itself. No AWS client sees it, and it asks for no signature.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Received, faults::Fault};
use crate::sandbox::cloud::Cloud;

/// Answers `/_sandbox/faults` (GET, POST) and `/_sandbox/calls` (GET, DELETE).
pub(crate) fn serve(cloud: &Cloud, received: &Received) -> Response<Body> {
    let (status, body) = match (received.method.as_str(), received.path.as_str()) {
        ("GET", "/_sandbox/faults") => (StatusCode::OK, json!(cloud.faults.list())),
        ("POST", "/_sandbox/faults") => set_faults(cloud, &received.body),
        ("GET", "/_sandbox/calls") => (StatusCode::OK, json!(cloud.calls.list())),
        ("DELETE", "/_sandbox/calls") => {
            cloud.calls.clear();
            (StatusCode::OK, json!([]))
        }
        _ => {
            (StatusCode::NOT_FOUND, json!({"error": "the control interface has /_sandbox/faults and /_sandbox/calls"}))
        }
    };
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn set_faults(cloud: &Cloud, body: &[u8]) -> (StatusCode, Value) {
    match serde_json::from_slice::<Vec<Fault>>(body) {
        Ok(faults) => {
            let now = Timestamp::now();
            if faults.contains(&Fault::ExpireSessions) {
                cloud.identities.expire_sessions(now);
            }
            if faults.contains(&Fault::ExpireTokens) {
                cloud.tokens.expire_all(now);
            }
            cloud.faults.replace(faults);
            (StatusCode::OK, json!(cloud.faults.list()))
        }
        Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
    }
}
