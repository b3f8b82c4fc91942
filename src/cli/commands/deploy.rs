//! `shipgate deploy`: the whole pipeline for one target.

use crate::{
    cli::{
        args::{DeployArgs, ReleaseArgs, SecretsArgs, TargetArgs},
        console::Console,
        wire,
    },
    config::{
        self,
        deployment::{Deployment, Target},
        environment::Environment,
        overrides::Overrides,
    },
    pipeline::{deploy, failure::Failure},
};
use shipgate_core::{event::Event, exit_code::ExitCode};

/// Deploys.
pub async fn run(args: DeployArgs) -> ExitCode {
    let environment = Environment::of_process();
    let console = match Console::open(&args.output, &environment) {
        Ok(console) => console,
        Err(code) => return code,
    };
    let SecretsArgs { secrets, secrets_file } = args.secrets.clone();
    let overrides = Overrides { secrets, secrets_file, ..overrides(&args.target, &args.release) };
    let deployment = config::load(&overrides, &environment);
    console.emitter().emit(Event::RunStarted {
        verb: "deploy".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        image: image_of(&args.target, deployment.as_ref().ok()),
        target: deployment.as_ref().ok().map(|deployment| deployment.target.name.clone()),
    });
    console
        .finish_with(async {
            let deployment = deployment.map_err(Failure::Configuration)?;
            let run = console.run(wait_arguments(&args.target, &deployment.target));
            let events = console.emitter();
            let connecting = wire::connect(&deployment, &environment, &events);
            Box::pin(deploy::deploy(&run, &deployment, connecting)).await
        })
        .await
}

/// The image that a run is about, as far as it is known.
pub(super) fn image_of(args: &TargetArgs, deployment: Option<&Deployment>) -> String {
    deployment.map(|deployment| deployment.image.to_string()).or_else(|| args.image.clone()).unwrap_or_default()
}

/// The flags, as `config` takes them.
pub(super) fn overrides(args: &TargetArgs, release: &ReleaseArgs) -> Overrides {
    let (args, release) = (args.clone(), release.clone());
    Overrides {
        file: args.file,
        target: args.target,
        image: args.image,
        oidc: args.oidc.oidc,
        oidc_audience: args.oidc.oidc_audience,
        oidc_token_variable: args.oidc.oidc_token_variable,
        registry_role: args.registry_role,
        registry_external_id: args.registry_external_id,
        role: args.role,
        external_id: args.external_id,
        service: args.service,
        region: args.region,
        repository: args.repository,
        tag: args.tag,
        create_repository: args.create_repository,
        via: args.via,
        access_role: args.access_role,
        instance_role: args.instance_role,
        cpu: args.cpu,
        memory: args.memory,
        port: args.port,
        no_verify: args.no_verify,
        stay: args.stay,
        if_busy: release.if_busy,
        busy_timeout: release.busy_timeout,
        auto_deployments: release.auto_deployments,
        identifier: release.identifier,
        resume: release.resume,
        recreate: release.recreate,
        force: release.force,
        gate_timeout: args.gate_timeout,
        log_retention_days: args.log_retention_days,
        ..Overrides::default()
    }
}

/// The flags that lead `shipgate wait` to the same service, from anywhere the file is. None of them is a secret.
pub(super) fn wait_arguments(args: &TargetArgs, target: &Target) -> String {
    let file = args.file.as_ref().map(|file| file.display().to_string());
    let region = target.access.region.to_string();
    let flags = [
        ("--file", file.as_deref()),
        ("--target", args.target.as_deref()),
        ("--role", args.role.as_deref()),
        ("--external-id", args.external_id.as_deref()),
        ("--service", args.service.as_deref()),
        ("--region", Some(region.as_str())),
        ("--log-retention-days", args.log_retention_days.as_deref()),
        ("--oidc", args.oidc.oidc.as_deref()),
        ("--oidc-audience", args.oidc.oidc_audience.as_deref()),
        ("--oidc-token-variable", args.oidc.oidc_token_variable.as_deref()),
    ];
    flags.iter().filter_map(|(flag, value)| value.map(|value| format!(" {flag} {}", quoted(value)))).collect()
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("arn:aws:iam::111111111111:role/a"), "arn:aws:iam::111111111111:role/a");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
