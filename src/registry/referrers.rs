//! What refers to an image: asked of the registry, or, where it does not keep account, read from the tag that clients
//! keep instead (OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema").

use reqwest::{
    Method, Url,
    header::{ACCEPT, HeaderValue},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    client::Registry,
    error::{Action, RegistryError},
    paging,
    request::bad_answer,
    retry,
};
use crate::domain::{
    digest::Digest,
    manifest::{MAX_MANIFEST_BYTES, RawManifest},
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// As many pages as are read. ECR has 50 referrers on one.
const MAX_PAGES: usize = 100;

/// Something that refers to an image.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Referrer {
    /// Its manifest.
    pub(super) digest: Digest,
    /// Its descriptor as the registry gives it, artifact type and annotations included.
    pub(super) descriptor: Value,
}

#[derive(Deserialize)]
struct List {
    manifests: Vec<Value>,
}

/// The tag that clients keep for registries that do not list referrers.
pub(super) fn tag_of(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

impl Registry {
    /// What refers to this manifest, whichever way it is kept.
    ///
    /// # Errors
    /// Whatever keeps the registry from answering, and [`RegistryError::BadAnswer`] for a list that is none.
    pub(super) async fn referrers(&self, repository: &str, subject: &Digest) -> Result<Vec<Referrer>, RegistryError> {
        match self.listed_referrers(repository, subject).await? {
            Some(listed) => Ok(listed),
            None => self.tagged_referrers(repository, subject).await,
        }
    }

    /// What the registry itself lists; `None` when it keeps no account of referrers.
    ///
    /// # Errors
    /// As [`Registry::referrers`].
    pub(super) async fn listed_referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Option<Vec<Referrer>>, RegistryError> {
        let action = self.action("list referrers", subject.as_str(), repository);
        let mut next = Some(self.resource(repository, &format!("referrers/{subject}")));
        let mut all = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(url) = next else { break };
            match retry::persist(self, &action, || self.page(url.clone(), &action)).await {
                Ok((page, link)) => {
                    all.extend(page);
                    next = link;
                }
                Err(RegistryError::ContentNotFound { .. }) => return Ok(None),
                Err(error) if error.answer().is_some_and(|answer| matches!(answer.status, 404 | 405)) => {
                    return Ok(None);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Some(all))
    }

    async fn page(&self, url: Url, action: &Action) -> Result<(Vec<Referrer>, Option<Url>), RegistryError> {
        let request = self.request(Method::GET, url, action.clone()).header(ACCEPT, HeaderValue::from_static(INDEX));
        let mut reply = self.send(request).await?;
        let bytes = self.read_whole(&mut reply, action, MAX_MANIFEST_BYTES).await?;
        let next = paging::next_page(&reply).map_err(|reason| bad_answer(action.clone(), reason))?;
        Ok((read_list(&bytes).map_err(|reason| bad_answer(action.clone(), reason))?, next))
    }

    /// What the tag of the subject's referrers lists; nothing when there is no such tag.
    pub(super) async fn tagged_referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Vec<Referrer>, RegistryError> {
        let tag = tag_of(subject);
        let Some(index) = self.manifest(repository, &tag).await? else { return Ok(Vec::new()) };
        read_list(&index.bytes).map_err(|reason| bad_answer(self.action("list referrers", &tag, repository), reason))
    }

    /// Adds to the tag of the subject's referrers those that it does not list yet. Not atomic: of two that do so at once,
    /// one may overwrite the other, as the specification has it.
    ///
    /// # Errors
    /// Whatever keeps the registry from answering.
    pub(super) async fn add_tagged_referrers(
        &self,
        repository: &str,
        subject: &Digest,
        more: &[Referrer],
    ) -> Result<(), RegistryError> {
        let there = self.tagged_referrers(repository, subject).await?;
        let missing: Vec<&Referrer> =
            more.iter().filter(|referrer| there.iter().all(|known| known.digest != referrer.digest)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let all: Vec<&Value> = there.iter().chain(missing).map(|referrer| &referrer.descriptor).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": all});
        let raw = RawManifest::new(INDEX, index.to_string().into());
        self.put_manifest(repository, &tag_of(subject), &raw).await
    }
}

fn read_list(bytes: &[u8]) -> Result<Vec<Referrer>, String> {
    let list: List = serde_json::from_slice(bytes).map_err(|error| format!("its list cannot be read: {error}"))?;
    let referrer = |descriptor: Value| {
        let digest = descriptor["digest"].as_str().unwrap_or_default().parse();
        digest.map(|digest| Referrer { digest, descriptor }).map_err(|error| format!("its list: {error}"))
    };
    list.manifests.into_iter().map(referrer).collect()
}
