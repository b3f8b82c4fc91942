//! `verify.secrets`: the ways, the file, and what contradicts itself.

use std::path::Path;

use super::{Overrides, loaded, problems, problems_with};
use crate::config::{deployment::Deployment, problem::ConfigError};
use shipgate_core::service_secret::SecretsWay;

/// The smallest file with this in its `verify` block, and this in that of `defaults`.
fn with(verify: &str, defaults: &str) -> String {
    format!(
        "image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1\n\
         defaults: {{ verify: {{ {defaults} }} }}\n\
         targets:\n  prod:\n    service: shop-api\n    verify: {{ {verify} }}\n"
    )
}

fn way(verify: &str, defaults: &str) -> SecretsWay {
    loaded(&with(verify, defaults)).target.verify.secrets
}

#[test]
fn the_way_is_as_the_target_says_else_as_the_defaults_say() {
    let table = [
        ("", "", SecretsWay::Skip),
        ("secrets: skip", "secrets: stub", SecretsWay::Skip),
        ("secrets: stub", "", SecretsWay::Stub),
        ("secrets: fetch", "secrets: stub", SecretsWay::Fetch),
        ("", "secrets: fetch", SecretsWay::Fetch),
        // What the defaults name is not read where it is not wanted.
        ("secrets: fetch", "secrets_file: none.env", SecretsWay::Fetch),
    ];
    for (verify, defaults, expected) in table {
        assert_eq!(way(verify, defaults), expected, "{verify} over {defaults}");
    }
}

/// Loads a file that lies in a folder beside `.env`, as `shipgate --file` does.
fn load_from(folder: &Path, verify: &str, overrides: &Overrides) -> Result<Deployment, ConfigError> {
    let file = folder.join("shipgate.yaml");
    std::fs::write(&file, with(verify, "secrets: stub")).unwrap();
    let overrides = Overrides { file: Some(file), ..overrides.clone() };
    crate::config::load(&overrides, &crate::config::environment::Environment::default())
}

#[test]
fn a_file_is_meant_from_where_the_configuration_is_and_implies_its_way() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "export DATABASE_URL='hunter2' # why\n").unwrap();
    for verify in ["secrets_file: .env", "secrets: file, secrets_file: .env"] {
        let deployment = load_from(folder.path(), verify, &Overrides::default()).unwrap();
        let SecretsWay::File(values) = &deployment.target.verify.secrets else { panic!("{verify}: {deployment:?}") };
        assert_eq!(values["DATABASE_URL"].reveal(), "hunter2");
        assert!(!format!("{deployment:?}").contains("hunter2"));
    }
    let path = folder.path().join(".env").display().to_string();
    let flags = Overrides { secrets_file: Some(path), ..Overrides::default() };
    for verify in ["", "secrets: fetch", "secrets_file: none.env"] {
        let deployment = load_from(folder.path(), verify, &flags).unwrap();
        assert!(matches!(deployment.target.verify.secrets, SecretsWay::File(_)), "{verify}: the flag counts more");
    }
    let stub = Overrides { secrets: Some("stub".to_owned()), ..Overrides::default() };
    let deployment = load_from(folder.path(), "secrets_file: none.env", &stub).unwrap();
    assert_eq!(deployment.target.verify.secrets, SecretsWay::Stub);
}

#[test]
fn every_problem_is_told_with_its_place_and_no_line_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.env"), "GOOD=1\nhunter2\nA='hunter3\n").unwrap();
    let error = load_from(folder.path(), "secrets_file: bad.env", &Overrides::default()).unwrap_err();
    let shown = error.to_string();
    assert_eq!(error.problems.len(), 2, "{shown}");
    assert!(shown.contains("bad.env:2:1: there is no `=` in this line"), "{shown}");
    assert!(shown.contains("bad.env:3:3: the quote that opens here is not closed"), "{shown}");
    assert!(!shown.contains("hunter"), "{shown}");

    insta::assert_snapshot!(problems(&with("secrets: pigeon, secrets_file: ''", "")), @r"
    shipgate.yaml:6:24: `pigeon` is not a way to give secrets (skip, stub, fetch or file)
    shipgate.yaml:6:46: `` is not the path of a file
    ");
    insta::assert_snapshot!(problems(&with("secrets: stub, secrets_file: a.env", "")), @"shipgate.yaml:6:44: a file of secrets is for `file`, and the way is `stub`");
    insta::assert_snapshot!(problems(&with("secrets: file", "")), @"shipgate.yaml:6:24: there is no file of secrets");
    let none = problems(&with("secrets_file: none.env", ""));
    assert!(none.starts_with("shipgate.yaml:6:29: cannot read none.env: "), "{none}");
    let flags = Overrides { secrets: Some("x".to_owned()), secrets_file: Some(String::new()), ..Overrides::default() };
    let shown = problems_with(&with("", ""), &flags);
    assert!(shown.contains("--secrets: `x` is not a way") && shown.contains("--secrets-file: `` is not"), "{shown}");
}
