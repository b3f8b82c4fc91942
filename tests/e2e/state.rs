//! A sandbox on a directory: what it has answered is still true after it was killed, at any moment.

use std::{collections::BTreeMap, process::Command, sync::mpsc, thread, time::Duration};

use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_ecr as ecr;
use serde_json::{Value, json};
use shipgate_core::digest::Digest;

use crate::world::{LIVE, REPOSITORY, Ran, SEED, World, shipgate};

/// Type, status and id of the one service's operations, newest first.
fn operations(world: &World) -> Vec<(String, String, String)> {
    let seen = world.control(None);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let operations = seen["services"][0]["Operations"].as_array().unwrap();
    operations.iter().map(|one| (text(&one["Type"]), text(&one["Status"]), text(&one["Id"]))).collect()
}

/// The containers of the sandbox in this process.
fn containers_of(process: u32) -> usize {
    let list = Command::new("docker").args(["ps", "-a", "--format", "{{.Names}}"]).output().unwrap();
    let names = String::from_utf8(list.stdout).unwrap();
    names.lines().filter(|name| name.starts_with("shipgate-sandbox-") && name.contains(&format!("-{process}-"))).count()
}

#[test]
fn a_killed_sandbox_goes_on_where_it_was() {
    let mut world = World::kept(SEED);
    let v1 = world.push("v1", &[]);
    world.deploy_well("v1");
    let (service, before) = (world.service(), operations(&world));
    let groups = |world: &World| {
        world.logs(async |client| {
            let described = client.describe_log_groups().send().await.unwrap();
            described.log_groups().iter().map(|group| group.log_group_name().unwrap().to_owned()).collect::<Vec<_>>()
        })
    };
    let groups_before = groups(&world);
    assert_eq!(groups_before.len(), 2);
    let killed = world.process();
    world.kill();
    assert_eq!(containers_of(killed), 1, "nobody has removed it");

    world.start_again();
    assert_eq!(containers_of(killed), 0, "the killed sandbox's container is swept");
    assert_eq!(world.service(), service, "the same ARN, status and URL");
    assert_eq!(operations(&world), before, "no operation more");
    assert_eq!(groups(&world), groups_before);
    assert_eq!(world.tag(LIVE), Some(v1));
    assert_eq!(world.answer(), "200 v1");

    let v2 = world.push("v2", &[]);
    world.deploy_well("v2");
    assert_eq!((world.answer().as_str(), world.tag(LIVE)), ("200 v2", Some(v2)));
    let living = world.process();
    let neighbour = World::new();
    neighbour.push("v1", &[]);
    neighbour.deploy_well("v1");
    assert_eq!(containers_of(living), 1, "a sandbox that lives is not swept by another");
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn a_deployment_that_was_under_way_is_rolled_back() {
    let mut world = World::kept(SEED);
    world.push("v1", &[]);
    world.push("v2", &[]);
    world.deploy_well("v1");
    world.control(Some(&json!({"kind": "script", "operation": "START_DEPLOYMENT", "stuck": true})));
    let ran = world.deploy("v2", &["--gate-timeout", "2s"]);
    assert_eq!(ran.code, 10, "{}", ran.said());
    let (kind, status, id) = operations(&world).swap_remove(0);
    assert_eq!((kind.as_str(), status.as_str()), ("START_DEPLOYMENT", "IN_PROGRESS"));
    world.kill();

    world.start_again();
    let ended = ("START_DEPLOYMENT".to_owned(), "ROLLBACK_SUCCEEDED".to_owned(), id.clone());
    assert_eq!(operations(&world)[0], ended);
    assert_eq!(world.service().unwrap().1, "RUNNING");
    assert_eq!(world.answer(), "200 v1", "the tag points at v2, and v1 is what ran");
    let waited: Ran = world.shipgate().args(["wait", &id]).output().unwrap().into();
    assert_eq!(waited.code, 8, "{}", waited.said());
    world.deploy_well("v2");
    assert_eq!(world.answer(), "200 v2");
}

#[test]
fn a_directory_has_one_sandbox_at_a_time() {
    let world = World::kept(SEED);
    let second = |world: &World| -> Ran {
        let mut command = shipgate();
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--state"]).arg(world.folder().join("state"));
        command.output().unwrap().into()
    };
    let refused = second(&world);
    assert_ne!(refused.code, 0);
    assert!(
        refused.stderr.contains(&format!("is in use by another sandbox (process {})", world.process())),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("hint: "), "{refused:?}");
    assert!(world.service().is_none(), "the first one is as it was");
}

/// What is known of the world: a thing's name and what it is; nothing, when it was taken away.
type Facts = BTreeMap<String, Option<String>>;

struct Clients {
    ecr: ecr::Client,
    logs: logs::Client,
    config: Digest,
}

/// Whether a call has been answered. One that was refused is a mistake of the test.
fn answered<T, E: std::fmt::Debug, R: std::fmt::Debug>(result: Result<T, ecr::error::SdkError<E, R>>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => {
            assert!(error.as_service_error().is_none(), "{error:?}");
            false
        }
    }
}

