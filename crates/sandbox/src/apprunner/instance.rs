//! A running instance: its container, the requests it answers, and the task that carries its output to the logs.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::{
    engine::{Engine, EngineError, Source},
    journal::{Journal, Lines},
    proxy::{Route, Upstream},
};

/// How long the last lines of a container that has ended may take to arrive.
const OUTPUT_CAP: Duration = Duration::from_secs(3);

/// An instance; dropped, it stops carrying output. The container is removed by whoever retires it.
pub(super) struct Instance {
    /// What it runs: a digest, or its identifier where there is no such image (of a service without containers).
    image: String,
    /// `None`: scripted, nothing runs.
    running: Option<Running>,
}

struct Running {
    container: String,
    /// `None`: it ended as soon as it was started.
    upstream: Option<Upstream>,
    output: Mutex<Option<OutputTask>>,
}

/// Aborted when dropped.
struct OutputTask(JoinHandle<()>);

impl Drop for OutputTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Instance {
    /// An instance of which nothing runs.
    pub(super) fn scripted(image: String) -> Self {
        Self { image, running: None }
    }

    /// What it runs.
    pub(super) fn image(&self) -> &str {
        &self.image
    }

    /// The instance in a container that has been started, and where it answers. From now on its output is carried to
    /// the journal as that of `instance`.
    pub(super) fn in_container(
        engine: &Arc<Engine>,
        image: String,
        container: String,
        address: Option<SocketAddr>,
        journal: Journal,
        instance: String,
    ) -> Self {
        let upstream = address.map(Upstream::new);
        let (engine, watched, ended) = (Arc::clone(engine), container.clone(), upstream.clone());
        let task = tokio::spawn(async move {
            carry_output(&engine, &watched, &journal, &instance).await;
            if let (Ok(_), Some(upstream)) = (engine.wait_for_exit(&watched).await, ended) {
                upstream.mark_ended();
            }
        });
        Self { image, running: Some(Running { container, upstream, output: Mutex::new(Some(OutputTask(task))) }) }
    }

    /// The route to it.
    pub(super) fn route(&self) -> Route {
        match &self.running {
            None => Route::Scripted,
            Some(running) => running.upstream.clone().map_or(Route::Nowhere, Route::To),
        }
    }

    /// The container it runs in, and where it answers; `None` if nothing runs that could be probed.
    pub(super) fn probed(&self) -> Option<(&str, Option<SocketAddr>)> {
        let address = |running: &Running| running.upstream.as_ref().map(Upstream::address);
        self.running.as_ref().map(|running| (running.container.as_str(), address(running)))
    }

    /// Lets requests in flight finish, asks it to end, keeps its last lines, and removes it. Traffic must have been
    /// switched away before.
    pub(super) async fn retire(
        &self,
        engine: &Engine,
        drain_cap: Duration,
        grace: Duration,
    ) -> Result<(), EngineError> {
        let Some(running) = &self.running else { return Ok(()) };
        if let Some(upstream) = &running.upstream {
            upstream.drain(drain_cap).await;
        }
        engine.stop(&running.container, grace).await?;
        let task = running.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task {
            let _ = tokio::time::timeout(OUTPUT_CAP, &mut task.0).await;
        }
        engine.remove(&running.container).await
    }
}

/// Carries a container's output to the application's log group, line by line, until it ends.
async fn carry_output(engine: &Engine, container: &str, journal: &Journal, instance: &str) {
    let Ok(output) = engine.output(container).await else { return };
    let mut output = std::pin::pin!(output);
    let (mut stdout, mut stderr) = (Lines::default(), Lines::default());
    while let Some(piece) = output.next().await {
        let lines = match piece.source {
            Source::StdOut => stdout.push(&piece.bytes),
            Source::StdErr => stderr.push(&piece.bytes),
        };
        for line in &lines {
            journal.application(instance, line);
        }
    }
    for last in [stdout.finish(), stderr.finish()].into_iter().flatten() {
        journal.application(instance, &last);
    }
}
