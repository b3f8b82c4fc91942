//! All the places that credentials may be in, in order. They are read once; credential helpers are asked each time.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{error::CredentialError, file::AuthFile, key::Wanted, program};
use shipgate_core::credentials::Credentials;

/// How long a credential helper may take: some ask a service, or a person.
const HELPER_TIMEOUT: Duration = Duration::from_secs(30);

/// What the environment says about where credentials are. `config` reads it and hands it in.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KeychainEnvironment {
    /// `DOCKER_CONFIG`: a directory.
    pub docker_config: Option<PathBuf>,
    /// `REGISTRY_AUTH_FILE`: Podman's file. When set, it must be there.
    pub registry_auth_file: Option<PathBuf>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `PATH`, where credential helpers are.
    pub path: Option<OsString>,
}

impl KeychainEnvironment {
    /// The files to read, in order: what Podman was told by name, Docker's, Podman's own.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let docker = self.docker_config.clone().or_else(|| self.home.as_ref().map(|home| home.join(".docker")));
        let podman = self.xdg_runtime_dir.as_ref().map(|directory| directory.join("containers/auth.json"));
        let docker = docker.map(|directory| directory.join("config.json"));
        [self.registry_auth_file.clone(), docker, podman].into_iter().flatten().collect()
    }
}

/// The credentials that this machine's user has logged in with. `Debug` shows where they are, not what they are.
#[derive(Debug)]
pub struct Keychain {
    files: Vec<AuthFile>,
    path: OsString,
    patience: Duration,
}

impl Keychain {
    /// Reads the files that there are.
    ///
    /// # Errors
    /// [`CredentialError::Unreadable`] and [`CredentialError::Malformed`].
    pub fn open(environment: &KeychainEnvironment) -> Result<Self, CredentialError> {
        let mut files = Vec::new();
        for path in environment.files() {
            match AuthFile::read(&path)? {
                Some(file) => files.push(file),
                None if environment.registry_auth_file.as_ref() == Some(&path) => return Err(missing(&path)),
                None => {}
            }
        }
        Ok(Self { files, path: environment.path.clone().unwrap_or_default(), patience: HELPER_TIMEOUT })
    }

    /// The credentials for a repository of the registry that image references call `host`, or, where `repository` is
    /// empty, for that registry; `None` where nobody has logged in. The first file that has any counts; in it, a
    /// credential helper comes before what is written down.
    ///
    /// # Errors
    /// [`CredentialError::BadEntry`], [`CredentialError::HelperMissing`], [`CredentialError::HelperFailed`].
    pub async fn credentials_for(&self, host: &str, repository: &str) -> Result<Option<Credentials>, CredentialError> {
        let wanted = Wanted::new(host, repository);
        for file in &self.files {
            let kept = match file.program(&wanted) {
                Some(helper) => self.ask(file, helper, &wanted).await?,
                None => None,
            };
            if let Some(credentials) = kept.map_or_else(|| file.credentials(&wanted), |kept| Ok(Some(kept)))? {
                return Ok(Some(credentials));
            }
        }
        Ok(None)
    }

    async fn ask(
        &self,
        file: &AuthFile,
        helper: &str,
        wanted: &Wanted,
    ) -> Result<Option<Credentials>, CredentialError> {
        let (host, file) = (wanted.server().to_owned(), file.path().to_owned());
        let Some(program) = program::file_name(helper) else {
            let reason = "a credential helper's name has letters, digits, `-`, `_` and `.` alone";
            return Err(CredentialError::BadEntry { file, key: host, reason });
        };
        let Some(found) = program::find(&program, &self.path) else {
            return Err(CredentialError::HelperMissing { file, host, program });
        };
        let answer = program::ask(&found, wanted.server(), self.patience).await;
        answer.map_err(|reason| CredentialError::HelperFailed { file, host, program, reason })
    }
}

