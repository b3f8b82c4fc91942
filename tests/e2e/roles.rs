//! Roles that tests of several accounts add to the seed.

/// The seed with a role of another account that may do everything there, and a role of the workload account that may look and not push.
pub(crate) fn more_roles(seed: &str, other: &str) -> String {
    let more = format!(
        r#"roles:
  - {{ arn: "{other}", assumed_by: ["arn:aws:iam::333333333333:root"] }}
  - arn: "arn:aws:iam::222222222222:role/reader"
    assumed_by: ["arn:aws:iam::333333333333:root"]
    policies:
      - Statement:
          Effect: Allow
          Action: ["ecr:GetAuthorizationToken", "ecr:DescribeRepositories", "ecr:BatchGetImage"]
          Resource: "*"
"#
    );
    seed.replace("roles:\n", &more)
}
