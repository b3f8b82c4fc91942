//! One tool doing one case once, with registries that nobody has used before; and what all of its tries were.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use futures_util::future::{join_all, try_join_all};
use serde_json::{Map, json};

use super::{
    cases::{self, Case, Network},
    floor,
    holdings::{self, Holding},
    image::Image,
    measure::{self, Failure, Run},
    registry::{Door, Make, Registry},
    relay::{Count, Relay},
    tool::{Job, Present, Tool},
};

/// What all cases share.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) folder: PathBuf,
    pub(crate) make: Make,
    pub(crate) tools: Vec<Present>,
    pub(crate) runs: usize,
}

/// One run and what it left.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) run: Run,
    pub(crate) holdings: Vec<Holding>,
    /// At the source; nothing is known without a relay.
    pub(crate) source: Option<Count>,
    /// At all destinations.
    pub(crate) destination_requests: u64,
    /// Whether the trouble that was ordered came.
    pub(crate) is_fault_left: bool,
}

/// A tool's tries at a case.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) tool: Tool,
    pub(crate) case: Case,
    /// The image's bytes.
    pub(crate) size: u64,
    pub(crate) floor: Option<Duration>,
    pub(crate) trials: Vec<Trial>,
}

impl Row {
    pub(crate) fn new(tool: &Present, case: &Case, image: &Image) -> Self {
        let floor = match case.network {
            Network::Shaped if case.is_second_run() => Some(floor::of_look(&cases::SHAPE)),
            Network::Shaped => Some(floor::of_copy(image, &cases::SHAPE)),
            Network::Loopback | Network::Relayed => None,
        };
        Self { tool: tool.tool, case: *case, size: image.size(), floor, trials: Vec::new() }
    }

    /// The median time, if every try did what was asked for.
    pub(crate) fn time(&self) -> Option<Duration> {
        let mut walls: Vec<Duration> = self.trials.iter().map(|trial| trial.run.wall).collect();
        walls.sort();
        self.failure().is_none().then(|| walls.get(walls.len() / 2).copied()).flatten()
    }

    /// The first failure.
    pub(crate) fn failure(&self) -> Option<Failure> {
        self.trials.iter().find_map(|trial| trial.failure(self.tool))
    }

    /// The most memory of all tries, if every try did what was asked for.
    pub(crate) fn peak_bytes(&self) -> Option<u64> {
        let is_known = self.tool.works_itself() && self.failure().is_none();
        self.trials.iter().map(|trial| trial.run.peak_bytes).max().filter(|_| is_known)
    }
}

impl Trial {
    /// Why this is not a copy.
    pub(crate) fn failure(&self, tool: Tool) -> Option<Failure> {
        let is_good = |held: &Holding| *held == Holding::Exact || (*held == Holding::Other && tool.packs_anew());
        let bad = self.holdings.iter().find(|held| !is_good(held));
        let left = |held: &Holding| Failure { how: "exit 0".to_owned(), said: format!("left {}", held.name()) };
        self.run.failure.clone().or_else(|| bad.map(left))
    }

    /// In a line, for who watches.
    pub(crate) fn told(&self) -> String {
        let ended =
            self.run.failure.as_ref().map_or("done".to_owned(), |failure| format!("{}: {}", failure.how, failure.said));
        let held = self.holdings.first().map_or("", |held| held.name());
        format!("{:7.3} s, {held}, {ended}", self.run.wall.as_secs_f64())
    }
}

/// The registries of a trial, and the relays before them.
struct Sites {
    source: Door,
    source_relay: Option<Relay>,
    registries: Vec<Registry>,
    doors: Vec<Door>,
    relays: Vec<Relay>,
}

impl Bench {
    /// A tool does a case. The source is the same for all; the destinations are new, and so are all relays' addresses:
    /// what a tool or a daemon remembers of the last time cannot help it.
    pub(crate) async fn trial(&self, tool: Tool, case: &Case, source: &Registry, image: &Image) -> Result<Trial> {
        let folder = tempfile::tempdir_in(&self.folder)?;
        let name = folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let repository = format!("bench/{}", name.trim_start_matches('.').to_lowercase());
        let sites = Sites::open(self, case, source, &repository).await?;
        let job = sites.job(&repository);
        let trial = sites.trial(tool, case, &job, &repository, image, folder.path()).await;
        if let Some(line) = tool.forget(&job) {
            // Nothing to forget is an error to it; what is left would only be found by name, and names are new.
            measure::run(&[vec![line]], &[], folder.path()).await?;
        }
        join_all(sites.registries.into_iter().map(Registry::stop)).await;
        trial
    }
}

