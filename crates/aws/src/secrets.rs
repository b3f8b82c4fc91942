//! The values of secrets: Secrets Manager and the SSM Parameter Store, as a session may read them. Values are handed out
//! as [`Secret`]s; no error shows any of one.

use std::collections::BTreeMap;

use aws_sdk_secretsmanager::config::Region as SecretsRegion;
use aws_sdk_ssm::config::Region as ParametersRegion;
use futures_util::{StreamExt as _, stream};

use super::{fault::AwsFault, session::Session};
use shipgate_core::{
    account::Region,
    secret::Secret,
    service_secret::{SecretPlace, SecretSource, SecretVersion},
};

const GET_SECRET: &str = "secretsmanager:GetSecretValue";
const GET_PARAMETERS: &str = "ssm:GetParameters";
const DECRYPT: &str = "kms:Decrypt";

/// The most names that a call of `GetParameters` takes (SSM API reference, GetParameters: Names).
const PARAMETERS_A_CALL: usize = 10;

/// How many calls are under way at a time.
const AT_A_TIME: usize = 4;

/// Secrets and parameters, as a session may read them.
#[derive(Clone, Debug)]
pub struct Secrets {
    secrets_manager: aws_sdk_secretsmanager::Client,
    parameters: aws_sdk_ssm::Client,
}

/// Why a value could not be had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SecretFault {
    /// The service said no, or nothing.
    #[error(transparent)]
    Call(AwsFault),
    /// There is no such parameter.
    #[error("there is no such parameter")]
    NoParameter,
    /// It holds bytes and no text, which no variable can be.
    #[error("it holds no text")]
    NotText,
    /// A member of it was asked for, and it is no JSON object.
    #[error("it is no JSON object, and `{key}` of it is asked for")]
    NotJson {
        /// The member.
        key: String,
    },
    /// It has no such member.
    #[error("the JSON object that it holds has no `{key}`")]
    NoKey {
        /// The member.
        key: String,
    },
    /// What the service's configuration names is of neither.
    #[error("it is neither a secret of Secrets Manager nor a parameter of SSM")]
    Unknown,
}

impl SecretFault {
    /// The permission that is missing, if that is what is wrong.
    #[must_use]
    pub fn missing_action(&self) -> Option<&'static str> {
        let Self::Call(fault) = self else { return None };
        // Neither service names the action when it is the key that may not be used.
        let is_of_key = fault.has_code("DecryptionFailure")
            || fault.has_code("InvalidKeyId")
            || (fault.is_denied() && ["kms", "KMS", "ciphertext"].iter().any(|word| fault.message.contains(word)));
        if is_of_key { Some(DECRYPT) } else { fault.is_denied().then_some(fault.action) }
    }
}

/// What came of each variable.
pub type Fetched = BTreeMap<String, Result<Secret, SecretFault>>;

/// A secret that is read once, whatever of it is asked for.
type SecretId = (String, Region, SecretVersion);

