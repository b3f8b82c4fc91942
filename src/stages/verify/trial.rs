//! One container, from its making to its removal: does the I/O and the waiting, and asks `judge` what it means.

use std::{net::SocketAddr, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Exit, Verification, VerifyError, clean_up,
    command::missing_secrets,
    diagnosis::{Evidence, diagnose},
    judge::{Decision, Watch, exit_reason, longest_watch},
    output::Relay,
    probe::probe,
    unless_cancelled,
};
use crate::{
    docker::{
        Engine,
        container::{ContainerSpec, ContainerState},
        error::Tried,
        labels::labels,
        reach::{Here, own_address},
        sockets,
    },
    domain::{
        event::{Emitter, Event, milliseconds},
        mask::Mask,
        secret::Secret,
        service::RunSettings,
    },
};

/// How many lines of output are kept as evidence.
const LAST_LINES: usize = 20;

/// The exit code of what SIGKILL ended, as the kernel does when memory is over.
const KILLED: i64 = 137;

/// How long word of that may take.
const WORD_OF_MEMORY_LIMIT: Duration = Duration::from_secs(1);

/// Between two looks for it.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// How long the engine may take to give them.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(5);

/// Beyond the longest watch: starting, judging, cleaning up. What is older was left by a run that was killed.
const SPARE_LIFETIME: Duration = Duration::from_mins(10);

/// What a trial needs of its surroundings.
pub(super) struct Trial<'a> {
    pub(super) engine: &'a Engine,
    pub(super) settings: &'a RunSettings,
    pub(super) events: &'a Emitter,
    pub(super) cancel: &'a CancellationToken,
}

/// How the watching ended.
enum Ending {
    Judged(Decision),
    Exited(Exit),
    /// The engine's words on a command that it could not start.
    Refused(String),
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
        let mask = Mask::new(environment.iter().map(|(name, value)| (name, value)));
        let lifetime = longest_watch(&self.settings.health_check) + SPARE_LIFETIME;
        let spec = ContainerSpec {
            image: image.to_owned(),
            command,
            environment,
            cpu_units: self.settings.cpu_units,
            memory_mib: self.settings.memory_mib,
            labels: labels(run_id, Timestamp::now(), lifetime),
        };
        // Not raced with the cancellation: a container whose id never arrived could not be removed.
        let container = self.engine.create_container(&spec).await?;
        let judged = unless_cancelled(self.cancel, self.judge(&container, &mask)).await;
        clean_up(self.events, self.engine.remove_container(&container)).await;
        let verification = judged?;
        self.events.emit(Event::Verified {
            healthy: verification.healthy,
            reason: verification.reason.clone(),
            last_lines: verification.last_lines.clone(),
        });
        Ok(verification)
    }

    async fn judge(&self, container: &str, mask: &Mask) -> Result<Verification, VerifyError> {
        let mut watch = Watch::new(&self.settings.health_check);
        if let Err(error) = self.engine.start_container(container).await {
            if !error.is_refusal_to_start() {
                return Err(error.into());
            }
            return Ok(self.conclude(container, Ending::Refused(error.to_string()), watch, mask).await);
        }
        let started = Instant::now();
        let relay = Relay::start(self.engine, container, self.events, mask);
        let state = self.engine.container(container).await?;
        let ending = if state.running {
            let target = self.target(&state)?;
            self.announce(container, target);
            self.watch(container, target, started, &mut watch).await?
        } else {
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
        Ok(self.conclude(container, ending, watch, mask).await)
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

    /// The container's own address and the service's port, if that can be dialled from here.
    fn target(&self, state: &ContainerState) -> Result<SocketAddr, VerifyError> {
        let address = own_address(self.engine.facts(), &Here::look(), &state.addresses)
            .map_err(|tried| VerifyError::Unreachable { tried })?;
        Ok(SocketAddr::new(address, self.settings.port))
    }

    fn announce(&self, container: &str, target: SocketAddr) {
        self.events.emit(Event::ContainerStarted {
            container: container.to_owned(),
            address: target.to_string(),
            health_check: self.settings.health_check.clone(),
            missing_secrets: missing_secrets(self.settings),
        });
    }

    /// Probes until the probes or the container's end decide.
    async fn watch(
        &self,
        container: &str,
        target: SocketAddr,
        started: Instant,
        watch: &mut Watch,
    ) -> Result<Ending, VerifyError> {
        let mut exited = std::pin::pin!(self.engine.wait_until_exited(container));
        loop {
            let slot = watch.next();
            let probing = async {
                sleep_until(started + slot.at).await;
                probe(target, &self.settings.health_check, slot.limit).await
            };
            let seen = tokio::select! {
                biased;
                state = &mut exited => return Ok(Ending::Exited(exit(&state?, started.elapsed()))),
                seen = probing => seen,
            };
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
                    return Err(VerifyError::Unreachable {
                        tried: vec![Tried { address: target.to_string(), reason }],
                    });
                }
                return Ok(Ending::Judged(decision));
            }
        }
    }

    /// Makes the verdict of the ending, and gathers the evidence when it is a bad one.
    async fn conclude(&self, container: &str, ending: Ending, watch: Watch, mask: &Mask) -> Verification {
        let (decision, exit, refusal, mut reason) = match ending {
            Ending::Judged(decision) => (Some(decision), None, None, watch.reason(decision)),
            Ending::Exited(exit) => (None, Some(exit), None, self.exit_reason(exit)),
            Ending::Refused(refusal) => (None, None, Some(refusal.clone()), format!("could not be started: {refusal}")),
        };
        let healthy = decision == Some(Decision::Healthy);
        let probes = watch.into_records();
        let (mut last_lines, mut finding) = (Vec::new(), None);
        if !healthy {
            last_lines = self.last_lines(container, mask).await;
            let listening = self.listening(container).await;
            let found = diagnose(&Evidence {
                port: self.settings.port,
                exit,
                refusal: refusal.as_deref(),
                last_lines: &last_lines,
                decision,
                last_seen: probes.last().map(|record| &record.seen),
                listening: listening.as_deref(),
            });
            let addition = found.to_string();
            if !addition.is_empty() {
                reason = format!("{reason}: {addition}");
            }
            finding = Some(found);
        }
        let missing_secrets = missing_secrets(self.settings);
        Verification { healthy, reason, probes, exit, last_lines, missing_secrets, finding }
    }

    fn exit_reason(&self, exit: Exit) -> String {
        exit_reason(exit.code, exit.out_of_memory, self.settings.memory_mib, exit.after)
    }

    /// What the container listens on, where that can be seen from here. It only adds to a verdict that has fallen.
    async fn listening(&self, container: &str) -> Option<Vec<SocketAddr>> {
        let state = self.engine.container(container).await.ok()?;
        sockets::listening(state.pid?, state.addresses.first()?.address)
    }

    /// The evidence; that it cannot be had is told, and changes no verdict.
    async fn last_lines(&self, container: &str, mask: &Mask) -> Vec<String> {
        let message = match timeout(LAST_LINES_LIMIT, self.engine.last_lines(container, LAST_LINES)).await {
            Ok(Ok(lines)) => return lines.into_iter().map(|line| mask.apply(line)).collect(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("the container's output could not be read within {} s", LAST_LINES_LIMIT.as_secs()),
        };
        self.events.emit(Event::Warning { message });
        Vec::new()
    }
}

fn exit(state: &ContainerState, after: Duration) -> Exit {
    Exit { code: state.exit_code, out_of_memory: state.out_of_memory, after }
}
