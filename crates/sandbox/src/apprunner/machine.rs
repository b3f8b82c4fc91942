//! The course of an operation as a state machine: what happened in a phase decides the next phase, and what the
//! operation and the service are seen to be in it. Pure; the driver does what a phase asks for and reports back.

use serde::{Deserialize, Serialize};

use super::word::{OperationKind, OperationStatus, ServiceStatus};

/// What is being done.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) enum Phase {
    /// Accepted, nothing done yet.
    Pending,
    /// The image is being resolved and fetched.
    Pulling,
    /// Green is being started.
    Starting,
    /// Green is being health-checked.
    Checking,
    /// Traffic is being switched from blue, if there is one, to green.
    Routing,
    /// Blue is being let finish, then stopped.
    Draining,
    /// Green is being taken away; blue serves.
    RollingBack,
    /// The serving instance is being taken away, to pause or delete the service.
    Stopping,
    /// Nothing any more.
    Ended(Ending),
}

impl Phase {
    /// The sandbox's own word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Pulling => "PULLING",
            Self::Starting => "STARTING",
            Self::Checking => "CHECKING",
            Self::Routing => "ROUTING",
            Self::Draining => "DRAINING",
            Self::RollingBack => "ROLLING_BACK",
            Self::Stopping => "STOPPING",
            Self::Ended(_) => "ENDED",
        }
    }

    /// Every phase in which something is done.
    #[cfg(test)]
    pub(super) const LIVE: [Self; 8] = [
        Self::Pending,
        Self::Pulling,
        Self::Starting,
        Self::Checking,
        Self::Routing,
        Self::Draining,
        Self::RollingBack,
        Self::Stopping,
    ];
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) enum Ending {
    Succeeded,
    Failed,
    RolledBack,
    RollbackFailed,
}

/// What came of a phase.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Event {
    /// The phase's work is done.
    Done,
    /// It could not be done.
    Failed,
    /// The operation is made to end here, without a rollback.
    GivenUp,
    /// The operation is made to go back from here, even where there is nothing to go back to.
    TurnedBack,
}

impl Event {
    /// Every event.
    #[cfg(test)]
    pub(super) const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::GivenUp, Self::TurnedBack];
}

/// What an operation is about and what it has to fall back on: fixed when it is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub(super) struct Basis {
    pub(super) kind: OperationKind,
    /// Whether a blue serves that a failure must leave serving.
    pub(super) serving: bool,
    /// What the service was before: where a failure without a blue leaves it.
    pub(super) before: ServiceStatus,
}

impl Basis {
    /// The update of a paused service brings nothing up.
    fn only_configures(self) -> bool {
        self.kind == OperationKind::UpdateService && self.before == ServiceStatus::Paused
    }
}

/// Where an operation goes next, and what is seen of it there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) phase: Phase,
    pub(super) operation: OperationStatus,
    pub(super) service: ServiceStatus,
}

/// The next step. `None` after an end.
pub(super) fn step(phase: Phase, event: Event, basis: Basis) -> Option<Step> {
    let next = match (phase, event) {
        (Phase::Ended(_), _) => return None,
        (Phase::Pending, Event::Done) if basis.kind.only_stops() => Phase::Stopping,
        (Phase::Pending, Event::Done) if basis.only_configures() => Phase::Ended(Ending::Succeeded),
        (Phase::Pending, Event::Done) => Phase::Pulling,
        (Phase::Pulling, Event::Done) => Phase::Starting,
        (Phase::Starting, Event::Done) => Phase::Checking,
        (Phase::Checking, Event::Done) => Phase::Routing,
        (Phase::Routing, Event::Done) if basis.serving => Phase::Draining,
        (Phase::Routing | Phase::Stopping, Event::Done)
        // Green serves already: a blue that does not go away quietly is not the deployment's failure.
        | (Phase::Draining, _) => Phase::Ended(Ending::Succeeded),
        (Phase::RollingBack, Event::Done) => Phase::Ended(Ending::RolledBack),
        (Phase::RollingBack, Event::Failed | Event::GivenUp | Event::TurnedBack) => Phase::Ended(Ending::RollbackFailed),
        (Phase::Pulling | Phase::Starting | Phase::Checking | Phase::Routing, Event::Failed) if basis.serving => {
            Phase::RollingBack
        }
        (
            Phase::Pending | Phase::Pulling | Phase::Starting | Phase::Checking | Phase::Routing | Phase::Stopping,
            Event::Failed | Event::GivenUp,
        ) => Phase::Ended(Ending::Failed),
        (
            Phase::Pending | Phase::Pulling | Phase::Starting | Phase::Checking | Phase::Routing | Phase::Stopping,
            Event::TurnedBack,
        ) => Phase::RollingBack,
    };
    Some(Step { phase: next, operation: operation_in(next), service: service_in(next, basis) })
}

