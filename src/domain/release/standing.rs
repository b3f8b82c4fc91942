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
    /// `RESUME_SERVICE`.
    ResumeService,
    /// `DELETE_SERVICE`.
    DeleteService,
    /// `PAUSE_SERVICE`, or a word that this program does not know.
    Other,
}

impl OperationKind {
    /// Whether a version is brought up by it.
    #[must_use]
    pub fn deploys(self) -> bool {
        match self {
            Self::CreateService | Self::StartDeployment | Self::UpdateService => true,
            Self::ResumeService | Self::DeleteService | Self::Other => false,
        }
    }
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
    let Some(newest) = newest.filter(|newest| in_place && recorded == Some(wanted) && newest.kind.deploys()) else {
        return Standing::Unknown;
    };
    match (&newest.status, newest.status.verdict()) {
        (_, Some(Verdict::Deployed)) => Standing::Deployed,
        (OperationStatus::Pending | OperationStatus::InProgress, _) => Standing::UnderWay(newest.id.clone()),
        // One that is being rolled back has failed: it is waited for, and not followed.
        _ => Standing::Unknown,
    }
}

/// The operation that runs on a service, as far as its list tells; `operations` are newest first.
#[must_use]
pub fn running(operations: &[PastOperation]) -> Option<&PastOperation> {
    let runs = |status: &OperationStatus| match status {
        OperationStatus::Pending | OperationStatus::InProgress | OperationStatus::RollbackInProgress => true,
        OperationStatus::Failed
        | OperationStatus::Succeeded
        | OperationStatus::RollbackFailed
        | OperationStatus::RollbackSucceeded
        | OperationStatus::Unknown(_) => false,
    };
    operations.first().filter(|newest| runs(&newest.status))
}

/// The operation whose version serves, with the one before it: the newest that brought a version up. `operations` are newest
/// first, and may be the first page alone.
#[must_use]
pub fn serving(operations: &[PastOperation]) -> Option<(&PastOperation, Option<&PastOperation>)> {
    let deployed = |one: &PastOperation| one.kind.deploys() && one.status == OperationStatus::Succeeded;
    let at = operations.iter().position(deployed)?;
    Some((&operations[at], operations.get(at + 1)))
}

/// Which operation of this kind has come since the list was looked at, should the answer to an order have got lost. Of several
/// the oldest: while it ran, no other was taken.
#[must_use]
pub fn come_since<'a>(
    before: &[PastOperation],
    now: &'a [PastOperation],
    kind: OperationKind,
) -> Option<&'a PastOperation> {
    let is_new = |one: &&PastOperation| one.kind == kind && before.iter().all(|known| known.id != one.id);
    now.iter().rev().find(is_new)
}

#[cfg(test)]
mod tests {
    use super::{Digest, OperationId, OperationKind, PastOperation, Standing, come_since, running, serving, standing};
    use crate::domain::operation::OperationStatus;

    #[test]
    fn only_the_newest_operation_and_a_record_of_it_tell() {
        use OperationKind::{CreateService, DeleteService, Other, ResumeService, StartDeployment, UpdateService};
        let (wanted, other) = (Digest::of(b"wanted"), Digest::of(b"other"));
        let ours = OperationId::new("a1");
        let under_way = Standing::UnderWay(ours.clone());
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
            (ResumeService, "SUCCEEDED", Some(&wanted), true, Standing::Unknown),
            (DeleteService, "IN_PROGRESS", Some(&wanted), true, Standing::Unknown),
        ];
        for (kind, status, recorded, in_place, expected) in table {
            let newest = PastOperation { id: ours.clone(), kind, status: OperationStatus::from(status.to_owned()) };
            let read = standing(Some(&newest), recorded, &wanted, in_place);
            assert_eq!(read, expected, "{kind:?} {status} {recorded:?} {in_place}");
        }
        assert_eq!(standing(None, Some(&wanted), &wanted, true), Standing::Unknown);
    }
    fn past(id: &str, kind: OperationKind, status: &str) -> PastOperation {
        PastOperation { id: OperationId::new(id), kind, status: OperationStatus::from(status.to_owned()) }
    }

    #[test]
    fn what_runs_is_the_newest_and_what_serves_the_newest_that_succeeded() {
        use OperationKind::{CreateService, ResumeService, StartDeployment};
        let list = [
            past("4", StartDeployment, "IN_PROGRESS"),
            past("3", StartDeployment, "ROLLBACK_SUCCEEDED"),
            past("2", ResumeService, "SUCCEEDED"),
            past("1", CreateService, "SUCCEEDED"),
        ];
        assert_eq!(running(&list).map(|one| one.id.as_str()), Some("4"));
        assert_eq!(running(&list[1..]), None);
        assert_eq!(serving(&list), Some((&list[3], None)));
        let two = [past("2", StartDeployment, "SUCCEEDED"), past("1", CreateService, "SUCCEEDED")];
        assert_eq!(serving(&two), Some((&two[0], Some(&two[1]))));
        assert_eq!(serving(&[past("1", CreateService, "FAILED")]), None);
    }

    #[test]
    fn ours_is_the_oldest_new_one_of_its_kind() {
        use OperationKind::{CreateService, StartDeployment, UpdateService};
        let before = [past("1", CreateService, "SUCCEEDED")];
        let now = [
            past("4", StartDeployment, "PENDING"),
            past("3", StartDeployment, "SUCCEEDED"),
            past("2", UpdateService, "SUCCEEDED"),
            past("1", CreateService, "SUCCEEDED"),
        ];
        assert_eq!(come_since(&before, &now, StartDeployment), Some(&now[1]));
        assert_eq!(come_since(&before, &now, UpdateService), Some(&now[2]));
        assert_eq!(come_since(&before, &now, CreateService), None);
        assert_eq!(come_since(&now, &now, StartDeployment), None);
        assert_eq!(come_since(&[], &before, CreateService), Some(&before[0]));
    }
}
