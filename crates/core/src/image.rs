//! Image references: `HOST/REPOSITORY[:TAG][@DIGEST]`, and what the host says when it is ECR.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    account::{AccountId, Region},
    digest::Digest,
    mask,
};

/// An image reference with an explicit host, a repository, and a tag, a digest, or both (then the digest counts).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageReference {
    host: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not an image reference.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is not an image reference: {reason}")]
pub struct InvalidImageReference {
    text: String,
    reason: &'static str,
}

impl ImageReference {
    /// Where the registry is: a host, with a port where one is named.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository's path, without the host.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if one is named.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if one is named.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What to ask the registry's manifests for: the digest if there is one, else the tag, else `latest`.
    #[must_use]
    pub fn manifest_reference(&self) -> &str {
        self.digest.as_ref().map(Digest::as_str).or(self.tag.as_deref()).unwrap_or("latest")
    }

    /// The same repository, pinned to this digest, without a tag.
    #[must_use]
    pub fn with_digest(&self, digest: &Digest) -> Self {
        Self { host: self.host.clone(), repository: self.repository.clone(), tag: None, digest: Some(digest.clone()) }
    }

    /// Another tag of the same repository.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Self {
        Self { host: self.host.clone(), repository: self.repository.clone(), tag: Some(tag.to_owned()), digest: None }
    }

    /// The same image, as Docker Hub itself calls it: its official images live under `library/`, which people leave out.
    #[must_use]
    pub fn in_full(self) -> Self {
        let is_docker_hub = matches!(self.host.as_str(), "docker.io" | "index.docker.io" | "registry-1.docker.io");
        if is_docker_hub && !self.repository.contains('/') {
            Self { repository: format!("library/{}", self.repository), ..self }
        } else {
            self
        }
    }

    /// The same, with the tag `latest` that is meant where neither a tag nor a digest is named.
    #[must_use]
    pub fn tagged(self) -> Self {
        let tag = self.tag.or_else(|| self.digest.is_none().then(|| "latest".to_owned()));
        Self { tag, ..self }
    }

    /// A tag of a repository in an account's ECR.
    #[must_use]
    pub fn in_ecr_of(account: &AccountId, region: &Region, repository: &str, tag: &str) -> Self {
        Self {
            host: EcrHost::host_of(account, region),
            repository: repository.to_owned(),
            tag: Some(tag.to_owned()),
            digest: None,
        }
    }

    /// The account and region in the host, if the host is one of ECR's.
    #[must_use]
    pub fn ecr(&self) -> Option<EcrHost> {
        EcrHost::parse(&self.host)
    }
}

impl FromStr for ImageReference {
    type Err = InvalidImageReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason| {
            mask::image(text);
            InvalidImageReference { text: text.to_owned(), reason }
        };
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => {
                (name, Some(digest.parse().map_err(|_| invalid("the part after @ must be sha256: and 64 hex digits"))?))
            }
            None => (text, None),
        };
        let (host, path) = name.split_once('/').ok_or_else(|| invalid("it must begin with a registry host and a /"))?;
        if !(host == "localhost" || host.contains(['.', ':'])) {
            return Err(invalid(
                "it must begin with a registry host, such as 111111111111.dkr.ecr.eu-west-1.amazonaws.com",
            ));
        }
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !is_repository(repository) {
            return Err(invalid("the repository must be lower-case words joined by . _ - /"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(invalid("the tag must be at most 128 of letters, digits, . _ - and not begin with . or -"));
        }
        Ok(Self { host: host.to_owned(), repository: repository.to_owned(), tag: tag.map(str::to_owned), digest })
    }
}

/// Whether a text can be a repository's path (OCI distribution specification, "Pulling manifests").
#[must_use]
pub fn is_repository(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
            && part.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && part.bytes().last().is_some_and(|b| b.is_ascii_alphanumeric())
    };
    text.len() <= 256 && text.split('/').all(word)
}

/// Whether a text can be a tag (OCI distribution specification, "Pulling manifests").
#[must_use]
pub fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.starts_with(['.', '-'])
}

impl TryFrom<String> for ImageReference {
    type Error = InvalidImageReference;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageReference> for String {
    fn from(reference: ImageReference) -> Self {
        reference.to_string()
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(formatter, "@{digest}")?;
        }
        Ok(())
    }
}

