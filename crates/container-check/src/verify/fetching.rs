//! How the engine comes by the image: what it has already, under whatever name, is used as it is; what it has not is
//! pulled. What either leaves in the engine is forgotten afterwards: that is a name of this run, marked before it is made.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{
    VerifyError, VerifyRequest,
    cleaning::{clean_up, made, mark_pull},
    diagnosis,
    finding::Finding,
    unless_cancelled,
};
use crate::docker::{
    Engine, EngineError,
    image::{ImageFacts, PLATFORM},
};
use shipgate_core::{
    credentials::Credentials,
    digest::Digest,
    event::{Emitter, Event},
};
use shipgate_registry::Selection;

/// How long a pull may take.
pub(super) const PULL_LIMIT: Duration = Duration::from_mins(15);

/// How long its registry may take to find the image for the platform in an index.
const SEARCH_LIMIT: Duration = Duration::from_secs(30);

/// What an image that is at hand is called for the time of a check: whoever else forgets it takes only their own name
/// from it.
const HELD: &str = "shipgate-held";

/// Which image is judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VerifyImage {
    /// One the engine has.
    Present(String),
    /// One the engine fetches first, and forgets afterwards if it did not have it before.
    Pull {
        /// `HOST[:PORT]/REPOSITORY@sha256:…`, as the engine must dial it.
        reference: String,
        /// What the registry knows the engine by, given to it for this pull only. Nothing: it takes anybody.
        credentials: Option<Credentials>,
        /// What an engine calls the very same content where it has it: the digest of the configuration (Docker, Podman),
        /// of the manifest or of the index (Docker on containerd's image store). Empty where they are not known.
        known_as: Vec<Digest>,
        /// Whether it is pulled even if the engine has an image of that name or content.
        always: bool,
    },
}

/// An image in the engine, or why App Runner could not run it, if that is certain already.
pub(super) type Fetched = Result<String, Finding>;

/// A name that this run has in the engine, and its marker.
struct Claim {
    name: String,
    marker: Option<String>,
}

/// Fetches, and knows what it has to forget.
pub(super) struct Fetching<'a> {
    engine: &'a Engine,
    request: &'a VerifyRequest<'a>,
    events: &'a Emitter,
    cancel: &'a CancellationToken,
    claims: Vec<Claim>,
}

