//! The shape of the file of `shipgate mirror`: every key there is. The comments here are the descriptions in the JSON
//! Schema.

use std::collections::BTreeMap;

use super::scalars::{Encrypted, Host, KmsKey, Platform, Source, TagValue};
use crate::config::{
    read::{Given, mappings},
    role::Role,
    scalars::{Repository, Switch},
    shape::Oidc,
};
use shipgate_core::{account::Region, digest::Digest, referrers::ReferrersPolicy, tag_pattern::TagPattern};

mappings! {
    /// Which images `shipgate mirror` brings where. `${NAME}` and `${NAME:-default}` in any value stand for environment
    /// variables.
    MirrorFile {
        /// The role that reads sources in ECR. Default: the base identity as it is.
        registry_role: Role,
        /// The OIDC token of a CI job, which the first role is assumed with.
        oidc: Oidc,
        /// The images. Required.
        images: Vec<Given<Image>>,
        /// The registries that each image goes to. Required.
        destinations: Vec<Given<Destination>>,
        /// What a repository of ECR that is missing is created with; `{}` for ECR's own defaults. Repositories that exist
        /// are never changed. Default: a missing repository is an error.
        create_repositories: CreateRepositories,
    }

    /// Images of one repository.
    Image {
        /// The registry's host and the repository. Required.
        source: Source,
        /// The role that reads this source in ECR. Default: the file's `registry_role`.
        registry_role: Role,
        /// Tags, and globs of them: `*` stands for any characters, `?` for any one. Globs ask the registry for its tags.
        tags: Vec<Given<TagPattern>>,
        /// Images by digest. They have no tag at the destinations.
        digests: Vec<Given<Digest>>,
        /// The repository's path at the destinations. Default: the source's.
        repository: Repository,
        /// Of an index, only the image for this platform, such as `linux/amd64`. Default: all of it.
        platform: Platform,
        /// What becomes of signatures, SBOMs and attestations: `require`, `best-effort` or `skip`. Default: `skip`.
        #[schemars(extend("default" = "skip"))]
        referrers: ReferrersPolicy,
    }

    /// An account's ECR in one region or several, or another registry.
    Destination {
        /// The role that writes into ECR; its account is the destination's. Default: the base identity as it is.
        role: Role,
        /// The region. Default: `AWS_REGION`.
        region: Region,
        /// Several regions, in the place of `region`.
        regions: Vec<Given<Region>>,
        /// The host of a registry that is not ECR, in the place of a role and regions.
        registry: Host,
        /// What every repository's path begins with there. Default: nothing.
        prefix: Repository,
    }

    /// What a repository of ECR is created with.
    CreateRepositories {
        /// Whether tags may never be moved. Default: ECR's, which lets them be.
        immutable_tags: Switch,
        /// Whether images are scanned when they are pushed. Default: ECR's, which does not.
        scan_on_push: Switch,
        /// `aes256` or `kms`. Default: ECR's, which is `aes256`, or `kms` where there is a `kms_key`.
        encryption: Encrypted,
        /// The key to encrypt with: its id, alias or ARN. Default: AWS's own key for ECR.
        kms_key: KmsKey,
        /// AWS resource tags: key to value. Default: none.
        tags: BTreeMap<String, Given<TagValue>>,
    }
}
