//! Image manifests and indexes, read from their raw bytes. The bytes themselves are what is copied: writing a
//! manifest out again would change its digest.

use oci_spec::image::{Arch, Descriptor as OciDescriptor, ImageIndex, ImageManifest, Os};

use super::digest::Digest;

/// The media types a manifest request accepts, in the order of preference: OCI and Docker schema 2, images and lists.
pub const ACCEPTED_MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// The most bytes a manifest may have: ECR's limit (Amazon ECR service quotas).
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// A piece of content: its type, digest and size in bytes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Descriptor {
    /// The media type.
    pub media_type: String,
    /// The content's digest.
    pub digest: Digest,
    /// Its size in bytes.
    pub size_bytes: u64,
}

/// A member of an index: an image for a platform, or something attached to one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IndexMember {
    /// The member's manifest.
    pub descriptor: Descriptor,
    /// `os/architecture`, where the index names one.
    pub platform: Option<String>,
    /// The architecture's variant, such as `v7`, where the index names one.
    pub variant: Option<String>,
    /// Whether it is for linux/amd64, the only platform App Runner runs.
    pub runs_on_app_runner: bool,
}

/// A manifest as fetched: type and raw bytes. The digest is computed from the bytes, never believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawManifest {
    /// The media type the registry named.
    pub media_type: String,
    /// The digest of the bytes.
    pub digest: Digest,
    /// The bytes, untouched.
    pub bytes: bytes::Bytes,
}

/// What a manifest says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Manifest {
    /// One image: its configuration and its layers, bottom layer first.
    Image {
        /// The configuration blob.
        config: Descriptor,
        /// The layer blobs, bottom first.
        layers: Vec<Descriptor>,
    },
    /// A list of images, one a platform.
    Index {
        /// The members, in the order of the index.
        members: Vec<IndexMember>,
    },
}

/// Why a manifest cannot be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ManifestError {
    /// Docker's old format, which has no digests to hold on to.
    #[error("manifest {digest} has media type `{media_type}`, which is not supported")]
    UnsupportedMediaType {
        /// The manifest.
        digest: Digest,
        /// What the registry calls it.
        media_type: String,
    },
    /// Not what its media type says.
    #[error("manifest {digest} cannot be read: {reason}")]
    Malformed {
        /// The manifest.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
}

impl IndexMember {
    /// Whether it is for this platform: `os/architecture` or `os/architecture/variant`.
    #[must_use]
    pub fn is_for(&self, platform: &str) -> bool {
        let Some(own) = &self.platform else { return false };
        match &self.variant {
            Some(variant) => is_platform(&format!("{own}/{variant}"), platform),
            None => is_platform(own, platform),
        }
    }
}

/// Whether a platform is the one wanted; a variant counts only where one is wanted.
#[must_use]
pub fn is_platform(own: &str, wanted: &str) -> bool {
    own == wanted || own.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('/') && wanted.contains('/'))
}

/// `os/architecture` of an image configuration (OCI image specification, "Image Configuration").
#[must_use]
pub fn platform_of_config(bytes: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Platform {
        os: String,
        architecture: String,
    }
    let platform: Platform = serde_json::from_slice(bytes).ok()?;
    Some(format!("{}/{}", platform.os, platform.architecture))
}

impl RawManifest {
    /// Keeps the bytes and computes their digest.
    #[must_use]
    pub fn new(media_type: impl Into<String>, bytes: bytes::Bytes) -> Self {
        Self { media_type: media_type.into(), digest: Digest::of(&bytes), bytes }
    }

    /// Reads the manifest.
    ///
    /// # Errors
    /// [`ManifestError`] when the media type is not one of [`ACCEPTED_MEDIA_TYPES`] or the bytes do not fit it.
    pub fn parse(&self) -> Result<Manifest, ManifestError> {
        let malformed = |reason: String| ManifestError::Malformed { digest: self.digest.clone(), reason };
        match self.media_type.split(';').next().unwrap_or_default().trim() {
            "application/vnd.oci.image.index.v1+json" | "application/vnd.docker.distribution.manifest.list.v2+json" => {
                let index: ImageIndex =
                    serde_json::from_slice(&self.bytes).map_err(|error| malformed(error.to_string()))?;
                let members = index.manifests().iter().map(member).collect::<Result<_, _>>().map_err(malformed)?;
                Ok(Manifest::Index { members })
            }
            "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json" => {
                let image: ImageManifest =
                    serde_json::from_slice(&self.bytes).map_err(|error| malformed(error.to_string()))?;
                let config = descriptor(image.config()).map_err(malformed)?;
                let layers = image.layers().iter().map(descriptor).collect::<Result<_, _>>().map_err(malformed)?;
                Ok(Manifest::Image { config, layers })
            }
            _ => Err(ManifestError::UnsupportedMediaType {
                digest: self.digest.clone(),
                media_type: self.media_type.clone(),
            }),
        }
    }
}

