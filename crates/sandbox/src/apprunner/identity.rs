//! Who a sandbox is to the engine: an id that tells, after a crash, whether its process still lives.

use std::{fmt, path::Path};

/// A sandbox's id: `MACHINE-PID-RANDOM`, in characters that image names allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct SandboxId {
    machine: String,
    pid: u32,
    random: u32,
}

impl SandboxId {
    /// The id of a sandbox of this process.
    pub(super) fn of_this_process() -> Self {
        Self { machine: machine(), pid: std::process::id(), random: fastrand::u32(..) }
    }

    /// The id of a sandbox whose process is gone: its number is above the largest there is (2^22).
    #[cfg(test)]
    pub(super) fn of_a_gone_process() -> Self {
        Self { pid: 4_194_305, ..Self::of_this_process() }
    }

    /// What containers carry, to find out whether the process lives.
    pub(super) fn owner(&self) -> String {
        format!("{}-{}", self.machine, self.pid)
    }

    /// Whether an owner was a process of this machine that is no more. Of other machines nothing is known.
    pub(super) fn owner_is_gone(owner: &str) -> bool {
        let Some((machine_name, pid)) = owner.rsplit_once('-') else { return false };
        machine_name == machine() && pid.parse().is_ok_and(|pid: u32| !is_alive(pid))
    }

    /// The same, of a whole id.
    pub(super) fn is_of_a_gone_process(id: &str) -> bool {
        id.rsplit_once('-').is_some_and(|(owner, _)| Self::owner_is_gone(owner))
    }
}

impl fmt::Display for SandboxId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}-{:08x}", self.machine, self.pid, self.random)
    }
}

/// A word for this machine: several may share one engine, each with its own process numbers.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    if name.is_empty() { "local".to_owned() } else { name }
}

/// Without `/proc` every process counts as living: better a leftover than somebody's container removed.
fn is_alive(pid: u32) -> bool {
    !Path::new("/proc/self").exists() || Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests {
    use super::SandboxId;

    #[test]
    fn only_a_gone_process_of_this_machine_is_gone() {
        let own = SandboxId::of_this_process();
        assert!(!SandboxId::owner_is_gone(&own.owner()));
        assert!(!SandboxId::is_of_a_gone_process(&own.to_string()));
        let gone = SandboxId::of_a_gone_process();
        assert!(SandboxId::owner_is_gone(&gone.owner()));
        assert!(SandboxId::is_of_a_gone_process(&gone.to_string()));
        assert!(!SandboxId::owner_is_gone("elsewhere-4194305"));
        for odd in ["", "x", "x-y", "-"] {
            assert!(!SandboxId::owner_is_gone(odd), "{odd}");
        }
    }
}
