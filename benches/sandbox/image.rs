//! The image that is moved: noise, which no registry can make smaller.

use std::{fs, path::Path};

use serde_json::{Value, json};
use shipgate_core::digest::Digest;

/// How many layers of how many bytes.
const LAYERS: [(usize, usize); 2] = [(4, 64 << 20), (32, 16 << 10)];
/// The same in words.
pub(crate) const DESCRIPTION: &str = "4 layers of 64 MiB and 32 of 16 KiB";

/// Writes it as an OCI image layout; how many bytes its layers have.
pub(crate) fn write(folder: &Path) -> u64 {
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let mut noise = fastrand::Rng::with_seed(1);
    let sizes = LAYERS.into_iter().flat_map(|(count, size)| std::iter::repeat_n(size, count));
    let layers: Vec<Value> = sizes.map(|size| layer(folder, &mut noise, size)).collect();
    let diffs: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diffs}});
    let config = add(folder, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers});
    let manifest = add(folder, media_type, manifest.to_string().as_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    layers.iter().filter_map(|layer| layer["size"].as_u64()).sum()
}

fn layer(folder: &Path, noise: &mut fastrand::Rng, size: usize) -> Value {
    let mut bytes = vec![0; size];
    noise.fill(&mut bytes);
    add(folder, "application/vnd.oci.image.layer.v1.tar", &bytes)
}

fn add(folder: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let digest = Digest::of(bytes);
    fs::write(folder.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
    json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
}

/// Every layer that was written has been pulled, by its size; skopeo has looked at the digests.
pub(crate) fn compare(written: &Path, pulled: &Path) {
    for blob in fs::read_dir(written.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap();
        let pulled = pulled.join(blob.file_name());
        // The manifest has another name there.
        let size =
            fs::metadata(&pulled).or_else(|_| fs::metadata(pulled.with_file_name("manifest.json"))).unwrap().len();
        assert_eq!(size, blob.metadata().unwrap().len(), "{}", pulled.display());
    }
}
