//! Services after a restart: operations that were under way are ended, and what ran is brought up again, without an
//! operation and at its old URL if that is still free.

use std::{net::SocketAddr, sync::Arc};

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use super::{
    App, AppRunner, calls,
    driver::{Job, Run},
    failure::Failure,
    journal,
    machine::{self, Basis, Ending, Phase},
    proxy::{Proxy, Route},
    record::Service,
    script::Script,
    word::{OperationKind, ServiceStatus},
};
use crate::{SandboxError, ecr::store::StoredImage, state::Keeper};

/// How many services are brought up at a time.
const AT_ONCE: usize = 8;

/// What the log of a deployment says of its end.
const INTERRUPTED: &str = "The sandbox ended while the operation was under way.";

impl AppRunner {
    /// Sweeps what killed sandboxes have left, beside everything else. Without an engine there is nothing to sweep.
    pub(crate) fn sweep(&self) {
        if self.app.options.scripted {
            return;
        }
        let app = Arc::clone(&self.app);
        self.spawn(async move {
            tokio::select! {
                // What cannot be swept now is swept before the first deployment, which then tells why it could not.
                _ = app.engine.sweep_leftovers() => {}
                () = app.stopping.cancelled() => {}
            }
        });
    }

    /// The services that were kept. Those that were running serve again when this returns; one that cannot be brought
    /// up is RUNNING still, answers 503, and says why in its log.
    pub(crate) async fn restore(&self, keeper: &Keeper) -> Result<(), SandboxError> {
        let mut services: Vec<Service> = keeper.read_all("services")?.into_iter().map(|(_, service)| service).collect();
        services.sort_by(|a: &Service, b: &Service| (a.created, &a.arn).cmp(&(b.created, &b.arn)));
        for service in &mut services {
            put_right(&self.app, service).await;
        }
        let running: Vec<String> = services
            .iter()
            .filter(|service| service.status == ServiceStatus::Running)
            .map(|service| service.arn.clone())
            .collect();
        self.app.book.with(|book| *book = services);
        let all = stream::iter(running).map(|arn| bring_back(&self.app, arn));
        all.buffer_unordered(AT_ONCE).collect::<()>().await;
        Ok(())
    }
}

/// Ends what was under way, and opens the URL.
async fn put_right(app: &App, service: &mut Service) {
    if let Some(image) = &mut service.deployed {
        find_layers(app, image);
    }
    end_operation(app, service);
    if service.status == ServiceStatus::OperationInProgress {
        // A maintenance is over with the process that made it up.
        service.status = ServiceStatus::Running;
    }
    if service.status == ServiceStatus::Deleted {
        return;
    }
    let route = if service.status == ServiceStatus::Paused { Route::Paused } else { Route::Nowhere };
    let Ok(client) = app.client.as_ref() else { return };
    let wanted: Option<SocketAddr> = service.url.parse().ok();
    match Proxy::open(client.clone(), route, wanted).await {
        Ok(proxy) => {
            service.url = proxy.url();
            service.proxy = Some(Arc::new(proxy));
        }
        Err(error) => calls::journal(app, service).event(&format!("The service's URL can't be opened: {error}")),
    }
}

fn find_layers(app: &App, image: &mut Arc<StoredImage>) {
    let mut found = StoredImage::clone(image);
    found.layers.iter_mut().for_each(|layer| layer.path = app.images.layer(&layer.digest));
    *image = Arc::new(found);
}

fn end_operation(app: &App, service: &mut Service) {
    let Some(under_way) = service.under_way.clone() else { return };
    let operation = service.operations.iter().find(|operation| operation.id == under_way.operation);
    let phase = operation.and_then(|operation| operation.phases.last()).map_or(Phase::Pending, |(phase, _)| *phase);
    service.under_way = None;
    let Some(step) = machine::interrupted(phase, under_way.basis) else { return };
    let log = calls::journal(app, service);
    if step.phase != Phase::Ended(Ending::Succeeded) && !under_way.basis.kind.only_stops() {
        log.deployment(&under_way.operation, &journal::failed(&under_way.operation, INTERRUPTED));
    }
    service.record(&under_way.operation, step, under_way.basis, &under_way.previous, Timestamp::now());
    log.event(&journal::status_set(step.service));
}

/// Brings up what a running service ran.
async fn bring_back(app: &App, arn: String) {
    let Some((job, image)) = app.book.with_service(&arn, |service| (job(app, service), service.deployed.clone()))
    else {
        return;
    };
    let spec = app.book.with_service(&arn, |service| service.configuration.run_spec()).unwrap_or_default();
    let mut run = Run { app, job: &job, spec, image, green: None };
    if let Err(failure) = bring_up(&mut run).await {
        let (line, reason) = failure.lines(&run.spec);
        let why = line.unwrap_or(reason);
        job.journal.event(&format!("The service could not be brought up again after a restart. {why}"));
        if let Some(green) = run.green.take() {
            // What is left of it is removed with everything else when the sandbox ends.
            drop(green.retire(&app.engine, std::time::Duration::ZERO, std::time::Duration::ZERO).await);
        }
    }
}

/// What a deployment needs, for one that is none.
fn job(app: &App, service: &Service) -> Job {
    let released = tokio_util::sync::CancellationToken::new();
    released.cancel();
    Job {
        arn: service.arn.clone(),
        // Never listed: it only gives the instance its id.
        operation: app.ids.uuid(),
        basis: Basis { kind: OperationKind::StartDeployment, serving: false, before: service.status },
        previous: service.configuration.clone(),
        script: Script::default(),
        released,
        journal: calls::journal(app, service),
    }
}

async fn bring_up(run: &mut Run<'_>) -> Result<(), Failure> {
    let instance = match run.image.clone() {
        _ if run.app.options.scripted => run.scripted(),
        Some(image) => run.start_container(&image).await?,
        None => return Err(Failure::Gone),
    };
    run.green = Some(Arc::clone(&instance));
    run.probe().await?;
    run.app.book.with_service(&run.job.arn, |service| {
        if let Some(proxy) = &service.proxy {
            proxy.traffic().switch(instance.route());
        }
        service.blue = Some(instance);
    });
    Ok(())
}
