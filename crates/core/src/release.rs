//! What releases a version, decided from what the service is, what it is configured with, and what the user consents to.
//! Pure, so that `plan` can show it before anything happens.

mod history;
mod identifier;
mod record;
mod refusal;
mod standing;

#[cfg(test)]
mod tests;

pub use self::{
    history::{
        Attempt, AttemptEnd, History, PastDeployment, WayBack, attempt, deployments, failed_deployments, history,
    },
    identifier::{Choice, Identifier, Naming, identifier},
    record::{NOTE_PREFIX, PREFIX as RECORD_PREFIX, note as note_tag, tag as record_tag},
    refusal::{OVERTAKEN, Refusal},
    standing::{OperationKind, PastOperation, Standing, come_since, newcomer, running, serving, standing},
};
use super::{operation::OperationId, service::ServiceStatus};

/// The one call that brings the version up, or none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReleaseVerb {
    /// It is deployed already.
    Nothing,
    /// An earlier run ordered it; its operation is followed.
    Follow(OperationId),
    /// There is no service: create it.
    CreateService,
    /// Deploy what the service's configured tag points at now.
    StartDeployment,
    /// Point the service at another image identifier, which deploys it.
    UpdateService,
    /// A service whose first deployment failed takes no StartDeployment, for ever; an update rebuilds it in place.
    Rebuild,
    /// The service deploys by itself on every push of its tag: moving the tag orders the deployment.
    FollowPush,
}

impl ReleaseVerb {
    /// The name in events and reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Follow(_) => "follow",
            Self::CreateService => "create-service",
            Self::StartDeployment => "start-deployment",
            Self::UpdateService => "update-service",
            Self::Rebuild => "rebuild",
            Self::FollowPush => "follow-push",
        }
    }

    /// What kind of operation it comes to.
    #[must_use]
    pub fn operation(&self) -> Option<OperationKind> {
        match self {
            Self::Nothing | Self::Follow(_) => None,
            Self::CreateService => Some(OperationKind::CreateService),
            Self::StartDeployment | Self::FollowPush => Some(OperationKind::StartDeployment),
            Self::UpdateService | Self::Rebuild => Some(OperationKind::UpdateService),
        }
    }

    /// Whether the version that it brings up is the service's first: nothing serves if that fails.
    #[must_use]
    pub fn is_first(&self) -> bool {
        match self {
            Self::CreateService | Self::Rebuild => true,
            Self::Nothing | Self::Follow(_) | Self::StartDeployment | Self::UpdateService | Self::FollowPush => false,
        }
    }
}

/// What must be done to the service before it takes the call, in its own operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preparation {
    /// Something runs on it: wait until that ends, then decide anew.
    Wait,
    /// It is paused: resume it.
    Resume,
    /// It failed, or could not be deleted: delete it. A service created anew has another URL, ARN and log groups.
    Delete,
    /// It deploys by itself on every push of its tag: turn that off.
    TurnOffAutoDeployments,
}

impl Preparation {
    /// What kind of operation it comes to; none, where nothing is ordered.
    #[must_use]
    pub fn operation(self) -> Option<OperationKind> {
        match self {
            Self::Wait => None,
            Self::Resume => Some(OperationKind::ResumeService),
            Self::Delete => Some(OperationKind::DeleteService),
            Self::TurnOffAutoDeployments => Some(OperationKind::UpdateService),
        }
    }

    /// The name in events and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Resume => "resume-service",
            Self::Delete => "delete-service",
            Self::TurnOffAutoDeployments => "turn-off-auto-deployments",
        }
    }
}

/// How a version is released.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Course {
    /// What comes first, if anything must.
    pub first: Option<Preparation>,
    /// The call.
    pub verb: ReleaseVerb,
}

/// What is known of the service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts<'a> {
    /// Its state; `None` when there is no service of that name.
    pub status: Option<&'a ServiceStatus>,
    /// Its image identifier, next to the one it shall have.
    pub configured: Configured,
    /// Whether a push of its tag deploys.
    pub auto_deployments: bool,
    /// Whether the tag that is to be deployed points at the digest already, so that no push of it is to come.
    pub tag_in_place: bool,
    /// What is known of earlier deployments of this digest.
    pub standing: Standing,
    /// Whether the record says that the operation after the newest that is listed is for this digest.
    pub is_claimed: bool,
}

/// A service's image identifier, next to the one it shall have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Configured {
    /// It has none: it is built from source code.
    NotAnImage,
    /// It is the one.
    AsWanted,
    /// It is another.
    Otherwise,
}

