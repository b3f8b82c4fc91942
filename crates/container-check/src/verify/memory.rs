//! Watches how much memory the container takes, as evidence: nobody waits for it.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::StreamExt as _;
use tokio::task::JoinSet;

use crate::docker::Engine;

/// The most that was seen so far. Stops looking when dropped.
pub(super) struct MemoryPeak {
    bytes: Arc<AtomicU64>,
    _task: JoinSet<()>,
}

impl MemoryPeak {
    pub(super) fn watch(engine: &Engine, container: &str) -> Self {
        let (samples, bytes) = (engine.memory_use(container), Arc::<AtomicU64>::default());
        let (mut task, seen) = (JoinSet::new(), Arc::clone(&bytes));
        task.spawn(async move {
            let mut samples = pin!(samples);
            while let Some(sample) = samples.next().await {
                seen.fetch_max(sample, Ordering::Relaxed);
            }
        });
        Self { bytes, _task: task }
    }

    /// In bytes; `None` when the engine has not told any.
    pub(super) fn seen(&self) -> Option<u64> {
        Some(self.bytes.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }
}
