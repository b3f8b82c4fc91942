//! Whether it is truly the container that answers at its address here. An address such as 172.17.0.2 exists on every machine
//! with an engine, and more than once where engines have network namespaces of their own; so both ends of the wire are
//! compared: the hardware address that the container knows this side by must be that of the interface it was dialled through.

use std::{fs, net::IpAddr};

use super::reach::source_address;

/// An entry of a table of neighbours (proc(5), `/proc/net/arp`).
#[derive(Clone, PartialEq, Eq, Debug)]
struct Neighbour {
    address: IpAddr,
    hardware: String,
    device: String,
}

/// Whether packets to the container's address from here reach the container with this process, once one has been sent.
/// `None` where that cannot be told: the process is not to be seen from here, or either table is silent.
#[must_use]
pub fn reach_one_another(pid: i64, container: IpAddr) -> Option<bool> {
    let read = |path: String| fs::read_to_string(path).ok();
    // A process of that number may be any other; only the container's has the container's address.
    let addresses = read(format!("/proc/{pid}/net/fib_trie"))?;
    if !addresses.split_whitespace().any(|word| word == container.to_string()) {
        return None;
    }
    let ours = neighbour(&read("/proc/self/net/arp".to_owned())?, container)?;
    let own_hardware = read(format!("/sys/class/net/{}/address", ours.device))?;
    let theirs = neighbour(&read(format!("/proc/{pid}/net/arp"))?, source_address(container)?)?;
    Some(theirs.hardware.eq_ignore_ascii_case(own_hardware.trim()))
}

/// The entry of an address. One that was asked for and never found has a hardware address of zeros, and is none.
fn neighbour(table: &str, wanted: IpAddr) -> Option<Neighbour> {
    table.lines().filter_map(entry).find(|entry| entry.address == wanted && entry.hardware != "00:00:00:00:00:00")
}

/// `IP address, HW type, Flags, HW address, Mask, Device`.
fn entry(line: &str) -> Option<Neighbour> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [address, _, _, hardware, _, device] = fields[..] else { return None };
    Some(Neighbour { address: address.parse().ok()?, hardware: hardware.to_owned(), device: device.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::{neighbour, reach_one_another};

    const TABLE: &str = "IP address       HW type     Flags       HW address            Mask     Device\n\
        172.17.0.2       0x1         0x2         02:42:ac:11:00:02     *        docker0\n\
        172.17.0.9       0x1         0x0         00:00:00:00:00:00     *        docker0\n";

    #[test]
    fn a_neighbour_is_one_that_was_found() {
        let found = neighbour(TABLE, [172, 17, 0, 2].into()).unwrap();
        assert_eq!((found.hardware.as_str(), found.device.as_str()), ("02:42:ac:11:00:02", "docker0"));
        assert_eq!(neighbour(TABLE, [172, 17, 0, 9].into()), None);
        assert_eq!(neighbour(TABLE, [172, 17, 0, 3].into()), None);
    }

    #[test]
    fn of_a_process_without_the_address_nothing_is_said() {
        // An address of the documentation range (RFC 5737) is nobody's.
        assert_eq!(reach_one_another(i64::from(std::process::id()), [192, 0, 2, 7].into()), None);
    }
}
