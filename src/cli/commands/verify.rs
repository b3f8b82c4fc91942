//! `shipgate verify IMAGE | --target NAME`: the local check alone.

use crate::{
    cli::{
        args::{PlaceArgs, SecretsArgs, SettingsArgs, VerifyArgs},
        console::Console,
        wire,
    },
    config::{
        environment::Environment,
        overrides::Overrides,
        verifying::{self, OfTarget, SettingsWords, VerifyWords, Verifying},
    },
    pipeline::{
        deploy::Run,
        failure::{Deployed, Failure},
        verifying as order,
    },
};
use shipgate_container_check::docker::Engine;
use shipgate_core::{event::Event, exit_code::ExitCode, image::ImageReference};

/// Checks.
pub async fn run(args: VerifyArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let overrides = overrides(args.place.clone(), args.secrets.clone());
    let words = words(args);
    let of_target = overrides.map(|overrides| verifying::read_for_target(&words, &overrides, &environment));
    let told = of_target.as_ref().and_then(|read| read.as_ref().ok());
    console.emitter().emit(Event::RunStarted {
        verb: "verify".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: told.map(|read| read.image.to_string()).or_else(|| words.image.clone()).unwrap_or_default(),
        target: told.map(|read| read.target.name.clone()),
    });
    console
        .finish_with(async {
            let run = console.run(String::new());
            run.progress.only_reads();
            if let Some(read) = of_target {
                return for_target(&run, &read.map_err(Failure::Configuration)?, &environment).await;
            }
            let read = verifying::read(&words, &environment).map_err(Failure::Configuration)?;
            alone(&run, &read, &environment).await
        })
        .await
}

async fn alone(run: &Run, verifying: &Verifying, environment: &Environment) -> Result<Deployed, Failure> {
    let engine = wire::docker_environment(environment);
    let login = async |image: &ImageReference| {
        let credentials = wire::login_of(image, environment).await?;
        let registry = wire::open_as_logged_in(image, environment).await.ok();
        Ok::<_, Failure>(order::Login { credentials, registry })
    };
    let verified = Box::pin(order::verify(run, verifying, Engine::connect(&engine), login)).await;
    match (verified, verifying.image.reference()) {
        // An engine's refusal to pull a build cache or an artifact does not say what it is.
        (Err(failure), Some(image)) if order::is_about_the_pull(&failure) => {
            let registry = wire::open_as_logged_in(image, environment).await;
            Err(order::what_it_is_instead(registry.ok(), image).await.unwrap_or(failure))
        }
        (verified, _) => verified,
    }
}

async fn for_target(run: &Run, verifying: &OfTarget, environment: &Environment) -> Result<Deployed, Failure> {
    let (events, OfTarget { target, registry, .. }) = (run.events(), verifying);
    let connecting = wire::connect_check(target, environment, events);
    let opening = async |image: &ImageReference| {
        Box::pin(wire::open_source(image, registry.as_ref(), target, environment, events)).await
    };
    Box::pin(order::verify_for_target(run, verifying, connecting, opening)).await
}

/// What leads to a target, if anything is to.
fn overrides(args: PlaceArgs, secrets: SecretsArgs) -> Option<Overrides> {
    let SecretsArgs { secrets, secrets_file } = secrets;
    let overrides = Overrides { secrets, secrets_file, ..place_overrides(args) };
    (overrides != Overrides::default()).then_some(overrides)
}

/// The flags that lead to a target, as `config` takes them.
pub(super) fn place_overrides(args: PlaceArgs) -> Overrides {
    Overrides {
        file: args.file,
        target: args.target,
        service: args.service,
        region: args.region,
        role: args.role,
        external_id: args.external_id,
        oidc: args.oidc.oidc,
        oidc_audience: args.oidc.oidc_audience,
        oidc_token_variable: args.oidc.oidc_token_variable,
        registry_role: args.registry_role,
        registry_external_id: args.registry_external_id,
        ..Overrides::default()
    }
}

fn words(args: VerifyArgs) -> VerifyWords {
    VerifyWords {
        image: args.image,
        settings: settings_words(args.settings),
        pull: args.pull,
        stay: args.stay,
        reach: args.reach,
        keep: args.keep,
    }
}

/// The flags, as `config` takes them.
fn settings_words(args: SettingsArgs) -> SettingsWords {
    SettingsWords {
        port: args.port,
        start_command: args.start_command,
        cpu: args.cpu,
        memory: args.memory,
        variables: args.variables.iter().map(|text| text.reveal().to_owned()).collect(),
        variable_files: args.variable_files,
        health_protocol: args.health_protocol,
        health_path: args.health_path,
        health_interval: args.health_interval,
        health_timeout: args.health_timeout,
        healthy_threshold: args.healthy_threshold,
        unhealthy_threshold: args.unhealthy_threshold,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::args::Cli;

    #[test]
    fn values_of_variables_are_not_shown() {
        let arguments = ["shipgate", "verify", "shop/api:v1", "-e", "TOKEN=hunter2"];
        let shown = format!("{:?}", Cli::try_parse_from(arguments).unwrap());
        assert!(shown.contains("variables: [Secret(…)]") && !shown.contains("hunter2"), "{shown}");
    }
}
