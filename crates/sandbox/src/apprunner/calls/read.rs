//! The calls that change nothing.

use serde_json::{Map, Value, json};

use super::{disputed, text, with_service};
use crate::{
    answer::ApiError,
    apprunner::{
        App,
        config::{default_auto_scaling_arn, names_default_auto_scaling},
        paging,
        record::Service,
        refusal, render,
        states::{Call, admit},
    },
    caller::Caller,
};

pub(super) fn describe_service(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let service = with_service(app, caller, text(input, "ServiceArn"), |service| {
        admit(Call::Read, service.status, disputed(app))?;
        Ok(stale(service))
    })?;
    Ok(json!({ "Service": service }))
}

/// The service, with an old status as long as reads of it are stale.
fn stale(service: &mut Service) -> Value {
    let mut answer = render::service(service);
    answer["Status"] = json!(service.shown_status().word());
    if let Some((status, left)) = service.stale.take() {
        service.stale = (left > 1).then_some((status, left - 1));
        answer["Status"] = json!(status.word());
    }
    answer
}

/// Newest first; deleted services are left out.
pub(super) fn list_services(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let summaries: Vec<(String, Value)> = app.book.look(|services| {
        let living = services.iter().rev().filter(|service| service.lives_in(&caller.account, &caller.region));
        let summary = |service: &Service| {
            let mut summary = render::service_summary(service);
            summary["Status"] = json!(service.shown_status().word());
            (service.arn.clone(), summary)
        };
        living.map(summary).collect()
    });
    paged("ServiceSummaryList", &summaries, input)
}

/// Newest first.
pub(super) fn list_operations(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let operations: Vec<(String, Value)> = with_service(app, caller, text(input, "ServiceArn"), |service| {
        let newest_first = service.operations.iter_mut().rev().filter_map(|operation| {
            let is_listed = operation.take_listing();
            is_listed.then_some(&*operation)
        });
        Ok(newest_first.map(|operation| (operation.id.clone(), render::operation(operation, &service.arn))).collect())
    })?;
    paged("OperationSummaryList", &operations, input)
}

fn paged(list: &str, entries: &[(String, Value)], input: &Value) -> Result<Value, ApiError> {
    let (page, next) = paging::page(entries, input, |(key, _)| key.as_str())?;
    let mut answer = Map::new();
    answer.insert(list.to_owned(), page.iter().map(|(_, entry)| entry.clone()).collect());
    if let Some(token) = next {
        answer.insert("NextToken".to_owned(), Value::String(token));
    }
    Ok(Value::Object(answer))
}

/// There is only the default one; its ARN may leave out the id, or revision and id.
pub(super) fn describe_auto_scaling(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let asked = text(input, "AutoScalingConfigurationArn");
    let arn = default_auto_scaling_arn(&caller.region, &caller.account);
    if !names_default_auto_scaling(asked, &arn) {
        return Err(refusal::not_found(asked));
    }
    let used =
        app.book.look(|services| services.iter().any(|service| service.lives_in(&caller.account, &caller.region)));
    Ok(json!({ "AutoScalingConfiguration": render::default_auto_scaling(&arn, used) }))
}

/// The sandbox links no custom domains.
pub(super) fn describe_custom_domains(app: &App, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let arn = text(input, "ServiceArn");
    let url = with_service(app, caller, arn, |service| Ok(service.url.clone()))?;
    Ok(json!({ "DNSTarget": url, "ServiceArn": arn, "CustomDomains": [], "VpcDNSTargets": [] }))
}
