//! The plan: what a deployment is going to do, decided from what was asked for and what is live, before anything is
//! changed. Pure.

use crate::{
    config::deployment::Target,
    domain::{
        account::{AccountId, Region},
        image::ImageReference,
        release::{self, Refusal, ReleaseVerb},
        service::{LiveService, RunSettings},
    },
    stages::release::{ReleaseOrder, Unreleasable},
    target::CreateOrder,
};

/// Every name and verb of a deployment, decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the service deploys from: `HOST/REPOSITORY:TAG` in the workload account.
    pub destination: ImageReference,
    /// What will be ordered, or why nothing can be.
    pub order: Result<ReleaseOrder, Unreleasable>,
    /// What the image is checked under here.
    pub settings: RunSettings,
}

impl Plan {
    /// The repository of the workload account.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.destination.repository()
    }

    /// The tag that is promoted.
    #[must_use]
    pub fn tag(&self) -> &str {
        self.destination.tag().unwrap_or("latest")
    }
}

/// Decides. `source` is the image as asked for, `live` the service if it exists, `account` the workload account.
#[must_use]
pub fn plan(target: &Target, source: &ImageReference, live: Option<&LiveService>, account: &AccountId) -> Plan {
    let configured = live.and_then(configured_image);
    let destination = destination(target, source, configured.as_ref(), account);
    let order = match live {
        None => create_order(target, &destination).map(|order| ReleaseOrder::Create(Box::new(order))),
        Some(live) => deploy_order(live, configured.as_ref(), &destination),
    };
    Plan { order, settings: settings(target, live), destination }
}

fn configured_image(live: &LiveService) -> Option<ImageReference> {
    live.image_identifier.as_deref().and_then(|identifier| identifier.parse().ok())
}

/// What the file names counts most, then what the live service is configured with, then the source's own repository.
fn destination(
    target: &Target,
    source: &ImageReference,
    configured: Option<&ImageReference>,
    account: &AccountId,
) -> ImageReference {
    let repository = target
        .repository
        .as_deref()
        .or(configured.map(ImageReference::repository))
        .unwrap_or_else(|| source.repository());
    // An identifier without a tag means `latest`. A new service gets a tag of its own, its name: two services on one tag
    // would deploy each other's images.
    let live_tag = configured.map(|image| image.tag().unwrap_or("latest"));
    let tag = target.tag.as_deref().or(live_tag).unwrap_or(target.service.as_str());
    ImageReference::in_ecr_of(account, &target.access.region, repository, tag)
}

fn create_order(target: &Target, destination: &ImageReference) -> Result<CreateOrder, Unreleasable> {
    let create =
        target.create.as_ref().ok_or_else(|| Unreleasable::NoAccessRole { service: target.service.to_string() })?;
    Ok(CreateOrder {
        service: target.service.to_string(),
        image: destination.clone(),
        access_role: create.access_role.clone(),
        instance_role: create.instance_role.clone(),
        settings: create.run.clone(),
        secrets: create.secrets.clone().into_iter().collect(),
    })
}

fn deploy_order(
    live: &LiveService,
    configured: Option<&ImageReference>,
    destination: &ImageReference,
) -> Result<ReleaseOrder, Unreleasable> {
    match release::decide(Some(&live.status))? {
        ReleaseVerb::StartDeployment => {}
        // `live` is never a deleted service, and only those and absent ones are created.
        ReleaseVerb::CreateService => return Err(Refusal::UnknownState(live.status.to_string()).into()),
    }
    let configured = configured.ok_or(Refusal::NotAnImage)?;
    // An identifier with a digest is not moved by any tag.
    let moves_with_tag = configured.digest().is_none()
        && configured.host() == destination.host()
        && configured.repository() == destination.repository()
        && configured.tag().unwrap_or("latest") == destination.tag().unwrap_or_default();
    if !moves_with_tag {
        return Err(Refusal::OtherImage { configured: configured.to_string(), wanted: destination.to_string() }.into());
    }
    if live.auto_deployments {
        return Err(Refusal::AutoDeployments.into());
    }
    Ok(ReleaseOrder::Deploy(live.arn.clone()))
}

/// The live service's settings, else those it will be created with, plus what the local check alone is given.
fn settings(target: &Target, live: Option<&LiveService>) -> RunSettings {
    let created = target.create.as_ref().map(|create| create.run.clone());
    let mut settings = live.map(|live| live.settings.clone()).or(created).unwrap_or_default();
    let given = &target.verify.environment;
    settings.secrets.retain(|name, _| !given.contains_key(name));
    settings.environment.extend(given.clone());
    settings
}

/// Where the workload registry is, for messages.
#[must_use]
pub fn place(account: &AccountId, region: &Region) -> String {
    format!("account {account}, {region}")
}

#[cfg(test)]
mod tests;
