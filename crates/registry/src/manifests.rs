//! Manifests: looked for, read, written. Their bytes are never made anew, and their digests never believed.

use bytes::{Bytes, BytesMut};
use reqwest::{
    Method,
    header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue},
};

use super::{
    client::Registry,
    encoding::{self, DecodeError},
    error::{Action, RegistryError},
    location::Resource,
    rate::{Lag, RateWatch},
    receiving::{next_chunk, too_slow},
    request::{Reply, Request, bad_answer},
    retry,
};
use shipgate_core::{
    digest::Digest,
    manifest::{ACCEPTED_MEDIA_TYPES, Descriptor, MAX_MANIFEST_BYTES, RawManifest},
};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

impl Registry {
    /// What a tag or digest points at, or `None` if there is nothing. One request when it exists; when it does not, a
    /// second one, because only a body tells a missing manifest from a missing repository.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryNotFound`], and whatever keeps the registry from answering.
    pub async fn head_manifest(&self, repository: &str, reference: &str) -> Result<Option<Descriptor>, RegistryError> {
        let action = self.action("look for manifest", reference, repository);
        let head = retry::persist(self, &action, || async {
            let reply = self.send_head(self.manifest_request(Method::HEAD, &action)).await?;
            reply.map_or(Ok(None), |reply| described(&reply, &action))
        });
        match head.await {
            Ok(Some(descriptor)) => Ok(Some(descriptor)),
            // Not there, or there without the headers that describe it.
            Ok(None) | Err(RegistryError::ContentNotFound { .. }) => {
                Ok(self.manifest(repository, reference).await?.map(|manifest| Descriptor {
                    size_bytes: manifest.bytes.len() as u64,
                    media_type: manifest.media_type,
                    digest: manifest.digest,
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a manifest is there, by one HEAD. A repository that does not exist has none.
    pub(super) async fn has_manifest(&self, repository: &str, digest: &Digest) -> Result<bool, RegistryError> {
        let action = self.action("look for manifest", digest.as_str(), repository);
        let head = retry::persist(self, &action, || async {
            let Some(reply) = self.send_head(self.manifest_request(Method::HEAD, &action)).await? else {
                return Ok(false);
            };
            agrees_with_header(&reply, digest, &action).map(|()| true)
        });
        match head.await {
            Ok(true) => Ok(true),
            Ok(false) => self.reads_manifest(repository, digest).await,
            Err(RegistryError::ContentNotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The digest a tag or digest stands for, or `None` if there is nothing: by one HEAD, if the registry names digests.
    /// A repository that does not exist has none.
    ///
    /// # Errors
    /// What keeps the registry from answering.
    pub async fn manifest_digest(&self, repository: &str, reference: &str) -> Result<Option<Digest>, RegistryError> {
        let action = self.action("look for manifest", reference, repository);
        let head = retry::persist(self, &action, || async {
            let Some(reply) = self.send_head(self.manifest_request(Method::HEAD, &action)).await? else {
                return Ok(None);
            };
            Ok(described(&reply, &action)?.map(|descriptor| descriptor.digest).or(named_digest(&reply)))
        });
        match head.await {
            Ok(Some(digest)) => Ok(Some(digest)),
            Ok(None) => match self.manifest(repository, reference).await {
                Ok(manifest) => Ok(manifest.map(|manifest| manifest.digest)),
                Err(RegistryError::RepositoryNotFound { .. }) => Ok(None),
                Err(error) => Err(error),
            },
            Err(RegistryError::ContentNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a manifest is there, by reading it. A repository that does not exist has none.
    async fn reads_manifest(&self, repository: &str, digest: &Digest) -> Result<bool, RegistryError> {
        match self.manifest(repository, digest.as_str()).await {
            Ok(manifest) => Ok(manifest.is_some()),
            Err(RegistryError::RepositoryNotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The manifest a tag or digest points at, or `None` if there is nothing. Its digest is computed, and compared with
    /// the one asked for and the one the registry names.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryNotFound`], [`RegistryError::DigestMismatch`], [`RegistryError::TooLarge`] above
    /// [`MAX_MANIFEST_BYTES`], and whatever keeps the registry from answering.
    pub async fn manifest(&self, repository: &str, reference: &str) -> Result<Option<RawManifest>, RegistryError> {
        let action = self.action("read manifest", reference, repository);
        let read = retry::persist(self, &action, || async {
            let reply = self.send(self.manifest_request(Method::GET, &action)).await?;
            self.read_manifest(reply, &action).await
        });
        match read.await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(RegistryError::ContentNotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a manifest under a tag or under its digest, its bytes as they are. Answers that content is not visible yet
    /// are waited out, within bounds.
    ///
    /// # Errors
    /// [`RegistryError::TagImmutable`]; [`RegistryError::DigestMismatch`] when the registry says it stored something
    /// else; and whatever keeps the registry from taking it.
    pub async fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        manifest: &RawManifest,
    ) -> Result<(), RegistryError> {
        let action = self.action("write manifest", reference, repository);
        let written = retry::persist(self, &action, || async {
            let url = self.resource(repository, Resource::Manifest(reference));
            let request = self
                .request(Method::PUT, url, action.clone())
                .text_header(CONTENT_TYPE, &manifest.media_type)?
                .body(manifest.bytes.clone(), manifest.bytes.len() as u64);
            self.pace().await;
            let reply = match self.send(request).await {
                Ok(reply) => reply,
                // See Other: the manifest is stored, and can be read.
                Err(RegistryError::Refused { answer, .. }) if answer.status == 303 => return Ok(false),
                Err(error) => return Err(error),
            };
            agrees_with_header(&reply, &manifest.digest, &action)?;
            Ok(named_digest(&reply).is_some())
        });
        if written.await? { Ok(()) } else { self.read_back(repository, manifest, action).await }
    }

    /// A registry that does not say what it stored, or not in a way that can be read, is asked.
    async fn read_back(&self, repository: &str, manifest: &RawManifest, action: Action) -> Result<(), RegistryError> {
        if self.has_manifest(repository, &manifest.digest).await? {
            return Ok(());
        }
        Err(bad_answer(action, format!("it took the manifest, and does not have {} now", manifest.digest)))
    }

    fn manifest_request(&self, method: Method, action: &Action) -> Request {
        let url = self.resource(&action.repository, Resource::Manifest(&action.subject));
        let request = self.request(method, url, action.clone());
        ACCEPTED_MEDIA_TYPES
            .iter()
            .fold(request, |request, media_type| request.header(ACCEPT, HeaderValue::from_static(media_type)))
    }

    async fn read_manifest(&self, mut reply: Reply, action: &Action) -> Result<RawManifest, RegistryError> {
        let bytes = self.read_whole(&mut reply, action, MAX_MANIFEST_BYTES).await?;
        let manifest = RawManifest::received(reply.header(&CONTENT_TYPE).unwrap_or_default(), bytes);
        if let Ok(expected) = action.subject.parse::<Digest>() {
            must_be(&expected, &manifest.digest, action)?;
        }
        agrees_with_header(&reply, &manifest.digest, action)?;
        Ok(manifest)
    }

    /// The whole body, decoded, which must end before the limit, whatever its headers say.
    pub(super) async fn read_whole(
        &self,
        reply: &mut Reply,
        action: &Action,
        limit: usize,
    ) -> Result<Bytes, RegistryError> {
        let too_large = || RegistryError::TooLarge { action: Box::new(action.clone()), limit_bytes: limit as u64 };
        if reply.announced_bytes().is_some_and(|size| size > limit as u64) {
            return Err(too_large());
        }
        let (deadline, mut watch) = (self.patience().document, RateWatch::new(self.patience().stall));
        let mut bytes = BytesMut::new();
        let read = async {
            while let Some(chunk) = next_chunk(&mut reply.response, &mut watch, action).await? {
                if bytes.len().saturating_add(chunk.len()) > limit {
                    return Err(too_large());
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(())
        };
        let read = tokio::time::timeout(deadline, read).await;
        let late = |_| too_slow(action.clone(), Lag { moved_bytes: bytes.len() as u64, within: deadline });
        read.map_err(late)??;
        encoding::decoded(reply.response.headers(), bytes.freeze(), limit).map_err(|error| match error {
            DecodeError::TooLarge => too_large(),
            DecodeError::Broken(reason) => bad_answer(action.clone(), reason),
        })
    }
}

/// The descriptor in the headers, if they are all there.
fn described(reply: &Reply, action: &Action) -> Result<Option<Descriptor>, RegistryError> {
    let named = named_digest(reply);
    let asked = action.subject.parse::<Digest>().ok();
    if let (Some(asked), Some(named)) = (&asked, &named) {
        must_be(asked, named, action)?;
    }
    let media_type = reply.header(&CONTENT_TYPE).map(str::to_owned);
    // The length of an encoded body is not that of the manifest.
    let size_bytes = reply.announced_bytes().filter(|_| !encoding::is_encoded(reply.response.headers()));
    Ok(match (named.or(asked), media_type, size_bytes) {
        (Some(digest), Some(media_type), Some(size_bytes)) => Some(Descriptor { media_type, digest, size_bytes }),
        _ => None,
    })
}

/// The digest the registry names, if it names a SHA-256 one that can be read: what it names otherwise is found out as if it named none.
fn named_digest(reply: &Reply) -> Option<Digest> {
    reply.header(&CONTENT_DIGEST)?.parse().ok()
}

fn agrees_with_header(reply: &Reply, expected: &Digest, action: &Action) -> Result<(), RegistryError> {
    match named_digest(reply) {
        Some(named) => must_be(expected, &named, action),
        None => Ok(()),
    }
}

fn must_be(expected: &Digest, actual: &Digest, action: &Action) -> Result<(), RegistryError> {
    if expected == actual {
        return Ok(());
    }
    Err(RegistryError::DigestMismatch {
        action: Box::new(action.clone()),
        expected: expected.clone(),
        actual: actual.clone(),
    })
}
