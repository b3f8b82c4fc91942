//! Whether the caller is allowed a call, found out without its effect. AWS has no dry run for these calls: a probe is a call that must be
//! refused for what it names (a service, an upload, a digest that cannot exist), after IAM has judged it. AccessDenied shows a missing
//! permission, and "not found" shows that the call is allowed.

use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecr::{
    primitives::Blob,
    types::{ImageIdentifier, ImageTagMutability},
};

use super::{ecr::Ecr, fault::AwsFault, logs::Logs};
use shipgate_core::permissions::PlannedCall;

/// An id that no upload and no service has.
pub const NIL: &str = "00000000000000000000000000000000";

/// The digest of nothing that anybody has seen.
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What a probe shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Probed {
    /// The caller is allowed the call: it was refused for what it named.
    Allowed,
    /// The caller lacks a permission.
    Denied(AwsFault),
    /// Nothing: no answer, or a refusal that may come before IAM has judged.
    Unknown,
}

impl Probed {
    /// Reads the answer to a probe.
    #[must_use]
    pub fn of(answer: Result<(), AwsFault>) -> Self {
        let Err(fault) = answer else { return Self::Allowed };
        let Some(code) = fault.code.as_deref() else { return Self::Unknown };
        if fault.is_unauthorized() {
            Self::Denied(fault)
        } else if code.ends_with("NotFound") || code.ends_with("NotFoundException") || REFUSED_LATE.contains(&code) {
            Self::Allowed
        } else {
            Self::Unknown
        }
    }
}

/// Refusals that look at what a call names, and so come after IAM's judgement.
const REFUSED_LATE: [&str; 4] = [
    "ImageDigestDoesNotMatchException",
    "LayerInaccessibleException",
    "RepositoryAlreadyExistsException",
    "ReferencedImagesNotFoundException",
];

fn answer<T, E>(action: &'static str, answer: Result<T, SdkError<E>>) -> Probed
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    Probed::of(answer.map(drop).map_err(|error| AwsFault::new(action, &error)))
}

impl Ecr {
    /// Whether the caller is allowed a call on a repository. `InitiateLayerUpload` opens an upload that nobody uses and that ECR drops;
    /// all others come to nothing.
    pub async fn probe(&self, repository: &str, call: PlannedCall) -> Probed {
        let action = call.actions().first().copied().unwrap_or_default();
        let client = &self.client;
        let nothing = || ImageIdentifier::builder().image_digest(NO_DIGEST).build();
        match call {
            PlannedCall::BatchGetImage => {
                answer(action, client.batch_get_image().repository_name(repository).image_ids(nothing()).send().await)
            }
            PlannedCall::DescribeImages => {
                answer(action, client.describe_images().repository_name(repository).image_ids(nothing()).send().await)
            }
            PlannedCall::GetDownloadUrlForLayer => {
                let call = client.get_download_url_for_layer().repository_name(repository).layer_digest(NO_DIGEST);
                answer(action, call.send().await)
            }
            PlannedCall::InitiateLayerUpload => {
                answer(action, client.initiate_layer_upload().repository_name(repository).send().await)
            }
            PlannedCall::UploadLayerPart => {
                let call = client.upload_layer_part().repository_name(repository).upload_id(NO_UPLOAD);
                let call = call.part_first_byte(0).part_last_byte(0).layer_part_blob(Blob::new(*b"0"));
                answer(action, call.send().await)
            }
            PlannedCall::CompleteLayerUpload => {
                let call = client.complete_layer_upload().repository_name(repository).upload_id(NO_UPLOAD);
                answer(action, call.layer_digests(NO_DIGEST).send().await)
            }
            // The digest is not the manifest's, and the manifest's layers do not exist: it cannot be stored.
            PlannedCall::PutImage => {
                let call = client.put_image().repository_name(repository).image_digest(NO_DIGEST);
                answer(action, call.image_manifest(no_manifest()).send().await)
            }
            // The API has no such value: ECR refuses the call.
            PlannedCall::CreateRepository => {
                let never = ImageTagMutability::from("PROBE");
                let call = client.create_repository().repository_name(repository).image_tag_mutability(never);
                answer(action, call.send().await)
            }
            PlannedCall::ResumeService
            | PlannedCall::DeleteService
            | PlannedCall::CreateService
            | PlannedCall::StartDeployment
            | PlannedCall::UpdateService
            | PlannedCall::Rebuild
            | PlannedCall::GetLogEvents
            | PlannedCall::DescribeLogStreams
            | PlannedCall::PutRetentionPolicy => Probed::Unknown,
        }
    }
}

