//! Which images a mirror is about, once the tags that its globs ask for are known. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::tally::Left;
use crate::{config::mirror::MirrorImage, stages::copy::CopyImage};
use shipgate_core::{
    characters::is_invisible,
    digest::Digest,
    image::{ImageReference, is_tag},
    mask,
    tag_pattern::TagPattern,
};

/// A source's tags, or why they are not known.
pub(super) type Listing = Result<BTreeSet<String>, Left>;

/// One image to be copied to every destination.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    /// The entry of the file that asks for it.
    pub(super) entry: usize,
    /// Which image of that repository.
    pub(super) reference: Reference,
    /// The repository's path at the destinations, their prefixes aside.
    pub(super) repository: String,
}

/// Which image of a repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Reference {
    /// The one this tag points at, which has the same tag at the destinations.
    Tag(String),
    /// The one of this digest, which has no tag there.
    Digest(Digest),
}

impl Reference {
    pub(super) fn tag(&self) -> Option<&str> {
        match self {
            Self::Tag(tag) => Some(tag),
            Self::Digest(_) => None,
        }
    }

    pub(super) fn image(&self) -> CopyImage<'_> {
        match self {
            Self::Tag(tag) => CopyImage::Tag(tag),
            Self::Digest(digest) => CopyImage::Digest(digest),
        }
    }

    /// As people name it.
    pub(super) fn of(&self, source: &ImageReference) -> String {
        match self {
            Self::Tag(tag) => format!("{source}:{tag}"),
            Self::Digest(digest) => format!("{source}@{digest}"),
        }
    }
}

/// What is to be copied, and what cannot be.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Selection {
    /// The images, in the order of the file, each once.
    pub(super) wanted: Vec<Wanted>,
    /// Globs that no tag fits: source and glob.
    pub(super) unmatched: Vec<(String, TagPattern)>,
    /// Listed names that are not valid tags, by source: never requested and never written.
    pub(super) not_tags: BTreeMap<String, BTreeSet<String>>,
    /// Images that come to no destination.
    pub(super) left: Vec<Left>,
}

impl Selection {
    /// How many images were asked for. A glob whose tags are not known counts as one.
    pub(super) fn images(&self) -> u64 {
        (self.wanted.len() + self.left.len()) as u64
    }

    /// What is worth knowing and no failure.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let unmatched = self.unmatched.iter().map(|(source, glob)| format!("no tag of {source} fits `{glob}`"));
        let not_tags = self.not_tags.iter().map(|(source, names)| {
            format!("{source} lists names that are not valid tags, and shipgate skips them: {}", shown(names))
        });
        unmatched.chain(not_tags)
    }
}

/// How many invalid names a warning shows.
const MAX_SHOWN_NAMES: usize = 5;

/// How many characters of each invalid name a warning shows.
const MAX_NAME_CHARACTERS: usize = 40;

