//! App Runner as a deployment target: the calls. What its shapes mean is `read`'s, how orders are written `write`'s.

use aws_sdk_apprunner::{
    Client,
    config::retry::RetryConfig,
    types::{OperationSummary, Service, ServiceStatus as SdkStatus},
};

use super::{CreateOrder, DeployTarget, ObservedOperation, OrderProbe, Started, TargetError, UpdateOrder};
use crate::{
    aws::{fault::AwsFault, probe::Probed, session::Session},
    domain::{arn::ServiceArn, operation::OperationId, release::PastOperation, service::LiveService},
};

mod look;
mod probe;
mod read;
mod write;

/// The largest page `ListServices` and `ListOperations` give (API reference, `MaxResults`).
const PAGE: i32 = 20;

/// App Runner in an account and region.
#[derive(Clone, Debug)]
pub struct AppRunner {
    client: Client,
}

impl AppRunner {
    /// App Runner as this session sees it.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self { client: Client::new(session.config()) }
    }

    /// `ListServices` has no filter by name, so all pages are looked through.
    async fn find(&self, name: &str) -> Result<Option<String>, TargetError> {
        let mut token = None;
        loop {
            let page = self
                .client
                .list_services()
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| AwsFault::new("apprunner:ListServices", &error))?;
            let found = page
                .service_summary_list()
                .iter()
                .find(|service| service.service_name() == Some(name) && service.status() != Some(&SdkStatus::Deleted));
            if let Some(arn) = found.and_then(|service| service.service_arn()) {
                return Ok(Some(arn.to_owned()));
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn describe(&self, arn: &str) -> Result<Service, TargetError> {
        const ACTION: &str = "apprunner:DescribeService";
        let asked = self.client.describe_service().service_arn(arn).send().await;
        let answer = asked.map_err(|error| AwsFault::new(ACTION, &error))?;
        answer.service.ok_or_else(|| read::unusable(ACTION, "it holds no service"))
    }
}

/// No client token exists for the calls that start something, so the SDK must not repeat them: a lost answer would
/// become a second deployment.
fn once() -> aws_sdk_apprunner::config::Builder {
    aws_sdk_apprunner::config::Builder::new().retry_config(RetryConfig::disabled())
}

impl DeployTarget for AppRunner {
    async fn service(&self, name: &str) -> Result<Option<LiveService>, TargetError> {
        let Some(arn) = self.find(name).await? else { return Ok(None) };
        read::live_service(&self.describe(&arn).await?).map(Some)
    }

    async fn create(&self, order: &CreateOrder) -> Result<Started, TargetError> {
        const ACTION: &str = "apprunner:CreateService";
        let answer = self
            .client
            .create_service()
            .service_name(&order.service)
            .source_configuration(write::source(order)?)
            .instance_configuration(write::instance(order))
            .health_check_configuration(write::health_check(&order.settings.health_check))
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| AwsFault::new(ACTION, &error))?;
        let arn = answer.service().map(|service| service.service_arn().to_owned()).unwrap_or_default();
        started(ACTION, &arn, answer.operation_id())
    }

    async fn start_deployment(&self, service: &ServiceArn) -> Result<Started, TargetError> {
        const ACTION: &str = "apprunner:StartDeployment";
        let answer = self
            .client
            .start_deployment()
            .service_arn(service.as_str())
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| AwsFault::new(ACTION, &error))?;
        started(ACTION, service.as_str(), answer.operation_id())
    }

    async fn probe(&self, order: OrderProbe<'_>) -> Probed {
        self.probed(order).await
    }

    async fn operation(
        &self,
        service: &ServiceArn,
        operation: &OperationId,
    ) -> Result<Option<ObservedOperation>, TargetError> {
        let mut token = None;
        loop {
            let page = self
                .client
                .list_operations()
                .service_arn(service.as_str())
                .max_results(PAGE)
                .set_next_token(token)
                .send()
                .await
                .map_err(|error| AwsFault::new("apprunner:ListOperations", &error))?;
            let listed = page.operation_summary_list();
            let ours = |listed: &OperationSummary| listed.id().is_some_and(|id| OperationId::new(id) == *operation);
            if let Some(at) = listed.iter().position(ours) {
                return Ok(read::operation_among(listed, at));
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn operations(&self, service: &ServiceArn) -> Result<Vec<PastOperation>, TargetError> {
        let page = self
            .client
            .list_operations()
            .service_arn(service.as_str())
            .max_results(PAGE)
            .send()
            .await
            .map_err(|error| AwsFault::new("apprunner:ListOperations", &error))?;
        Ok(page.operation_summary_list().iter().filter_map(read::past_operation).collect())
    }

    async fn update(&self, order: &UpdateOrder) -> Result<Option<Started>, TargetError> {
        const ACTION: &str = "apprunner:UpdateService";
        let service = self.describe(order.service.as_str()).await?;
        let anew = order.like_new.as_deref();
        let answer = self
            .client
            .update_service()
            .service_arn(order.service.as_str())
            .source_configuration(write::updated_source(order, &service)?)
            .set_instance_configuration(anew.map(write::instance))
            .set_health_check_configuration(anew.map(|order| write::health_check(&order.settings.health_check)))
            .customize()
            .config_override(once())
            .send()
            .await
            .map_err(|error| AwsFault::new(ACTION, &error))?;
        perhaps_started(ACTION, &order.service, Some(answer.operation_id()))
    }

    async fn resume(&self, service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        const ACTION: &str = "apprunner:ResumeService";
        let call = self.client.resume_service().service_arn(service.as_str()).customize().config_override(once());
        let answer = call.send().await.map_err(|error| AwsFault::new(ACTION, &error))?;
        perhaps_started(ACTION, service, answer.operation_id())
    }

    async fn delete(&self, service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        const ACTION: &str = "apprunner:DeleteService";
        let call = self.client.delete_service().service_arn(service.as_str()).customize().config_override(once());
        let answer = call.send().await.map_err(|error| AwsFault::new(ACTION, &error))?;
        perhaps_started(ACTION, service, Some(answer.operation_id()))
    }
}

/// An answer without an operation's id: there was nothing to do.
fn perhaps_started(
    action: &'static str,
    service: &ServiceArn,
    operation: Option<&str>,
) -> Result<Option<Started>, TargetError> {
    match operation {
        None | Some("") => Ok(None),
        Some(id) => started(action, service.as_str(), id).map(Some),
    }
}

fn started(action: &'static str, arn: &str, operation: &str) -> Result<Started, TargetError> {
    if operation.is_empty() {
        return Err(read::unusable(action, "it names no operation"));
    }
    let service = arn.parse().map_err(|error| read::unusable(action, &format!("{error}")))?;
    Ok(Started { service, operation: OperationId::new(operation) })
}
