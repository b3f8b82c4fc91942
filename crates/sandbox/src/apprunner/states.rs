//! Which call each state takes: the state table of `facts/app-runner.md`, cell by cell, and nothing else.

use super::{options::Disputed, refusal, word::ServiceStatus};
use crate::answer::ApiError;

/// The calls whose admission depends on the service's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Read,
    StartDeployment,
    Update,
    Pause,
    Resume,
    Delete,
    Tag,
}

/// What becomes of an admitted call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Admission {
    /// It goes ahead.
    Proceed,
    /// Nothing is left to do: answered with the service and no operation (the model lets `ResumeService` answer
    /// without an `OperationId`).
    NothingToDo,
}

/// Admits or refuses a call.
pub(super) fn admit(call: Call, status: ServiceStatus, disputed: Disputed) -> Result<Admission, ApiError> {
    let done = match call {
        Call::Read => return Ok(Admission::Proceed),
        Call::StartDeployment if status == ServiceStatus::Running => return Ok(Admission::Proceed),
        Call::StartDeployment => return Err(refusal::not_running()),
        Call::Update => "updated",
        Call::Pause => "paused",
        Call::Resume => "resumed",
        Call::Delete => "deleted",
        Call::Tag => "tagged",
    };
    let taken = match status {
        ServiceStatus::Running if call == Call::Resume => return Ok(Admission::NothingToDo),
        ServiceStatus::Running => true,
        ServiceStatus::OperationInProgress | ServiceStatus::Deleted => false,
        ServiceStatus::Paused if call == Call::Update => disputed.paused_is_updatable,
        ServiceStatus::Paused => matches!(call, Call::Resume | Call::Delete | Call::Tag),
        ServiceStatus::CreateFailed if call == Call::Update => !disputed.create_failed_is_final,
        ServiceStatus::CreateFailed | ServiceStatus::DeleteFailed => call == Call::Delete,
    };
    if taken { Ok(Admission::Proceed) } else { Err(refusal::wrong_state(done, status)) }
}

#[cfg(test)]
mod tests {
    use super::{Admission, Call, admit};
    use crate::apprunner::{options::Disputed, word::ServiceStatus as S};

    const CALLS: [Call; 7] =
        [Call::Read, Call::StartDeployment, Call::Update, Call::Pause, Call::Resume, Call::Delete, Call::Tag];

    /// One letter a cell, in the order of `CALLS`: `+` taken, `=` nothing to do, `-` refused.
    const TABLE: [(S, &str); 6] = [
        (S::Running, "++++=++"),
        (S::OperationInProgress, "+------"),
        (S::Paused, "+---+++"),
        (S::CreateFailed, "+-+--+-"),
        (S::DeleteFailed, "+----+-"),
        (S::Deleted, "+------"),
    ];

    #[test]
    fn every_cell_of_the_state_table() {
        for (status, row) in TABLE {
            for (call, cell) in CALLS.into_iter().zip(row.chars()) {
                let answer = admit(call, status, Disputed::default());
                match cell {
                    '+' => assert_eq!(answer, Ok(Admission::Proceed), "{status:?} {call:?}"),
                    '=' => assert_eq!(answer, Ok(Admission::NothingToDo), "{status:?} {call:?}"),
                    _ => assert!(answer.is_err(), "{status:?} {call:?}"),
                }
            }
        }
    }

    #[test]
    fn start_deployment_is_refused_in_its_own_words() {
        for (status, _) in TABLE.into_iter().filter(|(status, _)| *status != S::Running) {
            let error = admit(Call::StartDeployment, status, Disputed::default()).unwrap_err();
            assert_eq!(error.code, "InvalidRequestException");
            assert_eq!(
                error.message,
                "Can't start a deployment on the specified service, because it isn't in RUNNING state"
            );
        }
    }

    #[test]
    fn the_old_rule_for_create_failed() {
        let old = Disputed { create_failed_is_final: true, ..Disputed::default() };
        let error = admit(Call::Update, S::CreateFailed, old).unwrap_err();
        assert_eq!(error.code, "InvalidStateException");
        assert_eq!(error.message, "Service cannot be updated in the current state: CREATE_FAILED.");
        assert!(admit(Call::Delete, S::CreateFailed, old).is_ok());
    }
}