impl Clients {
    /// The nth change, of which nobody knows yet whether it will be done.
    fn change(&self, number: usize) -> (String, Option<String>) {
        match number % 5 {
            0 => (format!("repository made/{number}"), Some("IMMUTABLE".to_owned())),
            1 => (format!("group made-{number}"), Some(String::new())),
            2 => ("tag moving".to_owned(), Some(Digest::of(self.manifest(number).as_bytes()).to_string())),
            3 => (format!("tag at-{number}"), Some(Digest::of(self.manifest(number).as_bytes()).to_string())),
            _ => (format!("tag at-{}", number - 1), None),
        }
    }

    fn manifest(&self, number: usize) -> String {
        let config = json!({"mediaType": "application/vnd.oci.image.config.v1+json", "digest": self.config, "size": 2});
        let annotations = json!({"number": number.to_string()});
        json!({"schemaVersion": 2, "config": config, "layers": [], "annotations": annotations}).to_string()
    }

    /// Makes it; whether it was answered.
    async fn make(&self, number: usize, name: &str, value: Option<&str>) -> bool {
        let (kind, name) = name.split_once(' ').unwrap();
        match (kind, value) {
            ("repository", _) => {
                let immutable = ecr::types::ImageTagMutability::Immutable;
                answered(
                    self.ecr.create_repository().repository_name(name).image_tag_mutability(immutable).send().await,
                )
            }
            ("group", _) => answered(self.logs.create_log_group().log_group_name(name).send().await),
            (_, Some(_)) => {
                let put = self.ecr.put_image().repository_name(REPOSITORY).image_tag(name);
                answered(put.image_manifest(self.manifest(number)).send().await)
            }
            (_, None) => {
                let tag = ecr::types::ImageIdentifier::builder().image_tag(name).build();
                answered(self.ecr.batch_delete_image().repository_name(REPOSITORY).image_ids(tag).send().await)
            }
        }
    }

    /// Everything there is.
    async fn facts(&self) -> Facts {
        let mut facts = Facts::new();
        let repositories = self.ecr.describe_repositories().max_results(1000).send().await.unwrap();
        for one in repositories.repositories().iter().filter(|one| one.repository_name().unwrap().starts_with("made/"))
        {
            let mutability = one.image_tag_mutability().unwrap().as_str().to_owned();
            facts.insert(format!("repository {}", one.repository_name().unwrap()), Some(mutability));
        }
        let mut groups = self.logs.describe_log_groups().into_paginator().send();
        while let Some(page) = groups.next().await {
            for group in page.unwrap().log_groups() {
                facts.insert(format!("group {}", group.log_group_name().unwrap()), Some(String::new()));
            }
        }
        let images = self.ecr.list_images().repository_name(REPOSITORY).max_results(1000).send().await.unwrap();
        for image in images.image_ids().iter().filter(|image| image.image_tag().is_some()) {
            let digest = image.image_digest().unwrap().to_owned();
            facts.insert(format!("tag {}", image.image_tag().unwrap()), Some(digest));
        }
        facts
    }
}

