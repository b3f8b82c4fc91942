//! What can go wrong between this program and a registry, told so that somebody can act on it.

mod action;
mod answer;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::{action::Action, answer::Answer};
use super::location::NewAddress;
use shipgate_core::{connection::ConnectionProblem, digest::Digest, image::EcrHost};

/// Why a registry could not be asked, or what it answered. Variants with an [`Action`] name host and repository in it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The address to dial is none.
    #[error("`{address}` is not an address to reach registry {host} at: {reason}")]
    InvalidAddress {
        /// The registry's host.
        host: String,
        /// What was given as its address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The HTTP client could not be set up: certificates, proxy settings.
    #[error("could not set up the connection to registry {host}")]
    Setup {
        /// The registry's host.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The connection could not be made, or broke.
    #[error("could not {action}: {problem}")]
    Connection {
        /// What was attempted.
        action: Box<Action>,
        /// Why, and with which host.
        problem: Box<ConnectionProblem>,
        /// Whether no connection was made at all.
        is_connect: bool,
        /// Whether the request itself could not be made, and never will be.
        is_invalid: bool,
    },
    /// A repository, tag or digest has characters that would change the path of a request.
    #[error("could not {action}: `{}` cannot be part of an address", name.escape_debug())]
    UnsafeName {
        /// What was attempted.
        action: Box<Action>,
        /// The name.
        name: String,
    },
    /// Nothing came (or could be sent) for too long.
    #[error("could not {action}: nothing moved for {} s", after.as_secs_f32())]
    Stalled {
        /// What was attempted.
        action: Box<Action>,
        /// How long.
        after: Duration,
    },
    /// 401 or 403: the registry does not know the caller, or does not let it do this.
    #[error("not allowed to {action}{}: {answer}", permission(action, answer))]
    Denied {
        /// What was attempted.
        action: Box<Action>,
        /// What the registry said.
        answer: Box<Answer>,
    },
    /// The credentials had expired, and were renewed; but the body of the request is gone. Another attempt has new ones.
    #[error("could not {action}: the credentials had expired: {answer}")]
    CredentialsExpired {
        /// What was attempted.
        action: Box<Action>,
        /// What the registry said.
        answer: Box<Answer>,
    },
    /// 401 or 403, perhaps because the credentials have expired, and new ones could not be had.
    #[error("not allowed to {action}: {answer}; and the credentials could not be renewed: {reason}")]
    NotRenewed {
        /// What was attempted.
        action: Box<Action>,
        /// What the registry said.
        answer: Box<Answer>,
        /// Why not.
        reason: String,
    },
    /// The repository does not exist.
    #[error("could not {action}: there is no such repository: {answer}")]
    RepositoryNotFound {
        /// What was attempted.
        action: Box<Action>,
        /// What the registry said.
        answer: Box<Answer>,
    },
    /// The content is not in the repository.
    #[error("could not {action}: it is not there")]
    ContentNotFound {
        /// What was attempted.
        action: Box<Action>,
    },
    /// The tag exists and the repository's tags are immutable. ECR says so even when the digest is the same.
    #[error("could not {action}: the tag exists and is immutable: {answer}")]
    TagImmutable {
        /// What was attempted; the subject is the tag.
        action: Box<Action>,
        /// What the registry said.
        answer: Box<Answer>,
    },
    /// Any other status that is not a success.
    #[error("could not {action}: {answer}")]
    Refused {
        /// What was attempted.
        action: Box<Action>,
        /// What the registry said.
        answer: Box<Answer>,
    },
    /// Less moved than a connection has to move.
    #[error("could not {action}: only {moved_bytes} bytes moved within {} s", within.as_secs_f32())]
    TooSlow {
        /// What was attempted.
        action: Box<Action>,
        /// How many bytes.
        moved_bytes: u64,
        /// How long.
        within: Duration,
    },
    /// The registry redirects a request whose body is gone. Another attempt sends it to the new address.
    #[error("could not {action}: the registry redirects it to {to}")]
    Moved {
        /// What was attempted.
        action: Box<Action>,
        /// Where to.
        to: NewAddress,
    },
    /// The content does not have the digest it should have.
    #[error("could not {action}: the content is corrupt: its digest is {actual}, not {expected}")]
    DigestMismatch {
        /// What was attempted.
        action: Box<Action>,
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// The content came differently when it was read again, so that either time it was not what it should be.
    #[error("could not {action}: the content is corrupt: two readings of it differ")]
    Unsteady {
        /// What was attempted.
        action: Box<Action>,
    },
    /// The content is not as long as its descriptor says.
    #[error("could not {action}: the content is corrupt: it has {actual} bytes, not {expected}")]
    SizeMismatch {
        /// What was attempted.
        action: Box<Action>,
        /// The descriptor's size.
        expected: u64,
        /// What came, or was announced; "at least" when reading stopped there.
        actual: u64,
    },
    /// The content ended early, again and again.
    #[error("could not {action}: it ended after {actual} of {expected} bytes")]
    Truncated {
        /// What was attempted.
        action: Box<Action>,
        /// The descriptor's size.
        expected: u64,
        /// Bytes that came, over all attempts.
        actual: u64,
    },
    /// More bytes than this kind of content may have.
    #[error("could not {action}: it is larger than {limit_bytes} bytes")]
    TooLarge {
        /// What was attempted.
        action: Box<Action>,
        /// The limit.
        limit_bytes: u64,
    },
    /// A success that does not make sense: no Location, a bad digest header, a redirect in a circle.
    #[error("could not {action}: the registry's answer makes no sense: {reason}")]
    BadAnswer {
        /// What was attempted.
        action: Box<Action>,
        /// What is wrong with the answer.
        reason: String,
    },
}

impl RegistryError {
    /// Whether what came is not what its digest or size promised.
    #[must_use]
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::DigestMismatch { .. } | Self::SizeMismatch { .. } | Self::Unsteady { .. })
    }

    /// Whether the registry knows who asks and refuses, or does not know.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied { .. } | Self::NotRenewed { .. }) && !self.is_refused_link()
    }

    /// Whether a storage that the registry redirects to refuses the download: an expired link, or a policy on the way there. It
    /// does not know the registry's callers, so their permissions do not matter.
    #[must_use]
    pub fn is_refused_link(&self) -> bool {
        matches!(self, Self::Denied { answer, .. } if answer.redirected_to.is_some())
    }

    /// Whether the same attempt may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { is_invalid, .. } => !is_invalid,
            Self::Stalled { .. }
            | Self::TooSlow { .. }
            | Self::Moved { .. }
            | Self::Truncated { .. }
            | Self::CredentialsExpired { .. } => true,
            // S3 answers 403 to a presigned address that has expired: asking for a new one mends it.
            Self::Denied { answer, .. } => answer.redirected_to.is_some() && answer.status == 403,
            // 501 and 505 are about the request, and stay.
            Self::Refused { answer, .. } => matches!(answer.status, 408 | 425 | 429 | 500 | 502..=504 | 506..=599),
            Self::InvalidAddress { .. }
            | Self::UnsafeName { .. }
            | Self::Setup { .. }
            | Self::NotRenewed { .. }
            | Self::RepositoryNotFound { .. }
            | Self::ContentNotFound { .. }
            | Self::TagImmutable { .. }
            | Self::DigestMismatch { .. }
            | Self::Unsteady { .. }
            | Self::SizeMismatch { .. }
            | Self::TooLarge { .. }
            | Self::BadAnswer { .. } => false,
        }
    }

    /// Whether a registry limits the rate of requests.
    pub(crate) fn is_throttled(&self) -> bool {
        let is_code = |code: &str| matches!(code, "TOOMANYREQUESTS" | "SlowDown");
        self.answer().is_some_and(|answer| answer.status == 429 || answer.code.as_deref().is_some_and(is_code))
    }

    /// Whether a registry refused a manifest because it does not see the content it names. ECR answers so for a moment
    /// after an upload has been accepted.
    #[must_use]
    pub fn is_content_not_yet_visible(&self) -> bool {
        self.answer()
            .and_then(|answer| answer.code.as_deref())
            .is_some_and(|code| matches!(code, "BLOB_UNKNOWN" | "MANIFEST_BLOB_UNKNOWN" | "MANIFEST_UNKNOWN"))
    }

    /// How long the registry asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.answer().and_then(|answer| answer.retry_after)
    }

    /// What the registry itself answered. A refusal of its token service says nothing about the requested resource.
    pub(crate) fn registry_answer(&self) -> Option<&Answer> {
        self.answer().filter(|answer| answer.token_service.is_none())
    }

    /// The registry's own words, where there are any.
    #[must_use]
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Denied { answer, .. }
            | Self::CredentialsExpired { answer, .. }
            | Self::NotRenewed { answer, .. }
            | Self::RepositoryNotFound { answer, .. }
            | Self::TagImmutable { answer, .. }
            | Self::Refused { answer, .. } => Some(answer),
            Self::InvalidAddress { .. }
            | Self::UnsafeName { .. }
            | Self::Setup { .. }
            | Self::Connection { .. }
            | Self::Stalled { .. }
            | Self::TooSlow { .. }
            | Self::Moved { .. }
            | Self::ContentNotFound { .. }
            | Self::DigestMismatch { .. }
            | Self::Unsteady { .. }
            | Self::SizeMismatch { .. }
            | Self::Truncated { .. }
            | Self::TooLarge { .. }
            | Self::BadAnswer { .. } => None,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::InvalidAddress { .. } => Some("give it as https://HOST or http://HOST:PORT".to_owned()),
            Self::Connection { problem, .. } => Some(problem.hint()),
            Self::Denied { action, answer } => Some(denied_hint(action, answer)),
            Self::NotRenewed { action, .. } => Some(format!(
                "see to it that the credentials for {} can be had again while a copy is made",
                action.host
            )),
            Self::RepositoryNotFound { action, .. } => {
                Some(format!("create repository {} in {}, or correct its name", action.repository, action.host))
            }
            Self::TagImmutable { .. } => {
                Some("use a new tag, or let the repository's tags be mutable (or exclude this one)".to_owned())
            }
            Self::DigestMismatch { action, .. } | Self::SizeMismatch { action, .. } => {
                Some(format!("push the image to {}/{} again: what it holds is damaged", action.host, action.repository))
            }
            Self::Setup { .. }
            | Self::UnsafeName { .. }
            | Self::CredentialsExpired { .. }
            | Self::Unsteady { .. }
            | Self::Stalled { .. }
            | Self::TooSlow { .. }
            | Self::Moved { .. }
            | Self::ContentNotFound { .. }
            | Self::Refused { .. }
            | Self::Truncated { .. }
            | Self::TooLarge { .. }
            | Self::BadAnswer { .. } => None,
        }
    }
}

