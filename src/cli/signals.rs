//! SIGINT, SIGTERM and SIGHUP: the first stops the run in good order, the second at once, and so does time.

use std::time::Duration;

use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use crate::pipeline::cancellation::{Cancellation, Signal};

/// How long a run may take to stop in good order. CI systems kill soon after they ask.
const CLEAN_UP: Duration = Duration::from_secs(5);

/// Why a run that is stopping is not waited for any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Impatience {
    /// A second signal.
    SecondSignal,
    /// It took too long.
    Late,
}

/// Waits for the first signal, passes it to `cancellation` and tells of it, then waits for the second, but not for long. Gives
/// the first: that is the one the run was stopped by. A system that gives no signals never returns.
pub(super) async fn watch(cancellation: &Cancellation, tell: impl FnOnce()) -> (Signal, Impatience) {
    // The same for all signals: what comes between two listenings is heard by nobody.
    let mut listening = Listening::begin();
    let first = listening.next().await;
    cancellation.cancel(first);
    tell();
    tokio::select! {
        _ = listening.next() => (first, Impatience::SecondSignal),
        () = tokio::time::sleep(CLEAN_UP) => (first, Impatience::Late),
    }
}

/// The next SIGINT, SIGTERM or SIGHUP.
#[cfg(feature = "sandbox")]
pub(super) async fn next() -> Signal {
    Listening::begin().next().await
}

/// Hears each signal from its beginning on.
struct Listening {
    interrupt: Option<Signals>,
    terminate: Option<Signals>,
    hangup: Option<Signals>,
}

impl Listening {
    fn begin() -> Self {
        let hear = |kind| signal(kind).ok();
        Self {
            interrupt: hear(SignalKind::interrupt()),
            terminate: hear(SignalKind::terminate()),
            // A handler would undo what `nohup` set up.
            hangup: if hangup_is_ignored() { None } else { hear(SignalKind::hangup()) },
        }
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            () = arrival(&mut self.interrupt) => Signal::Interrupt,
            () = arrival(&mut self.terminate) => Signal::Terminate,
            // The terminal or the connection is gone: a supervisor means by it what it means by SIGTERM.
            () = arrival(&mut self.hangup) => Signal::Terminate,
        }
    }
}

async fn arrival(signals: &mut Option<Signals>) {
    let arrived = match signals {
        Some(signals) => signals.recv().await,
        None => None,
    };
    if arrived.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Whether this process was started with SIGHUP ignored. Only Linux has a file that says so.
fn hangup_is_ignored() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores_hangup(&status))
}

/// Reads the mask of ignored signals (proc_pid_status(5), `SigIgn`): bit 0 is signal 1, SIGHUP.
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::ignores_hangup;

    #[test]
    fn reads_the_mask_of_ignored_signals() {
        let table = [
            ("Name:\tshipgate\nSigIgn:\t0000000000001001\nSigCgt:\t0\n", true),
            ("SigIgn:\t0000000000001000\n", false),
            ("SigIgn:\tnonsense\n", false),
            ("", false),
        ];
        for (status, expected) in table {
            assert_eq!(ignores_hangup(status), expected, "{status}");
        }
    }
}
