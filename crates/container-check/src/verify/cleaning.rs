//! What a check leaves behind: nothing, in bounded time; or, if asked to, the container with word of how to enter it.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::VerifyError;
use crate::docker::{Engine, EngineError, connect::EngineFacts, labels::labels};
use shipgate_core::event::{Emitter, Event};

/// How long cleaning up may take before it is given up and reported.
const CLEAN_UP_LIMIT: Duration = Duration::from_secs(10);

/// The same once the run is cancelled. It is for each of two, the container and the image, and with the wait for a
/// container's making below all is over within 5 s of a signal.
const HURRIED_LIMIT: Duration = Duration::from_millis(1500);

/// How long after a cancellation something that is being made is waited for.
const MAKING_LIMIT: Duration = Duration::from_secs(1);

/// How long a marker of a pull may take.
const MARKING_LIMIT: Duration = Duration::from_secs(5);

/// Beyond the longest pull and check: when a marker expires whose owner cannot be looked for.
const MARKER_LIFETIME: Duration = Duration::from_hours(2);

/// Removes what killed runs left. That it fails is worth knowing, and no reason not to judge.
pub(super) async fn sweep(engine: &Engine, events: &Emitter) {
    match engine.sweep(Timestamp::now()).await {
        Ok(removed) if removed.is_empty() => (),
        Ok(removed) => events
            .emit(Event::Notice { message: format!("removed what an earlier run had left: {}", removed.join(", ")) }),
        Err(error) => events
            .emit(Event::Warning { message: format!("what earlier runs have left could not be removed: {error}") }),
    }
}

/// Marks that an image is about to be pulled, so that it is found if this run is killed. Not raced with the
/// cancellation: a marker whose making was broken off would stay.
pub(super) async fn mark_pull(engine: &Engine, reference: &str, run_id: &str, events: &Emitter) -> Option<String> {
    let marking = engine.mark_pull(reference, labels(run_id, Timestamp::now(), MARKER_LIFETIME));
    let message = match timeout(MARKING_LIMIT, marking).await {
        Ok(Ok(marker)) => return Some(marker),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("the engine did not mark the pull within {} s", MARKING_LIMIT.as_secs()),
    };
    events.emit(Event::Warning { message });
    None
}

/// The work of making something, waited for a moment longer than the cancellation: what is made and not known of cannot
/// be removed.
pub(super) async fn made<T>(
    cancel: &CancellationToken,
    making: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, VerifyError> {
    let given_up = async {
        cancel.cancelled().await;
        sleep(MAKING_LIMIT).await;
    };
    tokio::select! {
        biased;
        made = making => Ok(made?),
        () = given_up => Err(VerifyError::Cancelled),
    }
}

/// Cleans up in bounded time, cancelled or not, and tells if it fails.
pub(super) async fn clean_up(
    events: &Emitter,
    cancel: &CancellationToken,
    work: impl Future<Output = Result<(), EngineError>>,
) {
    let given_up = async {
        tokio::select! {
            () = sleep(CLEAN_UP_LIMIT) => (),
            () = async { cancel.cancelled().await; sleep(HURRIED_LIMIT).await } => (),
        }
    };
    let message = tokio::select! {
        biased;
        result = work => match result {
            Ok(()) => return,
            Err(error) => format!("cleaning up failed: {error}"),
        },
        () = given_up => "cleaning up did not end in time; the next run goes on with it".to_owned(),
    };
    events.emit(Event::Warning { message });
}

/// A name for the container of a run: readable, and no other's.
pub(super) fn container_name(run_id: &str) -> String {
    let short: String = run_id.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    format!("shipgate-{short}-{:04x}", fastrand::u16(..))
}

/// How to enter a container that was kept.
pub(super) fn way_in(engine: &EngineFacts, name: &str, running: bool) -> String {
    let client = engine.client();
    let enter = if running { format!("{client} exec -it {name} sh") } else { format!("{client} logs {name}") };
    format!("the container is kept; look at it with: {enter}; remove it with: {client} rm -fv {name}")
}

/// Whether a container may be kept that was given this many real secrets: `docker inspect` shows them to everyone who
/// may use the engine, for as long as it is there.
///
/// # Errors
/// [`VerifyError::KeepsSecrets`] if it may not.
pub fn may_keep(keep: bool, secrets: usize) -> Result<(), VerifyError> {
    if keep && secrets > 0 { Err(VerifyError::KeepsSecrets { secrets }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio_util::sync::CancellationToken;

    use super::{Emitter, EngineFacts, VerifyError, clean_up, container_name, made, may_keep, way_in};

    #[test]
    fn the_way_in_is_a_line_to_run_on_that_engine() {
        let mut facts = EngineFacts { address: "unix:///var/run/docker.sock".to_owned(), ..EngineFacts::default() };
        assert!(way_in(&facts, "shipgate-1", true).contains(": docker exec -it shipgate-1 sh;"));
        facts.address = "unix:///run/user/1/docker.sock".to_owned();
        let stopped = way_in(&facts, "shipgate-1", false);
        assert!(stopped.contains(": docker -H unix:///run/user/1/docker.sock logs shipgate-1;"), "{stopped}");
        assert!(stopped.ends_with("docker -H unix:///run/user/1/docker.sock rm -fv shipgate-1"), "{stopped}");
    }

    #[test]
    fn names_are_readable_and_differ() {
        let names: Vec<String> = (0..3).map(|_| container_name("0123-456789abcdef")).collect();
        assert!(names.iter().all(|name| name.starts_with("shipgate-01234567-") && name.len() == 22), "{names:?}");
        assert!(names[0] != names[1] || names[1] != names[2], "{names:?}");
    }

    #[test]
    fn real_secrets_are_not_kept() {
        assert!(may_keep(true, 0).is_ok() && may_keep(false, 2).is_ok());
        let refused = may_keep(true, 2).unwrap_err();
        assert!(matches!(refused, VerifyError::KeepsSecrets { secrets: 2 }) && refused.hint().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_hangs_holds_a_cancelled_run_for_less_than_five_seconds() {
        let (cancel, begun) = (CancellationToken::new(), tokio::time::Instant::now());
        cancel.cancel();
        assert!(matches!(made::<()>(&cancel, pending()).await, Err(VerifyError::Cancelled)));
        clean_up(&Emitter::silent(), &cancel, pending()).await;
        clean_up(&Emitter::silent(), &cancel, pending()).await;
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }
}
