//! The calls: which exist, and the way each goes from input to answer.

mod change;
mod create;
mod read;
mod tag;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use serde_json::{Value, json};

pub(super) use self::change::automatic_deployments;
use super::{
    App, AppRunner,
    driver::Job,
    journal::Journal,
    machine::Basis,
    model,
    options::Disputed,
    record::{Operation, Service, UnderWay},
    refusal, render,
    shape::{self, Shape},
    states::Call,
    word::{OperationKind, ServiceStatus},
};
use crate::{answer::ApiError, caller::Caller};

/// Answers a call.
pub(super) async fn call(
    runner: &Arc<AppRunner>,
    caller: &Caller,
    action: &str,
    input: Value,
) -> Result<Value, ApiError> {
    let input = shape::check(shape_of(action)?, input)?;
    let app = runner.app.as_ref();
    let begun = match action {
        "CreateService" => create::create_service(app, caller, input).await?,
        "UpdateService" => change::update_service(app, caller, &input)?,
        "StartDeployment" => change::start_deployment(app, caller, &input)?,
        "PauseService" => change::change(app, caller, &input, Call::Pause, OperationKind::PauseService)?,
        "ResumeService" => change::change(app, caller, &input, Call::Resume, OperationKind::ResumeService)?,
        "DeleteService" => change::change(app, caller, &input, Call::Delete, OperationKind::DeleteService)?,
        "DescribeService" => return read::describe_service(app, caller, &input),
        "ListServices" => return read::list_services(app, caller, &input),
        "ListOperations" => return read::list_operations(app, caller, &input),
        "DescribeAutoScalingConfiguration" => return read::describe_auto_scaling(app, caller, &input),
        "DescribeCustomDomains" => return read::describe_custom_domains(app, caller, &input),
        "TagResource" => return tag::tag_resource(app, caller, &input),
        "UntagResource" => return tag::untag_resource(app, caller, &input),
        "ListTagsForResource" => return tag::list_tags(app, caller, &input),
        other => return Err(refusal::unknown_operation(other)),
    };
    if let Some(job) = begun.job {
        runner.begin(job);
    }
    Ok(begun.answer)
}

fn shape_of(action: &str) -> Result<&'static Shape, ApiError> {
    Ok(match action {
        "CreateService" => &model::CREATE_SERVICE,
        "UpdateService" => &model::UPDATE_SERVICE,
        "StartDeployment" | "PauseService" | "ResumeService" | "DeleteService" | "DescribeService" => {
            &model::SERVICE_ONLY
        }
        "ListServices" => &model::LIST_SERVICES,
        "ListOperations" => &model::LIST_OPERATIONS,
        "DescribeAutoScalingConfiguration" => &model::DESCRIBE_AUTO_SCALING,
        "DescribeCustomDomains" => &model::DESCRIBE_CUSTOM_DOMAINS,
        "TagResource" => &model::TAG_RESOURCE,
        "UntagResource" => &model::UNTAG_RESOURCE,
        "ListTagsForResource" => &model::LIST_TAGS,
        other if model::UNSUPPORTED.contains(&other) => return Err(refusal::unsupported(other)),
        other => return Err(refusal::unknown_operation(other)),
    })
}

/// What a call that changes a service comes to: an answer, and the operation to be carried out, if any.
struct Begun {
    answer: Value,
    job: Option<Job>,
}

/// Writes a new operation into its service, which must have admitted it, and gives what the driver needs.
/// `previous` is the configuration a rollback returns to.
fn accept(app: &App, service: &mut Service, kind: OperationKind, previous: super::config::Configuration) -> Job {
    let script = app.scripts.take(&service.account, &service.name, kind);
    let mut operation = Operation::accepted(app.ids.uuid(), kind);
    operation.unlisted = script.unlisted_reads;
    let (now, consistency) = (Instant::now(), app.options.consistency);
    operation.listed_from = Some(now + consistency.late_operations);
    service.stale_until = Some((service.shown_status(), now + consistency.stale_status));
    if !script.stuck {
        operation.released.cancel();
    }
    service.stale = (script.stale_reads > 0).then_some((service.status, script.stale_reads));
    let basis = Basis { kind, serving: service.blue.is_some(), before: service.status };
    let job = Job {
        arn: service.arn.clone(),
        operation: operation.id.clone(),
        basis,
        previous,
        script,
        released: operation.released.clone(),
        journal: journal(app, service),
    };
    let previous = job.previous.clone();
    service.under_way = Some(UnderWay { operation: job.operation.clone(), basis, previous });
    service.status = ServiceStatus::OperationInProgress;
    service.updated = operation.started;
    service.operations.push(operation);
    job
}

pub(super) fn journal(app: &App, service: &Service) -> Journal {
    let sink = Arc::clone(&app.logs);
    Journal::new(sink, service.account.clone(), service.region.clone(), &service.name, &service.id)
}

/// The answer most changes give: the service as it is now, and the operation.
fn service_and_operation(service: &Service, job: &Job) -> Value {
    json!({ "Service": render::service(service), "OperationId": job.operation })
}

/// A text member of a checked input.
fn text<'a>(input: &'a Value, name: &str) -> &'a str {
    input.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Does something with a service of the caller's account and region.
fn with_service<T>(
    app: &App,
    caller: &Caller,
    arn: &str,
    act: impl FnOnce(&mut Service) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let found = app.book.with_service(arn, |service| {
        // Another account's service does not exist, as far as the caller can tell.
        let own = service.account == caller.account && service.region == caller.region;
        own.then(|| act(service))
    });
    found.flatten().unwrap_or_else(|| Err(refusal::not_found(arn)))
}

/// The rules that hold now: one of them can be changed while the sandbox runs.
fn disputed(app: &App) -> Disputed {
    let create_failed_is_final = app.create_failed_is_final.load(Ordering::Relaxed);
    Disputed { create_failed_is_final, ..app.options.disputed }
}
