//! How long a body is read, by who sends it and to which service.

use axum::{body::Body, http::Response};
use jiff::Timestamp;

use super::{
    Received, authenticate, name_call,
    protocol::{self, Service},
    signature::Claim,
};
use crate::{
    budget::{NotRead, Sender},
    cloud::Cloud,
};

/// The largest body of a request whose sender is unknown, which may be an AssumeRoleWithWebIdentity: a token of 20,000
/// characters and a session policy, percent-encoded.
const LARGEST_UNKNOWN: usize = 128 * 1024;

/// Who sends this, as far as the headers tell, and how long a body is read from them. A signature covers the body, so it
/// is verified afterwards.
pub(super) fn largest(cloud: &Cloud, received: &Received) -> (Sender, usize) {
    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;
    let key = Claim::read(&received.headers).and_then(|claim| cloud.identities.key(&claim.access_key_id));
    let is_known = key.is_some_and(|key| {
        let is_over = key.expires.is_some_and(|expires| expires <= Timestamp::now());
        !is_over && received.header("x-amz-security-token") == key.session_token.as_deref()
    });
    if !is_known {
        return (Sender::Unknown, LARGEST_UNKNOWN);
    }
    let limit = match name_call(received) {
        // A part of 20 MiB in base64, and some more.
        (Service::Ecr, action) if action == "UploadLayerPart" => 32 * MIB,
        // A manifest of 4 MiB as a JSON string.
        (Service::Ecr, _) => 8 * MIB,
        // A batch of 1 MiB as JSON strings.
        (Service::Logs, _) => 4 * MIB,
        (Service::AppRunner | Service::SecretsManager | Service::Ssm, _) => MIB,
        (Service::Sts, _) => LARGEST_UNKNOWN,
    };
    (Sender::Known, limit)
}

/// The response to a request whose body was not read.
pub(super) fn refuse(cloud: &Cloud, received: &Received, sender: Sender, not_read: NotRead) -> Response<Body> {
    let (service, action) = name_call(received);
    let unauthenticated = authenticate(cloud, received, service, action, Timestamp::now()).err();
    match (not_read, unauthenticated) {
        (NotRead::TooLarge, Some(error)) if sender == Sender::Unknown => {
            protocol::error(service, error.status, error.code, &error.message)
        }
        (NotRead::TooLarge, _) => {
            protocol::error(service, 413, "RequestEntityTooLargeException", "Request size exceeded the limit")
        }
        (NotRead::Busy, _) => protocol::error(service, 503, "ServiceUnavailableException", "Service is unavailable"),
        (NotRead::Broken, _) => protocol::error(service, 400, "RequestTimeoutException", "The body did not arrive"),
    }
}
