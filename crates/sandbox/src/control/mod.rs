//! The control plane: one address for every service, told apart by the credential scope of the signature.
//!
//! Here a request is read, its signature verified and its action named; what it does is the services' business.

mod body;
pub(crate) mod calls;
pub(crate) mod digesting;
mod enumerations;
mod interface;
pub(crate) mod percent;
pub(crate) mod protocol;
mod short_pages;
pub(crate) mod signature;
pub(crate) mod token;
mod unknown;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, Response, request::Parts},
};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

use self::{
    calls::Call,
    protocol::Service,
    short_pages::{List, Page},
    signature::Claim,
};
use super::{
    answer::ApiError, authorization, caller::Caller, cloud::Cloud, ecr, faults, identities::Principal,
    keys::MayDecrypt, logs, page, parameters, regions, rest, secrets_manager, sts,
};
use shipgate_core::account::Region;

/// Larger bodies hold layers, and no ids to look for.
const LARGEST_WITH_IDS: usize = 64 * 1024;

/// A request that has arrived.
pub(crate) struct Received {
    /// `POST`.
    pub(crate) method: String,
    /// The decoded path.
    pub(crate) path: String,
    /// The query string as it came.
    pub(crate) query: String,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body; empty until it has been read.
    pub(crate) body: Bytes,
}

impl Received {
    fn new(head: Parts) -> Self {
        Self {
            method: head.method.as_str().to_owned(),
            path: percent::decode(head.uri.path()),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: Bytes::new(),
        }
    }

    fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// The header, when it is there and text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the call names an id of zeros, with or without dashes.
    fn names_nothing(&self) -> bool {
        const ZEROS: [u8; 32] = [b'0'; 32];
        if self.body.len() > LARGEST_WITH_IDS {
            return false;
        }
        let digits: Vec<u8> = self.body.iter().copied().filter(|byte| *byte != b'-').collect();
        digits.windows(ZEROS.len()).any(|window| window == ZEROS)
    }

    /// The parameters of the query protocol, which a GET has in its address.
    fn form(&self) -> Vec<(String, String)> {
        let mut pairs = percent::pairs(&String::from_utf8_lossy(&self.body), true);
        pairs.extend(percent::pairs(&self.query, true));
        pairs
    }
}

/// A call whose caller is known.
struct Signed {
    service: Service,
    action: String,
    region: Region,
    /// Absent only where no signature is asked for: AssumeRoleWithWebIdentity.
    principal: Option<Principal>,
}

/// Answers one request.
pub(crate) async fn serve(cloud: Arc<Cloud>, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let (body, rest) = rest::share(body);
    let mut received = Received::new(head);
    if let Some(page) = page::answer(&cloud, &received) {
        return page;
    }
    let is_of_interface = interface::has(&received.path);
    if let Some(refused) = is_of_interface.then(|| interface::refusal(&cloud, &received)).flatten() {
        rest.read().await;
        return refused;
    }
    let (sender, limit) =
        if is_of_interface { interface::largest_body(&received) } else { body::largest(&cloud, &received) };
    // It counts against the budget until the call has been answered.
    let buffered = match cloud.budget.read(body, received.content_length(), limit, sender).await {
        Ok(buffered) => buffered,
        Err(not_read) => {
            let refused = body::refuse(&cloud, &received, sender, not_read);
            rest.read().await;
            return refused;
        }
    };
    received.body = buffered.bytes.clone();
    if is_of_interface {
        return interface::serve(&cloud, &received);
    }
    if let Some(refused) = unknown::refusal(&received) {
        return refused;
    }
    let (service, action) = name_call(&received);
    cut_where_app_runner_is_not(&received, service);
    let signed = authenticate(&cloud, &received, service, action.clone(), Timestamp::now());
    let principal = signed.as_ref().ok().and_then(|signed| signed.principal.clone());
    let response = match signed {
        Ok(signed) => perform(&cloud, &received, signed).await,
        Err(error) => protocol::error(service, error.status, error.code, &error.message),
    };
    cloud.calls.record(Call {
        at: Timestamp::now(),
        service: service.signing_name(),
        action,
        account: principal.as_ref().map(|known| known.account.to_string()).unwrap_or_default(),
        caller: principal.map(|known| known.arn).unwrap_or_default(),
        resource: String::new(),
        names_nothing: received.names_nothing(),
        status: response.status().as_u16(),
    });
    response
}

