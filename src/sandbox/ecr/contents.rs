//! What a manifest refers to. Read by hand from JSON: the clients under test have their own reader.

use serde_json::Value;

use crate::domain::digest::Digest;

/// What a manifest refers to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Contents {
    /// `mediaType` in the document.
    pub(crate) media_type: Option<String>,
    /// `artifactType`, or the configuration's media type.
    pub(crate) artifact_type: Option<String>,
    /// The configuration.
    pub(crate) config: Option<Digest>,
    /// The layers, bottom first. Those that live elsewhere (`urls`) are left out.
    pub(crate) layers: Vec<Layer>,
    /// The manifests an index lists.
    pub(crate) members: Vec<Digest>,
    /// Which of them is for linux/amd64.
    pub(crate) linux_amd64: Option<Digest>,
    /// The manifest this one is about.
    pub(crate) subject: Option<Digest>,
}

/// A layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layer {
    /// Its media type.
    pub(crate) media_type: String,
    /// Its digest.
    pub(crate) digest: Digest,
}

impl Contents {
    /// Reads a manifest or an index.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, String> {
        let document: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if document["schemaVersion"] != 2 {
            return Err("schemaVersion is not 2".to_owned());
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut contents = Self {
            media_type: text(&document["mediaType"]),
            artifact_type: text(&document["artifactType"]).or_else(|| text(&document["config"]["mediaType"])),
            ..Self::default()
        };
        if document.get("subject").is_some() {
            contents.subject = Some(digest(&document["subject"])?);
        }
        if let Some(members) = document["manifests"].as_array() {
            contents.members = members.iter().map(digest).collect::<Result<_, _>>()?;
            let runs = members.iter().position(is_linux_amd64);
            contents.linux_amd64 = runs.and_then(|at| contents.members.get(at).cloned());
            return Ok(contents);
        }
        contents.config = Some(digest(&document["config"])?);
        let layers = document["layers"].as_array().ok_or("neither layers nor manifests")?;
        contents.layers =
            layers.iter().filter(|layer| layer.get("urls").is_none()).map(layer).collect::<Result<_, _>>()?;
        Ok(contents)
    }

    /// Configuration and layers.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Digest> {
        self.config.iter().chain(self.layers.iter().map(|layer| &layer.digest))
    }
}

fn digest(descriptor: &Value) -> Result<Digest, String> {
    let text = descriptor["digest"].as_str().ok_or("a descriptor without digest")?;
    text.parse().map_err(|error| format!("{error}"))
}

fn layer(descriptor: &Value) -> Result<Layer, String> {
    Ok(Layer {
        media_type: descriptor["mediaType"].as_str().unwrap_or_default().to_owned(),
        digest: digest(descriptor)?,
    })
}

fn is_linux_amd64(descriptor: &Value) -> bool {
    descriptor["platform"]["os"] == "linux" && descriptor["platform"]["architecture"] == "amd64"
}

#[cfg(test)]
mod tests {
    use super::Contents;

    #[test]
    fn what_is_no_manifest() {
        for bad in [
            "",
            "[]",
            "{}",
            r#"{"schemaVersion":1}"#,
            r#"{"schemaVersion":2}"#,
            r#"{"schemaVersion":2,"config":{"digest":"md5:1"},"layers":[]}"#,
        ] {
            assert!(Contents::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
