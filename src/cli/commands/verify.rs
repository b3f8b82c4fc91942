//! `shipgate verify IMAGE`: the local check alone.

use crate::{
    cli::{
        args::{SettingsArgs, VerifyArgs},
        console::Console,
        wire,
    },
    config::{
        environment::Environment,
        verifying::{self, SettingsWords, VerifyWords},
    },
    docker::Engine,
    domain::{event::Event, exit_code::ExitCode, image::ImageReference},
    pipeline::{failure::Failure, verifying as order},
};

/// Checks.
pub async fn run(args: VerifyArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    console.emitter().emit(Event::RunStarted {
        verb: "verify".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: args.image.clone(),
        target: None,
    });
    console
        .finish_with(async {
            let run = console.run(String::new());
            run.progress.only_reads();
            let verifying = verifying::read(&words(args), &environment).map_err(Failure::Configuration)?;
            let engine = wire::docker_environment(&environment);
            let login = async |image: &ImageReference| wire::login_of(image, &environment).await;
            Box::pin(order::verify(&run, &verifying, Engine::connect(&engine), login)).await
        })
        .await
}

fn words(args: VerifyArgs) -> VerifyWords {
    VerifyWords {
        image: args.image,
        settings: settings_words(args.settings),
        pull: args.pull,
        stay: args.stay,
        reach: args.reach,
    }
}

/// The flags, as `config` takes them.
fn settings_words(args: SettingsArgs) -> SettingsWords {
    SettingsWords {
        port: args.port,
        start_command: args.start_command,
        cpu: args.cpu,
        memory: args.memory,
        variables: args.variables,
        variable_files: args.variable_files,
        health_protocol: args.health_protocol,
        health_path: args.health_path,
        health_interval: args.health_interval,
        health_timeout: args.health_timeout,
        healthy_threshold: args.healthy_threshold,
        unhealthy_threshold: args.unhealthy_threshold,
    }
}
