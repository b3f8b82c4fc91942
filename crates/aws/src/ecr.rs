//! ECR's control plane: the registry's address and token, and its repositories. Blobs and manifests are `registry`'s.

use std::collections::BTreeMap;

use aws_sdk_ecr::{
    Client,
    error::BuildError,
    types::{
        EncryptionConfiguration, EncryptionType, ImageDetail, ImageIdentifier, ImageScanningConfiguration,
        ImageTagMutability, LayerAvailability, PullThroughCacheRule, Repository, Tag,
    },
};
use base64::Engine as _;

use super::{fault::AwsFault, session::Session};
use shipgate_core::{
    account::AccountId,
    digest::Digest,
    image::EcrHost,
    mutability::TagMutability,
    proxy::ProxyRules,
    pull_through::{CacheRule, ROOT},
    repository::{Encryption, ExistingRepository, RepositorySettings},
    secret::Secret,
};

/// Repositories that one question may name (ECR API reference, DescribeRepositories).
const REPOSITORIES_IN_A_QUESTION: usize = 100;

/// How to dial an account's registry. The token lives twelve hours (ECR user guide, "Private registry
/// authentication").
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The address to connect to, with its scheme: `proxyEndpoint` as ECR gives it, or what [`RegistryLogin::at`] made of it.
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

    /// The login for the registry under this name. ECR gives the standard form of its address, whichever form was written, and
    /// who wrote a FIPS or dual-stack host means to connect to that. An address that is none of ECR's, such as a sandbox's,
    /// counts whatever the name is.
    #[must_use]
    pub fn at(self, host: &str) -> Self {
        let is_of_ecr = EcrHost::parse(self.host()).is_some() && EcrHost::parse(host).is_some();
        if is_of_ecr { Self { address: format!("https://{host}"), ..self } } else { self }
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
    pub(super) client: Client,
    account: AccountId,
    proxies: ProxyRules,
}

