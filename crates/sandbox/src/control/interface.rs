//! `/_sandbox/…`: what tests and people ask of the sandbox itself. No AWS client sees it. In the place of a signature it
//! needs the control token, except for what the page shows too and what OIDC makes public.

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Received, percent};
use crate::{apprunner::Order, budget::Sender, cloud::Cloud, faults::Fault, sts::issuer::Issuer};

/// Where an OIDC issuer tells about itself (OpenID Connect Discovery 1.0, 4).
const CONFIGURATION: &str = "/.well-known/openid-configuration";

/// The key set of the issuer.
const KEY_SET: &str = "/_sandbox/oidc/jwks";

/// The largest body of a request.
const LARGEST_BODY: usize = 1024 * 1024;

/// What a request needs.
enum Access {
    /// Nothing.
    Public,
    /// Permission to look.
    View,
    /// The control token.
    Control,
}

fn access(received: &Received) -> Access {
    match (received.method.as_str(), received.path.as_str()) {
        ("GET", CONFIGURATION | KEY_SET) => Access::Public,
        ("GET", "/_sandbox/calls" | "/_sandbox/faults") => Access::View,
        _ => Access::Control,
    }
}

/// The response to a request that has not got what it needs.
pub(crate) fn refusal(cloud: &Cloud, received: &Received) -> Option<Response<Body>> {
    let has_access = match access(received) {
        Access::Public => true,
        Access::View => cloud.control.may_view(&received.headers),
        Access::Control => cloud.control.may_control(&received.headers),
    };
    if has_access {
        return None;
    }
    let error = "this call needs the sandbox's control token: send `Authorization: Bearer $SHIPGATE_SANDBOX_TOKEN`, whose \
                 value the sandbox prints when it starts";
    let mut response = answer(StatusCode::UNAUTHORIZED, &json!({ "error": error }));
    let challenge = HeaderValue::from_static("Bearer realm=\"shipgate sandbox\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    Some(response)
}

/// How long a body is read of a request that has access.
pub(crate) fn largest_body(received: &Received) -> (Sender, usize) {
    match access(received) {
        Access::Public | Access::View => (Sender::Unknown, 0),
        Access::Control => (Sender::Known, LARGEST_BODY),
    }
}

/// Whether a path is one of these.
pub(crate) fn has(path: &str) -> bool {
    path.starts_with("/_sandbox/") || path == CONFIGURATION
}

/// Answers:
/// - `/_sandbox/faults` GET, POST: see [`crate::faults`];
/// - `/_sandbox/calls` GET, DELETE: see [`super::calls`];
/// - `/_sandbox/apprunner` GET: services with what they run, and the scripts that wait; POST: one order or a list of
///   them, see [`crate::apprunner::Order`]. An order that cannot be carried out ends the list with 400;
/// - `/_sandbox/roles` POST: makes a role, written as in the seed. It can be used after `role_propagation_seconds`;
/// - `/_sandbox/oidc/token` GET, POST, `/_sandbox/oidc/jwks` GET and `/.well-known/openid-configuration` GET: see
///   [`crate::sts::issuer`].
pub(crate) fn serve(cloud: &Cloud, received: &Received) -> Response<Body> {
    let (status, body) = match (received.method.as_str(), received.path.as_str()) {
        ("GET", "/_sandbox/faults") => (StatusCode::OK, json!(cloud.faults.list())),
        ("POST", "/_sandbox/faults") => set_faults(cloud, &received.body),
        ("GET", "/_sandbox/calls") => (StatusCode::OK, json!(cloud.calls.list())),
        ("DELETE", "/_sandbox/calls") => {
            cloud.calls.clear();
            (StatusCode::OK, json!([]))
        }
        ("GET", "/_sandbox/apprunner") => (StatusCode::OK, app_runner(cloud)),
        ("POST", "/_sandbox/apprunner") => order(cloud, &received.body),
        ("POST", "/_sandbox/roles") => put_role(cloud, &received.body),
        ("POST", "/_sandbox/oidc/token") => mint(cloud, serde_json::from_slice(&received.body)),
        ("GET", "/_sandbox/oidc/token") => mint(cloud, Ok(claims_of_query(&received.query))),
        ("GET", KEY_SET) => (StatusCode::OK, cloud.issuer.key_set()),
        ("GET", CONFIGURATION) => {
            let address = format!("http://{}", received.header("host").unwrap_or_default());
            (StatusCode::OK, Issuer::configuration(&address))
        }
        _ => (StatusCode::NOT_FOUND, json!({"error": "no such path in the sandbox's control interface"})),
    };
    answer(status, &body)
}

fn answer(status: StatusCode, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn app_runner(cloud: &Cloud) -> Value {
    json!({"services": cloud.app_runner.overview(), "scripts": cloud.app_runner.scripts()})
}

fn order(cloud: &Cloud, body: &[u8]) -> (StatusCode, Value) {
    let list = serde_json::from_slice::<Value>(body).and_then(|orders| {
        let list = if orders.is_array() { orders } else { json!([orders]) };
        serde_json::from_value::<Vec<Order>>(list)
    });
    let done = list.map_err(|error| error.to_string()).and_then(|orders| {
        let mut orders = orders.into_iter();
        orders.try_for_each(|order| cloud.app_runner.control(order).map_err(|error| error.to_string()))
    });
    match done {
        Ok(()) => (StatusCode::OK, app_runner(cloud)),
        Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error})),
    }
}

fn put_role(cloud: &Cloud, body: &[u8]) -> (StatusCode, Value) {
    let usable = Timestamp::now().checked_add(cloud.role_propagation).unwrap_or(Timestamp::MAX);
    let role = serde_json::from_slice::<Value>(body).map_err(|error| error.to_string());
    match role.and_then(|role| cloud.identities.write_role(role, usable)) {
        Ok(()) => (StatusCode::OK, json!({"usable_from": usable.to_string()})),
        Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error})),
    }
}

fn mint(cloud: &Cloud, claims: serde_json::Result<Value>) -> (StatusCode, Value) {
    match claims.map(|claims| cloud.issuer.mint(&claims, Timestamp::now())) {
        Ok(Ok(token)) => (StatusCode::OK, json!({ "value": token })),
        Ok(Err(_)) => (StatusCode::INTERNAL_SERVER_ERROR, json!({"error": "the token cannot be signed"})),
        Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error.to_string()})),
    }
}

/// The claims that a query names: the last of each counts, as clients append the audience.
fn claims_of_query(query: &str) -> Value {
    let mut claims = json!({});
    for (name, value) in percent::pairs(query, true) {
        match name.as_str() {
            "issuer" => claims["iss"] = value.into(),
            "subject" => claims["sub"] = value.into(),
            "audience" => claims["aud"] = value.into(),
            _ => {}
        }
    }
    claims
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
