//! Selects the image for a platform. The search covers nested indexes, and members that name no platform: their configuration
//! names it. Containerd searches in the same order.

use std::collections::BTreeSet;

use super::{client::Registry, error::RegistryError, request::bad_answer};
use shipgate_core::{
    digest::Digest,
    manifest::{
        Descriptor, IndexMember, Manifest, ManifestError, MemberKind, RawManifest, is_platform, platform_of_config,
    },
};

/// As deep as indexes within indexes are searched: as deep as they are copied.
const MAX_DEPTH: usize = 4;

/// As many manifests as are read in search of a platform. An index of a release has some twenty members, with platforms.
const MAX_READ: usize = 64;

/// What a manifest has for a platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Selection {
    /// This image.
    Image(SelectedImage),
    /// Nothing.
    Nothing {
        /// The platforms it has images for.
        offered: Vec<String>,
        /// What it is if it is not an image: `a BuildKit cache`.
        instead: Option<String>,
    },
}

/// An image that is for the platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelectedImage {
    /// The digest of its manifest.
    pub digest: Digest,
    /// Its manifest, where it had to be read.
    pub manifest: Option<RawManifest>,
    /// Whether any client finds it: it is the manifest itself, or the outermost index names its platform.
    pub is_obvious: bool,
}

/// Why a manifest could not be searched.
#[derive(Debug, thiserror::Error)]
pub enum SelectionError {
    /// The registry did not give what the search needs.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// The state of a search.
struct Search<'a> {
    registry: &'a Registry,
    repository: &'a str,
    platform: &'a str,
    root: &'a Digest,
    seen: BTreeSet<Digest>,
    offered: Vec<String>,
    read: usize,
    /// The first manifest that was to be read and is not there.
    missing: Option<RegistryError>,
}

impl Registry {
    /// The image that a manifest has for a platform (`os/architecture[/variant]`).
    ///
    /// # Errors
    /// [`SelectionError::Manifest`] when `raw` cannot be read. Listed manifests that cannot be read are skipped. If no image is left, a
    /// missing manifest is the error.
    pub async fn select(
        &self,
        repository: &str,
        raw: &RawManifest,
        platform: &str,
    ) -> Result<Selection, SelectionError> {
        let mut search = Search {
            registry: self,
            repository,
            platform,
            root: &raw.digest,
            seen: BTreeSet::from([raw.digest.clone()]),
            offered: Vec::new(),
            read: 0,
            missing: None,
        };
        let manifest = raw.parse()?;
        let instead = manifest.other_than_image();
        let found = match manifest {
            Manifest::Image { config, .. } => {
                search.is_image(config.as_ref()).await?.then(|| SelectedImage::new(raw, true))
            }
            Manifest::Index { members } => search.indexes(members).await?,
        };
        match (found, search.missing) {
            (Some(image), _) => Ok(Selection::Image(image)),
            (None, Some(missing)) if search.offered.is_empty() => Err(missing.into()),
            (None, _) => {
                let instead = instead.filter(|_| search.offered.is_empty());
                Ok(Selection::Nothing { offered: search.offered, instead })
            }
        }
    }
}

impl SelectedImage {
    fn new(raw: &RawManifest, is_obvious: bool) -> Self {
        Self { digest: raw.digest.clone(), manifest: Some(raw.clone()), is_obvious }
    }
}

impl Search<'_> {
    /// Level by level, outermost first.
    async fn indexes(&mut self, outermost: Vec<IndexMember>) -> Result<Option<SelectedImage>, RegistryError> {
        let mut level = outermost;
        for depth in 0..MAX_DEPTH {
            level.retain(|member| !member.is_attestation && self.seen.insert(member.digest.clone()));
            if let Some(member) = best_for(self.platform, &level) {
                let digest = member.digest.clone();
                return Ok(Some(SelectedImage { digest, manifest: None, is_obvious: depth == 0 }));
            }
            let mut next = Vec::new();
            for member in std::mem::take(&mut level) {
                if let Some(found) = self.look_into(member, &mut next).await? {
                    return Ok(Some(found));
                }
            }
            level = next;
            if level.is_empty() {
                return Ok(None);
            }
        }
        Err(self.beyond(format!("its indexes are nested more than {MAX_DEPTH} deep")))
    }

    /// Reads a member if it may hold what is searched for; members of an index go to `next`.
    async fn look_into(
        &mut self,
        member: IndexMember,
        next: &mut Vec<IndexMember>,
    ) -> Result<Option<SelectedImage>, RegistryError> {
        let kind = member.kind();
        if let Some(platform) = member.platform.clone() {
            let platform = member.variant.as_ref().map_or_else(|| platform.clone(), |own| format!("{platform}/{own}"));
            if !member.is_for(self.platform) {
                self.offer(platform);
                return Ok(None);
            }
        }
        if kind == MemberKind::Blob {
            return Ok(None);
        }
        self.read += 1;
        if self.read > MAX_READ {
            return Err(self.beyond(format!("it lists more than {MAX_READ} manifests without a platform")));
        }
        let Some(raw) = self.registry.manifest(self.repository, member.digest.as_str()).await? else {
            if kind != MemberKind::Unknown {
                let action = self.registry.action("read manifest", member.digest.as_str(), self.repository);
                self.missing.get_or_insert(RegistryError::ContentNotFound { action: Box::new(action) });
            }
            return Ok(None);
        };
        match raw.parse() {
            Ok(Manifest::Index { members }) => {
                next.extend(members);
                Ok(None)
            }
            Ok(Manifest::Image { config, .. }) => {
                Ok(self.is_image(config.as_ref()).await?.then(|| SelectedImage::new(&raw, false)))
            }
            Err(_) => Ok(None),
        }
    }

    /// Whether the image of this configuration is for the platform.
    async fn is_image(&mut self, config: Option<&Descriptor>) -> Result<bool, RegistryError> {
        let Some(config) = config else { return Ok(false) };
        let bytes = match self.registry.blob_bytes(self.repository, config).await {
            // An artifact may have anything for a configuration. One of an image is a few kilobytes.
            Err(RegistryError::TooLarge { .. }) => return Ok(false),
            read => read?,
        };
        let Some(own) = platform_of_config(&bytes).filter(|own| own != "unknown/unknown") else { return Ok(false) };
        let is_it = is_platform(&own, self.platform);
        self.offer(own);
        Ok(is_it)
    }

    fn offer(&mut self, platform: String) {
        if !self.offered.contains(&platform) {
            self.offered.push(platform);
        }
    }

    fn beyond(&self, reason: String) -> RegistryError {
        bad_answer(self.registry.action("search manifest", self.root.as_str(), self.repository), reason)
    }
}

/// The member that names the platform. One without a variant, or of the architecture's first, runs on every machine.
fn best_for<'a>(platform: &str, members: &'a [IndexMember]) -> Option<&'a IndexMember> {
    let is_image = |member: &&IndexMember| member.kind() == MemberKind::Image;
    let mut fitting = members.iter().filter(is_image).filter(|member| member.is_for(platform));
    let first = fitting.next()?;
    let is_plain = |member: &IndexMember| member.variant.as_deref().is_none_or(|variant| variant == "v1");
    if is_plain(first) || platform.matches('/').count() > 1 {
        return Some(first);
    }
    Some(fitting.find(|member| is_plain(member)).unwrap_or(first))
}