impl<'a> Fetching<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        request: &'a VerifyRequest<'a>,
        events: &'a Emitter,
        cancel: &'a CancellationToken,
    ) -> Self {
        Self { engine, request, events, cancel, claims: Vec::new() }
    }

    /// Sees to it that the engine has the image, and gives what the engine knows it by.
    pub(super) async fn image(&mut self) -> Result<Fetched, VerifyError> {
        let (name, facts) = match &self.request.image {
            VerifyImage::Present(name) => (name.clone(), self.look(name).await?),
            VerifyImage::Pull { reference, credentials, known_as, always } => {
                let at_hand = if *always { None } else { self.at_hand(reference, known_as).await? };
                match at_hand {
                    Some((name, facts)) => {
                        self.notice("the engine has the image already: it is not pulled");
                        (name, Some(facts))
                    }
                    None => match self.pull_any(reference, credentials.as_ref()).await? {
                        Err(finding) => return Ok(Err(finding)),
                        Ok(pulled) => {
                            let facts = self.look(&pulled).await?;
                            (pulled, facts)
                        }
                    },
                }
            }
        };
        let facts = facts.ok_or_else(|| EngineError::Missing { what: format!("image {name}") })?;
        Ok(unfit(facts, self.request.compressed_bytes).map_or(Ok(name), Err))
    }

    async fn look(&self, name: &str) -> Result<Option<ImageFacts>, VerifyError> {
        unless_cancelled(self.cancel, async { Ok(self.engine.image(name).await?) }).await
    }

    /// The image as the engine has it: by its reference, or by its content. An index of which the engine has another
    /// platform's member only is not at hand.
    async fn at_hand(
        &mut self,
        reference: &str,
        known_as: &[Digest],
    ) -> Result<Option<(String, ImageFacts)>, VerifyError> {
        if let Some(facts) = self.look(reference).await? {
            return Ok(self.hold(reference, &facts).await?.then(|| (reference.to_owned(), facts)));
        }
        for digest in known_as {
            let found = self.look(digest.as_str()).await?;
            if let Some(facts) = found.filter(|facts| facts.platform == PLATFORM)
                && self.hold(digest.as_str(), &facts).await?
            {
                return Ok(Some((digest.to_string(), facts)));
            }
        }
        Ok(None)
    }

    /// Gives the image a name of this run, so that it stays until the run is over. Whether it was still there. One without
    /// any name gets none: it would be removed with that; nor does one whose container is kept, and its image with it.
    async fn hold(&mut self, image: &str, facts: &ImageFacts) -> Result<bool, VerifyError> {
        if !facts.is_named || self.request.keep {
            return Ok(true);
        }
        let tag = self.request.run_id;
        self.claim(format!("{HELD}:{tag}")).await;
        made(self.cancel, self.engine.tag_image(image, HELD, tag)).await
    }

    /// Marks a name before there is one.
    async fn claim(&mut self, name: String) {
        if self.claims.iter().all(|claim| claim.name != name) {
            let marker = mark_pull(self.engine, &name, self.request.run_id, self.events).await;
            self.claims.push(Claim { name, marker });
        }
    }

    /// Pulls the image, or the member of its index for the platform: not every engine searches nested indexes and members that
    /// name no platform, as App Runner is taken to do. Returns what it has pulled.
    async fn pull_any(&mut self, reference: &str, credentials: Option<&Credentials>) -> Result<Fetched, VerifyError> {
        let Some(finding) = self.pull(reference, credentials).await? else { return Ok(Ok(reference.to_owned())) };
        let member = unless_cancelled(self.cancel, async { Ok(self.member().await) }).await?;
        let Some(member) = member else { return Ok(Err(finding)) };
        self.notice(&format!("the engine does not find the image for {PLATFORM} in the index: it is {member}"));
        Ok(match self.pull(&member, credentials).await? {
            Some(finding) => Err(finding),
            None => Ok(member),
        })
    }

    /// The image for the platform, where its index names it in a way that an engine may not find.
    async fn member(&self) -> Option<String> {
        let (registry, image) = self.request.source?;
        let search = async {
            let raw = registry.manifest(image.repository(), image.manifest_reference()).await.ok()??;
            registry.select(image.repository(), &raw, PLATFORM).await.ok()
        };
        match timeout(SEARCH_LIMIT, Box::pin(search)).await.ok()?? {
            Selection::Image(found) if !found.is_obvious => Some(image.with_digest(&found.digest).to_string()),
            Selection::Image(_) | Selection::Nothing { .. } => None,
        }
    }

    /// Pulls. What the engine had before, it keeps.
    async fn pull(
        &mut self,
        reference: &str,
        credentials: Option<&Credentials>,
    ) -> Result<Option<Finding>, VerifyError> {
        if self.look(reference).await?.is_none() {
            self.claim(reference.to_owned()).await;
        }
        let pulling = async {
            match timeout(PULL_LIMIT, self.engine.pull_image(reference, credentials)).await {
                Err(_) => Err(VerifyError::PullTimedOut { reference: reference.to_owned() }),
                Ok(Err(error)) if lacks_the_platform(&error) => {
                    Ok(Some(Finding::WrongArchitecture { platform: Some("other platforms".to_owned()) }))
                }
                Ok(pulled) => Ok(pulled.map(|()| None)?),
            }
        };
        let finding = unless_cancelled(self.cancel, pulling).await?;
        if finding.is_none() {
            self.notice("the engine has pulled the image");
        }
        Ok(finding)
    }

    fn notice(&self, message: &str) {
        self.events.emit(Event::Notice { message: message.to_owned() });
    }

    /// Removes the names of this run, and the image with its last one; what is kept keeps its image.
    pub(super) async fn forget(self, keeps: bool) {
        let forgetting = async {
            for Claim { name, marker } in &self.claims {
                if !keeps {
                    self.engine.remove_image(name).await?;
                }
                // After the image: as long as that is there, the next run must know of it.
                if let Some(marker) = marker {
                    self.engine.remove_volume(marker).await?;
                }
            }
            Ok(())
        };
        clean_up(self.events, self.cancel, forgetting).await;
    }
}

/// Why App Runner could not run an image, as far as the engine's facts tell.
fn unfit(facts: ImageFacts, compressed_bytes: Option<u64>) -> Option<Finding> {
    if facts.platform == PLATFORM {
        diagnosis::fits(facts.size_bytes, compressed_bytes).err()
    } else {
        Some(Finding::WrongArchitecture { platform: Some(facts.platform) })
    }
}

/// An index without a member for the platform is the image's fault, not the pull's.
fn lacks_the_platform(error: &EngineError) -> bool {
    let words = ["no matching manifest for", "no match for platform", "does not match the specified platform"];
    matches!(error, EngineError::Pull { reason, .. } if words.iter().any(|words| reason.contains(words)))
}
