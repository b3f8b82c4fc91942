//! How much memory a container takes, as the engine counts it: evidence for a diagnosis, never for a verdict.

use std::future::ready;

use bollard::query_parameters::StatsOptions;
use futures_util::{Stream, StreamExt as _};

use super::connect::Engine;

impl Engine {
    /// The bytes a container takes, about once a second until it ends; no more when the engine does not tell. What it
    /// took in its very last moment is not among them.
    pub fn memory_use(&self, container: &str) -> impl Stream<Item = u64> + use<> {
        let options = StatsOptions { stream: true, one_shot: false };
        let samples = self.docker.stats(container, Some(options));
        let told = samples.take_while(|sample| ready(sample.is_ok()));
        told.filter_map(|sample| {
            let memory = sample.ok().and_then(|sample| sample.memory_stats).unwrap_or_default();
            ready(memory.usage.max(memory.max_usage).filter(|bytes| *bytes > 0))
        })
    }
}
