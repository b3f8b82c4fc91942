//! The preflight of a plan's permissions: every call that it will make and none has made yet is tried, all at once, each in a way that
//! comes to nothing. So a missing permission is found before the first change.

use std::{collections::BTreeSet, future::Future, time::Duration};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::preflight::{Check, Trouble};
use crate::target::{CreateOrder, DeployTarget, OrderProbe, UpdateOrder};
use shipgate_aws::{ecr::Ecr, fault::AwsFault, logs::Logs, probe::Probed};
use shipgate_core::{arn::ServiceArn, permissions::PlannedCall};

/// The checks' names.
const NAME: &str = "permissions";
const OF_LOGS: &str = "log-permissions";

/// How long a probe may take: it is no reason to wait.
const LIMIT: Duration = Duration::from_secs(10);

/// What a plan will call, and whom.
#[derive(Debug)]
pub struct Subject<'a, T> {
    /// Where services run.
    pub target: &'a T,
    /// ECR of the workload account.
    pub ecr: &'a Ecr,
    /// Log groups of the workload account.
    pub logs: &'a Logs,
    /// The workload repository.
    pub repository: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The service, if it exists.
    pub live: Option<&'a ServiceArn>,
    /// What the service is created with, if it is.
    pub create: Option<&'a CreateOrder>,
    /// How the service is changed, if it is.
    pub update: Option<&'a UpdateOrder>,
    /// The calls.
    pub calls: &'a [PlannedCall],
    /// Actions that nothing can try.
    pub untried: &'a [&'static str],
    /// Whose permissions they are, for the hint.
    pub role: &'a str,
}

impl<T: DeployTarget> Subject<'_, T> {
    /// Tries every call.
    pub async fn checks(&self) -> Vec<Check> {
        if self.calls.is_empty() {
            return Vec::new();
        }
        let probed = join_all(self.calls.iter().map(|call| async { (*call, within_limit(self.probe(*call)).await) }));
        judge(&probed.await, self.untried, self.role)
    }

    async fn probe(&self, call: PlannedCall) -> Probed {
        let order = match call {
            PlannedCall::CreateService => self.create.map(OrderProbe::Create),
            PlannedCall::UpdateService | PlannedCall::Rebuild => self.update.map(OrderProbe::Update),
            PlannedCall::StartDeployment => self.live.map(OrderProbe::Deploy),
            PlannedCall::ResumeService => self.live.map(OrderProbe::Resume),
            PlannedCall::DeleteService => self.live.map(OrderProbe::Delete),
            PlannedCall::GetLogEvents | PlannedCall::DescribeLogStreams | PlannedCall::PutRetentionPolicy => {
                return self.logs.probe(self.service, call).await;
            }
            PlannedCall::CreateRepository
            | PlannedCall::BatchGetImage
            | PlannedCall::InitiateLayerUpload
            | PlannedCall::UploadLayerPart
            | PlannedCall::CompleteLayerUpload
            | PlannedCall::PutImage
            | PlannedCall::GetDownloadUrlForLayer
            | PlannedCall::DescribeImages => return self.ecr.probe(self.repository, call).await,
        };
        match order {
            Some(order) => self.target.probe(order).await,
            None => Probed::Unknown,
        }
    }
}

async fn within_limit(probe: impl Future<Output = Probed>) -> Probed {
    timeout(LIMIT, probe).await.unwrap_or(Probed::Unknown)
}

