//! What a destination holds after a run: looked at from outside, without a relay, by a client that trusts nobody.

use anyhow::Result;
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shipgate_core::digest::Digest;

use super::{image::Image, push::Visitor, registry::Door};

/// What is under the tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Holding {
    /// No manifest.
    Nothing,
    /// The image, byte for byte.
    Exact,
    /// A whole image with another digest: a tool that packs layers anew makes that.
    Other,
    /// A manifest whose blobs are not there, or not what they are called.
    Broken,
}

impl Holding {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no manifest",
            Self::Exact => "the exact image",
            Self::Other => "an image with another digest",
            Self::Broken => "A BROKEN IMAGE",
        }
    }
}

/// Looks at a tag. `thorough`: every blob is read and hashed, not only asked for.
pub(crate) async fn look(door: &Door, repository: &str, tag: &str, image: &Image, thorough: bool) -> Result<Holding> {
    let visitor = Visitor::to(door)?;
    let Some(answer) = visitor.look(Method::GET, &format!("{repository}/manifests/{tag}")).await? else {
        return Ok(Holding::Nothing);
    };
    let manifest = answer.bytes().await?;
    for (digest, size) in blobs(&serde_json::from_slice(&manifest)?) {
        let path = format!("{repository}/blobs/{digest}");
        let is_good = if thorough {
            has_bytes(&visitor, &path, &digest, size).await?
        } else {
            has_size(&visitor, &path, size).await?
        };
        if !is_good {
            return Ok(Holding::Broken);
        }
    }
    Ok(if Digest::of(&manifest) == image.digest() { Holding::Exact } else { Holding::Other })
}

/// The digests and sizes that a manifest names.
fn blobs(manifest: &Value) -> Vec<(String, u64)> {
    let layers = manifest["layers"].as_array().into_iter().flatten();
    let descriptors = layers.chain(std::iter::once(&manifest["config"]));
    let named = |descriptor: &Value| {
        (descriptor["digest"].as_str().unwrap_or_default().to_owned(), descriptor["size"].as_u64().unwrap_or_default())
    };
    descriptors.map(named).collect()
}

async fn has_size(visitor: &Visitor, path: &str, size: u64) -> Result<bool> {
    let answer = visitor.look(Method::HEAD, path).await?;
    let told = answer.as_ref().and_then(|answer| answer.headers().get("content-length"));
    Ok(told.and_then(|told| told.to_str().ok()?.parse().ok()) == Some(size))
}

async fn has_bytes(visitor: &Visitor, path: &str, digest: &str, size: u64) -> Result<bool> {
    let Some(mut answer) = visitor.look(Method::GET, path).await? else { return Ok(false) };
    let (mut hash, mut seen) = (Sha256::new(), 0);
    while let Some(chunk) = answer.chunk().await? {
        hash.update(&chunk);
        seen += chunk.len() as u64;
    }
    Ok(seen == size && Digest::from_hash(&hash.finalize()).as_str() == digest)
}
