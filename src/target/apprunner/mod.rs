//! App Runner as a deployment target: the calls. What its shapes mean is `read`'s, how orders are written `write`'s.

use aws_sdk_apprunner::{
    Client,
    config::retry::RetryConfig,
    types::{OperationSummary, Service, ServiceStatus as SdkStatus},
};

use super::{CreateOrder, DeployTarget, ObservedOperation, OrderProbe, Started, TargetError, UpdateOrder};
use shipgate_aws::{
    fault::AwsFault,
    pages::Pages,
    probe::Probed,
    session::{Renewal, Session},
};
use shipgate_core::{arn::ServiceArn, operation::OperationId, release::PastOperation, service::LiveService};

mod look;
mod probe;
mod read;
mod write;

/// The largest page `ListServices` and `ListOperations` give (API reference, `MaxResults`).
const PAGE: i32 = 20;
/// How many operations are enough to decide by: one full page of them.
const RECENT: usize = 20;
/// How many operations of a service's past are read at most. What is older than this is not rolled back to.
const MOST_OPERATIONS: usize = 200;

/// App Runner in an account and region.
#[derive(Clone, Debug)]
pub struct AppRunner {
    client: Client,
    renewal: Renewal,
}

impl AppRunner {
    /// App Runner as this session sees it.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self { client: Client::new(session.config()), renewal: session.renewal() }
    }

    /// Makes a call. If AWS refuses the credentials, once more with new ones: a session may have ended before its time, and a
    /// permission may not be known everywhere yet. A refused call has changed nothing.
    async fn call<V, F>(&self, make: impl Fn() -> F) -> Result<V, AwsFault>
    where
        F: Future<Output = Result<V, AwsFault>>,
    {
        match make().await {
            Err(fault) if fault.is_denied() => {
                self.renewal.renew().await;
                make().await
            }
            answer => answer,
        }
    }

    /// `ListServices` has no filter by name, so all pages are looked through.
    async fn find(&self, name: &str) -> Result<Option<String>, TargetError> {
        const ACTION: &str = "apprunner:ListServices";
        let (mut pages, mut token) = (Pages::of(ACTION), None::<String>);
        loop {
            let page = self
                .call(|| async {
                    let request = self.client.list_services().max_results(PAGE).set_next_token(token.clone());
                    request.send().await.map_err(|error| AwsFault::new(ACTION, &error))
                })
                .await?;
            let found = page
                .service_summary_list()
                .iter()
                .find(|service| service.service_name() == Some(name) && service.status() != Some(&SdkStatus::Deleted));
            if let Some(arn) = found.and_then(|service| service.service_arn()) {
                return Ok(Some(arn.to_owned()));
            }
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    async fn describe(&self, arn: &str) -> Result<Service, TargetError> {
        const ACTION: &str = "apprunner:DescribeService";
        let answer = self
            .call(|| async {
                let request = self.client.describe_service().service_arn(arn);
                request.send().await.map_err(|error| AwsFault::new(ACTION, &error))
            })
            .await?;
        answer.service.ok_or_else(|| read::unusable(ACTION, "it holds no service"))
    }

    /// The service's operations, newest first, page by page until `is_enough` of all that were read, or to the end.
    async fn list_operations(
        &self,
        service: &ServiceArn,
        is_enough: impl Fn(&[OperationSummary]) -> bool,
    ) -> Result<Vec<OperationSummary>, TargetError> {
        const ACTION: &str = "apprunner:ListOperations";
        let (mut listed, mut pages, mut token) = (Vec::new(), Pages::of(ACTION), None::<String>);
        loop {
            let page = self
                .call(|| async {
                    let request = self.client.list_operations().service_arn(service.as_str()).max_results(PAGE);
                    let answer = request.set_next_token(token.clone()).send().await;
                    answer.map_err(|error| AwsFault::new(ACTION, &error))
                })
                .await?;
            token = pages.next(page.next_token())?;
            listed.extend(page.operation_summary_list.unwrap_or_default());
            if token.is_none() || is_enough(&listed) {
                return Ok(listed);
            }
        }
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
        let source = write::source(order)?;
        let answer = self
            .call(|| async {
                let call = self
                    .client
                    .create_service()
                    .service_name(&order.service)
                    .source_configuration(source.clone())
                    .instance_configuration(write::instance(order))
                    .health_check_configuration(write::health_check(&order.settings.health_check))
                    .customize()
                    .config_override(once());
                call.send().await.map_err(|error| AwsFault::new(ACTION, &error))
            })
            .await?;
        let arn = answer.service().map(|service| service.service_arn().to_owned()).unwrap_or_default();
        started(ACTION, &arn, answer.operation_id())
    }

    async fn start_deployment(&self, service: &ServiceArn) -> Result<Started, TargetError> {
        const ACTION: &str = "apprunner:StartDeployment";
        let answer = self
            .call(|| async {
                let call = self.client.start_deployment().service_arn(service.as_str()).customize();
                call.config_override(once()).send().await.map_err(|error| AwsFault::new(ACTION, &error))
            })
            .await?;
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
        let ours = |listed: &OperationSummary| listed.id().is_some_and(|id| OperationId::new(id) == *operation);
        let listed = self.list_operations(service, |listed| listed.iter().any(ours)).await?;
        Ok(listed.iter().position(ours).and_then(|at| read::operation_among(&listed, at)))
    }

    async fn operations(&self, service: &ServiceArn) -> Result<Vec<PastOperation>, TargetError> {
        let listed = self.list_operations(service, |listed| listed.len() >= MOST_OPERATIONS).await?;
        Ok(listed.iter().filter_map(read::past_operation).collect())
    }

    async fn recent_operations(&self, service: &ServiceArn) -> Result<Vec<PastOperation>, TargetError> {
        let listed = self.list_operations(service, |listed| listed.len() >= RECENT).await?;
        Ok(listed.iter().filter_map(read::past_operation).collect())
    }

    async fn update(&self, order: &UpdateOrder) -> Result<Option<Started>, TargetError> {
        const ACTION: &str = "apprunner:UpdateService";
        let service = self.describe(order.service.as_str()).await?;
        let anew = order.like_new.as_deref();
        let source = write::updated_source(order, &service)?;
        let answer = self
            .call(|| async {
                let call = self
                    .client
                    .update_service()
                    .service_arn(order.service.as_str())
                    .source_configuration(source.clone())
                    .set_instance_configuration(anew.map(write::instance))
                    .set_health_check_configuration(anew.map(|order| write::health_check(&order.settings.health_check)))
                    .customize()
                    .config_override(once());
                call.send().await.map_err(|error| AwsFault::new(ACTION, &error))
            })
            .await?;
        perhaps_started(ACTION, &order.service, Some(answer.operation_id()))
    }

    async fn resume(&self, service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        const ACTION: &str = "apprunner:ResumeService";
        let answer = self
            .call(|| async {
                let call = self.client.resume_service().service_arn(service.as_str()).customize();
                call.config_override(once()).send().await.map_err(|error| AwsFault::new(ACTION, &error))
            })
            .await?;
        perhaps_started(ACTION, service, answer.operation_id())
    }

    async fn delete(&self, service: &ServiceArn) -> Result<Option<Started>, TargetError> {
        const ACTION: &str = "apprunner:DeleteService";
        let answer = self
            .call(|| async {
                let call = self.client.delete_service().service_arn(service.as_str()).customize();
                call.config_override(once()).send().await.map_err(|error| AwsFault::new(ACTION, &error))
            })
            .await?;
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
