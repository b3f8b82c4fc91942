//! One repository: its images, tags and layers, and the rules of a push. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;

use super::{contents::Contents, encryption::Encryption, mutability::Mutability};
use shipgate_core::{
    account::{AccountId, Region},
    digest::Digest,
};

/// Which repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct RepositoryId {
    /// The account it lives in.
    pub(crate) account: AccountId,
    /// Its region.
    pub(crate) region: Region,
    /// Its name.
    pub(crate) name: String,
}

impl RepositoryId {
    /// `arn:PARTITION:ecr:…:repository/NAME`.
    pub(crate) fn arn(&self) -> String {
        format!("arn:{}:ecr:{}:{}:repository/{}", self.region.partition(), self.region, self.account, self.name)
    }

    /// `A.dkr.ecr.R.amazonaws.com/NAME`.
    pub(crate) fn uri(&self) -> String {
        let suffix = match self.region.partition() {
            "aws-cn" => "amazonaws.com.cn",
            "aws-eusc" => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        format!("{}.dkr.ecr.{}.{suffix}/{}", self.account, self.region, self.name)
    }
}

/// A repository.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// When it was made.
    pub(crate) created: Timestamp,
    /// Whether tags may move.
    pub(crate) mutability: Mutability,
    /// The repository policy's text.
    pub(crate) policy: Option<String>,
    /// AWS resource tags: no part in what the repository does.
    pub(crate) labels: BTreeMap<String, String>,
    /// The lifecycle policy's text.
    pub(crate) lifecycle_policy: Option<String>,
    /// Whether images are to be scanned, which nobody does.
    pub(crate) scan_on_push: bool,
    /// How it is said to be encrypted.
    pub(crate) encryption: Encryption,
    /// Manifests by digest.
    pub(crate) images: BTreeMap<Digest, Image>,
    /// Tags and the manifests they name.
    pub(crate) tags: BTreeMap<String, Digest>,
    /// Layers and configurations, with their sizes in bytes.
    pub(crate) layers: BTreeMap<Digest, u64>,
}

/// A manifest as pushed.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// Its media type.
    pub(crate) media_type: String,
    /// Its bytes, untouched.
    pub(crate) bytes: Bytes,
    /// When it was pushed first.
    pub(crate) pushed: Timestamp,
    /// What it refers to.
    pub(crate) contents: Contents,
}

/// A manifest about to be pushed.
pub(crate) struct Push {
    /// The media type the client names, if it does.
    pub(crate) media_type: Option<String>,
    /// The manifest.
    pub(crate) bytes: Bytes,
    /// The tag to put on it.
    pub(crate) tag: Option<String>,
    /// Whether an immutable tag may be pushed again at the digest it has: not on ECR.
    pub(crate) same_digest_is_fine: bool,
}

/// What a push did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pushed {
    /// The manifest.
    pub(crate) digest: Digest,
    /// The manifest it refers to as its subject.
    pub(crate) subject: Option<Digest>,
    /// Whether a tag names another digest than before.
    pub(crate) tag_moved: bool,
    /// Whether manifest and tag were there already: nothing changed.
    pub(crate) was_there: bool,
}

/// Why a push is refused. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum PushRefused {
    /// Not a manifest.
    Malformed(String),
    /// Layers that were not uploaded.
    LayersMissing(Vec<Digest>),
    /// Members of an index that were not pushed.
    MembersMissing(Vec<Digest>),
    /// A member of an index is not a manifest.
    NotAManifest(Digest),
    /// The tag exists and may not move.
    TagIsImmutable(String),
}

