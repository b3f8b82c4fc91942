//! The file of `shipgate mirror`: which images go to which registries. Read by the same readers as `shipgate.yaml`, and
//! like it with every problem told at once; it has no flags and asks nothing of anybody.
//!
//! `shape` (typed, key by key; `scalars` is how) → `resolve` (defaults, rules between keys).

mod resolve;
mod scalars;
pub(super) mod shape;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::{
    environment::Environment,
    open,
    problem::ConfigError,
    read::{Reader, Shape as _},
    tree::Node,
};
use shipgate_core::{
    access::Access, digest::Digest, image::ImageReference, oidc::Start, referrers::ReferrersPolicy,
    repository::RepositorySettings, tag_pattern::TagPattern,
};

/// Everything the file asks for. Well-formed; nothing in it was asked of a registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mirror {
    /// The images, in the order of the file.
    pub images: Vec<MirrorImage>,
    /// Where each of them goes, in the order of the file, an account's regions each for themselves.
    pub destinations: Vec<MirrorDestination>,
    /// Where the roles of every account are come by from.
    pub start: Start,
    /// What a repository that is missing is created with; absent: they must exist.
    pub create_repositories: Option<RepositorySettings>,
}

/// Images of one repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MirrorImage {
    /// The registry's host and the repository, without a tag or digest.
    pub source: ImageReference,
    /// The identity that reads it, where the registry is ECR.
    pub access: Option<Access>,
    /// Which images of that repository: tags and globs of them.
    pub tags: Vec<TagPattern>,
    /// Which images of that repository, by digest.
    pub digests: Vec<Digest>,
    /// The repository's path in each destination, their prefixes aside.
    pub repository: String,
    /// Of an index, only the image for this platform; absent: all of it.
    pub platform: Option<String>,
    /// What becomes of signatures, SBOMs and attestations.
    pub referrers: ReferrersPolicy,
}

/// A registry that images go to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MirrorDestination {
    /// Which.
    pub registry: MirrorRegistry,
    /// What every repository's path begins with there, without the slash after it.
    pub prefix: Option<String>,
}

/// Which registry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MirrorRegistry {
    /// The ECR that this leads to.
    Ecr(Access),
    /// Any other, by its host.
    Host(String),
}

impl MirrorDestination {
    /// The path there of a repository.
    #[must_use]
    pub fn repository(&self, path: &str) -> String {
        self.prefix.as_ref().map_or_else(|| path.to_owned(), |prefix| format!("{prefix}/{path}"))
    }
}

/// Reads the file.
///
/// # Errors
/// [`ConfigError`] with every problem. A file that cannot be read or is not YAML is the only problem then.
pub fn load(path: &Path, environment: &Environment) -> Result<Mirror, ConfigError> {
    let mut problems = Vec::new();
    match open(path, false, &mut problems) {
        Some(root) => load_tree(&root, problems, environment),
        None => Err(ConfigError::new(problems)),
    }
}

/// Reads a file's tree, in which `problems` have been found already.
fn load_tree(
    root: &Node,
    problems: Vec<super::problem::Problem>,
    environment: &Environment,
) -> Result<Mirror, ConfigError> {
    let mut reader = Reader { variables: environment, target: None, demands_variables: true, problems };
    let file = shape::MirrorFile::read(root, &mut reader);
    let mut problems = reader.problems;
    let mirror = file.map(|file| resolve::mirror(file, &root.location, environment, &mut problems));
    mirror.filter(|_| problems.is_empty()).ok_or_else(|| ConfigError::new(problems))
}
