//! One container, from its making to its removal: does the I/O and the waiting, and asks `judge` what it means.

use std::{net::SocketAddr, path::Path, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Exit, Verification, VerifyError,
    cleaning::{clean_up, container_name, made, way_in},
    command::{missing_secrets, stubbed_secrets},
    conclusion::{Ending, Gathered, Late},
    finding::Finding,
    judge::{Decision, Watch, allowed, early_pause, longest_watch, seconds, whole_seconds},
    memory::MemoryPeak,
    output::Relay,
    reach::{Doubt, Prober, Reach},
    tell, unless_cancelled,
};
use crate::{
    docker::{
        Engine,
        container::{ContainerSpec, ContainerState},
        error::Tried,
        labels::{kept, labels},
    },
    domain::{
        event::{Emitter, Event, milliseconds},
        health::HealthCheck,
        mask::Mask,
        reach::ReachChoice,
        secret::Secret,
        service::RunSettings,
        service_secret::is_stand_in,
    },
};

/// The exit code of what SIGKILL ended, as the kernel does when memory is over.
const KILLED: i64 = 137;

/// How long word of that may take.
const WORD_OF_MEMORY_LIMIT: Duration = Duration::from_secs(1);

/// Between two looks for it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// The longest that a container is watched on only to tell when it would have been ready.
const LATE_LIMIT: Duration = Duration::from_secs(15);

/// How long an application that was told to end is given before that is told: App Runner's own grace is not documented,
/// and one that handles the signal at all ends sooner.
const SIGTERM_GRACE: Duration = Duration::from_secs(3);

/// Beyond the longest watch: starting, judging, cleaning up. What is older was left by a run that was killed.
const SPARE_LIFETIME: Duration = Duration::from_mins(10);

/// What a trial needs of its surroundings.
pub(super) struct Trial<'a> {
    pub(super) engine: &'a Engine,
    pub(super) settings: &'a RunSettings,
    pub(super) events: &'a Emitter,
    pub(super) cancel: &'a CancellationToken,
    /// How long it is watched on once it is healthy.
    pub(super) stay: Duration,
    /// How the container is reached.
    pub(super) reach: &'a ReachChoice,
    /// The sidecar's executable, where it is not this program's own.
    pub(super) sidecar: Option<&'a Path>,
    /// Whether it is left in the engine.
    pub(super) keep: bool,
}

