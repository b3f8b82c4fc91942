//! What the role in the workload account may do: to a service that exists, and to one that is to be created.

use super::{
    CreateNeeds, Needs, Statement,
    derive::{PULL, log_in},
};
use crate::service_secret::{SecretPlace, SecretSource};

/// App Runner, in `iam:PassedToService`. Its developer guide has the bare name; those who have tried report that the call asks
/// for the one that the role trusts. Both are App Runner, so both are named.
const APP_RUNNER: &str = "apprunner.amazonaws.com";
/// What the access role trusts (App Runner developer guide, "Access role").
pub(super) const BUILD: &str = "build.apprunner.amazonaws.com";
/// What the instance role trusts (App Runner developer guide, "Instance role").
pub(super) const TASKS: &str = "tasks.apprunner.amazonaws.com";

/// What a push takes, besides the manifest.
const UPLOAD: [&str; 4] =
    ["ecr:BatchCheckLayerAvailability", "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart"];

/// What a service that exists takes, and the verbs that read.
pub(super) fn deploy(needs: &Needs) -> Vec<Statement> {
    let (service, groups) = (needs.service_arn(), needs.log_groups());
    let mut statements = vec![
        log_in(),
        Statement::allow("KeepImages", &repository_actions(needs), &[needs.repository.arn()]),
        Statement::allow("FindService", &["apprunner:ListServices"], &["*".to_owned()]),
        Statement::allow("DeployService", &service_actions(needs), &[service]),
        Statement::allow("FindLogGroups", &["logs:DescribeLogGroups"], &[needs.all_log_groups()]),
        Statement::allow("ReadLogs", &log_actions(needs), &[groups]),
    ];
    if needs.is_pulled_through {
        let rules = ["ecr:DescribePullThroughCacheRules"];
        statements.push(Statement::allow("ReadCacheRules", &rules, &["*".to_owned()]));
    }
    let access = needs.create.as_ref().map(|create| create.access_role.to_string());
    statements.push(pass("PassAccessRole", access.unwrap_or_else(|| needs.any_role()), BUILD));
    if needs.fetches_secrets {
        let secrets = needs.create.as_ref().map(|create| create.secrets.as_slice()).unwrap_or_default();
        statements.extend(read_secrets(needs, secrets));
    }
    statements
}

/// What creating takes, besides `deploy`.
pub(super) fn create(needs: &Needs, create: &CreateNeeds, mut statements: Vec<Statement>) -> Vec<Statement> {
    let mut actions = vec!["apprunner:CreateService"];
    if needs.recreates {
        actions.push("apprunner:DeleteService");
    }
    statements.push(Statement::allow("CreateService", &actions, &[needs.service_arn()]));
    if let Some(role) = &create.instance_role {
        statements.push(pass("PassInstanceRole", role.to_string(), TASKS));
    }
    if create.creates_repository {
        let repository = [needs.repository.arn()];
        statements.push(Statement::allow("CreateRepository", &["ecr:CreateRepository"], &repository));
    }
    statements.push(linked_role(needs));
    statements
}

/// What the configuration does not tell.
pub(super) fn unknown(needs: &Needs) -> Vec<String> {
    let mut unknown = Vec::new();
    if needs.repository.account.is_none() {
        unknown.push("no role names the workload account: its ARNs have * in its place".to_owned());
    }
    if needs.create.is_none() && needs.fetches_secrets {
        unknown.push(
            "the secrets of the service are fetched, and only `create` could name them: allow the role that deploys \
             secretsmanager:GetSecretValue or ssm:GetParameters on each"
                .to_owned(),
        );
    }
    if needs.create.is_none() {
        unknown.push(
            "the role that App Runner pulls the image with is not named: any role of the account may be passed to App \
             Runner for it; --access-role names it"
                .to_owned(),
        );
    }
    unknown
}

/// What is gone back to is read from here, with its configuration.
fn repository_actions(needs: &Needs) -> Vec<&'static str> {
    let mut actions = vec!["ecr:DescribeRepositories", "ecr:PutImage"];
    actions.extend(PULL);
    if needs.is_pulled_through {
        actions.extend(["ecr:BatchCheckLayerAvailability", "ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]);
    } else {
        actions.extend(UPLOAD);
    }
    // Where tags cannot be moved, an image that is rolled back to keeps its own.
    actions.push("ecr:DescribeImages");
    actions.sort_unstable();
    actions
}

/// `UpdateService` is always among them: whether the identifier must change depends on the service and the repository (tags that cannot be
/// moved, a service that is pinned to a digest, one that deploys from another account), and no configuration says what those are.
fn service_actions(needs: &Needs) -> Vec<&'static str> {
    let mut actions = vec![
        "apprunner:DescribeService",
        "apprunner:ListOperations",
        "apprunner:StartDeployment",
        "apprunner:UpdateService",
    ];
    if needs.resumes {
        actions.push("apprunner:ResumeService");
    }
    actions.sort_unstable();
    actions
}

