//! What is measured: which image, over which wire, to how many places, with which trouble.

use std::time::Duration;

use super::{
    image::Plan,
    relay::{Fault, Shape},
};

/// Where images come from.
pub(crate) const SOURCE_REPOSITORY: &str = "bench/source";
/// The tag of all of them.
pub(crate) const TAG: &str = "v1";

/// The wire of the shaped cases: what users of ECR see from afar.
pub(crate) const SHAPE: Shape =
    Shape { round_trip: Duration::from_millis(20), down: 100_000_000, up: 25_000_000, is_shared: false };

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The config is the first blob; the large ones come last, where a tool that goes by the manifest's order meets them.
const LAYERS: Plan =
    Plan { name: "17 blobs, 600 MiB", layers: &[(10, 4 * MIB), (3, 20 * MIB), (1, 100 * MIB), (2, 200 * MIB)] };
const ONE: Plan = Plan { name: "1 × 1 GiB", layers: &[(1, GIB)] };
const ONE_LARGE: Plan = Plan { name: "1 × 4 GiB", layers: &[(1, 4 * GIB)] };
const SMALL: Plan = Plan { name: "200 blobs of 64 KiB", layers: &[(199, 64 * KIB)] };
/// No byte of it moves, so it may be small.
const THERE: Plan = Plan { name: "17 blobs, 1 MiB", layers: &[(16, 64 * KIB)] };
/// What the wire itself is measured with.
pub(crate) const PROBE: Plan = Plan { name: "1 × 64 MiB", layers: &[(1, 64 * MIB)] };

/// The largest blob of [`LAYERS`], as its bytes come over the wire.
const LARGEST: u64 = 200 * MIB;

/// A kind of case, as `--only` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(crate) enum Kind {
    Layers,
    One,
    Small,
    Nothing,
    Five,
    Flip,
    Cut,
    /// No copy: see [`super::protocols`].
    Protocols,
}

/// What lies between the tool and the registries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Network {
    /// Nothing.
    Loopback,
    /// A relay that only passes on.
    Relayed,
    /// A relay with [`SHAPE`].
    Shaped,
}

impl Network {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Relayed => "relay",
            Self::Shaped => "shaped",
        }
    }
}

/// One case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) kind: Kind,
    pub(crate) title: &'static str,
    pub(crate) network: Network,
    pub(crate) image: Plan,
    pub(crate) destinations: usize,
    /// What happens on the way from the source, once.
    pub(crate) fault: Option<Fault>,
}

impl Case {
    const fn new(kind: Kind, title: &'static str, network: Network, image: Plan) -> Self {
        Self { kind, title, network, image, destinations: 1, fault: None }
    }

    /// Whether the tool has made the same copy before.
    pub(crate) const fn is_second_run(&self) -> bool {
        matches!(self.kind, Kind::Nothing)
    }
}

/// All cases in which tools copy, in their order.
pub(crate) fn all(large: bool) -> Vec<Case> {
    let one = if large { ONE_LARGE } else { ONE };
    let flip = Some(Fault::Flip(LARGEST / 2));
    let cut = Some(Fault::Cut(LARGEST / 10 * 9));
    vec![
        Case::new(Kind::Layers, LAYERS.name, Network::Loopback, LAYERS),
        Case::new(Kind::Layers, LAYERS.name, Network::Shaped, LAYERS),
        Case::new(Kind::One, one.name, Network::Loopback, one),
        Case::new(Kind::One, one.name, Network::Shaped, one),
        Case::new(Kind::Small, SMALL.name, Network::Loopback, SMALL),
        Case::new(Kind::Small, SMALL.name, Network::Shaped, SMALL),
        Case::new(Kind::Nothing, "nothing to do", Network::Shaped, THERE),
        Case { destinations: 5, ..Case::new(Kind::Five, "5 destinations, 600 MiB", Network::Shaped, LAYERS) },
        Case { fault: flip, ..Case::new(Kind::Flip, "one byte flipped", Network::Relayed, LAYERS) },
        Case { fault: cut, ..Case::new(Kind::Cut, "a cut at 90 %", Network::Shaped, LAYERS) },
    ]
}
