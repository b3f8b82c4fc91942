//! Selects the image for a platform. The search covers nested indexes, and members that name no platform: their configuration
//! names it. Containerd searches in the same order.

use std::collections::BTreeSet;

use super::{client::Registry, error::RegistryError, request::bad_answer};
use shipgate_core::{
    digest::Digest,
    manifest::{
        Descriptor, IndexMember, Manifest, ManifestError, MemberKind, RawManifest, UnusableMember, platform_of_config,
        platform_rank,
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
    /// The first member for the platform that cannot be read.
    unusable: Option<ManifestError>,
    /// The first member without a platform that cannot be read.
    unusable_without_platform: Option<ManifestError>,
}

/// An image that is for the platform, and how well it suits it: 0 is best.
type Ranked = (u32, SelectedImage);

impl Registry {
    /// The image that a manifest has for a platform (`os/architecture[/variant]`).
    ///
    /// # Errors
    /// [`SelectionError::Manifest`] when `raw` cannot be read. Listed manifests that cannot be read are skipped. If no image is left, a
    /// missing manifest or an unusable member is the error.
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
            unusable: None,
            unusable_without_platform: None,
        };
        let manifest = raw.parse()?;
        let instead = manifest.other_than_image();
        let found = match manifest {
            Manifest::Image { config, .. } => {
                search.rank_of_image(config.as_ref()).await?.map(|_| SelectedImage::new(raw, true))
            }
            Manifest::Index { members, unusable } => {
                search.remember_unusable(&raw.digest, unusable);
                search.indexes(members).await?
            }
        };
        let without_platform = search.unusable_without_platform.filter(|_| search.offered.is_empty());
        match (found, search.missing, search.unusable.or(without_platform)) {
            (Some(image), _, _) => Ok(Selection::Image(image)),
            (None, _, Some(unusable)) => Err(unusable.into()),
            (None, Some(missing), None) if search.offered.is_empty() => Err(missing.into()),
            (None, _, None) => {
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
            let mut best: Option<Ranked> = None;
            for member in std::mem::take(&mut level) {
                let found = match self.look_into(member, &mut next).await {
                    // Something that fits is found, if not the best.
                    Err(_) if best.is_some() => break,
                    found => found?,
                };
                let Some(found) = found else { continue };
                if best.as_ref().is_none_or(|(rank, _)| found.0 < *rank) {
                    let is_perfect = found.0 == 0;
                    best = Some(found);
                    if is_perfect {
                        break;
                    }
                }
            }
            if let Some((_, image)) = best {
                return Ok(Some(image));
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
    ) -> Result<Option<Ranked>, RegistryError> {
        let kind = member.kind();
        if let Some(platform) = &member.platform
            && !member.is_for(self.platform)
        {
            self.offer(platform.clone());
            return Ok(None);
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
            Ok(Manifest::Index { members, unusable }) => {
                self.remember_unusable(&raw.digest, unusable);
                next.extend(members);
                Ok(None)
            }
            Ok(Manifest::Image { config, .. }) => {
                let rank = self.rank_of_image(config.as_ref()).await?;
                Ok(rank.map(|rank| (rank, SelectedImage::new(&raw, false))))
            }
            Err(_) => Ok(None),
        }
    }

    /// How well the image of this configuration suits the platform, if it is for it.
    async fn rank_of_image(&mut self, config: Option<&Descriptor>) -> Result<Option<u32>, RegistryError> {
        let Some(config) = config else { return Ok(None) };
        let bytes = match self.registry.blob_bytes(self.repository, config).await {
            // An artifact may have anything for a configuration. One of an image is a few kilobytes.
            Err(RegistryError::TooLarge { .. }) => return Ok(None),
            read => read?,
        };
        let Some(own) = platform_of_config(&bytes).filter(|own| own != "unknown/unknown") else { return Ok(None) };
        let rank = platform_rank(&own, self.platform);
        self.offer(own);
        Ok(rank)
    }

    /// They matter if nothing else is found.
    fn remember_unusable(&mut self, index: &Digest, members: Vec<UnusableMember>) {
        for UnusableMember { reason, platform, is_attestation } in members {
            let error = ManifestError::Malformed { digest: index.clone(), reason };
            match platform {
                Some(own) if platform_rank(&own, self.platform).is_some() => {
                    self.unusable.get_or_insert(error);
                }
                Some(own) => self.offer(own),
                None if is_attestation => {}
                None => {
                    self.unusable_without_platform.get_or_insert(error);
                }
            }
        }
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

/// The member that names the platform and suits it best; the first of several.
fn best_for<'a>(platform: &str, members: &'a [IndexMember]) -> Option<&'a IndexMember> {
    let images = members.iter().filter(|member| member.kind() == MemberKind::Image);
    let ranked = images.filter_map(|member| Some((member.rank_for(platform)?, member)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, member)| member)
}
