//! Carries an operation through its phases: does what the phase asks for, reports to the state machine, writes down
//! what is to be seen. It decides nothing.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{
    App,
    config::{Configuration, RunSpec},
    engine::EngineError,
    failure::Failure,
    instance::Instance,
    journal::{self, Journal},
    machine::{self, Basis, Ending, Event, Phase, Step},
    proxy::Route,
    record::Service,
    script::Script,
    word::{OperationKind, ServiceStatus},
};
use crate::ecr::store::StoredImage;

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

/// An operation under way.
pub(super) struct Run<'a> {
    pub(super) app: &'a App,
    pub(super) job: &'a Job,
    pub(super) spec: RunSpec,
    pub(super) image: Option<Arc<StoredImage>>,
    pub(super) green: Option<Arc<Instance>>,
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
        // What is left undone by a shutdown has neither failed nor succeeded.
        if app.stopping.is_cancelled() {
            return;
        }
        run.record(step).await;
        phase = step.phase;
        if matches!(phase, Phase::Ended(_)) {
            return;
        }
    }
}

impl Run<'_> {
    /// Writes a line to the deployment's log.
    pub(super) fn say(&self, line: &str) {
        self.job.journal.deployment(&self.job.operation, line);
    }

    /// Does a phase's work, or what the script has instead of it, and takes its time.
    async fn perform(&mut self, phase: Phase) -> Event {
        let pause = tokio::time::sleep(self.app.options.pace.of(phase));
        let (event, failure) = match self.follow_script(phase).await {
            Some(Event::Done) => (Event::Done, None),
            Some(event @ (Event::Failed | Event::GivenUp | Event::TurnedBack)) => (event, self.reason_in(phase)),
            None if self.app.stopping.is_cancelled() => (Event::Done, None),
            None => match self.work(phase).await {
                Ok(()) => (Event::Done, None),
                Err(failure) => (Event::Failed, Some(failure)),
            },
        };
        let paused = self.unless_shutting_down(pause).await;
        if let (Some(failure), Ok(())) = (failure, paused) {
            self.explain(&failure);
        }
        event
    }

    /// Holds the operation back as long as its script says, and gives what the script has come of the phase.
    async fn follow_script(&mut self, phase: Phase) -> Option<Event> {
        let (script, kind) = (&self.job.script, self.job.basis.kind);
        if script.is_about(phase, kind) {
            if let Some(line) = &script.line {
                self.say(line);
            }
            let slow = tokio::time::sleep(Duration::from_millis(script.hold_ms));
            let held_back = async { tokio::join!(slow, self.job.released.cancelled()) };
            self.unless_shutting_down(held_back).await.ok()?;
        }
        let event = script.event_in(phase, kind)?;
        if phase == Phase::RollingBack
            && let Err(failure) = self.remove_green().await
        {
            self.say(&failure.to_string());
        }
        Some(event)
    }

    /// What a scripted failure gives as its reason. A failure of the way back has had its reason before.
    fn reason_in(&self, phase: Phase) -> Option<Failure> {
        let unhealthy = if self.job.basis.kind.only_stops() { Failure::Gone } else { Failure::Unhealthy };
        let failure = self.job.script.reason.clone().map_or(unhealthy, Failure::Scripted);
        (phase != Phase::RollingBack).then_some(failure)
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
        let (line, reason) = failure.lines(&self.spec);
        if let Some(line) = line {
            self.say(&line);
        }
        if !self.job.basis.kind.only_stops() {
            self.say(&journal::failed(&self.job.operation, &reason));
        }
    }

    /// Waits for something, unless the sandbox shuts down meanwhile.
    pub(super) async fn unless_shutting_down<T>(&self, something: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            done = something => Ok(done),
            () = self.app.stopping.cancelled() => Err(Failure::ShuttingDown),
        }
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
            service.record(&self.job.operation, step, self.job.basis, &self.job.previous, now);
            match step.phase {
                // Green serves from here on, whatever happens to this process.
                Phase::Draining => self.serves(service),
                Phase::Ended(Ending::Succeeded) => self.succeeded(service, now),
                Phase::Ended(Ending::Failed | Ending::RolledBack | Ending::RollbackFailed)
                | Phase::Pending
                | Phase::Pulling
                | Phase::Starting
                | Phase::Checking
                | Phase::Routing
                | Phase::RollingBack
                | Phase::Stopping => {}
            }
        });
        if matches!(step.phase, Phase::Ended(_)) {
            self.job.journal.event(&journal::status_set(step.service));
        }
    }

    fn serves(&self, service: &mut Service) {
        if let Some(image) = &self.image {
            service.deployed = Some(Arc::clone(image));
        }
    }

    fn succeeded(&self, service: &mut Service, now: Timestamp) {
        if let Some(green) = service.green.take() {
            service.blue = Some(green);
        }
        self.serves(service);
        if self.job.basis.kind == OperationKind::UpdateService && service.status == ServiceStatus::Paused {
            // The resume must not run what the update may have replaced.
            service.deployed = None;
        }
        if service.status == ServiceStatus::Deleted {
            service.deleted = Some(now);
            service.proxy = None;
        }
    }
}
