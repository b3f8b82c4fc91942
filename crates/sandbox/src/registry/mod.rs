//! The OCI registry of one account in one region: `/v2/…` as the distribution specification has it, with ECR's manners where the
//! sandbox is told to have them. Each registry has a listener of its own.

mod blobs;
pub(crate) mod links;
mod listing;
mod manifests;
mod refusal;
mod route;
mod uploads;

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header},
};
use jiff::Timestamp;

use self::{refusal::Refusal, route::Route};
use super::{
    authorization,
    cloud::Cloud,
    control::calls::Call,
    ecr::{
        caching,
        repository::RepositoryId,
        tokens::{Holder, Login},
    },
    faults::Trouble,
    rest,
};
use shipgate_core::account::{AccountId, Region};

/// A registry.
#[derive(Clone)]
pub(crate) struct Registry {
    /// The sandbox it is part of.
    pub(crate) cloud: Arc<Cloud>,
    /// Whose it is.
    pub(crate) account: AccountId,
    /// Where it is.
    pub(crate) region: Region,
}

/// A request whose route is known.
pub(crate) struct Asked {
    method: Method,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Body,
}

impl Asked {
    fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(named, _)| named == name).map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers one request.
pub(crate) async fn serve(registry: Registry, request: Request) -> Response<Body> {
    let (head, body) = request.into_parts();
    let (body, rest) = rest::share(body);
    let route = Route::read(&super::control::percent::decode(head.uri.path()));
    let asked = Asked {
        query: super::control::percent::pairs(head.uri.query().unwrap_or_default(), true),
        method: head.method,
        headers: head.headers,
        body,
    };
    let action = format!("{} {}", asked.method, route.kind());
    let resource = route.resource();
    let trouble = registry.cloud.faults.trouble("registry", &action, registry.account.as_str());
    let (holder, result) = registry.answer(&trouble, route, asked).await;
    let mut response = match result {
        Ok(response) => response,
        Err(refusal) => {
            rest.read().await;
            refusal.into_response()
        }
    };
    let version = HeaderValue::from_static("registry/2.0");
    response.headers_mut().insert("docker-distribution-api-version", version);
    registry.cloud.calls.record(Call {
        at: Timestamp::now(),
        service: "registry",
        action,
        account: registry.account.to_string(),
        caller: holder.map(|holder| holder.principal.arn).unwrap_or_default(),
        resource,
        names_nothing: false,
        status: response.status().as_u16(),
    });
    trouble.end(response)
}

impl Registry {
    async fn answer(
        &self,
        trouble: &Trouble,
        route: Route,
        asked: Asked,
    ) -> (Option<Holder>, Result<Response<Body>, Refusal>) {
        if let Some(error) = trouble.begin().await {
            return (None, Err(Refusal::on_demand(error.status, &error.code, &error.message)));
        }
        let asked = Asked { body: trouble.upload(asked.body), ..asked };
        match self.login(&asked) {
            Err(refusal) => (None, Err(refusal)),
            Ok(holder) => {
                let result = self.perform(&holder, route, asked).await;
                (Some(holder), result)
            }
        }
    }

    fn login(&self, asked: &Asked) -> Result<Holder, Refusal> {
        match self.cloud.tokens.login(asked.header("authorization"), Timestamp::now()) {
            Login::Good(holder) => Ok(holder),
            Login::Expired => {
                let message = "Your authorization token has expired. Reauthenticate and try again.";
                Err(Refusal::new(StatusCode::FORBIDDEN, "DENIED", message))
            }
            Login::Unknown => {
                let realm = self.cloud.registry_url(&self.account, &self.region).unwrap_or_default();
                let challenge = format!("Basic realm=\"{realm}/\",service=\"ecr.amazonaws.com\"");
                Err(Refusal::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Not Authorized")
                    .with(header::WWW_AUTHENTICATE, challenge))
            }
        }
    }

