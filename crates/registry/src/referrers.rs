//! What refers to an image: asked of the registry, or, where it does not keep account, read from the tag that clients
//! keep instead (OCI distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema").

use std::collections::BTreeSet;

use reqwest::{
    Method, StatusCode, Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use serde_json::{Value, json as value};

use super::{
    client::Registry,
    error::{Action, RegistryError},
    location::Resource,
    paging,
    request::{Reply, bad_answer},
    retry,
};
use shipgate_core::{
    digest::Digest,
    image::EcrHost,
    json,
    manifest::{MAX_MANIFEST_BYTES, RawManifest},
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// As many pages as are read. ECR has 50 referrers on one.
const MAX_PAGES: usize = 100;

/// Something that refers to an image, as a list says.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Referrer {
    /// Its manifest.
    pub(super) digest: Digest,
    /// Its descriptor as the registry gives it, artifact type and annotations included.
    pub(super) descriptor: Value,
}

/// A list of referrers.
#[derive(Clone, PartialEq, Default, Debug)]
pub(super) struct Referrers {
    /// Each once, without the subject itself.
    pub(super) all: Vec<Referrer>,
    /// What is wrong with entries that cannot be followed, such as digests of another algorithm.
    pub(super) unusable: Vec<String>,
    /// How many entries are not descriptors: null, texts, objects without a digest.
    pub(super) not_entries: usize,
}

/// A page of a registry's list.
enum Page {
    /// The response is not a list of referrers: the registry does not support them.
    NoList,
    List {
        entries: Vec<Value>,
        next: Option<Url>,
    },
}

/// The tag that clients keep for registries that do not list referrers.
pub(super) fn tag_of(subject: &Digest) -> String {
    format!("sha256-{}", subject.hex())
}

impl Referrer {
    /// Whether a listed manifest refers to the subject: its own `subject` decides. If it has none, an artifact type in the list
    /// suffices.
    pub(super) fn is_of(&self, subject: &Digest, raw: &RawManifest) -> bool {
        let manifest = json::parse(&raw.bytes).unwrap_or_default();
        let named = &manifest["subject"];
        if named.is_null() {
            return self.descriptor["artifactType"].as_str().is_some_and(|kind| !kind.is_empty());
        }
        named["digest"].as_str() == Some(subject.as_str())
    }
}

impl Referrers {
    fn of(subject: &Digest, entries: Vec<Value>) -> Self {
        let (mut found, mut seen) = (Self::default(), BTreeSet::from([subject.clone()]));
        for descriptor in entries {
            let Some(digest) = descriptor["digest"].as_str() else {
                found.not_entries += 1;
                continue;
            };
            match digest.parse::<Digest>() {
                Ok(digest) if seen.insert(digest.clone()) => found.all.push(Referrer { digest, descriptor }),
                Ok(_) => {}
                Err(error) => found.unusable.push(error.to_string()),
            }
        }
        found
    }
}

impl Registry {
    /// The referrers of this manifest, from the registry's list or from the tag.
    ///
    /// # Errors
    /// Whatever keeps the registry from answering, and [`RegistryError::BadAnswer`] for a list that is not complete.
    pub(super) async fn referrers(&self, repository: &str, subject: &Digest) -> Result<Referrers, RegistryError> {
        match self.listed_referrers(repository, subject).await? {
            Some(listed) => Ok(listed),
            None => self.tagged_referrers(repository, subject).await,
        }
    }

    /// The referrers that the registry itself lists; `None` when it does not support that. It does if it answers with an index.
    ///
    /// # Errors
    /// As [`Registry::referrers`].
    pub(super) async fn listed_referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Option<Referrers>, RegistryError> {
        let action = self.action("list referrers", subject.as_str(), repository);
        let first = self.resource(repository, Resource::Referrers(subject));
        let (mut entries, mut asked) = (Vec::new(), BTreeSet::new());
        let mut next = Some(first.clone());
        while let Some(url) = next {
            if asked.len() == MAX_PAGES || !asked.insert(url.to_string()) {
                return Err(bad_answer(action, format!("its list does not end after {} pages", asked.len())));
            }
            match retry::persist(self, &action, || self.page(url.clone(), &action)).await? {
                Page::List { entries: page, next: link } => {
                    entries.extend(page);
                    next = link;
                }
                Page::NoList if url == first => return Ok(None),
                Page::NoList => {
                    return Err(bad_answer(action, "a further page of its list is not an index".to_owned()));
                }
            }
        }
        Ok(Some(Referrers::of(subject, entries)))
    }

    async fn page(&self, url: Url, action: &Action) -> Result<Page, RegistryError> {
        let request = self.request(Method::GET, url, action.clone()).header(ACCEPT, HeaderValue::from_static(INDEX));
        let mut reply = match self.send(request).await {
            Ok(reply) => reply,
            Err(error) if self.keeps_no_account(&error) => return Ok(Page::NoList),
            Err(error) => return Err(error),
        };
        if reply.response.status() != StatusCode::OK {
            return Ok(Page::NoList);
        }
        let bytes = self.read_whole(&mut reply, action, MAX_MANIFEST_BYTES).await?;
        let is_index = is_index_type(reply.header(&CONTENT_TYPE).unwrap_or_default());
        match entries_of(&bytes, is_index) {
            Ok(None) => Ok(Page::NoList),
            Ok(Some(entries)) => Ok(Page::List { entries, next: next_page(&reply, action)? }),
            Err(reason) => Err(bad_answer(action.clone(), reason)),
        }
    }

    /// Whether a refusal means that the registry does not list referrers. The specification requires 404; older registries answer as they
    /// answer any unknown address. 401 is about the credentials, and 408, 425 and 429 are retried. ECR lists referrers, so its 403 is about
    /// permissions.
    fn keeps_no_account(&self, error: &RegistryError) -> bool {
        let is_ecr = EcrHost::parse(self.host()).is_some();
        let says_so = error.registry_answer().is_some_and(|answer| match answer.status {
            401 | 408 | 425 | 429 => false,
            403 => !is_ecr,
            400..=499 | 501 => true,
            _ => false,
        });
        says_so || matches!(error, RegistryError::ContentNotFound { .. })
    }

    /// The referrers that the subject's tag lists; none when the tag does not exist or holds something else.
    pub(super) async fn tagged_referrers(
        &self,
        repository: &str,
        subject: &Digest,
    ) -> Result<Referrers, RegistryError> {
        let tag = tag_of(subject);
        let Some(raw) = self.tagged(repository, &tag).await? else { return Ok(Referrers::default()) };
        let listed =
            list_in(&raw).map_err(|reason| bad_answer(self.action("list referrers", &tag, repository), reason))?;
        Ok(Referrers::of(subject, listed.unwrap_or_default()))
    }

    /// The manifest of a tag that is made of a digest. The repository is known to exist, so any 404 means that the tag does not, and
    /// so does a 400 about the tag.
    pub(super) async fn tagged(&self, repository: &str, tag: &str) -> Result<Option<RawManifest>, RegistryError> {
        match self.manifest(repository, tag).await {
            Err(error) if error.registry_answer().is_some_and(|answer| matches!(answer.status, 400 | 404)) => Ok(None),
            read => read,
        }
    }

    /// Adds to the tag of the subject's referrers those that it does not list yet. Not atomic: of two that do so at once,
    /// one may overwrite the other, as the specification has it.
    ///
    /// # Errors
    /// Whatever keeps the registry from answering; and [`RegistryError::BadAnswer`] when the tag has another use.
    pub(super) async fn add_tagged_referrers(
        &self,
        repository: &str,
        subject: &Digest,
        more: &[Referrer],
    ) -> Result<(), RegistryError> {
        let tag = tag_of(subject);
        let existing = self.tagged(repository, &tag).await?;
        let listed = existing.as_ref().map_or(Ok(Some(Vec::new())), list_in);
        let Ok(Some(mut entries)) = listed else {
            let action = self.action("add to the list of referrers", &tag, repository);
            return Err(bad_answer(action, "the tag exists and is not a list of referrers".to_owned()));
        };
        let new = || value!({"schemaVersion": 2, "mediaType": INDEX});
        let mut index: Value = existing.map_or_else(new, |raw| json::parse(&raw.bytes).unwrap_or_else(|_| new()));
        let known = Referrers::of(subject, entries.clone()).all;
        let is_new = |referrer: &&Referrer| known.iter().all(|known| known.digest != referrer.digest);
        let missing: Vec<Value> = more.iter().filter(is_new).map(|referrer| referrer.descriptor.clone()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        entries.extend(missing);
        index["manifests"] = Value::Array(entries);
        let raw = RawManifest::new(INDEX, index.to_string().into());
        self.put_manifest(repository, &tag, &raw).await
    }
}

fn next_page(reply: &Reply, action: &Action) -> Result<Option<Url>, RegistryError> {
    paging::next_page(reply).map_err(|reason| bad_answer(action.clone(), reason))
}

fn is_index_type(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(INDEX)
}

/// The entries of an index; `None` for anything else. Where the media type says that it is an index, wrong entries are left to be
/// skipped, and what is no JSON is an error: it may have been cut off.
fn entries_of(bytes: &[u8], is_index: bool) -> Result<Option<Vec<Value>>, String> {
    let mut index = match json::parse(bytes) {
        Ok(index) => index,
        Err(reason) if is_index => return Err(format!("its list of referrers cannot be read: {reason}")),
        Err(_) => return Ok(None),
    };
    if index.get("config").is_some_and(Value::is_object) || index.get("layers").is_some_and(Value::is_array) {
        return Ok(None);
    }
    match index.get_mut("manifests").map(Value::take) {
        // A list of Go's that was never filled.
        Some(Value::Null) => Ok(Some(Vec::new())),
        Some(Value::Array(entries)) if is_index || entries.iter().all(Value::is_object) => Ok(Some(entries)),
        _ => Ok(None),
    }
}

/// The entries of an index that lists referrers. An index of images for platforms is an image with such a tag.
fn list_in(raw: &RawManifest) -> Result<Option<Vec<Value>>, String> {
    let is_image = |entry: &Value| entry["platform"].is_object() && !entry["artifactType"].is_string();
    let entries = entries_of(&raw.bytes, is_index_type(&raw.media_type))?;
    Ok(entries.filter(|entries| !entries.iter().any(is_image)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Referrer, Referrers, entries_of, list_in};
    use shipgate_core::{digest::Digest, manifest::RawManifest};

    #[test]
    fn only_an_index_is_a_list() {
        let table = [
            (r#"{"schemaVersion":2,"manifests":[]}"#, Some(0)),
            (r#"{"manifests":null}"#, Some(0)),
            (r#"{"schemaVersion":2,"manifests":[{"digest":"x"},{}],"annotations":null}"#, Some(2)),
            ("", None),
            ("null", None),
            ("[]", None),
            ("{}", None),
            ("true", None),
            ("<html><body>Sign in</body></html>", None),
            (r#"{"errors":[{"code":"UNSUPPORTED"}]}"#, None),
            (r#"{"schemaVersion":2,"config":{},"layers":[]}"#, None),
            (r#"{"schemaVersion":2,"config":{},"layers":[],"manifests":[]}"#, None),
            (r#"{"manifests":{}}"#, None),
            (r#"{"manifests":"none"}"#, None),
            (r#"{"manifests":[null]}"#, None),
            (r#"{"manifests":["sha256:0"]}"#, None),
        ];
        for (body, length) in table {
            let entries = entries_of(body.as_bytes(), false);
            assert_eq!(entries.map(|entries| entries.map(|entries| entries.len())), Ok(length), "{body}");
        }
    }

    #[test]
    fn wrong_entries_of_an_index_are_skipped() {
        let (subject, other) = (Digest::of(b"subject"), Digest::of(b"other"));
        let good = format!(r#"{{"digest":"{other}","annotations":{{"a":"\ud83d"}}}}"#);
        let bodies = [
            (format!(r#"{{"manifests":[null,5,"x",[],{{}},{{"digest":7}},{good}]}}"#).into_bytes(), 6),
            ([b"\xEF\xBB\xBF".as_slice(), format!(r#"{{"manifests":[{good}]}}"#).as_bytes()].concat(), 0),
            (
                [br#"{"annotations":{"a":""#.as_slice(), b"\xff", format!(r#""}},"manifests":[{good}]}}"#).as_bytes()]
                    .concat(),
                0,
            ),
        ];
        for (body, wrong) in bodies {
            let entries = entries_of(&body, true).unwrap().unwrap();
            let found = Referrers::of(&subject, entries);
            let digests: Vec<_> = found.all.iter().map(|referrer| &referrer.digest).collect();
            assert_eq!((digests, found.not_entries), (vec![&other], wrong), "{}", String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn a_cut_index_is_an_error() {
        for cut in ["", "{", r#"{"schemaVersion":2,"manifests":[{"dig"#] {
            assert!(
                entries_of(cut.as_bytes(), true).is_err() && entries_of(cut.as_bytes(), false) == Ok(None),
                "{cut}"
            );
        }
        for other in ["null", "[]", "{}", r#"{"manifests":"none"}"#] {
            assert_eq!(entries_of(other.as_bytes(), true), Ok(None), "{other}");
        }
        for (media_type, is_index) in [
            ("application/vnd.oci.image.index.v1+json", true),
            ("Application/vnd.OCI.image.index.v1+json ; charset=utf-8", true),
            ("application/json", false),
            ("", false),
        ] {
            assert_eq!(super::is_index_type(media_type), is_index, "{media_type}");
        }
    }

    #[test]
    fn images_for_platforms_are_no_referrers() {
        let digest = Digest::of(b"");
        let platform = json!({"os": "linux", "architecture": "amd64"});
        let table = [
            (json!({"digest": digest}), true),
            (json!({"digest": digest, "artifactType": "application/vnd.example.sbom"}), true),
            (json!({"digest": digest, "artifactType": "x/y", "platform": platform}), true),
            (json!({"digest": digest, "platform": platform}), false),
            (json!({"digest": digest, "platform": null}), true),
        ];
        for (entry, is_list) in table {
            let raw = RawManifest::new("x", json!({"manifests": [entry]}).to_string().into());
            assert_eq!(list_in(&raw).unwrap().is_some(), is_list, "{entry}");
        }
    }

    #[test]
    fn entries_are_followed_once_and_never_back() {
        let (subject, other) = (Digest::of(b"subject"), Digest::of(b"other"));
        let entry = |digest: &str| json!({ "digest": digest });
        let sha512 = format!("sha512:{}", "0".repeat(128));
        let entries = vec![entry(other.as_str()), entry(subject.as_str()), entry(other.as_str()), entry(&sha512)];
        let found = Referrers::of(&subject, entries);
        assert_eq!(found.all.iter().map(|referrer| &referrer.digest).collect::<Vec<_>>(), [&other]);
        assert!(found.unusable.len() == 1 && found.unusable[0].contains("sha512"), "{:?}", found.unusable);
    }

    #[test]
    fn the_subject_decides() {
        let (subject, other) = (Digest::of(b"subject"), Digest::of(b"other"));
        let typed = Some("application/vnd.example.sbom");
        let table = [
            (json!({"subject": {"digest": subject}}), None, true),
            (json!({"subject": {"digest": other}}), typed, false),
            (json!({"subject": null}), typed, true),
            (json!({}), typed, true),
            (json!({}), Some(""), false),
            (json!({}), None, false),
            (json!({"subject": {}}), typed, false),
        ];
        for (manifest, kind, is_of) in table {
            let referrer = Referrer { digest: other.clone(), descriptor: json!({ "artifactType": kind }) };
            let raw = RawManifest::new("x", manifest.to_string().into());
            assert_eq!(referrer.is_of(&subject, &raw), is_of, "{manifest} {kind:?}");
        }
    }
}
