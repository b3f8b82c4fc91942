//! Whether a digest is deployed already, or being deployed: read from a service's operations and the record.

use crate::domain::{
    digest::Digest,
    operation::{OperationId, OperationStatus, Verdict},
};

/// What an operation does (App Runner API reference, `OperationSummary.Type`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OperationKind {
    /// `CREATE_SERVICE`.
    CreateService,
    /// `START_DEPLOYMENT`: by a call, or by a push.
    StartDeployment,
    /// `UPDATE_SERVICE`.
    UpdateService,
    /// `PAUSE_SERVICE`, `RESUME_SERVICE`, `DELETE_SERVICE`, or a word that this program does not know.
    Other,
}

/// An operation in a service's list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PastOperation {
    /// Its id.
    pub id: OperationId,
    /// What it does.
    pub kind: OperationKind,
    /// Where it stands.
    pub status: OperationStatus,
}

/// What is known of earlier deployments of a digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The last operation deployed it, and succeeded.
    Deployed,
    /// This operation is deploying it.
    UnderWay(OperationId),
    /// Neither is known.
    Unknown,
}

/// Reads the standing of `wanted`. `newest` is the service's newest operation, `recorded` the digest that it is for: by the
/// record, or because the service's identifier can only ever mean one digest. `in_place` says whether what the service deploys
/// from points at `wanted` now.
#[must_use]
pub fn standing(
    newest: Option<&PastOperation>,
    recorded: Option<&Digest>,
    wanted: &Digest,
    in_place: bool,
) -> Standing {
    let Some(newest) = newest.filter(|_| in_place && recorded == Some(wanted)) else { return Standing::Unknown };
    match newest.kind {
        OperationKind::CreateService | OperationKind::StartDeployment | OperationKind::UpdateService => {}
        OperationKind::Other => return Standing::Unknown,
    }
    match (&newest.status, newest.status.verdict()) {
        (_, Some(Verdict::Deployed)) => Standing::Deployed,
        (OperationStatus::Pending | OperationStatus::InProgress, _) => Standing::UnderWay(newest.id.clone()),
        // One that is being rolled back has failed: it is waited for, and not followed.
        _ => Standing::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{Digest, OperationId, OperationKind, PastOperation, Standing, standing};
    use crate::domain::operation::OperationStatus;

    #[test]
    fn only_the_newest_operation_and_a_record_of_it_tell() {
        let (wanted, other) = (Digest::of(b"wanted"), Digest::of(b"other"));
        let ours = OperationId::new("a1");
        let under_way = Standing::UnderWay(ours.clone());
        use OperationKind::{CreateService, Other, StartDeployment, UpdateService};
        let table = [
            (StartDeployment, "SUCCEEDED", Some(&wanted), true, Standing::Deployed),
            (CreateService, "SUCCEEDED", Some(&wanted), true, Standing::Deployed),
            (UpdateService, "SUCCEEDED", Some(&wanted), true, Standing::Deployed),
            (StartDeployment, "IN_PROGRESS", Some(&wanted), true, under_way.clone()),
            (StartDeployment, "PENDING", Some(&wanted), true, under_way),
            // Another digest's, nobody's, or the tag has been moved since.
            (StartDeployment, "SUCCEEDED", Some(&other), true, Standing::Unknown),
            (StartDeployment, "SUCCEEDED", None, true, Standing::Unknown),
            (StartDeployment, "SUCCEEDED", Some(&wanted), false, Standing::Unknown),
            (StartDeployment, "IN_PROGRESS", Some(&wanted), false, Standing::Unknown),
            // It did not succeed.
            (StartDeployment, "ROLLBACK_SUCCEEDED", Some(&wanted), true, Standing::Unknown),
            (StartDeployment, "ROLLBACK_IN_PROGRESS", Some(&wanted), true, Standing::Unknown),
            (StartDeployment, "FAILED", Some(&wanted), true, Standing::Unknown),
            (StartDeployment, "ROLLBACK_FAILED", Some(&wanted), true, Standing::Unknown),
            (StartDeployment, "SOMETHING_NEW", Some(&wanted), true, Standing::Unknown),
            // It deploys nothing that is known.
            (Other, "SUCCEEDED", Some(&wanted), true, Standing::Unknown),
            (Other, "IN_PROGRESS", Some(&wanted), true, Standing::Unknown),
        ];
        for (kind, status, recorded, in_place, expected) in table {
            let newest = PastOperation { id: ours.clone(), kind, status: OperationStatus::from(status.to_owned()) };
            let read = standing(Some(&newest), recorded, &wanted, in_place);
            assert_eq!(read, expected, "{kind:?} {status} {recorded:?} {in_place}");
        }
        assert_eq!(standing(None, Some(&wanted), &wanted, true), Standing::Unknown);
    }
}
