//! How the container of the local check is to be reached, as users say it.

use std::{net::IpAddr, str::FromStr};

/// How a container is to be reached.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum ReachChoice {
    /// Whatever works, in this order: its own address, a network of both, a sidecar.
    #[default]
    Auto,
    /// Its own address, as this machine can dial it where the engine is here.
    OwnAddress,
    /// A network that this program, in a container itself, is attached to for the check.
    SameNetwork,
    /// From a container in its network namespace.
    Sidecar,
    /// A host, by name or address, at which the service's port is the container's for certain.
    Host(String),
}

/// A text that names no way.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no way to reach a container (auto, own-address, same-network, sidecar, or a host)")]
pub struct InvalidReach(String);

impl FromStr for ReachChoice {
    type Err = InvalidReach;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_host = |text: &str| {
            text.parse::<IpAddr>().is_ok()
                || (text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)))
                || text == "localhost"
        };
        match text {
            "auto" => Ok(Self::Auto),
            "own-address" => Ok(Self::OwnAddress),
            "same-network" => Ok(Self::SameNetwork),
            "sidecar" => Ok(Self::Sidecar),
            host if is_host(host) => Ok(Self::Host(host.to_owned())),
            _ => Err(InvalidReach(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ReachChoice;

    #[test]
    fn ways_are_read() {
        let host = |text: &str| ReachChoice::Host(text.to_owned());
        let table = [
            ("auto", ReachChoice::Auto),
            ("own-address", ReachChoice::OwnAddress),
            ("same-network", ReachChoice::SameNetwork),
            ("sidecar", ReachChoice::Sidecar),
            ("10.0.0.7", host("10.0.0.7")),
            ("fd00::7", host("fd00::7")),
            ("docker.internal", host("docker.internal")),
            ("localhost", host("localhost")),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<ReachChoice>().as_ref(), Ok(&expected), "{text}");
        }
        for bad in ["", "side-car", "own address", "http://host.example", "host.example:80"] {
            assert!(bad.parse::<ReachChoice>().is_err(), "{bad}");
        }
    }
}