/// What an ECR host names: an account's registry in a region.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct EcrHost {
    /// The account that owns the registry.
    pub account: AccountId,
    /// The region the registry is in.
    pub region: Region,
}

impl EcrHost {
    /// The host of an account's registry in a region, in the form App Runner's image identifiers take.
    #[must_use]
    pub fn host_of(account: &AccountId, region: &Region) -> String {
        let name = region.as_str();
        let domain = if name.starts_with("cn-") {
            "amazonaws.com.cn"
        } else if name.starts_with("eusc-") {
            "amazonaws.eu"
        } else {
            "amazonaws.com"
        };
        format!("{account}.dkr.ecr.{name}.{domain}")
    }

    /// Reads any of ECR's host forms: `A.dkr.ecr.R.amazonaws.com`, `A.dkr.ecr-fips.R.…`, `A.dkr-ecr.R.on.aws`,
    /// `A.dkr-ecr-fips.R.on.aws`, and the domains of other partitions.
    #[must_use]
    pub fn parse(host: &str) -> Option<Self> {
        let (account, rest) = host.split_once('.')?;
        let account = account.parse().ok()?;
        let rest = ["dkr.ecr.", "dkr.ecr-fips.", "dkr-ecr.", "dkr-ecr-fips."]
            .iter()
            .find_map(|prefix| rest.strip_prefix(prefix))?;
        let (region, domain) = rest.split_once('.')?;
        // Sources: ECR endpoints in the AWS General Reference; partitions.json of the AWS SDKs for the ISO domains.
        let known = ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "on.aws", "on.amazonwebservices.com.cn"]
            .contains(&domain)
            || ["c2s.ic.gov", "sc2s.sgov.gov", "cloud.adc-e.uk", "csp.hci.ic.gov"].contains(&domain);
        known.then_some(())?;
        Some(Self { account, region: region.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::{EcrHost, ImageReference};

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn references_read_back_as_written() {
        for text in [
            "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1",
            "localhost/api",
            "127.0.0.1:5000/shop/api:v1",
            &format!("registry.example.com/a/b_c/d-e@{DIGEST}"),
            &format!("registry.example.com/a:tag@{DIGEST}"),
        ] {
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_digest_counts_more_than_a_tag() {
        let both: ImageReference = format!("registry.example.com/a:tag@{DIGEST}").parse().unwrap();
        assert_eq!(both.manifest_reference(), DIGEST);
        let neither: ImageReference = "registry.example.com/a".parse().unwrap();
        assert_eq!(neither.manifest_reference(), "latest");
    }

    #[test]
    fn official_images_of_docker_hub_have_a_longer_name() {
        let table = [
            ("docker.io/alpine:3", "docker.io/library/alpine:3"),
            ("docker.io/library/alpine:3", "docker.io/library/alpine:3"),
            ("docker.io/grafana/grafana", "docker.io/grafana/grafana"),
            ("quay.io/alpine:3", "quay.io/alpine:3"),
        ];
        for (written, full) in table {
            assert_eq!(written.parse::<ImageReference>().unwrap().in_full().to_string(), full);
        }
    }

    #[test]
    fn bad_references_are_refused() {
        for bad in [
            "",
            "api:v1",
            "shop/api:v1",
            "registry.example.com/",
            "registry.example.com/Shop",
            "registry.example.com/shop//api",
            "registry.example.com/shop:",
            "registry.example.com/shop:-x",
            "registry.example.com/shop@sha256:12",
            "registry.example.com/shop api",
        ] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_form_of_an_ecr_host_is_known() {
        for host in [
            "111111111111.dkr.ecr.eu-west-1.amazonaws.com",
            "111111111111.dkr.ecr-fips.us-east-1.amazonaws.com",
            "111111111111.dkr-ecr.eu-west-1.on.aws",
            "111111111111.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "111111111111.dkr.ecr.eusc-de-east-1.amazonaws.eu",
            "111111111111.dkr.ecr.us-iso-east-1.c2s.ic.gov",
        ] {
            assert!(EcrHost::parse(host).is_some(), "{host}");
        }
        for host in ["docker.io", "111111111111.dkr.ecr.eu-west-1.example.com", "1.dkr.ecr.eu-west-1.amazonaws.com"] {
            assert!(EcrHost::parse(host).is_none(), "{host}");
        }
    }
}
