//! What the page shows, as plain data: no key, no token and no value of a variable or a secret is among it.

use jiff::Timestamp;

/// Everything on the page.
pub(super) struct View {
    /// When it was looked.
    pub(super) now: Timestamp,
    /// The main region.
    pub(super) region: String,
    /// By number.
    pub(super) accounts: Vec<Account>,
    /// By account, region and name.
    pub(super) repositories: Vec<Repository>,
    /// Oldest first. Deleted services are left out.
    pub(super) services: Vec<Service>,
    /// The service that is shown in full: its index in `services`.
    pub(super) chosen: Option<usize>,
    /// What is shown of its log lines.
    pub(super) lines: Vec<Line>,
    /// Which of its log lines are shown.
    pub(super) filter: Filter,
}

/// Which log lines are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Filter {
    #[default]
    All,
    Only(Source),
}

/// Where a log line comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    /// The application's own output.
    Application,
    /// What App Runner says about it.
    Service,
}

/// An account.
pub(super) struct Account {
    pub(super) id: String,
    /// `HOST:PORT` of its registry in the main region.
    pub(super) registry: Option<String>,
    /// Its registries in further regions: region and `HOST:PORT`.
    pub(super) further_registries: Vec<(String, String)>,
    /// The prefixes of its pull-through cache rules, with what each leads to.
    pub(super) cache_rules: Vec<(String, String)>,
    pub(super) users: Vec<String>,
    pub(super) roles: Vec<Role>,
}

/// A role and who may assume it.
pub(super) struct Role {
    pub(super) name: String,
    pub(super) assumed_by: Vec<String>,
    pub(super) needs_external_id: bool,
    /// How many policies say what it may do; without any it may do everything.
    pub(super) policies: Option<usize>,
}

/// A repository.
pub(super) struct Repository {
    pub(super) account: String,
    pub(super) region: String,
    pub(super) name: String,
    /// `MUTABLE` and so on.
    pub(super) mutability: &'static str,
    /// Newest first; the oldest are left out when there are many.
    pub(super) images: Vec<Image>,
    /// How many images are left out.
    pub(super) more: usize,
}

/// An image.
pub(super) struct Image {
    pub(super) digest: String,
    pub(super) tags: Vec<String>,
    pub(super) size_bytes: u64,
    pub(super) pushed: Timestamp,
    /// How many images an index lists.
    pub(super) members: usize,
}

/// A service.
pub(super) struct Service {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) status: String,
    /// `HOST:PORT`.
    pub(super) url: String,
    /// The configured image.
    pub(super) image: String,
    pub(super) maintenance: bool,
    /// What serves, if anything does.
    pub(super) blue: Option<Instance>,
    /// What is to serve, if anything is.
    pub(super) green: Option<Instance>,
    /// Settings: name and value.
    pub(super) settings: Vec<(&'static str, String)>,
    /// Newest first; the oldest are left out when there are many.
    pub(super) operations: Vec<Operation>,
    /// How many operations are left out.
    pub(super) more: usize,
}

/// What runs.
pub(super) struct Instance {
    /// A digest, or the identifier where nothing really runs.
    pub(super) image: String,
    /// The tags that point at it now.
    pub(super) tags: Vec<String>,
}

/// An operation.
pub(super) struct Operation {
    pub(super) id: String,
    /// `START_DEPLOYMENT` and so on.
    pub(super) kind: String,
    /// `SUCCEEDED` and so on.
    pub(super) status: String,
    pub(super) phases: Vec<Phase>,
    /// App Runner's lines about it; read of the chosen service alone.
    pub(super) lines: Vec<Line>,
}

/// A phase of an operation and when it began. The last is `ENDED`, or what is being done.
#[derive(Clone)]
pub(super) struct Phase {
    pub(super) name: String,
    pub(super) since: Timestamp,
}

impl Operation {
    /// When it was accepted.
    pub(super) fn started(&self) -> Option<Timestamp> {
        self.phases.first().map(|phase| phase.since)
    }

    /// When it ended, if it has.
    pub(super) fn ended(&self) -> Option<Timestamp> {
        self.phases.last().filter(|phase| phase.name == "ENDED").map(|phase| phase.since)
    }

    /// What is being done, if anything is.
    pub(super) fn phase(&self) -> Option<&str> {
        self.phases.last().map(|phase| phase.name.as_str()).filter(|name| *name != "ENDED")
    }
}

impl Service {
    /// What is being done to it.
    pub(super) fn phase(&self) -> Option<&str> {
        self.operations.first().and_then(Operation::phase)
    }
}

/// A log line.
pub(super) struct Line {
    pub(super) source: Source,
    pub(super) at: Timestamp,
    /// Its place in its log group.
    pub(super) sequence: usize,
    /// The log stream.
    pub(super) stream: String,
    pub(super) message: String,
}
