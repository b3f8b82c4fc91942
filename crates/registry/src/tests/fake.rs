//! A strict registry in memory. It knows the few requests a copy may make, complains of all others, takes no blob of
//! unannounced length and no manifest whose content it lacks, and plays the faults it is told to.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use bytes::Bytes;
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    image::TestImage,
    listing,
    serve::{Fault, serve_bytes},
    sessions::{self, Manners, Session},
    strangers::{self, Door},
};
use shipgate_core::{
    digest::Digest,
    manifest::{Manifest, RawManifest},
};

pub(crate) struct AbortOnDrop(pub(crate) JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Default)]
pub(super) struct Contents {
    pub(super) repositories: HashMap<String, Repository>,
    pub(super) sessions: HashMap<String, Session>,
    pub(super) manners: Manners,
    requests: Vec<String>,
    complaints: Vec<String>,
    faults: Vec<(String, Fault)>,
    redirect_to: Option<String>,
    names_digests: bool,
    pub(super) door: Door,
    mounts: bool,
    pub(super) listing: Option<bool>,
    immutable: bool,
}

#[derive(Default)]
pub(super) struct Repository {
    pub(super) blobs: HashMap<String, Bytes>,
    pub(super) manifests: HashMap<String, RawManifest>,
}

/// A running fake registry.
#[derive(Clone)]
pub(crate) struct FakeRegistry {
    contents: Arc<Mutex<Contents>>,
    address: String,
    server: Arc<Mutex<Option<AbortOnDrop>>>,
}

impl FakeRegistry {
    /// With one empty repository, `shop/api`.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let contents = Contents { names_digests: true, ..Contents::default() };
        let registry = Self {
            contents: Arc::new(Mutex::new(contents)),
            address: format!("http://{}", listener.local_addr().unwrap()),
            server: Arc::default(),
        };
        registry.locked().repositories.insert("shop/api".to_owned(), Repository::default());
        let app = axum::Router::new().fallback(answer).with_state(Self { server: Arc::default(), ..registry.clone() });
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        *registry.server.lock().unwrap() = Some(AbortOnDrop(server));
        registry
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn locked(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }

    pub(crate) fn complain(&self, complaint: String) {
        self.locked().complaints.push(complaint);
    }

    pub(crate) fn redirect_blobs_to(&self, address: &str) {
        self.locked().redirect_to = Some(address.to_owned());
    }

    /// Makes a second, empty repository, and says whether it takes blobs over from the first.
    pub(crate) fn add_repository(&self, name: &str, mounts: bool) {
        let mut contents = self.locked();
        contents.repositories.insert(name.to_owned(), Repository::default());
        contents.mounts = mounts;
    }

    /// From now on it answers to requests for referrers: with a list, or, as older registries do, with a page of text.
    pub(crate) fn list_referrers(&self, listed: bool) {
        self.locked().listing = Some(listed);
    }

    /// From now on tags that exist are refused, even for the same digest, as ECR does.
    pub(crate) fn make_tags_immutable(&self) {
        self.locked().immutable = true;
    }

    /// The digest a reference stands for.
    pub(crate) fn digest_of(&self, reference: &str) -> Option<Digest> {
        let contents = self.locked();
        contents.repositories["shop/api"].manifests.get(reference).map(|manifest| manifest.digest.clone())
    }

    /// How it behaves when blobs come in parts.
    pub(crate) fn behave(&self, manners: Manners) {
        self.locked().manners = manners;
    }

    /// From now on no answer names a digest.
    pub(crate) fn keep_digests_secret(&self) {
        self.locked().names_digests = false;
    }

    /// The next request whose `METHOD PATH` contains this text meets the fault.
    pub(crate) fn fault(&self, request: impl Into<String>, fault: Fault) {
        self.locked().faults.push((request.into(), fault));
    }

    pub(crate) fn hold(&self, image: &TestImage) {
        image.blobs.iter().for_each(|blob| self.hold_blob(Digest::of(blob).as_str(), blob.clone()));
        self.hold_manifest(image.manifest.digest.as_str(), &image.manifest);
    }

    pub(crate) fn hold_blob(&self, digest: &str, bytes: Bytes) {
        self.locked().repositories.get_mut("shop/api").unwrap().blobs.insert(digest.to_owned(), bytes);
    }

    pub(crate) fn hold_manifest(&self, reference: &str, manifest: &RawManifest) {
        let mut contents = self.locked();
        let repository = contents.repositories.get_mut("shop/api").unwrap();
        repository.manifests.insert(reference.to_owned(), manifest.clone());
    }

    pub(crate) fn any_blob(&self, digest: &str) -> Option<Bytes> {
        self.locked().repositories["shop/api"].blobs.get(digest).cloned()
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        self.locked().complaints.clone()
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.locked().requests.clone()
    }

    pub(crate) fn is_empty(&self) -> bool {
        let contents = self.locked();
        let repository = &contents.repositories["shop/api"];
        repository.blobs.is_empty() && repository.manifests.is_empty()
    }

