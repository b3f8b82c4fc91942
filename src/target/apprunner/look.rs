//! What only the reading verbs look at: every service there is, and a service's operations with their times.

use std::collections::BTreeSet;

use aws_sdk_apprunner::types::ServiceStatus as SdkStatus;

use super::{AppRunner, PAGE, RECENT, read};
use crate::target::TargetError;
use shipgate_aws::{fault::AwsFault, pages::Pages};
use shipgate_core::{
    arn::ServiceArn,
    log_group::plain,
    operation::{OperationId, OperationStatus},
    status::RanOperation,
};

impl AppRunner {
    /// The ids of all services of the account and region, whatever state they are in, without dashes and in lower case. A
    /// service that is deleted is none.
    ///
    /// # Errors
    /// [`TargetError`] when they cannot be listed in full.
    pub async fn living_services(&self) -> Result<BTreeSet<String>, TargetError> {
        const ACTION: &str = "apprunner:ListServices";
        let (mut living, mut pages, mut token) = (BTreeSet::new(), Pages::of(ACTION), None);
        loop {
            let asked = self.client.list_services().max_results(PAGE).set_next_token(token).send().await;
            let page = asked.map_err(|error| AwsFault::new(ACTION, &error))?;
            for listed in page.service_summary_list() {
                if listed.status() == Some(&SdkStatus::Deleted) {
                    continue;
                }
                // A service that cannot be told from others must not be taken for one that is not there.
                let arn = listed.service_arn().unwrap_or_default().parse::<ServiceArn>();
                living.insert(plain(arn.map_err(|error| read::unusable(ACTION, &error.to_string()))?.id()));
            }
            token = pages.next(page.next_token())?;
            if token.is_none() {
                return Ok(living);
            }
        }
    }

    /// A service's last twenty operations, the newest first.
    ///
    /// # Errors
    /// [`TargetError`] when they cannot be listed.
    pub async fn history(&self, service: &ServiceArn) -> Result<Vec<RanOperation>, TargetError> {
        let listed = self.list_operations(service, |listed| listed.len() >= RECENT).await?;
        let ran = listed.iter().take(RECENT).filter_map(|listed| {
            Some(RanOperation {
                operation: OperationId::new(listed.id()?),
                kind: listed.r#type().map_or("", |kind| kind.as_str()).to_owned(),
                status: OperationStatus::from(listed.status().map_or("", |status| status.as_str()).to_owned()),
                began: listed.started_at().and_then(read::timestamp),
                ended: listed.ended_at().and_then(read::timestamp),
            })
        });
        Ok(ran.collect())
    }
}
