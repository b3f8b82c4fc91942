//! Requests to services that the sandbox does not have. AWS has a host for each service; whoever sends a request to the
//! wrong one gets the error of that service's protocol, and so does whoever uses a service here that is not here.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use serde_json::json;

use super::{
    Received,
    protocol::{Service, request_id},
    signature::Claim,
};
use crate::sts::xml;

/// The response to a signed request that is for none of the sandbox's services.
pub(super) fn refusal(received: &Received) -> Option<Response<Body>> {
    let claim = Claim::read(&received.headers)?;
    let is_known = Service::from_signing_name(&claim.service).is_some();
    if let Some(target) = received.header("x-amz-target") {
        let prefix = target.split_once('.').map_or(target, |(prefix, _)| prefix);
        return (!Service::has_target(prefix)).then(|| unknown_target(received));
    }
    if is_known {
        return None;
    }
    let action = received.form().into_iter().find(|(name, _)| name == "Action").map(|(_, action)| action);
    Some(match (action, claim.service.as_str()) {
        (Some(action), _) => unknown_action(received, &action),
        (None, "s3") => no_bucket(),
        (None, _) => no_path(),
    })
}

fn respond(status: StatusCode, content_type: &str, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    for (name, value) in [("content-type", content_type), ("x-amzn-requestid", &request_id())] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The JSON protocols.
fn unknown_target(received: &Received) -> Response<Body> {
    let sent = received.header("content-type").filter(|kind| kind.starts_with("application/x-amz-json-"));
    let body = json!({"__type": "UnknownOperationException"}).to_string();
    respond(StatusCode::BAD_REQUEST, sent.unwrap_or("application/x-amz-json-1.1"), body)
}

/// The query protocol.
fn unknown_action(received: &Received, action: &str) -> Response<Body> {
    let version = received.form().into_iter().find(|(name, _)| name == "Version").map(|(_, version)| version);
    let message = format!(
        "Could not find operation {action} for version {}",
        version.as_deref().unwrap_or("NO_VERSION_SPECIFIED")
    );
    respond(StatusCode::BAD_REQUEST, "text/xml", xml::error(400, "InvalidAction", &message, &request_id()))
}

/// The REST protocols with JSON.
fn no_path() -> Response<Body> {
    let body = json!({"message": "Unable to determine service/operation name to be authorized"}).to_string();
    let mut response = respond(StatusCode::NOT_FOUND, "application/json", body);
    let kind = HeaderValue::from_static("UnknownOperationException");
    response.headers_mut().insert(header::HeaderName::from_static("x-amzn-errortype"), kind);
    response
}

fn no_bucket() -> Response<Body> {
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code><Message>The specified bucket does \
                not exist</Message></Error>";
    respond(StatusCode::NOT_FOUND, "application/xml", body.to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Received, refusal};

    fn received(scope: &str, target: Option<&str>, body: &str) -> Received {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-west-1/{scope}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut headers = HeaderMap::new();
        for (name, value) in [("authorization", Some(authorization.as_str())), ("x-amz-target", target)] {
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
            }
        }
        let (method, path, query) = ("POST".to_owned(), "/".to_owned(), String::new());
        Received { method, path, query, headers, body: bytes::Bytes::copy_from_slice(body.as_bytes()) }
    }

    #[tokio::test]
    async fn each_protocol_has_its_error() {
        for (scope, target, body, status, part) in [
            ("dynamodb", Some("DynamoDB_20120810.ListTables"), "{}", 400, "UnknownOperationException"),
            ("ecr", Some("AmazonEC2ContainerRegistry_V20990101.PutImage"), "{}", 400, "UnknownOperationException"),
            ("iam", None, "Action=ListUsers&Version=2010-05-08", 400, "<Code>InvalidAction</Code>"),
            ("lambda", None, "", 404, "Unable to determine service"),
            ("s3", None, "", 404, "<Code>NoSuchBucket</Code>"),
        ] {
            let response = refusal(&received(scope, target, body)).unwrap();
            assert_eq!(response.status().as_u16(), status, "{scope}");
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(body.contains(part), "{scope}: {body}");
        }
        let known = received("sts", None, "Action=GetCallerIdentity");
        let known_target = received("ecr", Some("AmazonEC2ContainerRegistry_V20150921.PutImage"), "{}");
        assert!(refusal(&known).is_none() && refusal(&known_target).is_none());
    }
}
