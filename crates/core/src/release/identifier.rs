//! The image identifier that a service is to be configured with. By default the one it has: its tag is moved and
//! infrastructure code sees no difference. Another one only where that tag cannot be moved, or the user names another.

use crate::{digest::Digest, image::ImageReference, mutability::TagMutability};

/// How the user wants the identifier to name the image.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Naming {
    /// As the service has it now; by a tag for a new one.
    #[default]
    AsLive,
    /// By a tag.
    Tag,
    /// By the digest.
    Digest,
}

/// What a service deploys from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Identifier {
    /// A tag, which is moved to the digest that is to be deployed.
    Tag(ImageReference),
    /// A tag that cannot be moved once it is there: it can only ever mean this digest.
    FixedTag(ImageReference),
    /// The digest itself.
    Digest(ImageReference),
}

impl Identifier {
    /// As App Runner is told it.
    #[must_use]
    pub fn reference(&self) -> &ImageReference {
        match self {
            Self::Tag(reference) | Self::FixedTag(reference) | Self::Digest(reference) => reference,
        }
    }

    /// The tag that has to point at the digest before the service deploys, if it deploys from one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag(reference) | Self::FixedTag(reference) => Some(reference.tag().unwrap_or("latest")),
            Self::Digest(_) => None,
        }
    }

    /// Whether it can only ever mean one digest.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match self {
            Self::Tag(_) => false,
            Self::FixedTag(_) | Self::Digest(_) => true,
        }
    }

    /// Whether a service's identifier is this one. One without tag and digest means `latest`.
    #[must_use]
    pub fn is(&self, live: &ImageReference) -> bool {
        let wanted = self.reference();
        wanted.host() == live.host()
            && wanted.repository() == live.repository()
            && wanted.manifest_reference() == live.manifest_reference()
    }
}

/// What there is to choose from.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'a> {
    /// The repository of the workload account, with the tag that the user names, else the live service's, else the name of the
    /// service.
    pub destination: &'a ImageReference,
    /// Whether the user names that tag.
    pub tag_is_named: bool,
    /// The live service's identifier.
    pub live: Option<&'a ImageReference>,
    /// The tag of the image as it was asked for.
    pub source_tag: Option<&'a str>,
    /// The digest that is to be deployed.
    pub digest: &'a Digest,
    /// What the repository allows its tags; the default where it is not there yet.
    pub mutability: &'a TagMutability,
    /// Where the destination's tag points now.
    pub points_at: Option<&'a Digest>,
    /// How the user wants it.
    pub naming: Naming,
}

/// Chooses.
#[must_use]
pub fn identifier(choice: Choice<'_>) -> Identifier {
    let pinned = || Identifier::Digest(choice.destination.with_digest(choice.digest));
    let live_is_pinned = choice.live.is_some_and(|live| live.digest().is_some());
    let by_digest = match choice.naming {
        Naming::Digest => true,
        Naming::Tag => false,
        Naming::AsLive => live_is_pinned && !choice.tag_is_named,
    };
    if by_digest {
        return pinned();
    }
    let tag = choice.destination.tag().unwrap_or("latest");
    if choice.mutability.lets_move(tag) {
        return Identifier::Tag(choice.destination.clone());
    }
    // Free, or ours already: then it need not be moved.
    if choice.tag_is_named || choice.points_at.is_none_or(|found| found == choice.digest) {
        return Identifier::FixedTag(choice.destination.clone());
    }
    // The tag that the service follows is another version's for ever. The image's own tag is this version's; should it be
    // taken too, the registry says so when it is to be moved.
    match choice.source_tag {
        Some(own) if own != tag && !choice.mutability.lets_move(own) => {
            Identifier::FixedTag(choice.destination.with_tag(own))
        }
        Some(_) | None => pinned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Digest, Identifier, Naming, TagMutability, identifier};

    const REPOSITORY: &str = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";

    #[test]
    fn the_tag_is_moved_where_it_can_be() {
        use Naming::{AsLive, Digest as ByDigest, Tag};
        let (wanted, other) = (Digest::of(b"wanted"), Digest::of(b"other"));
        let (mutable, immutable) =
            (TagMutability::default(), TagMutability { immutable: true, exclusions: Vec::new() });
        let live_excluded = TagMutability { immutable: true, exclusions: vec!["live".to_owned()] };
        let (by_tag, by_digest) = (format!("{REPOSITORY}:live"), format!("{REPOSITORY}@{other}"));
        let pinned = format!("Digest {REPOSITORY}@{wanted}");
        let (moved, fixed) = (format!("Tag {REPOSITORY}:live"), format!("FixedTag {REPOSITORY}:live"));
        let own = format!("FixedTag {REPOSITORY}:v7");
        let table = [
            (&by_tag, false, &mutable, None, AsLive, &moved),
            (&by_tag, false, &mutable, Some(&other), AsLive, &moved),
            (&by_tag, false, &live_excluded, Some(&other), AsLive, &moved),
            // A tag that cannot be moved serves if it is free, or ours; else the image's own tag does.
            (&by_tag, false, &immutable, None, AsLive, &fixed),
            (&by_tag, false, &immutable, Some(&wanted), AsLive, &fixed),
            (&by_tag, false, &immutable, Some(&other), AsLive, &own),
            // Unless the user names it: then it is for preflight to say that it is taken.
            (&by_tag, true, &immutable, Some(&other), AsLive, &fixed),
            // A pinned service stays pinned, unless the user wants a tag.
            (&by_digest, false, &mutable, None, AsLive, &pinned),
            (&by_digest, true, &mutable, None, AsLive, &moved),
            (&by_digest, false, &mutable, None, Tag, &moved),
            (&by_tag, false, &mutable, None, ByDigest, &pinned),
            (&by_tag, true, &immutable, Some(&other), ByDigest, &pinned),
        ];
        for (live, tag_is_named, mutability, points_at, naming, expected) in table {
            let chosen = identifier(Choice {
                destination: &format!("{REPOSITORY}:live").parse().unwrap(),
                tag_is_named,
                live: Some(&live.parse().unwrap()),
                source_tag: Some("v7"),
                digest: &wanted,
                mutability,
                points_at,
                naming,
            });
            let said = match &chosen {
                Identifier::Tag(reference) => format!("Tag {reference}"),
                Identifier::FixedTag(reference) => format!("FixedTag {reference}"),
                Identifier::Digest(reference) => format!("Digest {reference}"),
            };
            assert_eq!(&said, expected, "{live} {tag_is_named} {mutability:?} {points_at:?} {naming:?}");
        }
    }

    #[test]
    fn no_tag_means_latest() {
        let latest = Identifier::Tag(format!("{REPOSITORY}:latest").parse().unwrap());
        assert!(latest.is(&REPOSITORY.parse().unwrap()));
        assert!(!latest.is(&format!("{REPOSITORY}:live").parse().unwrap()));
        assert!(!latest.is(&format!("{REPOSITORY}-two:latest").parse().unwrap()));
    }
}
