//! What can go wrong between this program and a registry, told so that somebody can act on it.

mod action;
mod answer;

use std::time::Duration;

pub use self::{action::Action, answer::Answer};
use super::location::NewAddress;
use crate::domain::{digest::Digest, image::EcrHost};

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
    #[error("could not {action}: the connection failed")]
    Connection {
        /// What was attempted.
        action: Box<Action>,
        /// Why; its address is taken out, since it may be a presigned one.
        #[source]
        source: reqwest::Error,
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
        matches!(self, Self::Denied { .. } | Self::NotRenewed { .. })
    }

    /// Whether the same attempt may succeed a moment later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connection { source, .. } => !source.is_builder(),
            Self::Stalled { .. }
            | Self::TooSlow { .. }
            | Self::Moved { .. }
            | Self::Truncated { .. }
            | Self::CredentialsExpired { .. } => true,
            // S3 answers 403 to a presigned address that has expired: asking for a new one mends it.
            Self::Denied { answer, .. } => answer.redirected_to.is_some() && answer.status == 403,
            Self::Refused { answer, .. } => matches!(answer.status, 408 | 425 | 429 | 500..=599),
            Self::InvalidAddress { .. }
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
            Self::Connection { action, .. } => {
                Some(format!("check that {} can be reached from here (network, proxy, certificates)", action.host))
            }
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
    of_ecr.filter(|name| !answer.message.contains(name)).map_or_else(String::new, |name| format!(" ({name})"))
}

fn denied_hint(action: &Action, answer: &Answer) -> String {
    match answer.status {
        401 => format!("the credentials for {} are missing, wrong or expired", action.host),
        _ => format!(
            "let the identity used for {} do this in repository {}: its own policy, and the repository's when the account is another",
            action.host, action.repository
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Answer, RegistryError};

    fn refused(status: u16, redirected_to: Option<&str>) -> RegistryError {
        let action = Box::new(Action {
            verb: "read blob",
            subject: "sha256:0".to_owned(),
            host: "registry.example.com".to_owned(),
            repository: "shop/api".to_owned(),
        });
        let answer = Box::new(Answer {
            status,
            code: Some("X".to_owned()),
            message: "m".to_owned(),
            redirected_to: redirected_to.map(str::to_owned),
            retry_after: None,
            received_bytes: None,
        });
        match status {
            401 | 403 => RegistryError::Denied { action, answer },
            _ => RegistryError::Refused { action, answer },
        }
    }

    #[test]
    fn what_may_succeed_a_moment_later() {
        let table = [
            (400, None, false),
            (401, None, false),
            (403, None, false),
            (403, Some("s3.example.com"), true),
            (401, Some("s3.example.com"), false),
            (405, None, false),
            (408, None, true),
            (416, None, false),
            (429, None, true),
            (500, None, true),
            (503, Some("s3.example.com"), true),
        ];
        for (status, redirected_to, transient) in table {
            assert_eq!(refused(status, redirected_to).is_transient(), transient, "{status} {redirected_to:?}");
        }
    }

    #[test]
    fn the_message_says_what_where_and_why() {
        assert_eq!(
            refused(500, None).to_string(),
            "could not read blob sha256:0 of registry.example.com/shop/api: the registry answered 500 X: m"
        );
        let denied = refused(403, Some("s3.example.com"));
        assert!(denied.is_denied());
        assert!(denied.to_string().contains("s3.example.com, where the registry redirects to, answered 403"));
    }

    #[test]
    fn the_permission_is_named_where_ecr_does_not_say_it() {
        let denied = |host: &str, message: &str| {
            let RegistryError::Denied { mut action, mut answer } = refused(403, None) else { unreachable!() };
            host.clone_into(&mut action.host);
            message.clone_into(&mut answer.message);
            RegistryError::Denied { action, answer }.to_string()
        };
        let ecr = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
        for (host, message, named) in [
            (ecr, "", true),
            (ecr, "not authorized to perform: ecr:GetDownloadUrlForLayer on resource", false),
            ("registry.example.com", "", false),
        ] {
            assert_eq!(denied(host, message).contains("(ecr:GetDownloadUrlForLayer)"), named, "{host} {message}");
        }
    }
}