async fn upload_config(ecr: &ecr::Client) -> Digest {
    let (bytes, digest) = (b"{}", Digest::of(b"{}"));
    let begun = ecr.initiate_layer_upload().repository_name(REPOSITORY).send().await.unwrap();
    let id = begun.upload_id().unwrap();
    let part = ecr.upload_layer_part().repository_name(REPOSITORY).upload_id(id).part_first_byte(0).part_last_byte(1);
    part.layer_part_blob(ecr::primitives::Blob::new(bytes)).send().await.unwrap();
    let done = ecr.complete_layer_upload().repository_name(REPOSITORY).upload_id(id);
    done.layer_digests(digest.to_string()).send().await.unwrap();
    digest
}

#[test]
fn what_was_answered_is_true_after_a_kill_at_any_moment() {
    let mut world = World::kept(&format!("{SEED}\necr_manners: false\n"));
    let config = world.ecr_and_logs(async |ecr, _| upload_config(&ecr).await);
    let (mut known, mut number, mut luck) = (Facts::new(), 0, fastrand::Rng::with_seed(20));
    let mut answered = 0;
    for round in 0..15 {
        let (answers, moment) = (luck.usize(0..12), Duration::from_micros(luck.u64(0..30_000)));
        let process = world.process();
        let (tell, told) = mpsc::channel();
        let unanswered = world.ecr_and_logs(async |ecr, logs| {
            let clients = Clients { ecr, logs, config: config.clone() };
            let killer = thread::spawn(move || {
                told.iter().take(answers).for_each(drop);
                // Not to wait for anything: the moment is what is tried out.
                thread::sleep(moment);
                Command::new("kill").args(["-KILL", &process.to_string()]).status().unwrap();
            });
            let unanswered = loop {
                let (name, value) = clients.change(number);
                if !clients.make(number, &name, value.as_deref()).await {
                    break (name, value);
                }
                known.insert(name, value);
                number += 1;
                answered += 1;
                tell.send(()).ok();
            };
            killer.join().unwrap();
            unanswered
        });
        world.kill();
        world.start_again();
        let found = world.ecr_and_logs(async |ecr, logs| Clients { ecr, logs, config: config.clone() }.facts().await);
        // The last call may have been done or not: both is true to a client that has no answer.
        let (name, value) = unanswered;
        if found.get(&name) == value.as_ref().map(|_| &value) {
            known.insert(name, value);
        }
        let expected: Facts =
            known.iter().filter(|(_, value)| value.is_some()).map(|(k, v)| (k.clone(), v.clone())).collect();
        assert_eq!(found, expected, "round {round}, after {number} changes");
        // Names are used once.
        number += 5 - number % 5;
    }
    assert!(answered > 30, "the kills came too early to show anything: {answered}");
}

#[test]
fn what_the_killed_process_issued_is_expired() {
    let mut world = World::kept(SEED);
    let old = world.ecr_and_logs(async |ecr, _| ecr);
    let login = world.ecr_and_logs(async |ecr, _| ecr.get_authorization_token().send().await.unwrap());
    let login = &login.authorization_data()[0];
    let ping = |world: &World| {
        world.ecr_and_logs(async |_, _| {
            let request = reqwest::Client::new().get(format!("{}/v2/", login.proxy_endpoint().unwrap()));
            let basic = format!("Basic {}", login.authorization_token().unwrap());
            request.header("authorization", basic).send().await.unwrap().status().as_u16()
        })
    };
    assert_eq!(ping(&world), 200);
    world.kill();
    world.start_again();
    let refused = world.ecr_and_logs(async |_, _| old.describe_repositories().send().await.unwrap_err());
    let code = aws_sdk_ecr::error::ProvideErrorMetadata::code(&refused).unwrap().to_owned();
    assert_eq!(code, "ExpiredTokenException");
    assert_eq!(ping(&world), 401, "the registry listens where it did, and asks for a new login");
}
