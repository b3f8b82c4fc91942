//! `status`: how a service stands: what it deploys from, what is on record as deployed, what ran, and where it has drifted. It
//! reads and changes nothing.

use super::{
    deploy::Run,
    failure::{Deployed, Failure},
    plan,
};
use crate::{
    config::deployment::Target,
    stages::promote::{self, Place},
    target::{DeployTarget as _, apprunner::AppRunner},
};
use shipgate_aws::logs::Logs;
use shipgate_core::{
    digest::Digest,
    event::Event,
    image::{EcrHost, ImageReference},
    release::{self, AttemptEnd, OperationKind, PastOperation, note_tag},
    service::LiveService,
    status::{GroupFacts, Knowledge, OnRecord, RanOperation, StatusReport, Wanted, drift},
};
use shipgate_registry::Registry;

/// Where it is looked.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The service's account.
    pub target: &'a AppRunner,
    /// Its log groups.
    pub logs: &'a Logs,
    /// Its registry.
    pub registry: &'a Registry,
}

/// Tells how the service stands.
///
/// # Errors
/// [`Failure::NoService`] when there is none, [`Failure::Service`] when it or its operations cannot be looked at. What else
/// cannot be read is told as not known.
pub async fn status(run: &Run, sources: Sources<'_>, wanted: &Target) -> Result<Deployed, Failure> {
    let report = tokio::select! {
        () = run.narrator.cancellation.token().cancelled() => {
            return Err(Failure::stopped(run.narrator.cancellation.signal()));
        }
        report = look(run, sources, wanted) => report?,
    };
    let differs = match report.drift.len() {
        0 => String::new(),
        1 => ", with 1 drift".to_owned(),
        count => format!(", with {count} drifts"),
    };
    let summary = format!("{} is {}{differs}", report.service, report.status);
    let service_url = Some(report.service_url.clone()).filter(|url| !url.is_empty());
    let digest = report.deployed.as_ref().map(|deployed| deployed.digest.clone());
    run.events().emit(Event::Status(Box::new(report)));
    Ok(Deployed { digest, service_url, summary })
}

async fn look(run: &Run, sources: Sources<'_>, wanted: &Target) -> Result<StatusReport, Failure> {
    let service = wanted.service.as_str();
    let unseen = |source| Failure::Service { service: service.to_owned(), source };
    let live = sources.target.service(service).await.map_err(unseen)?;
    let live = live.ok_or_else(|| Failure::NoService { service: service.to_owned() })?;
    let (operations, log_groups) = tokio::join!(sources.target.history(&live.arn), groups(run, sources.logs, &live));
    let operations = operations.map_err(unseen)?;
    let image = own_image(&live);
    let (points_at, deployed) = match &image {
        None => (None, None),
        Some(image) => {
            (points_at(run, sources, image).await, on_record(run, sources, service, image, &operations).await)
        }
    };
    let mut report = StatusReport {
        service: service.to_owned(),
        service_arn: live.arn.to_string(),
        status: live.status.clone(),
        service_url: live.address(),
        image_identifier: live.image_identifier.clone(),
        points_at,
        deployed,
        auto_deployments: live.auto_deployments,
        operations,
        log_groups,
        drift: Vec::new(),
    };
    report.drift = drift(
        &report,
        Wanted {
            repository: wanted.repository.as_deref(),
            tag: wanted.tag.as_deref(),
            log_retention_days: wanted.log_retention_days,
        },
    );
    // The tag was left at an image that failed: then it can be pointed back without a deployment.
    let past: Vec<PastOperation> = report.operations.iter().map(past).collect();
    let has_failed = release::attempt(service, &past).is_some_and(|(_, end, _)| end != AttemptEnd::Running);
    let serving = report.deployed.as_ref().filter(|_| has_failed).map(|deployed| &deployed.digest);
    let restore = serving.map(|digest| run.progress.rollback_line(digest));
    report.drift.iter_mut().filter(|drift| drift.kind == "tag").for_each(|drift| drift.command.clone_from(&restore));
    Ok(report)
}

/// The image that the service deploys, where it is in the registry of its own account and region.
fn own_image(live: &LiveService) -> Option<ImageReference> {
    let image: ImageReference = live.image_identifier.as_deref()?.parse().ok()?;
    (image.host() == EcrHost::host_of(live.arn.account(), live.arn.region())).then_some(image)
}

async fn points_at(run: &Run, sources: Sources<'_>, image: &ImageReference) -> Option<Digest> {
    match image.digest() {
        Some(digest) => Some(digest.clone()),
        None => tagged(run, sources, image, image.tag().unwrap_or("latest")).await,
    }
}

/// What a tag of the image's repository points at; nothing, with a warning, where that cannot be read.
async fn tagged(run: &Run, sources: Sources<'_>, image: &ImageReference, tag: &str) -> Option<Digest> {
    let place = Place { registry: sources.registry, repository: image.repository(), tag };
    promote::points_at(place).await.unwrap_or_else(|error| {
        run.events().emit(Event::Warning { message: format!("cannot see where tag {tag} points: {error}") });
        None
    })
}

/// What the operation whose version serves has deployed: as the identifier says, else the record, else the note.
async fn on_record(
    run: &Run,
    sources: Sources<'_>,
    service: &str,
    image: &ImageReference,
    operations: &[RanOperation],
) -> Option<OnRecord> {
    let past: Vec<PastOperation> = operations.iter().map(past).collect();
    let (operation, record) = plan::serving(service, &past)?;
    let known = |digest, known_from| OnRecord { digest, operation: Some(operation.id.clone()), known_from };
    if let Some(digest) = image.digest() {
        return Some(known(digest.clone(), Knowledge::Identifier));
    }
    if let Some(digest) = tagged(run, sources, image, &record).await {
        return Some(known(digest, Knowledge::Record));
    }
    let noted = tagged(run, sources, image, &note_tag(service, &operation.id)).await;
    noted.map(|digest| known(digest, Knowledge::Note))
}

fn past(ran: &RanOperation) -> PastOperation {
    let kind = match ran.kind.as_str() {
        "CREATE_SERVICE" => OperationKind::CreateService,
        "START_DEPLOYMENT" => OperationKind::StartDeployment,
        "UPDATE_SERVICE" => OperationKind::UpdateService,
        "RESUME_SERVICE" => OperationKind::ResumeService,
        "DELETE_SERVICE" => OperationKind::DeleteService,
        _ => OperationKind::Other,
    };
    PastOperation { id: ran.operation.clone(), kind, status: ran.status.clone(), started_at: ran.began }
}

async fn groups(run: &Run, logs: &Logs, live: &LiveService) -> Vec<GroupFacts> {
    let mut facts = Vec::new();
    for name in [live.arn.service_log_group(), live.arn.application_log_group()] {
        let (exists, retention_days) = match logs.group(&name).await {
            Ok(Some(group)) => (Some(true), group.retention_days),
            Ok(None) => (Some(false), None),
            Err(fault) => {
                run.events().emit(Event::Warning { message: format!("cannot look at log group {name}: {fault}") });
                (None, None)
            }
        };
        facts.push(GroupFacts { name, exists, retention_days });
    }
    facts
}