/// An upload that does not exist.
const NO_UPLOAD: &str = "00000000-0000-0000-0000-000000000000";

/// A manifest of an image that does not exist.
fn no_manifest() -> String {
    let blob = |media_type: &str| format!(r#"{{"mediaType":"{media_type}","digest":"{NO_DIGEST}","size":1}}"#);
    format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
        blob("application/vnd.oci.image.config.v1+json"),
        blob("application/vnd.oci.image.layer.v1.tar+gzip")
    )
}

impl Logs {
    /// Whether the caller is allowed a call on the log groups of services of this name: it is made on one of a service that does not
    /// exist.
    pub async fn probe(&self, service: &str, call: PlannedCall) -> Probed {
        let action = call.actions().first().copied().unwrap_or_default();
        let group = format!("/aws/apprunner/{service}/{NIL}/service");
        match call {
            PlannedCall::GetLogEvents => {
                let call = self.client.get_log_events().log_group_name(group).log_stream_name("events").limit(1);
                answer(action, call.send().await)
            }
            PlannedCall::DescribeLogStreams => {
                answer(action, self.client.describe_log_streams().log_group_name(group).limit(1).send().await)
            }
            PlannedCall::PutRetentionPolicy => {
                let call = self.client.put_retention_policy().log_group_name(group).retention_in_days(1);
                answer(action, call.send().await)
            }
            PlannedCall::CreateRepository
            | PlannedCall::BatchGetImage
            | PlannedCall::InitiateLayerUpload
            | PlannedCall::UploadLayerPart
            | PlannedCall::CompleteLayerUpload
            | PlannedCall::PutImage
            | PlannedCall::GetDownloadUrlForLayer
            | PlannedCall::DescribeImages
            | PlannedCall::ResumeService
            | PlannedCall::DeleteService
            | PlannedCall::CreateService
            | PlannedCall::StartDeployment
            | PlannedCall::UpdateService
            | PlannedCall::Rebuild => Probed::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AwsFault, Probed, no_manifest};

    #[test]
    fn only_missing_permission_counts_as_denied() {
        let fault = |code: Option<&str>| {
            Err(AwsFault { action: "a:B", code: code.map(str::to_owned), message: "m".to_owned(), connection: None })
        };
        let table = [
            (Some("AccessDeniedException"), "denied"),
            (Some("AccessDenied"), "denied"),
            (Some("ResourceNotFoundException"), "allowed"),
            (Some("UploadNotFoundException"), "allowed"),
            (Some("RepositoryNotFoundException"), "allowed"),
            (Some("LayersNotFoundException"), "allowed"),
            (Some("ImageDigestDoesNotMatchException"), "allowed"),
            // These may come before IAM has judged, or say nothing of permissions.
            (Some("InvalidParameterException"), "unknown"),
            (Some("InvalidRequestException"), "unknown"),
            (Some("ValidationException"), "unknown"),
            (Some("ThrottlingException"), "unknown"),
            (Some("InternalServiceErrorException"), "unknown"),
            (Some("ExpiredTokenException"), "unknown"),
            (None, "unknown"),
        ];
        for (code, expected) in table {
            let said = match Probed::of(fault(code)) {
                Probed::Allowed => "allowed",
                Probed::Denied(_) => "denied",
                Probed::Unknown => "unknown",
            };
            assert_eq!(said, expected, "{code:?}");
        }
        assert_eq!(Probed::of(Ok(())), Probed::Allowed);
    }

    #[test]
    fn the_manifest_is_one() {
        let manifest: serde_json::Value = serde_json::from_str(&no_manifest()).unwrap();
        assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    }
}
