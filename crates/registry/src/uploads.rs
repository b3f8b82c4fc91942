//! Uploads: a session by POST, then the whole blob by one PUT of a known length, or, where a broken connection would cost
//! too much, parts by PATCH and a PUT without a body that commits them.

use std::ops::{Range, RangeInclusive};

use bytes::Bytes;
use reqwest::{
    Body, Method, StatusCode, Url,
    header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION, RANGE},
};

use super::{
    client::Registry,
    error::RegistryError,
    location::{self, NewAddress, Resource},
    request::{Reply, bad_answer},
    retry,
};
use shipgate_core::{digest::Digest, manifest::Descriptor};

/// A place a registry has made for one blob. A whole upload uses it once: after a failure a new one is asked for. One in
/// parts may go on in it.
#[derive(Clone, Debug)]
pub struct UploadSession {
    url: Url,
}

impl UploadSession {
    /// The session at the address that a request of it was redirected to.
    pub(super) fn at(address: &NewAddress) -> Self {
        Self { url: address.0.clone() }
    }
}

/// What came of asking a registry to take a blob over from another of its repositories.
#[derive(Clone, Debug)]
pub enum Mount {
    /// It is there.
    Done,
    /// It has to be uploaded, to this place.
    Declined(UploadSession),
}

impl Registry {
    /// Asks for a blob of another repository of this registry. ECR does it within an account that has BLOB_MOUNTING on.
    ///
    /// # Errors
    /// Whatever keeps the registry from answering; an upload may be allowed nevertheless.
    pub async fn mount_blob(&self, repository: &str, digest: &Digest, from: &str) -> Result<Mount, RegistryError> {
        let action = self.action("mount blob", digest.as_str(), repository);
        retry::persist(self, &action, || async {
            let mut url = self.resource(repository, Resource::Uploads);
            url.query_pairs_mut().append_pair("mount", digest.as_str()).append_pair("from", from);
            let reply = self.send(self.request(Method::POST, url, action.clone()).body(Bytes::new(), 0)).await?;
            if reply.response.status() == StatusCode::CREATED {
                return Ok(Mount::Done);
            }
            session(&reply).map(Mount::Declined).map_err(|reason| bad_answer(action.clone(), reason))
        })
        .await
    }

    /// Asks for a place to upload a blob to.
    ///
    /// # Errors
    /// [`RegistryError::RepositoryNotFound`], and whatever keeps the registry from answering.
    pub async fn start_upload(&self, repository: &str, digest: &Digest) -> Result<UploadSession, RegistryError> {
        let action = self.action("start the upload of blob", digest.as_str(), repository);
        retry::persist(self, &action, || async {
            let url = self.resource(repository, Resource::Uploads);
            let reply = self.send(self.request(Method::POST, url, action.clone()).body(Bytes::new(), 0)).await?;
            session(&reply).map_err(|reason| bad_answer(action.clone(), reason))
        })
        .await
    }

    /// Sends the whole blob and commits it, one attempt. The body must yield exactly the descriptor's bytes, or fail;
    /// one that fails or ends early leaves nothing behind, since less than the announced length has arrived. Watching
    /// over a body that stalls is the caller's: how fast it may be is known to nobody else.
    ///
    /// # Errors
    /// Whatever keeps the registry from taking it.
    pub async fn finish_upload(
        &self,
        repository: &str,
        session: UploadSession,
        descriptor: &Descriptor,
        body: Body,
    ) -> Result<(), RegistryError> {
        let action = self.action("upload blob", descriptor.digest.as_str(), repository);
        let url = location::with_digest(&session.url, &descriptor.digest);
        let request = self
            .request(Method::PUT, url, action)
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .body(body, descriptor.size_bytes)
            .watched_elsewhere();
        self.send(request).await.map(drop)
    }

    /// Sends one part of a blob, which must begin where the part before it ended, one attempt. Gives the session as the
    /// next part is to find it. 202 by the specification, 201 on ECR; what `Range` says is not believed, since on ECR it
    /// goes on naming the first part.
    ///
    /// # Errors
    /// Whatever keeps the registry from taking it; with 416, [`super::Answer::received_bytes`] may say where to go on.
    pub(super) async fn upload_part(
        &self,
        repository: &str,
        session: UploadSession,
        digest: &Digest,
        part: Range<u64>,
        body: Body,
    ) -> Result<UploadSession, RegistryError> {
        let action = self.action("upload a part of blob", digest.as_str(), repository);
        let request = self
            .request(Method::PATCH, session.url, action.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .text_header(CONTENT_RANGE, &format!("{}-{}", part.start, part.end.saturating_sub(1)))?
            .body(body, part.end.saturating_sub(part.start))
            .watched_elsewhere();
        let reply = self.send(request).await?;
        self::session(&reply).map_err(|reason| bad_answer(action, reason))
    }

    /// Makes the parts a blob, one attempt.
    ///
    /// # Errors
    /// Whatever keeps the registry from taking it.
    pub(super) async fn commit_upload(
        &self,
        repository: &str,
        session: UploadSession,
        digest: &Digest,
    ) -> Result<(), RegistryError> {
        let action = self.action("commit blob", digest.as_str(), repository);
        let url = location::with_digest(&session.url, digest);
        self.send(self.request(Method::PUT, url, action).body(Bytes::new(), 0).watched_elsewhere()).await.map(drop)
    }

    /// How many bytes an upload in parts has, after one of them failed: between those that were certainly taken and the
    /// whole. A registry that does not tell (ECR answers 404) has what is certain; `None` when it tells nonsense, as
    /// one does that has given the session up.
    pub(super) async fn uploaded_bytes(
        &self,
        repository: &str,
        session: &UploadSession,
        digest: &Digest,
        possible: RangeInclusive<u64>,
        told_bytes: Option<u64>,
    ) -> Option<u64> {
        if told_bytes.is_some() {
            return told_bytes.filter(|told| possible.contains(told));
        }
        let action = self.action("look for the upload of blob", digest.as_str(), repository);
        match self.send(self.request(Method::GET, session.url.clone(), action)).await {
            // A range before what is certain is ECR's, which sticks at the first part.
            Ok(reply) => received(&reply).map(|bytes| bytes.max(*possible.start())).filter(|b| possible.contains(b)),
            Err(_) => Some(*possible.start()),
        }
    }
}

/// `Range: 0-LAST`: as many bytes and one more; `0-0` is what registries say of nothing.
fn received(reply: &Reply) -> Option<u64> {
    let (_, last) = reply.header(&RANGE)?.trim_start_matches("bytes=").split_once('-')?;
    let last: u64 = last.parse().ok()?;
    if last == 0 { Some(0) } else { last.checked_add(1) }
}

fn session(reply: &Reply) -> Result<UploadSession, String> {
    let location = reply.response.headers().get(LOCATION).ok_or("it started an upload and named no Location for it")?;
    let location = String::from_utf8_lossy(location.as_bytes());
    Ok(UploadSession { url: location::follow(&reply.url, &location)? })
}
