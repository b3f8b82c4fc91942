//! The OIDC token of a CI job as the whole of its identity: asked for by shipgate itself, where each system has it, and shown to
//! nobody but STS.

pub(crate) mod endpoint;
pub(crate) mod job;
mod refusals;
mod systems;

use job::{endpoint, github, github_world, run, ways_in};

use self::{
    endpoint::{Behaviour, Endpoint},
    job::{GITHUB, MAIN, github_claims, seed},
};
use crate::world::World;

const WITH_TOKEN: &str = "AssumeRoleWithWebIdentity";

#[test]
fn a_job_on_github_deploys_with_nothing_but_its_token() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let before = world.calls().len();
    let ran = run(github(&world, &endpoint, &["deploy", "--no-verify"]));
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.orders(), ["CreateService"]);
    // Each account's role is entered by a token of its own. (Nothing looks at the world by another role up to here.)
    assert_eq!(ways_in(&world, before)[..2], [WITH_TOKEN, WITH_TOKEN]);
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|one| one.audience == "sts.amazonaws.com"), "{asked:?}");
}

#[test]
fn the_roles_after_the_first_are_assumed_as_ever() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let hub = r#"{"arn": "arn:aws:iam::222222222222:role/hub", "assumed_by": ["arn:aws:iam::222222222222:role/shipgate-deploy"]}"#;
    assert!(world.make_role(&serde_json::from_str(hub).unwrap()));
    let configuration = crate::world::CONFIGURATION.replace(
        "role: arn:aws:iam::222222222222:role/shipgate-deploy",
        "role: { arn: arn:aws:iam::222222222222:role/hub, via: [arn:aws:iam::222222222222:role/shipgate-deploy] }",
    );
    world.write("chain.yaml", &configuration);
    let before = world.calls().len();
    let ran = run(github(&world, &endpoint, &["plan", "--file", "chain.yaml"]));
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(ways_in(&world, before), ["AssumeRole", WITH_TOKEN, WITH_TOKEN]);
}

#[test]
fn credentials_that_the_job_was_given_go_first() {
    let world = github_world();
    let endpoint = endpoint(&world, "repo:somebody/else:ref:refs/heads/main");
    let given = |arguments: &[&str]| {
        let mut command = github(&world, &endpoint, arguments);
        command.env("AWS_ACCESS_KEY_ID", "AKIASANDBOXCI0000000");
        command.env("AWS_SECRET_ACCESS_KEY", "sandbox/secret/of/the/ci/user/0000000000");
        run(command)
    };
    let auto = given(&["plan"]);
    assert_eq!((auto.code, endpoint.asked().len()), (0, 0), "{}", auto.said());
    let always = given(&["plan", "--oidc", "always"]);
    assert_eq!((always.code, endpoint.asked().len()), (3, 2), "{}", always.said());
    let off = run(github(&world, &endpoint, &["plan", "--oidc", "off"]));
    assert_eq!((off.code, endpoint.asked().len()), (3, 2), "{}", off.said());
    assert!(off.stderr.contains("no AWS credentials were found"), "{}", off.stderr);
}

#[test]
fn another_audience_is_asked_for_where_the_file_names_one() {
    let world = World::with_seed(&seed(GITHUB, "shop", MAIN));
    world.push("v1", &[]);
    let endpoint = endpoint(&world, MAIN);
    world.write("audience.yaml", &format!("oidc: {{ audience: shop }}\n{}", crate::world::CONFIGURATION));
    let ran = run(github(&world, &endpoint, &["plan", "--file", "audience.yaml"]));
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert!(endpoint.asked().iter().all(|one| one.audience == "shop"));
    let flag = run(github(&world, &endpoint, &["plan", "--oidc-audience", "other"]));
    assert_eq!(flag.code, 3, "{}", flag.said());
    assert_eq!(endpoint.asked().last().unwrap().audience, "other");
}

#[test]
fn an_endpoint_that_is_out_for_a_moment_is_asked_again() {
    let world = github_world();
    let behaviour = Behaviour { claims: github_claims(MAIN), unavailable: 2, ..Behaviour::default() };
    let endpoint = Endpoint::new(&world, behaviour);
    let ran = run(github(&world, &endpoint, &["plan"]));
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(endpoint.asked().len(), 4);
}

#[test]
fn copy_and_mirror_are_known_by_it_too() {
    let world = github_world();
    let endpoint = endpoint(&world, MAIN);
    let destination = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:copied";
    let roles = [
        "--src-role",
        "arn:aws:iam::111111111111:role/shipgate-pull",
        "--dst-role",
        "arn:aws:iam::222222222222:role/shipgate-deploy",
    ];
    let source = format!("{}:v1", crate::world::SOURCE);
    let copied = run(github(&world, &endpoint, &[&["copy", &source, destination], &roles[..]].concat()));
    assert_eq!(copied.code, 0, "{}", copied.said());
    assert!(world.tag("copied").is_some());
    let file = format!(
        "oidc: {{ when: always }}\nregistry_role: {}\nimages: [{{ source: {}, tags: [v1] }}]\n\
         destinations: [{{ role: {}, region: ap-northeast-1 }}]\n",
        roles[1],
        crate::world::SOURCE,
        roles[3],
    );
    world.write("mirror.yaml", &file);
    let mirrored = run(github(&world, &endpoint, &["mirror", "mirror.yaml"]));
    assert_eq!(mirrored.code, 0, "{}", mirrored.said());
    assert!(world.tag("v1").is_some());
}
