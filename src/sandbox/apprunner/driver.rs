//! Carries an operation through its phases: does what the phase asks for, reports to the state machine, writes down
//! what is to be seen. It decides nothing.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    App, command,
    config::{Configuration, RunSpec},
    engine::{ContainerSpec, EngineError},
    health,
    instance::{Instance, carry_output},
    journal::{self, Journal},
    machine::{self, Basis, Ending, Event, Phase, Step},
    proxy::Route,
    script::Script,
    word::{OperationKind, ServiceStatus},
};
use crate::{domain::digest::Digest, sandbox::ecr::store::StoredImage};

/// An accepted operation.
pub(super) struct Job {
    pub(super) arn: String,
    pub(super) operation: String,
    pub(super) basis: Basis,
    /// What a rollback returns to.
    pub(super) previous: Configuration,
    pub(super) script: Script,
    /// Cancelled when the script does not hold it back any more.
    pub(super) released: CancellationToken,
    pub(super) journal: Journal,
}

/// Why a phase could not be done.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the image can't be had: {0}")]
    Pull(String),
    #[error("runtime environment secret {name} can't be had: nothing is known of {arn}")]
    Secret { name: String, arn: String },
    #[error("{}", with_causes(.0))]
    Engine(EngineError),
    #[error("the container ended with exit code {0}")]
    Exited(i64),
    #[error("the health check failed")]
    Unhealthy,
    #[error("the service is gone")]
    Gone,
    #[error("{0}")]
    Scripted(String),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Exited(code) => Self::Exited(code),
            other @ (EngineError::Unreachable(_) | EngineError::Refused { .. } | EngineError::Layers(_)) => {
                Self::Engine(other)
            }
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// An operation under way.
struct Run<'a> {
    app: &'a App,
    job: &'a Job,
    spec: RunSpec,
    image: Option<Arc<StoredImage>>,
    green: Option<Arc<Instance>>,
}

/// Carries an operation to its end.
pub(super) async fn run(app: &App, job: &Job) {
    let Some(spec) = app.book.with_service(&job.arn, |service| service.configuration.run_spec()) else { return };
    let mut run = Run { app, job, spec, image: None, green: None };
    run.job.journal.event(&journal::status_set(ServiceStatus::OperationInProgress));
    if !job.basis.kind.only_stops() {
        run.say(&journal::started(&job.operation, job.basis.kind.trigger()));
    }
    let mut phase = Phase::Pending;
    while let Some(step) = machine::step(phase, run.perform(phase).await, job.basis) {
        run.record(step).await;
        phase = step.phase;
        if matches!(phase, Phase::Ended(_)) {
            return;
        }
    }
}

