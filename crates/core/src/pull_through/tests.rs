//! Which rule serves, by tables; and what is to be set up where none does.

use super::{CacheRule, NotServed, Passage, ROOT, Via};

const SOURCE: &str = "111111111111.dkr.ecr.eu-west-1.amazonaws.com";
const HERE: &str = "222222222222.dkr.ecr.us-east-1.amazonaws.com";

fn rule(prefix: &str, upstream: &str, upstream_prefix: &str) -> CacheRule {
    CacheRule {
        prefix: prefix.to_owned(),
        upstream: upstream.to_owned(),
        upstream_prefix: upstream_prefix.to_owned(),
        role: None,
    }
}

fn passage(source_repository: &str, repository: &str) -> Passage {
    Passage {
        source_host: SOURCE.to_owned(),
        source_repository: source_repository.to_owned(),
        host: HERE.to_owned(),
        repository: repository.to_owned(),
    }
}

/// The prefix of the rule that serves, or what kind of refusal it is.
fn served(passage: &Passage, rules: &[CacheRule]) -> String {
    match passage.served_by(rules) {
        Ok(rule) => rule.prefix.clone(),
        Err(NotServed::NotEcr { .. }) => "not ECR".to_owned(),
        Err(NotServed::SameRegistry { .. }) => "same registry".to_owned(),
        Err(NotServed::NoRule { .. }) => "no rule".to_owned(),
        Err(NotServed::OtherRegistry { upstream, .. }) => format!("leads to {upstream}"),
        Err(NotServed::OtherRepository { leads_to, .. }) => format!("copies {leads_to}"),
    }
}

#[test]
fn the_closest_rule_counts_and_must_lead_to_the_source() {
    let other = "333333333333.dkr.ecr.eu-west-1.amazonaws.com";
    let rules = [
        rule("cache", SOURCE, ROOT),
        rule("cache/team", SOURCE, "shop"),
        rule("other", other, ROOT),
        rule("hub", "registry-1.docker.io", ROOT),
        rule("shop", SOURCE, "shop"),
        rule("region", &SOURCE.replace("eu-west-1", "eu-west-2"), ROOT),
        rule("dual", "111111111111.dkr-ecr.eu-west-1.on.aws", ROOT),
    ];
    let table = [
        ("shop/api", "cache/shop/api", "cache"),
        ("shop/api", "cache/team/api", "cache/team"),
        ("team/api", "cache/team/api", "copies shop/api"),
        ("shop/api", "cache/api", "copies api"),
        ("shop/api", "shop/api", "shop"),
        ("api", "cache", "no rule"),
        ("shop/api", "cached/shop/api", "no rule"),
        ("shop/api", "my/cache/shop/api", "no rule"),
        ("shop/api", "other/shop/api", &format!("leads to {other}")),
        ("shop/api", "hub/shop/api", "leads to registry-1.docker.io"),
        ("shop/api", "region/shop/api", "leads to 111111111111.dkr.ecr.eu-west-2.amazonaws.com"),
        ("shop/api", "dual/shop/api", "dual"),
    ];
    for (source, repository, expected) in table {
        assert_eq!(served(&passage(source, repository), &rules), expected, "{source} {repository}");
    }
    let root = [rule(ROOT, SOURCE, ROOT), rule("shop", other, ROOT)];
    assert_eq!(served(&passage("a/b", "a/b"), &root), ROOT);
    assert_eq!(served(&passage("shop/api", "shop/api"), &root), format!("leads to {other}"));
}

#[test]
fn both_ends_are_different_registries_of_ecr() {
    let rules = [rule("cache", SOURCE, ROOT)];
    let there = passage("api", "cache/api");
    let table = [
        (Passage { source_host: "docker.io".to_owned(), ..there.clone() }, "not ECR"),
        (Passage { host: "127.0.0.1:5000".to_owned(), ..there.clone() }, "not ECR"),
        (Passage { host: SOURCE.to_owned(), ..there.clone() }, "same registry"),
        (Passage { host: SOURCE.replace("eu-west-1", "us-east-1"), ..there }, "cache"),
    ];
    for (passage, expected) in table {
        assert_eq!(served(&passage, &rules), expected, "{passage:?}");
        let possible = passage.is_between_registries_of_ecr().is_ok();
        assert_eq!(possible, passage.setup(&[]).is_some(), "{passage:?}");
        assert_eq!(possible, passage.permissions().is_some(), "{passage:?}");
    }
}

