//! One configuration file: Docker's `config.json` or Podman's `auth.json`, which are alike.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;

use super::{error::CredentialError, key::Wanted};
use shipgate_core::{credentials::Credentials, secret::Secret};

/// A file that has been read.
pub(super) struct AuthFile {
    path: PathBuf,
    document: Document,
}

// No `Debug` for what is read: it holds secrets.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

impl AuthFile {
    /// The file, if there is one.
    ///
    /// # Errors
    /// [`CredentialError::Unreadable`] and [`CredentialError::Malformed`].
    pub(super) fn read(path: &Path) -> Result<Option<Self>, CredentialError> {
        match fs::read(path) {
            Ok(bytes) => Self::parse(path, &bytes).map(Some),
            // A home that is no directory, such as /dev/null, has no files.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(source) => Err(CredentialError::Unreadable { file: path.to_owned(), source }),
        }
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, CredentialError> {
        let document =
            if bytes.trim_ascii().is_empty() { Ok(Document::default()) } else { serde_json::from_slice(bytes) };
        let malformed =
            |error: serde_json::Error| CredentialError::Malformed { file: path.to_owned(), reason: place_of(&error) };
        Ok(Self { path: path.to_owned(), document: document.map_err(malformed)? })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The credential helper for a registry: its own, else that for all. An empty name means none.
    pub(super) fn program(&self, wanted: &Wanted) -> Option<&str> {
        let own = self.document.cred_helpers.iter().flatten().find(|(key, _)| wanted.is_meant_by(key));
        let name = own.map(|(_, name)| name).or(self.document.creds_store.as_ref())?;
        Some(name.as_str()).filter(|name| !name.is_empty())
    }

    /// The credentials that the file itself has, by the key that fits most closely and has any.
    ///
    /// # Errors
    /// [`CredentialError::BadEntry`].
    pub(super) fn credentials(&self, wanted: &Wanted) -> Result<Option<Credentials>, CredentialError> {
        let entries = self.document.auths.iter().flatten();
        let mut fitting: Vec<_> =
            entries.filter_map(|(key, entry)| Some((wanted.closeness(key)?, key, entry.as_ref()?))).collect();
        fitting.sort_by_key(|(closeness, ..)| Reverse(*closeness));
        for (_, key, entry) in fitting {
            let bad = |reason| CredentialError::BadEntry { file: self.path.clone(), key: key.clone(), reason };
            if let Some(credentials) = entry.credentials().map_err(bad)? {
                return Ok(Some(credentials));
            }
        }
        Ok(None)
    }
}

impl fmt::Debug for AuthFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AuthFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Entry {
    /// An entry may be empty: Docker writes such to remember that a credential helper has something.
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = filled(&self.identitytoken) {
            return Ok(Some(Credentials::IdentityToken(Secret::new(token))));
        }
        if let Some(auth) = filled(&self.auth) {
            return decode(&auth).map(Some).ok_or("its `auth` is not the base64 of USER:PASSWORD");
        }
        let both = filled(&self.username).zip(filled(&self.password));
        Ok(both.map(|(username, password)| Credentials::Basic { username, password: Secret::new(password) }))
    }
}

/// Docker has padded passwords with zeros.
fn decode(auth: &str) -> Option<Credentials> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (username, password) = text.split_once(':')?;
    Some(Credentials::Basic { username: username.to_owned(), password: Secret::new(password.trim_end_matches('\0')) })
}