impl Secrets {
    /// Both services, as this session sees them.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self {
            secrets_manager: aws_sdk_secretsmanager::Client::new(session.config()),
            parameters: aws_sdk_ssm::Client::new(session.config()),
        }
    }

    /// Reads the value of every variable. What cannot be had keeps nothing else from being had.
    pub async fn fetch(&self, wanted: &BTreeMap<String, SecretSource>) -> Fetched {
        let (of_secrets, of_parameters) = tokio::join!(self.fetch_secrets(wanted), self.fetch_parameters(wanted));
        let value = |source: &SecretSource| match source.place() {
            SecretPlace::SecretsManager { arn, region, json_key, version } => {
                let id = (arn.clone(), region.clone(), version.clone());
                let text = of_secrets.get(&id).cloned().unwrap_or(Err(SecretFault::Unknown))?;
                json_key.as_ref().map_or_else(|| Ok(text.clone()), |key| member(&text, key))
            }
            SecretPlace::Parameter { name, region } => {
                let found = of_parameters.get(&(region.clone(), name.clone())).cloned();
                found.unwrap_or(Err(SecretFault::NoParameter))
            }
            SecretPlace::Unknown => Err(SecretFault::Unknown),
        };
        wanted.iter().map(|(name, source)| (name.clone(), value(source))).collect()
    }

    async fn fetch_secrets(
        &self,
        wanted: &BTreeMap<String, SecretSource>,
    ) -> BTreeMap<SecretId, Result<Secret, SecretFault>> {
        let mut ids: Vec<SecretId> = wanted
            .values()
            .filter_map(|source| match source.place() {
                SecretPlace::SecretsManager { arn, region, version, .. } => {
                    Some((arn.clone(), region.clone(), version.clone()))
                }
                SecretPlace::Parameter { .. } | SecretPlace::Unknown => None,
            })
            .collect();
        ids.sort();
        ids.dedup();
        let reading = ids.into_iter().map(async |id| {
            let value = self.secret(&id).await;
            (id, value)
        });
        stream::iter(reading).buffer_unordered(AT_A_TIME).collect().await
    }

    async fn secret(&self, (arn, region, version): &SecretId) -> Result<Secret, SecretFault> {
        let there = aws_sdk_secretsmanager::config::Builder::new().region(SecretsRegion::new(region.to_string()));
        let answer = self
            .secrets_manager
            .get_secret_value()
            .secret_id(arn)
            .set_version_stage(version.stage.clone())
            .set_version_id(version.id.clone())
            .customize()
            .config_override(there)
            .send()
            .await
            .map_err(|error| SecretFault::Call(AwsFault::new(GET_SECRET, &error)))?;
        answer.secret_string.map(Secret::new).ok_or(SecretFault::NotText)
    }

    async fn fetch_parameters(
        &self,
        wanted: &BTreeMap<String, SecretSource>,
    ) -> BTreeMap<(Option<Region>, String), Result<Secret, SecretFault>> {
        let mut by_region: BTreeMap<Option<Region>, Vec<String>> = BTreeMap::new();
        for source in wanted.values() {
            if let SecretPlace::Parameter { name, region } = source.place() {
                by_region.entry(region.clone()).or_default().push(name.clone());
            }
        }
        let mut found = BTreeMap::new();
        for (region, mut names) in by_region {
            names.sort();
            names.dedup();
            for batch in names.chunks(PARAMETERS_A_CALL) {
                let values = self.parameters(region.as_ref(), batch).await;
                found.extend(values.into_iter().map(|(name, value)| ((region.clone(), name), value)));
            }
        }
        found
    }

    /// One denied parameter has the whole call denied: then each is asked for by itself, to name those that are.
    async fn parameters(
        &self,
        region: Option<&Region>,
        names: &[String],
    ) -> Vec<(String, Result<Secret, SecretFault>)> {
        match self.some_parameters(region, names).await {
            Ok(values) => names
                .iter()
                .map(|name| (name.clone(), values.get(name).cloned().ok_or(SecretFault::NoParameter)))
                .collect(),
            Err(fault) if names.len() > 1 && fault.is_denied() => {
                let each =
                    stream::iter(names).then(|name| Box::pin(self.parameters(region, std::slice::from_ref(name))));
                each.flat_map(stream::iter).collect().await
            }
            Err(fault) => names.iter().map(|name| (name.clone(), Err(SecretFault::Call(fault.clone())))).collect(),
        }
    }

    /// The values of those that there are, by the name or the ARN they were asked for by.
    async fn some_parameters(
        &self,
        region: Option<&Region>,
        names: &[String],
    ) -> Result<BTreeMap<String, Secret>, AwsFault> {
        let there = aws_sdk_ssm::config::Builder::new();
        let there = match region {
            Some(region) => there.region(ParametersRegion::new(region.to_string())),
            None => there,
        };
        let answer = self
            .parameters
            .get_parameters()
            .set_names(Some(names.to_vec()))
            .with_decryption(true)
            .customize()
            .config_override(there)
            .send()
            .await
            .map_err(|error| AwsFault::new(GET_PARAMETERS, &error))?;
        let mut values = BTreeMap::new();
        for parameter in answer.parameters.unwrap_or_default() {
            let Some(value) = parameter.value.map(Secret::new) else { continue };
            let known_as = [parameter.name, parameter.arn].into_iter().flatten();
            values.extend(known_as.map(|name| (name, value.clone())));
        }
        Ok(values)
    }
}

/// A member of the JSON object that a secret holds: a text as it is, anything else as JSON writes it (as ECS does).
fn member(text: &Secret, key: &str) -> Result<Secret, SecretFault> {
    let document: Option<serde_json::Value> = serde_json::from_str(text.reveal()).ok();
    let Some(serde_json::Value::Object(members)) = document else {
        return Err(SecretFault::NotJson { key: key.to_owned() });
    };
    match members.get(key) {
        None => Err(SecretFault::NoKey { key: key.to_owned() }),
        Some(serde_json::Value::String(text)) => Ok(Secret::new(text)),
        Some(other) => Ok(Secret::new(other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::{AwsFault, DECRYPT, GET_PARAMETERS, GET_SECRET, Secret, SecretFault, member};

    #[test]
    fn a_member_is_taken_out_of_a_secret_that_is_a_json_object() {
        let secret = Secret::new(r#"{"user": "shop", "port": 5432, "tls": true, "": "empty"}"#);
        for (key, value) in [("user", "shop"), ("port", "5432"), ("tls", "true")] {
            assert_eq!(member(&secret, key).unwrap().reveal(), value);
        }
        assert_eq!(member(&secret, "password"), Err(SecretFault::NoKey { key: "password".to_owned() }));
        for text in ["hunter2", "\"hunter2\"", "[\"hunter2\"]", ""] {
            let fault = member(&Secret::new(text), "user").unwrap_err();
            assert_eq!(fault, SecretFault::NotJson { key: "user".to_owned() }, "{text}");
            assert!(!format!("{fault} {fault:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_denial_names_the_action_that_is_missing() {
        let fault = |action, code: &str, message: &str| SecretFault::Call(AwsFault::refused(action, code, message));
        let denied = "AccessDeniedException";
        let table = [
            (fault(GET_SECRET, denied, "User: x is not authorized to perform: y"), Some(GET_SECRET)),
            (fault(GET_PARAMETERS, denied, "User: x is not authorized to perform: y"), Some(GET_PARAMETERS)),
            (fault(GET_SECRET, denied, "Access to KMS is not allowed"), Some(DECRYPT)),
            (fault(GET_PARAMETERS, denied, "The ciphertext refers to a customer master key that …"), Some(DECRYPT)),
            (fault(GET_SECRET, "DecryptionFailure", "Secrets Manager can't decrypt it"), Some(DECRYPT)),
            (fault(GET_SECRET, "ResourceNotFoundException", "can't find it"), None),
            (SecretFault::NoParameter, None),
        ];
        for (fault, action) in table {
            assert_eq!(fault.missing_action(), action, "{fault}");
        }
    }
}
