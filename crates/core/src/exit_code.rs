//! The exit codes, frozen: scripts depend on them. `docs/exit-codes.md` is the same table for people.

use serde::Serialize;

/// How a run ended, as the shell sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ExitCode {
    /// 0: deployed, or nothing to do.
    Success,
    /// 1: unexpected internal error.
    Internal,
    /// 2: usage or configuration; the world is untouched.
    Usage,
    /// 3: identity or permission; untouched.
    Identity,
    /// 4: preflight found a problem; untouched.
    Preflight,
    /// 5: copy failed; at most unreferenced blobs in the workload registry.
    Copy,
    /// 6: image unhealthy locally; tag not moved, nothing deployed.
    Unhealthy,
    /// 7: could not check locally; untouched.
    Unverifiable,
    /// 8: deployment rolled back; the old version serves.
    RolledBack,
    /// 9: deployment failed without rollback, or CREATE_FAILED, or ROLLBACK_FAILED.
    DeploymentFailed,
    /// 10: the gate timed out; the operation still runs.
    GateTimeout,
    /// 11: service busy or in a state that refuses a deployment; untouched.
    Busy,
    /// 12: deployed, but the smoke test of the URL failed.
    SmokeTest,
    /// 130: cancelled by SIGINT.
    Interrupted,
    /// 143: cancelled by SIGTERM.
    Terminated,
}

impl ExitCode {
    /// The number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Identity => 3,
            Self::Preflight => 4,
            Self::Copy => 5,
            Self::Unhealthy => 6,
            Self::Unverifiable => 7,
            Self::RolledBack => 8,
            Self::DeploymentFailed => 9,
            Self::GateTimeout => 10,
            Self::Busy => 11,
            Self::SmokeTest => 12,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

impl Serialize for ExitCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code.number())
    }
}
