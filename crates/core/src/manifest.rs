//! Image manifests and indexes, read from their raw bytes. The bytes themselves are what is copied: writing a
//! manifest out again would change its digest. Only the fields that a copy or a deployment needs are read.

mod document;
mod platform;
#[cfg(test)]
mod tests;

pub use platform::{is_platform, platform_of_config, platform_rank};

use self::document::Document;
use super::{digest::Digest, mask::masked};

/// The media types a manifest request accepts, in the order of preference: OCI and Docker schema 2, images and lists;
/// then whatever the registry has, which is copied as it is or refused by name.
pub const ACCEPTED_MEDIA_TYPES: [&str; 5] = [OCI_INDEX, OCI_IMAGE, DOCKER_LIST, DOCKER_IMAGE, "*/*"];

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
const ORAS_ARTIFACT: &str = "application/vnd.cncf.oras.artifact.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's schema 1, signed and unsigned: `…v1+json`, `…v1+prettyjws`.
const DOCKER_SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+";

/// The configurations of images.
const IMAGE_CONFIGS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// The configuration of a cache that BuildKit exports (`--cache-to type=registry`): a member of an index whose other members
/// are layers, or, with `image-manifest=true`, the configuration of an image manifest.
const BUILDKIT_CACHE: &str = "application/vnd.buildkit.cacheconfig.v0";
/// What a descriptor's media type contains if it describes a blob and not a manifest.
const BLOBS: [&str; 5] = [".layer.", ".rootfs.", ".config.", ".container.image.", ".cacheconfig."];

/// The most bytes a manifest may have: ECR's limit (Amazon ECR service quotas).
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// A piece of content: its type, digest and size in bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Descriptor {
    /// The media type; empty where none is given.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// A layer, as the manifest describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// The media type; empty where none is given.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// Its size in bytes, where the manifest names one.
    pub size_bytes: Option<u64>,
    /// Whether the manifest names addresses outside of the registry for it.
    pub has_urls: bool,
}

/// A member of an index: an image for a platform, or something attached to one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexMember {
    /// The media type; empty where the index names none.
    pub media_type: String,
    /// The member's digest.
    pub digest: Digest,
    /// Its size in bytes, where the index names one.
    pub size_bytes: Option<u64>,
    /// `os/architecture` or `os/architecture/variant` as the index writes it, where it names one.
    pub platform: Option<String>,
    /// Whether it describes another member (BuildKit's attestations, of platform `unknown/unknown`) instead of being an image.
    pub is_attestation: bool,
}

/// A member of an index that cannot be read. It matters only if it is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnusableMember {
    /// What is wrong with it; it starts with its position: `` `manifests[2]` has no digest ``.
    pub reason: String,
    /// Its platform as the index writes it, where it names one.
    pub platform: Option<String>,
    /// Whether it describes another member instead of being an image.
    pub is_attestation: bool,
}

/// What kind of content a member of an index is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MemberKind {
    /// Another index.
    Index,
    /// A manifest of an image or artifact.
    Image,
    /// A blob: BuildKit lists the layers of a cache so.
    Blob,
    /// Its media type is missing or not known: it is a manifest if the registry has it as one.
    Unknown,
}

/// A manifest as fetched: type and raw bytes. The digest is computed from the bytes, never believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawManifest {
    /// The media type, without parameters where it was received from a registry.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes, untouched.
    pub bytes: bytes::Bytes,
}

/// What a manifest says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Manifest {
    /// One image or artifact: its configuration and its layers, bottom layer first.
    Image {
        /// The configuration blob; artifacts need not have one.
        config: Option<Descriptor>,
        /// The layer blobs, bottom first.
        layers: Vec<Layer>,
    },
    /// A list of images, one a platform.
    Index {
        /// The members, in the order of the index.
        members: Vec<IndexMember>,
        /// The members that cannot be read.
        unusable: Vec<UnusableMember>,
    },
}

/// Why a manifest cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// Docker's old format, whose layers cannot be verified.
    #[error("manifest {digest} is in Docker's schema 1 format ({media_type}), which is not supported")]
    Schema1 {
        /// The manifest.
        digest: Digest,
        /// What the registry calls it.
        media_type: String,
    },
    /// An unknown type, and content that is neither an image nor an index.
    #[error("manifest {digest} has media type `{media_type}`, which is not supported")]
    UnsupportedMediaType {
        /// The manifest.
        digest: Digest,
        /// What the registry calls it.
        media_type: String,
    },
    /// Not what its media type says.
    #[error("manifest {digest} cannot be read: {reason}")]
    Malformed {
        /// The manifest.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
}

impl ManifestError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Schema1 { .. } | Self::UnsupportedMediaType { .. } => {
                Some("build and push the image with a current Docker or BuildKit (OCI or Docker schema 2)")
            }
            Self::Malformed { .. } => None,
        }
    }
}

impl IndexMember {
    /// How well it suits this platform (`os/architecture` or `os/architecture/variant`), as [`platform_rank`] says.
    #[must_use]
    pub fn rank_for(&self, platform: &str) -> Option<u32> {
        platform_rank(self.platform.as_deref()?, platform)
    }

    /// Whether it is for this platform.
    #[must_use]
    pub fn is_for(&self, platform: &str) -> bool {
        self.rank_for(platform).is_some()
    }

