//! What every test here stands on: the engine, an image with the demonstration's application, and the assertion that
//! nothing of the run is left.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use futures_util::FutureExt as _;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    docker::{DockerEnvironment, Engine},
    packing::{PackedImage, SelfLayer},
    verify::{Verification, VerifyError, VerifyImage, VerifyRequest, verify},
};
use shipgate_core::{
    digest::Digest,
    event::{Emitter, Event},
    health::{HealthCheck, Protocol},
    reach::ReachChoice,
    secret::Secret,
    service::RunSettings,
};

/// This test executable, which is the application when it runs the one test that serves.
const APPLICATION: &[&str] =
    &["/shipgate", "demo::app::tests::the_application_in_a_test_image", "--exact", "--ignored", "--nocapture"];

static LAYER: LazyLock<SelfLayer> = LazyLock::new(|| SelfLayer::of_this_executable().unwrap());

/// The settings of a service with this environment, probed every second over HTTP, and patient.
pub(super) fn settings(environment: &[(&str, &str)]) -> RunSettings {
    let secret = |(name, value): &(&str, &str)| ((*name).to_owned(), Secret::new(*value));
    RunSettings {
        environment: environment.iter().map(secret).collect::<BTreeMap<_, _>>(),
        health_check: HealthCheck {
            protocol: Protocol::Http,
            interval_seconds: 1,
            timeout_seconds: 1,
            unhealthy_threshold: 20,
            ..HealthCheck::default()
        },
        memory_mib: 512,
        ..RunSettings::default()
    }
}

pub(super) struct Bench {
    engine: Engine,
    run_id: String,
    events: Arc<Mutex<Vec<Event>>>,
    images: Mutex<Vec<String>>,
}

/// Runs the test, then removes its images, then asserts that nothing of it is left; also when it failed.
pub(super) async fn with_bench(test: impl AsyncFnOnce(&Bench)) {
    let engine = Engine::connect(&DockerEnvironment::default()).await.unwrap();
    let run_id = format!("test-{}-{:016x}", std::process::id(), fastrand::u64(..));
    let bench = Bench { engine, run_id, events: Arc::default(), images: Mutex::default() };
    let result = AssertUnwindSafe(async {
        bench.load("app", APPLICATION, "amd64").await;
        test(&bench).await;
    })
    .catch_unwind()
    .await;
    let left = bench.engine.everything_of_run(&bench.run_id).await.unwrap();
    for container in bench.engine.containers_of_run(&bench.run_id).await.unwrap() {
        bench.engine.remove_container(&container).await.unwrap();
    }
    let images = std::mem::take(&mut *bench.images.lock().unwrap());
    for image in images {
        bench.engine.remove_image(&image).await.unwrap();
    }
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    assert!(left.is_empty(), "something of the run is left: {left:?}");
}

impl Bench {
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn run_id(&self) -> &str {
        &self.run_id
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// The image with the application, as the engine has it.
    pub(super) fn image(&self) -> VerifyImage {
        VerifyImage::Present(self.images.lock().unwrap()[0].clone())
    }

    /// The image with the application, for a registry.
    pub(super) fn packed(&self) -> PackedImage {
        self.pack(APPLICATION, "amd64")
    }

    /// Loads an image of the test executable and gives its name.
    pub(super) async fn load(&self, tag: &str, entrypoint: &[&str], architecture: &str) -> String {
        let name = format!("shipgate-test/{}:{tag}", self.run_id);
        self.images.lock().unwrap().push(name.clone());
        let archive = self.pack(entrypoint, architecture).docker_archive(&name).unwrap();
        let loaded = self.engine.load_image(futures_util::stream::iter([Ok(archive)])).await.unwrap();
        assert_eq!(loaded, name);
        name
    }

    /// Loads an image of one file, which it runs, and gives its name.
    pub(super) async fn load_file(&self, tag: &str, content: &[u8], mode: u32) -> String {
        let name = format!("shipgate-test/{}:{tag}", self.run_id);
        self.images.lock().unwrap().push(name.clone());
        let layer = tar_of(&[("program", content, mode)]);
        let config = json!({
            "architecture": "amd64", "os": "linux",
            "config": { "Entrypoint": ["/program"], "Env": [format!("SHIPGATE_TEST={}", self.run_id)] },
            "rootfs": { "type": "layers", "diff_ids": [Digest::of(&layer).as_str()] },
        });
        let list = json!([{ "Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"] }]);
        let archive = tar_of(&[
            ("config.json", config.to_string().as_bytes(), 0o644),
            ("layer.tar", &layer, 0o644),
            ("manifest.json", list.to_string().as_bytes(), 0o644),
        ]);
        let loaded = self.engine.load_image(futures_util::stream::iter([Ok(archive.into())])).await.unwrap();
        assert_eq!(loaded, name);
        name
    }

    /// An image of this test's own: the run id in its environment keeps the engine from taking two tests' for one.
    fn pack(&self, entrypoint: &[&str], architecture: &str) -> PackedImage {
        LAYER.image_that_runs(entrypoint, &[("SHIPGATE_TEST", &self.run_id)], architecture)
    }

    pub(super) async fn verify(&self, settings: &RunSettings) -> Result<Verification, VerifyError> {
        self.verify_image(self.image(), settings).await
    }

    pub(super) async fn verify_image(
        &self,
        image: VerifyImage,
        settings: &RunSettings,
    ) -> Result<Verification, VerifyError> {
        let heard = Arc::clone(&self.events);
        let events = Emitter::new(move |event| heard.lock().unwrap().push(event));
        self.verify_with(image, settings, &events, &CancellationToken::new()).await
    }

    pub(super) async fn verify_with(
        &self,
        image: VerifyImage,
        settings: &RunSettings,
        events: &Emitter,
        cancel: &CancellationToken,
    ) -> Result<Verification, VerifyError> {
        verify(&self.engine, self.request(image, settings, Duration::ZERO), events, cancel).await
    }

    /// The same, watched on for this long once it is healthy.
    pub(super) async fn verify_staying(
        &self,
        settings: &RunSettings,
        stay: Duration,
    ) -> Result<Verification, VerifyError> {
        let request = self.request(self.image(), settings, stay);
        verify(&self.engine, request, &Emitter::silent(), &CancellationToken::new()).await
    }

    pub(super) fn request<'a>(
        &'a self,
        image: VerifyImage,
        settings: &'a RunSettings,
        stay: Duration,
    ) -> VerifyRequest<'a> {
        VerifyRequest {
            image,
            source: None,
            settings,
            run_id: &self.run_id,
            stay,
            keep: false,
            compressed_bytes: None,
            reach: &ReachChoice::Auto,
            sidecar: None,
        }
    }
}

fn tar_of(files: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(*mode);
        builder.append_data(&mut header, path, *content).unwrap();
    }
    builder.into_inner().unwrap()
}
