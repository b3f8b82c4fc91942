//! How a container ended, in words.

use super::{Exit, judge::seconds};

/// One line on the end of a container. `healthy_before`: it had been healthy by then.
pub(super) fn exit_reason(exit: Exit, memory_mib: u32, healthy_before: bool) -> String {
    let mut after = seconds(exit.after);
    if healthy_before {
        after.push_str(", after it was healthy");
    }
    if exit.out_of_memory {
        return format!("out of memory: killed at its limit of {memory_mib} MiB after {after}");
    }
    match code_words(exit.code) {
        Some(words) => format!("exited with code {} ({words}) after {after}", exit.code),
        None => format!("exited with code {} after {after}", exit.code),
    }
}

/// What an exit code says by itself: the signal that ended the process, or what shells mean by it (POSIX, Shell
/// Command Language, "Exit Status for Commands").
pub(super) fn code_words(code: i64) -> Option<&'static str> {
    match code {
        126 => Some("found a command, and could not execute it"),
        127 => Some("a command was not found"),
        _ => signal_name(code),
    }
}

/// The signal in an exit code above 128 (signal(7), the numbers of x86).
fn signal_name(exit_code: i64) -> Option<&'static str> {
    Some(match exit_code - 128 {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Exit, exit_reason};

    #[test]
    fn ends_are_told_in_one_line() {
        let table = [
            (1, false, 300, false, "exited with code 1 after 0.3 s"),
            (139, false, 300, false, "exited with code 139 (SIGSEGV) after 0.3 s"),
            (127, false, 0, false, "exited with code 127 (a command was not found) after 0.0 s"),
            (126, false, 0, false, "exited with code 126 (found a command, and could not execute it) after 0.0 s"),
            (255, false, 0, false, "exited with code 255 after 0.0 s"),
            (1, false, 3_000, true, "exited with code 1 after 3.0 s, after it was healthy"),
            (137, true, 1_234, false, "out of memory: killed at its limit of 512 MiB after 1.2 s"),
        ];
        for (code, out_of_memory, after, healthy_before, words) in table {
            let exit = Exit { code, out_of_memory, after: Duration::from_millis(after) };
            assert_eq!(exit_reason(exit, 512, healthy_before), words);
        }
    }
}
