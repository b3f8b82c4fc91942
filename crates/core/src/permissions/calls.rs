//! The calls of a decided plan, as far as nothing before its first change has made one like them: preflight tries whether they are
//! allowed. The policies that `iam` prints hold every one of them; a test keeps the two together.

use crate::release::{Course, Preparation, ReleaseVerb};

/// How the image gets into the workload repository.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// It is copied there by this run.
    Copied,
    /// ECR fetches it by a rule of its pull-through cache.
    PulledThrough,
    /// It is in the repository already.
    Present,
}

/// What of a plan decides which calls it makes.
#[derive(Clone, Copy, Debug)]
pub struct PlannedRun<'a> {
    /// How the version is released.
    pub course: &'a Course,
    /// How the image gets there.
    pub arrival: Arrival,
    /// Whether the repository has to be created first.
    pub creates_repository: bool,
    /// Whether the retention of the service's log groups is set.
    pub keeps_logs: bool,
    /// Whether a smoke test that fails deploys the previous version again.
    pub returns: bool,
}

/// A call that takes a permission of its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PlannedCall {
    /// The repository is created.
    CreateRepository,
    /// Manifests are looked up.
    BatchGetImage,
    /// The upload of a layer starts.
    InitiateLayerUpload,
    /// Its bytes are sent.
    UploadLayerPart,
    /// It ends.
    CompleteLayerUpload,
    /// The manifest is written, the tag is moved, and the record is kept.
    PutImage,
    /// The configuration of the previous image is read.
    GetDownloadUrlForLayer,
    /// The tags of the previous image are read.
    DescribeImages,
    /// A paused service is resumed.
    ResumeService,
    /// A service that failed is deleted.
    DeleteService,
    /// The service is created, with its roles.
    CreateService,
    /// The service deploys what its tag points at.
    StartDeployment,
    /// The service's identifier changes, or that it deploys by itself.
    UpdateService,
    /// A service that has never come up is rebuilt, with its roles.
    Rebuild,
    /// The log of the deployment is read.
    GetLogEvents,
    /// The streams of the application's log are listed.
    DescribeLogStreams,
    /// The retention of a log group is set.
    PutRetentionPolicy,
}

impl PlannedCall {
    /// The actions that it takes.
    #[must_use]
    pub fn actions(self) -> &'static [&'static str] {
        match self {
            Self::CreateRepository => &["ecr:CreateRepository"],
            Self::BatchGetImage => &["ecr:BatchGetImage"],
            Self::InitiateLayerUpload => &["ecr:InitiateLayerUpload"],
            Self::UploadLayerPart => &["ecr:UploadLayerPart"],
            Self::CompleteLayerUpload => &["ecr:CompleteLayerUpload"],
            Self::PutImage => &["ecr:PutImage"],
            Self::GetDownloadUrlForLayer => &["ecr:GetDownloadUrlForLayer"],
            Self::DescribeImages => &["ecr:DescribeImages"],
            Self::ResumeService => &["apprunner:ResumeService"],
            Self::DeleteService => &["apprunner:DeleteService"],
            Self::CreateService => &["apprunner:CreateService", "iam:PassRole", "iam:CreateServiceLinkedRole"],
            Self::StartDeployment => &["apprunner:StartDeployment"],
            Self::UpdateService | Self::Rebuild => &["apprunner:UpdateService", "iam:PassRole"],
            Self::GetLogEvents => &["logs:GetLogEvents"],
            Self::DescribeLogStreams => &["logs:DescribeLogStreams"],
            Self::PutRetentionPolicy => &["logs:PutRetentionPolicy"],
        }
    }

    /// Whether the deployment fails without it. What only reads or keeps logs is missed, and warned of.
    #[must_use]
    pub fn is_essential(self) -> bool {
        match self {
            Self::GetLogEvents | Self::DescribeLogStreams | Self::PutRetentionPolicy => false,
            Self::CreateRepository
            | Self::BatchGetImage
            | Self::InitiateLayerUpload
            | Self::UploadLayerPart
            | Self::CompleteLayerUpload
            | Self::PutImage
            | Self::GetDownloadUrlForLayer
            | Self::DescribeImages
            | Self::ResumeService
            | Self::DeleteService
            | Self::CreateService
            | Self::StartDeployment
            | Self::UpdateService
            | Self::Rebuild => true,
        }
    }
}

/// The calls of a plan, each once. A run that finds everything done, or follows an operation, orders nothing.
#[must_use]
pub fn calls(run: &PlannedRun<'_>) -> Vec<PlannedCall> {
    let PlannedRun { course, arrival, creates_repository, keeps_logs, returns } = *run;
    if course.first.is_none() && matches!(course.verb, ReleaseVerb::Nothing | ReleaseVerb::Follow(_)) {
        return Vec::new();
    }
    let mut calls = Vec::new();
    calls.extend((creates_repository && arrival == Arrival::Copied).then_some(PlannedCall::CreateRepository));
    calls.push(PlannedCall::BatchGetImage);
    if arrival == Arrival::Copied {
        calls.extend([
            PlannedCall::InitiateLayerUpload,
            PlannedCall::UploadLayerPart,
            PlannedCall::CompleteLayerUpload,
        ]);
    }
    calls.push(PlannedCall::PutImage);
    if returns {
        calls.extend([PlannedCall::GetDownloadUrlForLayer, PlannedCall::DescribeImages]);
    }
    calls.extend(of_preparation(course.first));
    calls.extend(of_verb(&course.verb).filter(|call| !calls.contains(call)));
    calls.extend([PlannedCall::GetLogEvents, PlannedCall::DescribeLogStreams]);
    calls.extend(keeps_logs.then_some(PlannedCall::PutRetentionPolicy));
    calls
}

fn of_preparation(first: Option<Preparation>) -> Option<PlannedCall> {
    match first? {
        Preparation::Wait => None,
        Preparation::Resume => Some(PlannedCall::ResumeService),
        Preparation::Delete => Some(PlannedCall::DeleteService),
        Preparation::TurnOffAutoDeployments => Some(PlannedCall::UpdateService),
    }
}

fn of_verb(verb: &ReleaseVerb) -> Option<PlannedCall> {
    match verb {
        ReleaseVerb::Nothing | ReleaseVerb::Follow(_) | ReleaseVerb::FollowPush => None,
        ReleaseVerb::CreateService => Some(PlannedCall::CreateService),
        ReleaseVerb::StartDeployment => Some(PlannedCall::StartDeployment),
        ReleaseVerb::UpdateService => Some(PlannedCall::UpdateService),
        ReleaseVerb::Rebuild => Some(PlannedCall::Rebuild),
    }
}
