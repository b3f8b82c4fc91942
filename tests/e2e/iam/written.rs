//! How the policies are written: as Terraform and CloudFormation themselves have it, and every action one that AWS has.

use std::{path::Path, process::Command};

use super::lean::{CONFIGURATION, printed};
use crate::{
    judges::PYTHON,
    world::{Ran, shipgate},
};

/// Everything that a configuration can ask for.
fn widest() -> String {
    CONFIGURATION
        .replace("    create:\n", "    create_repository: true\n    create:\n")
        .replace("    logs:", "    release: { identifier: digest, auto_deployments: off }\n    logs:")
}

/// Configurations that differ in what is declared: one way or several, of one account or of more, with all there is.
fn configurations() -> [String; 4] {
    let pulled_through = "    repository: cache/shop/api\n    via: pull-through\n    logs:";
    [
        CONFIGURATION.to_owned(),
        widest(),
        CONFIGURATION
            .replace("registry_role: arn:aws:iam::111111111111:role/lean-pull\n", "")
            .replace("    logs:", pulled_through),
        CONFIGURATION.replace(
            "role: arn:aws:iam::222222222222:role/lean-deploy",
            "role: { arn: 'arn:aws:iam::222222222222:role/ci/lean-deploy', external_id: open-sesame, duration: 1h, via: \
             ['arn:aws:iam::444444444444:role/hub', 'arn:aws:iam::444444444444:role/spoke'] }",
        ),
    ]
}

fn iam(folder: &Path, configuration: &str, arguments: &[&str]) -> Ran {
    std::fs::write(folder.join("shipgate.yaml"), configuration).unwrap();
    shipgate().current_dir(folder).arg("iam").args(arguments).output().unwrap().into()
}

fn judged(command: &mut Command) {
    let checked = command.output().unwrap();
    let said = [checked.stdout, checked.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(checked.status.success(), "{said}");
}

#[test]
fn cloudformation_has_no_complaint() {
    assert!(Path::new(PYTHON).exists(), "{PYTHON} is missing: run make test, or scripts/setup python");
    let folder = tempfile::tempdir().unwrap();
    let linter = Path::new(PYTHON).with_file_name("cfn-lint");
    let mut linter = Command::new(linter);
    linter.args(["--regions", "ap-northeast-1", "--"]).current_dir(folder.path());
    for (number, configuration) in configurations().iter().enumerate() {
        let ran = iam(folder.path(), configuration, &["--format", "cloudformation", "--recreate"]);
        assert_eq!(ran.code, 0, "{}", ran.said());
        let name = format!("roles-{number}.yaml");
        std::fs::write(folder.path().join(&name), &ran.stdout).unwrap();
        linter.arg(name);
    }
    judged(&mut linter);
}

#[test]
fn terraform_would_not_format_it_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    for configuration in configurations() {
        let ran = iam(folder.path(), &configuration, &["--format", "terraform", "--resume"]);
        assert_eq!(ran.code, 0, "{}", ran.said());
        std::fs::write(folder.path().join("roles.tf"), &ran.stdout).unwrap();
        if Command::new("terraform").arg("-version").output().is_ok() {
            judged(Command::new("terraform").args(["fmt", "-check", "-diff", "roles.tf"]).current_dir(folder.path()));
        }
    }
}

#[test]
fn every_action_is_an_operation_that_aws_has() {
    const ASK: &str = "
import sys, botocore.session
session = botocore.session.get_session()
for action in sys.argv[1:]:
    service, name = action.split(':')
    if action == 'iam:PassRole':  # a permission that calls of other services ask for: no operation
        continue
    assert name in session.get_service_model(service).operation_names, action
";
    assert!(Path::new(PYTHON).exists(), "{PYTHON} is missing: run make test, or scripts/setup python");
    let mut actions: Vec<String> = Vec::new();
    for configuration in configurations() {
        for policy in printed(&configuration, &["--recreate", "--resume"]) {
            let statements = policy["document"]["Statement"].as_array().unwrap().clone();
            let named = statements.iter().flat_map(|statement| statement["Action"].as_array().unwrap().clone());
            actions.extend(named.map(|action| action.as_str().unwrap().to_owned()));
        }
    }
    actions.sort();
    actions.dedup();
    assert!(actions.len() > 25, "{actions:?}");
    // The reference has it, and the model that botocore comes with does not.
    actions.retain(|action| !NO_OPERATION.contains(&action.as_str()));
    judged(Command::new(PYTHON).args(["-c", ASK]).args(&actions));
}

/// Permissions without an operation of their name (Service Authorization Reference, "Actions defined by Amazon ECR").
const NO_OPERATION: [&str; 2] = ["ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus"];

#[test]
fn the_tag_need_not_be_known_and_a_policy_can_be_asked_for_alone() {
    let folder = tempfile::tempdir().unwrap();
    let whole = iam(folder.path(), CONFIGURATION, &["--output", "json"]);
    assert_eq!(whole.code, 0, "{}", whole.said());
    let printed: Vec<serde_json::Value> =
        whole.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(printed.iter().any(|event| event["event"] == "printed" && event["what"] == "policies"), "{}", whole.stdout);
    let alone = iam(folder.path(), CONFIGURATION, &["access-role"]);
    let document: serde_json::Value = serde_json::from_str(&alone.stdout).unwrap();
    let names: Vec<_> = document["policies"].as_array().unwrap().iter().map(|policy| policy["name"].clone()).collect();
    assert_eq!(names, ["access-role", "trust:lean-access"]);
    let wrong = iam(folder.path(), "image: shop/api\n", &[]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""), "{}", wrong.said());
}
