//! The calls that change a service by an operation: Update, StartDeployment, Pause, Resume, Delete; and the
//! deployments a push starts.

use serde_json::{Value, json};

use super::{Begun, accept, disputed, service_and_operation, text, with_service};
use crate::{
    answer::ApiError,
    apprunner::{
        App,
        driver::Job,
        render,
        states::{Admission, Call, admit},
        word::{OperationKind, ServiceStatus},
    },
    caller::Caller,
};
use shipgate_core::account::{AccountId, Region};

pub(super) fn update_service(app: &App, caller: &Caller, input: &Value) -> Result<Begun, ApiError> {
    with_service(app, caller, text(input, "ServiceArn"), |service| {
        admit(Call::Update, service.status, disputed(app))?;
        let updated = service.configuration.updated(input.clone(), &caller.account, &caller.region)?;
        let unchanged = updated == service.configuration && service.status == ServiceStatus::Running;
        if unchanged && app.options.disputed.unchanged_update_is_no_operation {
            return Ok(Begun { answer: json!({ "Service": render::service(service) }), job: None });
        }
        let previous = std::mem::replace(&mut service.configuration, updated);
        let job = accept(app, service, OperationKind::UpdateService, previous);
        Ok(Begun { answer: service_and_operation(service, &job), job: Some(job) })
    })
}

pub(super) fn start_deployment(app: &App, caller: &Caller, input: &Value) -> Result<Begun, ApiError> {
    with_service(app, caller, text(input, "ServiceArn"), |service| {
        admit(Call::StartDeployment, service.status, disputed(app))?;
        let previous = service.configuration.clone();
        let job = accept(app, service, OperationKind::StartDeployment, previous);
        Ok(Begun { answer: json!({ "OperationId": job.operation }), job: Some(job) })
    })
}

/// Pause, Resume and Delete: they name a service and nothing else.
pub(super) fn change(
    app: &App,
    caller: &Caller,
    input: &Value,
    call: Call,
    kind: OperationKind,
) -> Result<Begun, ApiError> {
    with_service(app, caller, text(input, "ServiceArn"), |service| {
        if admit(call, service.status, disputed(app))? == Admission::NothingToDo {
            return Ok(Begun { answer: json!({ "Service": render::service(service) }), job: None });
        }
        let previous = service.configuration.clone();
        let job = accept(app, service, kind, previous);
        Ok(Begun { answer: service_and_operation(service, &job), job: Some(job) })
    })
}

/// Accepts a deployment for every running service that follows this tag with AutoDeploymentsEnabled. A service that
/// is busy misses the push.
pub(in super::super) fn automatic_deployments(
    app: &App,
    account: &AccountId,
    region: &Region,
    repository: &str,
    tag: &str,
) -> Vec<Job> {
    let pushed = format!("{account}.dkr.ecr.{region}.amazonaws.com/{repository}");
    let follows = |identifier: &str| match identifier.strip_prefix(&pushed) {
        Some("") => tag == "latest",
        Some(rest) => rest.strip_prefix(':') == Some(tag),
        None => false,
    };
    app.book.with(|services| {
        services
            .iter_mut()
            .filter(|service| service.account == *account && service.region == *region)
            .filter(|service| service.status == ServiceStatus::Running)
            .filter(|service| service.configuration.deploys_automatically())
            .filter(|service| follows(service.configuration.identifier()))
            .map(|service| {
                let previous = service.configuration.clone();
                accept(app, service, OperationKind::StartDeployment, previous)
            })
            .collect()
    })
}