    /// What kind of content it is, by its media type.
    #[must_use]
    pub fn kind(&self) -> MemberKind {
        let media_type = without_parameters(&self.media_type);
        match media_type.as_str() {
            OCI_INDEX | DOCKER_LIST => MemberKind::Index,
            OCI_IMAGE | DOCKER_IMAGE | OCI_ARTIFACT | ORAS_ARTIFACT => MemberKind::Image,
            other if BLOBS.iter().any(|part| other.contains(part)) => MemberKind::Blob,
            _ => MemberKind::Unknown,
        }
    }
}

impl Layer {
    /// Whether it is one that need not be in the registry (OCI image specification, "Non-distributable layers"; Docker's
    /// foreign layers).
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let media_type = without_parameters(&self.media_type);
        [".rootfs.foreign.diff.", ".layer.nondistributable."].iter().any(|name| media_type.contains(name))
    }
}

impl Manifest {
    /// What it is instead of an image, as far as the media types say: `a BuildKit cache`.
    #[must_use]
    pub fn other_than_image(&self) -> Option<String> {
        match self {
            Self::Index { members, unusable } if members.is_empty() && unusable.is_empty() => {
                Some("an empty index (it lists no image)".to_owned())
            }
            Self::Index { members, .. } => {
                let is_cache = members.iter().any(|member| without_parameters(&member.media_type) == BUILDKIT_CACHE);
                is_cache.then(|| "a BuildKit cache".to_owned())
            }
            Self::Image { config: None, .. } => Some("an artifact without a configuration".to_owned()),
            Self::Image { config: Some(config), .. } => match without_parameters(&config.media_type).as_str() {
                BUILDKIT_CACHE => Some("a BuildKit cache".to_owned()),
                "" => None,
                known if IMAGE_CONFIGS.contains(&known) => None,
                _ => {
                    let media_type = as_written(&config.media_type);
                    Some(format!("an artifact (its configuration has media type {media_type})"))
                }
            },
        }
    }
}

impl RawManifest {
    /// Keeps the bytes and computes their digest.
    #[must_use]
    pub fn new(media_type: impl Into<String>, bytes: bytes::Bytes) -> Self {
        Self { media_type: media_type.into(), digest: Digest::of(&bytes), bytes }
    }

    /// As a registry answered it. The manifest's own `mediaType` counts, then the header of the answer; where that is missing or
    /// says nothing, the structure of the content (OCI distribution specification, "Pushing Manifests": the header must be
    /// the manifest's own type).
    #[must_use]
    pub fn received(content_type: &str, bytes: bytes::Bytes) -> Self {
        let header = as_written(content_type);
        let document = Document::read(&bytes).ok();
        let own = document.as_ref().and_then(Document::media_type);
        let said = own.or_else(|| without_parameters(&header).contains("/vnd.").then(|| header.clone()));
        let media_type = said.or_else(|| document.as_ref().and_then(Document::looks_like)).unwrap_or(header);
        Self::new(media_type, bytes)
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// [`ManifestError`] when it is Docker's schema 1, when neither its media type nor its content is that of an image or
    /// an index, and when the two contradict each other (CVE-2021-41190) or what it describes cannot be read.
    pub fn parse(&self) -> Result<Manifest, ManifestError> {
        let malformed = |reason: String| ManifestError::Malformed { digest: self.digest.clone(), reason };
        let declared = without_parameters(&self.media_type);
        let (digest, media_type) = (self.digest.clone(), self.media_type.clone());
        if declared.starts_with(DOCKER_SCHEMA_1) {
            return Err(ManifestError::Schema1 { digest, media_type });
        }
        let document = match Document::read(&self.bytes) {
            Ok(document) => document,
            Err(reason) if is_known(&declared) => return Err(malformed(reason)),
            Err(_) => return Err(ManifestError::UnsupportedMediaType { digest, media_type }),
        };
        if document.is_schema_1() {
            return Err(ManifestError::Schema1 { digest, media_type });
        }
        let is_index = matches!(declared.as_str(), OCI_INDEX | DOCKER_LIST);
        match (document.lists_manifests(), document.lists_blobs()) {
            (true, true) => Err(malformed("it is ambiguous: it lists manifests, and a configuration or layers".into())),
            (true, false) if is_known(&declared) && !is_index => {
                Err(malformed(format!("its media type is {declared}, and it lists manifests")))
            }
            (false, true) if is_index => {
                Err(malformed(format!("its media type is {declared}, and it lists a configuration or layers")))
            }
            (true, false) => Ok(document.index()),
            (false, true) => document.image().map_err(malformed),
            (false, false) if is_index => Ok(Manifest::Index { members: Vec::new(), unusable: Vec::new() }),
            (false, false) if is_known(&declared) => {
                Err(malformed("it has neither a configuration nor layers".to_owned()))
            }
            (false, false) => Err(ManifestError::UnsupportedMediaType { digest, media_type }),
        }
    }
}

fn is_known(media_type: &str) -> bool {
    [OCI_INDEX, OCI_IMAGE, OCI_ARTIFACT, ORAS_ARTIFACT, DOCKER_LIST, DOCKER_IMAGE].contains(&media_type)
}

/// A media type without parameters, as it goes out and is shown: one that is none of ours keeps its case. A registry may have
/// written a secret into it, which nobody knows any more once it is in lower case, or cut off at a `;`.
fn as_written(media_type: &str) -> String {
    let lower = without_parameters(media_type);
    if is_known(&lower) {
        return lower;
    }
    masked(media_type).split(';').next().unwrap_or_default().trim().to_owned()
}

/// A media type in lower case, without `; charset=utf-8` and the like.
fn without_parameters(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
