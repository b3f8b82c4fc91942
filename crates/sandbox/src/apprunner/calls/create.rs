//! CreateService.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use super::{Begun, accept, service_and_operation, text};
use crate::{
    answer::ApiError,
    apprunner::{
        App,
        config::Configuration,
        proxy::{Proxy, Route},
        record::Service,
        refusal,
        word::{OperationKind, ServiceStatus},
    },
    caller::Caller,
};

pub(super) async fn create_service(app: &App, caller: &Caller, input: Value) -> Result<Begun, ApiError> {
    let name = text(&input, "ServiceName").to_owned();
    let tags = super::tag::from_input(&input)?;
    let configuration = Configuration::new(input, &caller.account, &caller.region)?;
    app.book.look(|services| admit(app, services, caller, &name))?;
    let client = app.client.as_ref().map_err(|error| refusal::internal(error.to_string()))?.clone();
    let proxy =
        Proxy::open(client, Route::Nowhere, None).await.map_err(|error| refusal::internal(error.to_string()))?;
    let mut service = service(app, caller, name, configuration, tags);
    service.url = proxy.url();
    service.proxy = Some(Arc::new(proxy));
    app.book.with(|services| {
        // Looked at again: another call may have taken the name while the port was being opened.
        admit(app, services, caller, &service.name)?;
        let previous = service.configuration.clone();
        let job = accept(app, &mut service, OperationKind::CreateService, previous);
        let answer = service_and_operation(&service, &job);
        services.push(service);
        Ok(Begun { answer, job: Some(job) })
    })
}

/// Whether the name is free and the quota has room. Services in CREATE_FAILED hold both.
fn admit(app: &App, services: &[Service], caller: &Caller, name: &str) -> Result<(), ApiError> {
    let living = services.iter().filter(|service| service.lives_in(&caller.account, &caller.region));
    let quota = app.options.service_quota;
    if living.clone().any(|service| service.name == name) {
        return Err(refusal::name_taken(name));
    }
    if living.count() >= quota {
        let message = format!("The maximum number of services ({quota}) has been reached.");
        return Err(ApiError::new(400, "ServiceQuotaExceededException", message));
    }
    Ok(())
}

fn service(
    app: &App,
    caller: &Caller,
    name: String,
    configuration: Configuration,
    tags: BTreeMap<String, String>,
) -> Service {
    let id = app.ids.hex();
    let now = Timestamp::now();
    Service {
        arn: format!(
            "arn:{}:apprunner:{}:{}:service/{name}/{id}",
            caller.region.partition(),
            caller.region,
            caller.account
        ),
        name,
        id,
        account: caller.account.clone(),
        region: caller.region.clone(),
        status: ServiceStatus::OperationInProgress,
        configuration,
        tags,
        created: now,
        updated: now,
        deleted: None,
        operations: Vec::new(),
        url: String::new(),
        proxy: None,
        blue: None,
        green: None,
        maintenance: false,
        stale: None,
        stale_until: None,
        deployed: None,
        under_way: None,
    }
}
