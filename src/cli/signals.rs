//! SIGINT and SIGTERM: the first stops the run in good order, the second at once.

use tokio::signal::unix::{SignalKind, signal};

use crate::pipeline::cancellation::{Cancellation, Signal};

/// Waits for the first signal, passes it to `cancellation` and tells of it, then waits for the second and gives the
/// first: that is the one the run was stopped by. A system that gives no signals never returns.
pub(super) async fn watch(cancellation: &Cancellation, tell: impl FnOnce()) -> Signal {
    let first = next().await;
    cancellation.cancel(first);
    tell();
    next().await;
    first
}

/// The next SIGINT or SIGTERM.
pub(super) async fn next() -> Signal {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Signal::Interrupt,
        _ = terminate.recv() => Signal::Terminate,
    }
}
