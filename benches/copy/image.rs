//! Images of a given shape whose layers are real ones (any engine can unpack them) and cannot be compressed.

use std::{
    fs::File,
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use flate2::{Compression, write::GzEncoder};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shipgate_core::digest::Digest;

/// The shape of an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// In words.
    pub(crate) name: &'static str,
    /// How many layers of how many bytes, in the manifest's order.
    pub(crate) layers: &'static [(usize, u64)],
}

/// A blob, and where it lies until it is pushed.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) path: PathBuf,
}

/// An image: its manifest, and the config before the layers.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<Blob>,
}

/// The media type of its manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

impl Image {
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(&self.manifest)
    }

    /// The bytes of the largest blob.
    pub(crate) fn largest(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).max().unwrap_or_default()
    }

    /// The bytes of all blobs and the manifest.
    pub(crate) fn size(&self) -> u64 {
        self.blobs.iter().map(|blob| blob.size).sum::<u64>() + self.manifest.len() as u64
    }
}

/// Makes an image. The same plan gives the same bytes on every machine.
pub(crate) fn make(folder: &Path, plan: &Plan) -> Result<Image> {
    let sizes = plan.layers.iter().flat_map(|(count, size)| std::iter::repeat_n(*size, *count));
    let (mut layers, mut diff_ids) = (Vec::new(), Vec::new());
    for (seed, size) in sizes.enumerate() {
        let (blob, diff_id) = layer(folder, seed as u64, size)?;
        layers.push(blob);
        diff_ids.push(diff_id);
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    });
    let config = config_blob(folder, &serde_json::to_vec(&config)?)?;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": layers.iter().map(|layer| descriptor(LAYER, layer)).collect::<Vec<_>>(),
    });
    let blobs = std::iter::once(config).chain(layers).collect();
    Ok(Image { manifest: serde_json::to_vec(&manifest)?, blobs })
}

fn descriptor(media_type: &str, blob: &Blob) -> serde_json::Value {
    json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.size })
}

fn config_blob(folder: &Path, bytes: &[u8]) -> Result<Blob> {
    let path = folder.join("config");
    std::fs::write(&path, bytes)?;
    Ok(Blob { digest: Digest::of(bytes), size: bytes.len() as u64, path })
}

/// A layer of one file of noise, in gzip that stores: unpacking costs an engine next to nothing.
fn layer(folder: &Path, seed: u64, size: u64) -> Result<(Blob, Digest)> {
    let path = folder.join(format!("layer-{seed}"));
    let stored = Hashed::new(BufWriter::new(File::create(&path)?));
    let mut archive = tar::Builder::new(Hashed::new(GzEncoder::new(stored, Compression::none())));
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o644);
    let noise = Noise(fastrand::Rng::with_seed(seed)).take(size);
    archive.append_data(&mut header, format!("noise-{seed}"), noise)?;
    let archive = archive.into_inner()?;
    let diff_id = Digest::from_hash(&archive.hash.finalize());
    let mut stored = archive.inner.finish()?;
    stored.flush()?;
    Ok((Blob { digest: Digest::from_hash(&stored.hash.finalize()), size: stored.size, path }, diff_id))
}

/// Bytes that nobody can compress, the same for the same seed.
struct Noise(fastrand::Rng);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.fill(buffer);
        Ok(buffer.len())
    }
}

/// A writer that hashes and counts what it is given.
struct Hashed<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W> Hashed<W> {
    fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), size: 0 }
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
