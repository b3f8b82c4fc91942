//! Images and tags.

use serde_json::{Value, json};

use super::{
    Request, epoch_seconds, invalid, no_repository, paged, push,
    push::NotPushed,
    repository::{Image, Push, PushRefused, Repository, RepositoryId},
};
use crate::{answer::ApiError, cloud::Cloud};
use shipgate_core::{digest::Digest, image::is_tag};

/// Which images a list is to show, by `filter.tagStatus`.
fn wants(request: &Request<'_>, tagged: bool) -> bool {
    match request.input["filter"]["tagStatus"].as_str() {
        Some("TAGGED") => tagged,
        Some("UNTAGGED") => !tagged,
        Some(_) | None => true,
    }
}

/// ListImages: one entry a tag, and one for each image without tags.
pub(super) fn list(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let all = request.look(&id, |repository| {
        let mut ids = Vec::new();
        for digest in repository.images.keys() {
            let tags = repository.tags_of(digest);
            if tags.is_empty() && wants(request, false) {
                ids.push(json!({ "imageDigest": digest }));
            }
            let tagged = tags.into_iter().filter(|_| wants(request, true));
            ids.extend(tagged.map(|tag| json!({"imageDigest": digest, "imageTag": tag})));
        }
        ids
    })?;
    Ok(paged("imageIds", all, request.page(100)?))
}

/// What an `imageId` names, or why it names nothing: code and reason.
fn resolve<'a>(
    repository: &'a Repository,
    image_id: &Value,
) -> Result<(&'a Digest, &'a Image), (&'static str, &'static str)> {
    let (digest, tag) = (image_id["imageDigest"].as_str(), image_id["imageTag"].as_str());
    let not_found = ("ImageNotFound", "Requested image not found");
    match (digest, tag) {
        (None, None) => Err(("MissingDigestAndTag", "Invalid request parameters: both tag and digest cannot be null")),
        (Some(digest), _) if digest.parse::<Digest>().is_err() => Err((
            "InvalidImageDigest",
            "Invalid request parameters: image digest should satisfy the regex \
                 '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'",
        )),
        (None, Some(tag)) if !is_tag(tag) => Err(("InvalidImageTag", "Invalid request parameters: image tag")),
        (None, Some(tag)) => repository.find(tag).filter(|_| repository.tags.contains_key(tag)).ok_or(not_found),
        (Some(digest), None) => repository.find(digest).ok_or(not_found),
        (Some(digest), Some(tag)) => match repository.tags.get(tag) {
            Some(named) if named.as_str() == digest => repository.find(digest).ok_or(not_found),
            Some(_) => Err(("ImageTagDoesNotMatchDigest", "Requested image tag does not match the digest")),
            None => Err(not_found),
        },
    }
}

fn failure(image_id: &Value, (code, reason): (&'static str, &'static str)) -> Value {
    json!({"imageId": image_id, "failureCode": code, "failureReason": reason})
}

/// DescribeImages.
pub(super) fn describe(request: &Request<'_>) -> Result<Value, ApiError> {
    let id = request.repository()?;
    let page = request.page(100)?;
    let details = request.look(&id, |repository| match request.input["imageIds"].as_array() {
        Some(ids) => ids.iter().map(|image_id| describe_one(&id, repository, image_id)).collect(),
        None => Ok(repository
            .images
            .iter()
            .filter(|(digest, _)| wants(request, !repository.tags_of(digest).is_empty()))
            .map(|(digest, image)| detail(&id, repository, digest, image))
            .collect::<Vec<_>>()),
    })??;
    Ok(paged("imageDetails", details, page))
}

fn describe_one(id: &RepositoryId, repository: &Repository, image_id: &Value) -> Result<Value, ApiError> {
    resolve(repository, image_id).map(|(digest, image)| detail(id, repository, digest, image)).map_err(|(code, why)| {
        if code == "MissingDigestAndTag" {
            return invalid(why);
        }
        let or_null = |name: &str| image_id[name].as_str().unwrap_or("null").to_owned();
        let message = format!(
            "The image with imageId {{imageDigest:'{}', imageTag:'{}'}} does not exist within the repository with \
             name '{}' in the registry with id '{}'",
            or_null("imageDigest"),
            or_null("imageTag"),
            id.name,
            id.account
        );
        ApiError::new(400, "ImageNotFoundException", message)
    })
}

fn detail(id: &RepositoryId, repository: &Repository, digest: &Digest, image: &Image) -> Value {
    let mut detail = json!({
        "registryId": id.account,
        "repositoryName": id.name,
        "imageDigest": digest,
        "imageSizeInBytes": repository.image_size(image),
        "imagePushedAt": epoch_seconds(image.pushed),
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    });
    let tags = repository.tags_of(digest);
    if !tags.is_empty() {
        detail["imageTags"] = json!(tags);
    }
    if let Some(artifact_type) = &image.contents.artifact_type {
        detail["artifactMediaType"] = json!(artifact_type);
    }
    if let Some(subject) = &image.contents.subject {
        detail["subjectManifestDigest"] = json!(subject);
    }
    detail
}

/// BatchGetImage.
pub(super) fn batch_get(request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, ids) = (request.repository()?, request.list("imageIds")?);
    request.look(&id, |repository| {
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for image_id in ids {
            match resolve(repository, image_id) {
                Ok((digest, image)) => {
                    let tag = image_id["imageTag"].as_str();
                    images.push(shown(&id, digest, tag, &image.media_type, &image.bytes));
                }
                Err(why) => failures.push(failure(image_id, why)),
            }
        }
        json!({"images": images, "failures": failures})
    })
}

