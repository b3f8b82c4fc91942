//! What `shipgate sandbox` prints: exports for a shell on standard output, everything else beside it.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::Value;

use crate::world::{shipgate, signal};

/// Standard output up to this many lines, and standard error, of a sandbox that is ended then.
fn printed(output: &str, lines: usize) -> (Vec<String>, String) {
    let mut process = shipgate()
        .args(["sandbox", "--listen", "127.0.0.1:0", "--output", output])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = stdout.by_ref().take(lines).map(Result::unwrap).collect();
    signal(&process, "TERM");
    told.extend(stdout.map(Result::unwrap));
    let mut talk = String::new();
    process.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert!(process.wait().unwrap().success());
    (told, talk)
}

#[test]
fn people_are_told_how_to_point_every_client_at_it() {
    let (exports, talk) = printed("text", 6);
    let values: Vec<(&str, &str)> =
        exports.iter().map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap()).collect();
    let value = |name| values.iter().find(|(named, _)| *named == name).unwrap().1;
    let endpoint = value("AWS_ENDPOINT_URL");
    assert_eq!(values.len(), 6, "nothing but exports on standard output: {exports:?}");
    for told in [
        &format!("open {endpoint}/ in a browser"),
        "role_arn = arn:aws:iam::222222222222:role/shipgate-deploy",
        &format!("apprunner = \"{endpoint}\""),
        "skip_credentials_validation = true",
        "--profile sandbox-222222222222 | docker login --username AWS --password-stdin 127.0.0.1:",
    ] {
        assert!(talk.contains(told), "{told}\n{talk}");
    }
    assert!(!talk.contains(value("AWS_SECRET_ACCESS_KEY")), "the secret key is in the talk");
}

#[test]
fn programs_are_told_in_one_line() {
    let (lines, _) = printed("json", 1);
    assert_eq!(lines.len(), 1);
    let told: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(told["environment"]["AWS_ENDPOINT_URL"], told["endpoint"]);
    for account in ["111111111111", "222222222222", "333333333333"] {
        let address = told["registries"][account].as_str().unwrap();
        assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{address}");
    }
}