/// Where there is no App Runner its host name does not resolve. Here one address serves all regions: the connection is cut.
fn cut_where_app_runner_is_not(received: &Received, service: Service) {
    let region = Claim::read(&received.headers).and_then(|claim| claim.region.parse::<Region>().ok());
    if service == Service::AppRunner && region.is_some_and(|region| !regions::have_app_runner(&region)) {
        faults::hang_up();
    }
}

/// The service and the action a request is about, before anything of it is believed.
fn name_call(received: &Received) -> (Service, String) {
    if let Some((prefix, action)) = received.header("x-amz-target").and_then(|target| target.split_once('.')) {
        let known = [Service::Ecr, Service::AppRunner, Service::Logs, Service::SecretsManager, Service::Ssm];
        let service = known.into_iter().find(|service| service.target_prefix() == Some(prefix));
        return (service.unwrap_or(Service::Ecr), action.to_owned());
    }
    let action = received.form().into_iter().find(|(name, _)| name == "Action").map(|(_, action)| action);
    (Service::Sts, action.unwrap_or_default())
}

/// Verifies the signature and finds who signed.
fn authenticate(
    cloud: &Cloud,
    received: &Received,
    service: Service,
    action: String,
    now: Timestamp,
) -> Result<Signed, ApiError> {
    let denied = |code, message: &str| ApiError::new(service.denied_status(), code, message);
    let Some(claim) = Claim::read(&received.headers) else {
        if service == Service::Sts && action == "AssumeRoleWithWebIdentity" {
            return Ok(Signed { service, action, region: cloud.region.clone(), principal: None });
        }
        let is_sts = service == Service::Sts;
        if received.header("authorization").is_some_and(|header| header.starts_with("AWS4-HMAC-SHA256")) {
            let code = if is_sts { "IncompleteSignature" } else { "IncompleteSignatureException" };
            return Err(denied(code, "Authorization header requires 'Credential' parameter with a full scope."));
        }
        let code = if is_sts { "MissingAuthenticationToken" } else { "MissingAuthenticationTokenException" };
        return Err(denied(code, "Request is missing Authentication Token"));
    };
    if Service::from_signing_name(&claim.service) != Some(service) {
        let message = format!("Credential should be scoped to correct service: '{}'.", service.signing_name());
        return Err(denied(mismatch_code(service), &message));
    }
    let principal = authenticate_key(cloud, received, &claim, service, now)?;
    let region = claim
        .region
        .parse()
        .map_err(|_| denied(mismatch_code(service), "Credential should be scoped to a valid region."))?;
    Ok(Signed { service, action, region, principal: Some(principal) })
}

fn mismatch_code(service: Service) -> &'static str {
    if service == Service::Sts { "SignatureDoesNotMatch" } else { "InvalidSignatureException" }
}

/// The principal of the key, when key, token, expiry and signature are all right.
fn authenticate_key(
    cloud: &Cloud,
    received: &Received,
    claim: &Claim,
    service: Service,
    now: Timestamp,
) -> Result<Principal, ApiError> {
    let is_sts = service == Service::Sts;
    let invalid = || {
        let code = if is_sts { "InvalidClientTokenId" } else { "UnrecognizedClientException" };
        ApiError::new(service.denied_status(), code, "The security token included in the request is invalid.")
    };
    let expired = || {
        let code = if is_sts { "ExpiredToken" } else { "ExpiredTokenException" };
        ApiError::new(service.denied_status(), code, "The security token included in the request is expired")
    };
    let key = cloud.identities.key(&claim.access_key_id).ok_or_else(|| {
        // Sessions end with the process that opened them; whoever holds one is to ask for another.
        let is_of_a_former_life = cloud.has_former_lives && claim.access_key_id.starts_with("ASIA");
        if is_of_a_former_life { expired() } else { invalid() }
    })?;
    if received.header("x-amz-security-token") != key.session_token.as_deref() {
        return Err(invalid());
    }
    claim
        .verify(received, &key.secret, now)
        .map_err(|refused| ApiError::new(service.denied_status(), mismatch_code(service), refused.to_string()))?;
    if key.expires.is_some_and(|expires| expires <= now) {
        return Err(expired());
    }
    Ok(key.principal)
}