impl Run<'_> {
    fn say(&self, line: &str) {
        self.job.journal.deployment(&self.job.operation, line);
    }

    /// Does a phase's work, or what the script has instead of it, and takes its time.
    async fn perform(&mut self, phase: Phase) -> Event {
        let pause = tokio::time::sleep(self.app.options.pace.of(phase));
        if let Some(event) = self.follow_script(phase).await {
            pause.await;
            return event;
        }
        let (outcome, ()) = tokio::join!(self.work(phase), pause);
        match outcome {
            Ok(()) => Event::Done,
            Err(failure) => {
                self.explain(&failure);
                Event::Failed
            }
        }
    }

    /// Holds the operation back as long as its script says, and gives what the script has come of the phase.
    async fn follow_script(&mut self, phase: Phase) -> Option<Event> {
        let (script, kind) = (&self.job.script, self.job.basis.kind);
        if script.is_about(phase, kind) {
            script.line.iter().for_each(|line| self.say(line));
            tokio::time::sleep(Duration::from_millis(script.hold_ms)).await;
            self.job.released.cancelled().await;
        }
        let event = script.event_in(phase, kind)?;
        if matches!(event, Event::GivenUp | Event::TurnedBack) {
            let reason = script.reason.clone().unwrap_or_else(|| "Health check failed.".to_owned());
            self.explain(&Failure::Scripted(reason));
        }
        if phase == Phase::RollingBack
            && let Err(failure) = self.remove_green().await
        {
            self.say(&failure.to_string());
        }
        Some(event)
    }

    async fn work(&mut self, phase: Phase) -> Result<(), Failure> {
        match phase {
            Phase::Pending | Phase::Ended(_) => Ok(()),
            Phase::Pulling => self.pull(),
            Phase::Starting => self.start().await,
            Phase::Checking => self.check().await,
            Phase::Routing => self.route(),
            Phase::Draining => self.retire_blue().await,
            Phase::RollingBack => self.remove_green().await,
            Phase::Stopping => self.stop().await,
        }
    }

    fn explain(&self, failure: &Failure) {
        let rule = &self.spec.health;
        let (line, reason) = match failure {
            Failure::Pull(cause) => (journal::not_pulled(cause), "Failed to pull your application image.".to_owned()),
            Failure::Exited(code) => {
                (journal::exited(*code), "Your application stopped or failed to start.".to_owned())
            }
            Failure::Unhealthy => (journal::unhealthy(rule, self.spec.port), "Health check failed.".to_owned()),
            Failure::Scripted(reason) => (String::new(), reason.clone()),
            Failure::Secret { .. } | Failure::Engine(_) | Failure::Gone => (failure.to_string(), failure.to_string()),
        };
        if !line.is_empty() {
            self.say(&line);
        }
        if !self.job.basis.kind.only_stops() {
            self.say(&journal::failed(&self.job.operation, &reason));
        }
    }

    fn pull(&mut self) -> Result<(), Failure> {
        if self.app.options.scripted {
            return Ok(());
        }
        let deployed = || self.app.book.with_service(&self.job.arn, |service| service.deployed.clone()).flatten();
        // A resumed service runs what it ran, whatever its tag points at by now.
        let kept = if self.job.basis.kind == OperationKind::ResumeService { deployed() } else { None };
        let image = match kept {
            Some(image) => image,
            None => Arc::new(self.app.images.image(&self.spec.identifier).map_err(Failure::Pull)?),
        };
        self.image = Some(image);
        self.say(journal::PULLED);
        Ok(())
    }

    async fn start(&mut self) -> Result<(), Failure> {
        self.say(journal::PROVISIONING);
        let green = match self.image.clone() {
            None => Arc::new(Instance::scripted(self.spec.identifier.clone())),
            Some(image) => self.start_container(&image).await?,
        };
        self.keep_green(&green)
    }

    async fn start_container(&mut self, image: &StoredImage) -> Result<Arc<Instance>, Failure> {
        let engine = &self.app.engine;
        let environment = self.environment()?;
        let digest = image.digest.to_string();
        let image = engine.load(image).await?;
        // One operation starts one instance, and ids must not depend on which of two operations is faster.
        let instance = Digest::of(self.job.operation.as_bytes()).hex()[..32].to_owned();
        let container = engine
            .create(ContainerSpec {
                instance: instance.clone(),
                image,
                environment,
                command: self.spec.start_command.as_deref().map(command::words),
                memory_mib: self.spec.memory_mib,
            })
            .await?;
        let started = engine.start(&container, self.spec.port).await;
        let output = carry_output(Arc::clone(engine), container.clone(), self.job.journal.clone(), instance);
        match started {
            Ok(address) => Ok(Arc::new(Instance::in_container(digest, container, address, tokio::spawn(output)))),
            Err(error) => {
                if matches!(error, EngineError::Exited(_)) {
                    let _ = tokio::time::timeout(Duration::from_secs(3), output).await;
                }
                engine.remove(&container).await?;
                Err(error.into())
            }
        }
    }

    /// Name=value pairs; `PORT` last, so that it is App Runner's.
    fn environment(&self) -> Result<Vec<String>, Failure> {
        let mut pairs: Vec<String> =
            self.spec.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (name, arn) in &self.spec.secrets {
            let value = self.app.options.secrets.get(arn);
            let value = value.ok_or_else(|| Failure::Secret { name: name.clone(), arn: arn.clone() })?;
            pairs.push(format!("{name}={value}"));
        }
        pairs.push(format!("PORT={}", self.spec.port));
        Ok(pairs)
    }

    fn keep_green(&mut self, green: &Arc<Instance>) -> Result<(), Failure> {
        self.green = Some(Arc::clone(green));
        let kept = self.app.book.with_service(&self.job.arn, |service| service.green = Some(Arc::clone(green)));
        kept.ok_or(Failure::Gone)
    }

    async fn check(&self) -> Result<(), Failure> {
        self.say(&journal::checking(&self.spec.health, self.spec.port));
        if let Some((container, address)) = self.green.as_ref().and_then(|green| green.probed()) {
            let client = self.app.client.as_ref().map_err(|_| Failure::Gone)?;
            let scale = self.app.options.time_scale;
            tokio::select! {
                healthy = health::wait_for_finding(client, &self.spec.health, address, scale) => {
                    if !healthy {
                        return Err(Failure::Unhealthy);
                    }
                }
                code = self.app.engine.wait_for_exit(container) => return Err(Failure::Exited(code?)),
            }
        }
        self.say(journal::HEALTHY);
        Ok(())
    }

    fn route(&self) -> Result<(), Failure> {
        let green = self.green.clone().ok_or(Failure::Gone)?;
        let proxy = self.app.book.with_service(&self.job.arn, |service| service.proxy.clone()).flatten();
        proxy.ok_or(Failure::Gone)?.traffic().switch(green.route());
        self.say(journal::ROUTED);
        Ok(())
    }

    async fn retire_blue(&self) -> Result<(), Failure> {
        // From here on green is what serves, also if the old blue makes trouble.
        let blue = self.app.book.with_service(&self.job.arn, |service| {
            let green = service.green.take();
            std::mem::replace(&mut service.blue, green)
        });
        match blue.flatten() {
            Some(blue) => Ok(self.retire(&blue).await?),
            None => Ok(()),
        }
    }

    async fn retire(&self, instance: &Instance) -> Result<(), EngineError> {
        let options = &self.app.options;
        instance.retire(&self.app.engine, options.drain_cap, options.stop_grace).await
    }

    async fn remove_green(&mut self) -> Result<(), Failure> {
        self.app.book.with_service(&self.job.arn, |service| service.green = None);
        match self.green.take() {
            Some(green) => Ok(green.retire(&self.app.engine, Duration::ZERO, Duration::ZERO).await?),
            None => Ok(()),
        }
    }

    /// Takes the serving instance away; if that fails, it goes on serving.
    async fn stop(&self) -> Result<(), Failure> {
        let pausing = self.job.basis.kind == OperationKind::PauseService;
        let seen = self.app.book.with_service(&self.job.arn, |service| (service.proxy.clone(), service.blue.clone()));
        let (proxy, blue) = seen.ok_or(Failure::Gone)?;
        let nowhere = if pausing { Route::Paused } else { Route::Nowhere };
        let before = proxy.as_ref().map(|proxy| proxy.traffic().switch(nowhere));
        if let Some(blue) = blue
            && let Err(error) = self.retire(&blue).await
        {
            if let (Some(proxy), Some(route)) = (proxy, before) {
                proxy.traffic().switch(route);
            }
            return Err(error.into());
        }
        self.app.book.with_service(&self.job.arn, |service| service.blue = None);
        Ok(())
    }

    /// Writes a step down, and tidies up where it ends.
    async fn record(&mut self, step: Step) {
        if step.phase == Phase::Ended(Ending::Failed) {
            // There is no rollback to take green away.
            if let Err(failure) = self.remove_green().await {
                self.say(&failure.to_string());
            }
        }
        let now = Timestamp::now();
        self.app.book.with_service(&self.job.arn, |service| {
            service.status = step.service;
            service.updated = now;
            if let Some(operation) = service.operations.iter_mut().find(|known| known.id == self.job.operation) {
                operation.status = step.operation;
                operation.updated = now;
                operation.ended = step.operation.is_terminal().then_some(now);
            }
            let Phase::Ended(ending) = step.phase else { return };
            match ending {
                Ending::Succeeded => self.succeeded(service, now),
                // The configuration that is described is that of what serves; a rebuild that failed keeps the new one.
                Ending::Failed if !self.job.basis.serving => {}
                Ending::Failed | Ending::RolledBack | Ending::RollbackFailed => {
                    service.configuration = self.job.previous.clone();
                }
            }
        });
        if matches!(step.phase, Phase::Ended(_)) {
            self.job.journal.event(&journal::status_set(step.service));
        }
    }

    fn succeeded(&self, service: &mut super::record::Service, now: Timestamp) {
        if let Some(green) = service.green.take() {
            service.blue = Some(green);
        }
        if let Some(image) = &self.image {
            service.deployed = Some(Arc::clone(image));
        }
        if service.status == ServiceStatus::Deleted {
            service.deleted = Some(now);
            service.proxy = None;
        }
    }
}
