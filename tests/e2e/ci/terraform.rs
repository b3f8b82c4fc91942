//! The Terraform of the examples, where terraform is installed: formatted, and with the very policies of the CloudFormation templates, under
//! which every other example runs.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use super::{
    cloud::{REGION, Trusted, made},
    project,
};
use crate::world::Ran;

const FOLDER: &str = "pipeline-examples/aws/terraform";

/// Terraform, if it is here. Where it is not, that is told, and nothing can be said.
fn terraform(arguments: &[&str], folder: &Path) -> Option<Ran> {
    let output = Command::new("terraform").args(arguments).current_dir(folder).env("CHECKPOINT_DISABLE", "1").output();
    let ran: Ran = output.ok()?.into();
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.said());
    Some(ran)
}

#[test]
fn the_files_are_as_terraform_formats_them() {
    terraform(&["fmt", "-check", "-recursive", "-diff"], &project().join(FOLDER));
}

/// The documents of the module for an account.
fn policies(account: &str, variables: &[(&str, Value)]) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(project().join(FOLDER).join("policies/main.tf"), folder.path().join("main.tf")).unwrap();
    let mut all = json!({"account": account, "region": REGION, "repository": "shop/api", "service": "shop-api"});
    for (name, value) in variables {
        all[*name] = value.clone();
    }
    std::fs::write(folder.path().join("terraform.tfvars.json"), all.to_string()).unwrap();
    terraform(&["init", "-input=false"], folder.path())?;
    terraform(&["apply", "-auto-approve", "-input=false", "-no-color"], folder.path())?;
    let told: Value = serde_json::from_str(&terraform(&["output", "-json"], folder.path())?.stdout).unwrap();
    let document = |(name, output): (&String, &Value)| {
        (name.clone(), serde_json::from_str(output["value"].as_str().unwrap()).unwrap())
    };
    Some(told.as_object().unwrap().iter().map(document).collect::<serde_json::Map<_, _>>().into())
}

/// A role of a template: its trust, and its one policy.
fn role(made: &Value, name: &str) -> [Value; 2] {
    let roles = made["roles"].as_array().unwrap();
    let found = roles.iter().find(|role| role["arn"].as_str().unwrap().ends_with(&format!("/{name}"))).unwrap();
    [found["trust_policy"].clone(), found["policies"][0].clone()]
}

#[test]
fn its_policies_are_those_of_cloudformation() {
    let subjects = ["repo:shop/api:environment:staging", "repo:shop/api:environment:prod"];
    let tokens = Trusted::Tokens("https://ci.example.com", "there", subjects);
    let by_role = Trusted::Role("arn:aws:iam::444444444444:role/codebuild");
    let cases = [
        (
            tokens,
            vec![("issuer", json!("ci.example.com")), ("audience", json!("there")), ("subjects", json!(subjects))],
        ),
        (
            by_role,
            vec![
                ("issuer", json!("")),
                ("subjects", json!([])),
                ("trusted_role", json!("arn:aws:iam::444444444444:role/codebuild")),
            ],
        ),
    ];
    for (trusted, variables) in cases {
        let parameters = trusted.parameters(&|both| both.join(","));
        let Some(ours) = policies("222222222222", &variables) else { return };
        let registry = made("registry-account.yaml", "222222222222", &parameters);
        let workload = made("workload-account.yaml", "222222222222", &parameters);
        let documents = |names: [&str; 2]| names.map(|name| ours[name].clone());
        assert_eq!(documents(["trust", "pull"]), role(&registry, "shipgate-pull"));
        assert_eq!(documents(["trust", "deploy"]), role(&workload, "shipgate-deploy"));
        assert_eq!(documents(["access_trust", "access"]), role(&workload, "shop-api-access"));
    }
}
