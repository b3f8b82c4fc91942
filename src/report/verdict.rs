//! One word for how a run ended: what scripts read on stdout and in the report.

use shipgate_core::exit_code::ExitCode;

/// The word of an exit code.
#[must_use]
pub fn word(code: ExitCode) -> &'static str {
    match code {
        ExitCode::Success => "success",
        ExitCode::Internal => "internal-error",
        ExitCode::Usage => "usage-error",
        ExitCode::Identity => "identity-refused",
        ExitCode::Preflight => "preflight-failed",
        ExitCode::Copy => "copy-failed",
        ExitCode::Unhealthy => "unhealthy",
        ExitCode::Unverifiable => "unverifiable",
        ExitCode::RolledBack => "rolled-back",
        ExitCode::DeploymentFailed => "deployment-failed",
        ExitCode::GateTimeout => "gate-timeout",
        ExitCode::Busy => "busy",
        ExitCode::SmokeTest => "smoke-test-failed",
        ExitCode::Interrupted => "interrupted",
        ExitCode::Terminated => "terminated",
    }
}
