//! Credentials of registries that are not ECR, as `docker login` leaves them; and ECR's, renewed in mid-copy.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Stdio,
};

use base64::Engine as _;
use serde_json::{Value, json};

use crate::{
    clients::debian::DebianRegistry,
    copying::{FIRST, FIRST_ROLE, copying, held, images, source, world},
    images::image_of,
    world::{Ran, shipgate},
};

const PASSWORD: &str = "open-sesame-77";
/// Of that password, with bcrypt's least cost.
const HTPASSWD: &str = "deployer:$2b$05$abcdefghijklmnopqrstuup4t8wiCjeGkqHlKh8A.DtxzT.VmPiGC\n";

/// `shipgate copy` of `shop/api:v1` to the registry that wants a login, with this configuration of Docker's, and a
/// credential helper on its path.
fn copy_with(from: &DebianRegistry, to: &DebianRegistry, config: &Value, helper: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let program = folder.path().join("docker-credential-tests");
    fs::write(&program, helper).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let report = folder.path().join("report.json");
    let path = std::env::var("PATH").unwrap();
    let [source, destination] = [from, to].map(|registry| format!("{}/shop/api:v1", registry.host()));
    let mut command = shipgate();
    command.current_dir(folder.path()).args(["copy", &source, &destination, "--report"]).arg(&report);
    command.env("DOCKER_CONFIG", folder.path()).env("PATH", format!("{}:{path}", folder.path().display()));
    let ran: Ran = command.output().unwrap().into();
    assert_no_secret(&ran, &report);
    ran
}

/// Neither as it is nor as it is sent, in nothing that was said or written.
fn assert_no_secret(ran: &Ran, report: &Path) {
    let said = ran.said() + &fs::read_to_string(report).unwrap();
    for secret in [PASSWORD.to_owned(), basic()] {
        assert!(!said.contains(&secret), "{said}");
    }
}

fn basic() -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("deployer:{PASSWORD}"))
}

fn pair() -> (DebianRegistry, DebianRegistry) {
    let (from, to) = (DebianRegistry::start(), DebianRegistry::with_login(HTPASSWD));
    let made = from.layout();
    made.name(&made.image("amd64", &[made.small("text")]));
    from.push(&made, "shop/api:v1");
    (from, to)
}

#[test]
fn a_login_that_docker_has_kept_is_used() {
    let (from, to) = pair();
    let config = json!({"auths": {to.host(): {"auth": basic()}}});
    let ran = copy_with(&from, &to, &config, "#!/bin/sh\nexit 1\n");
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(ran.stderr.contains("/shop/api:v1 has sha256:"), "{}", ran.stderr);
}

/// It is told the registry's name on its standard input, and nothing else.
#[test]
fn a_credential_helper_is_asked() {
    let (from, to) = pair();
    let config = json!({"credHelpers": {to.host(): "tests"}});
    let helper = format!(
        "#!/bin/sh\n[ \"$*\" = get ] && [ \"$(cat)\" = '{}' ] || exit 1\n\
         echo '{{\"ServerURL\":\"x\",\"Username\":\"deployer\",\"Secret\":\"{PASSWORD}\"}}'\n",
        to.host()
    );
    let ran = copy_with(&from, &to, &config, &helper);
    assert_eq!(ran.code, 0, "{}", ran.said());
}

#[test]
fn without_a_login_or_with_a_wrong_one_nothing_is_written() {
    let (from, to) = pair();
    let wrong = base64::engine::general_purpose::STANDARD.encode("deployer:guessed");
    for config in [json!({}), json!({"auths": {to.host(): {"auth": wrong}}})] {
        let ran = copy_with(&from, &to, &config, "#!/bin/sh\nexit 1\n");
        assert_eq!(ran.code, 5, "{}", ran.said());
        assert!(ran.stderr.contains("the credentials for") && ran.stderr.contains("hint: "), "{}", ran.stderr);
        assert_eq!(to.requests("PUT"), 0);
    }
}

#[test]
fn a_helper_that_fails_is_named_before_anything_is_done() {
    let (from, to) = pair();
    let config = json!({"credHelpers": {to.host(): "tests"}});
    let ran = copy_with(&from, &to, &config, "#!/bin/sh\necho 'the keyring is locked' >&2\nexit 7\n");
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert!(
        ran.stderr.contains("docker-credential-tests")
            && ran.stderr.contains("the keyring is locked")
            && ran.stderr.contains("nothing was changed"),
        "{}",
        ran.stderr
    );
    assert_eq!((to.requests("PUT"), to.requests("POST")), (0, 0));
}

/// Both sides' tokens expire while the layers are on their way.
#[test]
fn logins_that_expire_in_mid_copy_are_had_again() {
    let world = world();
    let image = image_of("new", "amd64", 3);
    world.push_image("v1", &image);
    world.fault(&json!({ "kind": "delay", "service": "layers", "milliseconds": 1500, "times": 8 }));
    let from = source("v1");
    let words = [from.as_str(), FIRST, "--dst-role", FIRST_ROLE, "--output", "json"];
    let mut running = copying(&world, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(running.stdout.take().unwrap()).lines().map(Result::unwrap);
    let planned = told.by_ref().find(|line| line.contains("\"copy-planned\""));
    assert!(planned.is_some(), "the copy began");
    world.fault(&json!({ "kind": "expire-tokens" }));
    let rest: Vec<String> = told.collect();
    assert_eq!(running.wait().unwrap().code(), Some(0), "{rest:#?}");
    assert_eq!(images(&world, FIRST_ROLE), held(&[(&image, "v1")]));
    let logins = |account: &str| {
        let calls = world.calls();
        let by = |call: &&Value| call["action"] == "GetAuthorizationToken" && call["account"] == account;
        calls.iter().filter(by).count()
    };
    // Once at the start, once when the first was refused; the tests' own look at the repository needs none.
    assert_eq!(logins("222222222222"), 2, "{rest:#?}");
}