fn log_actions(needs: &Needs) -> Vec<&'static str> {
    let mut actions = vec!["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"];
    if needs.keeps_logs {
        actions.push("logs:PutRetentionPolicy");
    }
    actions
}

fn pass(id: &'static str, role: String, service: &str) -> Statement {
    Statement::allow(id, &["iam:PassRole"], &[role]).when("iam:PassedToService", &[service, APP_RUNNER])
}

/// The first service of an account makes the role that App Runner itself works under.
fn linked_role(needs: &Needs) -> Statement {
    let role = format!(
        "arn:{}:iam::{}:role/aws-service-role/{APP_RUNNER}/AWSServiceRoleForAppRunner",
        needs.partition(),
        needs.account()
    );
    Statement::allow("CreateLinkedRole", &["iam:CreateServiceLinkedRole"], &[role])
        .when("iam:AWSServiceName", &[APP_RUNNER])
}

/// Reading the values of secrets, of both services.
pub(super) fn read_secrets(needs: &Needs, secrets: &[SecretSource]) -> Vec<Statement> {
    let (mut of_manager, mut parameters) = (Vec::new(), Vec::new());
    for secret in secrets {
        match secret.place() {
            SecretPlace::SecretsManager { arn, .. } => of_manager.extend(with_suffix(arn)),
            SecretPlace::Parameter { name, .. } => parameters.push(needs.parameter_arn(name)),
            SecretPlace::Unknown => {}
        }
    }
    [("ReadSecrets", "secretsmanager:GetSecretValue", of_manager), ("ReadParameters", "ssm:GetParameters", parameters)]
        .into_iter()
        .filter(|(_, _, resources)| !resources.is_empty())
        .map(|(id, action, mut resources)| {
            resources.sort();
            resources.dedup();
            Statement::allow(id, &[action], &resources)
        })
        .collect()
}

/// A secret's ARN ends with six characters that Secrets Manager chooses, and configurations may leave them out (Secrets Manager
/// user guide, "Secrets Manager secret ARNs"). Whether they are there cannot be seen for certain.
fn with_suffix(arn: &str) -> Vec<String> {
    let chosen = arn
        .rsplit_once('-')
        .is_some_and(|(_, tail)| tail.len() == 6 && tail.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let open = format!("{arn}-??????");
    if chosen { vec![arn.to_owned(), open] } else { vec![open] }
}

impl Needs {
    fn partition(&self) -> &'static str {
        self.repository.region.partition()
    }

    fn account(&self) -> &str {
        self.repository.account.as_ref().map_or("*", |account| account.as_str())
    }

    /// The start of ARNs of the workload account and region.
    fn place(&self, service: &str) -> String {
        format!("arn:{}:{service}:{}:{}", self.partition(), self.repository.region, self.account())
    }

    /// The id is chosen by App Runner.
    fn service_arn(&self) -> String {
        format!("{}:service/{}/*", self.place("apprunner"), self.service)
    }

    /// Likewise. What follows the group's name stands for its streams.
    fn log_groups(&self) -> String {
        format!("{}:log-group:/aws/apprunner/{}/*", self.place("logs"), self.service)
    }

    /// They are listed by the beginnings of their names, which no policy can tell apart.
    fn all_log_groups(&self) -> String {
        format!("{}:log-group:*", self.place("logs"))
    }

    fn any_role(&self) -> String {
        format!("arn:{}:iam::{}:role/*", self.partition(), self.account())
    }

    fn parameter_arn(&self, name: &str) -> String {
        if name.starts_with("arn:") {
            return name.to_owned();
        }
        format!("{}:parameter/{}", self.place("ssm"), name.trim_start_matches('/'))
    }
}

/// What a pull takes of App Runner, which looks at the image first (App Runner developer guide, "Access role").
pub(super) fn access_pull() -> Vec<&'static str> {
    let mut actions = [&PULL[..], &["ecr:DescribeImages"]].concat();
    actions.sort_unstable();
    actions
}
