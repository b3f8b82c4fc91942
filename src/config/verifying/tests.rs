//! Words and flags, alone and for a target.

use std::time::Duration;

use super::{Environment, Overrides, PullPolicy, SettingsWords, VerifyWords, read, read_for_target, refuse_to_keep};
use shipgate_core::{
    health::{HealthCheck, Protocol},
    service::RunSettings,
};

fn words(settings: SettingsWords) -> VerifyWords {
    VerifyWords { image: Some("shop/api:v1".to_owned()), settings, ..VerifyWords::default() }
}

fn problems(words: &VerifyWords) -> Vec<String> {
    let error = read(words, &Environment::default()).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_but_an_image_is_app_runners_defaults() {
    let read = read(&words(SettingsWords::default()), &Environment::default()).unwrap();
    assert_eq!((read.image.written(), read.settings.port, read.manner.stay), ("shop/api:v1", 8080, Duration::ZERO));
    assert_eq!((read.settings.health_check, read.manner.pull), (HealthCheck::default(), PullPolicy::Missing));
}

#[test]
fn a_path_means_http_and_variables_come_from_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(".env");
    std::fs::write(&file, "A=from the file\nB=from the file\n").unwrap();
    let settings = SettingsWords {
        health_path: Some("/health".to_owned()),
        variables: vec!["B=b=c".to_owned(), "TOKEN".to_owned()],
        variable_files: vec![file],
        ..SettingsWords::default()
    };
    let environment = Environment::from_pairs([("TOKEN", "t")]);
    let settings = read(&words(settings), &environment).unwrap().settings;
    assert_eq!(settings.health_check.protocol, Protocol::Http);
    let variables: Vec<(&str, &str)> =
        settings.environment.iter().map(|(name, value)| (name.as_str(), value.reveal())).collect();
    assert_eq!(variables, [("A", "from the file"), ("B", "b=c"), ("TOKEN", "t")]);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_no_value_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.env");
    std::fs::write(&file, "GOOD=1\nhunter2\n").unwrap();
    let settings = SettingsWords {
        port: Some("70000".to_owned()),
        memory: Some("7".to_owned()),
        start_command: Some("sh -c 'exec app".to_owned()),
        health_protocol: Some("tcp".to_owned()),
        health_path: Some("/".to_owned()),
        health_interval: Some("21".to_owned()),
        variables: vec!["UNSET".to_owned(), "=hunter3".to_owned()],
        variable_files: vec![file, folder.path().join("none.env")],
        ..SettingsWords::default()
    };
    let words = VerifyWords {
        image: Some("two words".to_owned()),
        pull: Some("sometimes".to_owned()),
        stay: Some("long".to_owned()),
        reach: Some("by car".to_owned()),
        keep: false,
        settings,
    };
    let found = problems(&words);
    for expected in [
        "IMAGE: `two words` names no image",
        "--port: `70000` is not a port",
        "--memory: `7` is not a memory size",
        "--start-command: it cannot be split into words: a quote is not closed",
        "--health-path: a TCP health check has no path",
        "--health-interval: `21` is not a whole number from 1 to 20",
        "--env: `UNSET` is not set in the environment",
        "--env: the text before the `=`",
        "--env-file: cannot read",
        "bad.env:2:1: there is no `=` in this line, and the environment has no such variable",
        "--pull: `sometimes`",
        "--stay: `long`",
        "--reach: `by car` is not a way to reach a container",
    ] {
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}: {found:#?}");
    }
    assert_eq!(found.len(), 13, "{found:#?}");
    assert!(!format!("{found:?} {words:?}").contains("hunter"));
}

#[test]
fn an_id_cannot_be_pulled() {
    let words = VerifyWords {
        image: Some("3f2a9c1b8d7e".to_owned()),
        pull: Some("always".to_owned()),
        ..VerifyWords::default()
    };
    assert_eq!(problems(&words), ["--pull: `3f2a9c1b8d7e` is an id, and only a name can be pulled"]);
}

