//! Which of a file's keys is meant. Pure.
//!
//! Docker's keys are hosts, or addresses with scheme and path (`https://registry.example.com/v1/`); Podman's may go on with a
//! namespace or a repository (`registry.example.com/shop/api`), and the longest counts (containers-auth.json(5)).

/// Docker Hub under the name that its credentials have had since its first interface.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The host in [`DOCKER_HUB_KEY`].
const DOCKER_HUB: &str = "index.docker.io";

/// What credentials are looked for.
pub(super) struct Wanted {
    host: String,
    repository: String,
}

impl Wanted {
    /// A repository of a registry; an empty one for the registry in general.
    pub(super) fn new(host: &str, repository: &str) -> Self {
        Self { host: one_name(host), repository: repository.trim_matches('/').to_owned() }
    }

    /// The registry as credential helpers and `docker login` call it.
    pub(super) fn server(&self) -> &str {
        if self.host == DOCKER_HUB { DOCKER_HUB_KEY } else { &self.host }
    }

    /// Whether the key means the registry as such.
    pub(super) fn is_meant_by(&self, key: &str) -> bool {
        self.closeness(key).is_some_and(|(named, _)| named == 0)
    }

    /// How closely a key fits: by how many characters of the repository it names, then by whether it is what Docker would
    /// have written. `None` when it is about something else.
    pub(super) fn closeness(&self, key: &str) -> Option<(usize, bool)> {
        let (host, path) = split(key);
        let below = self.repository.strip_prefix(path);
        let fits = path.is_empty() || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        (fits && one_name(host) == self.host).then(|| (path.len(), key == self.server()))
    }
}

/// The host of a key, and the repository or namespace it goes on with. The path of an address, and that of Docker's first
/// interfaces, is none.
fn split(key: &str) -> (&str, &str) {
    let address = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let (host, path) = address.unwrap_or(key).split_once('/').unwrap_or((address.unwrap_or(key), ""));
    let path = path.trim_matches('/');
    if address.is_some() || matches!(path, "v1" | "v2") { (host, "") } else { (host, path) }
}

/// Docker Hub has three names.
fn one_name(host: &str) -> String {
    let host = host.to_ascii_lowercase();
    match host.as_str() {
        "docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn which_keys_fit_and_how_closely() {
        let table = [
            ("registry.example.com", Some((0, true))),
            ("Registry.example.com", Some((0, false))),
            ("https://registry.example.com", Some((0, false))),
            ("http://registry.example.com/v1/", Some((0, false))),
            ("https://registry.example.com/anything", Some((0, false))),
            ("registry.example.com/v2/", Some((0, false))),
            ("registry.example.com/shop", Some((4, false))),
            ("registry.example.com/shop/api", Some((8, false))),
            ("registry.example.com/shop/api/more", None),
            ("registry.example.com/sho", None),
            ("registry.example.com:5000", None),
            ("example.com", None),
            ("", None),
        ];
        let wanted = Wanted::new("registry.example.com", "shop/api");
        for (key, closeness) in table {
            assert_eq!(wanted.closeness(key), closeness, "{key}");
        }
        assert!(wanted.is_meant_by("registry.example.com") && !wanted.is_meant_by("registry.example.com/shop"));
    }

    #[test]
    fn docker_hub_has_many_names_and_one_key() {
        for host in ["docker.io", "index.docker.io", "registry-1.docker.io"] {
            let wanted = Wanted::new(host, "library/alpine");
            assert_eq!(wanted.server(), "https://index.docker.io/v1/");
            assert_eq!(wanted.closeness("https://index.docker.io/v1/"), Some((0, true)), "{host}");
            assert_eq!(wanted.closeness("docker.io"), Some((0, false)), "{host}");
            assert_eq!(wanted.closeness("docker.io/library"), Some((7, false)), "{host}");
            assert_eq!(wanted.closeness("auth.docker.io"), None, "{host}");
        }
        assert_eq!(Wanted::new("localhost:5000", "").server(), "localhost:5000");
    }
}
