//! The local check on the real engine: every verdict with its evidence, and nothing left behind.

mod bench;
mod commands;
mod keeping;
mod registry;
mod staying;

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use self::{
    bench::{Bench, settings, with_bench},
    registry::Registry,
};
use super::{Answer, Finding, Seen, VerifyError, VerifyImage, VerifyRequest, verify};
use crate::docker::{
    container::ContainerSpec,
    labels::{OWNER, labels},
};
use shipgate_core::{
    credentials::Credentials,
    event::{Emitter, Event},
    health::Protocol,
    image::ImageReference,
    secret::Secret,
    service_secret::SecretSource,
};

/// What the demonstration's application answers with a status on order.
fn answer(status: u16) -> Answer {
    Answer { status, location: None, body: "v0".to_owned() }
}

#[tokio::test]
async fn a_healthy_application_passes_over_http_and_over_tcp() {
    with_bench(async |bench: &Bench| {
        for (protocol, reason) in [(Protocol::Http, "answered 200"), (Protocol::Tcp, "accepted a connection")] {
            let mut settings = settings(&[]);
            settings.health_check.protocol = protocol;
            settings.port = 3000;
            let verification = bench.verify(&settings).await.unwrap();
            assert!(verification.healthy, "{verification:?}");
            assert!(verification.reason.starts_with(reason), "{}", verification.reason);
            assert!(verification.last_lines.is_empty() && verification.exit.is_none());
        }
        let events = bench.events();
        let started =
            |event: &&Event| matches!(event, Event::ContainerStarted { address, .. } if address.ends_with(":3000"));
        assert_eq!(events.iter().filter(started).count(), 2, "{events:?}");
        assert!(matches!(events.last(), Some(Event::Verified { healthy: true, .. })), "{events:?}");
    })
    .await;
}

#[tokio::test]
async fn a_slow_start_within_the_thresholds_passes() {
    with_bench(async |bench: &Bench| {
        let verification = bench.verify(&settings(&[("DEMO_FAIL", "slow:1500")])).await.unwrap();
        assert!(verification.healthy, "{verification:?}");
        assert_eq!(verification.probes[0].seen, Seen::Refused);
    })
    .await;
}

#[tokio::test]
async fn an_application_that_no_probe_passes_is_unhealthy_by_the_thresholds() {
    with_bench(async |bench: &Bench| {
        let local = "connection refused: it listens on port 8080 of the container's loopback address only";
        let cases = [
            ("never-listen", "connection refused", Finding::DoesNotListen { port: 8080 }),
            ("listen-local", local, Finding::ListensLocally { port: 8080 }),
            ("status:404", "GET / answered 404", Finding::AnswersStatus(answer(404))),
            ("status:301", "GET / answered 301", Finding::AnswersStatus(answer(301))),
        ];
        // Side by side, as several runs on one engine are.
        futures_util::future::join_all(cases.map(async |(failure, reason, finding)| {
            let mut settings = settings(&[("DEMO_FAIL", failure)]);
            settings.health_check.unhealthy_threshold = 5;
            let verification = bench.verify(&settings).await.unwrap();
            assert!(!verification.healthy, "{failure}");
            assert_eq!(verification.reason, format!("5 probes in a row failed: {reason}"));
            assert_eq!(verification.probes.len(), 5, "{verification:?}");
            assert_eq!(verification.finding, Some(finding));
            assert!(verification.ready.is_none() && verification.allowed == Duration::from_secs(5), "{verification:?}");
            let said = verification.last_lines.join(" ");
            assert!(said.contains("as told") || said.contains("listening on"), "{said}");
        }))
        .await;
    })
    .await;
}

#[tokio::test]
async fn an_application_on_another_port_is_told_which() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("PORT", "9090")]);
        settings.health_check.unhealthy_threshold = 3;
        let verification = bench.verify(&settings).await.unwrap();
        assert_eq!(verification.finding, Some(Finding::ListensElsewhere { expected: 8080, ports: vec![9090] }));
        assert_eq!(
            verification.reason,
            "3 probes in a row failed: connection refused: it listens on port 9090, not 8080"
        );
        assert!(verification.hint().unwrap().contains("9090"));
    })
    .await;
}

