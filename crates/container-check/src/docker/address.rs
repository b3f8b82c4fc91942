//! An engine's address taken apart: which transport, and where to. It dials nothing.

use super::error::EngineError;

/// The ports the docker command takes when an address has none.
const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

/// An address whose transport is spoken here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// A socket of this machine.
    Socket,
    /// A TCP port, with TLS or without: the candidates know.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// `None`: see [`port_or_default`].
        port: Option<u16>,
    },
    /// An ssh host that has the docker command.
    Ssh(SshHost),
}

/// Where ssh is to go, and what it is to find there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SshHost {
    pub(super) user: Option<String>,
    pub(super) host: String,
    pub(super) port: Option<u16>,
    /// The engine's socket on that host, where it is not the one its docker command uses.
    pub(super) socket: Option<String>,
}

impl Address {
    /// Takes an address apart: `unix:///PATH`, `tcp://HOST[:PORT]`, `https://HOST[:PORT]`, `ssh://[USER@]HOST[:PORT][/SOCKET]`.
    ///
    /// # Errors
    /// [`EngineError::UnsupportedHost`] for another transport, [`EngineError::Address`] for what makes no sense.
    pub(super) fn parse(address: &str) -> Result<Self, EngineError> {
        let tcp = |rest: &str| {
            let (host, port) = host_and_port(rest.split('/').next().unwrap_or_default(), address)?;
            Ok(Self::Tcp { host, port })
        };
        match address.split_once("://") {
            Some(("unix", _)) => Ok(Self::Socket),
            Some(("tcp" | "https", rest)) => tcp(rest),
            Some(("ssh", rest)) => ssh(rest, address).map(Self::Ssh),
            _ => Err(EngineError::UnsupportedHost { host: address.to_owned() }),
        }
    }
}

/// The port, else the transport's own.
pub(super) fn port_or_default(port: Option<u16>, tls: bool) -> u16 {
    port.unwrap_or(if tls { TLS_PORT } else { PLAIN_PORT })
}

fn ssh(rest: &str, address: &str) -> Result<SshHost, EngineError> {
    let wrong = |reason: &str| EngineError::Address { address: without_password(address), reason: reason.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    if user.is_some_and(|user| user.contains(':')) {
        return Err(wrong("a password in it would be seen by everybody; let ssh use a key"));
    }
    if user.is_some_and(|user| user.is_empty() || user.starts_with('-')) {
        return Err(wrong("its user is none"));
    }
    // The other side's shell reads the path: what it could take for something else is not handed on.
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)) {
        return Err(wrong("its path may have only letters, digits and / . _ -"));
    }
    let (host, port) = host_and_port(host, address)?;
    if host.starts_with('-') {
        return Err(wrong("its host is none"));
    }
    let socket = (!path.is_empty()).then(|| format!("/{path}"));
    Ok(SshHost { user: user.map(str::to_owned), host, port, socket })
}

/// `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn host_and_port(authority: &str, address: &str) -> Result<(String, Option<u16>), EngineError> {
    let wrong = |reason: &str| EngineError::Address { address: without_password(address), reason: reason.to_owned() };
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(|| wrong("its bracket is not closed"))?;
        (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("")))
    } else {
        authority.rsplit_once(':').map_or((authority, Some("")), |(host, port)| (host, Some(port)))
    };
    let port = match port {
        Some("") => None,
        Some(digits) => Some(digits.parse().map_err(|_| wrong("its port is none"))?),
        None => return Err(wrong("there is something behind its bracket")),
    };
    if host.is_empty() { Err(wrong("it names no host")) } else { Ok((host.to_owned(), port)) }
}

/// The address as it may be shown.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    match rest.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            format!("{scheme}://{}:…@{host}", user.split(':').next().unwrap_or_default())
        }
        Some(_) | None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, EngineError, SshHost, port_or_default};

    fn tcp(host: &str, port: Option<u16>) -> Address {
        Address::Tcp { host: host.to_owned(), port }
    }

    fn ssh(user: Option<&str>, host: &str, port: Option<u16>, socket: Option<&str>) -> Address {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Address::Ssh(SshHost { user: owned(user), host: host.to_owned(), port, socket: owned(socket) })
    }

    #[test]
    fn addresses_that_can_be_used() {
        let table = [
            ("unix:///var/run/docker.sock", Address::Socket),
            ("tcp://docker", tcp("docker", None)),
            ("tcp://docker:2375/", tcp("docker", Some(2375))),
            ("https://build.example:8443", tcp("build.example", Some(8443))),
            ("tcp://[::1]:2375", tcp("::1", Some(2375))),
            ("tcp://[::1]", tcp("::1", None)),
            ("ssh://build", ssh(None, "build", None, None)),
            ("ssh://dev@build:2222", ssh(Some("dev"), "build", Some(2222), None)),
            ("ssh://core@[fe80::1]:22/", ssh(Some("core"), "fe80::1", Some(22), None)),
            (
                "ssh://core@localhost:53/run/user/1000/podman/podman.sock",
                ssh(Some("core"), "localhost", Some(53), Some("/run/user/1000/podman/podman.sock")),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(Address::parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(
            [port_or_default(None, false), port_or_default(None, true), port_or_default(Some(1), true)],
            [2375, 2376, 1]
        );
    }

    #[test]
    fn addresses_that_make_no_sense_are_refused_and_never_show_a_password() {
        let table = [
            ("ssh://dev:hunter2@build", "a password"),
            ("ssh://-oProxyCommand=x@build", "user is none"),
            ("ssh://-oProxyCommand=x", "host is none"),
            ("ssh://build/run/$(id)", "letters, digits"),
            ("ssh://build:ssh", "port is none"),
            ("ssh://", "names no host"),
            ("tcp://:2375", "names no host"),
            ("tcp://docker:99999", "port is none"),
            ("tcp://[::1", "not closed"),
            ("tcp://[::1]x", "behind its bracket"),
        ];
        for (text, words) in table {
            let error = Address::parse(text).unwrap_err();
            assert!(matches!(&error, EngineError::Address { reason, .. } if reason.contains(words)), "{text}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
