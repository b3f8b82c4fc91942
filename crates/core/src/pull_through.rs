//! ECR's pull-through cache as a way to copy: which rule of the destination's registry makes ECR itself fetch an image from
//! where it is, and if none does, why not. Pure; how a rule is set up is `setup`'s.

mod setup;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use super::image::{EcrHost, ImageReference};

/// The prefix that stands for none (ECR API reference, CreatePullThroughCacheRule).
pub const ROOT: &str = "ROOT";

/// How an image comes to its destination.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Via {
    /// Read from the source and written to the destination.
    #[default]
    Copy,
    /// Fetched by the destination itself, when it is pulled through its cache.
    PullThrough,
}

/// Not the name of a way.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is neither copy nor pull-through")]
pub struct InvalidVia(String);

impl FromStr for Via {
    type Err = InvalidVia;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = [Self::Copy, Self::PullThrough].into_iter().find(|via| via.to_string() == text);
        found.ok_or_else(|| InvalidVia(text.to_owned()))
    }
}

impl fmt::Display for Via {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Copy => "copy",
            Self::PullThrough => "pull-through",
        })
    }
}

/// A rule of a registry's pull-through cache.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheRule {
    /// What the names of the repositories it covers begin with, without a slash at the end; or [`ROOT`].
    pub prefix: String,
    /// The host of the registry it leads to.
    pub upstream: String,
    /// What the names of the repositories there begin with; or [`ROOT`].
    pub upstream_prefix: String,
    /// The role by which ECR reads them, where one is named.
    pub role: Option<String>,
}

/// What ECR is to fetch by itself: from where, to where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passage {
    /// The source's host.
    pub source_host: String,
    /// Its repository.
    pub source_repository: String,
    /// The destination's host.
    pub host: String,
    /// The repository there.
    pub repository: String,
}

/// Why no rule makes ECR fetch it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotServed {
    /// One of the two is no registry of ECR.
    #[error("{host} is not a registry of ECR: only ECR fetches from ECR by itself")]
    NotEcr {
        /// Which.
        host: String,
    },
    /// Both are the same registry.
    #[error("{host} is the source too: ECR fetches from another registry, or another region, alone")]
    SameRegistry {
        /// Which.
        host: String,
    },
    /// No rule covers the repository.
    #[error("no pull-through cache rule of {host} covers repository {repository}")]
    NoRule {
        /// The destination.
        host: String,
        /// The repository there.
        repository: String,
    },
    /// The rule leads to another registry.
    #[error("the pull-through cache rule {prefix} of {host} leads to {upstream}, not to {wanted}")]
    OtherRegistry {
        /// The rule's prefix.
        prefix: String,
        /// The destination.
        host: String,
        /// Where the rule leads.
        upstream: String,
        /// Where it should.
        wanted: String,
    },
    /// The rule leads to another repository of the source's registry.
    #[error("the pull-through cache rule {prefix} makes {repository} a copy of {leads_to}, not of {wanted}")]
    OtherRepository {
        /// The rule's prefix.
        prefix: String,
        /// The repository of the destination.
        repository: String,
        /// The source's repository as the rule has it.
        leads_to: String,
        /// As it should be.
        wanted: String,
    },
}

impl CacheRule {
    /// What is left of a repository's name behind the prefix, if the rule covers it.
    fn rest<'a>(&self, repository: &'a str) -> Option<&'a str> {
        if self.prefix == ROOT { Some(repository) } else { repository.strip_prefix(&self.prefix)?.strip_prefix('/') }
    }

    /// The longer the prefix, the closer the rule; that of the root is the last.
    fn closeness(&self) -> usize {
        if self.prefix == ROOT { 0 } else { self.prefix.len() }
    }

    /// The upstream's repository behind this rest of a name.
    fn leads_to(&self, rest: &str) -> String {
        joined(&self.upstream_prefix, rest)
    }

    /// Whether it leads to this registry, whatever form of its host the rule has.
    fn is_for(&self, registry: &EcrHost) -> bool {
        EcrHost::parse(&self.upstream).as_ref() == Some(registry)
    }

    /// The repository by which a source's repository is had through this rule, if it can be.
    fn repository_for(&self, source_repository: &str) -> Option<String> {
        let rest = match self.upstream_prefix.as_str() {
            ROOT => source_repository,
            prefix => source_repository.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        Some(joined(&self.prefix, rest))
    }
}

impl Passage {
    /// From one repository to another; tags and digests count for nothing.
    #[must_use]
    pub fn between(source: &ImageReference, destination: &ImageReference) -> Self {
        Self {
            source_host: source.host().to_owned(),
            source_repository: source.repository().to_owned(),
            host: destination.host().to_owned(),
            repository: destination.repository().to_owned(),
        }
    }

    /// The registries at both ends.
    fn ends(&self) -> Result<(EcrHost, EcrHost), NotServed> {
        let ecr = |host: &str| EcrHost::parse(host).ok_or_else(|| NotServed::NotEcr { host: host.to_owned() });
        let (from, to) = (ecr(&self.source_host)?, ecr(&self.host)?);
        if from == to { Err(NotServed::SameRegistry { host: self.host.clone() }) } else { Ok((from, to)) }
    }

    /// That ECR can fetch between these two at all; the rules need not be asked for otherwise.
    ///
    /// # Errors
    /// [`NotServed::NotEcr`], [`NotServed::SameRegistry`].
    pub fn is_between_registries_of_ecr(&self) -> Result<(), NotServed> {
        self.ends().map(|_| ())
    }

    /// The rule that makes ECR fetch the image: of those that cover the repository the closest, if it leads to the source.
    ///
    /// # Errors
    /// [`NotServed`] when it leads elsewhere, or there is none.
    pub fn served_by<'a>(&self, rules: &'a [CacheRule]) -> Result<&'a CacheRule, NotServed> {
        let (source, _) = self.ends()?;
        let covering = rules.iter().filter_map(|rule| Some((rule, rule.rest(&self.repository)?)));
        let (rule, rest) = covering
            .max_by_key(|(rule, _)| rule.closeness())
            .ok_or_else(|| NotServed::NoRule { host: self.host.clone(), repository: self.repository.clone() })?;
        if !rule.is_for(&source) {
            return Err(NotServed::OtherRegistry {
                prefix: rule.prefix.clone(),
                host: self.host.clone(),
                upstream: rule.upstream.clone(),
                wanted: self.source_host.clone(),
            });
        }
        let leads_to = rule.leads_to(rest);
        if leads_to != self.source_repository {
            return Err(NotServed::OtherRepository {
                prefix: rule.prefix.clone(),
                repository: self.repository.clone(),
                leads_to,
                wanted: self.source_repository.clone(),
            });
        }
        Ok(rule)
    }
}

fn joined(prefix: &str, rest: &str) -> String {
    if prefix == ROOT { rest.to_owned() } else { format!("{prefix}/{rest}") }
}
