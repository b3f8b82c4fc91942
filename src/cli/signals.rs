//! SIGINT and SIGTERM: the first stops the run in good order, the second at once, and so does time.

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
    // The same for both signals: what comes between two listenings is heard by nobody.
    let mut listening = Listening::begin();
    let first = listening.next().await;
    cancellation.cancel(first);
    tell();
    tokio::select! {
        _ = listening.next() => (first, Impatience::SecondSignal),
        () = tokio::time::sleep(CLEAN_UP) => (first, Impatience::Late),
    }
}

/// The next SIGINT or SIGTERM.
pub(super) async fn next() -> Signal {
    Listening::begin().next().await
}

/// Hears each signal from its beginning on.
struct Listening(Option<(Signals, Signals)>);

impl Listening {
    fn begin() -> Self {
        Self(signal(SignalKind::interrupt()).ok().zip(signal(SignalKind::terminate()).ok()))
    }

    async fn next(&mut self) -> Signal {
        let Some((interrupt, terminate)) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => Signal::Interrupt,
            _ = terminate.recv() => Signal::Terminate,
        }
    }
}