/// Lets the service do what was asked, unless trouble was ordered.
async fn perform(cloud: &Arc<Cloud>, received: &Received, signed: Signed) -> Response<Body> {
    let Signed { service, action, region, principal } = signed;
    let account = principal.as_ref().map(|known| known.account.to_string()).unwrap_or_default();
    // Trouble is ordered for calls that do something: a permission that is tried must not use it up.
    if received.names_nothing() {
        return answer(cloud, received, Signed { service, action, region, principal }).await;
    }
    let trouble = cloud.faults.trouble(service.signing_name(), &action, &account);
    if let Some(error) = trouble.begin().await {
        return protocol::error(service, error.status, &error.code, &error.message);
    }
    trouble.end(answer(cloud, received, Signed { service, action, region, principal }).await)
}

async fn answer(cloud: &Arc<Cloud>, received: &Received, signed: Signed) -> Response<Body> {
    let Signed { service, action, region, principal } = signed;
    let result = match (service, principal) {
        (Service::Sts, principal) => {
            return match sts::call(cloud, principal.as_ref(), &action, &received.form()) {
                Ok(xml) => protocol::answer(service, 200, xml),
                Err(error) => protocol::error(service, error.status, error.code, &error.message),
            };
        }
        (_, None) => {
            Err(ApiError::new(400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"))
        }
        (service, Some(principal)) => {
            let caller = Caller { account: principal.account.clone(), region, arn: principal.arn.clone() };
            call_json(cloud, service, &principal, &caller, &action, &received.body).await
        }
    };
    match result {
        Ok(output) => protocol::answer_json(service, &output),
        Err(error) => protocol::error(service, error.status, error.code, &error.message),
    }
}

async fn call_json(
    cloud: &Arc<Cloud>,
    service: Service,
    principal: &Principal,
    caller: &Caller,
    action: &str,
    body: &[u8],
) -> Result<Value, ApiError> {
    let body = if body.is_empty() { b"{}" } else { body };
    let input: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::new(400, "SerializationException", error.to_string()))?;
    enumerations::check(service, &input)?;
    authorization::check(cloud, principal, caller, service, action, &input)?;
    let Some(list) = List::of(action, &input).filter(|_| cloud.short_pages) else {
        return dispatch(cloud, service, principal, caller, action, input).await;
    };
    match list.page(input) {
        Page::Empty(answer) => Ok(answer),
        Page::Short(input) => {
            dispatch(cloud, service, principal, caller, action, input).await.map(|answer| list.answered(answer))
        }
    }
}

async fn dispatch(
    cloud: &Arc<Cloud>,
    service: Service,
    principal: &Principal,
    caller: &Caller,
    action: &str,
    input: Value,
) -> Result<Value, ApiError> {
    let may_decrypt = MayDecrypt { identities: &cloud.identities, principal };
    match service {
        Service::Ecr => ecr::call(cloud, principal, caller, action, &input).await,
        Service::Logs => logs::call(&cloud.logs, caller, action, &input),
        Service::SecretsManager => secrets_manager::call(&cloud.secrets, caller, &may_decrypt, action, &input),
        Service::Ssm => parameters::call(&cloud.parameters, caller, &may_decrypt, action, &input),
        Service::AppRunner => cloud.app_runner.call(caller, action, input).await,
        Service::Sts => Err(ApiError::new(400, "UnknownOperationException", "STS does not speak JSON")),
    }
}
