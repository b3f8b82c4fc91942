//! Whether a digest is deployed already, or being deployed: read from a service's operations and the record.

use jiff::Timestamp;

use crate::{
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
    /// When it started, in the service's own time. May be given in whole seconds, rounded down.
    pub started_at: Option<Timestamp>,
}

impl PastOperation {
    /// Whether it started when a run that began at `moment` was under way already. Within the same second it counts as that.
    #[must_use]
    pub fn is_since(&self, moment: Timestamp) -> bool {
        self.started_at.is_some_and(|started| started.as_second() >= moment.as_second())
    }

    /// From when on another operation is certain to have started later: start times may be whole seconds.
    #[must_use]
    pub fn first_second_after(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.started_at?.as_second().checked_add(1)?).ok()
    }

    /// Whether it has ended and brought nothing up.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.status.verdict().is_some_and(|verdict| verdict != Verdict::Deployed)
    }
}

/// What is known of earlier deployments of a digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The last operation deployed it, and succeeded.
    Deployed,
    /// This operation is deploying it, or did and failed while this run was under way.
    UnderWay(OperationId),
    /// While this run was under way, another run deployed this other digest, or is deploying it.
    Overtaken(Digest),
    /// Neither is known.
    Unknown,
}

/// Reads the standing of `wanted`. `newest` is the service's newest operation, `recorded` the digest that it is for: by the
/// record, or because the service's identifier can only ever mean one digest. `in_place` says whether what the service deploys
/// from points at `wanted` now, `began` when this run began.
#[must_use]
pub fn standing(
    newest: Option<&PastOperation>,
    recorded: Option<&Digest>,
    wanted: &Digest,
    in_place: bool,
    began: Timestamp,
) -> Standing {
    let Some((newest, recorded)) = newest.filter(|newest| newest.kind.deploys()).zip(recorded) else {
        return Standing::Unknown;
    };
    let is_since = newest.is_since(began);
    if recorded != wanted {
        let is_overtaken = is_since && !newest.has_failed();
        return if is_overtaken { Standing::Overtaken(recorded.clone()) } else { Standing::Unknown };
    }
    match (&newest.status, newest.status.verdict()) {
        (_, Some(Verdict::Deployed)) if in_place => Standing::Deployed,
        (OperationStatus::Pending | OperationStatus::InProgress, _) if in_place => {
            Standing::UnderWay(newest.id.clone())
        }
        // One that failed before this run began is tried again; one that another run started since then is this run's too. What it
        // deployed is not in place any more where it was the identifier.
        (OperationStatus::RollbackInProgress, _) if is_since => Standing::UnderWay(newest.id.clone()),
        _ if is_since && newest.has_failed() => Standing::UnderWay(newest.id.clone()),
        // One that is being rolled back has failed: it is waited for, and not followed.
        _ => Standing::Unknown,
    }
}

/// The operation that came first of those that came since the list `before` was read, with the one before it. While it ran, no
/// other was taken. Of one that deploys nothing only if no other came.
#[must_use]
pub fn newcomer<'a>(
    before: &[PastOperation],
    now: &'a [PastOperation],
) -> Option<(&'a PastOperation, Option<&'a PastOperation>)> {
    let is_new = |one: &PastOperation| before.iter().all(|known| known.id != one.id);
    let at = now.iter().rposition(|one| is_new(one) && one.kind.deploys());
    let at = at.or_else(|| now.iter().rposition(is_new))?;
    Some((&now[at], now.get(at + 1)))
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
    use jiff::Timestamp;

    use super::{
        Digest, OperationId, OperationKind, PastOperation, Standing, come_since, newcomer, running, serving, standing,
    };
    use crate::operation::OperationStatus;

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
            let newest = past("a1", kind, status);
            let read = standing(Some(&newest), recorded, &wanted, in_place, at(100));
            assert_eq!(read, expected, "{kind:?} {status} {recorded:?} {in_place}");
        }
        assert_eq!(standing(None, Some(&wanted), &wanted, true, at(100)), Standing::Unknown);
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn past(id: &str, kind: OperationKind, status: &str) -> PastOperation {
        let status = OperationStatus::from(status.to_owned());
        PastOperation { id: OperationId::new(id), kind, status, started_at: Some(at(99)) }
    }

    /// Of two runs at once: what the other one ordered is this run's too, or has overtaken it.
    #[test]
    fn operations_of_other_runs_count_since_this_one_began() {
        use OperationKind::{ResumeService, StartDeployment};
        let (wanted, other) = (Digest::of(b"wanted"), Digest::of(b"other"));
        let under_way = Standing::UnderWay(OperationId::new("a1"));
        let overtaken = Standing::Overtaken(other.clone());
        let table = [
            (StartDeployment, "ROLLBACK_SUCCEEDED", &wanted, true, under_way.clone()),
            (StartDeployment, "FAILED", &wanted, true, under_way.clone()),
            (StartDeployment, "ROLLBACK_IN_PROGRESS", &wanted, true, under_way.clone()),
            (StartDeployment, "SUCCEEDED", &wanted, true, Standing::Deployed),
            (StartDeployment, "FAILED", &wanted, false, under_way.clone()),
            (StartDeployment, "SUCCEEDED", &wanted, false, Standing::Unknown),
            (StartDeployment, "SUCCEEDED", &other, false, overtaken.clone()),
            (StartDeployment, "IN_PROGRESS", &other, true, overtaken.clone()),
            (StartDeployment, "PENDING", &other, false, overtaken),
            (StartDeployment, "ROLLBACK_SUCCEEDED", &other, false, Standing::Unknown),
            (ResumeService, "SUCCEEDED", &other, false, Standing::Unknown),
        ];
        for (kind, status, recorded, in_place, expected) in table {
            let newest = past("a1", kind, status);
            let read = standing(Some(&newest), Some(recorded), &wanted, in_place, at(99));
            assert_eq!(read, expected, "{kind:?} {status} {in_place}");
        }
    }

    /// A rollback during a deployment knows of it, whenever in the same second it began.
    #[test]
    fn known_operation_does_not_overtake() {
        let (wanted, other) = (Digest::of(b"wanted"), Digest::of(b"other"));
        let newest = past("a1", OperationKind::StartDeployment, "IN_PROGRESS");
        let read = |began| standing(Some(&newest), Some(&other), &wanted, false, began);
        assert_eq!(read(at(99)), Standing::Overtaken(other.clone()));
        assert_eq!(read(newest.first_second_after().unwrap()), Standing::Unknown);
    }

    #[test]
    fn first_newcomer_counts() {
        use OperationKind::{Other, StartDeployment};
        let [third, second, first] = [("3", StartDeployment), ("2", StartDeployment), ("1", Other)]
            .map(|(id, kind)| past(id, kind, "SUCCEEDED"));
        let now = [third, second.clone(), first.clone()];
        assert_eq!(newcomer(&now[2..], &now), Some((&second, Some(&first))));
        assert_eq!(newcomer(&now, &now), None);
        assert_eq!(newcomer(&[], &now[2..]), Some((&first, None)));
        assert_eq!(newcomer(&[], &now).map(|(one, _)| one), Some(&second));
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
