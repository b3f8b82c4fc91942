//! The JSON of a manifest, as far as it is needed. What is not needed is not looked at: it may be missing, null or of any type.

use serde_json::{Map, Value};

use super::{
    DOCKER_IMAGE, Descriptor, IMAGE_CONFIGS, IndexMember, Layer, Manifest, OCI_IMAGE, OCI_INDEX, UnusableMember,
    as_written, platform, without_parameters,
};
use crate::json;

type Entry = Map<String, Value>;

/// A manifest's fields. A list that is `null` is as good as missing. Entries of lists are read only when they are needed.
pub(super) struct Document {
    media_type: Option<Value>,
    schema_version: Option<Value>,
    config: Option<Entry>,
    layers: Option<Vec<Value>>,
    /// The layers of an artifact manifest (OCI image specification 1.1, release candidates; ORAS).
    blobs: Option<Vec<Value>>,
    manifests: Option<Vec<Value>>,
    /// Docker's schema 1 has `fsLayers`.
    has_fs_layers: bool,
}

impl Document {
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let start = bytes.strip_prefix(json::BOM).unwrap_or(bytes).trim_ascii_start();
        if start.first() != Some(&b'{') {
            return Err("it is not a JSON object".to_owned());
        }
        let Value::Object(mut fields) = json::parse(bytes)? else { return Err("it is not a JSON object".to_owned()) };
        let config = match fields.remove("config") {
            None | Some(Value::Null) => None,
            Some(Value::Object(config)) => Some(config),
            Some(_) => return Err("`config` is not an object".to_owned()),
        };
        let mut list = |name: &str| match fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(format!("`{name}` is not a list")),
        };
        let (layers, blobs, manifests) = (list("layers")?, list("blobs")?, list("manifests")?);
        let mut filled = |name: &str| fields.remove(name).filter(|value| !value.is_null());
        Ok(Self {
            media_type: filled("mediaType"),
            schema_version: filled("schemaVersion"),
            config,
            layers,
            blobs,
            manifests,
            has_fs_layers: filled("fsLayers").is_some(),
        })
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
        self.has_fs_layers || (says_so && !self.lists_manifests() && !self.lists_blobs())
    }

    pub(super) fn lists_manifests(&self) -> bool {
        self.manifests.as_ref().is_some_and(|manifests| !manifests.is_empty() || !self.lists_blobs())
    }

    pub(super) fn lists_blobs(&self) -> bool {
        let any = |list: &Option<Vec<Value>>| list.as_ref().is_some_and(|list| !list.is_empty());
        let empty = self.manifests.is_none() && (self.layers.is_some() || self.blobs.is_some());
        self.config.is_some() || any(&self.layers) || any(&self.blobs) || empty
    }

    /// # Errors
    /// What is wrong with a descriptor.
    pub(super) fn image(&self) -> Result<Manifest, String> {
        let config = self.config.as_ref().map(|config| blob(config, "config")).transpose()?;
        let mut layers = Vec::new();
        for (name, list) in [("layers", &self.layers), ("blobs", &self.blobs)] {
            for (index, entry) in list.iter().flatten().enumerate() {
                layers.push(layer(entry, &format!("{name}[{index}]"))?);
            }
        }
        Ok(Manifest::Image { config, layers })
    }

    pub(super) fn index(&self) -> Manifest {
        let (mut members, mut unusable) = (Vec::new(), Vec::new());
        for (index, entry) in self.manifests.iter().flatten().enumerate() {
            match member(entry, &format!("manifests[{index}]")) {
                Ok(member) => members.push(member),
                Err(member) => unusable.push(member),
            }
        }
        Manifest::Index { members, unusable }
    }
}

/// `name` is where it is, for the message.
fn blob(entry: &Entry, name: &str) -> Result<Descriptor, String> {
    let size_bytes = size(entry, name)?.ok_or_else(|| format!("`{name}` has no size"))?;
    Ok(Descriptor { media_type: media_type(entry), digest: digest(entry, name)?, size_bytes })
}

/// A negative size stands for an unknown one, as in Go's programs.
fn layer(entry: &Value, name: &str) -> Result<Layer, String> {
    let entry = entry.as_object().ok_or_else(|| format!("`{name}` is not an object"))?;
    let is_negative = entry.get("size").and_then(Value::as_f64).is_some_and(|size| size < 0.0);
    Ok(Layer {
        media_type: media_type(entry),
        digest: digest(entry, name)?,
        size_bytes: if is_negative { None } else { size(entry, name)? },
        has_urls: entry.get("urls").and_then(Value::as_array).is_some_and(|urls| !urls.is_empty()),
    })
}

fn member(value: &Value, name: &str) -> Result<IndexMember, UnusableMember> {
    let unusable = |reason, platform, is_attestation| UnusableMember { reason, platform, is_attestation };
    let Some(entry) = value.as_object() else {
        return Err(unusable(format!("`{name}` is not an object"), None, false));
    };
    let platform = entry.get("platform").and_then(Value::as_object).and_then(platform::named);
    let annotations = entry.get("annotations").and_then(Value::as_object);
    let is_said = annotations.and_then(|annotations| annotations.get("vnd.docker.reference.type"))
        == Some(&Value::from("attestation-manifest"));
    let is_unknown = platform.as_deref().is_some_and(platform::is_unknown);
    let platform = platform.filter(|_| !is_unknown);
    let is_attestation = is_said || is_unknown;
    let read = digest(entry, name).and_then(|digest| Ok((digest, size(entry, name)?)));
    match read {
        Ok((digest, size_bytes)) => {
            Ok(IndexMember { media_type: media_type(entry), digest, size_bytes, platform, is_attestation })
        }
        Err(reason) => Err(unusable(reason, platform, is_attestation)),
    }
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