impl Sites {
    async fn open(bench: &Bench, case: &Case, source: &Registry, repository: &str) -> Result<Self> {
        let start = || Registry::start(bench.make, &bench.folder, repository);
        let registries = try_join_all((0..case.destinations).map(|_| start())).await?;
        if case.network == Network::Loopback {
            let doors = registries.iter().map(Registry::door).collect();
            return Ok(Self { source: source.door(), source_relay: None, registries, doors, relays: Vec::new() });
        }
        let relay = Relay::to(source.address).await?;
        let relays = try_join_all(registries.iter().map(|registry| Relay::to(registry.address))).await?;
        let doors = registries.iter().zip(&relays).map(|(registry, relay)| registry.through(relay.address)).collect();
        Ok(Self { source: source.through(relay.address), source_relay: Some(relay), registries, doors, relays })
    }

    fn job(&self, repository: &str) -> Job {
        Job {
            source: format!("{}/{}:{}", self.source.address, cases::SOURCE_REPOSITORY, cases::TAG),
            destinations: self
                .doors
                .iter()
                .map(|door| format!("{}/{repository}:{}", door.address, cases::TAG))
                .collect(),
            hosts: self.doors.iter().chain([&self.source]).map(|door| door.address).collect(),
        }
    }

    async fn trial(
        &self,
        tool: Tool,
        case: &Case,
        job: &Job,
        repository: &str,
        image: &Image,
        folder: &Path,
    ) -> Result<Trial> {
        let logins = self.write_logins(folder)?;
        let environment = [("DOCKER_CONFIG", folder), ("REGISTRY_AUTH_FILE", logins.as_path())];
        let steps = tool.steps(job);
        if case.is_second_run() {
            measure::run(&steps, &environment, folder).await?;
        }
        self.begin(case);
        let before = self.counts();
        let run = measure::run(&steps, &environment, folder).await?;
        let after = self.counts();
        let thorough = case.fault.is_some();
        let looks = self
            .registries
            .iter()
            .map(async |registry| holdings::look(&registry.door(), repository, cases::TAG, image, thorough).await);
        Ok(Trial {
            run,
            holdings: try_join_all(looks).await.context("cannot look at the destination")?,
            source: after.0.zip(before.0).map(|(after, before)| since(after, before)),
            destination_requests: since(after.1, before.1).requests,
            is_fault_left: self.source_relay.as_ref().is_some_and(Relay::is_fault_left),
        })
    }

    /// From here on the wire is that of the case.
    fn begin(&self, case: &Case) {
        let shape = (case.network == Network::Shaped).then_some(cases::SHAPE);
        self.relays.iter().chain(&self.source_relay).for_each(|relay| relay.shape(shape));
        if let Some(relay) = &self.source_relay {
            relay.fault(case.fault);
        }
    }

    /// What went over the wires so far: at the source, and at the destinations together.
    fn counts(&self) -> (Option<Count>, Count) {
        let sum = |sum: Count, relay: &Relay| {
            let count = relay.count();
            Count { requests: sum.requests + count.requests, down: sum.down + count.down }
        };
        (self.source_relay.as_ref().map(Relay::count), self.relays.iter().fold(Count::default(), sum))
    }

    /// Docker's file of logins, which all tools read. Without logins it is empty, so that nobody's own is used.
    fn write_logins(&self, folder: &Path) -> Result<PathBuf> {
        let doors = self.doors.iter().chain([&self.source]);
        let entry = |door: &Door| Some((door.address.to_string(), json!({ "auth": door.token.as_ref()? })));
        let auths: Map<_, _> = doors.filter_map(entry).collect();
        let path = folder.join("config.json");
        std::fs::write(&path, json!({ "auths": auths }).to_string())?;
        Ok(path)
    }
}

fn since(after: Count, before: Count) -> Count {
    Count { requests: after.requests - before.requests, down: after.down - before.down }
}
