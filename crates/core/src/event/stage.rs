//! The stages of a deployment, and how they come out.

use std::fmt;

use serde::Serialize;

/// The stages of a deployment, in order. Copy and verify run side by side.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Configuration to plan: every name, account, digest and verb decided.
    Resolve,
    /// Read-only checks.
    Preflight,
    /// Registry to registry, by digest.
    Copy,
    /// The image under App Runner's rules in a local container.
    Verify,
    /// The service is made ready for what was decided: waited for, resumed, deleted. Told only where that is needed.
    Prepare,
    /// The tag moves.
    Promote,
    /// The service is told.
    Release,
    /// The operation is followed to its verdict.
    Gate,
    /// What is done once there is a verdict.
    Aftercare,
    /// The new version's URL is asked.
    Smoke,
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Resolve => "resolve",
            Self::Preflight => "preflight",
            Self::Copy => "copy",
            Self::Verify => "verify",
            Self::Prepare => "prepare",
            Self::Promote => "promote",
            Self::Release => "release",
            Self::Gate => "gate",
            Self::Aftercare => "aftercare",
            Self::Smoke => "smoke",
        })
    }
}

/// How a stage or a check came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done, and good.
    Ok,
    /// Not needed, or not asked for.
    Skip,
    /// Done, and bad.
    Fail,
}
