//! Platforms: `os/architecture` and `os/architecture/variant`. They are shown as written and compared as containerd does.

use serde_json::{Map, Value};

use crate::json;

/// Whether an image for this platform runs on the one wanted.
#[must_use]
pub fn is_platform(own: &str, wanted: &str) -> bool {
    platform_rank(own, wanted).is_some()
}

/// How well an image for this platform suits the one wanted: 0 is best. `None` when it does not run there. Other names and
/// default variants count as the same; older variants of `arm` and `amd64` run on newer ones (containerd's `platforms.Only`).
/// If none is wanted, any variant will do, the plain one best.
#[must_use]
pub fn platform_rank(own: &str, wanted: &str) -> Option<u32> {
    let (own, wanted) = (Normal::read(own)?, Normal::read(wanted)?);
    if (&own.os, &own.architecture) != (&wanted.os, &wanted.architecture) {
        return None;
    }
    if own.variant == wanted.variant {
        return Some(0);
    }
    match (own.level(), wanted.level()) {
        (Some(own), Some(needed)) if own <= needed => Some(needed - own),
        // Nobody knows the machine: a newer variant may run there.
        (Some(own), Some(plain)) if wanted.variant.is_empty() => Some(own - plain),
        (None, _) | (_, None) if wanted.variant.is_empty() => Some(u32::MAX),
        _ => None,
    }
}

/// `os/architecture` of an image configuration, with the variant where it names one (OCI image specification, "Image
/// Configuration"), as it is written. `None` when it names no platform.
#[must_use]
pub fn platform_of_config(bytes: &[u8]) -> Option<String> {
    named(json::parse(bytes).ok()?.as_object()?)
}

/// `os/architecture`, and the variant, where both of the former are named. As written: a secret in it is not recognised any more once
/// it is in lower case.
pub(super) fn named(platform: &Map<String, Value>) -> Option<String> {
    let filled = |name: &str| platform.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (os, architecture) = (filled("os")?, filled("architecture")?);
    Some(match filled("variant") {
        Some(variant) => format!("{os}/{architecture}/{variant}"),
        None => format!("{os}/{architecture}"),
    })
}

/// Whether this is what BuildKit writes for an attestation.
pub(super) fn is_unknown(platform: &str) -> bool {
    Normal::read(platform).is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown")
}

/// A platform under the names that Go has for it (containerd's `platforms.Normalize`).
struct Normal {
    os: String,
    architecture: String,
    /// Empty for the architecture's first one.
    variant: String,
}

impl Normal {
    fn read(platform: &str) -> Option<Self> {
        let lower = platform.to_ascii_lowercase();
        let (os, rest) = lower.split_once('/')?;
        let (architecture, variant) = rest.split_once('/').unwrap_or((rest, ""));
        let (architecture, variant) = match (architecture, variant) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64", variant) => ("arm64", variant),
            ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
            ("armel", _) | ("arm", "6") => ("arm", "v6"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "8") => ("arm", "v8"),
            other => other,
        };
        let os = if os == "macos" { "darwin" } else { os };
        Some(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() })
    }

    /// The number of the variant, where machines of a higher one run those of a lower one.
    fn level(&self) -> Option<u32> {
        let number = self.variant.strip_prefix('v').and_then(|number| number.parse().ok());
        match (self.architecture.as_str(), self.variant.as_str()) {
            ("amd64", "") => Some(1),
            ("arm64", "") => Some(8),
            ("amd64" | "arm64" | "arm", _) => number,
            _ => None,
        }
    }
}
