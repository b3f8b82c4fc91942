//! What a container's processes listen on, as the kernel of this machine tells it: for the diagnosis of an
//! application that cannot be reached, never for a verdict.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state of a listening socket (Linux, `include/net/tcp_states.h`, `TCP_LISTEN`).
const LISTENING: &str = "0A";

/// The addresses that the container with this process listens on, or `None` when they cannot be seen from here: the
/// process is another machine's or another namespace's, and its number means nothing here.
#[must_use]
pub fn listening(pid: i64, container: IpAddr) -> Option<Vec<SocketAddr>> {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/{pid}/net/{name}"));
    // A process of that number exists on many a machine. Only the container's has the container's address.
    let addresses = read("fib_trie").ok()?;
    if !addresses.split_whitespace().any(|word| word == container.to_string()) {
        return None;
    }
    let mut sockets = read_table(&read("tcp").ok()?);
    // Absent where IPv6 is off.
    sockets.extend(read_table(&read("tcp6").unwrap_or_default()));
    sockets.sort_unstable();
    sockets.dedup();
    Some(sockets)
}

/// The addresses that this process' own network namespace listens on.
///
/// # Errors
/// What keeps the kernel's tables from being read.
pub fn own_listening() -> std::io::Result<Vec<SocketAddr>> {
    let mut sockets = read_table(&std::fs::read_to_string("/proc/self/net/tcp")?);
    sockets.extend(read_table(&std::fs::read_to_string("/proc/self/net/tcp6").unwrap_or_default()));
    sockets.sort_unstable();
    sockets.dedup();
    Ok(sockets)
}

/// The addresses that this process' own network namespace has besides loopback ones, in the order of the kernel's table.
///
/// # Errors
/// What keeps the table from being read.
pub fn own_addresses() -> std::io::Result<Vec<IpAddr>> {
    let table = std::fs::read_to_string("/proc/self/net/fib_trie")?;
    Ok(local_addresses(&table).into_iter().filter(|address| !address.is_loopback()).collect())
}

/// The local addresses in `/proc/net/fib_trie`: a leaf `|-- 172.17.0.2` with `/32 host LOCAL` under it.
fn local_addresses(table: &str) -> Vec<IpAddr> {
    let (mut leaf, mut found) = (None, Vec::new());
    for line in table.lines() {
        let line = line.trim();
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = leaf.filter(|address| !found.contains(address))
        {
            found.push(address);
        }
    }
    found
}

/// The listening sockets in a table of `/proc/net/tcp` or `tcp6` (proc(5)).
fn read_table(table: &str) -> Vec<SocketAddr> {
    let socket = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, state) = (fields.next()?, fields.nth(1)?);
        (state == LISTENING).then(|| read_address(local))?
    };
    table.lines().filter_map(socket).collect()
}

/// `0100007F:1F90` is 127.0.0.1:8080: 32-bit words in the byte order of the machine, then the port.
fn read_address(text: &str) -> Option<SocketAddr> {
    let (words, port) = text.split_once(':')?;
    let words = words
        .as_bytes()
        .chunks(8)
        .map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok().map(u32::to_ne_bytes))
        .collect::<Option<Vec<_>>>()?
        .concat();
    let address: IpAddr = if let Ok(v4) = <[u8; 4]>::try_from(words.as_slice()) {
        Ipv4Addr::from(v4).into()
    } else {
        Ipv6Addr::from(<[u8; 16]>::try_from(words.as_slice()).ok()?).to_canonical()
    };
    Some(SocketAddr::new(address, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::{listening, local_addresses, own_addresses, own_listening, read_table};

    #[test]
    fn a_namespace_knows_its_own_addresses() {
        let table = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     |-- 172.17.0.0\n        \
            /16 link UNICAST\nLocal:\n     |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 172.17.0.2\n        /32 host LOCAL\n     \
            |-- 172.17.255.255\n        /32 link BROADCAST\nLocal:\n     |-- 172.17.0.2\n        /32 host LOCAL\n";
        let found: Vec<String> = local_addresses(table).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["127.0.0.1", "172.17.0.2"]);
        assert!(own_addresses().unwrap().iter().all(|address| !address.is_loopback()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(own_listening().unwrap().contains(&listener.local_addr().unwrap()));
    }

    #[test]
    fn tables_of_the_kernel() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n\
             1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000\n\
             2: 0100007F:1F91 0100007F:1234 01 00000000:00000000 00:00000000 00000000\n\
             nonsense\n";
        let sockets: Vec<String> = read_table(table).iter().map(ToString::to_string).collect();
        assert_eq!(sockets, ["127.0.0.1:8080", "0.0.0.0:80"]);
        let six = "0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A\n\
             1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A\n\
             2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A\n";
        let sockets: Vec<String> = read_table(six).iter().map(ToString::to_string).collect();
        assert_eq!(sockets, ["[::1]:8080", "[::]:8081", "127.0.0.1:8082"]);
    }

    #[test]
    fn a_process_that_does_not_have_the_address_is_not_the_containers() {
        // An address of the documentation range (RFC 5737) is nobody's.
        assert_eq!(listening(i64::from(std::process::id()), [192, 0, 2, 7].into()), None);
        assert!(listening(i64::from(std::process::id()), [127, 0, 0, 1].into()).is_some());
    }
}
