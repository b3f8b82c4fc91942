//! Where the base identity comes from: a CI job's web identity token, without any key.

use crate::world::{Ran, World};

const JOB_ROLE: &str = "arn:aws:iam::333333333333:role/ci-job";

fn deploy_as(world: &World, subject: &str) -> (Ran, String) {
    let token = world.web_identity_token(subject);
    let file = world.folder().join("token");
    std::fs::write(&file, &token).unwrap();
    let output = world
        .shipgate()
        .env_remove("AWS_ACCESS_KEY_ID")
        .env_remove("AWS_SECRET_ACCESS_KEY")
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", file)
        .env("AWS_ROLE_ARN", JOB_ROLE)
        .env("VERSION", "v1")
        .arg("deploy")
        .output()
        .unwrap();
    (output.into(), token)
}

#[test]
fn a_jobs_token_is_enough() {
    let world = World::new();
    world.push("v1", &[]);
    let (ran, token) = deploy_as(&world, "repo:shop/api:ref:refs/heads/main");
    assert_eq!(ran.code, 0, "{}", ran.said());
    assert_eq!(world.answer(), "200 v1");
    assert!(!ran.said().contains(token.rsplit('.').next().unwrap()), "the token is shown");
}

#[test]
fn another_repositorys_token_is_not() {
    let world = World::new();
    world.push("v1", &[]);
    let (ran, token) = deploy_as(&world, "repo:somebody/else:ref:refs/heads/main");
    assert_eq!(ran.code, 3, "{}", ran.said());
    assert!(ran.stderr.contains("AssumeRoleWithWebIdentity"), "{}", ran.stderr);
    assert!(!ran.said().contains(token.rsplit('.').next().unwrap()), "the token is shown");
    assert!(world.orders().is_empty());
}
