//! The proof: under exactly what `iam` prints everything passes, and without any single action of it something tells.

use std::time::{Duration, Instant};

use super::{
    lean::{CONFIGURATION, Scene},
    removal::{Step, Story, nothing_can_be_spared, script},
};
use crate::{images, world::World};

/// A service that is there already, without containers.
const SERVICE: &str = r#"scripted: true
services:
  - account: "222222222222"
    create:
      ServiceName: shop-api
      SourceConfiguration:
        AutoDeploymentsEnabled: false
        AuthenticationConfiguration: { AccessRoleArn: "arn:aws:iam::222222222222:role/lean-access" }
        ImageRepository:
          ImageIdentifier: "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:shop-api"
          ImageRepositoryType: ECR
          ImageConfiguration:
            RuntimeEnvironmentSecrets:
              DATABASE_URL: "arn:aws:secretsmanager:ap-northeast-1:222222222222:secret:lean-db-AbCdEf"
              TOKEN: "arn:aws:ssm:ap-northeast-1:222222222222:parameter/lean/token"
      InstanceConfiguration: { InstanceRoleArn: "arn:aws:iam::222222222222:role/lean-instance" }
"#;

const REPOSITORY: &str = "  - { account: \"222222222222\", name: shop/api }\n";
const IMMUTABLE: &str = "  - { account: \"222222222222\", name: shop/api, tag_mutability: IMMUTABLE }\n";
const SCRIPTED: &str = "scripted: true\n";

/// The roles that App Runner has, where they are not what it is about.
const SERVICE_ROLES: &str = r#"  - { arn: "arn:aws:iam::222222222222:role/lean-access", assumed_by: [build.apprunner.amazonaws.com] }
  - { arn: "arn:aws:iam::222222222222:role/lean-instance", assumed_by: [tasks.apprunner.amazonaws.com] }
"#;

/// The role that deploys, where the job's own identity is what a story is about.
const ROLES_OF_ANOTHER_STORY: &str = r#"  - { arn: "arn:aws:iam::222222222222:role/lean-access", assumed_by: [build.apprunner.amazonaws.com] }
  - { arn: "arn:aws:iam::222222222222:role/lean-instance", assumed_by: [tasks.apprunner.amazonaws.com] }
  - { arn: "arn:aws:iam::222222222222:role/lean-deploy", assumed_by: ["arn:aws:iam::333333333333:root"] }
"#;

/// The same, where the way there is.
const ROLE_BEHIND_THE_HUB: &str = r#"  - { arn: "arn:aws:iam::222222222222:role/lean-access", assumed_by: [build.apprunner.amazonaws.com] }
  - { arn: "arn:aws:iam::222222222222:role/lean-instance", assumed_by: [tasks.apprunner.amazonaws.com] }
  - { arn: "arn:aws:iam::222222222222:role/lean-deploy", assumed_by: ["arn:aws:iam::444444444444:role/hub"] }
"#;

/// The role that ECR's cache reads the source with: the rule's setup names what it needs.
const READER: &str = r#"  - { arn: "arn:aws:iam::222222222222:role/lean-access", assumed_by: [build.apprunner.amazonaws.com] }
  - { arn: "arn:aws:iam::222222222222:role/lean-instance", assumed_by: [tasks.apprunner.amazonaws.com] }
  - { arn: "arn:aws:iam::222222222222:role/cache-reader", assumed_by: [pullthroughcache.ecr.amazonaws.com] }
"#;

const RULE: &str = r#"pull_through_cache_rules:
  - account: "222222222222"
    create:
      ecrRepositoryPrefix: cache
      upstreamRegistryUrl: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com
      customRoleArn: arn:aws:iam::222222222222:role/cache-reader
"#;

const UNCHECKED: &[&str] = &["deploy", "--no-verify"];

fn nothing(_: &World) {}

fn push(world: &World) {
    for version in ["v1", "v2", "v3", "v4"] {
        world.push_image(version, &images::image(version));
    }
}

