//! What can be chosen about the sandbox's App Runner: pace, limits, and behaviour that reports disagree about.

use std::time::Duration;

use super::machine::Phase;

/// How an App Runner of the sandbox behaves.
#[derive(Clone)]
pub struct Options {
    /// How long the phases of an operation take at least.
    pub pace: Pace,
    /// Divides the interval of health checks; 1 is the service's own. Probes are never closer together than 200 ms,
    /// because programs do not start faster.
    pub time_scale: f64,
    /// No containers are run and no images fetched: deployments succeed unless their outcome is scripted.
    pub scripted: bool,
    /// The Docker engine's address, such as `unix:///run/docker.sock`; without one, Docker's own defaults.
    pub docker_host: Option<String>,
    /// How long an instance may take to end when it is asked to, before it is killed. Whole seconds count.
    pub stop_grace: Duration,
    /// How long a request in flight on the old instance may hold up its stop.
    pub drain_cap: Duration,
    /// How many services an account has in a region; those in CREATE_FAILED count (App Runner quotas: 30).
    pub service_quota: usize,
    /// Behaviour that has changed or that reports disagree about.
    pub disputed: Disputed,
    /// How late answers show what has changed.
    pub consistency: Consistency,
    /// Fixes the ids that are given out, and the luck of scripts that have a `chance`.
    pub seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pace: Pace::even(Duration::from_millis(300)),
            time_scale: 1.0,
            scripted: false,
            docker_host: None,
            stop_grace: Duration::from_secs(1),
            drain_cap: Duration::from_secs(10),
            service_quota: 30,
            disputed: Disputed::default(),
            consistency: Consistency::IMMEDIATE,
            seed: None,
        }
    }
}

/// Behaviour of App Runner that has changed or that reports disagree about. By default as it is documented now.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Disputed {
    /// The rule before June 2023: UpdateService refuses a service in CREATE_FAILED instead of rebuilding it.
    pub create_failed_is_final: bool,
    /// UpdateService is taken by a paused service, as one old report has it; what it changes counts from the resume on.
    pub paused_is_updatable: bool,
    /// An update that changes nothing answers without an operation, as one report has it; else it is one like any.
    pub unchanged_update_is_no_operation: bool,
}

/// How late answers show what has changed: App Runner is eventually consistent (field reports).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Consistency {
    /// For this long after an operation was accepted, a service reads the status from before it.
    pub stale_status: Duration,
    /// For this long after it was accepted, an operation is not listed.
    pub late_operations: Duration,
}

impl Consistency {
    /// Every answer shows everything.
    pub const IMMEDIATE: Self = Self { stale_status: Duration::ZERO, late_operations: Duration::ZERO };
    /// For operations that take as long as containers do.
    pub const QUICK: Self =
        Self { stale_status: Duration::from_millis(150), late_operations: Duration::from_millis(300) };

    /// App Runner's own seconds, divided by `time_scale`: a status 5 s stale, an operation listed 20 s late.
    #[must_use]
    pub fn real(time_scale: f64) -> Self {
        let scaled = |seconds: u64| Duration::from_secs(seconds).div_f64(time_scale.max(1e-3));
        Self { stale_status: scaled(5), late_operations: scaled(20) }
    }
}

/// How long each phase of an operation takes at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pace {
    /// From acceptance to the first work.
    pub pending: Duration,
    /// Fetching the image.
    pub pulling: Duration,
    /// Starting the new instance.
    pub starting: Duration,
    /// Health-checking it.
    pub checking: Duration,
    /// Switching traffic to it.
    pub routing: Duration,
    /// Taking the old instance away.
    pub draining: Duration,
    /// Taking the new instance away after a failure.
    pub rolling_back: Duration,
    /// Pausing or deleting.
    pub stopping: Duration,
}

impl Pace {
    /// Every phase takes at least this long.
    #[must_use]
    pub fn even(each: Duration) -> Self {
        Self {
            pending: each,
            pulling: each,
            starting: each,
            checking: each,
            routing: each,
            draining: each,
            rolling_back: each,
            stopping: each,
        }
    }

    /// App Runner's own minutes, divided by `time_scale`: about five for a deployment, fifteen more for a rollback.
    #[must_use]
    pub fn real(time_scale: f64) -> Self {
        let scaled = |seconds: u64| Duration::from_secs(seconds).div_f64(time_scale.max(1e-3));
        Self {
            pending: scaled(10),
            pulling: scaled(60),
            starting: scaled(90),
            checking: scaled(60),
            routing: scaled(60),
            draining: scaled(20),
            rolling_back: scaled(900),
            stopping: scaled(60),
        }
    }

    pub(super) fn of(&self, phase: Phase) -> Duration {
        match phase {
            Phase::Pending => self.pending,
            Phase::Pulling => self.pulling,
            Phase::Starting => self.starting,
            Phase::Checking => self.checking,
            Phase::Routing => self.routing,
            Phase::Draining => self.draining,
            Phase::RollingBack => self.rolling_back,
            Phase::Stopping => self.stopping,
            Phase::Ended(_) => Duration::ZERO,
        }
    }
}
