//! The single values that only the file of a mirror has.

use schemars::{Schema, json_schema};

use crate::config::{
    read::Scalar,
    scalars::{in_schema, values},
};
use shipgate_core::{
    digest::Digest, image::ImageReference, referrers::ReferrersPolicy, repository::Encryption, tag_pattern::TagPattern,
};

/// Where images come from: a registry's host and a repository, without a tag or digest.
pub(in crate::config) struct Source(pub(super) ImageReference);

impl Scalar for Source {
    const EXPECTED: &'static str = "a registry's host and a repository (such as docker.io/library/nginx)";
    const SHOWN: bool = true;

    fn parse(text: &str) -> Option<Self> {
        let reference: ImageReference = text.parse().ok()?;
        (reference.tag().is_none() && reference.digest().is_none()).then(|| Self(reference.in_full()))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[^/]+/[a-z0-9._/-]+$" })
    }

    fn complaint(text: &str) -> String {
        match text.parse::<ImageReference>() {
            Ok(_) => {
                format!("`{text}` is one image: a source is a repository, its images are named by `tags` and `digests`")
            }
            Err(error) => error.to_string(),
        }
    }
}

impl Scalar for TagPattern {
    const EXPECTED: &'static str = "a tag or a glob of tags (letters, digits, . _ - and the wildcards * and ?)";
    const SHOWN: bool = true;

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_*?][A-Za-z0-9._*?-]{0,127}$" })
    }
}

impl Scalar for Digest {
    const EXPECTED: &'static str = "a digest (sha256: and 64 hex digits)";
    const SHOWN: bool = true;

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^sha256:[a-f0-9]{64}$" })
    }
}

impl Scalar for ReferrersPolicy {
    const EXPECTED: &'static str = "what becomes of referrers (require, best-effort or skip)";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["require", "best-effort", "skip"] })
    }
}

in_schema!(Source, TagPattern, Digest, ReferrersPolicy);

values! {
    /// A platform, as indexes name them.
    Platform(String) is "a platform (such as linux/amd64 or linux/arm64/v8)",
        |text| is_platform(text).then(|| text.to_owned()),
        { "type": "string", "pattern": "^[a-z0-9._-]+/[a-z0-9._-]+(/[a-z0-9._-]+)?$" }

    /// A registry's host, with its port where it has one.
    Host(String) is "a registry's host (such as registry.example.com or localhost:5000)",
        |text| is_host(text).then(|| text.to_owned()),
        { "type": "string", "pattern": r"^(localhost|[^/\s]*[.:][^/\s]*)$" }

    // ECR API reference, EncryptionConfiguration: encryptionType.
    /// How a repository is encrypted; which key is another matter.
    Encrypted(Encryption) is "an encryption (aes256 or kms)",
        |text| match text {
            "aes256" | "AES256" => Some(Encryption::Aes256),
            "kms" | "KMS" => Some(Encryption::Kms(None)),
            _ => None,
        },
        { "enum": ["aes256", "kms", "AES256", "KMS"] }

    // ECR API reference, EncryptionConfiguration: kmsKey.
    /// A key of KMS.
    KmsKey(String) is "a key of KMS (its id, alias or ARN)",
        |text| ((1..=2048).contains(&text.len()) && !text.contains(char::is_whitespace)).then(|| text.to_owned()),
        { "type": "string", "pattern": r"^\S+$" }

    // ECR API reference, Tag: Value.
    /// The value of an AWS resource tag.
    TagValue(String) is "the value of an AWS resource tag (at most 256 characters)",
        |text| (text.chars().count() <= 256).then(|| text.to_owned()),
        { "type": ["string", "number", "boolean"] }
}

fn is_platform(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
    };
    (2..=3).contains(&text.split('/').count()) && text.split('/').all(part)
}

/// As image references have hosts.
fn is_host(text: &str) -> bool {
    !text.contains('/') && format!("{text}/x").parse::<ImageReference>().is_ok_and(|reference| reference.host() == text)
}
