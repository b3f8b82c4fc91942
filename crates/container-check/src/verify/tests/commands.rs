//! What a container is told to run, and images that cannot run at all.

use crate::verify::{
    Finding, VerifyError, VerifyImage,
    tests::bench::{Bench, settings, with_bench},
};
use shipgate_core::event::Event;

#[tokio::test]
async fn the_start_command_is_given_in_words() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[]);
        settings.start_command = Some("'--no such option'".to_owned());
        let verification = bench.verify(&settings).await.unwrap();
        assert!(!verification.healthy);
        assert!(verification.last_lines.join(" ").contains("no such option"), "{verification:?}");
        settings.start_command = Some("a 'b".to_owned());
        assert!(matches!(bench.verify(&settings).await, Err(VerifyError::StartCommand { .. })));
    })
    .await;
}

#[tokio::test]
async fn a_command_that_is_not_in_the_image_is_the_images_fault() {
    with_bench(async |bench: &Bench| {
        let image = bench.load("missing", &["/nowhere"], "amd64").await;
        let verification = bench.verify_image(VerifyImage::Present(image), &settings(&[])).await.unwrap();
        assert!(!verification.healthy);
        assert_eq!(verification.reason, "it could not be started: the command is not in the image");
        assert_eq!(verification.finding, Some(Finding::CommandNotFound));
        assert!(verification.evidence[0].contains("/nowhere"), "{verification:?}");
    })
    .await;
}

#[tokio::test]
async fn an_image_for_another_platform_is_unhealthy_before_it_runs() {
    with_bench(async |bench: &Bench| {
        let image = bench.load("arm", &["/shipgate"], "arm64").await;
        let verification = bench.verify_image(VerifyImage::Present(image), &settings(&[])).await.unwrap();
        assert!(!verification.healthy);
        assert_eq!(verification.reason, "it is for linux/arm64, and App Runner runs linux/amd64 only");
        let events = bench.events();
        assert!(!events.iter().any(|event| matches!(event, Event::ContainerStarted { .. })), "{events:?}");
        let told = |event: &Event| matches!(event, Event::Verified { healthy: false, finding: Some(finding), .. } if finding.name == "wrong-architecture");
        assert_eq!(events.iter().filter(|event| told(event)).count(), 1, "{events:?}");
        let none = VerifyImage::Present("shipgate-test/none:at-all".to_owned());
        assert!(matches!(bench.verify_image(none, &settings(&[])).await, Err(VerifyError::Engine(_))));
    })
    .await;
}

#[tokio::test]
async fn a_start_command_that_is_no_program_is_told_as_what_it_is() {
    with_bench(async |bench: &Bench| {
        let cases: [(&str, &str, &[u8], u32); 3] = [
            ("script", "interpreter-not-found", b"#!/no/such/interpreter\n", 0o755),
            ("plain", "not-executable", b"#!/shipgate\n", 0o644),
            ("arm", "wrong-architecture", ARM_PROGRAM, 0o755),
        ];
        for (name, finding, content, mode) in cases {
            let image = bench.load_file(name, content, mode).await;
            let verification = bench.verify_image(VerifyImage::Present(image), &settings(&[])).await.unwrap();
            assert!(!verification.healthy, "{verification:?}");
            assert_eq!(verification.finding.as_ref().map(Finding::name), Some(finding), "{verification:?}");
            assert!(!verification.evidence.is_empty(), "{verification:?}");
        }
    })
    .await;
}

/// The head of a program for ARM (ELF-64, little end first, `EM_AARCH64`): the kernel reads no further.
const ARM_PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0\x01\0\0\0\0\0\0\0";

#[tokio::test]
async fn the_host_name_is_the_containers_and_the_port_is_given() {
    with_bench(async |bench: &Bench| {
        let mut settings = settings(&[("DEMO_FAIL", "print-environment")]);
        settings.port = 3000;
        let verification = bench.verify(&settings).await.unwrap();
        let said = |line: &str| verification.last_lines.iter().any(|said| said == line);
        // The values that were given are masked; a container's name for itself was not given.
        let host = verification.last_lines.iter().find_map(|line| line.strip_prefix("HOSTNAME=")).unwrap();
        assert!(said("PORT=…") && !said("PORT="), "{verification:?}");
        let events = bench.events();
        let id = events.iter().find_map(|event| {
            if let Event::ContainerStarted { container, .. } = event { Some(container) } else { None }
        });
        // It may have ended before its address was known: then nothing is said of where it is.
        assert!(host.len() == 12 && id.is_none_or(|id| id.starts_with(host)), "{host}");
    })
    .await;
}
