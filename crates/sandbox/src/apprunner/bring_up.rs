//! Brings a green up: fetches its image, starts it, checks it. Nothing of blue is touched here.

use std::sync::Arc;

use super::{
    command, disk,
    driver::Run,
    engine::ContainerSpec,
    failure::Failure,
    health,
    instance::Instance,
    journal,
    source::{ImageRequest, SecretRequest},
    word::OperationKind,
};
use crate::ecr::store::StoredImage;
use shipgate_core::digest::Digest;

/// What a container's first process ends with when the kernel cannot run the program (as container runtimes have it).
const EXEC_FORMAT_ERROR: i64 = 255;

/// Whether the image says that it is for the only platform there is. What says nothing is taken at its word.
fn runs_on_linux_amd64(config: &[u8]) -> bool {
    let config: serde_json::Value = serde_json::from_slice(config).unwrap_or_default();
    let says = |name: &str, wanted: &str| config[name].as_str().is_none_or(|said| said == wanted);
    says("os", "linux") && says("architecture", "amd64")
}

impl Run<'_> {
    pub(super) fn pull(&mut self) -> Result<(), Failure> {
        let deployed = || self.app.book.with_service(&self.job.arn, |service| service.deployed.clone()).flatten();
        // A resumed service runs what it ran, whatever its tag points at by now.
        let kept = if self.job.basis.kind == OperationKind::ResumeService { deployed() } else { None };
        if self.app.options.scripted {
            // What would run is noted where it can be known; nothing depends on it.
            let known = || self.app.images.known(&self.spec.identifier).map(Arc::new);
            self.image = kept.or_else(|| known().ok());
            return Ok(());
        }
        let image = match kept {
            Some(image) => image,
            None => Arc::new(self.pulled().map_err(Failure::Pull)?),
        };
        self.image = Some(image);
        self.say(journal::PULLED);
        Ok(())
    }

    fn pulled(&self) -> Result<StoredImage, String> {
        let region = self.app.book.with_service(&self.job.arn, |service| service.region.clone());
        let region = region.ok_or("the service is gone")?;
        let role = self.spec.access_role.as_deref();
        self.app.images.image(ImageRequest { identifier: &self.spec.identifier, region: &region, role })
    }

    pub(super) async fn start(&mut self) -> Result<(), Failure> {
        self.say(journal::PROVISIONING);
        let green = match self.image.clone() {
            Some(image) if !self.app.options.scripted => self.start_container(&image).await?,
            _ => self.scripted(),
        };
        self.keep_green(&green)
    }

    /// Nothing that runs, under the name of what would.
    pub(super) fn scripted(&self) -> Arc<Instance> {
        let known = self.image.as_ref().map(|image| image.digest.to_string());
        Arc::new(Instance::scripted(known.unwrap_or_else(|| self.spec.identifier.clone())))
    }

    pub(super) async fn start_container(&self, image: &StoredImage) -> Result<Arc<Instance>, Failure> {
        let engine = &self.app.engine;
        if !runs_on_linux_amd64(&image.config) {
            return Err(Failure::Exited(EXEC_FORMAT_ERROR));
        }
        self.fits_the_disk(image).await?;
        let environment = self.environment()?;
        let digest = image.digest.to_string();
        let image = self.unless_shutting_down(engine.load(image)).await??;
        // One operation starts one instance, and ids must not depend on which of two operations is faster.
        let instance = Digest::of(self.job.operation.as_bytes()).hex()[..32].to_owned();
        let container = engine
            .create(ContainerSpec {
                instance: instance.clone(),
                image,
                environment,
                command: self.spec.start_command.as_deref().map(command::words),
                memory_mib: self.spec.memory_mib,
            })
            .await?;
        match engine.start(&container, self.spec.port).await {
            Ok(address) => {
                let journal = self.job.journal.clone();
                Ok(Arc::new(Instance::in_container(engine, digest, container, address, journal, instance)))
            }
            Err(error) => {
                engine.remove(&container).await?;
                Err(error.into())
            }
        }
    }

    async fn fits_the_disk(&self, image: &StoredImage) -> Result<(), Failure> {
        let image = image.clone();
        let counted = tokio::task::spawn_blocking(move || disk::holds(&image)).await;
        match counted.map_err(std::io::Error::other).flatten() {
            Ok(true) => Ok(()),
            Ok(false) => Err(Failure::Pull("no space left on device".to_owned())),
            Err(error) => Err(Failure::Pull(error.to_string())),
        }
    }

    /// Name=value pairs; `PORT` unless the service sets it: whether App Runner's would win over that is not documented,
    /// and a check must not pass because it does.
    fn environment(&self) -> Result<Vec<String>, Failure> {
        let mut pairs: Vec<String> =
            self.spec.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for (name, arn) in &self.spec.secrets {
            let value = self.secret(arn).map_err(|reason| Failure::Secret { name: name.clone(), reason })?;
            pairs.push(format!("{name}={value}"));
        }
        if !self.spec.variables.contains_key("PORT") && !self.spec.secrets.contains_key("PORT") {
            pairs.push(format!("PORT={}", self.spec.port));
        }
        Ok(pairs)
    }

    fn secret(&self, source: &str) -> Result<String, String> {
        let place =
            self.app.book.with_service(&self.job.arn, |service| (service.account.clone(), service.region.clone()));
        let (account, region) = place.ok_or("the service is gone")?;
        let role = self.spec.instance_role.as_deref();
        self.app.secrets.read(SecretRequest { account: &account, region: &region, role, source })
    }

    fn keep_green(&mut self, green: &Arc<Instance>) -> Result<(), Failure> {
        self.green = Some(Arc::clone(green));
        let kept = self.app.book.with_service(&self.job.arn, |service| service.green = Some(Arc::clone(green)));
        kept.ok_or(Failure::Gone)
    }

    pub(super) async fn check(&self) -> Result<(), Failure> {
        self.say(&journal::checking(&self.spec.health, self.spec.port));
        self.probe().await?;
        self.say(journal::HEALTHY);
        Ok(())
    }

    /// Probes green, if anything runs, until it is healthy or not.
    pub(super) async fn probe(&self) -> Result<(), Failure> {
        if let Some((container, address)) = self.green.as_ref().and_then(|green| green.probed()) {
            let client = self.app.client.as_ref().map_err(|_| Failure::Gone)?;
            let scale = self.app.options.time_scale;
            let probes = async {
                match address {
                    Some(address) => health::wait_for_finding(client, &self.spec.health, address, scale).await,
                    None => std::future::pending().await,
                }
            };
            let healthy = tokio::select! {
                healthy = probes => healthy,
                code = self.app.engine.wait_for_exit(container) => return Err(Failure::Exited(code?)),
                () = self.app.stopping.cancelled() => return Err(Failure::ShuttingDown),
            };
            // It may have ended between two probes: that says more than that nobody answered, and whoever answered
            // at its address may have been another container by then.
            if let Some(exit_code) = self.app.engine.exit_code(container).await? {
                return Err(Failure::Exited(exit_code));
            }
            if !healthy {
                return Err(Failure::Unhealthy);
            }
        }
        Ok(())
    }
}