/// The rule that is proposed would serve, if there were it.
#[test]
fn what_is_proposed_serves() {
    let taken = rule("cache", "333333333333.dkr.ecr.eu-west-1.amazonaws.com", ROOT);
    let table: [(&str, &str, &[CacheRule], &str); 8] = [
        ("shop/api", "cache/shop/api", &[], "cache"),
        ("shop/api", "my/cache/api", &[], "my/cache --upstream-repository-prefix shop"),
        ("shop/api", "shop/api", &[], "shop --upstream-repository-prefix shop"),
        ("api", "cache/api", &[], "cache"),
        ("shop/api", "cache/shop/api", std::slice::from_ref(&taken), "ecr-111111111111"),
        ("shop/api", "api", &[], "ecr-111111111111"),
        ("shop/api", "shop/web", &[], "ecr-111111111111"),
        ("api", "a-prefix-that-is-longer-than-thirty/api", &[], "ecr-111111111111"),
    ];
    for (source, repository, rules, expected) in table {
        let setup = passage(source, repository).setup(rules).unwrap();
        let (prefix, upstream_prefix) =
            expected.split_once(" --upstream-repository-prefix ").unwrap_or((expected, ROOT));
        let between =
            format!("--ecr-repository-prefix {prefix} --upstream-registry ecr --upstream-registry-url {SOURCE} ");
        assert!(setup.contains(&between), "{source} {repository}\n{setup}");
        assert_eq!(setup.contains("--upstream-repository-prefix"), upstream_prefix != ROOT, "{setup}");
        let renamed = setup.split("name the destination's repository ").nth(1).and_then(|rest| rest.split(',').next());
        let with = [rules, &[rule(prefix, SOURCE, upstream_prefix)]].concat();
        let named = passage(source, renamed.unwrap_or(repository));
        assert_eq!(named.served_by(&with).map(|rule| rule.prefix.as_str()), Ok(prefix), "{setup}");
    }
}

#[test]
fn a_rule_that_is_there_is_pointed_out() {
    let rules = [rule("cache", SOURCE, ROOT), rule("hub", "registry-1.docker.io", ROOT)];
    for repository in ["shop/api", "cache/api", "hub/shop/api"] {
        let setup = passage("shop/api", repository).setup(&rules).unwrap();
        assert_eq!(
            setup, "name the destination's repository cache/shop/api: a rule there is leads to the source",
            "{repository}"
        );
    }
}

#[test]
fn the_commands_are_whole() {
    insta::assert_snapshot!(passage("shop/api", "cache/shop/api").setup(&[]).unwrap(), @r#"
    aws iam create-role --role-name shipgate-pull-through --assume-role-policy-document '{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow","Principal":{"Service":"pullthroughcache.ecr.amazonaws.com"}}],"Version":"2012-10-17"}'
    aws iam put-role-policy --role-name shipgate-pull-through --policy-name pull-through --policy-document '{"Statement":[{"Action":["ecr:GetAuthorizationToken","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage","ecr:GetImageCopyStatus","ecr:InitiateLayerUpload","ecr:UploadLayerPart","ecr:CompleteLayerUpload","ecr:PutImage"],"Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"}'
    the policy of repository shop/api in account 111111111111, eu-west-1 must have the statement {"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage","ecr:GetImageCopyStatus"],"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"}}
    aws ecr create-pull-through-cache-rule --region us-east-1 --ecr-repository-prefix cache --upstream-registry ecr --upstream-registry-url 111111111111.dkr.ecr.eu-west-1.amazonaws.com --custom-role-arn arn:aws:iam::222222222222:role/shipgate-pull-through
    whoever pulls must be allowed ecr:BatchImportUpstreamImage, and ecr:CreateRepository while the repository is not there, on arn:aws:ecr:us-east-1:222222222222:repository/cache/*
    "#);
    let within = Passage { host: SOURCE.replace("eu-west-1", "us-east-1"), ..passage("shop/api", "cache/shop/api") };
    insta::assert_snapshot!(within.setup(&[]).unwrap(), @r"
    aws ecr create-pull-through-cache-rule --region us-east-1 --ecr-repository-prefix cache --upstream-registry ecr --upstream-registry-url 111111111111.dkr.ecr.eu-west-1.amazonaws.com
    whoever pulls must be allowed ecr:BatchImportUpstreamImage, and ecr:CreateRepository while the repository is not there, on arn:aws:ecr:us-east-1:111111111111:repository/cache/*
    ");
    insta::assert_snapshot!(passage("shop/api", "cache/shop/api").permissions().unwrap(), @r#"
    whoever pulls must be allowed ecr:BatchImportUpstreamImage, and ecr:CreateRepository while the repository is not there, on arn:aws:ecr:us-east-1:222222222222:repository/cache/shop/api
    the rule's role must trust pullthroughcache.ecr.amazonaws.com and be allowed ecr:GetAuthorizationToken, ecr:BatchGetImage, ecr:GetDownloadUrlForLayer, ecr:BatchImportUpstreamImage, ecr:GetImageCopyStatus, ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload, ecr:PutImage (aws ecr validate-pull-through-cache-rule tells)
    the policy of repository shop/api in account 111111111111, eu-west-1 must have the statement {"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage","ecr:GetImageCopyStatus"],"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::222222222222:root"}}
    "#);
}

#[test]
fn ways_are_named() {
    for via in [Via::Copy, Via::PullThrough] {
        assert_eq!(via.to_string().parse(), Ok(via));
    }
    assert!("pull".parse::<Via>().is_err());
}