fn descriptor(oci: &OciDescriptor) -> Result<Descriptor, String> {
    Ok(Descriptor {
        media_type: oci.media_type().to_string(),
        digest: oci.digest().to_string().parse().map_err(|error| format!("{error}"))?,
        size_bytes: oci.size(),
    })
}

fn member(oci: &OciDescriptor) -> Result<IndexMember, String> {
    let platform = oci.platform().as_ref();
    Ok(IndexMember {
        descriptor: descriptor(oci)?,
        variant: platform.and_then(|platform| platform.variant().clone()),
        platform: platform.map(|platform| format!("{}/{}", platform.os(), platform.architecture())),
        runs_on_app_runner: platform.is_some_and(|p| *p.os() == Os::Linux && *p.architecture() == Arch::Amd64),
    })
}

#[cfg(test)]
mod tests {
    use super::{Manifest, ManifestError, RawManifest};

    const A: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn raw(media_type: &str, json: &str) -> RawManifest {
        RawManifest::new(media_type, json.as_bytes().to_vec().into())
    }

    #[test]
    fn both_dialects_of_an_image() {
        for (image, config, layer) in [
            (
                "application/vnd.oci.image.manifest.v1+json",
                "application/vnd.oci.image.config.v1+json",
                "application/vnd.oci.image.layer.v1.tar+gzip",
            ),
            (
                "application/vnd.docker.distribution.manifest.v2+json",
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ),
        ] {
            let json = format!(
                r#"{{"schemaVersion":2,"mediaType":"{image}","config":{{"mediaType":"{config}","digest":"{A}","size":7}},
                "layers":[{{"mediaType":"{layer}","digest":"{A}","size":9}}]}}"#
            );
            let Manifest::Image { config, layers } = raw(image, &json).parse().unwrap() else { panic!("{image}") };
            assert_eq!((config.size_bytes, layers[0].size_bytes, layers[0].media_type.as_str()), (7, 9, layer));
        }
    }

    #[test]
    fn an_index_says_which_member_app_runner_runs() {
        let media_type = "application/vnd.oci.image.index.v1+json";
        let child = "application/vnd.oci.image.manifest.v1+json";
        let json = format!(
            r#"{{"schemaVersion":2,"manifests":[
            {{"mediaType":"{child}","digest":"{A}","size":1,"platform":{{"os":"linux","architecture":"arm64"}}}},
            {{"mediaType":"{child}","digest":"{A}","size":2,"platform":{{"os":"linux","architecture":"amd64"}}}},
            {{"mediaType":"{child}","digest":"{A}","size":3,"platform":{{"os":"unknown","architecture":"unknown"}}}},
            {{"mediaType":"{child}","digest":"{A}","size":4}}]}}"#
        );
        let Manifest::Index { members } = raw(media_type, &json).parse().unwrap() else { panic!() };
        let runs: Vec<bool> = members.iter().map(|member| member.runs_on_app_runner).collect();
        assert_eq!(runs, [false, true, false, false]);
        assert_eq!(members[0].platform.as_deref(), Some("linux/arm64"));
    }

    #[test]
    fn a_variant_counts_only_where_it_is_asked_for() {
        let table = [
            ("linux/arm/v7", "linux/arm", true),
            ("linux/arm/v7", "linux/arm/v7", true),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("linux/arm64", "linux/arm", false),
            ("linux/arm", "linux/arm/v7", false),
            ("linux/amd64", "linux", false),
        ];
        for (own, wanted, is) in table {
            assert_eq!(super::is_platform(own, wanted), is, "{own} {wanted}");
        }
    }

    #[test]
    fn a_configuration_names_its_platform() {
        let config = br#"{"architecture":"arm64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
        assert_eq!(super::platform_of_config(config).as_deref(), Some("linux/arm64"));
        assert_eq!(super::platform_of_config(b"{}"), None);
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";
        assert!(matches!(raw(schema1, "{}").parse(), Err(ManifestError::UnsupportedMediaType { .. })));
        let image = "application/vnd.oci.image.manifest.v1+json";
        for bad in
            ["", "[]", "{}", r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"md5:1","size":1},"layers":[]}"#]
        {
            assert!(matches!(raw(image, bad).parse(), Err(ManifestError::Malformed { .. })), "{bad}");
        }
    }
}
