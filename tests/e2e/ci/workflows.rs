//! The GitHub workflows of the examples, job by job as the runner would run them.

use std::process::Command;

use serde_json::{Map, Value, json};

use super::{
    action::{Checkout, inputs},
    cloud::{AUDIENCE, Trusted, token_address},
    expression::Scope,
    github::{Runner, filled, yaml},
    job::{Ended, Standing},
    project,
    stage::{Stage, deploys_and_gates, is_refused},
};
use crate::verifying::Loaded;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const SUBJECTS: [&str; 2] = ["repo:shop/api:environment:staging", "repo:shop/api:environment:prod"];

/// A job that has run.
struct Ran {
    runner: Runner,
    contexts: Value,
    /// What GitHub shows as the environment's address.
    url: String,
}

impl Ran {
    /// The code of the step that failed, and what all steps said.
    fn ended(&self) -> Ended {
        let code = self.runner.codes.iter().map(|(_, code)| *code).find(|code| *code != 0).unwrap_or(0);
        assert_eq!(code == 0, self.runner.standing == Standing::Well, "{}", self.runner.log);
        Ended { code, log: self.runner.log.clone(), cancelled: false }
    }

    fn output(&self, name: &str) -> &str {
        self.contexts["steps"]["shipgate"]["outputs"][name].as_str().unwrap()
    }
}

/// The workflows in the repository `shop/api`, or in another.
struct Workflow<'a> {
    stage: &'a Stage,
    file: Value,
    repository: &'a str,
    /// Inputs that every step gets besides.
    inputs: &'a [(&'a str, &'a str)],
}

impl<'a> Workflow<'a> {
    fn of(stage: &'a Stage, name: &str) -> Self {
        Self {
            stage,
            file: yaml(&project().join("pipeline-examples/github").join(name)),
            repository: "shop/api",
            inputs: &[],
        }
    }

    /// Runs a job on the commit that is called like the version. `more`: contexts that it has besides.
    fn job(&self, name: &str, version: &str, more: &Value) -> Ran {
        let (job, checkout) = (&self.file["jobs"][name], Checkout::pinned());
        let mut runner = Runner::new(self.stage.variables());
        runner.environment.insert("GITHUB_SHA".to_owned(), version.to_owned());
        runner.checkout = Some(checkout.action());
        runner.always = inputs(&self.stage.downloads, self.inputs);
        runner.contexts["github"]["sha"] = json!(version);
        runner.contexts.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let mut contexts = runner.contexts.clone();
        let scope = Scope { contexts: &contexts, standing: Standing::Well };
        let own: Map<String, Value> = filled(&job["env"], &scope);
        runner.environment.extend(own.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())));
        let environment = filled(&job["environment"], &scope);
        let environment = environment.get("name").and_then(Value::as_str).map(str::to_owned);
        self.let_ask_for_tokens(&mut runner, &job["permissions"], environment.as_deref());
        copy_all(&self.stage.workspace(), &runner.workspace());
        runner.steps(&job["steps"], None, &mut contexts);
        let scope = Scope { contexts: &contexts, standing: runner.standing };
        let url = scope.fill(job["environment"]["url"].as_str().unwrap_or_default());
        Ran { runner, contexts, url }
    }

    /// Only a job with the permission is told where.
    fn let_ask_for_tokens(&self, runner: &mut Runner, permissions: &Value, environment: Option<&str>) {
        if permissions["id-token"] != "write" {
            return;
        }
        let of = environment.map_or("ref:refs/heads/main".to_owned(), |name| format!("environment:{name}"));
        let subject = format!("repo:{}:{of}", self.repository);
        let address = token_address(self.stage.world.endpoint(), ISSUER, &subject);
        for (name, value) in [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", address.as_str()),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", self.stage.world.control_token()),
        ] {
            runner.environment.insert(name.to_owned(), value.to_owned());
        }
    }
}

fn copy_all(from: &std::path::Path, to: &std::path::Path) {
    let from = from.join(".");
    assert!(Command::new("cp").arg("-R").args([&from, &to.to_path_buf()]).status().unwrap().success());
}

fn stage() -> Stage {
    Stage::new(Trusted::Tokens(ISSUER, AUDIENCE, SUBJECTS))
}

#[test]
fn deploy_on_push_deploys_gates_and_is_refused_in_another_repository() {
    let stage = stage();
    let workflow = Workflow::of(&stage, "deploy-on-push.yml");
    deploys_and_gates(&stage, |version| workflow.job("deploy", version, &Value::Null).ended());
    let theirs = Workflow { repository: "somebody/else", ..workflow };
    is_refused(&stage, |version| theirs.job("deploy", version, &Value::Null).ended());
    // Nor is a token that was made for somebody else, whoever's job it is.
    let for_others =
        Workflow { inputs: &[("oidc-audience", "elsewhere")], ..Workflow::of(&stage, "deploy-on-push.yml") };
    is_refused(&stage, |version| for_others.job("deploy", version, &Value::Null).ended());
}

