//! What `shipgate sandbox` prints: one line for programs on standard output, the words for people beside it.

use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

use serde_json::Value;

use crate::world::{shipgate, signal};

/// The lines of standard output, and standard error, of a sandbox that is ended after the first line.
fn printed(output: &str) -> (Vec<String>, String) {
    let mut process = shipgate()
        .args(["sandbox", "--listen", "127.0.0.1:0", "--output", output])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut told: Vec<String> = stdout.by_ref().take(1).map(Result::unwrap).collect();
    signal(&process, "TERM");
    told.extend(stdout.map(Result::unwrap));
    let mut talk = String::new();
    process.stderr.take().unwrap().read_to_string(&mut talk).unwrap();
    assert!(process.wait().unwrap().success());
    (told, talk)
}

#[test]
fn people_are_told_how_to_point_every_client_at_it() {
    let (lines, talk) = printed("text");
    let told: Value = serde_json::from_str(&lines[0]).unwrap();
    let endpoint = told["endpoint"].as_str().unwrap();
    for told in [
        &format!("open {endpoint}/?view="),
        " in a browser.",
        &format!("export AWS_ENDPOINT_URL={endpoint}\n"),
        "role_arn = arn:aws:iam::222222222222:role/shipgate-deploy",
        &format!("apprunner = \"{endpoint}\""),
        "skip_credentials_validation = true",
        "--profile sandbox-222222222222 | docker login --username AWS --password-stdin 127.0.0.1:",
    ] {
        assert!(talk.contains(told), "{told}\n{talk}");
    }
}

#[test]
fn programs_are_told_in_one_line() {
    for output in ["text", "json"] {
        let (lines, _) = printed(output);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let told: Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!(told["environment"]["AWS_ENDPOINT_URL"], told["endpoint"]);
        assert_eq!(told["region"], "ap-northeast-1");
        assert_eq!(told["regions"]["ap-northeast-1"], told["registries"]);
        assert_eq!(told["credentials"]["access_key_id"], told["environment"]["AWS_ACCESS_KEY_ID"]);
        for account in ["111111111111", "222222222222", "333333333333"] {
            let address = told["registries"][account].as_str().unwrap();
            assert!(address.starts_with("http://127.0.0.1:"), "{address}");
        }
    }
}