/// How an operation ends whose process was killed: what was being done has failed, the way back is done, because nothing
/// of green is left. So a deployment goes back to blue, and one that had reached green's traffic has succeeded.
pub(super) fn interrupted(mut phase: Phase, basis: Basis) -> Option<Step> {
    let mut last = None;
    loop {
        let event = match phase {
            Phase::Pending | Phase::RollingBack => Event::Done,
            Phase::Pulling | Phase::Starting | Phase::Checking | Phase::Routing | Phase::Draining | Phase::Stopping => {
                Event::Failed
            }
            Phase::Ended(_) => return last,
        };
        let next = step(phase, event, basis)?;
        (phase, last) = (next.phase, Some(next));
    }
}

fn operation_in(phase: Phase) -> OperationStatus {
    match phase {
        Phase::Pending => OperationStatus::Pending,
        Phase::Pulling | Phase::Starting | Phase::Checking | Phase::Routing | Phase::Draining | Phase::Stopping => {
            OperationStatus::InProgress
        }
        Phase::RollingBack => OperationStatus::RollbackInProgress,
        Phase::Ended(Ending::Succeeded) => OperationStatus::Succeeded,
        Phase::Ended(Ending::Failed) => OperationStatus::Failed,
        Phase::Ended(Ending::RolledBack) => OperationStatus::RollbackSucceeded,
        Phase::Ended(Ending::RollbackFailed) => OperationStatus::RollbackFailed,
    }
}