/// What to do about a service that is busy.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum IfBusy {
    /// Wait until it is free.
    #[default]
    Wait,
    /// Give up.
    Fail,
}

/// What to do about a service that deploys by itself on every push of its tag.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OnPush {
    /// Let it, and follow the deployment that it starts.
    #[default]
    Follow,
    /// Turn it off first.
    TurnOff,
}

/// What the user lets a run do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Consent {
    /// Resume a paused service.
    pub resume: bool,
    /// Delete a service that failed, and create it anew.
    pub recreate: bool,
    /// Deploy what is deployed already.
    pub force: bool,
    /// What to do about a busy one.
    pub if_busy: IfBusy,
    /// What to do about one that deploys by itself.
    pub on_push: OnPush,
}

/// Decides how to release.
///
/// # Errors
/// [`Refusal`] when the service takes no deployment, and no consent changes that.
pub fn decide(facts: &Facts<'_>, consent: Consent) -> Result<Course, Refusal> {
    if let Standing::Overtaken(digest) = &facts.standing {
        return Err(Refusal::Overtaken(digest.clone()));
    }
    let status = match facts.status {
        None | Some(ServiceStatus::Deleted) => return Ok(Course { first: None, verb: ReleaseVerb::CreateService }),
        Some(status) => status,
    };
    if facts.configured == Configured::NotAnImage {
        return Err(Refusal::NotAnImage);
    }
    match status {
        ServiceStatus::Deleted => Ok(Course { first: None, verb: ReleaseVerb::CreateService }),
        ServiceStatus::Running => Ok(on_running(facts, consent)),
        ServiceStatus::OperationInProgress => match (&facts.standing, consent.if_busy) {
            (Standing::UnderWay(ours), _) => Ok(Course { first: None, verb: ReleaseVerb::Follow(ours.clone()) }),
            // What keeps it busy may be this image's own deployment, which is not listed yet.
            (_, IfBusy::Fail) if !facts.is_claimed => Err(Refusal::Busy),
            (Standing::Deployed | Standing::Overtaken(_) | Standing::Unknown, _) => {
                Ok(Course { first: Some(Preparation::Wait), verb: on_running(facts, consent).verb })
            }
        },
        ServiceStatus::Paused if consent.resume => {
            Ok(Course { first: Some(Preparation::Resume), verb: on_resumed(facts) })
        }
        ServiceStatus::Paused => Err(Refusal::Paused),
        ServiceStatus::CreateFailed | ServiceStatus::DeleteFailed if consent.recreate => {
            Ok(Course { first: Some(Preparation::Delete), verb: ReleaseVerb::CreateService })
        }
        ServiceStatus::CreateFailed => Ok(Course { first: None, verb: ReleaseVerb::Rebuild }),
        ServiceStatus::DeleteFailed => Err(Refusal::DeleteFailed),
        ServiceStatus::Unknown(word) => Err(Refusal::UnknownState(word.clone())),
    }
}

fn on_running(facts: &Facts<'_>, consent: Consent) -> Course {
    let call = |verb| Course { first: None, verb };
    match (&facts.standing, consent.force) {
        // The status can still read RUNNING after the operation has begun.
        (Standing::UnderWay(ours), _) => return call(ReleaseVerb::Follow(ours.clone())),
        (Standing::Deployed, false) => return call(ReleaseVerb::Nothing),
        (Standing::Deployed, true) | (Standing::Overtaken(_) | Standing::Unknown, _) => {}
    }
    let verb = without_push(facts);
    match (facts.auto_deployments, consent.on_push) {
        (true, OnPush::TurnOff) => Course { first: Some(Preparation::TurnOffAutoDeployments), verb },
        // A push that changes nothing starts nothing, and one of a tag that the service does not follow neither.
        (true, OnPush::Follow) if verb == ReleaseVerb::StartDeployment && !facts.tag_in_place => {
            call(ReleaseVerb::FollowPush)
        }
        (true, OnPush::Follow) | (false, _) => call(verb),
    }
}

/// A paused service misses pushes, and whatever was deployed before its pause has to be looked at anew: it is deployed
/// once it runs.
fn on_resumed(facts: &Facts<'_>) -> ReleaseVerb {
    without_push(facts)
}

fn without_push(facts: &Facts<'_>) -> ReleaseVerb {
    match facts.configured {
        Configured::AsWanted => ReleaseVerb::StartDeployment,
        Configured::Otherwise | Configured::NotAnImage => ReleaseVerb::UpdateService,
    }
}
