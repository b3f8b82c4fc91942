//! The process that something in the engine was made for: written on a label, and looked for by a later run.
//!
//! A process is known by its number and the moment it began, in one boot of one machine and one namespace of process
//! numbers. Of any other machine's or container's processes nothing is said.

use std::{fmt, fs, io};

/// What is known of an owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It runs.
    Alive,
    /// It was this machine's, and has ended.
    Gone,
    /// It is another machine's, or cannot be seen from here.
    Unknown,
}

/// A process, as it is written on a label: `BOOT/NAMESPACE/NUMBER/START`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Owner {
    /// The boot and the namespace that the number counts in.
    place: String,
    number: u32,
    /// Clock ticks from the boot to its start (proc(5), `starttime`).
    started: u64,
}

impl Owner {
    /// This process, where the kernel tells such things.
    pub(super) fn of_this_process() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let number = stat.split(' ').next()?.parse().ok()?;
        // A /proc of another namespace counts differently than the system calls do.
        let is_ours = number == std::process::id();
        is_ours.then_some(())?;
        Some(Self { place: place()?, number, started: start_of(&stat)? })
    }

    fn parse(label: &str) -> Option<Self> {
        let (rest, started) = label.rsplit_once('/')?;
        let (place, number) = rest.rsplit_once('/')?;
        Some(Self { place: place.to_owned(), number: number.parse().ok()?, started: started.parse().ok()? })
    }

    fn fate(&self, place: Option<&str>, stat: io::Result<String>) -> Fate {
        if place != Some(self.place.as_str()) {
            return Fate::Unknown;
        }
        match stat {
            // The number may have been given again; a dead process that nobody has asked about is still listed.
            Ok(stat) if start_of(&stat) == Some(self.started) && !has_ended(&stat) => Fate::Alive,
            Ok(_) => Fate::Gone,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Fate::Gone,
            Err(_) => Fate::Unknown,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}/{}", self.place, self.number, self.started)
    }
}

/// What is known of the owner that a label names.
pub(super) fn fate_of(label: &str) -> Fate {
    // Where other users' processes are hidden (proc(5), `hidepid`), one that is not seen may well run. The first is
    // always there, so it tells.
    if !fs::exists("/proc/1/stat").unwrap_or_default() {
        return Fate::Unknown;
    }
    Owner::parse(label).map_or(Fate::Unknown, |owner| {
        owner.fate(place().as_deref(), fs::read_to_string(format!("/proc/{}/stat", owner.number)))
    })
}

/// This boot of this machine, and the namespace that process numbers count in here.
fn place() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), namespace.to_str()?))
}

/// The fields after the name, which is in parentheses and may hold anything: the first is the state, field 3.
fn fields(stat: &str) -> Option<std::str::SplitWhitespace<'_>> {
    Some(stat.rsplit_once(')')?.1.split_whitespace())
}

fn start_of(stat: &str) -> Option<u64> {
    fields(stat)?.nth(22 - 3)?.parse().ok()
}

fn has_ended(stat: &str) -> bool {
    fields(stat).and_then(|mut fields| fields.next()).is_none_or(|state| state == "Z" || state == "X")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{
        io,
        process::{Command, Stdio},
    };

    use super::{Fate, Owner, fate_of, place, start_of};

    fn stat(state: &str, started: u64) -> String {
        format!("7 (a (strange) name) {state} 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {started} 1 1")
    }

    #[test]
    fn a_process_is_gone_only_if_it_was_of_this_place() {
        let owner = Owner::parse("boot/pid:[1]/7/500").unwrap();
        assert_eq!((owner.to_string().as_str(), start_of(&stat("S", 9))), ("boot/pid:[1]/7/500", Some(9)));
        let missing = || Err(io::Error::from(io::ErrorKind::NotFound));
        let hidden = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let table = [
            (Some("boot/pid:[1]"), Ok(stat("S", 500)), Fate::Alive),
            (Some("boot/pid:[1]"), Ok(stat("Z", 500)), Fate::Gone),
            (Some("boot/pid:[1]"), Ok(stat("S", 501)), Fate::Gone),
            (Some("boot/pid:[1]"), missing(), Fate::Gone),
            (Some("boot/pid:[1]"), hidden(), Fate::Unknown),
            (Some("boot/pid:[2]"), missing(), Fate::Unknown),
            (Some("reboot/pid:[1]"), missing(), Fate::Unknown),
            (None, missing(), Fate::Unknown),
        ];
        for (place, stat, fate) in table {
            let case = format!("{place:?} {stat:?}");
            assert_eq!(owner.fate(place, stat), fate, "{case}");
        }
    }

    #[test]
    fn real_processes_are_told_apart() {
        assert_eq!(fate_of(&Owner::of_this_process().unwrap().to_string()), Fate::Alive);
        assert_eq!(fate_of("nonsense"), Fate::Unknown);
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let label = format!("{}/{}/{}", place().unwrap(), child.id(), start_of(&stat).unwrap());
        assert_eq!(fate_of(&label), Fate::Alive);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(fate_of(&label), Fate::Gone);
    }
}
