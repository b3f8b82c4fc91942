//! Uploads: a session by POST, and the whole blob by one PUT of a known length. Anything else is slower, and on ECR
//! less well-behaved.

use bytes::Bytes;
use reqwest::{
    Body, Method, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderValue, LOCATION},
};

use super::{
    client::Registry,
    error::RegistryError,
    location,
    request::{Reply, bad_answer},
    retry,
};
use crate::domain::{digest::Digest, manifest::Descriptor};

/// A place a registry has made for one blob. It serves one attempt: after a failure a new one is asked for.
#[derive(Clone, Debug)]
pub struct UploadSession {
    url: Url,
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
            let mut url = self.resource(repository, "blobs/uploads/");
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
            let url = self.resource(repository, "blobs/uploads/");
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
}

fn session(reply: &Reply) -> Result<UploadSession, String> {
    let location = reply.header(&LOCATION).ok_or("it started an upload and named no Location for it")?;
    Ok(UploadSession { url: location::follow(&reply.url, location)? })
}
