//! `doctor`: who this job is, and whether that lets it in. It asks for the job's token, tries every role, looks for a Docker
//! engine, and changes nothing. What is found is told as it is found, each check by its name.

mod clock;
mod engine;
mod job;
mod roles;

use futures_util::future::join_all;

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
};
use shipgate_aws::session::Base;
use shipgate_container_check::docker::{Engine, EngineError};
use shipgate_core::{
    access::Access,
    ci::CiSystem,
    diagnosis::{self, Diagnosis},
    event::Event,
    exit_code::ExitCode,
    oidc::{Claims, Start},
};

/// What is examined.
#[derive(Debug)]
pub struct Patient {
    /// The CI system.
    pub system: Option<CiSystem>,
    /// Where role chains begin.
    pub start: Start,
    /// What they start from, for what is not about a role.
    pub base: Base,
    /// The identities.
    pub roles: Vec<Role>,
}

/// An identity to try.
#[derive(Debug)]
pub struct Role {
    /// What it is for.
    pub purpose: String,
    /// The way to it, and what it starts from; absent where it is not known.
    pub access: Option<(Access, Base)>,
}

/// What is known of where chains begin, once it has been asked for.
struct Beginning {
    /// Of the job's token, where one is used and was had.
    claims: Option<Claims>,
    /// The ARN of the base identity, where that is used and was had.
    caller: Option<String>,
}

impl Beginning {
    /// Whether there is anything to start from.
    fn is_had(&self) -> bool {
        self.claims.is_some() || self.caller.is_some()
    }
}

/// Examines. `connecting` is to find the engine; `None` where none is needed.
///
/// # Errors
/// [`Failure::Diagnosed`] when a check failed.
pub async fn doctor(
    run: &Run,
    patient: &Patient,
    connecting: Option<impl Future<Output = Result<Engine, EngineError>>>,
) -> Result<Deployed, Failure> {
    let found = tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => {
            return Err(Failure::stopped(run.narrator.cancellation.signal()));
        }
        found = examine(run, patient, connecting) => found,
    };
    if diagnosis::exit_code(&found) == ExitCode::Success {
        return Ok(Deployed { digest: None, service_url: None, summary: diagnosis::summary(&found) });
    }
    Err(Failure::Diagnosed(found))
}

async fn examine(
    run: &Run,
    patient: &Patient,
    connecting: Option<impl Future<Output = Result<Engine, EngineError>>>,
) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    let mut tell = |one: Diagnosis| {
        run.events().emit(Event::Diagnosed(Box::new(one.clone())));
        found.push(one);
    };
    tell(job::system(patient.system));
    let (told, beginning) = job::beginning(&patient.start, &patient.base).await;
    told.into_iter().for_each(&mut tell);
    tell(clock::clock(&patient.base, &patient.start, beginning.claims.as_ref()).await);
    let trying = patient.roles.iter().map(|role| roles::attempt(role, &beginning));
    join_all(trying).await.into_iter().for_each(&mut tell);
    tell(engine::engine(connecting).await);
    found
}