    pub(crate) fn manifests(&self) -> usize {
        self.locked().repositories["shop/api"].manifests.len()
    }

    /// Whether the image is there, byte for byte.
    pub(crate) fn has(&self, image: &TestImage) -> bool {
        self.has_in("shop/api", image)
    }

    pub(crate) fn has_in(&self, repository: &str, image: &TestImage) -> bool {
        let contents = self.locked();
        let repository = &contents.repositories[repository];
        let blob = |blob: &Bytes| repository.blobs.get(Digest::of(blob).as_str()) == Some(blob);
        repository.manifests.get(image.manifest.digest.as_str()) == Some(&image.manifest)
            && image.blobs.iter().all(blob)
    }

    /// Fails the test if anything happened that should not.
    pub(crate) fn assert_content(&self) {
        let contents = self.locked();
        assert!(contents.complaints.is_empty(), "{:#?}", contents.complaints);
        assert!(contents.faults.is_empty(), "faults that nobody met: {:?}", contents.faults);
        for (digest, blob) in &contents.repositories["shop/api"].blobs {
            assert_eq!(Digest::of(blob).as_str(), digest, "a wrong blob was stored");
        }
    }

    fn next_fault(&self, line: &str) -> Option<Fault> {
        let mut contents = self.locked();
        let at = contents.faults.iter().position(|(request, _)| line.contains(request.as_str()))?;
        Some(contents.faults.remove(at).1)
    }
}

pub(super) fn refuse(status: u16, code: &str) -> Response<Body> {
    refuse_text(status, code, "so it is")
}

pub(super) fn refuse_text(status: u16, code: &str, message: &str) -> Response<Body> {
    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"{message}"}}]}}"#);
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

async fn answer(State(registry): State<FakeRegistry>, request: Request) -> Response<Body> {
    let line = format!("{} {}", request.method(), request.uri().path());
    registry.locked().requests.push(line.clone());
    let request = match strangers::admit(&registry, request, &line).await {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let fault = registry.next_fault(&line);
    if let Some(Fault::Answer(status, body, headers)) = fault {
        let response = Response::builder().status(status);
        let response = headers.into_iter().fold(response, |response, (name, value)| response.header(name, value));
        return response.body(Body::from(body)).unwrap();
    }
    let path = request.uri().path().trim_start_matches("/v2/").to_owned();
    let method = request.method().as_str().to_owned();
    if let Some((repository, session)) = path.split_once("/blobs/uploads/") {
        return match method.as_str() {
            "POST" if session.is_empty() => start_upload(&registry, repository, request.uri().query()),
            "PUT" => finish_upload(&registry, repository, session, request, fault).await,
            "PATCH" => sessions::append(&registry, repository, session, request, fault).await,
            "GET" => sessions::status(&registry, repository, session),
            _ => unexpected(&registry, &line),
        };
    }
    if let Some((repository, digest)) = path.split_once("/blobs/") {
        return match method.as_str() {
            "GET" | "HEAD" => read_blob(&registry, repository, digest, &request, fault),
            _ => unexpected(&registry, &line),
        };
    }
    if let Some((repository, subject)) = path.split_once("/referrers/") {
        return listing::referrers(&registry, repository, subject).unwrap_or_else(|| unexpected(&registry, &line));
    }
    match path.split_once("/manifests/") {
        Some((repository, reference)) => match method.as_str() {
            "GET" | "HEAD" => read_manifest(&registry, repository, reference, fault),
            "PUT" => write_manifest(&registry, repository, reference, request).await,
            _ => unexpected(&registry, &line),
        },
        None => unexpected(&registry, &line),
    }
}

fn unexpected(registry: &FakeRegistry, line: &str) -> Response<Body> {
    registry.complain(format!("unexpected: {line}"));
    refuse(405, "UNSUPPORTED")
}

fn start_upload(registry: &FakeRegistry, repository: &str, query: Option<&str>) -> Response<Body> {
    let mut contents = registry.locked();
    if !contents.repositories.contains_key(repository) {
        return refuse(404, "NAME_UNKNOWN");
    }
    if let Some(digest) = query.and_then(|query| mounted(&contents, query)) {
        let blob = contents.repositories["shop/api"].blobs[&digest].clone();
        contents.repositories.get_mut(repository).unwrap().blobs.insert(digest, blob);
        return Response::builder().status(201).body(Body::empty()).unwrap();
    }
    let session = format!("{}", contents.requests.len());
    contents.sessions.insert(session.clone(), Session::default());
    let location = sessions::location(repository, &session);
    Response::builder().status(202).header("location", location).body(Body::empty()).unwrap()
}

/// The blob that may be taken over from `shop/api`, if mounting is on.
fn mounted(contents: &Contents, query: &str) -> Option<String> {
    let (digest, from) = query.strip_prefix("mount=sha256%3A")?.split_once("&from=")?;
    (contents.mounts && from == "shop%2Fapi").then(|| format!("sha256:{digest}"))
}

async fn finish_upload(
    registry: &FakeRegistry,
    repository: &str,
    session: &str,
    request: Request,
    fault: Option<Fault>,
) -> Response<Body> {
    let Some(Session { bytes: before, .. }) = registry.locked().sessions.remove(session) else {
        registry.complain(format!("upload session {session} was used twice"));
        return refuse(404, "BLOB_UPLOAD_UNKNOWN");
    };
    let digest = request.uri().query().and_then(|query| query.strip_prefix("_state=a%2Bb%3D&digest=sha256%3A"));
    let Some(hex) = digest.map(str::to_owned) else {
        registry.complain(format!("the session's query was lost: {}", request.uri()));
        return refuse(400, "BLOB_UPLOAD_INVALID");
    };
    if !request.headers().contains_key("content-length") {
        registry.complain(format!("upload of {hex} without Content-Length"));
    }
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), usize::MAX).await else {
        return refuse(400, "SIZE_INVALID");
    };
    if !before.is_empty() && !bytes.is_empty() {
        registry.complain(format!("upload session {session} was used for parts and for the whole"));
    }
    let bytes = if before.is_empty() { bytes } else { before.into() };
    let digest = Digest::of(&bytes);
    if digest.hex() != hex {
        registry.complain(format!("a whole wrong blob arrived as {hex}"));
        return refuse(400, "DIGEST_INVALID");
    }
    registry.locked().repositories.get_mut(repository).unwrap().blobs.insert(digest.to_string(), bytes);
    match fault {
        Some(_) => refuse(500, "UNKNOWN"),
        None => Response::builder().status(201).body(Body::empty()).unwrap(),
    }
}