    async fn perform(&self, holder: &Holder, route: Route, asked: Asked) -> Result<Response<Body>, Refusal> {
        let get = asked.method == Method::GET || asked.method == Method::HEAD;
        match (route, asked.method.as_str()) {
            (Route::Ping, _) if get => Ok(Response::new(Body::from("{}"))),
            (Route::Manifest { name, reference }, "GET" | "HEAD") => {
                let id = self.permitted(holder, "BatchGetImage", &name)?;
                caching::import(&self.cloud, &holder.principal, &id, &reference).map_err(Refusal::not_imported)?;
                manifests::get(self, &id, &reference, &asked)
            }
            (Route::Manifest { name, reference }, "PUT") => {
                let id = self.repository(holder, "PutImage", &name)?;
                manifests::put(self, &id, &reference, asked).await
            }
            (Route::Manifest { name, reference }, "DELETE") => {
                let id = self.repository(holder, "BatchDeleteImage", &name)?;
                manifests::delete(self, &id, &reference)
            }
            (Route::Blob { name, digest }, method @ ("GET" | "HEAD")) => {
                let looks = method == "HEAD";
                let action = if looks { "BatchCheckLayerAvailability" } else { "GetDownloadUrlForLayer" };
                let id = self.repository(holder, action, &name)?;
                blobs::get(self, &id, &digest, asked).await
            }
            (Route::Blob { name, digest }, "DELETE") => {
                let id = self.repository(holder, "BatchDeleteImage", &name)?;
                blobs::delete(self, &id, &digest)
            }
            (Route::StartUpload { name }, "POST") => {
                let id = self.repository(holder, "InitiateLayerUpload", &name)?;
                uploads::start(self, &id, asked).await
            }
            (Route::Upload { name, id }, method) => {
                let action = if method == "PUT" { "CompleteLayerUpload" } else { "UploadLayerPart" };
                // The last request may bring bytes, which are a part.
                if method == "PUT" && asked.header("content-length") != Some("0") {
                    self.repository(holder, "UploadLayerPart", &name)?;
                }
                let repository = self.repository(holder, action, &name)?;
                match method {
                    "GET" => uploads::status(self, &repository, &id).await,
                    "PATCH" => uploads::patch(self, &repository, &id, asked).await,
                    "PUT" => uploads::finish(self, &repository, &id, asked).await,
                    "DELETE" => uploads::cancel(self, &repository, &id).await,
                    _ => Err(Refusal::unsupported()),
                }
            }
            (Route::Tags { name }, "GET") => {
                let id = self.repository(holder, "ListImages", &name)?;
                listing::tags(self, &id, &asked)
            }
            (Route::Referrers { name, digest }, "GET") => {
                let id = self.repository(holder, "BatchGetImage", &name)?;
                listing::referrers(self, &id, &digest, &asked)
            }
            (Route::Unknown { .. }, _) => Err(Refusal::new(StatusCode::NOT_FOUND, "NAME_INVALID", "page not found")),
            (
                Route::Ping
                | Route::Manifest { .. }
                | Route::Blob { .. }
                | Route::StartUpload { .. }
                | Route::Tags { .. }
                | Route::Referrers { .. },
                _,
            ) => Err(Refusal::unsupported()),
        }
    }

    /// The repository, when it is there and the caller may do this to it.
    fn repository(&self, holder: &Holder, action: &str, name: &str) -> Result<RepositoryId, Refusal> {
        let id = self.permitted(holder, action, name)?;
        self.cloud.images.look(&id, |_| ()).map_err(|missing| Refusal::no_repository(&missing))?;
        Ok(id)
    }

    /// The repository, there or not, when the caller may do this to it.
    fn permitted(&self, holder: &Holder, action: &str, name: &str) -> Result<RepositoryId, Refusal> {
        let id = RepositoryId { account: self.account.clone(), region: self.region.clone(), name: name.to_owned() };
        if holder.region != self.region {
            let message = format!("the token is for {}, the registry is in {}", holder.region, self.region);
            return Err(Refusal::new(StatusCode::FORBIDDEN, "DENIED", &message));
        }
        authorization::repository(&self.cloud, &holder.principal, action, &id)
            .map_err(|denied| Refusal::new(StatusCode::FORBIDDEN, "DENIED", &denied.message))?;
        Ok(id)
    }

    /// The address a `Location` header is to name: whole on ECR, a path on the plain registry.
    fn location(&self, path: &str) -> String {
        let own = self.cloud.registry_url(&self.account, &self.region).filter(|_| self.cloud.ecr_manners);
        format!("{}{path}", own.unwrap_or_default())
    }
}

/// An answer without a body.
fn empty(status: StatusCode, headers: &[(header::HeaderName, String)]) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name.clone(), value);
        }
    }
    response
}
