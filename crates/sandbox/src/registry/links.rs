//! The second address, which stands for S3: where ECR sends the download of a blob.
//!
//! Its host name is not the registry's: `localhost` where the registry is on 127.0.0.1. Clients that send credentials to
//! every port of a host do not send them here.
//!
//! A link carries its own permission and expires. A request that brings an Authorization header too is refused with 400,
//! as S3 refuses it: what a client that forwards credentials across hosts meets in production.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, Response, StatusCode, header},
};
use jiff::Timestamp;

use super::blobs;
use crate::{
    cloud::Cloud,
    control::{
        calls::Call,
        digesting::{equal_in_constant_time, hex, hmac_sha256},
        percent,
    },
    random::alphanumeric,
};
use shipgate_core::digest::Digest;

/// Makes links and knows its own again.
pub(crate) struct Links {
    authority: String,
    secret: String,
    lifetime_seconds: i64,
}

/// Why a link is not followed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Broken {
    Forged,
    Expired,
}

impl Links {
    /// Links to this address.
    pub(crate) fn new(address: SocketAddr, lifetime_seconds: u32) -> Self {
        Self { authority: authority(address), secret: alphanumeric(32), lifetime_seconds: lifetime_seconds.into() }
    }

    /// A link to the blob, good for its lifetime, or expired from the start.
    pub(crate) fn to(&self, digest: &Digest, dead: bool) -> String {
        let expires = Timestamp::now().as_second() + if dead { -1 } else { self.lifetime_seconds };
        let signature = self.signature(digest.hex(), expires);
        format!("http://{}/layers/{}?X-Amz-Expires={expires}&X-Amz-Signature={signature}", self.authority, digest.hex())
    }

    fn signature(&self, hexadecimal: &str, expires: i64) -> String {
        hex(&hmac_sha256(self.secret.as_bytes(), format!("{hexadecimal} {expires}").as_bytes()))
    }

    /// The blob that a link is to.
    fn follow(&self, path: &str, query: &str, now: Timestamp) -> Result<Digest, Broken> {
        let pairs = percent::pairs(query, false);
        let field = |name: &str| pairs.iter().find(|(named, _)| named == name).map(|(_, value)| value.as_str());
        let hexadecimal = path.strip_prefix("/layers/").ok_or(Broken::Forged)?;
        let expires: i64 = field("X-Amz-Expires").and_then(|text| text.parse().ok()).ok_or(Broken::Forged)?;
        let expected = self.signature(hexadecimal, expires);
        let signature = field("X-Amz-Signature").unwrap_or_default();
        if !equal_in_constant_time(expected.as_bytes(), signature.as_bytes()) {
            return Err(Broken::Forged);
        }
        if expires < now.as_second() {
            return Err(Broken::Expired);
        }
        format!("sha256:{hexadecimal}").parse().map_err(|_| Broken::Forged)
    }
}

/// The address by another name, where it has one.
fn authority(address: SocketAddr) -> String {
    if address.ip().is_loopback() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

/// Answers one request to the second address.
pub(crate) async fn serve(cloud: &Cloud, request: Request) -> Response<Body> {
    let action = format!("{} layer", request.method());
    let resource = request.uri().path().trim_start_matches("/layers/").to_owned();
    let trouble = cloud.faults.trouble("layers", &action, "");
    let response = match trouble.begin().await {
        Some(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refuse(status, &error.code, &error.message)
        }
        None => answer(cloud, request).await,
    };
    cloud.calls.record(Call {
        at: Timestamp::now(),
        service: "layers",
        action,
        account: String::new(),
        caller: String::new(),
        resource,
        names_nothing: false,
        status: response.status().as_u16(),
    });
    trouble.end(response)
}

async fn answer(cloud: &Cloud, request: Request) -> Response<Body> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        let message = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
                       parameter or the Authorization header should be specified";
        return refuse(StatusCode::BAD_REQUEST, "InvalidArgument", message);
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "Not this method on this resource.");
    }
    let query = request.uri().query().unwrap_or_default();
    match cloud.links.follow(request.uri().path(), query, Timestamp::now()) {
        Ok(digest) => {
            let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
            match blobs::file(cloud, &digest, request.method(), range).await {
                Ok(response) => response,
                Err(_) => refuse(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
            }
        }
        Err(Broken::Expired) => refuse(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired"),
        Err(Broken::Forged) => {
            let message = "The request signature we calculated does not match the signature you provided.";
            refuse(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", message)
        }
    }
}

fn refuse(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{Broken, Digest, Links};

    #[test]
    fn a_link_is_good_until_it_expires_and_for_one_blob() {
        let links = Links::new("127.0.0.1:1".parse().unwrap(), 60);
        let digest = Digest::of(b"x");
        let link = links.to(&digest, false);
        let (path, query) = link.strip_prefix("http://localhost:1").unwrap().split_once('?').unwrap();
        let now = Timestamp::now();
        assert_eq!(links.follow(path, query, now), Ok(digest));
        assert_eq!(links.follow(path, query, now + SignedDuration::from_secs(62)), Err(Broken::Expired));
        let other = format!("/layers/{}", Digest::of(b"y").hex());
        assert_eq!(links.follow(&other, query, now), Err(Broken::Forged));
    }
}
