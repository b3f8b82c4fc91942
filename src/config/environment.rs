//! A snapshot of the process environment. No other module of this crate reads `std::env`, so a test can say what the
//! environment is without changing its own.

use std::{collections::BTreeMap, fmt, path::Path};

use shipgate_core::mask;

/// The environment's variables, read once.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// What this process was started with. Variables that are not UTF-8 are left out: none that is read here can be. Secrets
    /// among the values are masked in all output from now on.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables = std::env::vars_os().filter_map(text).collect();
        mask::environment(&variables);
        Self { variables }
    }

    /// An environment of these variables and no others.
    #[must_use]
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        Self { variables: pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect() }
    }

    /// A variable's value; an empty one is a value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Where the Docker engine listens, if `DOCKER_HOST` says so.
    #[must_use]
    pub fn docker_host(&self) -> Option<&str> {
        self.filled("DOCKER_HOST")
    }

    /// A Linux executable of shipgate for the local check's sidecar, if `SHIPGATE_SIDECAR` names one.
    #[must_use]
    pub fn sidecar(&self) -> Option<&Path> {
        self.filled("SHIPGATE_SIDECAR").map(Path::new)
    }

    /// The user's home directory.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.filled("HOME").map(Path::new)
    }

    /// The directory of the user's sockets: where rootless Docker and Podman listen.
    #[must_use]
    pub fn xdg_runtime_dir(&self) -> Option<&Path> {
        self.filled("XDG_RUNTIME_DIR").map(Path::new)
    }

    /// The directory of Docker's configuration, if `DOCKER_CONFIG` says so.
    #[must_use]
    pub fn docker_config(&self) -> Option<&Path> {
        self.filled("DOCKER_CONFIG").map(Path::new)
    }

    /// The context that the docker command uses, if `DOCKER_CONTEXT` says so.
    #[must_use]
    pub fn docker_context(&self) -> Option<&str> {
        self.filled("DOCKER_CONTEXT")
    }

    /// Whether the docker command is to speak TLS to the engine of `DOCKER_HOST`, whoever it is.
    #[must_use]
    pub fn docker_tls(&self) -> bool {
        self.filled("DOCKER_TLS").is_some()
    }

    /// Whether it is to speak TLS to it, and to verify who it is.
    #[must_use]
    pub fn docker_tls_verify(&self) -> bool {
        self.filled("DOCKER_TLS_VERIFY").is_some()
    }

    /// The directory of the files for TLS with it, if `DOCKER_CERT_PATH` says so.
    #[must_use]
    pub fn docker_cert_path(&self) -> Option<&Path> {
        self.filled("DOCKER_CERT_PATH").map(Path::new)
    }

    /// Where Podman listens, if `CONTAINER_HOST` says so.
    #[must_use]
    pub fn container_host(&self) -> Option<&str> {
        self.filled("CONTAINER_HOST")
    }

    /// The directory of colima, if `COLIMA_HOME` says so.
    #[must_use]
    pub fn colima_home(&self) -> Option<&Path> {
        self.filled("COLIMA_HOME").map(Path::new)
    }

    /// Podman's file of credentials, if `REGISTRY_AUTH_FILE` says so.
    #[must_use]
    pub fn registry_auth_file(&self) -> Option<&Path> {
        self.filled("REGISTRY_AUTH_FILE").map(Path::new)
    }

    /// The directories that programs are in.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.filled("PATH")
    }

    /// The region that AWS tools would use: `AWS_REGION`, else `AWS_DEFAULT_REGION`.
    #[must_use]
    pub fn aws_region(&self) -> Option<&str> {
        self.filled("AWS_REGION").or_else(|| self.filled("AWS_DEFAULT_REGION"))
    }

    fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// Names only: values may be secret.
impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn an_empty_variable_is_a_value_but_no_setting() {
        let environment = Environment::from_pairs([
            ("DOCKER_HOST", ""),
            ("AWS_REGION", ""),
            ("AWS_DEFAULT_REGION", "r"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(environment.get("DOCKER_HOST"), Some(""));
        assert_eq!(environment.docker_host(), None);
        assert_eq!(environment.aws_region(), Some("r"));
        assert_eq!(environment.home(), None);
        assert_eq!(environment.path(), Some("/bin"));
        let podman = Environment::from_pairs([("DOCKER_CONFIG", ""), ("REGISTRY_AUTH_FILE", "auth.json")]);
        assert_eq!(podman.docker_config(), None);
        assert_eq!(podman.registry_auth_file(), Some("auth.json".as_ref()));
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment::from_pairs([("TOKEN", "hunter2")]);
        assert_eq!(format!("{environment:?}"), r#"{"TOKEN"}"#);
    }
}