fn read_blob(
    registry: &FakeRegistry,
    repository: &str,
    digest: &str,
    request: &Request,
    fault: Option<Fault>,
) -> Response<Body> {
    let contents = registry.locked();
    let Some(blob) = contents.repositories.get(repository).and_then(|repository| repository.blobs.get(digest)) else {
        return refuse(404, "BLOB_UNKNOWN");
    };
    match &contents.redirect_to {
        Some(store) if request.method() == "GET" => {
            let location = format!("{store}/{digest}?X-Amz-Signature=s3cr3t");
            Response::builder().status(307).header("location", location).body(Body::empty()).unwrap()
        }
        _ => serve_bytes(request, blob, fault),
    }
}

fn read_manifest(registry: &FakeRegistry, repository: &str, reference: &str, fault: Option<Fault>) -> Response<Body> {
    let contents = registry.locked();
    let Some(held) = contents.repositories.get(repository) else { return refuse(404, "NAME_UNKNOWN") };
    let Some(manifest) = held.manifests.get(reference) else { return refuse(404, "MANIFEST_UNKNOWN") };
    let mut response = Response::builder().header("content-type", &manifest.media_type);
    if contents.names_digests {
        response = response.header("docker-content-digest", manifest.digest.as_str());
    }
    match fault {
        Some(Fault::Instead(other)) => response.body(Body::from(other)).unwrap(),
        Some(fault @ Fault::DripAfter(_)) => serve_bytes(&Request::default(), &manifest.bytes, Some(fault)),
        Some(_) | None => response.body(Body::from(manifest.bytes.clone())).unwrap(),
    }
}

async fn write_manifest(
    registry: &FakeRegistry,
    repository: &str,
    reference: &str,
    request: Request,
) -> Response<Body> {
    let media_type = request.headers()["content-type"].to_str().unwrap().to_owned();
    let Ok(bytes) = axum::body::to_bytes(request.into_body(), usize::MAX).await else {
        return refuse(400, "MANIFEST_INVALID");
    };
    let manifest = RawManifest::new(media_type, bytes);
    let mut contents = registry.locked();
    let immutable = contents.immutable;
    let Some(held) = contents.repositories.get_mut(repository) else { return refuse(404, "NAME_UNKNOWN") };
    let complete = match manifest.parse().unwrap() {
        Manifest::Image { config, layers } => {
            let mut digests =
                layers.iter().map(|layer| &layer.digest).chain(config.iter().map(|config| &config.digest));
            digests.all(|digest| held.blobs.contains_key(digest.as_str()))
        }
        Manifest::Index { members, .. } => {
            let holds = |digest: &str| held.manifests.contains_key(digest) || held.blobs.contains_key(digest);
            members.iter().all(|member| holds(member.digest.as_str()))
        }
    };
    if immutable && !reference.starts_with("sha256:") && held.manifests.contains_key(reference) {
        return refuse_text(400, "TAG_INVALID", "The image tag is immutable");
    }
    if !complete || (reference.starts_with("sha256:") && reference != manifest.digest.as_str()) {
        contents.complaints.push(format!("manifest {reference} came before its content, or as another's"));
        return refuse(400, "MANIFEST_INVALID");
    }
    held.manifests.insert(reference.to_owned(), manifest.clone());
    held.manifests.insert(manifest.digest.to_string(), manifest.clone());
    let response = Response::builder().status(201);
    let response = if contents.names_digests {
        response.header("docker-content-digest", manifest.digest.as_str())
    } else {
        response
    };
    response.body(Body::empty()).unwrap()
}
