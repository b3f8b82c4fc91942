//! How a repository's layers are said to be encrypted. Nothing is.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{invalid, repository::RepositoryId};
use crate::answer::ApiError;
use shipgate_core::digest::Digest;

/// `encryptionConfiguration`, as the API has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Encryption {
    encryption_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kms_key: Option<String>,
}

impl Default for Encryption {
    fn default() -> Self {
        Self { encryption_type: "AES256".to_owned(), kms_key: None }
    }
}

impl Encryption {
    /// The one that CreateRepository asks for.
    pub(super) fn read(input: &Value, id: &RepositoryId) -> Result<Self, ApiError> {
        let wanted = &input["encryptionConfiguration"];
        if wanted.is_null() {
            return Ok(Self::default());
        }
        let kind = wanted["encryptionType"].as_str().unwrap_or_default();
        let key = wanted["kmsKey"].as_str();
        match (kind, key) {
            ("AES256", None) => Ok(Self::default()),
            ("AES256", Some(_)) => Err(invalid("KMS key cannot be specified with the encryption type AES256")),
            ("KMS" | "KMS_DSSE", key) => Ok(Self { encryption_type: kind.to_owned(), kms_key: Some(key_arn(key, id)) }),
            _ => Err(invalid(format!(
                "Invalid parameter at 'encryptionType' failed to satisfy constraint: '{kind}' is not one of [KMS, AES256, \
                 KMS_DSSE]"
            ))),
        }
    }
}

/// ECR tells keys by their ARN, whatever they were named by; without one it is AWS's own key for ECR in that region.
fn key_arn(key: Option<&str>, id: &RepositoryId) -> String {
    let key = key.unwrap_or("alias/aws/ecr");
    if key.starts_with("arn:") && key.contains(":key/") {
        return key.to_owned();
    }
    let name = key.rsplit("key/").next().unwrap_or(key);
    let is_id = name.len() == 36 && name.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let hex = Digest::of(format!("{}/{}/{name}", id.account, id.region).as_bytes()).hex().to_owned();
    let made = format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..32]);
    format!("arn:{}:kms:{}:{}:key/{}", id.region.partition(), id.region, id.account, if is_id { name } else { &made })
}