impl Repository {
    /// An empty repository.
    pub(crate) fn new(created: Timestamp, mutability: Mutability) -> Self {
        Self {
            created,
            mutability,
            policy: None,
            labels: BTreeMap::new(),
            lifecycle_policy: None,
            scan_on_push: false,
            encryption: Encryption::default(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
            layers: BTreeMap::new(),
        }
    }

    /// The image a tag or a digest names.
    pub(crate) fn find(&self, reference: &str) -> Option<(&Digest, &Image)> {
        let digest = self.tags.get(reference).cloned().or_else(|| reference.parse().ok())?;
        self.images.get_key_value(&digest)
    }

    /// Whether a manifest refers to this layer.
    pub(crate) fn refers_to(&self, layer: &Digest) -> bool {
        self.images.values().any(|image| image.contents.blobs().any(|blob| blob == layer))
    }

    /// The tags of an image.
    pub(crate) fn tags_of(&self, digest: &Digest) -> Vec<&str> {
        self.tags.iter().filter(|(_, named)| *named == digest).map(|(tag, _)| tag.as_str()).collect()
    }

    /// Takes a manifest whose parts are all there, and puts the tag on it. All or nothing.
    pub(crate) fn push(&mut self, push: Push, now: Timestamp) -> Result<Pushed, PushRefused> {
        let contents = Contents::read(&push.bytes).map_err(PushRefused::Malformed)?;
        self.refuse_missing(&contents)?;
        let digest = Digest::of(&push.bytes);
        let tagged = push.tag.as_ref().and_then(|tag| self.tags.get(tag)).cloned();
        if let (Some(tag), Some(before)) = (&push.tag, &tagged) {
            let fine = push.same_digest_is_fine && *before == digest;
            if self.mutability.holds(tag) && !fine {
                return Err(PushRefused::TagIsImmutable(tag.clone()));
            }
        }
        let known = self.images.contains_key(&digest);
        let media_type = push.media_type.or_else(|| contents.media_type.clone()).unwrap_or_default();
        let subject = contents.subject.clone();
        self.images.entry(digest.clone()).or_insert(Image { media_type, bytes: push.bytes, pushed: now, contents });
        let same_tag = push.tag.is_none() || tagged.as_ref() == Some(&digest);
        if let Some(tag) = push.tag {
            self.tags.insert(tag, digest.clone());
        }
        Ok(Pushed { digest, subject, tag_moved: !same_tag, was_there: known && same_tag })
    }

    fn refuse_missing(&self, contents: &Contents) -> Result<(), PushRefused> {
        let layers: Vec<Digest> = contents.blobs().filter(|blob| !self.layers.contains_key(blob)).cloned().collect();
        if !layers.is_empty() {
            return Err(PushRefused::LayersMissing(layers));
        }
        let members: Vec<Digest> =
            contents.members.iter().filter(|member| !self.images.contains_key(member)).cloned().collect();
        if members.is_empty() { Ok(()) } else { Err(PushRefused::MembersMissing(members)) }
    }

    /// The indexes that list this manifest.
    pub(crate) fn listed_by(&self, digest: &Digest) -> Vec<&Digest> {
        self.images
            .iter()
            .filter(|(_, image)| image.contents.members.contains(digest))
            .map(|(index, _)| index)
            .collect()
    }

    /// Takes a manifest away with all its tags.
    pub(crate) fn delete_image(&mut self, digest: &Digest) -> bool {
        self.tags.retain(|_, named| named != digest);
        self.images.remove(digest).is_some()
    }

    /// The size ECR shows: the layers' and the configuration's bytes; of an index that of its members.
    pub(crate) fn image_size(&self, image: &Image) -> u64 {
        let of_blobs = |contents: &Contents| -> BTreeSet<Digest> { contents.blobs().cloned().collect() };
        let mut blobs = of_blobs(&image.contents);
        for member in image.contents.members.iter().filter_map(|member| self.images.get(member)) {
            blobs.extend(of_blobs(&member.contents));
        }
        blobs.iter().filter_map(|blob| self.layers.get(blob)).sum()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::{Digest, Mutability, Push, PushRefused, Repository};
    use crate::seed::TagMutability;

    fn manifest(layer: &Digest, note: &str) -> bytes::Bytes {
        format!(r#"{{"schemaVersion":2,"config":{{"digest":"{layer}","size":1}},"layers":[],"annotations":{{"n":"{note}"}}}}"#)
            .into()
    }

    fn push(bytes: bytes::Bytes, tag: &str) -> Push {
        Push { media_type: None, bytes, tag: Some(tag.to_owned()), same_digest_is_fine: false }
    }

    fn repository(mutability: TagMutability) -> (Repository, Digest) {
        let layer = Digest::of(b"layer");
        let mut repository =
            Repository::new(Timestamp::UNIX_EPOCH, Mutability { kind: mutability, exclusions: vec![] });
        repository.layers.insert(layer.clone(), 5);
        (repository, layer)
    }

    #[test]
    fn a_manifest_without_its_layers_changes_nothing() {
        let (mut repository, layer) = repository(TagMutability::Mutable);
        let first = repository.push(push(manifest(&layer, "1"), "v1"), Timestamp::UNIX_EPOCH).unwrap();
        let absent = Digest::of(b"absent");
        let refused = repository.push(push(manifest(&absent, "2"), "v1"), Timestamp::UNIX_EPOCH);
        assert_eq!(refused, Err(PushRefused::LayersMissing(vec![absent])));
        assert_eq!((repository.tags["v1"].clone(), repository.images.len()), (first.digest, 1));
    }

    #[test]
    fn an_immutable_tag_stays_where_it_is() {
        let (mut repository, layer) = repository(TagMutability::Immutable);
        let first = repository.push(push(manifest(&layer, "1"), "v1"), Timestamp::UNIX_EPOCH).unwrap();
        assert!(first.tag_moved);
        for note in ["1", "2"] {
            let refused = repository.push(push(manifest(&layer, note), "v1"), Timestamp::UNIX_EPOCH);
            assert_eq!(refused, Err(PushRefused::TagIsImmutable("v1".to_owned())));
            assert_eq!((repository.tags["v1"].clone(), repository.images.len()), (first.digest.clone(), 1));
        }
        let again = Push { same_digest_is_fine: true, ..push(manifest(&layer, "1"), "v1") };
        let again = repository.push(again, Timestamp::UNIX_EPOCH).unwrap();
        assert!(again.was_there && !again.tag_moved);
    }
}