impl Ecr {
    /// ECR as this session sees it.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self {
            client: Client::new(session.config()),
            account: session.account().clone(),
            proxies: session.proxies().clone(),
        }
    }

    /// The proxies that lead to its registry.
    #[must_use]
    pub fn proxies(&self) -> &ProxyRules {
        &self.proxies
    }

    /// The address of an account's registry, and a token for it. The account need not be the caller's: its repository
    /// policies may let the caller in.
    ///
    /// # Errors
    /// [`AwsFault`] when ECR refuses or the answer holds no token.
    #[expect(deprecated, reason = "the token is good for every registry; only this says where another account's is")]
    pub async fn login(&self, account: &AccountId) -> Result<RegistryLogin, AwsFault> {
        const ACTION: &str = "ecr:GetAuthorizationToken";
        let others = (*account != self.account).then(|| vec![account.to_string()]);
        let asked = self.client.get_authorization_token().set_registry_ids(others).send().await;
        let answer = asked.map_err(|error| AwsFault::new(ACTION, &error))?;
        let data = answer.authorization_data().first();
        match data.map(|data| (data.proxy_endpoint(), data.authorization_token())) {
            Some((Some(address), Some(token))) => {
                Ok(RegistryLogin { address: address.to_owned(), basic: Secret::new(token) })
            }
            _ => Err(AwsFault::unusable(ACTION, "the answer holds no token")),
        }
    }

    /// Which of these layers a repository has; at most a hundred may be asked about.
    ///
    /// # Errors
    /// [`AwsFault`] when ECR refuses.
    pub async fn available_layers(
        &self,
        account: &AccountId,
        repository: &str,
        digests: &[Digest],
    ) -> Result<Vec<Digest>, AwsFault> {
        let asked = digests.iter().map(|digest| digest.as_str().to_owned()).collect();
        let question = self.client.batch_check_layer_availability().registry_id(account.as_str());
        let answer = question.repository_name(repository).set_layer_digests(Some(asked)).send().await;
        let answer = answer.map_err(|error| AwsFault::new("ecr:BatchCheckLayerAvailability", &error))?;
        let available = answer
            .layers()
            .iter()
            .filter(|layer| matches!(layer.layer_availability(), Some(LayerAvailability::Available)));
        Ok(available.filter_map(|layer| layer.layer_digest()?.parse().ok()).collect())
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

    /// The tags of an image; none of one that is not there.
    ///
    /// # Errors
    /// [`AwsFault`] when ECR refuses.
    pub async fn tags_of(&self, repository: &str, digest: &Digest) -> Result<Vec<String>, AwsFault> {
        let image = ImageIdentifier::builder().image_digest(digest.as_str()).build();
        let answer = self.client.describe_images().repository_name(repository).image_ids(image).send().await;
        match answer.map_err(|error| AwsFault::new("ecr:DescribeImages", &error)) {
            Ok(answer) => Ok(answer.image_details().iter().flat_map(ImageDetail::image_tags).cloned().collect()),
            Err(fault) if fault.has_code("ImageNotFoundException") => Ok(Vec::new()),
            Err(fault) => Err(fault),
        }
    }

    /// Those of these repositories that exist, by name: in one question a hundred where all of them do.
    ///
    /// # Errors
    /// [`AwsFault`] for any answer but "they exist" and "one does not".
    pub async fn repositories(&self, names: &[String]) -> Result<BTreeMap<String, ExistingRepository>, AwsFault> {
        let mut found = BTreeMap::new();
        for names in names.chunks(REPOSITORIES_IN_A_QUESTION) {
            match self.described(names).await? {
                Some(all) => found.extend(all),
                // The answer names one that is missing, and says nothing of the others.
                None => {
                    for name in names {
                        found.extend(self.described(std::slice::from_ref(name)).await?.unwrap_or_default());
                    }
                }
            }
        }
        Ok(found)
    }

    /// These repositories; `None` when one of them does not exist.
    async fn described(&self, names: &[String]) -> Result<Option<BTreeMap<String, ExistingRepository>>, AwsFault> {
        let answer = self.client.describe_repositories().set_repository_names(Some(names.to_vec())).send().await;
        match answer.map_err(|error| AwsFault::new("ecr:DescribeRepositories", &error)) {
            Ok(answer) => Ok(Some(answer.repositories().iter().filter_map(existing).collect())),
            Err(fault) if fault.has_code("RepositoryNotFoundException") => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// The rules of the pull-through cache of an account's registry, which may be another's than the caller's.
    ///
    /// # Errors
    /// [`AwsFault`] when ECR refuses.
    pub async fn pull_through_rules(&self, account: &AccountId) -> Result<Vec<CacheRule>, AwsFault> {
        let mut rules = Vec::new();
        let mut pages =
            self.client.describe_pull_through_cache_rules().registry_id(account.as_str()).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsFault::new("ecr:DescribePullThroughCacheRules", &error))?;
            rules.extend(page.pull_through_cache_rules().iter().filter_map(cache_rule));
        }
        Ok(rules)
    }

    /// Creates a repository. One that exists is as good, whatever it is like; says whether it was created.
    ///
    /// # Errors
    /// [`AwsFault`] when it could not be created.
    pub async fn create_repository(&self, name: &str, settings: &RepositorySettings) -> Result<bool, AwsFault> {
        const ACTION: &str = "ecr:CreateRepository";
        let unusable = |error: BuildError| AwsFault::unusable(ACTION, error.to_string());
        let tags: Result<Vec<Tag>, BuildError> =
            settings.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tags = Some(tags.map_err(unusable)?).filter(|tags| !tags.is_empty());
        let encryption = settings.encryption.as_ref().map(encryption_of).transpose().map_err(unusable)?;
        let scanning = settings.scan_on_push.map(|yes| ImageScanningConfiguration::builder().scan_on_push(yes).build());
        let mutability = settings
            .immutable_tags
            .map(|immutable| if immutable { ImageTagMutability::Immutable } else { ImageTagMutability::Mutable });
        let request = self
            .client
            .create_repository()
            .repository_name(name)
            .set_image_tag_mutability(mutability)
            .set_image_scanning_configuration(scanning)
            .set_encryption_configuration(encryption)
            .set_tags(tags);
        match request.send().await.map_err(|error| AwsFault::new(ACTION, &error)) {
            Ok(_) => Ok(true),
            Err(fault) if fault.has_code("RepositoryAlreadyExistsException") => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

fn encryption_of(wanted: &Encryption) -> Result<EncryptionConfiguration, BuildError> {
    let builder = EncryptionConfiguration::builder();
    match wanted {
        Encryption::Aes256 => builder.encryption_type(EncryptionType::Aes256).build(),
        Encryption::Kms(key) => builder.encryption_type(EncryptionType::Kms).set_kms_key(key.clone()).build(),
    }
}

fn existing(repository: &Repository) -> Option<(String, ExistingRepository)> {
    let encryption = repository.encryption_configuration().and_then(|found| match found.encryption_type().as_str() {
        "AES256" => Some(Encryption::Aes256),
        "KMS" => Some(Encryption::Kms(found.kms_key().map(str::to_owned))),
        // Two layers of encryption, and whatever else there will be: not one that can be asked for here.
        _ => None,
    });
    let scan_on_push = repository.image_scanning_configuration().is_some_and(ImageScanningConfiguration::scan_on_push);
    let found = ExistingRepository { mutability: mutability(repository), scan_on_push, encryption };
    Some((repository.repository_name()?.to_owned(), found))
}

/// A rule without a prefix of its upstream is as old as those that had none: it leads to the root.
fn cache_rule(rule: &PullThroughCacheRule) -> Option<CacheRule> {
    Some(CacheRule {
        prefix: rule.ecr_repository_prefix()?.trim_end_matches('/').to_owned(),
        upstream: rule.upstream_registry_url()?.to_owned(),
        upstream_prefix: rule.upstream_repository_prefix().unwrap_or(ROOT).trim_end_matches('/').to_owned(),
        role: rule.custom_role_arn().map(str::to_owned),
    })
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

#[cfg(test)]
mod tests {
    use super::RegistryLogin;
    use shipgate_core::secret::Secret;

    #[test]
    fn ecr_is_connected_to_under_the_name_that_was_written() {
        let standard = "https://111111111111.dkr.ecr.us-east-1.amazonaws.com";
        let table = [
            (standard, "111111111111.dkr.ecr.us-east-1.amazonaws.com", standard),
            (
                standard,
                "111111111111.dkr.ecr-fips.us-east-1.amazonaws.com",
                "https://111111111111.dkr.ecr-fips.us-east-1.amazonaws.com",
            ),
            (standard, "111111111111.dkr-ecr.us-east-1.on.aws", "https://111111111111.dkr-ecr.us-east-1.on.aws"),
            (
                standard,
                "111111111111.dkr-ecr-fips.us-east-1.on.aws",
                "https://111111111111.dkr-ecr-fips.us-east-1.on.aws",
            ),
            ("http://127.0.0.1:5000", "111111111111.dkr.ecr-fips.us-east-1.amazonaws.com", "http://127.0.0.1:5000"),
            ("https://ecr.proxy.internal", "111111111111.dkr-ecr.us-east-1.on.aws", "https://ecr.proxy.internal"),
            (standard, "111111111111", standard),
        ];
        for (endpoint, host, address) in table {
            let login = RegistryLogin { address: endpoint.to_owned(), basic: Secret::new("dTpw") };
            assert_eq!(login.at(host).address, address, "{host}");
        }
    }
}
