//! What App Runner pulls, as the access role of a service: the role must be there and be App Runner's to assume, and it and the
//! repository must allow the pull.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;

use super::{
    apprunner::source::{ImageRequest, Images},
    authorization,
    ecr::{
        repository::RepositoryId,
        store::{Store, StoredImage},
    },
    identities::{Identities, Need, Principal, context_of_request},
    passed_role,
};
use shipgate_core::{digest::Digest, image::ImageReference};

/// The service that the access role trusts.
const BUILD: &str = "build.apprunner.amazonaws.com";
/// What a pull takes of the repository (App Runner developer guide, "Using an image stored in Amazon ECR").
const PULL: [&str; 3] = ["DescribeImages", "BatchGetImage", "GetDownloadUrlForLayer"];

/// Images, and who may pull them.
pub(crate) struct RuntimeImages {
    pub(crate) images: Arc<Store>,
    pub(crate) identities: Arc<Identities>,
}

impl Images for RuntimeImages {
    fn image(&self, request: ImageRequest<'_>) -> Result<StoredImage, String> {
        self.may_pull(request)?;
        self.known(request.identifier)
    }

    fn known(&self, identifier: &str) -> Result<StoredImage, String> {
        self.images.image_for_app_runner(identifier).map_err(|failure| failure.to_string())
    }

    fn layer(&self, digest: &Digest) -> PathBuf {
        self.images.blob_path(digest)
    }
}

impl RuntimeImages {
    /// An identifier that names no repository of ECR is for the pull itself to refuse.
    fn may_pull(&self, request: ImageRequest<'_>) -> Result<(), String> {
        let reference = request.identifier.parse::<ImageReference>().ok();
        let Some((reference, host)) = reference.and_then(|reference| Some((reference.clone(), reference.ecr()?)))
        else {
            return Ok(());
        };
        let role = request.role.ok_or("Reason: Invalid Access Role in AuthenticationConfiguration.")?;
        let principal = passed_role::session(&self.identities, request.region, role, BUILD)
            .map_err(|_| "Reason: Invalid Access Role in AuthenticationConfiguration.".to_owned())?;
        self.may_log_in(&principal, request)?;
        let name = reference.repository().to_owned();
        let id = RepositoryId { account: host.account, region: host.region, name };
        let asked = |action| authorization::repository_of(&self.images, &self.identities, &principal, action, &id);
        PULL.into_iter().try_for_each(asked).map_err(|denied| denied.message)
    }

    fn may_log_in(&self, principal: &Principal, request: ImageRequest<'_>) -> Result<(), String> {
        let action = "ecr:GetAuthorizationToken";
        let need = Need {
            action,
            resource: "*",
            resource_account: &principal.account,
            resource_policy: None,
            resource_must_allow: false,
            context: context_of_request(request.region.as_str(), Timestamp::now()),
        };
        self.identities.authorize(principal, &need).map_err(|denial| denial.message(&principal.arn, action, "*"))
    }
}
