//! One container, from its making to its removal: does the I/O and the waiting, and asks `judge` what it means.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Exit, Verification, VerifyError,
    cleaning::{clean_up, container_name, made, way_in},
    command::{missing_secrets, stubbed_secrets},
    conclusion::{Ending, Gathered},
    diagnosis::of_refusal,
    finding::Finding,
    judge::{Decision, Watch, longest_watch, seconds, whole_seconds},
    memory::MemoryPeak,
    output::Relay,
    privileges::may_be_missing,
    reach::{Doubt, Prober, Reach},
    tell, unless_cancelled,
};
use crate::docker::{
    Engine,
    container::{ContainerSpec, ContainerState},
    error::Tried,
    labels::{kept, labels},
};
use shipgate_core::{
    event::{Emitter, Event, milliseconds},
    mask::Mask,
    reach::ReachChoice,
    secret::Secret,
    service::RunSettings,
    service_secret::is_stand_in,
};

/// How long an application that was told to end is given before that is told: App Runner's own grace is not documented,
/// and one that handles the signal at all ends sooner.
const SIGTERM_GRACE: Duration = Duration::from_secs(3);

/// Beyond the longest watch: starting, judging, cleaning up. What is older was left by a run that was killed.
const SPARE_LIFETIME: Duration = Duration::from_mins(10);

/// What is said before an application is checked again without the restriction.
const WITH_PRIVILEGES: &str = "the application may need a setuid program or file capabilities, which no-new-privileges \
                               prevents here and App Runner may allow: it is checked again without";

/// What the container is given: its command, and its environment.
#[derive(Clone)]
pub(super) struct Inputs {
    pub(super) command: Option<Vec<String>>,
    pub(super) environment: Vec<(String, Secret)>,
}

/// How a check ended.
enum Attempt {
    /// With a verdict that stands.
    Judged(Box<Verification>),
    /// With one that may be due to the privileges that the container could not gain.
    Doubted(Box<Verification>),
}

impl Attempt {
    fn judged(verification: Verification) -> Self {
        Self::Judged(Box::new(verification))
    }
}

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
    /// Makes the container, has it judged, and removes it. An application that may need privileges that the container cannot
    /// gain is judged by a second container that can.
    pub(super) async fn run(&self, image: &str, run_id: &str, inputs: Inputs) -> Result<Verification, VerifyError> {
        let restricted = self.attempt(image, run_id, inputs.clone(), true).await?;
        if let Attempt::Judged(verification) = restricted {
            return Ok(*verification);
        }
        self.events.emit(Event::Notice { message: WITH_PRIVILEGES.to_owned() });
        match self.attempt(image, run_id, inputs, false).await? {
            Attempt::Judged(verification) | Attempt::Doubted(verification) => Ok(*verification),
        }
    }

    async fn attempt(
        &self,
        image: &str,
        run_id: &str,
        Inputs { command, environment }: Inputs,
        no_new_privileges: bool,
    ) -> Result<Attempt, VerifyError> {
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
            no_new_privileges,
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
                return self.not_created(error).map(Attempt::judged);
            }
        };
        let judged = unless_cancelled(self.cancel, self.judge(&container, &reach, &mask)).await;
        let mut judged = match judged {
            Ok(verification) if no_new_privileges && self.lacks_privileges(&container, &verification).await => {
                Ok(Attempt::Doubted(Box::new(verification)))
            }
            judged => judged.map(Attempt::judged),
        };
        if let Ok(Attempt::Judged(verification)) = &mut judged {
            // Nobody has to wait for what comes after the verdict.
            tell(self.events, verification);
            self.tell_of_a_near_miss(verification);
            // What is kept is kept running, to be looked at.
            if verification.healthy && !self.keep {
                verification.finding = self.after_sigterm(&container).await;
            }
        }
        reach.leave(self.events, self.cancel).await;
        let is_final = !matches!(judged, Err(VerifyError::Cancelled) | Ok(Attempt::Doubted(_)));
        let keeps = self.keep && is_final;
        if keeps {
            self.tell_the_way_in(&spec.name).await;
        } else {
            self.remove(&container).await;
        }
        reach.clean_up(self.events, self.cancel, keeps).await;
        judged
    }

    /// The verdict on an image that the engine makes no container of, if the image is at fault.
    fn not_created(&self, error: VerifyError) -> Result<Verification, VerifyError> {
        let VerifyError::Engine(refusal) = &error else { return Err(error) };
        if !refusal.is_refusal_to_create() {
            return Err(error);
        }
        let refusal = refusal.to_string();
        let verification = Verification::unfit(of_refusal(&refusal), self.settings, Some(refusal));
        tell(self.events, &verification);
        Ok(verification)
    }

    async fn lacks_privileges(&self, container: &str, verification: &Verification) -> bool {
        if verification.healthy {
            return false;
        }
        // A user that cannot be looked up is taken for root: only the words of a setuid program count then.
        let user = self.engine.container_command(container).await.map(|command| command.user).unwrap_or_default();
        may_be_missing(verification, &user)
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
        reach.expect_silence(self.settings.port, &self.settings.health_check).await?;
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
            if matches!(ending, Ending::Judged(_)) {
                self.corroborate(container, reach, &mut prober).await?;
            }
            gathered = self.gather(container, reach, &mut prober, (&watch, &ending), started).await;
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
                    detail: record.seen.describe(&self.settings.health_check),
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

pub(super) fn exit(state: &ContainerState, after: Duration) -> Exit {
    Exit { code: state.exit_code, out_of_memory: state.out_of_memory, after }
}
