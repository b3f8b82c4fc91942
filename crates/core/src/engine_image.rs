//! What people call an image when they talk to a container engine: an id, a short name, or a reference in full.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{image::ImageReference, mask};

/// The shortest text of nothing but hex digits that is taken for an id: engines print ids so long.
const SHORT_ID: usize = 12;

/// An image, as a user names it to an engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineImage {
    written: String,
    reference: Option<ImageReference>,
}

/// Why a text names no image.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` names no image: a name such as shop/api:v1, an id, or HOST/REPOSITORY:TAG does")]
pub struct InvalidEngineImage(String);

/// Whether an image is pulled before it is run.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PullPolicy {
    /// Each time, as its tag may have moved.
    Always,
    /// If the engine does not have it.
    #[default]
    Missing,
    /// Not at all.
    Never,
}

/// Why a text is no policy.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` does not say when to pull (always, missing or never)")]
pub struct InvalidPullPolicy(String);

impl FromStr for PullPolicy {
    type Err = InvalidPullPolicy;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "always" => Ok(Self::Always),
            "missing" => Ok(Self::Missing),
            "never" => Ok(Self::Never),
            _ => Err(InvalidPullPolicy(text.to_owned())),
        }
    }
}

impl EngineImage {
    /// As it was written, which is how the engine knows it if it has it.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Where it can be pulled from, in full: Docker Hub where no registry is named, `latest` where neither a tag nor a
    /// digest is. An id can be pulled from nowhere.
    #[must_use]
    pub fn reference(&self) -> Option<&ImageReference> {
        self.reference.as_ref()
    }
}

/// A reference in full is known by that.
impl From<ImageReference> for EngineImage {
    fn from(reference: ImageReference) -> Self {
        Self { written: reference.to_string(), reference: Some(reference) }
    }
}

impl FromStr for EngineImage {
    type Err = InvalidEngineImage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let written = text.to_owned();
        if is_id(text) {
            return Ok(Self { written, reference: None });
        }
        if text.starts_with("sha256:") {
            return Err(InvalidEngineImage(written));
        }
        let reference: ImageReference = in_full(text).parse().map_err(|_| {
            mask::image(text);
            InvalidEngineImage(written.clone())
        })?;
        Ok(Self { written, reference: Some(reference.in_full().tagged()) })
    }
}

impl fmt::Display for EngineImage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

fn is_id(text: &str) -> bool {
    let hex = |digits: &str| (1..=64).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    text.strip_prefix("sha256:").map_or_else(|| text.len() >= SHORT_ID && hex(text), hex)
}

/// The name with its registry, as engines have it: what stands before the first `/` is a host if it looks like one.
fn in_full(text: &str) -> String {
    match text.split_once('/') {
        Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => text.to_owned(),
        Some(_) | None => format!("docker.io/{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{EngineImage, PullPolicy};

    #[test]
    fn names_are_completed_as_engines_do() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let pinned = format!("ghcr.io/shop/api@{digest}");
        let table = [
            ("nginx", Some("docker.io/library/nginx:latest")),
            ("nginx:1.27", Some("docker.io/library/nginx:1.27")),
            ("shop/api", Some("docker.io/shop/api:latest")),
            ("localhost/api:v1", Some("localhost/api:v1")),
            ("127.0.0.1:5000/shop/api", Some("127.0.0.1:5000/shop/api:latest")),
            (&pinned, Some(pinned.as_str())),
            ("3f2a9c1b8d7e", None),
            (&"3f".repeat(32), None),
            (&digest, None),
            ("sha256:3f2a", None),
            // Too short for an id that an engine prints.
            ("cafe", Some("docker.io/library/cafe:latest")),
        ];
        for (written, full) in table {
            let image: EngineImage = written.parse().unwrap();
            assert_eq!(image.reference().map(ToString::to_string).as_deref(), full, "{written}");
            assert_eq!(image.written(), written);
        }
    }

    #[test]
    fn what_names_no_image_is_refused() {
        for bad in [
            "",
            "Shop",
            "shop api",
            "shop:",
            "-shop",
            "sha256:",
            "sha256:xyz",
            "shop@sha256:12",
            "--port",
            "./Dockerfile",
        ] {
            assert!(bad.parse::<EngineImage>().is_err(), "{bad}");
        }
    }

    #[test]
    fn policies() {
        use PullPolicy::{Always, Missing, Never};
        let read = |text: &str| text.parse::<PullPolicy>().ok();
        let words = ["always", "missing", "never", "", "Always", "if-not-present"];
        assert_eq!(words.map(read), [Some(Always), Some(Missing), Some(Never), None, None, None]);
    }
}
