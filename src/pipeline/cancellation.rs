//! How a run is stopped from outside, and by which signal.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use shipgate_core::exit_code::ExitCode;

/// What asked the run to stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGINT: Ctrl-C, or a CI system's first word.
    Interrupt,
    /// SIGTERM, or SIGHUP: a CI system's second word, or a terminal that is gone.
    Terminate,
}

impl Signal {
    /// The exit code of a run that this signal ended.
    #[must_use]
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Interrupt => ExitCode::Interrupted,
            Self::Terminate => ExitCode::Terminated,
        }
    }
}

/// A run's stop switch. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    token: CancellationToken,
    signal: Arc<OnceLock<Signal>>,
}

impl Cancellation {
    /// Stops the run. Only the first signal counts.
    pub fn cancel(&self, signal: Signal) {
        self.signal.get_or_init(|| signal);
        self.token.cancel();
    }

    /// What stopped the run, once something did.
    #[must_use]
    pub fn signal(&self) -> Option<Signal> {
        self.signal.get().copied()
    }

    /// The token that work waits on.
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}
