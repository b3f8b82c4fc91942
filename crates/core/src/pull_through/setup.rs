//! How a rule is set up that makes ECR fetch an image: the commands, word for word, and who must be allowed what. Pure.
//!
//! Source: Amazon ECR user guide, "Setting up permissions for cross-account ECR to ECR PTC" and "IAM permissions required to
//! sync an upstream registry with an Amazon ECR private registry".

use serde_json::{Value, json};

use super::{CacheRule, Passage, ROOT};
use crate::image::EcrHost;

/// What ECR assumes the rule's role as.
const SERVICE: &str = "pullthroughcache.ecr.amazonaws.com";
/// What the role is called in the commands.
const ROLE: &str = "shipgate-pull-through";
/// What the rule's role must be allowed.
const ROLE_ACTIONS: [&str; 9] = [
    "ecr:GetAuthorizationToken",
    "ecr:BatchGetImage",
    "ecr:GetDownloadUrlForLayer",
    "ecr:BatchImportUpstreamImage",
    "ecr:GetImageCopyStatus",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
];
/// What the source's repository must allow the account of the destination.
const UPSTREAM_ACTIONS: [&str; 4] =
    ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchImportUpstreamImage", "ecr:GetImageCopyStatus"];
/// How long a prefix may be (ECR API reference, CreatePullThroughCacheRule).
const PREFIX_LENGTHS: std::ops::RangeInclusive<usize> = 2..=30;

/// A rule that would do, and the repository it would do for.
struct Proposal {
    prefix: String,
    upstream_prefix: Option<String>,
    repository: String,
}

impl Passage {
    /// How to have ECR fetch the image, one step a line: by a rule that exists, under another name, or by a new one. `None`
    /// where no rule could.
    #[must_use]
    pub fn setup(&self, rules: &[CacheRule]) -> Option<String> {
        let (source, destination) = self.ends().ok()?;
        if let Some(repository) = self.name_under_a_rule_there_is(rules, &source) {
            return Some(format!(
                "name the destination's repository {repository}: a rule there is leads to the source"
            ));
        }
        let proposal = self.proposal(rules, &source);
        let mut lines = Vec::new();
        if proposal.repository != self.repository {
            lines.push(format!("name the destination's repository {}, and set up a rule for it", proposal.repository));
        }
        let has_role = source.account != destination.account;
        if has_role {
            lines.extend(self.role_commands(&source, &destination));
        }
        lines.push(self.rule_command(&proposal, has_role, &destination));
        lines.push(needed_by_the_caller(&format!("{}/*", proposal.prefix), &destination));
        Some(lines.join("\n"))
    }

    /// Who must be allowed what for a rule that is there, one a line: for when ECR does not fetch all the same.
    #[must_use]
    pub fn permissions(&self) -> Option<String> {
        let (source, destination) = self.ends().ok()?;
        let mut lines = vec![needed_by_the_caller(&self.repository, &destination)];
        if source.account != destination.account {
            lines.push(format!(
                "the rule's role must trust {SERVICE} and be allowed {} (aws ecr validate-pull-through-cache-rule tells)",
                ROLE_ACTIONS.join(", ")
            ));
            lines.push(self.upstream_policy(&source, &destination));
        }
        Some(lines.join("\n"))
    }

    fn name_under_a_rule_there_is(&self, rules: &[CacheRule], source: &EcrHost) -> Option<String> {
        let leading = rules.iter().filter(|rule| rule.is_for(source));
        leading.filter_map(|rule| rule.repository_for(&self.source_repository)).find(|repository| {
            // Another rule may be closer to that name.
            Self { repository: repository.clone(), ..self.clone() }.served_by(rules).is_ok()
        })
    }

