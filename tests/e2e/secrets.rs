//! What the local check is given for the service's secrets: nothing, stand-ins, a file's values, or the service's own. Values
//! are in nothing that is said, written or left behind.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::Value;
use shipgate_core::digest::Digest;

use crate::{
    canary::search::assert_absent,
    world::{CONFIGURATION, LIVE, Ran, SEED, World},
};

const NAME: &str = "DATABASE_URL";
/// The service's own value, in the seed.
const OWN: &str = "postgres://shop:hunter2@db.internal/shop";

/// An application that cannot run without the service's secret.
const NEEDY: (&str, &str) = ("DEMO_FAIL_WITHOUT_SECRET", NAME);

/// A world where v1 serves and v2, which needs its secret, waits in the registry.
fn serving() -> (World, Digest) {
    serving_with(SEED)
}

fn serving_with(seed: &str) -> (World, Digest) {
    let world = World::with_seed(seed);
    let old = world.push("v1", &[]);
    world.push("v2", &[NEEDY]);
    world.deploy_well("v1");
    (world, old)
}

fn assert_untouched(world: &World, old: &Digest, ran: &Ran) {
    assert_eq!(world.tag(LIVE).as_ref(), Some(old), "the tag moved: {}", ran.said());
    assert_eq!(world.orders(), ["CreateService"], "something was ordered: {}", ran.said());
    assert_eq!(world.answer(), "200 v1", "the old version does not serve: {}", ran.said());
}

fn events(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn event<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    events.iter().find(|event| event["event"] == kind).unwrap()
}

#[test]
fn without_its_secret_an_application_is_unhealthy_and_the_hint_names_it() {
    let (world, old) = serving();
    for arguments in [&[][..], &["--secrets", "skip"]] {
        let ran = world.deploy("v2", arguments);
        assert_eq!(ran.code, 6, "{}", ran.said());
        assert!(ran.stderr.contains("the service is given DATABASE_URL as a secret"), "{}", ran.stderr);
        assert_untouched(&world, &old, &ran);
    }
}

