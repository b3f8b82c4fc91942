//! What a repository is to be like when it is created, and in what one that exists differs from that.

use std::{collections::BTreeMap, fmt};

use super::mutability::TagMutability;

/// What a repository is created with. What is absent is left to the registry's own default.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RepositorySettings {
    /// Whether tags may never be moved.
    pub immutable_tags: Option<bool>,
    /// Whether an image is scanned when it is pushed.
    pub scan_on_push: Option<bool>,
    /// How layers are encrypted at rest. It cannot be changed later.
    pub encryption: Option<Encryption>,
    /// AWS resource tags: key to value.
    pub tags: BTreeMap<String, String>,
}

/// How a repository's layers are encrypted at rest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Encryption {
    /// By keys that S3 manages.
    Aes256,
    /// By a key of KMS; without one, by AWS's own key for ECR.
    Kms(Option<String>),
}

impl fmt::Display for Encryption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aes256 => formatter.write_str("AES-256"),
            Self::Kms(None) => formatter.write_str("KMS"),
            Self::Kms(Some(key)) => write!(formatter, "KMS key {key}"),
        }
    }
}

/// A repository that exists, as far as it is told with the answer that it does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExistingRepository {
    /// What it allows its tags.
    pub mutability: TagMutability,
    /// Whether an image is scanned when it is pushed.
    pub scan_on_push: bool,
    /// How it is encrypted, if it says so.
    pub encryption: Option<Encryption>,
}

impl RepositorySettings {
    /// In what a repository that exists is not as a new one would be: one phrase each. Resource tags are not compared, since
    /// they are not told with it.
    #[must_use]
    pub fn differences(&self, existing: &ExistingRepository) -> Vec<String> {
        let is = |yes: bool, so: &str, not: &str| if yes { so.to_owned() } else { not.to_owned() };
        let (immutable, scans) = (existing.mutability.immutable, existing.scan_on_push);
        let tags = self.immutable_tags.filter(|wanted| *wanted != immutable);
        let scan = self.scan_on_push.filter(|wanted| *wanted != scans);
        let encryption = self.encryption.as_ref().zip(existing.encryption.as_ref());
        let encryption = encryption.filter(|(wanted, is)| !agree(wanted, is));
        [
            tags.map(|_| is(immutable, "its tags are immutable", "its tags are mutable")),
            scan.map(|_| is(scans, "it scans on push", "it does not scan on push")),
            encryption.map(|(_, is)| format!("it is encrypted with {is}")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A key that is not named may be any. ECR tells the key by its ARN, whatever it was named by: an alias cannot be compared
/// with that.
fn agree(wanted: &Encryption, is: &Encryption) -> bool {
    match (wanted, is) {
        (Encryption::Kms(Some(wanted)), Encryption::Kms(Some(is))) => {
            !wanted.contains(":key/") || !is.contains(":key/") || wanted == is
        }
        (Encryption::Aes256, Encryption::Aes256) | (Encryption::Kms(_), Encryption::Kms(_)) => true,
        (Encryption::Aes256, Encryption::Kms(_)) | (Encryption::Kms(_), Encryption::Aes256) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Encryption, ExistingRepository, RepositorySettings};
    use crate::mutability::TagMutability;

    const KEY: &str = "arn:aws:kms:eu-west-1:222222222222:key/1";

    fn existing(immutable: bool, scan_on_push: bool, encryption: Option<Encryption>) -> ExistingRepository {
        let mutability = TagMutability { immutable, exclusions: Vec::new() };
        ExistingRepository { mutability, scan_on_push, encryption }
    }

    #[test]
    fn only_what_is_asked_for_can_differ() {
        let there = existing(true, true, Some(Encryption::Aes256));
        assert_eq!(RepositorySettings::default().differences(&there), Vec::<String>::new());
        let same = RepositorySettings {
            immutable_tags: Some(true),
            scan_on_push: Some(true),
            encryption: Some(Encryption::Aes256),
            tags: [("team".to_owned(), "platform".to_owned())].into(),
        };
        assert_eq!(same.differences(&there), Vec::<String>::new());
        let other = existing(false, false, Some(Encryption::Kms(Some(KEY.to_owned()))));
        assert_eq!(
            same.differences(&other),
            ["its tags are mutable", "it does not scan on push", &format!("it is encrypted with KMS key {KEY}")]
        );
    }

    #[test]
    fn a_key_is_compared_where_both_are_named_in_full() {
        let kms = |key: Option<&str>| Encryption::Kms(key.map(str::to_owned));
        let table = [
            (kms(None), kms(Some(KEY)), 0),
            (kms(Some("alias/ecr")), kms(Some(KEY)), 0),
            (kms(Some(KEY)), kms(Some(KEY)), 0),
            (kms(Some("arn:aws:kms:eu-west-1:222222222222:key/2")), kms(Some(KEY)), 1),
            (kms(None), Encryption::Aes256, 1),
        ];
        for (wanted, is, differences) in table {
            let settings = RepositorySettings { encryption: Some(wanted.clone()), ..RepositorySettings::default() };
            let found = settings.differences(&existing(false, false, Some(is.clone())));
            assert_eq!(found.len(), differences, "{wanted:?} {is:?}");
        }
    }
}
