//! `shipgate doctor`: who this job is, and whether that lets it in.

use super::verify::place_overrides;
use crate::{
    cli::{args::DoctorArgs, console::Console, wire},
    config::{
        environment::Environment,
        identities::{self, Identities},
    },
    pipeline::{doctor, failure::Failure},
};
use shipgate_container_check::docker::Engine;
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Examines.
pub async fn run(args: DoctorArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    console.emitter().emit(Event::RunStarted {
        verb: "doctor".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: String::new(),
        target: args.place.target.clone(),
    });
    console
        .finish_with(async {
            let run = console.run(String::new());
            run.progress.only_reads();
            let identities = identities::load(&place_overrides(args.place), &environment);
            let identities: Identities = identities.map_err(Failure::Configuration)?;
            let patient = wire::patient(&identities, &environment).await;
            let docker = wire::docker_environment(&environment);
            let wants_engine = identities.checks_locally && !args.no_verify;
            let connecting = wants_engine.then(|| Engine::connect(&docker));
            Box::pin(doctor::doctor(&run, &patient, connecting)).await
        })
        .await
}
