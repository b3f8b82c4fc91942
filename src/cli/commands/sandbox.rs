//! `shipgate sandbox`: the embedded AWS as a server.

mod guide;

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use serde_json::{Map, Value, json};

use self::guide::Guide;
use crate::cli::{
    args::{OutputFormat, SandboxArgs},
    console::{complain, print_unmasked, say, say_unmasked},
    signals,
};
use shipgate_core::{account::Region, exit_code::ExitCode};
use shipgate_sandbox as sandbox;
use shipgate_sandbox::{
    Options, Sandbox,
    apprunner::{Consistency, Options as AppRunnerOptions, Pace},
    delays::Delays,
    seed::{ConsistencySeed, Seed},
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
    if let Some(warning) = exposure(args.listen) {
        say(&warning);
    }
    match sandbox::start(options(&args, &seed)).await {
        Ok(sandbox) => {
            until_ended(async { introduce(&sandbox, &seed, args.output) }).await;
            say("stopping: containers are removed");
            sandbox.shutdown().await;
            ExitCode::Success
        }
        Err(error) => {
            let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
            complain(&(with_source(&error) + &hint))
        }
    }
}

/// Introduces the sandbox and waits for a signal. Signals are listened for first: who has read where the sandbox is may
/// end it at once.
async fn until_ended(introduction: impl Future<Output = ()>) {
    let mut ended = std::pin::pin!(signals::next());
    tokio::select! {
        biased;
        _ = &mut ended => return,
        () = introduction => {}
    }
    ended.await;
}

fn options(args: &SandboxArgs, seed: &Seed) -> Options {
    let default = AppRunnerOptions::default();
    let app_runner = match args.time_scale {
        Some(scale) => AppRunnerOptions { pace: Pace::real(scale), time_scale: scale, ..default },
        None => default,
    };
    let consistency = consistency(args.time_scale, seed.eventual_consistency);
    let app_runner = AppRunnerOptions { scripted: seed.scripted, consistency, ..app_runner };
    let delays = args.time_scale.map_or(Delays::QUICK, Delays::real);
    Options {
        seed: seed.clone(),
        listen: args.listen,
        allow_hosts: args.allow_host.clone(),
        delays: if consistency == Consistency::IMMEDIATE { delays.immediate() } else { delays },
        state: args.state.clone(),
        app_runner,
    }
}

/// What to say about an address that other machines can reach.
fn exposure(listen: SocketAddr) -> Option<String> {
    (!listen.ip().to_canonical().is_loopback()).then(|| {
        format!(
            "warning: other machines can reach the sandbox at {listen}, without TLS: anyone with its keys or its token can start \
             containers on this machine; use --listen 127.0.0.1:{} unless they must",
            listen.port()
        )
    })
}

/// App Runner is eventually consistent unless the seed says otherwise.
fn consistency(time_scale: Option<f64>, seed: Option<ConsistencySeed>) -> Consistency {
    match seed {
        Some(ConsistencySeed::Switch(false)) => Consistency::IMMEDIATE,
        Some(ConsistencySeed::Exact { stale_status_ms, late_operations_ms }) => Consistency {
            stale_status: Duration::from_millis(stale_status_ms),
            late_operations: Duration::from_millis(late_operations_ms),
        },
        Some(ConsistencySeed::Switch(true)) | None => time_scale.map_or(Consistency::QUICK, Consistency::real),
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

/// One JSON line on standard output, for programs: where everything is, the first user's keys and the control token. Beside it, for people,
/// how to point clients at it.
fn introduce(sandbox: &Sandbox, seed: &Seed, output: OutputFormat) {
    let environment: Map<_, _> =
        sandbox.environment().into_iter().map(|(name, value)| (name, Value::from(value))).collect();
    let mut regions: BTreeMap<&Region, Map<String, Value>> = BTreeMap::new();
    for ((account, region), address) in sandbox.registries() {
        let of_region = regions.entry(region).or_default();
        of_region.insert(account.to_string(), format!("http://{address}").into());
    }
    let credentials = seed.users.first().map(|user| {
        json!({
            "account": user.account,
            "access_key_id": environment.get("AWS_ACCESS_KEY_ID"),
            "secret_access_key": environment.get("AWS_SECRET_ACCESS_KEY"),
        })
    });
    let told = json!({
        "endpoint": sandbox.endpoint(),
        "region": sandbox.region(),
        "registries": regions.get(sandbox.region()),
        "regions": regions,
        "credentials": credentials,
        "control_token": sandbox.control_token(),
        "page": sandbox.page(),
        "environment": environment,
    });
    if output == OutputFormat::Text {
        say_unmasked(&Guide::new(sandbox, seed).text());
    }
    print_unmasked(&told.to_string());
}
