//! What a manifest refers to. Read by hand from JSON: the clients under test have their own reader.

use serde_json::Value;

use shipgate_core::digest::Digest;

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
    /// Which of them may be, or hold, the image for linux/amd64: those that say so first.
    pub(crate) candidates: Vec<Candidate>,
    /// The first member whose media type is not that of a manifest.
    pub(crate) not_a_manifest: Option<Digest>,
    /// Fields that neither an image manifest nor an index has.
    pub(crate) unknown_fields: Vec<String>,
    /// The manifest this one is about.
    pub(crate) subject: Option<Digest>,
}

/// A member of an index that App Runner may pull.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Candidate {
    /// Its manifest.
    pub(crate) digest: Digest,
    /// Whether the index says that it is for linux/amd64. If not, its configuration has to.
    pub(crate) says_so: bool,
}

/// A layer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layer {
    /// Its media type.
    pub(crate) media_type: String,
    /// Its digest.
    pub(crate) digest: Digest,
}

/// The fields of an image manifest and of an index (OCI image specification 1.1).
const FIELDS: [&str; 8] =
    ["schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations"];

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
        let fields = document.as_object().into_iter().flat_map(|fields| fields.keys());
        contents.unknown_fields = fields.filter(|name| !FIELDS.contains(&name.as_str())).cloned().collect();
        if document.get("subject").is_some_and(|subject| !subject.is_null()) {
            contents.subject = Some(digest(&document["subject"])?);
        }
        if let Some(members) = document["manifests"].as_array() {
            contents.members = members.iter().map(digest).collect::<Result<_, _>>()?;
            let all = members.iter().zip(&contents.members);
            let may_be = all.clone().filter_map(|(member, digest)| candidate(member, digest));
            contents.candidates = may_be.collect();
            contents.candidates.sort_by_key(|candidate| !candidate.says_so);
            let is_other = |member: &Value| member["mediaType"].as_str().is_some_and(|kind| !is_manifest(kind));
            let other = all.into_iter().find(|(member, _)| is_other(member));
            contents.not_a_manifest = other.map(|(_, digest)| digest.clone());
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

/// A member without a platform may be for any; BuildKit's attestations name one that does not exist.
fn candidate(descriptor: &Value, digest: &Digest) -> Option<Candidate> {
    let named = |name: &str| descriptor["platform"][name].as_str().filter(|text| !text.is_empty());
    let says_so = match (named("os"), named("architecture")) {
        (Some("linux"), Some("amd64")) => true,
        (Some(_), Some(_)) => return None,
        _ => false,
    };
    let is_attestation = descriptor["annotations"]["vnd.docker.reference.type"] == "attestation-manifest";
    (!is_attestation).then(|| Candidate { digest: digest.clone(), says_so })
}

fn is_manifest(media_type: &str) -> bool {
    media_type.contains(".manifest.") || media_type.contains(".image.index.")
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