/// Where a document is wrong. The parser's own words quote what it found, which may be a password.
fn place_of(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "not of the shape expected" } else { "no JSON" };
    format!("{what} at line {}, column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::AuthFile;
    use crate::credentials::{error::CredentialError, key::Wanted};
    use shipgate_core::{credentials::Credentials, secret::Secret};

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.to_owned(), password: Secret::new(password) }
    }

    fn parse(text: &str) -> Result<AuthFile, CredentialError> {
        AuthFile::parse(Path::new("/c/config.json"), text.as_bytes())
    }

    fn found(text: &str, host: &str, repository: &str) -> Option<Credentials> {
        parse(text).unwrap().credentials(&Wanted::new(host, repository)).unwrap()
    }

    #[test]
    fn entries_in_all_their_forms() {
        let table = [
            (r#"{"auth":"dTpw"}"#, Some(basic("u", "p"))),
            (r#"{"auth":"dTpwOnA="}"#, Some(basic("u", "p:p"))),
            (r#"{"auth":"dTpwAAA="}"#, Some(basic("u", "p"))),
            (r#"{"username":"u","password":"p"}"#, Some(basic("u", "p"))),
            (r#"{"auth":"dTo=","identitytoken":"t"}"#, Some(Credentials::IdentityToken(Secret::new("t")))),
            (r#"{"auth":"dTpw","identitytoken":"","email":"e"}"#, Some(basic("u", "p"))),
            (r#"{"username":"u"}"#, None),
            (r#"{"auth":""}"#, None),
            ("{}", None),
            ("null", None),
        ];
        for (entry, expected) in table {
            assert_eq!(found(&format!(r#"{{"auths":{{"r.test":{entry}}}}}"#), "r.test", "a"), expected, "{entry}");
        }
    }

    #[test]
    fn the_closest_key_that_has_something_wins() {
        let text = r#"{"auths":{
            "https://r.test/v1/":{"auth":"YTph"}, "r.test":{"auth":"YjpiCg=="}, "r.test/shop":{"auth":"Yzpj"},
            "r.test/shop/api":{}, "r.test/other":{"auth":"ZDpk"}}}"#;
        assert_eq!(found(text, "r.test", "shop/api"), Some(basic("c", "c")));
        assert_eq!(found(text, "r.test", "shopping"), Some(basic("b", "b\n")));
        assert_eq!(found(text, "r.test", ""), Some(basic("b", "b\n")));
        assert_eq!(found(text, "q.test", "shop/api"), None);
        let hub = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#;
        assert_eq!(found(hub, "docker.io", "library/alpine"), Some(basic("u", "p")));
    }

    #[test]
    fn a_registry_has_its_own_helper_or_that_of_all_or_none() {
        let text = r#"{"credsStore":"desktop","credHelpers":{"https://r.test":"pass","q.test":""}}"#;
        let file = parse(text).unwrap();
        for (host, program) in [("r.test", Some("pass")), ("q.test", None), ("docker.io", Some("desktop"))] {
            assert_eq!(file.program(&Wanted::new(host, "shop/api")), program, "{host}");
        }
        assert_eq!(parse("{}").unwrap().program(&Wanted::new("r.test", "")), None);
    }

    #[test]
    fn what_cannot_be_used_is_named_and_not_quoted() {
        let table = [
            (r#"{"auths":"hunter2"}"#, "not of the shape expected at line 1"),
            ("{\n\"auths\":{\"r.test\":{\"auth\":\"hunter2", "no JSON at line 2"),
            ("hunter2", "no JSON at line 1, column 1"),
        ];
        for (text, reason) in table {
            let error = parse(text).unwrap_err();
            let shown = format!("{error} {error:?} {}", error.hint());
            assert!(
                error.to_string().contains(&format!("/c/config.json is no Docker configuration: {reason}")),
                "{shown}"
            );
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        // `hunter2` is no base64, `hunter22` none of UTF-8, `aHVudGVyMg==` has no colon.
        for auth in ["hunter2", "hunter22", "aHVudGVyMg=="] {
            let file = parse(&format!(r#"{{"auths":{{"r.test":{{"auth":"{auth}"}}}}}}"#)).unwrap();
            let error = file.credentials(&Wanted::new("r.test", "")).unwrap_err();
            let shown = format!("{error} {error:?} {} {file:?}", error.hint());
            assert!(error.to_string().contains("r.test in /c/config.json") && !shown.contains(auth), "{shown}");
            // What is wrong with one registry's entry does not concern the others.
            assert_eq!(file.credentials(&Wanted::new("q.test", "")).unwrap(), None);
        }
        assert!(parse(" \n").unwrap().credentials(&Wanted::new("r.test", "")).unwrap().is_none());
    }
}
