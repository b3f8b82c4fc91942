//! ECR's control plane: the registry's address and token, and its repositories. Blobs and manifests are `registry`'s.

use aws_sdk_ecr::{
    Client,
    types::{ImageTagMutability, Repository},
};
use base64::Engine as _;

use super::{fault::AwsFault, session::Session};
use crate::domain::{mutability::TagMutability, secret::Secret};

/// How to dial an account's registry. The token lives twelve hours (ECR user guide, "Private registry
/// authentication").
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The address to dial: `proxyEndpoint` as ECR gives it, with its scheme.
    pub address: String,
    /// `USER:PASSWORD` in base64, as it goes after `Basic`.
    pub basic: Secret,
}

impl RegistryLogin {
    /// The password alone (the user is always `AWS`), for clients that want the two apart.
    #[must_use]
    pub fn password(&self) -> Option<Secret> {
        let decoded = base64::engine::general_purpose::STANDARD.decode(self.basic.reveal()).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        text.split_once(':').map(|(_, password)| Secret::new(password))
    }

    /// The address without its scheme: the host a Docker engine is to dial.
    #[must_use]
    pub fn host(&self) -> &str {
        let address = self.address.trim_end_matches('/');
        address.split_once("://").map_or(address, |(_, host)| host)
    }
}

/// An account's ECR in a region.
#[derive(Clone, Debug)]
pub struct Ecr {
    client: Client,
}

impl Ecr {
    /// ECR as this session sees it.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self { client: Client::new(session.config()) }
    }

    /// The registry's address and a token for it.
    ///
    /// # Errors
    /// [`AwsFault`] when ECR refuses or the answer holds no token.
    pub async fn login(&self) -> Result<RegistryLogin, AwsFault> {
        const ACTION: &str = "ecr:GetAuthorizationToken";
        let answer =
            self.client.get_authorization_token().send().await.map_err(|error| AwsFault::new(ACTION, &error))?;
        let data = answer.authorization_data().first();
        match data.map(|data| (data.proxy_endpoint(), data.authorization_token())) {
            Some((Some(address), Some(token))) => {
                Ok(RegistryLogin { address: address.to_owned(), basic: Secret::new(token) })
            }
            _ => Err(AwsFault { action: ACTION, code: None, message: "the answer holds no token".to_owned() }),
        }
    }

    /// Whether a repository exists, and what it allows its tags.
    ///
    /// # Errors
    /// [`AwsFault`] for any answer but "it exists" and "it does not".
    pub async fn repository(&self, name: &str) -> Result<Option<TagMutability>, AwsFault> {
        let answer = self.client.describe_repositories().repository_names(name).send().await;
        match answer.map_err(|error| AwsFault::new("ecr:DescribeRepositories", &error)) {
            Ok(answer) => Ok(answer.repositories().first().map(mutability)),
            Err(fault) if fault.has_code("RepositoryNotFoundException") => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Creates a repository with ECR's defaults. One that exists is as good; says whether it was created.
    ///
    /// # Errors
    /// [`AwsFault`] when it could not be created.
    pub async fn create_repository(&self, name: &str) -> Result<bool, AwsFault> {
        let answer = self.client.create_repository().repository_name(name).send().await;
        match answer.map_err(|error| AwsFault::new("ecr:CreateRepository", &error)) {
            Ok(_) => Ok(true),
            Err(fault) if fault.has_code("RepositoryAlreadyExistsException") => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

fn mutability(repository: &Repository) -> TagMutability {
    let filters = repository.image_tag_mutability_exclusion_filters();
    TagMutability {
        immutable: matches!(
            repository.image_tag_mutability(),
            Some(ImageTagMutability::Immutable | ImageTagMutability::ImmutableWithExclusion)
        ),
        exclusions: filters.iter().map(|filter| filter.filter().to_owned()).collect(),
    }
}