/// Pure: what the probes come to. A deployment that can go on without a call is not stopped for it.
fn judge(probed: &[(PlannedCall, Probed)], untried: &[&'static str], role: &str) -> Vec<Check> {
    let denied = |essential: bool| {
        probed.iter().filter_map(move |(call, probed)| match probed {
            Probed::Denied(fault) if call.is_essential() == essential => Some(fault),
            Probed::Denied(_) | Probed::Allowed | Probed::Unknown => None,
        })
    };
    let mut checks = Vec::new();
    let missing: Vec<&AwsFault> = denied(true).collect();
    checks.push(if missing.is_empty() {
        Check::passed(NAME, allowed(probed, untried))
    } else {
        let hint = format!("allow it for {role}; `shipgate iam` prints the policies of this configuration");
        Check::failed(NAME, told(&missing), Trouble::Permission, Some(hint))
    });
    let missed: Vec<&AwsFault> = denied(false).collect();
    if !missed.is_empty() {
        checks.push(Check::skipped(OF_LOGS, format!("{}; the deployment goes on without", told(&missed))));
    }
    checks
}

fn told(faults: &[&AwsFault]) -> String {
    let lines: BTreeSet<String> = faults.iter().map(ToString::to_string).collect();
    lines.into_iter().collect::<Vec<_>>().join("; ")
}

fn allowed(probed: &[(PlannedCall, Probed)], untried: &[&'static str]) -> String {
    let known = probed.iter().filter(|(_, probed)| *probed == Probed::Allowed).count();
    let unknown = probed.iter().filter(|(_, probed)| *probed == Probed::Unknown);
    let unknown: BTreeSet<&str> =
        unknown.flat_map(|(call, _)| call.actions().iter().copied()).chain(untried.iter().copied()).collect();
    let calls = if known == 1 { "1 call".to_owned() } else { format!("{known} calls") };
    if unknown.is_empty() {
        return format!("{calls} of the deployment tried: allowed");
    }
    let unknown: Vec<&str> = unknown.into_iter().collect();
    format!("{calls} of the deployment tried: allowed; not known without making the call: {}", unknown.join(", "))
}

/// What stands in the place of the checks where a run only reads.
#[must_use]
pub fn left_to_deploy(calls: &[PlannedCall], untried: &[&'static str]) -> Option<Check> {
    let actions: BTreeSet<&str> =
        calls.iter().flat_map(|call| call.actions().iter().copied()).chain(untried.iter().copied()).collect();
    let actions: Vec<&str> = actions.into_iter().collect();
    (!calls.is_empty())
        .then(|| Check::skipped(NAME, format!("the deployment needs, and tries first: {}", actions.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::{AwsFault, PlannedCall, Probed, Trouble, judge};

    fn denied(action: &'static str) -> Probed {
        let code = Some("AccessDeniedException".to_owned());
        Probed::Denied(AwsFault { action, code, message: "not authorized".to_owned(), connection: None })
    }

    #[test]
    fn missing_permissions_are_told_together() {
        use PlannedCall::{GetLogEvents, PutImage, PutRetentionPolicy, UpdateService};
        let probed = [
            (PutImage, denied("ecr:PutImage")),
            (UpdateService, denied("apprunner:UpdateService")),
            (PutRetentionPolicy, denied("logs:PutRetentionPolicy")),
            (GetLogEvents, Probed::Allowed),
        ];
        let checks = judge(&probed, &[], "arn:aws:iam::222222222222:role/deploy");
        assert_eq!(checks.len(), 2, "{checks:?}");
        let problem = checks[0].problem.as_ref().unwrap();
        assert_eq!(problem.trouble, Trouble::Permission);
        assert!(checks[0].detail.contains("ecr:PutImage") && checks[0].detail.contains("apprunner:UpdateService"));
        assert!(problem.hint.as_deref().unwrap().contains("role/deploy"), "{problem:?}");
        assert!(checks[1].skipped && checks[1].problem.is_none() && checks[1].detail.contains("PutRetentionPolicy"));
    }

    #[test]
    fn unknown_is_no_failure_and_is_said() {
        let probed = [(PlannedCall::CreateService, Probed::Unknown), (PlannedCall::PutImage, Probed::Allowed)];
        let checks = judge(&probed, &["ecr:BatchImportUpstreamImage"], "role");
        assert_eq!(checks.len(), 1);
        assert!(checks[0].problem.is_none());
        let said = "1 call of the deployment tried: allowed; not known without making the call: apprunner:CreateService, \
                    ecr:BatchImportUpstreamImage, iam:CreateServiceLinkedRole, iam:PassRole";
        assert_eq!(checks[0].detail, said);
    }
}
