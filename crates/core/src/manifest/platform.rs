//! Platforms: `os/architecture` and `os/architecture/variant`, under the names that Go has for them.

use serde_json::{Map, Value};

/// Whether a platform is the one wanted; a variant counts only where one is wanted.
#[must_use]
pub fn is_platform(own: &str, wanted: &str) -> bool {
    own == wanted || own.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/') && wanted.contains('/'))
}

/// `os/architecture` of an image configuration, with the variant where it names one (OCI image specification, "Image
/// Configuration"). `None` when it names no platform.
#[must_use]
pub fn platform_of_config(bytes: &[u8]) -> Option<String> {
    let config: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let (platform, variant) = named(&config)?;
    Some(variant.map_or_else(|| platform.clone(), |variant| format!("{platform}/{variant}")))
}

/// `os/architecture`, and the variant, where both of the former are named.
pub(super) fn named(platform: &Map<String, Value>) -> Option<(String, Option<String>)> {
    let text = |name: &str| platform.get(name).and_then(Value::as_str).map(str::to_ascii_lowercase);
    let filled = |name: &str| text(name).filter(|text| !text.is_empty());
    let architecture = filled("architecture")?;
    // containerd's `platforms.Normalize` knows the same other names.
    let architecture = match architecture.as_str() {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    Some((format!("{}/{architecture}", filled("os")?), filled("variant")))
}