#[tokio::test]
async fn the_end_of_the_container_decides_at_once_and_its_code_is_told() {
    with_bench(async |bench: &Bench| {
        let verification = bench.verify(&settings(&[("DEMO_FAIL", "exit:3")])).await.unwrap();
        assert!(!verification.healthy);
        assert_eq!(verification.exit.map(|exit| (exit.code, exit.out_of_memory)), Some((3, false)));
        assert!(verification.reason.starts_with("exited with code 3 after "), "{}", verification.reason);
        let told = "giving up with code 3, as told".to_owned();
        assert_eq!(verification.last_lines.last(), Some(&told));
        let events = bench.events();
        assert!(events.iter().any(|event| matches!(event, Event::ContainerExited { exit_code: 3, .. })), "{events:?}");
        assert!(events.iter().any(|event| matches!(event, Event::LogLine { line, .. } if *line == told)), "{events:?}");
    })
    .await;
}

#[tokio::test]
async fn the_memory_limit_is_the_services_and_its_excess_is_told() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL", "eat-memory")]);
        settings.memory_mib = 128;
        let verification = bench.verify(&settings).await.unwrap();
        let finding = verification.finding.clone();
        assert!(matches!(finding, Some(Finding::OutOfMemory { limit_mib: 128, .. })), "{verification:?}");
        assert_eq!(verification.evidence[0], "limit: 128 MiB");
        let reason = "out of memory: killed at its limit of 128 MiB after ";
        assert!(verification.reason.starts_with(reason), "{}", verification.reason);
        assert!(verification.exit.is_some_and(|exit| exit.out_of_memory && exit.code == 137), "{verification:?}");
    })
    .await;
}

#[tokio::test]
async fn a_crash_between_the_passes_that_are_needed_is_unhealthy() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL", "crash-after:1500")]);
        settings.health_check.healthy_threshold = 20;
        let verification = bench.verify(&settings).await.unwrap();
        assert!(!verification.healthy);
        assert_eq!(verification.exit.map(|exit| exit.code), Some(1), "{verification:?}");
    })
    .await;
}

#[tokio::test]
async fn secrets_are_not_given_and_are_named() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL_WITH_SECRET", "DATABASE_URL")]);
        settings.secrets.insert("DATABASE_URL".to_owned(), SecretSource::read("/shop/db"));
        let verification = bench.verify(&settings).await.unwrap();
        assert!(verification.healthy, "the container was given the secret: {verification:?}");
        assert_eq!(verification.missing_secrets, ["DATABASE_URL"]);
        let named = |event: &Event| matches!(event, Event::ContainerStarted { missing_secrets, .. } if missing_secrets == &["DATABASE_URL"]);
        assert!(bench.events().iter().any(named));
    })
    .await;
}

#[tokio::test]
async fn environment_values_show_nowhere() {
    with_bench(async |bench: &Bench| {
        // The application prints its version, as many print what they were configured with.
        let settings = settings(&[("DEMO_VERSION", "a-confidential-value"), ("DEMO_FAIL", "exit:1")]);
        let verification = bench.verify(&settings).await.unwrap();
        assert!(verification.last_lines.join(" ").contains("demo app … starting"), "{verification:?}");
        let told = format!("{verification:?} {:?}", bench.events());
        assert!(!told.contains("a-confidential-value"), "{told}");
    })
    .await;
}

#[tokio::test]
async fn cancelled_in_the_middle_it_leaves_nothing() {
    with_bench(async |bench: &Bench| {
        let cancel = CancellationToken::new();
        let trigger = cancel.clone();
        let events = Emitter::new(move |event| {
            if matches!(event, Event::ContainerStarted { .. }) {
                trigger.cancel();
            }
        });
        let mut settings = settings(&[("DEMO_FAIL", "never-listen")]);
        settings.health_check.interval_seconds = 20;
        let result = bench.verify_with(bench.image(), &settings, &events, &cancel).await;
        assert!(matches!(result, Err(VerifyError::Cancelled)), "{result:?}");
        assert!(cancel.is_cancelled());
    })
    .await;
}