fn push_and_wait(world: &World) {
    push(world);
    let deadline = Instant::now() + Duration::from_mins(1);
    while !runs(world) {
        assert!(Instant::now() < deadline, "the service does not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn runs(world: &World) -> bool {
    world.service().is_some_and(|(_, status, _)| status == "RUNNING")
}

/// A service that is there is whole, or on its way; one that never came up may be there.
fn is_whole(world: &World) -> bool {
    world
        .service()
        .is_none_or(|(_, status, _)| ["RUNNING", "CREATE_FAILED", "OPERATION_IN_PROGRESS"].contains(&status.as_str()))
}

fn push_one_that_runs(world: &World) {
    world.push("v9", &[("DEMO_FAIL_WITHOUT", "DATABASE_URL")]);
}

fn fail_next(world: &World) {
    script(world, "ROLLBACK_SUCCEEDED");
}

fn fail_creation(world: &World) {
    script(world, "FAILED");
}

fn step(before: fn(&World), version: &'static str, arguments: &'static [&'static str], code: i32) -> Step {
    Step { before, version, arguments, code }
}

/// What is done to a service that runs: everything but creating it.
fn on_a_service() -> Vec<Step> {
    vec![
        step(nothing, "v2", UNCHECKED, 0),
        step(nothing, "v2", &["status"], 0),
        step(nothing, "v2", &["logs", "--since", "1h"], 0),
        step(nothing, "v2", &["export", "terraform"], 0),
        step(nothing, "v2", &["rollback"], 0),
        step(fail_next, "v3", UNCHECKED, 8),
        step(push_one_that_runs, "v9", &["verify", "--target", "prod"], 0),
    ]
}

fn proven(stories: &[Story]) {
    stories.iter().for_each(Story::passes);
    nothing_can_be_spared(stories, &[]);
}

/// The same, where other stories have shown what these policies have of those.
fn proven_besides(stories: &[Story], shown: &Scene) {
    stories.iter().for_each(Story::passes);
    nothing_can_be_spared(stories, &shown.policies());
}

/// A service that exists, and a role that may only deploy to it.
fn deploying(configuration: &str, repository: &str) -> Scene {
    Scene {
        configuration: configuration.to_owned(),
        parts: &["caller", "hop", "registry-pull", "workload-deploy", "repository-policy"],
        consent: &[],
        creates: false,
        rest: format!("{repository}{SERVICE}"),
        roles: SERVICE_ROLES,
    }
}

fn story(scene: Scene, steps: Vec<Step>) -> Story {
    Story { scene, begin: push_and_wait, steps, survives: runs }
}

#[test]
fn a_service_that_exists() {
    let mut steps = vec![step(nothing, "v1", &["plan"], 0), step(nothing, "v1", UNCHECKED, 0)];
    steps.extend(on_a_service());
    // Where tags cannot be moved, the identifier changes, and an image that is gone back to has a tag of its own.
    let updates = vec![
        step(nothing, "v1", UNCHECKED, 0),
        step(nothing, "v2", UNCHECKED, 0),
        step(nothing, "v2", &["rollback"], 0),
    ];
    let on_immutable_tags = story(deploying(CONFIGURATION, IMMUTABLE), updates);
    proven(&[story(deploying(CONFIGURATION, REPOSITORY), steps), on_immutable_tags]);
}

#[test]
fn a_service_whose_image_is_named_anew_each_time() {
    let configuration =
        CONFIGURATION.replace("    logs:", "    release: { identifier: tag, auto_deployments: off }\n    logs:");
    let mut steps = vec![step(nothing, "v1", UNCHECKED, 0)];
    steps.extend(on_a_service());
    let told = story(deploying(&configuration, IMMUTABLE), steps);
    told.passes();
    for action in ["apprunner:UpdateService", "iam:PassRole", "ecr:DescribeImages"] {
        told.tells_of(action);
    }
}

const PINNED: &str = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"";

/// The identifier is to stay as it is, and must change all the same: the tag cannot be moved, the service is pinned to a digest, or it
/// deploys from another account. What is missing for that is found before anything is copied.
#[test]
fn identifier_that_must_change_is_allowed_or_refused_first() {
    let immutable = story(
        deploying(CONFIGURATION, IMMUTABLE),
        vec![step(nothing, "v1", UNCHECKED, 0), step(nothing, "v2", UNCHECKED, 0)],
    );
    let of = |identifier: &str| {
        let mut scene = deploying(CONFIGURATION, REPOSITORY);
        let own = "222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:shop-api\"";
        assert!(scene.rest.contains(own));
        scene.rest = scene.rest.replace(own, identifier);
        story(scene, vec![step(nothing, "v2", UNCHECKED, 0)])
    };
    let pinned = of(&format!("222222222222.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api{PINNED}"));
    let of_another_account = of("111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:live\"");
    for told in [immutable, pinned, of_another_account] {
        told.passes();
        let untouched = |world: &World| {
            let digest = images::image("v2").manifest.digest;
            runs(world) && world.manifest(digest.as_str()).is_none() && world.tag("live").is_none()
        };
        let refused = Story { survives: untouched, ..told };
        for action in ["apprunner:UpdateService", "iam:PassRole", "ecr:PutImage", "ecr:CompleteLayerUpload"] {
            refused.is_refused_without(action, 3);
        }
    }
}

/// Another job has copied the image: the one that deploys needs no permission to upload.
#[test]
fn present_image_needs_no_upload() {
    let begin = |world: &World| {
        push_and_wait(world);
        world.push_to_workload("copied", &images::image("v1"));
    };
    let told = story(deploying(CONFIGURATION, REPOSITORY), vec![step(nothing, "v1", UNCHECKED, 0)]);
    let uploads = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"];
    Story { begin, ..told }.passes_without(&uploads);
}

#[test]
fn a_job_that_assumes_no_role_for_the_source() {
    let configuration = CONFIGURATION.replace("registry_role: arn:aws:iam::111111111111:role/lean-pull\n", "");
    let steps = vec![step(nothing, "v1", UNCHECKED, 0)];
    let mut scene = deploying(&configuration, REPOSITORY);
    scene.parts = &["registry-pull", "repository-policy", "caller"];
    // What deploys is not what this is about.
    scene.roles = ROLES_OF_ANOTHER_STORY;
    proven(&[story(scene, steps)]);
}

#[test]
fn a_way_by_a_hub() {
    let configuration = CONFIGURATION
        .replace(
            "registry_role: arn:aws:iam::111111111111:role/lean-pull",
            "registry_role: [arn:aws:iam::444444444444:role/hub, arn:aws:iam::111111111111:role/lean-pull]",
        )
        .replace(
            "role: arn:aws:iam::222222222222:role/lean-deploy",
            "role: [arn:aws:iam::444444444444:role/hub, arn:aws:iam::222222222222:role/lean-deploy]",
        );
    let steps = vec![step(nothing, "v1", &["plan"], 0), step(nothing, "v1", UNCHECKED, 0)];
    let mut scene = deploying(&configuration, REPOSITORY);
    scene.parts = &["caller", "hop", "registry-pull"];
    scene.roles = ROLE_BEHIND_THE_HUB;
    proven(&[story(scene, steps)]);
}

/// A service that is created, with its repository.
fn creating(consent: &'static [&'static str], rest: &str) -> Scene {
    Scene {
        configuration: CONFIGURATION.replace("    create:\n", "    create_repository: true\n    create:\n"),
        parts: &[],
        consent,
        creates: true,
        rest: rest.to_owned(),
        roles: "",
    }
}

#[test]
fn a_service_that_is_created() {
    let mut steps = vec![
        step(nothing, "v1", &["plan"], 0),
        step(fail_creation, "v1", UNCHECKED, 9),
        step(nothing, "v4", UNCHECKED, 0),
    ];
    steps.extend(on_a_service());
    let scripted = Story { scene: creating(&[], SCRIPTED), begin: push, steps, survives: is_whole };
    let steps = vec![step(nothing, "v9", &["deploy"], 0)];
    let real = Story { scene: creating(&[], ""), begin: push_one_that_runs, steps, survives: is_whole };
    // Where tags cannot be moved, an image that is rolled back to keeps its own.
    let scene = creating(&[], &format!("{IMMUTABLE}{SCRIPTED}"));
    let steps = vec![
        step(nothing, "v1", UNCHECKED, 0),
        step(nothing, "v2", UNCHECKED, 0),
        step(nothing, "v2", &["rollback"], 0),
    ];
    let on_immutable_tags = Story { scene, begin: push, steps, survives: is_whole };
    proven(&[scripted, real, on_immutable_tags]);
}

#[test]
fn a_service_that_is_resumed_and_one_that_is_created_anew() {
    let resuming = |step: &mut Step| step.before = pause;
    let mut steps = vec![step(nothing, "v1", UNCHECKED, 0), step(nothing, "v2", UNCHECKED, 0)];
    resuming(&mut steps[1]);
    let mut scene = deploying(CONFIGURATION, REPOSITORY);
    scene.consent = &["--resume"];
    let told = [Story { scene, begin: push_and_wait, steps, survives: |_| true }];
    told[0].passes();
    told[0].tells_of("apprunner:ResumeService");
    let scene = creating(&["--recreate"], &format!("{REPOSITORY}{SCRIPTED}"));
    let steps = vec![step(fail_creation, "v1", UNCHECKED, 9), step(nothing, "v2", UNCHECKED, 0)];
    let told = Story { scene, begin: push, steps, survives: |_| true };
    told.passes();
    told.tells_of("apprunner:DeleteService");
}

fn pause(world: &World) {
    let (arn, _, _) = world.service().unwrap();
    world.app_runner(async |client| drop(client.pause_service().service_arn(arn).send().await.unwrap()));
    let deadline = Instant::now() + Duration::from_mins(1);
    while world.service().unwrap().1 != "PAUSED" {
        assert!(Instant::now() < deadline, "the service does not pause");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn an_image_that_the_cache_fetches() {
    let configuration =
        CONFIGURATION.replace("    logs:", "    repository: cache/shop/api\n    via: pull-through\n    logs:");
    let scene = Scene { configuration, roles: READER, ..creating(&[], &format!("{RULE}{SCRIPTED}")) };
    let mut steps = vec![step(fail_creation, "v1", UNCHECKED, 9), step(nothing, "v4", UNCHECKED, 0)];
    steps.extend(on_a_service());
    let scene = Scene { parts: &["registry-pull", "workload-create", "repository-policy", "caller"], ..scene };
    proven_besides(&[Story { scene, begin: push, steps, survives: is_whole }], &creating(&[], ""));
}