fn service_in(phase: Phase, basis: Basis) -> ServiceStatus {
    match phase {
        Phase::Pending
        | Phase::Pulling
        | Phase::Starting
        | Phase::Checking
        | Phase::Routing
        | Phase::Draining
        | Phase::RollingBack
        | Phase::Stopping => ServiceStatus::OperationInProgress,
        Phase::Ended(Ending::Succeeded) => match basis.kind {
            OperationKind::PauseService => ServiceStatus::Paused,
            OperationKind::UpdateService if basis.only_configures() => ServiceStatus::Paused,
            OperationKind::DeleteService => ServiceStatus::Deleted,
            OperationKind::StartDeployment
            | OperationKind::CreateService
            | OperationKind::ResumeService
            | OperationKind::UpdateService => ServiceStatus::Running,
        },
        Phase::Ended(Ending::Failed) if basis.kind == OperationKind::DeleteService => ServiceStatus::DeleteFailed,
        // Blue, where there is one, serves after any of them: also a rollback that failed has not taken it away.
        Phase::Ended(Ending::Failed | Ending::RolledBack | Ending::RollbackFailed) => match basis.kind {
            OperationKind::CreateService => ServiceStatus::CreateFailed,
            OperationKind::DeleteService
            | OperationKind::PauseService
            | OperationKind::ResumeService
            | OperationKind::StartDeployment
            | OperationKind::UpdateService => basis.before,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Basis, Ending, Event, Phase, interrupted, step};
    use crate::apprunner::word::{OperationKind as K, OperationStatus as O, ServiceStatus as S};

    /// Plays events until the end and gives what was seen on the way.
    fn play(basis: Basis, failing_in: &[Phase]) -> (Vec<Phase>, O, S) {
        let (mut phase, mut seen) = (Phase::Pending, Vec::new());
        let mut last = (O::Pending, S::OperationInProgress);
        while !matches!(phase, Phase::Ended(_)) {
            let event = if failing_in.contains(&phase) { Event::Failed } else { Event::Done };
            let next = step(phase, event, basis).unwrap();
            seen.push(phase);
            (phase, last) = (next.phase, (next.operation, next.service));
        }
        (seen, last.0, last.1)
    }

    fn basis(kind: K, serving: bool, before: S) -> Basis {
        Basis { kind, serving, before }
    }

    #[test]
    fn how_operations_end() {
        use Phase::{Checking, Draining, Pulling, RollingBack, Routing, Starting, Stopping};
        let create = basis(K::CreateService, false, S::OperationInProgress);
        let deploy = basis(K::StartDeployment, true, S::Running);
        let update = basis(K::UpdateService, true, S::Running);
        let rebuild = basis(K::UpdateService, false, S::CreateFailed);
        let resume = basis(K::ResumeService, false, S::Paused);
        let configure = basis(K::UpdateService, false, S::Paused);
        let pause = basis(K::PauseService, true, S::Running);
        let delete = basis(K::DeleteService, true, S::Running);
        let table: [(Basis, &[Phase], O, S); 20] = [
            (create, &[], O::Succeeded, S::Running),
            (create, &[Pulling], O::Failed, S::CreateFailed),
            (create, &[Starting], O::Failed, S::CreateFailed),
            (create, &[Checking], O::Failed, S::CreateFailed),
            (create, &[Routing], O::Failed, S::CreateFailed),
            (deploy, &[], O::Succeeded, S::Running),
            (deploy, &[Pulling], O::RollbackSucceeded, S::Running),
            (deploy, &[Checking], O::RollbackSucceeded, S::Running),
            (deploy, &[Checking, RollingBack], O::RollbackFailed, S::Running),
            (deploy, &[Draining], O::Succeeded, S::Running),
            (update, &[Routing], O::RollbackSucceeded, S::Running),
            (rebuild, &[], O::Succeeded, S::Running),
            (rebuild, &[Checking], O::Failed, S::CreateFailed),
            (resume, &[], O::Succeeded, S::Running),
            (resume, &[Starting], O::Failed, S::Paused),
            (configure, &[], O::Succeeded, S::Paused),
            (pause, &[], O::Succeeded, S::Paused),
            (pause, &[Stopping], O::Failed, S::Running),
            (delete, &[], O::Succeeded, S::Deleted),
            (delete, &[Stopping], O::Failed, S::DeleteFailed),
        ];
        for (basis, failing, operation, service) in table {
            let (seen, last_operation, last_service) = play(basis, failing);
            assert_eq!((last_operation, last_service), (operation, service), "{basis:?} {failing:?} {seen:?}");
        }
    }

    #[test]
    fn how_a_kill_ends_operations() {
        let create = basis(K::CreateService, false, S::OperationInProgress);
        let deploy = basis(K::StartDeployment, true, S::Running);
        let resume = basis(K::ResumeService, false, S::Paused);
        let configure = basis(K::UpdateService, false, S::Paused);
        let pause = basis(K::PauseService, true, S::Running);
        let delete = basis(K::DeleteService, true, S::Running);
        for (phase, basis, operation, service) in [
            (Phase::Pending, create, O::Failed, S::CreateFailed),
            (Phase::Routing, create, O::Failed, S::CreateFailed),
            (Phase::Pending, deploy, O::RollbackSucceeded, S::Running),
            (Phase::Checking, deploy, O::RollbackSucceeded, S::Running),
            (Phase::Routing, deploy, O::RollbackSucceeded, S::Running),
            (Phase::RollingBack, deploy, O::RollbackSucceeded, S::Running),
            (Phase::Draining, deploy, O::Succeeded, S::Running),
            (Phase::Starting, resume, O::Failed, S::Paused),
            (Phase::Pending, configure, O::Succeeded, S::Paused),
            (Phase::Stopping, pause, O::Failed, S::Running),
            (Phase::Stopping, delete, O::Failed, S::DeleteFailed),
        ] {
            let ended = interrupted(phase, basis).unwrap();
            assert_eq!((ended.operation, ended.service), (operation, service), "{phase:?} {basis:?}");
        }
        assert_eq!(interrupted(Phase::Ended(Ending::Failed), deploy), None);
    }

    #[test]
    fn a_deployment_passes_every_phase_in_order() {
        let (seen, ..) = play(basis(K::StartDeployment, true, S::Running), &[]);
        let order = [Phase::Pending, Phase::Pulling, Phase::Starting, Phase::Checking, Phase::Routing, Phase::Draining];
        assert_eq!(seen, order);
    }

    #[test]
    fn only_an_end_leaves_operation_in_progress() {
        for phase in Phase::LIVE {
            for event in Event::ALL {
                let next = step(phase, event, basis(K::UpdateService, true, S::Running)).unwrap();
                let ended = matches!(next.phase, Phase::Ended(_));
                assert_eq!(next.operation.is_terminal(), ended, "{phase:?}");
                assert_eq!(next.service != S::OperationInProgress, ended, "{phase:?}");
            }
        }
        let ended = Phase::Ended(Ending::Succeeded);
        assert_eq!(step(ended, Event::Done, basis(K::UpdateService, true, S::Running)), None);
    }
}