#[test]
fn sizes_that_do_not_go_together_are_refused() {
    let settings = SettingsWords { cpu: Some("4".to_owned()), ..SettingsWords::default() };
    let found = problems(&words(settings));
    assert_eq!(found, ["--cpu: App Runner has no 4 vCPU with 2 GB of memory"]);
}

const FILE: &str = "image: 111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:${VERSION}
registry_role: arn:aws:iam::111111111111:role/shipgate-pull
targets:
  prod:
    role: arn:aws:iam::222222222222:role/shipgate-deploy
    service: shop-api
    region: eu-west-1
    verify: { stay: 3s, reach: sidecar, skip: true }
";

/// What is read of the file, with `VERSION` set or not.
fn for_target(words: &VerifyWords, version: Option<&str>) -> Result<super::OfTarget, super::ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shipgate.yaml");
    std::fs::write(&file, FILE).unwrap();
    let overrides = Overrides { file: Some(file), target: Some("prod".to_owned()), ..Overrides::default() };
    let environment = Environment::from_pairs(version.map(|version| ("VERSION", version)));
    read_for_target(words, &overrides, &environment)
}

#[test]
fn a_targets_image_and_manner_are_the_files_and_flags_count_more() {
    let read = for_target(&VerifyWords::default(), Some("v1")).unwrap();
    assert_eq!(read.image.written(), "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v1");
    assert!(read.is_configured && read.registry.is_some());
    assert_eq!((read.manner.stay, read.target.verify.reach), (Duration::from_secs(3), read.manner.reach));
    let stay = VerifyWords { stay: Some("0s".to_owned()), ..VerifyWords::default() };
    assert_eq!(for_target(&stay, Some("v1")).unwrap().manner.stay, Duration::ZERO);
}

#[test]
fn an_image_that_is_named_needs_nothing_of_the_files_own() {
    let read = for_target(&words(SettingsWords::default()), None).unwrap();
    assert_eq!((read.image.written(), read.is_configured, read.registry), ("shop/api:v1", false, None));
    let of_ecr = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v7";
    let read = for_target(&VerifyWords { image: Some(of_ecr.to_owned()), ..VerifyWords::default() }, None).unwrap();
    assert_eq!((read.image.written(), read.is_configured), (of_ecr, false));
    assert_eq!(read.registry.unwrap().hops.len(), 1);
}

#[test]
fn problems_of_the_file_and_of_the_flags_are_told_together() {
    let words = VerifyWords { stay: Some("long".to_owned()), ..VerifyWords::default() };
    let problems = for_target(&words, None).unwrap_err().to_string();
    assert!(
        problems.contains("the variable `VERSION` is not set") && problems.contains("--stay: `long`"),
        "{problems}"
    );
}

#[test]
fn flags_go_over_what_the_service_has() {
    let settings = SettingsWords { health_path: Some("/health".to_owned()), ..SettingsWords::default() };
    let flags = for_target(&words(settings), None).unwrap().settings;
    let live = RunSettings { port: 3000, cpu_units: 256, memory_mib: 512, ..RunSettings::default() };
    let over = flags.over(live.clone()).unwrap();
    assert_eq!((over.port, over.cpu_units, over.health_check.path.as_str()), (3000, 256, "/health"));
    let cpu = SettingsWords { cpu: Some("4".to_owned()), ..SettingsWords::default() };
    let refused = for_target(&words(cpu), None).unwrap().settings.over(live).unwrap_err().to_string();
    assert_eq!(refused, "--cpu: App Runner has no 4 vCPU with 0.5 GB of memory");
}

#[test]
fn what_holds_real_secrets_is_not_kept() {
    let refused = |keep, real| refuse_to_keep(keep, real).is_some();
    assert_eq!([refused(true, true), refused(true, false), refused(false, true)], [true, false, false]);
}
