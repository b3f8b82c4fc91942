//! An order is given once, whatever becomes of its answer; a push is looked for, and never ordered after.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{OperationKind, ReleaseError, ReleaseOrder, find_pushed, order};
use crate::stages::fake::{Fake, arn, past};
use shipgate_core::event::Emitter;

const CREATED: (&str, OperationKind, &str) = ("1", OperationKind::CreateService, "SUCCEEDED");
const DEPLOYS: (&str, OperationKind, &str) = ("2", OperationKind::StartDeployment, "PENDING");

async fn given(fake: &Fake, what: &ReleaseOrder) -> Result<Option<String>, ReleaseError> {
    given_unless(fake, what, &CancellationToken::new()).await
}

async fn given_unless(
    fake: &Fake,
    what: &ReleaseOrder,
    cancel: &CancellationToken,
) -> Result<Option<String>, ReleaseError> {
    let started = order(fake, what, &[past(CREATED)], &Emitter::silent(), cancel).await?;
    Ok(started.map(|started| started.operation.to_string()))
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_settled_by_the_list_and_never_asked_for_again() {
    // No answer at all, and an error of the service's own making.
    for code in [None, Some("InternalServiceErrorException")] {
        let mut fake = Fake::new();
        // It is listed late, beside an update of somebody else's.
        fake.operations = vec![
            (0, vec![("3", OperationKind::UpdateService, "PENDING"), CREATED]),
            (20, vec![("3", OperationKind::UpdateService, "SUCCEEDED"), DEPLOYS, CREATED]),
        ];
        fake.answers.lock().unwrap().push(Err(code));
        assert_eq!(given(&fake, &ReleaseOrder::Deploy(arn())).await.unwrap().as_deref(), Some("2"));
        assert_eq!(*fake.orders.lock().unwrap(), ["start-deployment"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_found_is_not_known() {
    let mut fake = Fake::new();
    fake.operations = vec![(0, vec![CREATED])];
    fake.answers.lock().unwrap().push(Err(None));
    assert!(matches!(given(&fake, &ReleaseOrder::Deploy(arn())).await, Err(ReleaseError::Unknown(_))));
    assert_eq!(*fake.orders.lock().unwrap(), ["start-deployment"]);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_order_is_given_again_and_a_refused_one_is_not() {
    let fake = Fake::new();
    fake.answers.lock().unwrap().extend([Err(Some("ThrottlingException")), Ok(Some("2"))]);
    assert_eq!(given(&fake, &ReleaseOrder::Resume(arn())).await.unwrap().as_deref(), Some("2"));
    fake.answers.lock().unwrap().push(Err(Some("InvalidStateException")));
    assert!(matches!(given(&fake, &ReleaseOrder::Resume(arn())).await, Err(ReleaseError::Refused(_))));
    assert_eq!(*fake.orders.lock().unwrap(), ["resume"; 3]);
}

/// Roles are not known everywhere at once. An order that was refused for one was not taken.
#[tokio::test(start_paused = true)]
async fn a_role_that_is_too_new_is_waited_for() {
    let mut fake = Fake::new();
    fake.messages = "Error in assuming access role arn:aws:iam::222222222222:role/new";
    let refused = || Err(Some("InvalidRequestException"));
    fake.answers.lock().unwrap().extend((0..12).map(|_| refused()).chain([Ok(Some("2"))]));
    assert_eq!(given(&fake, &ReleaseOrder::Deploy(arn())).await.unwrap().as_deref(), Some("2"));
    assert_eq!((fake.seconds(), fake.orders.lock().unwrap().len()), (60, 13));
}

#[tokio::test(start_paused = true)]
async fn a_role_that_stays_refused_is_not_waited_for_for_ever() {
    let mut fake = Fake::new();
    fake.messages = "Error in assuming instance role arn:aws:iam::222222222222:role/none";
    fake.answers.lock().unwrap().extend((0..30).map(|_| Err(Some("InvalidRequestException"))));
    assert!(matches!(given(&fake, &ReleaseOrder::Deploy(arn())).await, Err(ReleaseError::Refused(_))));
    assert_eq!(fake.seconds(), 75);
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_wait_for_a_role() {
    let mut fake = Fake::new();
    fake.messages = "Error in assuming access role arn:aws:iam::222222222222:role/new";
    fake.answers.lock().unwrap().extend((0..30).map(|_| Err(Some("InvalidRequestException"))));
    let cancel = CancellationToken::new();
    let signal = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        cancel.cancel();
    };
    let what = ReleaseOrder::Deploy(arn());
    let (given, ()) = tokio::join!(given_unless(&fake, &what, &cancel), signal);
    assert!(matches!(given, Err(ReleaseError::Refused(_))));
    assert_eq!((fake.seconds(), fake.orders.lock().unwrap().len()), (7, 2));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_gone_was_deleted() {
    let mut fake = Fake::new();
    fake.status = vec![(0, Some("OPERATION_IN_PROGRESS")), (10, None)];
    fake.operations = vec![(0, vec![CREATED])];
    fake.answers.lock().unwrap().push(Err(None));
    assert_eq!(given(&fake, &ReleaseOrder::Delete(arn())).await.unwrap(), None);
    assert_eq!(*fake.orders.lock().unwrap(), ["delete"]);
}

#[tokio::test(start_paused = true)]
async fn the_deployment_of_a_push_may_be_listed_late() {
    let mut fake = Fake::new();
    fake.operations = vec![(0, vec![CREATED]), (100, vec![DEPLOYS, CREATED])];
    let never = CancellationToken::new();
    let found = find_pushed(&fake, &arn(), &[past(CREATED)], &never).await.unwrap();
    assert_eq!(found.operation.as_str(), "2");
}

#[tokio::test(start_paused = true)]
async fn a_push_that_begins_nothing_is_no_reason_to_order() {
    let mut fake = Fake::new();
    fake.operations = vec![(0, vec![CREATED])];
    let never = CancellationToken::new();
    let found = find_pushed(&fake, &arn(), &[past(CREATED)], &never).await;
    assert!(matches!(found, Err(ReleaseError::NoPush)));
    assert_eq!(fake.seconds(), 120);
    assert!(fake.orders.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_signal_cuts_the_search_short_and_still_looks() {
    let mut fake = Fake::new();
    fake.operations = vec![(0, vec![CREATED]), (11, vec![DEPLOYS, CREATED])];
    let cancel = CancellationToken::new();
    let signal = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        cancel.cancel();
    };
    let before = [past(CREATED)];
    let service = arn();
    let (found, ()) = tokio::join!(find_pushed(&fake, &service, &before, &cancel), signal);
    assert_eq!(found.unwrap().operation.as_str(), "2");
    fake.operations = vec![(0, vec![CREATED])];
    assert!(find_pushed(&fake, &service, &before, &cancel).await.is_err(), "at once, nearly");
    assert!(fake.seconds() < 20);
}