#[tokio::test]
async fn a_pulled_image_is_forgotten_and_the_password_stays_secret() {
    with_bench(async |bench: &Bench| {
        let registry = Registry::start(bench.packed(), "short-lived-token").await;
        let reference = registry.reference();
        let pull = |password: &str| VerifyImage::Pull {
            reference: reference.clone(),
            known_as: Vec::new(),
            credentials: Some(Credentials::Basic { username: "AWS".to_owned(), password: Secret::new(password) }),
            always: false,
        };
        let refused = bench.verify_image(pull("some-other-token"), &settings(&[])).await.unwrap_err();
        assert!(refused.to_string().contains(&reference), "{refused}");
        assert!(!format!("{refused} {refused:?}").contains("some-other-token"));
        let verification = bench.verify_image(pull("short-lived-token"), &settings(&[])).await.unwrap();
        assert!(verification.healthy, "{verification:?}");
        assert_eq!(bench.engine().image(&reference).await.unwrap(), None, "the pulled image is still there");
        // The image that was there before, and is the same but for its name, is not touched.
        let VerifyImage::Present(name) = bench.image() else { panic!("the bench has its image loaded") };
        assert!(bench.engine().image(&name).await.unwrap().is_some());
    })
    .await;
}

/// The engine finds no image for the platform in such an index; the registry is searched for it.
#[tokio::test]
async fn an_image_in_a_nested_index_is_pulled_and_forgotten() {
    with_bench(async |bench: &Bench| {
        let registry = Registry::nested(bench.packed(), "token").await;
        let image: ImageReference = registry.reference().parse().unwrap();
        let credentials = Credentials::Basic { username: "AWS".to_owned(), password: Secret::new("token") };
        let address = format!("http://{}", image.host());
        let client = shipgate_registry::Registry::new(image.host(), &address, credentials.clone().into()).unwrap();
        let pull = VerifyImage::Pull {
            reference: image.to_string(),
            known_as: Vec::new(),
            credentials: Some(credentials),
            always: false,
        };
        let settings = settings(&[]);
        let request = bench.request(pull, &settings, Duration::ZERO);
        let request = VerifyRequest { source: Some((&client, &image)), ..request };
        let cancel = CancellationToken::new();
        let verification = verify(bench.engine(), request, &Emitter::silent(), &cancel).await.unwrap();
        assert!(verification.healthy, "{verification:?}");
        let pulled = image.with_digest(&bench.packed().manifest.digest);
        for name in [image, pulled] {
            assert_eq!(bench.engine().image(&name.to_string()).await.unwrap(), None, "{name} is still there");
        }
    })
    .await;
}

#[tokio::test]
async fn only_what_has_expired_is_swept() {
    with_bench(async |bench: &Bench| {
        let VerifyImage::Present(image) = bench.image() else { panic!("the bench has its image loaded") };
        let make = async |made: Timestamp| {
            let mut labels = labels(bench.run_id(), made, Duration::from_mins(1));
            // An owner that cannot be looked for: this test's own is alive.
            labels.insert(OWNER.to_owned(), "another-boot/pid:[1]/7/7".to_owned());
            let spec = ContainerSpec {
                image: image.clone(),
                command: None,
                environment: Vec::new(),
                cpu_units: 256,
                memory_mib: 64,
                network: None,
                no_new_privileges: true,
                name: format!("shipgate-test-{:016x}", fastrand::u64(..)),
                labels,
            };
            bench.engine().create_container(&spec).await.unwrap()
        };
        let (old, fresh) = (make(Timestamp::UNIX_EPOCH).await, make(Timestamp::now()).await);
        // Another run on this engine may sweep the old one first: it only has to be gone.
        bench.verify(&settings(&[("DEMO_FAIL", "exit:0")])).await.unwrap();
        assert_eq!(bench.engine().containers_of_run(bench.run_id()).await.unwrap(), std::slice::from_ref(&fresh));
        assert_ne!(old, fresh);
        bench.engine().remove_container(&fresh).await.unwrap();
    })
    .await;
}
