//! The plan: what a deployment is going to do, decided from what was asked for and what was observed, before anything is
//! changed. Pure.

pub mod forecast;
mod tags;

use crate::{
    config::deployment::Target,
    stages::{
        observe::Observation,
        release::{ReleaseOrder, Unreleasable},
    },
    target::{CreateOrder, UpdateOrder},
};
use shipgate_core::{
    account::{AccountId, Region},
    arn::ServiceArn,
    digest::Digest,
    image::ImageReference,
    mutability::TagMutability,
    release::{
        self, Choice, Configured, Course, Facts, Identifier, PastOperation, Preparation, ReleaseVerb, Standing,
        running, standing,
    },
    service::{LiveService, RunSettings, ServiceStatus},
};

/// Every name and verb of a deployment, decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the service deploys from.
    pub identifier: Identifier,
    /// Whose the tag is that it deploys from, where that is another image's and cannot be moved.
    pub taken_by: Option<Digest>,
    /// Where the tag that it deploys from points now; absent too where that is not known, or there is no tag.
    pub points_at: Option<Digest>,
    /// How it is released, or why it cannot be.
    pub course: Result<Course, Unreleasable>,
    /// What the service is created with, or rebuilt; where the file says so.
    pub anew: Option<CreateOrder>,
    /// What the image is checked under here.
    pub settings: RunSettings,
}

impl Plan {
    /// The repository of the workload account.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.identifier.reference().repository()
    }

    /// The tag that is promoted; none where the service deploys by digest.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.identifier.tag()
    }

    /// The order that a verb takes; none where nothing is ordered. `live` is the service, if it exists.
    #[must_use]
    pub fn order(&self, verb: &ReleaseVerb, live: Option<&ServiceArn>) -> Option<ReleaseOrder> {
        let update = |like_new| {
            Some(ReleaseOrder::Update(Box::new(UpdateOrder {
                service: live?.clone(),
                image: Some(self.identifier.reference().clone()),
                turn_off_auto_deployments: false,
                like_new,
            })))
        };
        match verb {
            ReleaseVerb::Nothing | ReleaseVerb::Follow(_) | ReleaseVerb::FollowPush => None,
            ReleaseVerb::CreateService => Some(ReleaseOrder::Create(Box::new(self.anew.clone()?))),
            ReleaseVerb::StartDeployment => Some(ReleaseOrder::Deploy(live?.clone())),
            ReleaseVerb::UpdateService => update(None),
            ReleaseVerb::Rebuild => update(self.anew.clone().map(Box::new)),
        }
    }
}

/// Where the service deploys from, or is to: `HOST/REPOSITORY:TAG` in the workload account. What the file names counts most,
/// then what the live service is configured with, then the source's own repository.
#[must_use]
pub fn destination(
    target: &Target,
    source: &ImageReference,
    live: Option<&LiveService>,
    account: &AccountId,
) -> ImageReference {
    let configured = live.and_then(configured_image);
    let repository = target
        .repository
        .as_deref()
        .or(configured.as_ref().map(ImageReference::repository))
        .unwrap_or_else(|| source.repository());
    // An identifier without a tag means `latest`. A new service gets a tag of its own, its name: two services on one tag
    // would deploy each other's images. So does one that is pinned to a digest, should it ever be told to follow a tag.
    let live_tag = configured.as_ref().filter(|image| image.digest().is_none());
    let live_tag = live_tag.map(|image| image.tag().unwrap_or("latest"));
    let tag = target.tag.as_deref().or(live_tag).unwrap_or(target.service.as_str());
    ImageReference::in_ecr_of(account, &target.access.region, repository, tag)
}

/// Decides. `source` is the image as asked for, `digest` what it is; `seen` is what there is of `destination`.
#[must_use]
pub fn plan(
    target: &Target,
    source: &ImageReference,
    digest: &Digest,
    destination: &ImageReference,
    seen: &Observation,
) -> Plan {
    let live = seen.live.as_ref().filter(|live| live.status != ServiceStatus::Deleted);
    let configured = live.and_then(configured_image);
    let mutable = TagMutability::default();
    let identifier = release::identifier(Choice {
        destination,
        tag_is_named: target.tag.is_some(),
        live: configured.as_ref(),
        source_tag: source.tag(),
        digest,
        mutability: seen.repository.as_ref().ok().and_then(Option::as_ref).unwrap_or(&mutable),
        points_at: seen.points_at.as_ref(),
        naming: target.release.naming,
    });
    let facts = facts(live, configured.as_ref(), &identifier, digest, destination, seen);
    let anew = create_order(target, &identifier);
    let course = release::decide(&facts, target.release.consent)
        .map_err(Unreleasable::from)
        .and_then(|course| allowed(course, target, anew.is_some()));
    let is_looked_at = identifier.tag().is_some() && identifier.tag() == destination.tag();
    Plan {
        taken_by: taken_by(&identifier, digest, destination, seen),
        points_at: seen.points_at.clone().filter(|_| is_looked_at),
        course,
        anew,
        settings: settings(target, live),
        identifier,
    }
}

