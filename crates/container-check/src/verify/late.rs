//! What becomes of a container after the thresholds have decided against it: evidence, and no verdict.

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, timeout};

use super::{
    Exit,
    conclusion::{Ending, Gathered, Late},
    judge::{Decision, Watch, allowed, early_pause},
    probe::Seen,
    reach::{Prober, Reach},
    trial::{Trial, exit},
};
use shipgate_core::{
    event::{Event, milliseconds},
    health::HealthCheck,
};

/// The exit code of what SIGKILL ended, as the kernel does when memory is over.
const KILLED: i64 = 137;

/// How long word of that may take.
const WORD_OF_MEMORY_LIMIT: Duration = Duration::from_secs(1);

/// Between two looks for it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The longest that a container is watched on only to tell when it would have been ready.
const LATE_LIMIT: Duration = Duration::from_secs(15);

impl Trial<'_> {
    /// Gathers what explains a verdict of the probes.
    pub(super) async fn gather(
        &self,
        container: &str,
        reach: &Reach<'_>,
        prober: &mut Prober,
        (watch, ending): (&Watch, &Ending),
        started: Instant,
    ) -> Gathered {
        let mut gathered = Gathered::default();
        if !matches!(ending, Ending::Judged(Decision::Unhealthy | Decision::Flapping | Decision::Relapsed)) {
            return gathered;
        }
        if watch.last_seen().is_some_and(is_unidentified) {
            gathered.spoken = prober.identify(self.settings.health_check.timeout()).await;
        }
        if matches!(ending, Ending::Judged(Decision::Relapsed)) {
            return gathered;
        }
        gathered.listening = reach.listening(container, self.settings.port, prober).await;
        if watch.saw_not_yet() && !self.is_elsewhere(gathered.listening.as_deref()) {
            self.tell_that_it_is_judged(watch, ending);
            gathered.late = self.late(container, prober, started).await;
        }
        gathered
    }

    /// Whether it is known already why nobody answers: it listens, and not where it is asked.
    fn is_elsewhere(&self, listening: Option<&[SocketAddr]>) -> bool {
        let port = self.settings.port;
        listening.is_some_and(|sockets| {
            !sockets.is_empty() && sockets.iter().all(|socket| socket.port() != port || socket.ip().is_loopback())
        })
    }

    /// The verdict does not wait for its diagnosis.
    fn tell_that_it_is_judged(&self, watch: &Watch, ending: &Ending) {
        if let Ending::Judged(decision) = ending {
            let within_ms = milliseconds(late_limit(&self.settings.health_check));
            self.events.emit(Event::Judged { reason: watch.reason(*decision), within_ms });
        }
    }

    /// What becomes of an application that the thresholds have decided against, if that is soon.
    async fn late(&self, container: &str, prober: &mut Prober, started: Instant) -> Option<Late> {
        let check = &self.settings.health_check;
        let ready = async {
            // A sidecar that broke off has no more to say.
            while !prober.probe(check, check.timeout()).await.ok()?.passes() {
                tokio::time::sleep(early_pause(started.elapsed())).await;
            }
            Some(started.elapsed())
        };
        tokio::select! {
            biased;
            state = self.engine.wait_until_exited(container) => {
                let exit = exit(&state.ok()?, started.elapsed());
                Some(Late::Ended(self.with_word_of_memory(container, exit).await))
            }
            ready = timeout(late_limit(check), ready) => ready.ok().flatten().map(Late::Ready),
        }
    }

    /// An engine learns that the kernel killed for memory a moment after it learns of the end: a kill is looked at again.
    pub(super) async fn with_word_of_memory(&self, container: &str, exit: Exit) -> Exit {
        let deadline = Instant::now() + WORD_OF_MEMORY_LIMIT;
        let mut exit = exit;
        while exit.code == KILLED && !exit.out_of_memory && Instant::now() < deadline {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            // That it cannot be seen again changes nothing.
            exit.out_of_memory = self.engine.container(container).await.is_ok_and(|state| state.out_of_memory);
        }
        exit
    }
}

/// Whether a port that accepts connections has not shown what it speaks.
fn is_unidentified(seen: &Seen) -> bool {
    matches!(seen, Seen::NotHttp { .. } | Seen::TimedOut { connected: true, .. })
}

/// How long a container is watched on after a bad verdict.
fn late_limit(check: &HealthCheck) -> Duration {
    allowed(check).min(LATE_LIMIT)
}
