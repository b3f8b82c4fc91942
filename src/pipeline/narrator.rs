//! Tells when stages begin and end. Every stage runs through here, so none can be forgotten in the events.

use std::{future::Future, time::Instant};

use super::{cancellation::Cancellation, failure::Failure};
use shipgate_core::event::{Emitter, Event, Outcome, Stage, milliseconds};

/// Tells a run's stages.
#[derive(Clone, Debug)]
pub struct Narrator {
    /// Where events go.
    pub events: Emitter,
    /// What stops the run.
    pub cancellation: Cancellation,
}

/// What a stage gave, and one line on it.
#[derive(Debug)]
pub struct Told<T> {
    /// What it gave.
    pub value: T,
    /// How it came out.
    pub outcome: Outcome,
    /// One line.
    pub detail: String,
}

impl<T> Told<T> {
    /// A stage that was done.
    pub fn done(value: T, detail: impl Into<String>) -> Self {
        Self { value, outcome: Outcome::Ok, detail: detail.into() }
    }

    /// A stage there was nothing to do in.
    pub fn skipped(value: T, detail: impl Into<String>) -> Self {
        Self { value, outcome: Outcome::Skip, detail: detail.into() }
    }
}

impl Narrator {
    /// Runs a stage to its end. Work that must not be cut off in the middle (a call that changes something) goes here.
    ///
    /// # Errors
    /// The stage's own failure, or [`Failure::Cancelled`] when the run was stopped before the stage began.
    pub fn stage<'a, T: 'a>(
        &'a self,
        stage: Stage,
        work: impl Future<Output = Result<Told<T>, Failure>> + 'a,
    ) -> impl Future<Output = Result<T, Failure>> + 'a {
        // On the heap: stages nest, and each level would carry the next one's whole state inline.
        self.tell(stage, Box::pin(work))
    }

    async fn tell<T>(&self, stage: Stage, work: impl Future<Output = Result<Told<T>, Failure>>) -> Result<T, Failure> {
        if let Some(signal) = self.cancellation.signal() {
            return Err(Failure::Cancelled { signal, stage });
        }
        let begun = Instant::now();
        self.events.emit(Event::StageStarted { stage });
        let result = work.await;
        let (outcome, detail) = match &result {
            Ok(told) => (told.outcome, told.detail.clone()),
            Err(failure) => (Outcome::Fail, failure.to_string()),
        };
        let elapsed_ms = milliseconds(begun.elapsed());
        self.events.emit(Event::StageFinished { stage, outcome, detail, elapsed_ms });
        result.map(|told| told.value)
    }

    /// Runs a stage that only reads: a signal drops it where it stands.
    ///
    /// # Errors
    /// The stage's own failure, or [`Failure::Cancelled`].
    pub fn reading_stage<'a, T: 'a>(
        &'a self,
        stage: Stage,
        work: impl Future<Output = Result<Told<T>, Failure>> + 'a,
    ) -> impl Future<Output = Result<T, Failure>> + 'a {
        let work = Box::pin(work);
        let cancellable = async move {
            tokio::select! {
                () = self.cancellation.token().cancelled() => Err(Failure::cancelled(self.cancellation.signal(), stage)),
                result = work => result,
            }
        };
        self.stage(stage, cancellable)
    }
}
