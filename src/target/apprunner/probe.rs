//! Whether an order is allowed, without giving it: App Runner has no dry run. Orders for a service go to one of the same name with an id
//! that none has, so that policies for `service/NAME/*` count and nothing can start. An order to create one asks for a size that App
//! Runner's own model rules out.

use std::future::Future;

use aws_sdk_apprunner::error::{ProvideErrorMetadata, SdkError};

use super::{AppRunner, once, write};
use crate::target::{CreateOrder, OrderProbe, TargetError, UpdateOrder};
use shipgate_aws::{
    fault::AwsFault,
    probe::{NIL, Probed},
};
use shipgate_core::arn::ServiceArn;

/// Marks the container that never runs.
const MARK: &str = "SHIPGATE_PROBE";

/// No size: `256|512|1024|2048|4096|(0.25|0.5|1|2|4) vCPU` (API reference, `InstanceConfiguration.Cpu`).
const NO_CPU: &str = "0";

impl AppRunner {
    pub(super) async fn probed(&self, order: OrderProbe<'_>) -> Probed {
        match order {
            OrderProbe::Create(order) => self.probe_create(order).await,
            OrderProbe::Update(order) => self.probe_update(order).await,
            OrderProbe::Deploy(service) => {
                let call =
                    |nil: String| self.client.start_deployment().service_arn(nil).customize().config_override(once());
                self.probe_nil(service, |nil| call(nil).send(), "apprunner:StartDeployment").await
            }
            OrderProbe::Resume(service) => {
                let call =
                    |nil: String| self.client.resume_service().service_arn(nil).customize().config_override(once());
                self.probe_nil(service, |nil| call(nil).send(), "apprunner:ResumeService").await
            }
            OrderProbe::Delete(service) => {
                let call =
                    |nil: String| self.client.delete_service().service_arn(nil).customize().config_override(once());
                self.probe_nil(service, |nil| call(nil).send(), "apprunner:DeleteService").await
            }
        }
    }

    /// The whole order as it would be given, roles included: `iam:PassRole` is judged with it.
    async fn probe_update(&self, order: &UpdateOrder) -> Probed {
        const ACTION: &str = "apprunner:UpdateService";
        let Ok(service) = self.describe(order.service.as_str()).await else { return Probed::Unknown };
        let Ok(source) = write::updated_source(order, &service) else { return Probed::Unknown };
        let instance = order.like_new.as_deref().map(write::instance);
        let call = |nil: String| {
            let call = self.client.update_service().service_arn(nil).source_configuration(source);
            call.set_instance_configuration(instance).customize().config_override(once())
        };
        self.probe_nil(&order.service, |nil| call(nil).send(), ACTION).await
    }

    async fn probe_create(&self, order: &CreateOrder) -> Probed {
        const ACTION: &str = "apprunner:CreateService";
        let Ok(mut source) = write::source(order) else { return Probed::Unknown };
        let image = source.image_repository.as_mut().and_then(|repository| repository.image_configuration.as_mut());
        if let Some(image) = image {
            image.runtime_environment_variables = Some([(MARK.to_owned(), NIL.to_owned())].into());
        }
        let mut instance = write::instance(order);
        instance.cpu = Some(NO_CPU.to_owned());
        let call = self.client.create_service().service_name(&order.service).source_configuration(source);
        let call = call.instance_configuration(instance).customize().config_override(once());
        Probed::of(call.send().await.map(drop).map_err(|error| AwsFault::new(ACTION, &error)))
    }

    /// Sends an order to a service that does not exist. A policy may name the id of the one that does: then even looking at another is
    /// denied, and nothing is learnt.
    async fn probe_nil<T, E, F>(
        &self,
        service: &ServiceArn,
        send: impl FnOnce(String) -> F,
        action: &'static str,
    ) -> Probed
    where
        F: Future<Output = Result<T, SdkError<E>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Some(nil) = nil_of(service) else { return Probed::Unknown };
        let answer = send(nil.clone()).await;
        let probed = Probed::of(answer.map(drop).map_err(|error| AwsFault::new(action, &error)));
        let is_of_service = |fault: &AwsFault| !fault.message.contains("iam:PassRole");
        match probed {
            Probed::Denied(fault) if is_of_service(&fault) => match self.describe(&nil).await {
                Err(TargetError::Call(look)) if look.is_unauthorized() => Probed::Unknown,
                Ok(_) | Err(_) => Probed::Denied(fault),
            },
            probed @ (Probed::Allowed | Probed::Denied(_) | Probed::Unknown) => probed,
        }
    }
}

/// The ARN of a service of this name that does not exist.
fn nil_of(service: &ServiceArn) -> Option<String> {
    let (start, id) = service.as_str().rsplit_once('/')?;
    (id != NIL).then(|| format!("{start}/{NIL}"))
}

#[cfg(test)]
mod tests {
    use super::nil_of;

    #[test]
    fn probes_name_a_service_that_cannot_exist() {
        let arn = |id: &str| format!("arn:aws:apprunner:eu-west-1:222222222222:service/shop-api/{id}");
        let nil = nil_of(&arn("0123abcd").parse().unwrap()).unwrap();
        assert_eq!(nil, arn(&"0".repeat(32)));
        assert_eq!(nil_of(&nil.parse().unwrap()), None, "never the service itself");
    }
}
