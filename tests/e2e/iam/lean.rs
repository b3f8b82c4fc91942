//! A world in which the program has the permissions that it printed itself, and no others. Whoever looks at what became of it has
//! roles of his own.

use std::process::Command;

use serde_json::{Value, json};

use crate::world::{Ran, SEED, World};

/// The user that a CI job is.
const JOB: &str = "arn:aws:iam::333333333333:user/job";
const KEY: &str = "AKIASANDBOXJOB000000";
const SECRET: &str = "sandbox/secret/of/the/job/user/000000000";

/// The configuration of the tests, with roles that the seed does not have.
pub(super) const CONFIGURATION: &str = r"
image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:${VERSION}
registry_role: arn:aws:iam::111111111111:role/lean-pull
targets:
  prod:
    role: arn:aws:iam::222222222222:role/lean-deploy
    service: shop-api
    verify: { secrets: fetch }
    create:
      access_role: arn:aws:iam::222222222222:role/lean-access
      instance_role: arn:aws:iam::222222222222:role/lean-instance
      secrets:
        DATABASE_URL: arn:aws:secretsmanager:ap-northeast-1:222222222222:secret:lean-db-AbCdEf
        TOKEN: arn:aws:ssm:ap-northeast-1:222222222222:parameter/lean/token
      health_check: { protocol: http, path: /, interval: 1, timeout: 1, unhealthy_threshold: 2 }
    logs: { retention_days: 30 }
";

/// What the roles of that configuration read.
const SECRETS: &str = r#"secrets:
  "arn:aws:secretsmanager:ap-northeast-1:222222222222:secret:lean-db-AbCdEf": "postgres://shop:hunter2@db.internal/shop"
  "arn:aws:ssm:ap-northeast-1:222222222222:parameter/lean/token": "tiger-9431"
"#;

/// A configuration, and what there is besides the policies that it asks for.
#[derive(Clone)]
pub(super) struct Scene {
    pub(super) configuration: String,
    /// Which policies are printed; all where none is named.
    pub(super) parts: &'static [&'static str],
    /// Arguments of `iam`, and of every run that changes something.
    pub(super) consent: &'static [&'static str],
    /// Whether the role that deploys may create.
    pub(super) creates: bool,
    /// Of the seed, besides users, roles and secrets.
    pub(super) rest: String,
    /// Further roles of the seed, a line each.
    pub(super) roles: &'static str,
}

/// What `iam` prints for a configuration: its policies.
pub(super) fn printed(configuration: &str, arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shipgate.yaml"), configuration).unwrap();
    let ran: Ran =
        crate::world::shipgate().current_dir(folder.path()).arg("iam").args(arguments).output().unwrap().into();
    assert_eq!(ran.code, 0, "{}", ran.said());
    let document: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
    document["policies"].as_array().unwrap().clone()
}

impl Scene {
    /// The policies in force: the role that deploys has one of two.
    pub(super) fn policies(&self) -> Vec<Value> {
        let other = if self.creates { "workload-deploy" } else { "workload-create" };
        let mut policies = printed(&self.configuration, &[self.parts, self.consent].concat());
        policies.retain(|policy| policy["name"] != other);
        policies
    }

    /// A world with exactly these policies.
    pub(super) fn world(&self, policies: &[Value]) -> World {
        let world = World::with_seed(&self.seed(policies));
        world.write("shipgate.yaml", &self.configuration);
        world
    }

    fn seed(&self, policies: &[Value]) -> String {
        let of_job: Vec<&Value> =
            policies.iter().filter(|policy| policy["kind"] == "identity" && policy["role"].is_null()).collect();
        let job = json!({
            "name": "job", "account": "333333333333", "access_key_id": KEY, "secret_access_key": SECRET,
            "policies": of_job.iter().map(|policy| &policy["document"]).collect::<Vec<_>>(),
        });
        let roles: Vec<String> = roles(policies).iter().map(|role| format!("  - {role}\n")).collect();
        let roles = roles.concat();
        let seed = SEED
            .replace("roles:\n", &format!("  - {job}\nroles:\n{roles}{}", self.roles))
            .split("repositories:\n")
            .next()
            .unwrap()
            .to_owned();
        let source =
            policies.iter().find(|policy| policy["kind"] == "repository").map(|policy| policy["document"].clone());
        let mut repository = json!({"account": "111111111111", "name": "shop/api"});
        if let Some(mut policy) = source {
            name_job(&mut policy);
            repository["policy"] = policy;
        }
        format!("{seed}repositories:\n  - {repository}\n{}{SECRETS}", self.rest)
    }
}

/// Every role that the policies speak of, as the seed has it.
fn roles(policies: &[Value]) -> Vec<Value> {
    let of = |kind: &'static str| policies.iter().filter(move |policy| policy["kind"] == kind);
    of("trust")
        .map(|trust| {
            let mut trusted = trust["document"].clone();
            name_job(&mut trusted);
            let own: Vec<&Value> = of("identity")
                .filter(|policy| policy["role"] == trust["role"])
                .map(|policy| &policy["document"])
                .collect();
            json!({"arn": trust["role"], "trust_policy": trusted, "policies": own})
        })
        .collect()
}

/// Puts in whom the configuration does not name.
fn name_job(document: &mut Value) {
    let text = document.to_string().replace("CI_PRINCIPAL_ARN", JOB);
    *document = serde_json::from_str(&text).unwrap();
}

/// The program, as the job.
pub(super) fn as_job(world: &World) -> Command {
    let mut command = world.shipgate();
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET).env_remove("AWS_SESSION_TOKEN");
    command
}