#[test]
fn a_stand_in_lets_it_run_and_is_told_as_one() {
    let (world, _) = serving();
    let ran = world.deploy("v2", &["--secrets", "stub", "--output", "json", "--report", "report.json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v2");
    let events = events(&ran);
    let started = event(&events, "container-started");
    assert_eq!(
        (&started["missing_secrets"], &started["stubbed_secrets"]),
        (&Value::from(Vec::<Value>::new()), &Value::from(vec![NAME]))
    );
    let report: Value = serde_json::from_slice(&fs::read(world.folder().join("report.json")).unwrap()).unwrap();
    assert_eq!(report["verification"]["stubbed_secrets"], Value::from(vec![NAME]));
    // The service is given its own.
    assert!(!world.control(None).to_string().contains("shipgate-stub"));
}

#[test]
fn a_stand_in_that_does_not_do_is_in_the_hint_and_is_not_masked() {
    let world = World::new();
    world.push("v1", &[("DEMO_FAIL", "print-environment")]);
    let ran = world.deploy("v1", &["--secrets", "stub"]);
    assert_eq!(ran.code, 6, "{}", ran.said());
    assert!(ran.stderr.contains("with stand-ins for the service's secrets DATABASE_URL"), "{}", ran.stderr);
    assert!(ran.stderr.contains("DATABASE_URL=shipgate-stub-DATABASE_URL"), "{}", ran.stderr);
    assert!(ran.stderr.contains("the container here a stand-in"), "{}", ran.stderr);
}

#[test]
fn the_configuration_says_it_too_and_a_variable_of_its_own_counts_more() {
    let (world, _) = serving();
    let file = CONFIGURATION
        .replace("    logs:", "    verify: { secrets: fetch, environment: { DATABASE_URL: mine } }\n    logs:");
    world.write("shipgate.yaml", &file);
    let ran = world.deploy("v2", &["--output", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(world.calls().iter().all(|call| call["service"] != "secretsmanager"), "nothing is wanted");
}

#[test]
fn values_of_a_file_are_given_and_what_it_lacks_is_missing() {
    let (world, old) = serving();
    world.write("other.env", "SOMETHING=else\n");
    let lacking = world.deploy("v2", &["--secrets-file", "other.env"]);
    assert_eq!(lacking.code, 6, "{}", lacking.said());
    assert!(lacking.stderr.contains("the file has none of DATABASE_URL"), "{}", lacking.stderr);
    assert_untouched(&world, &old, &lacking);
    world.write(".env", "# for the local check\nexport DATABASE_URL='postgres://localhost/test' # mine\n");
    let given = world.deploy("v2", &["--secrets-file", ".env"]);
    assert_eq!(given.code, 0, "{}", given.said());
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn a_bad_line_of_a_file_is_told_by_its_number() {
    let (world, old) = serving();
    world.write("bad.env", "A=1\nhunter2\n");
    let ran = world.deploy("v2", &["--secrets-file", "bad.env"]);
    assert_eq!(ran.code, 2, "{}", ran.said());
    assert!(ran.stderr.contains("bad.env:2:1") && !ran.said().contains("hunter2"), "{}", ran.said());
    assert_untouched(&world, &old, &ran);
}

#[test]
fn what_the_service_has_is_fetched() {
    let (world, _) = serving();
    let ran = world.deploy("v2", &["--secrets", "fetch"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("fetched DATABASE_URL"), "{}", ran.stderr);
    assert_eq!(world.answer(), "200 v2");
}

/// The seed with a role that may do everything in ECR, App Runner and the logs, and this besides.
fn seed_with(more: &str) -> String {
    let role = r#"  - { arn: "arn:aws:iam::222222222222:role/shipgate-deploy", assumed_by: ["arn:aws:iam::333333333333:root"] }"#;
    let statement =
        |action: &str, resource: &str| format!("{{ Effect: Allow, Action: {action}, Resource: \"{resource}\" }}");
    let all = statement(r#"["ecr:*", "apprunner:*", "logs:*", "iam:PassRole", "iam:CreateServiceLinkedRole"]"#, "*");
    let limited =
        role.replace(" }", &format!(r#", policies: [{{ Version: "2012-10-17", Statement: [{all}{more}] }}] }}"#));
    assert!(SEED.contains(role));
    SEED.replace(role, &limited)
}

#[test]
fn a_fetch_that_is_denied_changes_nothing_and_names_what_is_missing() {
    let (world, old) = serving_with(&seed_with(""));
    let ran = world.deploy("v2", &["--secrets", "fetch"]);
    assert_eq!(ran.code, 3, "{}", ran.said());
    for expected in
        ["DATABASE_URL: secretsmanager:GetSecretValue failed (AccessDeniedException)", "verify.secrets: stub"]
    {
        assert!(ran.stderr.contains(expected), "{expected}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("allow the role that deploys secretsmanager:GetSecretValue"), "{}", ran.stderr);
    assert_untouched(&world, &old, &ran);
    assert!(world.manifest(LIVE).is_some());
    // With the permission it goes through.
    let allowed = seed_with(r#", { Effect: Allow, Action: "secretsmanager:GetSecretValue", Resource: "*" }"#);
    let (world, _) = serving_with(&allowed);
    let ran = world.deploy("v2", &["--secrets", "fetch"]);
    assert_eq!(ran.code, 0, "{}", ran.said());
}

#[test]
fn a_secret_that_is_gone_is_a_problem_of_preflight() {
    let (world, old) = serving();
    let file = CONFIGURATION.replace("secret:shop-db", "secret:shop-gone");
    world.write("other.yaml", &file);
    let mut command = world.shipgate();
    let arguments = ["deploy", "--file", "other.yaml", "--service", "another", "--secrets", "fetch"];
    let ran: Ran = command.env("VERSION", "v2").args(arguments).output().unwrap().into();
    assert_eq!(ran.code, 4, "{}", ran.said());
    assert!(
        ran.stderr.contains("DATABASE_URL: secretsmanager:GetSecretValue failed (ResourceNotFound"),
        "{}",
        ran.stderr
    );
    assert_untouched(&world, &old, &ran);
}

/// The arguments of every process there is.
fn all_arguments() -> String {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let arguments = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    arguments.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// Everything that the engine knows of every container there is.
fn all_containers() -> String {
    let run = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).stderr(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let ids = run(&["ps", "--all", "--quiet", "--no-trunc"]);
    // One by one: others of this machine come and go meanwhile.
    ids.lines().map(|id| run(&["inspect", id])).collect()
}

#[test]
fn a_value_is_seen_nowhere_and_nothing_that_holds_it_is_left() {
    let value = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
    let seed = SEED.replace(OWN, &format!("postgres://shop:{value}@db.internal/shop"));
    assert_ne!(seed, SEED);
    for way in ["fetch", "file"] {
        let world = World::with_seed(&seed);
        // It shows everything it was given, and ends: the worst that can be.
        world.push("v1", &[("DEMO_FAIL", "print-environment")]);
        world.push("encoded", &[("DEMO_FAIL", "print-encoded-environment")]);
        world.write(".env", &format!("DATABASE_URL=\"postgres://shop:{value}@db.internal/shop\"\n"));
        for (output, version) in [("text", "v1"), ("json", "encoded")] {
            let mut command = world.shipgate();
            command.env("VERSION", version).args(["deploy", "--output", output, "--report", "report.json"]);
            command.args(if way == "file" { ["--secrets-file", ".env"] } else { ["--secrets", "fetch"] });
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            while child.try_wait().unwrap().is_none() {
                assert!(!all_arguments().contains(&value), "{way}: it is in the arguments of a process");
            }
            let ran: Ran = child.wait_with_output().unwrap().into();
            assert_eq!(ran.code, 6, "{way}: {}", ran.said());
            let report = fs::read_to_string(world.folder().join("report.json")).unwrap();
            if version == "v1" {
                assert!(ran.said().contains("DATABASE_URL=…"), "{way}: it was given: {}", ran.said());
                assert!(report.contains("DATABASE_URL=…"), "{way}: it was given: {report}");
            }
            assert_absent("output", &ran.said(), &value);
            assert_absent("report.json", &report, &value);
            assert!(!all_containers().contains(&value), "{way}: a container that holds it is left");
        }
        assert!(world.service().is_none());
    }
}

#[test]
fn the_cloud_needs_the_instance_roles_permission() {
    let role = r#"  - { arn: "arn:aws:iam::222222222222:role/apprunner-instance", assumed_by: [tasks.apprunner.amazonaws.com] }"#;
    assert!(SEED.contains(role));
    let seed = SEED.replace(role, &role.replace(" }", ", policies: [] }"));
    let world = World::with_seed(&seed);
    world.push("v1", &[NEEDY]);
    let ran = world.deploy("v1", &["--secrets", "stub"]);
    assert_eq!(ran.code, 9, "{}", ran.said());
    assert!(ran.stderr.contains("runtime environment secret DATABASE_URL"), "{}", ran.stderr);
    assert!(ran.stderr.contains("secretsmanager:GetSecretValue"), "{}", ran.stderr);
    assert_eq!(world.service().unwrap().1, "CREATE_FAILED");
}

fn verify(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.shipgate();
    command.env("VERSION", "v2").args(["verify", "--target", "prod"]).args(arguments).output().unwrap().into()
}

#[test]
fn the_check_alone_is_given_them_for_a_target_too() {
    let (world, old) = serving();
    for (way, code, says) in [
        ("skip", 6, "the service is given DATABASE_URL as a secret"),
        ("stub", 0, "with stand-ins for the service's secrets DATABASE_URL"),
        ("fetch", 0, "fetched DATABASE_URL"),
    ] {
        let ran = verify(&world, &["--secrets", way]);
        assert_eq!(ran.code, code, "{way}: {}", ran.said());
        assert!(ran.stderr.contains(says), "{way}: {}", ran.stderr);
        assert_untouched(&world, &old, &ran);
    }
    // What it is given by hand counts more.
    let given = verify(&world, &["--secrets", "fetch", "-e", "DATABASE_URL=mine"]);
    assert_eq!(given.code, 0, "{}", given.said());
    assert!(!given.stderr.contains("fetched"), "{}", given.stderr);
    let denied = verify(&serving_with(&seed_with("")).0, &["--secrets", "fetch"]);
    assert_eq!(denied.code, 3, "{}", denied.said());
}

#[test]
fn a_container_with_real_secrets_is_not_kept() {
    let (world, old) = serving();
    world.write(".env", "DATABASE_URL=mine\n");
    for arguments in [["--keep", "--secrets", "fetch"], ["--keep", "--secrets-file", ".env"]] {
        let ran = verify(&world, &arguments);
        assert_eq!(ran.code, 2, "{}", ran.said());
        assert!(ran.stderr.contains("--keep: a container that is given the real values"), "{}", ran.stderr);
        assert_untouched(&world, &old, &ran);
    }
}
