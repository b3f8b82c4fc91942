//! Error answers of a registry: `{"errors": [{"code", "message"}]}`.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use serde_json::json;

use crate::ecr::{caching::NotImported, store::NoRepository};
use shipgate_core::digest::Digest;

/// An error answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: String,
    message: String,
    headers: Vec<(HeaderName, String)>,
}

impl Refusal {
    /// With a code of the specification.
    pub(crate) fn new(status: StatusCode, code: &str, message: &str) -> Self {
        Self { status, code: code.to_owned(), message: message.to_owned(), headers: Vec::new() }
    }

    /// With a header more.
    pub(crate) fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// What the control interface asked for.
    pub(crate) fn on_demand(status: u16, code: &str, message: &str) -> Self {
        Self::new(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code, message)
    }

    /// There is no such repository.
    pub(crate) fn no_repository(missing: &NoRepository) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NAME_UNKNOWN", &missing.to_string())
    }

    /// The pull-through cache has not got what is asked for.
    pub(crate) fn not_imported(why: NotImported) -> Self {
        let (NotImported::Denied(message) | NotImported::Upstream(message)) = why;
        Self::new(StatusCode::FORBIDDEN, "DENIED", &message)
    }

    /// There is no such manifest.
    pub(crate) fn manifest_unknown() -> Self {
        Self::new(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "Requested image not found")
    }

    /// There is no such blob.
    pub(crate) fn blob_unknown(digest: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", &format!("blob unknown to registry: {digest}"))
    }

    /// There is no such upload.
    pub(crate) fn upload_unknown(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", &format!("blob upload unknown to registry: {id}"))
    }

    /// What was sent is not what was announced.
    pub(crate) fn digest_invalid(announced: &str, actual: Option<&Digest>) -> Self {
        let message = match actual {
            Some(actual) => format!("provided digest {announced} did not match uploaded content {actual}"),
            None => format!("`{announced}` is not a digest this registry knows"),
        };
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", &message)
    }

    /// The disk failed.
    pub(crate) fn disk(error: &std::io::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN", &format!("the sandbox's disk: {error}"))
    }

    /// Not this method here.
    pub(crate) fn unsupported() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported.")
    }

    /// The answer.
    pub(crate) fn into_response(self) -> Response<Body> {
        let body = json!({"errors": [{"code": self.code, "message": self.message}]}).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