fn shown(id: &RepositoryId, digest: &Digest, tag: Option<&str>, media_type: &str, manifest: &[u8]) -> Value {
    let mut image_id = json!({ "imageDigest": digest });
    if let Some(tag) = tag {
        image_id["imageTag"] = tag.into();
    }
    json!({
        "registryId": id.account,
        "repositoryName": id.name,
        "imageId": image_id,
        "imageManifest": String::from_utf8_lossy(manifest),
        "imageManifestMediaType": media_type,
    })
}

/// BatchDeleteImage: a tag takes only itself away, unless it is the image's last.
pub(super) fn batch_delete(request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, ids) = (request.repository()?, request.list("imageIds")?);
    request.with(&id, |repository| {
        let (mut deleted, mut failures) = (Vec::new(), Vec::new());
        for image_id in ids {
            match delete_one(repository, image_id) {
                Ok(gone) => deleted.extend(gone),
                Err(why) => failures.push(failure(image_id, why)),
            }
        }
        json!({"imageIds": deleted, "failures": failures})
    })
}

fn delete_one(repository: &mut Repository, image_id: &Value) -> Result<Vec<Value>, (&'static str, &'static str)> {
    let digest = resolve(repository, image_id)?.0.clone();
    let tags: Vec<String> = repository.tags_of(&digest).into_iter().map(str::to_owned).collect();
    if let Some(tag) = image_id["imageTag"].as_str().filter(|_| tags.len() > 1) {
        repository.tags.remove(tag);
        return Ok(vec![json!({"imageDigest": digest, "imageTag": tag})]);
    }
    if !repository.listed_by(&digest).is_empty() {
        return Err(("ImageReferencedByManifestList", "Requested image referenced by manifest list"));
    }
    repository.delete_image(&digest);
    if tags.is_empty() {
        return Ok(vec![json!({ "imageDigest": digest })]);
    }
    Ok(tags.into_iter().map(|tag| json!({"imageDigest": digest, "imageTag": tag})).collect())
}

/// PutImage.
pub(super) fn put(cloud: &Cloud, request: &Request<'_>) -> Result<Value, ApiError> {
    let (id, manifest) = (request.repository()?, request.text("imageManifest")?);
    let tag = request.input["imageTag"].as_str().map(str::to_owned);
    if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
        return Err(invalid("Invalid parameter at 'imageTag' failed to satisfy constraint: 'must be a tag'"));
    }
    let digest = Digest::of(manifest.as_bytes());
    if request.input["imageDigest"].as_str().is_some_and(|named| named != digest.as_str()) {
        let message = "The specified image digest does not match the digest that Amazon ECR calculated for the image.";
        return Err(ApiError::new(400, "ImageDigestDoesNotMatchException", message));
    }
    let new = Push {
        media_type: request.input["imageManifestMediaType"].as_str().map(str::to_owned),
        bytes: manifest.to_owned().into(),
        tag: tag.clone(),
        same_digest_is_fine: false,
    };
    let pushed = push(cloud, &id, new).map_err(|refused| not_pushed(&id, refused))?;
    if pushed.was_there {
        return Err(already_there(&id, &digest, tag.as_deref()));
    }
    let media_type =
        request.look(&id, |repository| repository.find(digest.as_str()).map(|(_, image)| image.media_type.clone()))?;
    Ok(json!({ "image": shown(&id, &digest, tag.as_deref(), &media_type.unwrap_or_default(), manifest.as_bytes()) }))
}

fn already_there(id: &RepositoryId, digest: &Digest, tag: Option<&str>) -> ApiError {
    let message = format!(
        "Image with digest '{digest}' and tag '{}' already exists in the repository with name '{}' in registry with \
         id '{}'",
        tag.unwrap_or("null"),
        id.name,
        id.account
    );
    ApiError::new(400, "ImageAlreadyExistsException", message)
}

fn not_pushed(id: &RepositoryId, not_pushed: NotPushed) -> ApiError {
    let joined = |digests: Vec<Digest>| digests.iter().map(Digest::as_str).collect::<Vec<_>>().join(", ");
    match not_pushed {
        NotPushed::TooFast => ApiError::new(400, "ThrottlingException", "Rate exceeded"),
        NotPushed::NoRepository(missing) => no_repository(&missing),
        NotPushed::Refused(PushRefused::Malformed(why)) => invalid(invalid_json(&why)),
        NotPushed::Refused(PushRefused::NotAManifest(digest)) => {
            invalid(invalid_json(&format!("{digest} is not a manifest")))
        }
        NotPushed::Refused(PushRefused::LayersMissing(layers)) => {
            let message = format!(
                "One or more layers referenced by the image manifest do not exist in the repository with name '{}' in \
                 registry with id '{}': {}",
                id.name,
                id.account,
                joined(layers)
            );
            ApiError::new(400, "LayersNotFoundException", message)
        }
        NotPushed::Refused(PushRefused::MembersMissing(members)) => {
            let message = format!(
                "Images with digests '[{}]' required for pushing image into repository with name \
                '{}' in the registry with id '{}' do not exist",
                joined(members),
                id.name,
                id.account
            );
            ApiError::new(400, "ReferencedImagesNotFoundException", message)
        }
        NotPushed::Refused(PushRefused::TagIsImmutable(tag)) => {
            ApiError::new(400, "ImageTagAlreadyExistsException", immutable_message(&id.name, &tag))
        }
    }
}

/// As ECR words it, on both of its faces; why, it does not say.
pub(crate) fn invalid_json(why: &str) -> String {
    format!("Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax' ({why})")
}

/// As ECR words it, on both of its faces.
pub(crate) fn immutable_message(repository: &str, tag: &str) -> String {
    format!(
        "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the \
         tag is immutable."
    )
}
