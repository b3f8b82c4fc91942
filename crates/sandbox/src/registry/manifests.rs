//! Manifests: GET, HEAD, PUT, DELETE.

use axum::{
    body::Body,
    http::{HeaderName, Method, Response, StatusCode, header},
};

use super::{Asked, Refusal, Registry, empty};
use crate::{
    budget::{NotRead, Sender},
    ecr::{
        self, NotPushed, immutable_message, invalid_json,
        repository::{Push, PushRefused, Pushed, RepositoryId},
    },
};
use shipgate_core::{digest::Digest, image::is_tag};

/// The largest manifest ECR takes (Amazon ECR endpoints and quotas).
const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// GET and HEAD.
pub(crate) fn get(
    registry: &Registry,
    id: &RepositoryId,
    reference: &str,
    asked: &Asked,
) -> Result<Response<Body>, Refusal> {
    let found = registry.cloud.images.look(id, |repository| {
        repository
            .find(reference)
            .map(|(digest, image)| (digest.clone(), image.media_type.clone(), image.bytes.clone()))
    });
    let found = found.map_err(|missing| Refusal::no_repository(&missing))?;
    let (digest, media_type, bytes) = found.ok_or_else(Refusal::manifest_unknown)?;
    let mut response = empty(
        StatusCode::OK,
        &[
            (header::CONTENT_TYPE, media_type),
            (header::CONTENT_LENGTH, bytes.len().to_string()),
            (digest_header(), digest.to_string()),
        ],
    );
    if asked.method == Method::GET {
        *response.body_mut() = Body::from(bytes);
    }
    Ok(response)
}

/// `Docker-Content-Digest`.
pub(crate) fn digest_header() -> HeaderName {
    HeaderName::from_static("docker-content-digest")
}

/// PUT: all or nothing.
pub(crate) async fn put(
    registry: &Registry,
    id: &RepositoryId,
    reference: &str,
    asked: Asked,
) -> Result<Response<Body>, Refusal> {
    let media_type = asked.header("content-type").map(str::to_owned);
    let announced = asked.header("content-length").and_then(|length| length.parse().ok());
    let buffered = registry.cloud.budget.read(asked.body, announced, LARGEST_MANIFEST, Sender::Known).await;
    let bytes = buffered.map_err(not_read)?.bytes;
    let tag = read_reference(reference, &bytes)?;
    let same_digest_is_fine = !registry.cloud.ecr_manners;
    let push = Push { media_type, bytes, tag, same_digest_is_fine };
    let as_ecr = registry.cloud.ecr_manners;
    let pushed = ecr::push(&registry.cloud, id, push).map_err(|refused| not_pushed(id, refused, as_ecr))?;
    Ok(created(registry, id, &pushed))
}

fn not_read(not_read: NotRead) -> Refusal {
    let (status, code, message) = match not_read {
        NotRead::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "manifest is larger than 4 MiB"),
        NotRead::Broken => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "the manifest did not arrive"),
        NotRead::Busy => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "too many manifests at a time"),
    };
    Refusal::new(status, code, message)
}

/// The tag in the path, if it is a tag; if it is a digest, it must be that of the bytes.
fn read_reference(reference: &str, bytes: &[u8]) -> Result<Option<String>, Refusal> {
    if reference.contains(':') {
        let actual = Digest::of(bytes);
        let same = actual.as_str() == reference;
        return if same { Ok(None) } else { Err(Refusal::digest_invalid(reference, Some(&actual))) };
    }
    if is_tag(reference) {
        return Ok(Some(reference.to_owned()));
    }
    Err(Refusal::new(StatusCode::BAD_REQUEST, "TAG_INVALID", &format!("`{reference}` is not a tag")))
}

fn created(registry: &Registry, id: &RepositoryId, pushed: &Pushed) -> Response<Body> {
    let location = registry.location(&format!("/v2/{}/manifests/{}", id.name, pushed.digest));
    let mut headers = vec![(header::LOCATION, location), (digest_header(), pushed.digest.to_string())];
    if let Some(subject) = &pushed.subject {
        headers.push((HeaderName::from_static("oci-subject"), subject.to_string()));
    }
    empty(StatusCode::CREATED, &headers)
}

fn not_pushed(id: &RepositoryId, not_pushed: NotPushed, as_ecr: bool) -> Refusal {
    let bad = |code, message: &str| Refusal::new(StatusCode::BAD_REQUEST, code, message);
    match not_pushed {
        NotPushed::TooFast => Refusal::new(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "Rate exceeded"),
        NotPushed::NoRepository(missing) => Refusal::no_repository(&missing),
        NotPushed::Refused(PushRefused::Malformed(why)) if as_ecr => {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", &invalid_json(&why))
        }
        NotPushed::Refused(PushRefused::NotAManifest(digest)) => {
            bad("UNSUPPORTED", &invalid_json(&format!("{digest} is not a manifest")))
        }
        NotPushed::Refused(PushRefused::Malformed(why)) => bad("MANIFEST_INVALID", &format!("manifest invalid: {why}")),
        NotPushed::Refused(PushRefused::LayersMissing(layers)) => {
            Refusal::new(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", &format!("blob unknown to registry: {}", list(&layers)))
        }
        NotPushed::Refused(PushRefused::MembersMissing(members)) => Refusal::new(
            StatusCode::NOT_FOUND,
            "MANIFEST_BLOB_UNKNOWN",
            &format!(
                "Images with digests '[{}]' required for pushing image into repository with name '{}' in the registry \
                 with id '{}' do not exist",
                list(&members),
                id.name,
                id.account
            ),
        ),
        NotPushed::Refused(PushRefused::TagIsImmutable(tag)) => bad("TAG_INVALID", &immutable_message(&id.name, &tag)),
    }
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(Digest::as_str).collect::<Vec<_>>().join(", ")
}

/// DELETE: a tag takes only itself away, a digest the image with all its tags.
pub(crate) fn delete(registry: &Registry, id: &RepositoryId, reference: &str) -> Result<Response<Body>, Refusal> {
    let gone = registry.cloud.images.with(id, |repository| match reference.parse::<Digest>() {
        Ok(digest) => repository.delete_image(&digest),
        Err(_) => repository.tags.remove(reference).is_some(),
    });
    if gone.map_err(|missing| Refusal::no_repository(&missing))? {
        Ok(empty(StatusCode::ACCEPTED, &[]))
    } else {
        Err(Refusal::manifest_unknown())
    }
}
