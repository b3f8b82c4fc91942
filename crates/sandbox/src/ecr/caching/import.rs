//! What a pull from a repository that a rule covers does first: it gets what is missing from the upstream.
//!
//! The caller needs `ecr:BatchImportUpstreamImage`, and `ecr:CreateRepository` where the repository is not there yet
//! (Amazon ECR User Guide, "IAM permissions required to sync an upstream registry"). The rule's role reads the upstream.
//! What is cached is served when the upstream cannot be had.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{SERVICE, rule::Rule};
use crate::{
    answer::ApiError,
    authorization,
    cloud::Cloud,
    ecr::{
        Request,
        mutability::Mutability,
        repository::{Image, Repository, RepositoryId},
    },
    identities::Principal,
};
use shipgate_core::{account::AccountId, arn::RoleArn, digest::Digest, image::EcrHost};

/// What the role of a rule must be allowed to do to an upstream repository.
const READING: [&str; 4] =
    ["BatchGetImage", "GetDownloadUrlForLayer", "BatchImportUpstreamImage", "GetImageCopyStatus"];

/// Why a pull cannot get what it asks for. Nothing has changed then.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum NotImported {
    /// The caller may not import.
    Denied(String),
    /// The upstream cannot be read.
    Upstream(String),
}

/// An image with everything it is made of: members of an index before it, and their layers with their sizes.
#[derive(Clone, Debug)]
struct Bundle {
    images: Vec<(Digest, Image)>,
    layers: Vec<(Digest, u64)>,
}

/// Gets each image that a BatchGetImage asks for.
pub(in super::super) fn import_each(
    cloud: &Cloud,
    principal: &Principal,
    request: &Request<'_>,
) -> Result<(), ApiError> {
    let id = request.repository()?;
    let wanted = request.input["imageIds"].as_array().into_iter().flatten();
    let references = wanted.filter_map(|wanted| wanted["imageDigest"].as_str().or_else(|| wanted["imageTag"].as_str()));
    for reference in references {
        import(cloud, principal, &id, reference).map_err(|why| match why {
            NotImported::Denied(message) => ApiError::new(400, "AccessDeniedException", message),
            NotImported::Upstream(message) => ApiError::new(400, "UnableToGetUpstreamImageException", message),
        })?;
    }
    Ok(())
}

/// Gets what a tag or a digest names, if a rule covers the repository and it is not cached, or is a tag to be looked up
/// again. What the upstream does not have stays what it is here.
pub(crate) fn import(
    cloud: &Cloud,
    principal: &Principal,
    id: &RepositoryId,
    reference: &str,
) -> Result<(), NotImported> {
    let Some((_, rule, upstream)) = cloud.cache_rules.covering(id) else { return Ok(()) };
    let now = Timestamp::now();
    let tag = reference.parse::<Digest>().is_err().then_some(reference);
    let cached = cloud.images.look(id, |repository| repository.find(reference).is_some()).unwrap_or(false);
    if cached && tag.is_none_or(|tag| cloud.cache_rules.is_fresh(id, tag, now)) {
        return Ok(());
    }
    let read = may_import(cloud, principal, id).and_then(|()| read(cloud, &rule, &upstream, reference, now));
    match read {
        Ok(Some(bundle)) => {
            deposit(cloud, id, &bundle, tag, now);
            if let Some(tag) = tag {
                cloud.cache_rules.has_looked(id, tag, now);
            }
            Ok(())
        }
        Ok(None) => Ok(()),
        Err(_) if cached => Ok(()),
        Err(why) => Err(why),
    }
}

fn may_import(cloud: &Cloud, principal: &Principal, id: &RepositoryId) -> Result<(), NotImported> {
    let absent = cloud.images.look(id, |_| ()).is_err();
    let needed = absent.then_some("CreateRepository").into_iter().chain(["BatchImportUpstreamImage"]);
    for action in needed {
        authorization::repository(cloud, principal, action, id)
            .map_err(|denied| NotImported::Denied(denied.message))?;
    }
    Ok(())
}

