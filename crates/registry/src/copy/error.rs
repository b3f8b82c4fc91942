//! Why an image was not copied.

use std::time::Duration;

use crate::error::RegistryError;
use shipgate_core::{digest::Digest, event::Event, manifest::ManifestError, pull_through::Passage};

/// Why an image was not copied. Whichever it is: at a destination no manifest exists without all its blobs.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A registry did not play its part.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The source has no such manifest.
    #[error("there is no manifest {reference} in {repository}")]
    SourceMissing {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// What was looked for: a tag or a digest.
        reference: String,
    },
    /// The image is not for this platform.
    #[error("the image of {repository} has nothing for {platform}: it is {}", what_it_is(offered, instead.as_deref()))]
    NoSuchPlatform {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// What was asked for.
        platform: String,
        /// What there is.
        offered: Vec<String>,
        /// What it is if it is not an image.
        instead: Option<String>,
    },
    /// The tag points at another image and may not be moved.
    #[error("cannot tag {wanted} in {repository}: tag {tag} is immutable and points at {}", there.as_ref().map_or("nothing that can be seen", Digest::as_str))]
    TagTaken {
        /// `HOST/REPOSITORY` of the destination.
        repository: String,
        /// The tag.
        tag: String,
        /// What it points at.
        there: Option<Digest>,
        /// What it was to point at.
        wanted: Digest,
    },
    /// The destination did not fetch the image through its cache.
    #[error("{}/{} did not fetch the image from {}/{} through its cache", passage.host, passage.repository, passage.source_host, passage.source_repository)]
    NotFetched {
        /// From where to where.
        passage: Box<Passage>,
        /// What the destination said.
        #[source]
        source: RegistryError,
    },
    /// The destination has the manifests, and not all of their blobs.
    #[error("{repository} still lacks {missing} blobs, {first} among them, {} s after the last one came", after.as_secs())]
    NotArrived {
        /// `HOST/REPOSITORY` of the destination.
        repository: String,
        /// How many it lacks.
        missing: usize,
        /// One of them.
        first: Digest,
        /// For how long nothing has come.
        after: Duration,
    },
    /// A referrer could not be copied, and all were asked for.
    #[error("cannot copy what refers to {subject}")]
    Referrers {
        /// The image.
        subject: Digest,
        /// Why.
        #[source]
        source: Box<CopyError>,
    },
    /// It took longer than it may.
    #[error("the copy was not over after {} s", after.as_secs())]
    DeadlinePassed {
        /// The time it had.
        after: Duration,
    },
    /// The source has a manifest that cannot be copied, such as Docker's schema 1.
    #[error("cannot copy an image of {repository}")]
    Manifest {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// What is wrong with it.
        #[source]
        source: ManifestError,
    },
    /// The image has a layer that must not be redistributed, and that its registry does not hold.
    #[error(
        "cannot copy image {manifest} of {repository}: layer {layer} is a foreign layer ({media_type}) that is not in the registry"
    )]
    ForeignLayer {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// The image's manifest.
        manifest: Digest,
        /// The layer.
        layer: Digest,
        /// The layer's media type.
        media_type: String,
    },
    /// Descriptors contradict each other or the content they describe.
    #[error("cannot copy image of {repository}: {digest} is said to have {said} bytes, and has {actual}")]
    SizeConflict {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// The content.
        digest: Digest,
        /// What one descriptor says.
        said: u64,
        /// What another says, or what came.
        actual: u64,
    },
    /// Indexes within indexes, beyond reason.
    #[error("cannot copy {digest} of {repository}: its indexes are nested more than {limit} deep")]
    TooDeep {
        /// `HOST/REPOSITORY` of the source.
        repository: String,
        /// The outermost index.
        digest: Digest,
        /// As deep as is followed.
        limit: usize,
    },
    /// A fault in this program.
    #[error("the transfer of a blob ended unexpectedly")]
    Worker(#[from] tokio::task::JoinError),
    /// Stopped before the end.
    #[error("the copy was cancelled")]
    Cancelled,
}

