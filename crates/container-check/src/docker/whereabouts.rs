//! Whether this program runs in a container itself, and in which one of an engine's.

use std::collections::BTreeSet;

use super::connect::Engine;

/// The networks of a container that this program runs in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnContainer {
    /// Its id.
    pub id: String,
    /// The networks it is attached to.
    pub networks: BTreeSet<String>,
}

impl Engine {
    /// The container that this program runs in, if it is one of this engine's. A container of another engine, such as the one
    /// that a Docker-in-Docker engine runs beside, is none.
    pub async fn own_container(&self) -> Option<OwnContainer> {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (mounts, groups) = (read("/proc/self/mountinfo"), read("/proc/self/cgroup"));
        for id in ids(&mounts, &groups) {
            // Ids are 256 random bits: an engine that knows this one runs this very container.
            let Ok(inspect) = self.docker.inspect_container(&id, None).await else { continue };
            let networks = inspect.network_settings.and_then(|settings| settings.networks).unwrap_or_default();
            return Some(OwnContainer { id, networks: networks.into_keys().collect() });
        }
        None
    }
}

/// The ids of containers in this process' tables: engines mount a container's `/etc/hostname` from a directory that is
/// called by its id (mountinfo: proc(5)), and with cgroups v1 its groups are called so too.
fn ids(mounts: &str, groups: &str) -> Vec<String> {
    let of_mounts = mounts.lines().filter(|line| line.contains(" /etc/hostname "));
    let of_groups = groups.lines();
    let parts = of_mounts.chain(of_groups).flat_map(|line| line.split(['/', '-', '.', ' ', ':']));
    let mut found = Vec::new();
    for part in parts {
        if part.len() == 64 && part.bytes().all(|byte| byte.is_ascii_hexdigit()) && !found.iter().any(|id| id == part) {
            found.push(part.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::ids;

    #[test]
    fn ids_are_read_from_the_tables_of_docker_and_podman() {
        let (one, two) = ("a".repeat(64), "0123456789abcdef".repeat(4));
        let docker = format!(
            "36 35 98:0 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X\n\
             40 36 8:1 /var/lib/docker/containers/{one}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw\n\
             41 36 8:1 /var/lib/docker/volumes/{two}/_data /data rw - ext4 /dev/sda1 rw\n"
        );
        let podman = format!(
            "40 36 0:24 /containers/storage/overlay-containers/{two}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw\n"
        );
        assert_eq!(ids(&docker, "0::/\n"), std::slice::from_ref(&one));
        assert_eq!(ids(&podman, "0::/\n"), std::slice::from_ref(&two));
        let groups = format!("12:pids:/docker/{one}\n11:cpu:/docker/{one}\n0::/system.slice/docker-{two}.scope\n");
        assert_eq!(ids("", &groups), [one, two]);
        assert!(ids("40 36 8:1 / / rw - ext4 /dev/sda1 rw\n", "0::/user.slice\n").is_empty());
    }
}