/// The permission that ECR asks for, where its answer does not say it: answers to HEAD have no words.
fn permission(action: &Action, answer: &Answer) -> String {
    let of_ecr = EcrHost::parse(&action.host).and_then(|_| action.permission());
    let of_ecr = of_ecr.filter(|_| answer.redirected_to.is_none());
    of_ecr.filter(|name| !answer.message.contains(name)).map_or_else(String::new, |name| format!(" ({name})"))
}

fn denied_hint(action: &Action, answer: &Answer) -> String {
    if let Some(host) = &answer.redirected_to {
        return storage_hint(action, host);
    }
    match answer.status {
        401 => format!("the credentials for {} are missing, wrong or expired", action.host),
        _ => format!(
            "let the identity used for {} do this in repository {}: its own policy, and the repository's when the account is another",
            action.host, action.repository
        ),
    }
}

/// ECR keeps layers in a bucket of its own in each region (ECR user guide, "Amazon ECR interface VPC endpoints": minimum
/// permissions of the S3 gateway endpoint).
fn storage_hint(action: &Action, host: &str) -> String {
    match EcrHost::parse(&action.host) {
        Some(EcrHost { region, .. }) => format!(
            "let this network read layers from S3: a VPC endpoint's policy must allow s3:GetObject on \
             arn:{}:s3:::prod-{region}-starport-layer-bucket/*, and a proxy must pass {host} on",
            region.partition()
        ),
        None => format!("let this network download from {host}: check proxies and endpoint policies on the way"),
    }
}
