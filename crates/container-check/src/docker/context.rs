//! The contexts of the docker command: files below its configuration's directory. Read as they are, and never written.

use std::{fs, io, path::Path};

use serde::Deserialize;

use super::{
    error::EngineError,
    tls::{TlsFiles, Trust},
};
use shipgate_core::digest::Digest;

/// The context that is none: the engine of the environment.
const DEFAULT: &str = "default";

/// `config.json`, as far as it is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    current_context: Option<String>,
}

/// A context's `meta.json`, as far as it is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meta {
    name: String,
    #[serde(default)]
    endpoints: Endpoints,
}

#[derive(Deserialize, Default)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoint {
    #[serde(default)]
    host: String,
    #[serde(default, rename = "SkipTLSVerify")]
    skip_tls_verify: bool,
}

/// A context that names an engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Context {
    pub(super) name: String,
    /// Where the engine is, as in `DOCKER_HOST`.
    pub(super) host: String,
    /// TLS, if there are files for it, or it is to be unverified.
    pub(super) tls: Option<TlsFiles>,
}

/// The context to use: the named one, else the configuration's current one; `None` if that is the default one.
///
/// # Errors
/// [`EngineError::Context`] if there is no such, or it cannot be read.
pub(super) fn chosen(directory: &Path, named: Option<&str>) -> Result<Option<Context>, EngineError> {
    let name = named.map(str::to_owned).or_else(|| current(directory));
    name.filter(|name| name != DEFAULT).map(|name| read(directory, name)).transpose()
}

/// The current context. A configuration that cannot be read names none: the docker command warns of it, and goes on.
fn current(directory: &Path) -> Option<String> {
    let config: Config = serde_json::from_slice(&fs::read(directory.join("config.json")).ok()?).ok()?;
    config.current_context.filter(|name| !name.is_empty())
}

fn read(directory: &Path, name: String) -> Result<Context, EngineError> {
    let id = folder_of(&name);
    let contexts = directory.join("contexts");
    let meta = match fs::read(contexts.join("meta").join(&id).join("meta.json")) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let reason = format!("there is none of that name, only {}", known(&contexts).join(", "));
            return Err(EngineError::Context { name, reason });
        }
        Err(error) => return Err(EngineError::Context { name, reason: error.to_string() }),
    };
    let endpoint = match serde_json::from_slice::<Meta>(&meta) {
        Ok(meta) => meta.endpoints.docker,
        Err(error) => return Err(EngineError::Context { name, reason: format!("its meta.json: {error}") }),
    };
    let Some(endpoint) = endpoint.filter(|endpoint| !endpoint.host.is_empty()) else {
        return Err(EngineError::Context { name, reason: "it names no engine".to_owned() });
    };
    let directory = contexts.join("tls").join(&id).join("docker");
    let tls = match (endpoint.skip_tls_verify, directory.is_dir()) {
        (true, _) => Some(TlsFiles { directory, trust: Trust::Anybody }),
        (false, true) => Some(TlsFiles { directory, trust: Trust::AuthorityFileOrSystem }),
        (false, false) => None,
    };
    Ok(Context { name, host: endpoint.host, tls })
}

/// The name of a context's folders: the SHA-256 of its own, in hexadecimal.
fn folder_of(name: &str) -> String {
    let digest = Digest::of(name.as_bytes());
    digest.as_str().trim_start_matches("sha256:").to_owned()
}

/// The names of the contexts there are, sorted, the default one first.
fn known(contexts: &Path) -> Vec<String> {
    let metas = fs::read_dir(contexts.join("meta")).into_iter().flatten().flatten();
    let name = |folder: fs::DirEntry| {
        let meta = fs::read(folder.path().join("meta.json")).ok()?;
        serde_json::from_slice::<Meta>(&meta).ok().map(|meta| meta.name)
    };
    let mut names: Vec<String> = metas.filter_map(name).collect();
    names.sort();
    names.insert(0, DEFAULT.to_owned());
    names
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{Context, EngineError, TlsFiles, Trust, chosen, folder_of};

    fn write(directory: &Path, name: &str, meta: &str) {
        let folder = directory.join("contexts/meta").join(folder_of(name));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("meta.json"), meta).unwrap();
    }

    fn meta(name: &str, host: &str) -> String {
        format!(
            r#"{{"Name":"{name}","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#
        )
    }

    #[test]
    fn a_contexts_folder_is_named_as_the_docker_command_names_it() {
        let of_desktop = "fe9c6bd7a66301f49ca9b6a70b217107cd1284598bfc254700c989b916da791e";
        assert_eq!(folder_of("desktop-linux"), of_desktop);
    }

    #[test]
    fn the_named_context_counts_before_the_current_one() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path();
        let choose = |named| chosen(directory, named);
        assert_eq!(choose(None).unwrap(), None, "there is nothing at all");
        write(directory, "colima", &meta("colima", "unix:///home/dev/.colima/docker.sock"));
        write(directory, "build", &meta("build", "tcp://build:2375"));
        write(directory, "odd", r#"{"Name":"odd","Endpoints":{}}"#);
        write(directory, "broken", "{");
        let context = |name: &str, host: &str| Context { name: name.to_owned(), host: host.to_owned(), tls: None };
        assert_eq!(choose(None).unwrap(), None);
        fs::write(directory.join("config.json"), r#"{"auths":{},"currentContext":"colima"}"#).unwrap();
        assert_eq!(choose(None).unwrap(), Some(context("colima", "unix:///home/dev/.colima/docker.sock")));
        assert_eq!(choose(Some("build")).unwrap(), Some(context("build", "tcp://build:2375")));
        assert_eq!(choose(Some("default")).unwrap(), None);
        let tls = directory.join("contexts/tls").join(folder_of("build")).join("docker");
        fs::create_dir_all(&tls).unwrap();
        let verified = TlsFiles { directory: tls.clone(), trust: Trust::AuthorityFileOrSystem };
        assert_eq!(choose(Some("build")).unwrap().unwrap().tls, Some(verified));
        write(directory, "build", &meta("build", "tcp://build:2375").replace("false", "true"));
        let unverified = TlsFiles { directory: tls, trust: Trust::Anybody };
        assert_eq!(choose(Some("build")).unwrap().unwrap().tls, Some(unverified));
        for (name, words) in [("none", "only default, build, colima, odd"), ("odd", "no engine"), ("broken", "EOF")] {
            let error = choose(Some(name)).unwrap_err();
            assert!(matches!(&error, EngineError::Context { reason, .. } if reason.contains(words)), "{error}");
        }
        fs::write(directory.join("config.json"), "not json").unwrap();
        assert_eq!(choose(None).unwrap(), None);
    }
}
