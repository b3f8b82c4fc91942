//! `shipgate sandbox`: the embedded AWS as a server.

mod guide;

use std::path::Path;

use serde_json::{Map, json};

use self::guide::Guide;
use crate::{
    cli::{
        args::{OutputFormat, SandboxArgs},
        console::{complain, print_data, say},
        signals,
    },
    domain::exit_code::ExitCode,
    sandbox::{self, Options, Sandbox, seed::Seed},
};

/// Serves until a signal comes.
pub async fn run(args: SandboxArgs) -> ExitCode {
    let seed = match args.seed.as_deref().map(read_seed).transpose() {
        Ok(seed) => seed.unwrap_or_default(),
        Err(error) => {
            complain(&error);
            return ExitCode::Usage;
        }
    };
    let options = Options { seed: seed.clone(), listen: args.listen, state: args.state, ..Options::default() };
    match sandbox::start(options).await {
        Ok(sandbox) => {
            introduce(&sandbox, &seed, args.output);
            signals::next().await;
            say("stopping: containers are removed");
            sandbox.shutdown().await;
            ExitCode::Success
        }
        Err(error) => {
            let code = complain(&with_source(&error));
            if let Some(hint) = error.hint() {
                say(&format!("hint: {hint}"));
            }
            code
        }
    }
}

fn read_seed(path: &Path) -> Result<Seed, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Seed::from_yaml(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn with_source(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// How to point clients at it: lines a shell can take on standard output, the words around them beside it; or one JSON
/// object with `endpoint`, `environment` and `registries` (account to `HOST:PORT`).
fn introduce(sandbox: &Sandbox, seed: &Seed, output: OutputFormat) {
    let environment = sandbox.environment();
    match output {
        OutputFormat::Json => {
            let variables: Map<_, _> = environment.into_iter().map(|(name, value)| (name, value.into())).collect();
            let registries = sandbox.registries().into_iter();
            let registries: Map<_, _> =
                registries.map(|(account, address)| (account.to_string(), address.to_string().into())).collect();
            let told = json!({ "endpoint": sandbox.endpoint(), "environment": variables, "registries": registries });
            print_data(&told.to_string());
        }
        OutputFormat::Text => {
            let guide = Guide::new(sandbox, seed);
            say(&guide.opening());
            for (name, value) in environment {
                print_data(&format!("export {name}={value}"));
            }
            say(&guide.rest());
        }
    }
}
