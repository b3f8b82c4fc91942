//! The local check's verdict on a case: a deployment by the built binary, read from its events.

use std::process::Output;

use serde_json::{Value, json};

use super::cases::{CASES, Case, Local};
use crate::world::{SOURCE, World};

/// The verdict, and all that was said.
pub(super) fn verdict(world: &World, case: &Case) -> (Local, String) {
    let file = format!("{}.json", case.name);
    world.write(&file, &configuration(case).to_string());
    let mut command = world.shipgate();
    let Output { status, stdout, stderr } = command.args(["deploy", "--output", "json", "-f", &file]).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let events: Vec<Value> =
        String::from_utf8_lossy(&stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of = |name: &str| events.iter().filter(move |event| event["event"] == name).collect::<Vec<_>>();
    let verdict = match (of("verified").as_slice(), status.code()) {
        ([], Some(4)) => Local::Refused,
        ([verified], Some(0)) if verified["healthy"] == true => warned(&of("warning")),
        ([verified], Some(6)) if verified["healthy"] == false => {
            let finding = &verified["finding"];
            assert!(finding["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{said}");
            assert_eq!(finding["headline"], verified["reason"], "{said}");
            Local::Unhealthy(known(finding["name"].as_str().unwrap()))
        }
        (verified, code) => panic!("{}: {verified:?} and exit code {code:?}\n{said}", case.name),
    };
    (verdict, said)
}

fn warned(warnings: &[&Value]) -> Local {
    let named = |warning: &&&Value| warning["message"].as_str().unwrap().starts_with("ignores-sigterm: ");
    if warnings.iter().any(|warning| named(&warning)) { Local::Warned("ignores-sigterm") } else { Local::Healthy }
}

/// The name as the table has it; one that it does not have is wrong anyway.
fn known(name: &str) -> &'static str {
    let findings = CASES.iter().filter_map(|case| match case.local {
        Local::Unhealthy(finding) => Some(finding),
        Local::Healthy | Local::Warned(_) | Local::Refused => None,
    });
    findings.into_iter().find(|finding| *finding == name).unwrap_or("another finding")
}

/// The configuration of a deployment that would create the service. YAML takes JSON.
fn configuration(case: &Case) -> Value {
    let settings = &case.settings;
    let mut create = json!({
        "access_role": "arn:aws:iam::222222222222:role/apprunner-access",
        "port": settings.port,
        "cpu": settings.size.0.parse::<f64>().unwrap(),
        "memory": settings.size.1.parse::<f64>().unwrap(),
        "environment": settings.environment.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "health_check": {
            "protocol": settings.protocol,
            "interval": settings.interval,
            "timeout": settings.timeout,
            "healthy_threshold": settings.healthy_threshold,
            "unhealthy_threshold": settings.unhealthy_threshold,
        },
    });
    // Only an HTTP probe asks for a path, and the configuration says so.
    if settings.protocol == "http" {
        create["health_check"]["path"] = json!(settings.path);
    }
    if let Some(command) = settings.start_command {
        create["start_command"] = json!(command);
    }
    json!({
        "image": format!("{SOURCE}:{}", case.name),
        "registry_role": "arn:aws:iam::111111111111:role/shipgate-pull",
        "targets": { "prod": {
            "role": "arn:aws:iam::222222222222:role/shipgate-deploy",
            "service": format!("{}-local", case.name),
            "create": create,
        } },
    })
}