/// What the upstream has, if the role of the rule may read it.
fn read(
    cloud: &Cloud,
    rule: &Rule,
    upstream: &RepositoryId,
    reference: &str,
    now: Timestamp,
) -> Result<Option<Bundle>, NotImported> {
    if let Some(problem) = problem(cloud, rule, now) {
        return Err(NotImported::Upstream(told(rule, &problem)));
    }
    if let Some(arn) = &rule.custom_role_arn {
        let session = session_of(arn);
        for action in READING {
            authorization::repository(cloud, &session, action, upstream)
                .map_err(|denied| NotImported::Upstream(told(rule, &denied.message)))?;
        }
    }
    Ok(cloud.images.look(upstream, |repository| Bundle::of(repository, reference)).ok().flatten())
}

fn told(rule: &Rule, problem: &str) -> String {
    format!("Unable to get the image from the upstream registry '{}': {problem}", rule.upstream_registry_url)
}

/// Why nothing can be had by a rule, whatever the repository.
pub(super) fn problem(cloud: &Cloud, rule: &Rule, now: Timestamp) -> Option<String> {
    let served = rule.upstream().filter(|EcrHost { account, region }| cloud.registry_url(account, region).is_some());
    if served.is_none() {
        return Some(format!("the sandbox serves no registry '{}'", rule.upstream_registry_url));
    }
    let arn = rule.custom_role_arn.as_ref()?;
    let usable = authorization::can_be_assumed_by(&cloud.identities, &cloud.region, arn.as_str(), SERVICE, now);
    (!usable).then(|| format!("the role '{arn}' cannot be assumed by {SERVICE}"))
}

/// Whom ECR is when it has assumed the role of a rule.
fn session_of(role: &RoleArn) -> Principal {
    let account: &AccountId = role.account();
    Principal {
        account: account.clone(),
        arn: format!("arn:{}:sts::{account}:assumed-role/{}/ecr-pull-through-cache", role.partition(), role.name()),
        user_id: "AROAPULLTHROUGHCACHE:ecr-pull-through-cache".to_owned(),
        role: Some(role.clone()),
        session_policy: None,
        tags: Vec::new(),
    }
}

/// Puts it into the repository, which is made if it is not there: it is never seen without what it was made for.
fn deposit(cloud: &Cloud, id: &RepositoryId, bundle: &Bundle, tag: Option<&str>, now: Timestamp) {
    let put = |repository: &mut Repository| bundle.put_into(repository, tag, now);
    if cloud.images.with(id, put).is_ok() {
        return;
    }
    let mut repository = Repository::new(now, Mutability::default());
    put(&mut repository);
    if !cloud.images.create(id.clone(), repository) {
        // Somebody else has made it meanwhile. If it is gone again, so is what would be in it.
        drop(cloud.images.with(id, put));
    }
}

/// An image after its members, and theirs.
fn gather(repository: &Repository, digest: &Digest, images: &mut Vec<(Digest, Image)>) {
    if let Some(image) = repository.images.get(digest) {
        image.contents.members.iter().for_each(|member| gather(repository, member, images));
        images.push((digest.clone(), image.clone()));
    }
}

impl Bundle {
    fn of(repository: &Repository, reference: &str) -> Option<Self> {
        let (digest, _) = repository.find(reference)?;
        let mut images = Vec::new();
        gather(repository, digest, &mut images);
        let blobs: BTreeSet<&Digest> = images.iter().flat_map(|(_, image)| image.contents.blobs()).collect();
        let layers = blobs.into_iter().filter_map(|blob| Some((blob.clone(), *repository.layers.get(blob)?))).collect();
        Some(Self { images, layers })
    }

    /// An immutable tag that names something else stays where it is.
    fn put_into(&self, repository: &mut Repository, tag: Option<&str>, now: Timestamp) {
        repository.layers.extend(self.layers.iter().cloned());
        for (digest, image) in &self.images {
            repository.images.entry(digest.clone()).or_insert_with(|| Image { pushed: now, ..image.clone() });
        }
        let (Some(tag), Some((digest, _))) = (tag, self.images.last()) else { return };
        if !(repository.mutability.holds(tag) && repository.tags.contains_key(tag)) {
            repository.tags.insert(tag.to_owned(), digest.clone());
        }
    }
}