fn missing(path: &Path) -> CredentialError {
    CredentialError::Unreadable { file: path.to_owned(), source: io::ErrorKind::NotFound.into() }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Keychain, KeychainEnvironment};
    use crate::credentials::{error::CredentialError, program::tests::script};
    use shipgate_core::{credentials::Credentials, secret::Secret};

    fn basic(username: &str, password: &str) -> Credentials {
        Credentials::Basic { username: username.to_owned(), password: Secret::new(password) }
    }

    fn written(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Everything below one directory, Docker's configuration with this text.
    fn environment(directory: &Path, config: &str) -> KeychainEnvironment {
        written(&directory.join("home/.docker/config.json"), config);
        KeychainEnvironment {
            home: Some(directory.join("home")),
            xdg_runtime_dir: Some(directory.join("run")),
            path: Some(directory.into()),
            ..KeychainEnvironment::default()
        }
    }

    #[tokio::test]
    async fn files_are_asked_in_order_and_the_first_that_has_any_counts() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        let home = r#"{"auths":{"a.test":{"username":"a","password":"home"},"b.test":{"auth":""}}}"#;
        let usual = environment(directory.path(), home);
        let run = r#"{"auths":{"a.test":{"auth":"YTpydW4="},"b.test":{"auth":"YjpydW4="}}}"#;
        written(&at("run/containers/auth.json"), run);
        written(&at("docker/config.json"), r#"{"auths":{"a.test":{"auth":"YTpkb2NrZXI="}}}"#);
        written(&at("named.json"), r#"{"auths":{"c.test":{"auth":"YzpuYW1lZA=="}}}"#);
        let keychain = Keychain::open(&usual).unwrap();
        assert_eq!(keychain.credentials_for("a.test", "x").await.unwrap(), Some(basic("a", "home")));
        assert_eq!(keychain.credentials_for("b.test", "x").await.unwrap(), Some(basic("b", "run")));
        assert_eq!(keychain.credentials_for("c.test", "x").await.unwrap(), None);
        let told = KeychainEnvironment {
            docker_config: Some(at("docker")),
            registry_auth_file: Some(at("named.json")),
            ..usual
        };
        let keychain = Keychain::open(&told).unwrap();
        assert_eq!(keychain.credentials_for("a.test", "x").await.unwrap(), Some(basic("a", "docker")));
        assert_eq!(keychain.credentials_for("c.test", "").await.unwrap(), Some(basic("c", "named")));
        assert!(!format!("{keychain:?}").contains("YTpk"), "{keychain:?}");
    }

    #[tokio::test]
    async fn no_file_is_no_credentials_unless_it_was_named() {
        let directory = tempfile::tempdir().unwrap();
        let nowhere = KeychainEnvironment { home: Some("/dev/null".into()), ..KeychainEnvironment::default() };
        let keychain = Keychain::open(&nowhere).unwrap();
        assert_eq!(keychain.credentials_for("a.test", "x").await.unwrap(), None);
        let named = directory.path().join("auth.json");
        let error = Keychain::open(&KeychainEnvironment { registry_auth_file: Some(named.clone()), ..nowhere });
        let error = error.unwrap_err();
        assert!(matches!(&error, CredentialError::Unreadable { file, .. } if *file == named), "{error}");
        fs::create_dir(&named).unwrap();
        let folder = KeychainEnvironment { registry_auth_file: Some(named.clone()), ..KeychainEnvironment::default() };
        let error = Keychain::open(&folder).unwrap_err();
        assert!(error.to_string().contains(named.to_str().unwrap()) && error.hint().contains("REGISTRY_AUTH_FILE"));
    }

    #[tokio::test]
    async fn a_helper_is_asked_for_its_registry_and_what_it_lacks_is_looked_for_in_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let config = r#"{"credHelpers":{"a.test":"one"},"credsStore":"all",
            "auths":{"a.test":{"auth":"YTpmaWxl"},"b.test":{"auth":"YjpmaWxl"},"https://index.docker.io/v1/":{}}}"#;
        let usual = environment(directory.path(), config);
        script(directory.path(), "docker-credential-one", r#"echo '{"Username":"<token>","Secret":"t"}'"#);
        // Knows Docker Hub by the name that Docker gives it, and nobody else.
        let all = r#"case "$(cat)" in
            https://index.docker.io/v1/) echo '{"Username":"hub","Secret":"s"}';;
            *) echo credentials not found in native keychain; exit 1;; esac"#;
        script(directory.path(), "docker-credential-all", all);
        let keychain = Keychain::open(&usual).unwrap();
        let token = Some(Credentials::IdentityToken(Secret::new("t")));
        assert_eq!(keychain.credentials_for("a.test", "x").await.unwrap(), token);
        assert_eq!(keychain.credentials_for("b.test", "x").await.unwrap(), Some(basic("b", "file")));
        assert_eq!(keychain.credentials_for("docker.io", "library/alpine").await.unwrap(), Some(basic("hub", "s")));
        assert_eq!(keychain.credentials_for("c.test", "x").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_helper_that_is_missing_or_fails_is_named_with_the_file_that_wants_it() {
        let directory = tempfile::tempdir().unwrap();
        let config = r#"{"credHelpers":{"a.test":"none","b.test":"sealed","c.test":"../sealed"}}"#;
        let usual = environment(directory.path(), config);
        script(directory.path(), "docker-credential-sealed", "echo sealed; exit 1");
        let keychain = Keychain::open(&usual).unwrap();
        let table = [
            ("a.test", "docker-credential-none, which ", " names for a.test, is not on PATH"),
            ("b.test", "docker-credential-sealed, which ", " names for b.test, ended with status 1: sealed"),
            ("c.test", "the entry for c.test in ", " cannot be used: a credential helper's name has letters"),
        ];
        for (host, before, after) in table {
            let error = keychain.credentials_for(host, "x").await.unwrap_err();
            let text = error.to_string();
            let file = directory.path().join("home/.docker/config.json");
            assert!(text.contains(&format!("{before}{}{after}", file.display())), "{text}");
            assert!(!error.hint().is_empty());
        }
    }
}
