//! Where what an event tells comes from.

use serde::Serialize;

/// Where something is written: in a file, both numbers from 1.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct WrittenAt {
    /// The file, as it was named.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Where log lines come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogSource {
    /// The container that verify runs here.
    LocalContainer,
    /// App Runner's own words on the service and its deployments.
    Service,
    /// The application's output in App Runner.
    Application,
}

/// How a blob came to a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlobArrival {
    /// Byte by byte.
    Sent,
    /// Taken over from another repository of the same registry.
    Mounted,
    /// Fetched by the registry itself, through its pull-through cache.
    Fetched,
    /// It was found there when it was to be sent again: the answer that it had arrived had been lost, or somebody else
    /// sent it.
    Found,
}
