//! The local check's verdict on a case: the built binary, told the service's settings, on the real engine.

use serde_json::Value;

use super::cases::{CASES, Case, Local};
use crate::{
    verifying::Loaded,
    world::{Ran, shipgate},
};

/// The verdict, and all that was said.
pub(super) fn verdict(case: &Case) -> (Local, String) {
    let image = Loaded::of(case.name, &case.image.pack(case.name));
    let mut command = shipgate();
    command.args(["verify", &image.name, "--output", "json"]).args(flags(case));
    let ran: Ran = command.output().unwrap().into();
    let events: Vec<Value> = ran.stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |name: &str| events.iter().filter(move |event| event["event"] == name).collect::<Vec<_>>();
    let verdict = match (of("verified").as_slice(), ran.code) {
        ([verified], 0) if verified["healthy"] == true => {
            assert!(verified["ready_ms"].as_u64() <= verified["allowed_ms"].as_u64(), "{}", ran.said());
            warned(&of("warning"))
        }
        ([verified], 6) if verified["healthy"] == false => {
            let finding = &verified["finding"];
            assert!(finding["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{}", ran.said());
            assert_eq!(finding["headline"], verified["reason"], "{}", ran.said());
            Local::Unhealthy(known(finding["name"].as_str().unwrap()))
        }
        (verified, code) => panic!("{}: {verified:?} and exit code {code}\n{}", case.name, ran.said()),
    };
    (verdict, ran.said())
}

fn warned(warnings: &[&Value]) -> Local {
    let named = |warning: &&Value| warning["message"].as_str().unwrap().starts_with("ignores-sigterm: ");
    if warnings.iter().any(named) { Local::Warned("ignores-sigterm") } else { Local::Healthy }
}

/// The name as the table has it; one that it does not have is wrong anyway.
fn known(name: &str) -> &'static str {
    let findings = CASES.iter().filter_map(|case| match case.local {
        Local::Unhealthy(finding) => Some(finding),
        Local::Healthy | Local::Warned(_) => None,
    });
    findings.into_iter().find(|finding| *finding == name).unwrap_or("another finding")
}

/// The service's settings, as `verify` takes them.
fn flags(case: &Case) -> Vec<String> {
    let settings = &case.settings;
    let mut flags = vec![
        format!("--port={}", settings.port),
        format!("--cpu={}", settings.size.0),
        format!("--memory={}", settings.size.1),
        format!("--health-protocol={}", settings.protocol),
        format!("--health-interval={}", settings.interval),
        format!("--health-timeout={}", settings.timeout),
        format!("--healthy-threshold={}", settings.healthy_threshold),
        format!("--unhealthy-threshold={}", settings.unhealthy_threshold),
    ];
    // Only an HTTP probe asks for a path.
    flags.extend((settings.protocol == "http").then(|| format!("--health-path={}", settings.path)));
    flags.extend(settings.start_command.map(|command| format!("--start-command={command}")));
    flags.extend(settings.environment.iter().map(|(name, value)| format!("--env={name}={value}")));
    flags
}
