//! Small images that are made here: each like no other, with as many layers as a test needs, an index of several, an artifact
//! that refers to one.

use bytes::Bytes;
use serde_json::{Value, json};
use shipgate_container_check::packing::PackedImage;
use shipgate_core::{
    digest::Digest,
    manifest::{Descriptor, RawManifest},
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

type Blob = (Descriptor, Bytes);

fn blob(media_type: &str, content: impl Into<Bytes>) -> Blob {
    let bytes = content.into();
    let (digest, size_bytes) = (Digest::of(&bytes), bytes.len() as u64);
    (Descriptor { media_type: media_type.to_owned(), digest, size_bytes }, bytes)
}

fn described(descriptor: &Descriptor) -> Value {
    json!({"mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size_bytes})
}

fn packed(media_type: &str, manifest: &Value, blobs: Vec<Blob>) -> PackedImage {
    PackedImage { manifest: RawManifest::new(media_type, manifest.to_string().into()), blobs }
}

/// A small image of one layer.
pub(crate) fn image(name: &str) -> PackedImage {
    image_with(config_of(name, "amd64"), vec![blob(LAYER, format!("layer of {name} ").repeat(5000))])
}

fn config_of(name: &str, architecture: &str) -> Blob {
    blob(CONFIG, json!({"os": "linux", "architecture": architecture, "name": name}).to_string())
}

/// An image of so many layers, for Linux on this architecture.
pub(crate) fn image_of(name: &str, architecture: &str, layers: usize) -> PackedImage {
    let layer = |number: usize| blob(LAYER, format!("layer {number} of {name} for {architecture} ").repeat(5000));
    let layers: Vec<Blob> = (0..layers).map(layer).collect();
    image_with(config_of(name, architecture), layers)
}

fn image_with(config: Blob, layers: Vec<Blob>) -> PackedImage {
    let listed: Vec<Value> = layers.iter().map(|(descriptor, _)| described(descriptor)).collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": described(&config.0), "layers": listed});
    packed(MANIFEST, &manifest, std::iter::once(config).chain(layers).collect())
}

fn member(image: &PackedImage) -> Value {
    let manifest = &image.manifest;
    json!({"mediaType": manifest.media_type, "digest": manifest.digest, "size": manifest.bytes.len()})
}

/// An index of these images, each for Linux on an architecture.
pub(crate) fn index(members: &[(&PackedImage, &str)]) -> PackedImage {
    let listed: Vec<Value> = members
        .iter()
        .map(|(image, architecture)| {
            let mut listed = member(image);
            listed["platform"] = json!({"os": "linux", "architecture": architecture});
            listed
        })
        .collect();
    packed(INDEX, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}), Vec::new())
}

/// An artifact, such as a signature, that refers to this image.
pub(crate) fn artifact(name: &str, subject: &PackedImage) -> PackedImage {
    let config = blob("application/vnd.oci.empty.v1+json", "{}");
    let layer = blob("application/vnd.example.signature", format!("signed by {name}"));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.signature",
        "config": described(&config.0), "layers": [described(&layer.0)], "subject": member(subject),
    });
    packed(MANIFEST, &manifest, vec![config, layer])
}
