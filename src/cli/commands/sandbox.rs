//! `shipgate sandbox`: the embedded AWS as a server.

use std::path::Path;

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
    match sandbox::start(Options { seed, listen: args.listen, ..Options::default() }).await {
        Ok(sandbox) => {
            introduce(&sandbox, args.output);
            signals::next().await;
            say("stopping: containers are removed");
            sandbox.shutdown().await;
            ExitCode::Success
        }
        Err(error) => complain(&with_source(&error)),
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

/// How to point clients at it: lines a shell can take, or one JSON object.
fn introduce(sandbox: &Sandbox, output: OutputFormat) {
    let environment = sandbox.environment();
    match output {
        OutputFormat::Json => {
            let variables: serde_json::Map<_, _> =
                environment.into_iter().map(|(name, value)| (name, value.into())).collect();
            print_data(&serde_json::json!({ "endpoint": sandbox.endpoint(), "environment": variables }).to_string());
        }
        OutputFormat::Text => {
            say(&format!(
                "An AWS of two accounts is at {}; Ctrl-C ends it. To use it from another shell:\n",
                sandbox.endpoint()
            ));
            for (name, value) in environment {
                print_data(&format!("export {name}={value}"));
            }
        }
    }
}