fn configured_image(live: &LiveService) -> Option<ImageReference> {
    live.image_identifier.as_deref().and_then(|identifier| identifier.parse().ok())
}

fn taken_by(
    identifier: &Identifier,
    digest: &Digest,
    destination: &ImageReference,
    seen: &Observation,
) -> Option<Digest> {
    match identifier {
        Identifier::FixedTag(tag) if tag.tag() == destination.tag() => {
            seen.points_at.clone().filter(|found| found != digest)
        }
        Identifier::Tag(_) | Identifier::FixedTag(_) | Identifier::Digest(_) => None,
    }
}

/// A service that lists a running operation is busy, whatever its status still says.
fn facts<'a>(
    live: Option<&'a LiveService>,
    configured: Option<&ImageReference>,
    identifier: &Identifier,
    digest: &Digest,
    destination: &ImageReference,
    seen: &Observation,
) -> Facts<'a> {
    const BUSY: &ServiceStatus = &ServiceStatus::OperationInProgress;
    let points_there = seen.points_at.as_ref() == Some(digest);
    let tag_in_place = match identifier {
        Identifier::Tag(tag) | Identifier::FixedTag(tag) => tag.tag() == destination.tag() && points_there,
        Identifier::Digest(_) => true,
    };
    let matches = match configured {
        None => Configured::NotAnImage,
        Some(live) if identifier.is(live) => Configured::AsWanted,
        Some(_) => Configured::Otherwise,
    };
    let in_place = tag_in_place && matches == Configured::AsWanted;
    // What can only ever mean one digest needs no record.
    let is_certain = identifier.is_fixed() && in_place;
    let recorded = if is_certain {
        Some(digest)
    } else {
        seen.recorded.as_ref().filter(|_| matches != Configured::AsWanted || !is_disputed(identifier, digest, seen))
    };
    let standing = standing(seen.newest(), recorded, digest, in_place, seen.began);
    let busy = live.is_some_and(|live| live.status == ServiceStatus::Running) && running(&seen.operations).is_some();
    Facts {
        status: live.map(|live| if busy && standing == Standing::Unknown { BUSY } else { &live.status }),
        configured: matches,
        auto_deployments: live.is_some_and(|live| live.auto_deployments),
        tag_in_place,
        standing,
        is_claimed: seen.claimed.as_ref() == Some(digest),
    }
}

/// Whether tag and record of a running operation name two other images: one of them was written late, by a run that has lost, and
/// the winner corrects it.
fn is_disputed(identifier: &Identifier, digest: &Digest, seen: &Observation) -> bool {
    let is_third = |tagged: &Digest| tagged != digest && Some(tagged) != seen.recorded.as_ref();
    !identifier.is_fixed() && running(&seen.operations).is_some() && seen.points_at.as_ref().is_some_and(is_third)
}

/// What the service takes may still be more than the user has said.
fn allowed(course: Course, target: &Target, has_settings: bool) -> Result<Course, Unreleasable> {
    let service = target.service.to_string();
    if course.verb == ReleaseVerb::CreateService && !has_settings {
        return Err(match course.first {
            Some(Preparation::Delete) => Unreleasable::NoSettings { service },
            Some(Preparation::Wait | Preparation::Resume | Preparation::TurnOffAutoDeployments) | None => {
                Unreleasable::NoAccessRole { service }
            }
        });
    }
    if course.verb.is_first() && target.verify.skip && !target.release.unchecked {
        return Err(Unreleasable::Unchecked { service });
    }
    Ok(course)
}

/// The operation whose version serves, and the record's tag that tells what that is.
#[must_use]
pub fn serving<'a>(service: &str, operations: &'a [PastOperation]) -> Option<(&'a PastOperation, String)> {
    let (operation, before) = release::serving(operations)?;
    Some((operation, release::record_tag(service, before.map(|before| &before.id))))
}

fn create_order(target: &Target, identifier: &Identifier) -> Option<CreateOrder> {
    let create = target.create.as_ref()?;
    Some(CreateOrder {
        service: target.service.to_string(),
        image: identifier.reference().clone(),
        access_role: create.access_role.clone(),
        instance_role: create.instance_role.clone(),
        settings: create.run.clone(),
        secrets: create.secrets.clone().into_iter().collect(),
    })
}

/// The live service's settings, else those it will be created with, plus what the local check alone is given. One that never
/// came up is rebuilt, or created anew, with those it would be created with.
pub(super) fn settings(target: &Target, live: Option<&LiveService>) -> RunSettings {
    let created = target.create.as_ref().map(|create| create.run.clone());
    let never_came_up =
        |live: &&LiveService| matches!(live.status, ServiceStatus::CreateFailed | ServiceStatus::DeleteFailed);
    let lives_on = live.filter(|live| created.is_none() || !never_came_up(live)).map(|live| live.settings.clone());
    let mut settings = lives_on.or(created).unwrap_or_default();
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