    /// A rule for the name as it is, if that can be and no rule has it; else one of a prefix that nothing else has.
    fn proposal(&self, rules: &[CacheRule], source: &EcrHost) -> Proposal {
        let is_covered = rules.iter().any(|rule| rule.prefix != ROOT && rule.rest(&self.repository).is_some());
        let fitting = split(&self.repository, &self.source_repository)
            .filter(|(prefix, _)| !is_covered && PREFIX_LENGTHS.contains(&prefix.len()));
        if let Some((prefix, upstream_prefix)) = fitting {
            return Proposal { prefix, upstream_prefix, repository: self.repository.clone() };
        }
        let prefix = format!("ecr-{}", source.account);
        let repository = format!("{prefix}/{}", self.source_repository);
        Proposal { prefix, upstream_prefix: None, repository }
    }

    fn rule_command(&self, proposal: &Proposal, has_role: bool, destination: &EcrHost) -> String {
        let EcrHost { account, region } = destination;
        let upstream =
            proposal.upstream_prefix.as_ref().map(|prefix| format!(" --upstream-repository-prefix {prefix}"));
        let role =
            has_role.then(|| format!(" --custom-role-arn arn:{}:iam::{account}:role/{ROLE}", region.partition()));
        format!(
            "aws ecr create-pull-through-cache-rule --region {region} --ecr-repository-prefix {} --upstream-registry ecr \
             --upstream-registry-url {}{}{}",
            proposal.prefix,
            self.source_host,
            upstream.unwrap_or_default(),
            role.unwrap_or_default(),
        )
    }

    /// The role comes first: a rule names it.
    fn role_commands(&self, source: &EcrHost, destination: &EcrHost) -> [String; 3] {
        let trust = policy(&json!({
            "Effect": "Allow", "Principal": { "Service": SERVICE }, "Action": "sts:AssumeRole",
        }));
        let reading = policy(&json!({ "Effect": "Allow", "Action": ROLE_ACTIONS, "Resource": "*" }));
        [
            format!("aws iam create-role --role-name {ROLE} --assume-role-policy-document '{trust}'"),
            format!(
                "aws iam put-role-policy --role-name {ROLE} --policy-name pull-through --policy-document '{reading}'"
            ),
            self.upstream_policy(source, destination),
        ]
    }

    /// Not as a command: it would take the place of the policy that is there.
    fn upstream_policy(&self, source: &EcrHost, destination: &EcrHost) -> String {
        let principal = format!("arn:{}:iam::{}:root", destination.region.partition(), destination.account);
        let statement = json!({ "Effect": "Allow", "Principal": { "AWS": principal }, "Action": UPSTREAM_ACTIONS });
        let EcrHost { account, region } = source;
        format!(
            "the policy of repository {} in account {account}, {region} must have the statement {statement}",
            self.source_repository
        )
    }
}

fn needed_by_the_caller(repositories: &str, destination: &EcrHost) -> String {
    let EcrHost { account, region } = destination;
    format!(
        "whoever pulls must be allowed ecr:BatchImportUpstreamImage, and ecr:CreateRepository while the repository is not \
         there, on arn:{}:ecr:{region}:{account}:repository/{repositories}",
        region.partition()
    )
}

/// The prefixes here and there, such that what is behind them is the same: as long as they can be there, and never without
/// one here.
fn split(repository: &str, source_repository: &str) -> Option<(String, Option<String>)> {
    if let Some(prefix) = repository.strip_suffix(source_repository).and_then(|before| before.strip_suffix('/')) {
        return Some((prefix.to_owned(), None));
    }
    let here: Vec<&str> = repository.split('/').collect();
    let there: Vec<&str> = source_repository.split('/').collect();
    let same = here.iter().rev().zip(there.iter().rev()).take_while(|(here, there)| here == there).count();
    // Both keep a first word: one that is all rest would have the rule of the root.
    let same = same.min(here.len() - 1).min(there.len() - 1);
    (same > 0).then(|| (here[..here.len() - same].join("/"), Some(there[..there.len() - same].join("/"))))
}

fn policy(statement: &Value) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}
