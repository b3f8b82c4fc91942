//! Whether a container's own address can be dialled from here, and whether it is truly that container that answers.
//!
//! An address such as 172.17.0.2 exists on every machine with Docker. Dialled from the wrong one it reaches somebody
//! else's container, or nothing; a health check must not take either for an answer.

use std::net::{IpAddr, UdpSocket};

use super::{connect::EngineFacts, container::NetworkAddress, error::Tried};

/// What is known of the side that dials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Here {
    /// The release of the kernel this program runs on, where it is Linux.
    pub kernel: Option<String>,
}

impl Here {
    /// Looks.
    #[must_use]
    pub fn look() -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok();
        Self { kernel: kernel.map(|text| text.trim().to_owned()) }
    }
}

/// The container's address to probe.
///
/// # Errors
/// What was tried and why it was not used: one entry for the engine, or one for each address.
pub fn own_address(engine: &EngineFacts, here: &Here, addresses: &[NetworkAddress]) -> Result<IpAddr, Vec<Tried>> {
    if let Some(reason) = elsewhere(engine, here) {
        return Err(vec![Tried { address: format!("the container's own address, engine {}", engine.address), reason }]);
    }
    let mut tried = Vec::new();
    for candidate in addresses {
        match off_network(candidate, source_address(candidate.address)) {
            None => return Ok(candidate.address),
            Some(reason) => tried.push(Tried { address: candidate.to_string(), reason }),
        }
    }
    if tried.is_empty() {
        tried.push(Tried { address: "the container".to_owned(), reason: "it has no address of its own".to_owned() });
    }
    Err(tried)
}

/// Why an engine's bridge is not on this machine, if it is not.
#[must_use]
pub fn elsewhere(engine: &EngineFacts, here: &Here) -> Option<String> {
    if engine.address.starts_with("ssh://") {
        // Even `localhost` may be another machine's port: ssh's own settings say, and tunnels.
        return Some(format!("the engine is behind ssh ({})", engine.address));
    }
    let authority = engine.address.strip_prefix("tcp://").or_else(|| engine.address.strip_prefix("https://"));
    if let Some(host) = authority.map(host_of)
        && !(host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
    {
        return Some(format!("the engine is on another host ({host})"));
    }
    if engine.rootless {
        return Some("the engine is rootless: its network is not this machine's".to_owned());
    }
    if engine.kernel.is_none() || engine.kernel != here.kernel {
        return Some(
            "the engine's containers run on another kernel than this (a virtual machine, or another host)".to_owned(),
        );
    }
    None
}

/// The host in `HOST:PORT`, `[IPV6]:PORT` or either with a path behind.
fn host_of(authority: &str) -> &str {
    let authority = authority.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Why packets to the container would leave by a way other than its own network, if they would.
fn off_network(container: &NetworkAddress, source: Option<IpAddr>) -> Option<String> {
    match source {
        None => Some("there is no route to it".to_owned()),
        Some(source) if in_network(source, container) => None,
        Some(source) => Some(format!("this side ({source}) is not on that network")),
    }
}

fn in_network(address: IpAddr, network: &NetworkAddress) -> bool {
    match (address, network.address) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            let bits = u32::from(network.prefix_length.min(32));
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            let bits = u32::from(network.prefix_length.min(128));
            (one.to_bits() ^ other.to_bits()).leading_zeros() >= bits
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// The address this machine would dial from. Connecting a datagram socket chooses a route and sends nothing.
pub(super) fn source_address(target: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = if target.is_ipv4() { [0, 0, 0, 0].into() } else { [0_u16; 8].into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // Any port will do: no packet goes there.
    socket.connect((target, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{EngineFacts, Here, NetworkAddress, elsewhere, host_of, off_network};

    fn engine(address: &str, kernel: &str, rootless: bool) -> EngineFacts {
        EngineFacts {
            address: address.to_owned(),
            api_version: "1.41".to_owned(),
            kernel: (!kernel.is_empty()).then(|| kernel.to_owned()),
            architecture: Some("amd64".to_owned()),
            rootless,
            ..EngineFacts::default()
        }
    }

    #[test]
    fn only_an_engine_of_this_machine_has_its_bridge_here() {
        let here = Here { kernel: Some("6.1".to_owned()) };
        let table = [
            ("unix:///var/run/docker.sock", "6.1", false, true),
            ("tcp://127.0.0.1:2375", "6.1", false, true),
            ("tcp://localhost:2375", "6.1", false, true),
            ("tcp://[::1]:2375/", "6.1", false, true),
            ("tcp://docker:2375", "6.1", false, false),
            ("https://127.0.0.1:2376", "6.1", false, true),
            ("https://docker:2376", "6.1", false, false),
            ("ssh://dev@localhost", "6.1", false, false),
            ("tcp://10.0.0.7:2375", "6.1", false, false),
            ("unix:///home/dev/.colima/default/docker.sock", "6.8-linuxkit", false, false),
            ("unix:///run/user/1000/docker.sock", "6.1", true, false),
            ("unix:///var/run/docker.sock", "", false, false),
        ];
        for (address, kernel, rootless, local) in table {
            assert_eq!(elsewhere(&engine(address, kernel, rootless), &here).is_none(), local, "{address} {kernel}");
        }
        let unknown = Here { kernel: None };
        assert!(elsewhere(&engine("unix:///var/run/docker.sock", "6.1", false), &unknown).is_some());
    }

    #[test]
    fn hosts_of_authorities() {
        for (text, host) in [("docker:2375", "docker"), ("[::1]:2375", "::1"), ("1.2.3.4:1/x", "1.2.3.4"), ("h", "h")] {
            assert_eq!(host_of(text), host);
        }
    }

    #[test]
    fn a_source_outside_the_network_reaches_somebody_else() {
        let container =
            NetworkAddress { network: "bridge".to_owned(), address: IpAddr::from([172, 17, 0, 2]), prefix_length: 16 };
        let table: [(Option<[u8; 4]>, bool); 5] = [
            (Some([172, 17, 0, 1]), true),
            (Some([172, 17, 9, 9]), true),
            (Some([172, 18, 0, 1]), false),
            (Some([192, 168, 1, 7]), false),
            (None, false),
        ];
        for (source, on_network) in table {
            let reason = off_network(&container, source.map(IpAddr::from));
            assert_eq!(reason.is_none(), on_network, "{source:?} {reason:?}");
        }
    }
}
