//! The JSON of a manifest, as far as it is needed. What is not needed is not looked at: it may be missing, null or of any type.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::{
    DOCKER_IMAGE, Descriptor, IMAGE_CONFIGS, IndexMember, Manifest, MemberKind, OCI_IMAGE, OCI_INDEX, as_written,
    platform, without_parameters,
};

type Entry = Map<String, Value>;

/// A manifest's fields. A list that is `null` is as good as missing.
#[derive(Deserialize)]
pub(super) struct Document {
    #[serde(rename = "mediaType", default)]
    media_type: Option<Value>,
    #[serde(rename = "schemaVersion", default)]
    schema_version: Option<Value>,
    #[serde(default)]
    config: Option<Entry>,
    #[serde(default)]
    layers: Option<Vec<Entry>>,
    /// The layers of an artifact manifest (OCI image specification 1.1, release candidates; ORAS).
    #[serde(default)]
    blobs: Option<Vec<Entry>>,
    #[serde(default)]
    manifests: Option<Vec<Entry>>,
    /// Docker's schema 1.
    #[serde(rename = "fsLayers", default)]
    fs_layers: Option<IgnoredAny>,
}

impl Document {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        // serde would also fill the fields from an array, in their order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err("it is not a JSON object".to_owned());
        }
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// Its own media type, if it can be one.
    pub(super) fn media_type(&self) -> Option<String> {
        let text = as_written(self.media_type.as_ref()?.as_str()?);
        let fits = text.contains('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(text)
    }

    /// The media type that content of this structure has.
    pub(super) fn looks_like(&self) -> Option<String> {
        if self.lists_manifests() {
            return Some(OCI_INDEX.to_owned());
        }
        let config = self.config.as_ref().and_then(|config| config.get("mediaType")).and_then(Value::as_str);
        let is_docker = config.is_some_and(|config| without_parameters(config) == IMAGE_CONFIGS[1]);
        self.lists_blobs().then(|| if is_docker { DOCKER_IMAGE } else { OCI_IMAGE }.to_owned())
    }

    pub(super) fn is_schema_1(&self) -> bool {
        let says_so = self.schema_version.as_ref().and_then(Value::as_u64) == Some(1);
        self.fs_layers.is_some() || (says_so && !self.lists_manifests() && !self.lists_blobs())
    }

    pub(super) fn lists_manifests(&self) -> bool {
        self.manifests.as_ref().is_some_and(|manifests| !manifests.is_empty() || !self.lists_blobs())
    }

    pub(super) fn lists_blobs(&self) -> bool {
        let any = |list: &Option<Vec<Entry>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let empty = self.manifests.is_none() && (self.layers.is_some() || self.blobs.is_some());
        self.config.is_some() || any(&self.layers) || any(&self.blobs) || empty
    }

    /// # Errors
    /// What is wrong with a descriptor.
    pub(super) fn image(&self) -> Result<Manifest, String> {
        let config = self.config.as_ref().map(|config| blob(config, "config")).transpose()?;
        let mut layers = Vec::new();
        for (name, list) in [("layers", &self.layers), ("blobs", &self.blobs)] {
            for (index, layer) in list.iter().flatten().enumerate() {
                layers.push(blob(layer, &format!("{name}[{index}]"))?);
            }
        }
        Ok(Manifest::Image { config, layers })
    }

    /// # Errors
    /// What is wrong with a descriptor.
    pub(super) fn index(&self) -> Result<Manifest, String> {
        let members = self.manifests.iter().flatten().enumerate();
        let members = members.map(|(index, entry)| member(entry, &format!("manifests[{index}]")));
        Ok(Manifest::Index { members: members.collect::<Result<_, _>>()? })
    }
}

/// `name` is where it is, for the message.
fn blob(entry: &Entry, name: &str) -> Result<Descriptor, String> {
    let size_bytes = size(entry, name)?.ok_or_else(|| format!("`{name}` has no size"))?;
    Ok(Descriptor { media_type: media_type(entry), digest: digest(entry, name)?, size_bytes })
}

fn member(entry: &Entry, name: &str) -> Result<IndexMember, String> {
    let platform = entry.get("platform").and_then(Value::as_object).and_then(platform::named);
    let (platform, variant) = platform.map_or((None, None), |(platform, variant)| (Some(platform), variant));
    let annotations = entry.get("annotations").and_then(Value::as_object);
    let is_said = annotations.and_then(|annotations| annotations.get("vnd.docker.reference.type"))
        == Some(&Value::from("attestation-manifest"));
    let is_unknown = platform.as_deref() == Some("unknown/unknown");
    let member = IndexMember {
        media_type: media_type(entry),
        digest: digest(entry, name)?,
        size_bytes: size(entry, name)?,
        platform: platform.filter(|_| !is_unknown),
        variant,
        is_attestation: is_said || is_unknown,
    };
    if member.kind() == MemberKind::Blob && member.size_bytes.is_none() {
        return Err(format!("`{name}` has no size"));
    }
    Ok(member)
}

fn media_type(entry: &Entry) -> String {
    entry.get("mediaType").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn digest(entry: &Entry, name: &str) -> Result<super::Digest, String> {
    let text = entry.get("digest").and_then(Value::as_str).ok_or_else(|| format!("`{name}` has no digest"))?;
    text.parse().map_err(|error| format!("`{name}`: {error}"))
}

fn size(entry: &Entry, name: &str) -> Result<Option<u64>, String> {
    match entry.get("size") {
        None | Some(Value::Null) => Ok(None),
        Some(size) => match size.as_u64() {
            Some(size) => Ok(Some(size)),
            None => Err(format!("`{name}` has the impossible size {size}")),
        },
    }
}