/// Names that may hold anything: escaped, each shortened, the rest counted.
fn shown(names: &BTreeSet<String>) -> String {
    let mut shown: Vec<String> =
        names.iter().take(MAX_SHOWN_NAMES).map(|name| format!("`{}`", escaped(name))).collect();
    let more = names.len().saturating_sub(MAX_SHOWN_NAMES);
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

fn escaped(name: &str) -> String {
    let short = mask::shortened(name, MAX_NAME_CHARACTERS);
    let escape = |c: char| if is_invisible(c) { c.escape_unicode().to_string() } else { c.escape_debug().to_string() };
    short.chars().map(escape).collect()
}

/// Selects. Every source that a glob asks for must be among the listings.
pub(super) fn select(images: &[MirrorImage], listings: &BTreeMap<String, Listing>) -> Selection {
    let mut selection = Selection::default();
    // What each place at the destinations will hold, and which entry said so first.
    let mut taken = BTreeMap::new();
    for (entry, image) in images.iter().enumerate() {
        for reference in references(image, listings, &mut selection) {
            let place = (image.repository.clone(), reference.clone());
            match taken.get(&place).map(|first: &usize| &images[*first]) {
                None => {
                    taken.insert(place, entry);
                    selection.wanted.push(Wanted { entry, reference, repository: image.repository.clone() });
                }
                Some(first) if first.source == image.source && first.platform == image.platform => {}
                Some(first) => selection.left.push(Left {
                    what: reference.of(&image.source),
                    reason: format!("its place is taken by {}", reference.of(&first.source)),
                    hint: Some("give one of the two another `repository`, or narrow its `tags`".to_owned()),
                }),
            }
        }
    }
    selection
}

/// What an entry asks for: its tags in its order, those of a glob in the order of their characters, then its digests.
fn references(image: &MirrorImage, listings: &BTreeMap<String, Listing>, selection: &mut Selection) -> Vec<Reference> {
    let source = image.source.to_string();
    let mut references = Vec::new();
    for pattern in &image.tags {
        if !pattern.is_glob() {
            references.push(Reference::Tag(pattern.as_str().to_owned()));
            continue;
        }
        match listings.get(&source) {
            Some(Ok(tags)) => {
                // A registry may list anything: a name such as `../x` would lead to another repository.
                let (valid, invalid): (Vec<_>, Vec<_>) = tags.iter().partition(|tag| is_tag(tag));
                if !invalid.is_empty() {
                    selection.not_tags.entry(source.clone()).or_default().extend(invalid.into_iter().cloned());
                }
                let fitting = valid.into_iter().filter(|tag| pattern.matches(tag)).cloned().map(Reference::Tag);
                let before = references.len();
                references.extend(fitting);
                if references.len() == before {
                    selection.unmatched.push((source.clone(), pattern.clone()));
                }
            }
            Some(Err(left)) => selection.left.push(Left { what: format!("{source}:{pattern}"), ..left.clone() }),
            None => {}
        }
    }
    references.extend(image.digests.iter().cloned().map(Reference::Digest));
    references
}

#[cfg(test)]
mod tests {
    use super::{Left, Listing, Reference, Selection, select};
    use crate::config::mirror::MirrorImage;
    use shipgate_core::{digest::Digest, referrers::ReferrersPolicy};

    fn image(source: &str, tags: &[&str], repository: &str) -> MirrorImage {
        MirrorImage {
            source: source.parse().unwrap(),
            access: None,
            tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
            digests: Vec::new(),
            repository: repository.to_owned(),
            platform: None,
            referrers: ReferrersPolicy::Skip,
        }
    }

    fn listing(source: &str, tags: &[&str]) -> (String, Listing) {
        (source.to_owned(), Ok(tags.iter().map(|&tag| tag.to_owned()).collect()))
    }

    fn chosen(selection: &Selection) -> Vec<String> {
        let name = |wanted: &super::Wanted| match &wanted.reference {
            Reference::Tag(tag) => format!("{} {}:{tag}", wanted.entry, wanted.repository),
            Reference::Digest(digest) => format!("{} {}@{}", wanted.entry, wanted.repository, digest.short()),
        };
        selection.wanted.iter().map(name).collect()
    }

    #[test]
    fn names_need_no_list_and_globs_take_what_fits() {
        let mut nginx = image("hub.test/nginx", &["stable", "1.27.*", "1.?7.1"], "mirror/nginx");
        nginx.digests.push(Digest::of(b"x"));
        let listings = [listing("hub.test/nginx", &["1.26.1", "1.27.0", "1.27.1", "latest"])].into();
        let selection = select(&[nginx], &listings);
        let digest = format!("0 mirror/nginx@{}", Digest::of(b"x").short());
        let expected = ["0 mirror/nginx:stable", "0 mirror/nginx:1.27.0", "0 mirror/nginx:1.27.1", &digest];
        assert_eq!(chosen(&selection), expected);
        assert_eq!((selection.images(), selection.warnings().count()), (4, 0));
    }

    #[test]
    fn a_glob_that_nothing_fits_is_a_warning() {
        let selection = select(&[image("hub.test/a", &["v9.*"], "a")], &[listing("hub.test/a", &["v1"])].into());
        assert_eq!(selection.warnings().collect::<Vec<_>>(), ["no tag of hub.test/a fits `v9.*`"]);
        assert!(selection.wanted.is_empty() && selection.left.is_empty());
    }

    #[test]
    fn listed_names_that_are_no_tags_are_skipped() {
        let long = "x".repeat(200);
        let names = ["v1", "../../other/manifests/v1", "v1\n::error::", "v\u{200b}2", "v1?x=y", &long, "-v", ""];
        let images = [image("hub.test/a", &["*", "v*"], "a"), image("hub.test/a", &["x*"], "b")];
        let selection = select(&images, &[listing("hub.test/a", &names)].into());
        assert_eq!(chosen(&selection), ["0 a:v1"]);
        let warnings: Vec<_> = selection.warnings().collect();
        assert_eq!(
            warnings,
            [
                "no tag of hub.test/a fits `x*`".to_owned(),
                "hub.test/a lists names that are not valid tags, and shipgate skips them: ``, `-v`, \
                 `../../other/manifests/v1`, `v1\\n::error::`, `v1?x=y`, and 2 more"
                    .to_owned(),
            ]
        );
        let shown = super::escaped(&long);
        assert!(shown.chars().count() == 41 && shown.ends_with('…'), "{shown}");
        assert_eq!(super::escaped("v\u{200b}2"), "v\\u{200b}2");
    }

    #[test]
    fn a_list_that_cannot_be_read_costs_its_globs_and_nothing_else() {
        let why = Left { what: "hub.test/a".to_owned(), reason: "refused".to_owned(), hint: None };
        let listings = [("hub.test/a".to_owned(), Err(why.clone()))].into();
        let selection = select(&[image("hub.test/a", &["v1", "v2.*"], "a")], &listings);
        assert_eq!(chosen(&selection), ["0 a:v1"]);
        assert_eq!(selection.left, [Left { what: "hub.test/a:v2.*".to_owned(), ..why }]);
        assert_eq!(selection.images(), 2);
    }

    #[test]
    fn a_tag_at_a_destination_is_one_image() {
        let images = [
            image("hub.test/a", &["v*"], "same"),
            image("hub.test/a", &["v1"], "same"),
            image("hub.test/b", &["v1", "v3"], "same"),
            image("hub.test/b", &["v1"], "other"),
        ];
        let selection = select(&images, &[listing("hub.test/a", &["v1", "v2"])].into());
        assert_eq!(chosen(&selection), ["0 same:v1", "0 same:v2", "2 same:v3", "3 other:v1"]);
        let left: Vec<_> = selection.left.iter().map(|left| format!("{}: {}", left.what, left.reason)).collect();
        assert_eq!(left, ["hub.test/b:v1: its place is taken by hub.test/a:v1"]);
    }
}
