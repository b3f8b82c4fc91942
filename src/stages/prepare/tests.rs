//! Waiting: for whom, how long, and that it is told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{Emitter, Event, PrepareError, Started, follow, wait_until_free};
use crate::stages::fake::{Fake, arn};
use shipgate_core::{operation::OperationId, release::OperationKind};

const MINUTES: Duration = Duration::from_mins(20);

/// Waits, and gives what was told of it.
async fn waited(fake: &Fake, cancel: &CancellationToken) -> (Result<(), PrepareError>, Vec<String>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&told);
    let events = Emitter::new(move |event| {
        if let Event::Notice { message: text } | Event::Heartbeat { detail: text, .. } = event {
            into.lock().unwrap().push(text);
        }
    });
    let known = fake.operations[0].1.first().map(|(id, _, _)| OperationId::new(*id));
    let ended = wait_until_free(fake, "shop-api", known.as_ref(), MINUTES, &events, cancel).await;
    let told = told.lock().unwrap().clone();
    (ended, told)
}

#[tokio::test(start_paused = true)]
async fn an_operation_and_then_maintenance_are_waited_for_by_name() {
    let mut fake = Fake::new();
    fake.status = vec![(0, Some("OPERATION_IN_PROGRESS")), (300, Some("RUNNING"))];
    fake.operations = vec![
        (0, vec![("2", OperationKind::StartDeployment, "IN_PROGRESS")]),
        (120, vec![("2", OperationKind::StartDeployment, "SUCCEEDED")]),
    ];
    let (ended, told) = waited(&fake, &CancellationToken::new()).await;
    ended.unwrap();
    assert!((300..310).contains(&fake.seconds()), "{}", fake.seconds());
    assert_eq!(told[0], "the service is busy: waiting for operation 2");
    assert!(told.last().unwrap().contains("AWS's own maintenance"), "{told:?}");
    assert!((5..12).contains(&told.len()), "every half a minute: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_listed_keeps_it_busy_whatever_its_status_says() {
    let mut fake = Fake::new();
    fake.operations = vec![
        (0, vec![("2", OperationKind::StartDeployment, "PENDING")]),
        (60, vec![("2", OperationKind::StartDeployment, "SUCCEEDED")]),
    ];
    let (ended, _) = waited(&fake, &CancellationToken::new()).await;
    ended.unwrap();
    assert!(fake.seconds() >= 60);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_and_a_signal_end_it() {
    let mut fake = Fake::new();
    fake.status = vec![(0, Some("OPERATION_IN_PROGRESS"))];
    let (ended, _) = waited(&fake, &CancellationToken::new()).await;
    assert!(matches!(ended, Err(PrepareError::StillBusy { .. })), "{ended:?}");
    assert_eq!(fake.seconds(), MINUTES.as_secs());
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let (ended, _) = waited(&fake, &cancelled).await;
    assert!(matches!(ended, Err(PrepareError::Cancelled)), "{ended:?}");
}

#[tokio::test(start_paused = true)]
async fn only_what_succeeded_has_made_it_ready() {
    for (status, good) in [("SUCCEEDED", true), ("FAILED", false), ("ROLLBACK_SUCCEEDED", false)] {
        let mut fake = Fake::new();
        fake.operations = vec![
            (0, Vec::new()),
            (5, vec![("2", OperationKind::ResumeService, "IN_PROGRESS")]),
            (90, vec![("2", OperationKind::ResumeService, status)]),
        ];
        let started = Started { service: arn(), operation: OperationId::new("2") };
        let never = CancellationToken::new();
        let ended = follow(&fake, "resume-service", &started, MINUTES, &Emitter::silent(), &never).await;
        assert_eq!(ended.is_ok(), good, "{status}: {ended:?}");
        assert!(fake.seconds() >= 90);
    }
    let mut unknown = Fake::new();
    unknown.operations = vec![(0, vec![("2", OperationKind::ResumeService, "SOMETHING_NEW")])];
    let started = Started { service: arn(), operation: OperationId::new("2") };
    let never = CancellationToken::new();
    let ended = follow(&unknown, "resume-service", &started, MINUTES, &Emitter::silent(), &never).await;
    assert!(matches!(ended, Err(PrepareError::Late { .. })), "{ended:?}");
}
