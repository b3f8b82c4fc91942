//! `shipgate init --from-service ARN`: a configuration for a service that exists.

use crate::{
    cli::{args::InitArgs, console::Console, wire},
    config::{
        environment::Environment,
        initial::{self, InitWords},
    },
    pipeline::{
        failure::Failure,
        init::{self, InitRequest},
    },
};
use shipgate_core::{arn::ServiceArn, event::Event, exit_code::ExitCode};

/// Writes it.
pub async fn run(args: InitArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    console.emitter().emit(Event::RunStarted {
        verb: "init".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: args.registry_image.clone().unwrap_or_default(),
        target: Some(args.target.clone()),
    });
    console
        .finish_with(async {
            let run = console.run(String::new());
            run.progress.only_reads();
            init::spare(args.write.as_deref(), args.force)?;
            let initial = initial::read(&words(&args), &environment).map_err(Failure::Configuration)?;
            let workload = wire::connect_workload(&initial.target, run.events()).await?;
            init::init(&run, &workload.target, &workload.logs, &request(args, initial.service)).await
        })
        .await
}

fn words(args: &InitArgs) -> InitWords {
    InitWords {
        service: args.from_service.clone(),
        image: args.registry_image.clone(),
        registry_role: args.registry_role.clone(),
        role: args.role.clone(),
        external_id: args.external_id.clone(),
        oidc: args.oidc.clone().into(),
    }
}

fn request(args: InitArgs, service: ServiceArn) -> InitRequest {
    InitRequest {
        service,
        image: args.registry_image,
        registry_role: args.registry_role,
        registry_external_id: args.registry_external_id,
        role: args.role,
        external_id: args.external_id,
        target: args.target,
        write: args.write,
        force: args.force,
    }
}