impl CopyError {
    /// Whether it is a matter of identity or permission.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_denied(),
            Self::Referrers { source, .. } => source.is_denied(),
            Self::NotFetched { source, .. } => source.is_denied(),
            Self::SourceMissing { .. }
            | Self::NoSuchPlatform { .. }
            | Self::TagTaken { .. }
            | Self::NotArrived { .. }
            | Self::DeadlinePassed { .. }
            | Self::Manifest { .. }
            | Self::ForeignLayer { .. }
            | Self::SizeConflict { .. }
            | Self::TooDeep { .. }
            | Self::Worker(_)
            | Self::Cancelled => false,
        }
    }

    /// That this is what became of the copy to one destination.
    #[must_use]
    pub fn as_event(&self, destination: String) -> Event {
        Event::CopyFailed { destination, reason: self.chain(), hint: self.hint() }
    }

    /// The failure and its causes in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut texts = vec![self.to_string()];
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            texts.push(cause.to_string());
            source = cause.source();
        }
        texts.join(": ")
    }

    /// Whether the caller stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Registry(error) => error.hint(),
            Self::SourceMissing { reference, .. } => Some(missing_hint(reference).to_owned()),
            Self::NoSuchPlatform { offered, .. } if offered.is_empty() => None,
            Self::NoSuchPlatform { .. } => Some("name one of those with --platform, or copy all of them without it".to_owned()),
            Self::TagTaken { .. } => Some("use a new tag: an immutable one is never moved, not even by shipgate".to_owned()),
            Self::Referrers { source, .. } => source.hint(),
            Self::NotFetched { passage, source } => passage.permissions().or_else(|| source.hint()),
            Self::NotArrived { .. } => {
                Some("run the same command again: the registry may still be fetching them; or copy it with `via: copy`".to_owned())
            }
            Self::DeadlinePassed { .. } => Some("run the same command again, or give it more time with --timeout: what has been copied is kept and will be skipped".to_owned()),
            Self::Manifest { source, .. } => source.hint().map(str::to_owned),
            Self::ForeignLayer { .. } => Some(
                "build the image with its base layers included, or from a base that may be redistributed".to_owned(),
            ),
            Self::Cancelled => {
                Some("run the same command again: what has been copied is kept and will be skipped".to_owned())
            }
            Self::SizeConflict { .. } | Self::TooDeep { .. } | Self::Worker(_) => None,
        }
    }
}

/// What a manifest is that has no image for a platform.
fn what_it_is(offered: &[String], instead: Option<&str>) -> String {
    match instead {
        Some(what) if offered.is_empty() => what.to_owned(),
        _ if offered.is_empty() => "for no platform it names".to_owned(),
        _ => format!("for {}", offered.join(", ")),
    }
}

/// A tag is mistyped or not pushed yet; a digest was there once, or nobody would know it.
fn missing_hint(reference: &str) -> &'static str {
    if reference.parse::<Digest>().is_ok() {
        "check the digest, or push the image again: it may have been deleted (lifecycle policy) or archived"
    } else {
        "check the tag, and that the job that pushes it has run before this one"
    }
}

#[cfg(test)]
mod tests {
    use super::CopyError;

    #[test]
    fn what_is_missing_is_looked_for_by_what_it_was_named_by() {
        let hint = |reference: &str| {
            let (repository, reference) = ("registry.test/shop/api".to_owned(), reference.to_owned());
            CopyError::SourceMissing { repository, reference }.hint().unwrap()
        };
        assert!(hint("v1").starts_with("check the tag"), "{}", hint("v1"));
        let digest = format!("sha256:{}", "0".repeat(64));
        assert!(hint(&digest).contains("may have been deleted"), "{}", hint(&digest));
    }
}
