//! The ways to the two accounts: who assumes which role, and whom each role must trust.

use super::{Hop, IdentityPolicy, Needs, Part, Principal, RoleArn, Statement, TrustPolicy};

/// Every role allows sessions of this length.
const AN_HOUR: u64 = 3600;

/// What those who assume roles need for it: the job for the first of each way, every role for the next.
pub(super) fn callers(needs: &Needs) -> Vec<IdentityPolicy> {
    let mut all: Vec<IdentityPolicy> = Vec::new();
    for hops in [&needs.registry_hops, &needs.workload_hops] {
        let before = std::iter::once(None).chain(hops.iter().map(|hop| Some(&hop.role)));
        for (from, hop) in before.zip(hops) {
            add(&mut all, from, &hop.role);
        }
    }
    all
}

fn add(all: &mut Vec<IdentityPolicy>, from: Option<&RoleArn>, to: &RoleArn) {
    let to = to.to_string();
    if let Some(known) = all.iter_mut().find(|policy| policy.role.as_ref() == from) {
        let resources = &mut known.statements[0].resources;
        if !resources.contains(&to) {
            resources.push(to);
        }
        return;
    }
    let part = if from.is_none() { Part::Caller } else { Part::Hop };
    let statements = vec![Statement::allow("AssumeNextRole", &["sts:AssumeRole"], &[to])];
    all.push(IdentityPolicy { part, role: from.cloned(), statements });
}

/// Whom the roles on the ways trust.
pub(super) fn trusts(needs: &Needs) -> Vec<TrustPolicy> {
    let mut all: Vec<TrustPolicy> = Vec::new();
    let ways = [(&needs.registry_hops, Part::RegistryPull), (&needs.workload_hops, Part::WorkloadDeploy)];
    for (hops, end) in ways {
        for (at, hop) in hops.iter().enumerate() {
            let from = at.checked_sub(1).and_then(|before| hops.get(before));
            let part = if at + 1 == hops.len() { end } else { Part::Hop };
            trust(&mut all, part, hop, from);
        }
    }
    all
}

fn trust(all: &mut Vec<TrustPolicy>, part: Part, hop: &Hop, from: Option<&Hop>) {
    let principal = from.map_or(Principal::Job, |hop| Principal::Role(hop.role.clone()));
    let id = if from.is_some() { "TrustRoleBefore" } else { "TrustJob" };
    let mut statement = Statement::trust(id, principal, &["sts:AssumeRole"]);
    if let Some(external_id) = &hop.external_id {
        statement = statement.when("sts:ExternalId", &[external_id]);
    }
    let seconds = hop.duration.map(|duration| duration.as_secs()).filter(|seconds| *seconds > AN_HOUR);
    match all.iter_mut().find(|known| known.role == hop.role) {
        Some(known) => {
            if !known.statements.contains(&statement) {
                known.statements.push(statement);
            }
            known.session_seconds = known.session_seconds.max(seconds);
        }
        None => all.push(TrustPolicy {
            part,
            role: hop.role.clone(),
            statements: vec![statement],
            session_seconds: seconds,
        }),
    }
}
