//! `shipgate iam`: the policies that the configuration asks for.

use super::deploy::{image_of, overrides};
use crate::{
    cli::{
        args::{IamArgs, SecretsArgs},
        console::Console,
    },
    config::{self, environment::Environment, overrides::Overrides},
    pipeline::{failure::Failure, permissions},
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Prints them.
pub async fn run(args: IamArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let SecretsArgs { secrets, secrets_file } = args.secrets.clone();
    let overrides = Overrides { secrets, secrets_file, ..overrides(&args.target, &args.release) };
    let deployment = config::load_any_version(&overrides, &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "iam".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: image_of(&args.target, deployment.as_ref().ok()),
        target: deployment.as_ref().ok().map(|deployment| deployment.target.name.clone()),
    });
    console
        .finish_with(async {
            let run = console.run(String::new());
            run.progress.only_reads();
            let deployment = deployment.map_err(Failure::Configuration)?;
            let parts: Vec<_> = args.parts.iter().map(|part| (*part).into()).collect();
            permissions::print(&run, &deployment, &parts, args.format.into())
        })
        .await
}
