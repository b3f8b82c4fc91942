//! SIGINT and SIGTERM: the first stops the run in good order, the second at once.

use tokio::signal::unix::{Signal as Unix, SignalKind, signal};

use crate::pipeline::cancellation::{Cancellation, Signal};

/// Waits for the first signal, passes it to `cancellation` and tells of it, then waits for the second and gives the
/// first: that is the one the run was stopped by. A system that gives no signals never returns.
pub(super) async fn watch(cancellation: &Cancellation, tell: impl FnOnce()) -> Signal {
    // One listener for both: a second signal that comes right after the first must not fall between two.
    let mut listener = Listener::new();
    let first = listener.next().await;
    cancellation.cancel(first);
    tell();
    listener.next().await;
    first
}

/// The next SIGINT or SIGTERM.
pub(super) async fn next() -> Signal {
    Listener::new().next().await
}

/// What hears both signals; nothing, on a system that gives none.
struct Listener(Option<(Unix, Unix)>);

impl Listener {
    fn new() -> Self {
        let interrupt = signal(SignalKind::interrupt()).ok();
        Self(interrupt.zip(signal(SignalKind::terminate()).ok()))
    }

    async fn next(&mut self) -> Signal {
        let Some((interrupt, terminate)) = &mut self.0 else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => Signal::Interrupt,
            _ = terminate.recv() => Signal::Terminate,
        }
    }
}
