//! The sweep alone: what runs that were killed have left in the Docker engine is removed. It begins nothing, and calls no AWS.

use std::future::Future;

use jiff::Timestamp;

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
};
use shipgate_container_check::{
    docker::{Engine, EngineError},
    verify::VerifyError,
};
use shipgate_core::event::Event;

/// Sweeps, and tells what was removed. `connecting` finds the engine.
///
/// # Errors
/// [`Failure::Unverifiable`] when there is no engine, or when it did not remove everything.
pub async fn sweep(
    run: &Run,
    connecting: impl Future<Output = Result<Engine, EngineError>>,
) -> Result<Deployed, Failure> {
    let engine = connecting.await.map_err(VerifyError::Engine)?;
    let removed = engine.sweep(Timestamp::now()).await.map_err(VerifyError::Engine)?;
    for what in &removed {
        run.events().emit(Event::Notice { message: format!("removed {what}") });
    }
    Ok(Deployed { digest: None, service_url: None, summary: summary(removed.len()) })
}

fn summary(removed: usize) -> String {
    match removed {
        0 => "no run has left anything in the engine".to_owned(),
        1 => "1 thing that a killed run had left is removed".to_owned(),
        more => format!("{more} things that killed runs had left are removed"),
    }
}
