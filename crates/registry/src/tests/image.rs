//! Images to move, made up: random bytes under true digests.

use bytes::Bytes;

use shipgate_core::{digest::Digest, manifest::RawManifest};

pub(crate) const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

pub(crate) struct TestImage {
    pub(crate) manifest: RawManifest,
    pub(crate) blobs: Vec<Bytes>,
}

pub(crate) fn random_bytes(size: usize) -> Bytes {
    let mut bytes = vec![0; size];
    fastrand::fill(&mut bytes);
    bytes.into()
}

pub(crate) fn described(media_type: &str, bytes: &[u8]) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":{}}}"#, Digest::of(bytes), bytes.len())
}

/// An image with layers of these sizes, and a configuration. The manifest is spaced oddly: it must stay so.
pub(crate) fn image(layer_sizes: &[usize]) -> TestImage {
    image_of(LAYER, layer_sizes.iter().map(|size| random_bytes(*size)).collect())
}

pub(crate) fn image_of(layer_type: &str, layers: Vec<Bytes>) -> TestImage {
    let config = random_bytes(100);
    let listed: Vec<String> = layers.iter().map(|layer| described(layer_type, layer)).collect();
    let json = format!(
        "{{ \"schemaVersion\" : 2,\n\t\"mediaType\":\"{IMAGE}\",\"config\":{},\"layers\":[{}] }}\n",
        described("application/vnd.oci.image.config.v1+json", &config),
        listed.join(" , ")
    );
    let blobs = std::iter::once(config).chain(layers).collect();
    TestImage { manifest: RawManifest::new(IMAGE, json.into()), blobs }
}

pub(crate) fn index(members: &[&RawManifest]) -> RawManifest {
    let listed: Vec<String> = members.iter().map(|member| described(&member.media_type, &member.bytes)).collect();
    let json = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\n\"manifests\":[{}]}}", listed.join(","));
    RawManifest::new(INDEX, json.into())
}

/// Something that refers to a manifest: an artifact with a layer of its own.
pub(crate) fn artifact(subject: &RawManifest) -> TestImage {
    let (config, layer) = (random_bytes(2), random_bytes(200));
    let json = format!(
        r#"{{"schemaVersion":2,"mediaType":"{IMAGE}","artifactType":"application/vnd.example.sbom","config":{},"layers":[{}],"subject":{}}}"#,
        described("application/vnd.oci.empty.v1+json", &config),
        described("application/vnd.example.sbom", &layer),
        described(&subject.media_type, &subject.bytes),
    );
    TestImage { manifest: RawManifest::new(IMAGE, json.into()), blobs: vec![config, layer] }
}

/// An index that names a platform for each member.
pub(crate) fn index_for(members: &[(&RawManifest, &str, &str)]) -> RawManifest {
    let listed: Vec<String> = members
        .iter()
        .map(|(member, os, architecture)| {
            let described = described(&member.media_type, &member.bytes);
            let platform = format!(r#","platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#);
            described.trim_end_matches('}').to_owned() + &platform
        })
        .collect();
    let json = format!("{{\"schemaVersion\":2,\"mediaType\":\"{INDEX}\",\n\"manifests\":[{}]}}", listed.join(","));
    RawManifest::new(INDEX, json.into())
}