impl Trial<'_> {
    /// Makes the container, has it judged, and removes it.
    pub(super) async fn run(
        &self,
        image: &str,
        run_id: &str,
        command: Option<Vec<String>>,
        environment: Vec<(String, Secret)>,
    ) -> Result<Verification, VerifyError> {
        let confidential = environment.iter().filter(|(name, value)| !is_stand_in(name, value));
        let mask = Mask::new(confidential.map(|(name, value)| (name, value)));
        let lifetime = longest_watch(&self.settings.health_check, self.stay) + SPARE_LIFETIME;
        let labels = labels(run_id, Timestamp::now(), lifetime);
        let reach = Reach::new(self.engine, self.reach, self.sidecar, run_id, labels.clone());
        let network = match unless_cancelled(self.cancel, async { Ok(reach.prepare().await) }).await {
            Ok(network) => network,
            Err(error) => {
                reach.clean_up(self.events, self.cancel, false).await;
                return Err(error);
            }
        };
        let spec = ContainerSpec {
            image: image.to_owned(),
            command,
            environment,
            cpu_units: self.settings.cpu_units,
            memory_mib: self.settings.memory_mib,
            network,
            name: container_name(run_id),
            labels: if self.keep { kept(run_id) } else { labels },
        };
        let container = match made(self.cancel, self.engine.create_container(&spec)).await {
            Ok(container) => container,
            Err(error) => {
                // The engine may have made it all the same.
                if matches!(error, VerifyError::Cancelled) {
                    self.remove(&spec.name).await;
                }
                reach.clean_up(self.events, self.cancel, false).await;
                return Err(error);
            }
        };
        let mut judged = unless_cancelled(self.cancel, self.judge(&container, &reach, &mask)).await;
        if let Ok(verification) = &mut judged {
            // Nobody has to wait for what comes after the verdict.
            tell(self.events, verification);
            self.tell_of_a_near_miss(verification);
            // What is kept is kept running, to be looked at.
            if verification.healthy && !self.keep {
                verification.finding = self.after_sigterm(&container).await;
            }
        }
        reach.leave(self.events, self.cancel).await;
        let keeps = self.keep && !matches!(judged, Err(VerifyError::Cancelled));
        if keeps {
            self.tell_the_way_in(&spec.name).await;
        } else {
            self.remove(&container).await;
        }
        reach.clean_up(self.events, self.cancel, keeps).await;
        judged
    }

    async fn remove(&self, container: &str) {
        clean_up(self.events, self.cancel, self.engine.remove_container(container)).await;
    }

    async fn tell_the_way_in(&self, name: &str) {
        // A container that cannot be looked at is told of as one that has ended: its output can still be read.
        let running = self.engine.container(name).await.is_ok_and(|state| state.running);
        self.events.emit(Event::Notice { message: way_in(self.engine.facts(), name, running) });
    }

    fn tell_of_a_near_miss(&self, verification: &Verification) {
        if let Some(ready) = verification.ready.filter(|_| verification.nearly_too_slow) {
            let (ready, allowed) = (seconds(ready), whole_seconds(verification.allowed));
            let message = format!(
                "it was ready after {ready}, and the health check gives up after {allowed}: App Runner's machines may be slower"
            );
            self.events.emit(Event::Notice { message });
        }
    }

    /// Tells a healthy application to end, as App Runner does with every deployment. Whether it does changes no verdict.
    async fn after_sigterm(&self, container: &str) -> Option<Finding> {
        let ends = async {
            self.engine.send_sigterm(container).await?;
            Ok(timeout(SIGTERM_GRACE, self.engine.wait_until_exited(container)).await.is_ok())
        };
        match unless_cancelled(self.cancel, ends).await {
            Ok(true) | Err(VerifyError::Cancelled) => None,
            Ok(false) => {
                let finding = Finding::IgnoresSigterm { grace: SIGTERM_GRACE };
                let (told, hint) = (finding.addition().unwrap_or_default(), finding.hint(&[]));
                self.events.emit(Event::Warning { message: format!("{}: {told}; {hint}", finding.name()) });
                Some(finding)
            }
            Err(error) => {
                self.events.emit(Event::Warning { message: format!("how it takes SIGTERM is not known: {error}") });
                None
            }
        }
    }

    async fn judge(&self, container: &str, reach: &Reach<'_>, mask: &Mask) -> Result<Verification, VerifyError> {
        let mut watch = Watch::new(&self.settings.health_check, self.stay);
        if let Err(error) = self.engine.start_container(container).await {
            if !error.is_refusal_to_start() {
                return Err(error.into());
            }
            let refused = Ending::Refused(error.to_string());
            return Ok(self.conclude(container, refused, watch, mask, Gathered::default()).await);
        }
        let started = Instant::now();
        let relay = Relay::start(self.engine, container, self.events, mask);
        let memory = MemoryPeak::watch(self.engine, container);
        let state = self.engine.container(container).await?;
        let mut gathered = Gathered::default();
        let ending = if state.running {
            let unreachable = |tried| VerifyError::Unreachable { tried };
            let mut prober = reach.prober(container, &state, self.settings.port).await.map_err(unreachable)?;
            self.announce(container, (prober.address(), prober.way()), reach);
            let ending = self.watch(container, reach, &mut prober, started, &mut watch, mask).await?;
            if matches!(ending, Ending::Judged(Decision::Unhealthy | Decision::Flapping)) {
                // It only adds to a verdict that has fallen.
                gathered.listening = reach.listening(container, self.settings.port, &mut prober).await;
                if watch.saw_not_yet() && !self.is_elsewhere(gathered.listening.as_deref()) {
                    self.tell_that_it_is_judged(&watch, &ending);
                    gathered.late = self.late(container, &mut prober, started).await;
                }
            }
            ending
        } else {
            self.announce(container, (String::new(), "it ended before it was dialled"), reach);
            Ending::Exited(exit(&state, started.elapsed()))
        };
        let ending = match ending {
            Ending::Exited(exit) => Ending::Exited(self.with_word_of_memory(container, exit).await),
            other @ (Ending::Judged(_) | Ending::Refused(_)) => other,
        };
        if let Ending::Exited(exit) = &ending {
            relay.drain().await;
            self.events.emit(Event::ContainerExited { exit_code: exit.code, out_of_memory: exit.out_of_memory });
        }
        gathered.peak_bytes = memory.seen();
        Ok(self.conclude(container, ending, watch, mask, gathered).await)
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
    async fn with_word_of_memory(&self, container: &str, exit: Exit) -> Exit {
        let deadline = Instant::now() + WORD_OF_MEMORY_LIMIT;
        let mut exit = exit;
        while exit.code == KILLED && !exit.out_of_memory && Instant::now() < deadline {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            // That it cannot be seen again changes nothing.
            exit.out_of_memory = self.engine.container(container).await.is_ok_and(|state| state.out_of_memory);
        }
        exit
    }

    fn announce(&self, container: &str, (address, way): (String, &str), reach: &Reach<'_>) {
        self.events.emit(Event::ContainerStarted {
            container: container.to_owned(),
            address,
            way: way.to_owned(),
            not_used: reach.tried().iter().map(Tried::to_string).collect(),
            health_check: self.settings.health_check.clone(),
            missing_secrets: missing_secrets(self.settings),
            stubbed_secrets: stubbed_secrets(self.settings),
        });
    }

    /// Probes until the probes or the container's end decide.
    async fn watch(
        &self,
        container: &str,
        reach: &Reach<'_>,
        prober: &mut Prober,
        started: Instant,
        watch: &mut Watch,
        mask: &Mask,
    ) -> Result<Ending, VerifyError> {
        let mut exited = std::pin::pin!(self.engine.wait_until_exited(container));
        loop {
            let slot = watch.next();
            let probing = async {
                sleep_until(started + slot.at).await;
                prober.probe(&self.settings.health_check, slot.limit).await
            };
            let seen = tokio::select! {
                biased;
                state = &mut exited => return Ok(Ending::Exited(exit(&state?, started.elapsed()))),
                seen = probing => seen?.masked(mask),
            };
            if let Some(doubt) = prober.doubt(&seen) {
                if self.goes_beside(container, reach, prober, &doubt).await {
                    continue;
                }
                if let Doubt::Somebody(reason) = doubt {
                    // The address of a container that has ended may be another one's by now.
                    let now = self.engine.container(container).await?;
                    if !now.running {
                        return Ok(Ending::Exited(exit(&now, started.elapsed())));
                    }
                    reach.pass_over(prober.address(), reason);
                    return Err(VerifyError::Unreachable { tried: reach.tried() });
                }
            }
            if let Some(record) = watch.take(slot, seen, started.elapsed()) {
                self.events.emit(Event::Probed {
                    number: record.number,
                    passed: record.seen.passes(),
                    detail: record.seen.to_string(),
                    at_ms: milliseconds(record.at),
                });
            }
            if let Some(decision) = watch.decision() {
                if decision == Decision::Silent {
                    let reason = format!("{}, and none ever reached it", watch.reason(decision));
                    let mut tried = reach.tried();
                    tried.push(Tried { address: prober.address(), reason });
                    return Err(VerifyError::Unreachable { tried });
                }
                return Ok(Ending::Judged(decision));
            }
        }
    }

    /// A probe that did not get there says nothing of the application, and one that somebody else answered neither. Where there
    /// is another way, that is gone, once.
    async fn goes_beside(&self, container: &str, reach: &Reach<'_>, prober: &mut Prober, doubt: &Doubt) -> bool {
        let Prober::Direct { target, is_the_only_way, .. } = prober else { return false };
        if std::mem::replace(is_the_only_way, true) {
            return false;
        }
        let reason = match doubt {
            Doubt::Unheard(seen) => seen.as_str(),
            Doubt::Somebody(reason) => reason,
        };
        reach.pass_over(target.to_string(), reason);
        let Some(beside) = reach.beside(container, self.settings.port).await else { return false };
        *prober = beside;
        self.announce(container, (prober.address(), prober.way()), reach);
        true
    }
}

/// How long a container is watched on after a bad verdict.
fn late_limit(check: &HealthCheck) -> Duration {
    allowed(check).min(LATE_LIMIT)
}

fn exit(state: &ContainerState, after: Duration) -> Exit {
    Exit { code: state.exit_code, out_of_memory: state.out_of_memory, after }
}