#[test]
fn a_refused_job_is_told_by_doctor_what_would_let_it_in() {
    let stage = stage();
    let theirs = Workflow {
        repository: "somebody/else",
        inputs: &[("command", "doctor"), ("report", "")],
        ..Workflow::of(&stage, "deploy-on-push.yml")
    };
    let told = theirs.job("deploy", "v1", &Value::Null).ended();
    assert_eq!(told.code, 3, "{}", told.log);
    for role in ["111111111111:role/shipgate-pull", "222222222222:role/shipgate-deploy"] {
        let advice = format!("add this statement to the trust policy of arn:aws:iam::{role}");
        assert!(told.log.contains(&advice), "{}", told.log);
    }
    let subject = r#""token.actions.githubusercontent.com:sub": "repo:somebody/else:environment:prod""#;
    assert!(told.log.contains(subject), "{}", told.log);
    assert!(stage.world.orders().is_empty());
}

#[test]
fn later_steps_and_the_page_get_what_was_deployed() {
    let stage = stage();
    let digest = stage.world.push("v1", &[]);
    let ran = Workflow::of(&stage, "deploy-on-push.yml").job("deploy", "v1", &Value::Null);
    assert_eq!(ran.ended().code, 0, "{}", ran.runner.log);
    let (arn, _, url) = stage.world.service().unwrap();
    let told = ["status", "exit-code", "image-digest", "repository", "tag", "service-arn", "report"];
    let expected = ["success", "0", digest.as_str(), "shop/api", "shop-api", arn.as_str(), "shipgate.xml"];
    assert_eq!(told.map(|name| ran.output(name)), expected);
    assert!(
        url.ends_with(ran.output("service-url").trim_start_matches("https://")),
        "{url}: {}",
        ran.output("service-url")
    );
    assert_eq!(ran.url, ran.output("service-url"));
    assert!(!ran.output("operation-id").is_empty());
    assert!(
        ran.runner.log.contains(&format!("{digest} by operation {}", ran.output("operation-id"))),
        "{}",
        ran.runner.log
    );
    assert!(ran.runner.summary.contains(digest.as_str()), "{}", ran.runner.summary);
    assert!(!ran.runner.log.contains("known-by-this"));
}

#[test]
fn two_environments_are_two_accounts_and_two_identities() {
    let stage = stage();
    let digest = stage.world.push("v1", &[]);
    let workflow = Workflow::of(&stage, "two-environments.yml");
    for name in ["verify", "staging", "prod"] {
        let ran = workflow.job(name, "v1", &Value::Null);
        assert_eq!(ran.ended().code, 0, "{name}: {}", ran.runner.log);
    }
    assert_eq!(stage.world.orders(), ["CreateService", "CreateService"]);
    assert_eq!((stage.world.answer().as_str(), stage.world.tag("shop-api")), ("200 v1", Some(digest)));
    let needs = ["staging", "prod"].map(|name| workflow.file["jobs"][name]["needs"].as_str().unwrap());
    assert_eq!(needs, ["verify", "staging"]);
    // A job that prod's environment has not let in is not let in by its account.
    let mut unapproved = Workflow::of(&stage, "two-environments.yml");
    unapproved.file["jobs"]["prod"]["environment"]["name"] = json!("staging");
    is_refused(&stage, |version| unapproved.job("prod", version, &Value::Null).ended());
}

#[test]
fn the_matrix_deploys_to_each_account() {
    let stage = stage();
    stage.world.push("v1", &[]);
    let workflow = Workflow::of(&stage, "matrix.yml");
    let targets = workflow.file["jobs"]["deploy"]["strategy"]["matrix"]["target"].clone();
    assert_eq!(targets, json!(["staging", "prod"]));
    for target in targets.as_array().unwrap() {
        let ran = workflow.job("deploy", "v1", &json!({"matrix": {"target": target}}));
        assert_eq!(ran.ended().code, 0, "{target}: {}", ran.runner.log);
    }
    for account in ["222222222222", "333333333333"] {
        let role = format!("arn:aws:iam::{account}:role/shipgate-deploy");
        let services = stage.world.app_runner_of(&role, async |client| client.list_services().send().await.unwrap());
        assert_eq!(services.service_summary_list().len(), 1, "{account}");
    }
}

/// An image of the application's own Dockerfile, which goes away with it.
struct Built<'a>(&'a str);

impl Drop for Built<'_> {
    fn drop(&mut self) {
        Command::new("docker").args(["rmi", "-f", &format!("shop-api:{}", self.0)]).output().unwrap();
    }
}

#[test]
fn a_pull_request_is_built_and_checked_and_aws_is_not_asked() {
    let stage = stage();
    let base = Loaded::app("pull-request", &[]);
    let workflow = Workflow::of(&stage, "pull-request.yml");
    assert_eq!(workflow.file["jobs"]["verify"]["permissions"], json!({"contents": "read"}));
    for (version, failure, code) in [("pr-good", "", 0), ("pr-bad", "status:500", 6)] {
        let dockerfile = format!("FROM {}\nENV DEMO_VERSION={version} DEMO_FAIL={failure}\n", base.name);
        std::fs::write(stage.workspace().join("Dockerfile"), dockerfile).unwrap();
        let _built = Built(version);
        let ran = workflow.job("verify", version, &Value::Null);
        assert_eq!(ran.ended().code, code, "{}", ran.runner.log);
    }
    assert!(stage.world.calls().is_empty());
}
