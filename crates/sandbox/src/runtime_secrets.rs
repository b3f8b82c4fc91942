//! What App Runner reads for `RuntimeEnvironmentSecrets`, as the instance role of a service: the role must be there and be
//! App Runner's to assume, must be allowed to read, and there must be something to read.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    apprunner::source::{SecretReader, SecretRequest},
    caller::Caller,
    identities::{Identities, Need, Principal, context_of_request},
    keys::MayDecrypt,
    parameters::store::{self as parameters, ParameterStore},
    passed_role,
    secrets_manager::store::{SecretStore, Wanted},
};
/// The service that the instance role trusts.
const TASKS: &str = "tasks.apprunner.amazonaws.com";

/// Secrets and parameters, and who may read them.
pub(crate) struct RuntimeSecrets {
    pub(crate) secrets: Arc<SecretStore>,
    pub(crate) parameters: Arc<ParameterStore>,
    pub(crate) identities: Arc<Identities>,
}

impl SecretReader for RuntimeSecrets {
    fn read(&self, request: SecretRequest<'_>) -> Result<String, String> {
        let principal = self.principal(request)?;
        let arn = principal.arn.clone();
        let caller = Caller { account: request.account.clone(), region: request.region.clone(), arn };
        let source = Source::read(request.source, &caller);
        let (action, resource) = match &source {
            Source::Secret { arn, .. } => ("secretsmanager:GetSecretValue", arn.clone()),
            Source::Parameter { arn } => ("ssm:GetParameters", arn.clone()),
        };
        let resource = match action {
            "secretsmanager:GetSecretValue" => self.secrets.arn_of(&caller.account, &caller.region, &resource),
            _ => resource,
        };
        let need = Need {
            action,
            resource: &resource,
            resource_account: &caller.account,
            resource_policy: None,
            resource_must_allow: false,
            context: context_of_request(caller.region.as_str(), Timestamp::now()),
        };
        let denied = |denial: super::iam::Denial| {
            format!("AccessDeniedException: {}", denial.message(&principal.arn, action, &resource))
        };
        self.identities.authorize(&principal, &need).map_err(denied)?;
        let (text, key) = self.value(&source, &caller)?;
        let may_decrypt = MayDecrypt { identities: &self.identities, principal: &principal };
        if may_decrypt.with(key.as_deref(), &caller) {
            Ok(text)
        } else {
            Err("AccessDeniedException: Access to KMS is not allowed".to_owned())
        }
    }
}

impl RuntimeSecrets {
    /// A session of the instance role.
    fn principal(&self, request: SecretRequest<'_>) -> Result<Principal, String> {
        let role = request.role.ok_or("the service has no instance role")?;
        passed_role::session(&self.identities, request.region, role, TASKS)
    }

    /// The value, and the key it is encrypted with.
    fn value(&self, source: &Source, caller: &Caller) -> Result<(String, Option<String>), String> {
        match source {
            Source::Parameter { arn } => {
                let found = self.parameters.read(&caller.account, &caller.region, arn);
                found.map(|read| (read.text, read.key)).ok_or_else(|| "ParameterNotFound".to_owned())
            }
            Source::Secret { arn, key, stage, id } => {
                let wanted = Wanted { id: id.as_deref(), stage: stage.as_deref() };
                let read = self.secrets.read(&caller.account, arn, wanted).map_err(|error| error.to_string())?;
                let text = read.text.ok_or("the secret holds no text")?;
                let text = match key {
                    None => text,
                    Some(key) => member(&text, key)?,
                };
                Ok((text, read.key))
            }
        }
    }
}

/// What a service's configuration names.
enum Source {
    Secret { arn: String, key: Option<String>, stage: Option<String>, id: Option<String> },
    Parameter { arn: String },
}

impl Source {
    /// A secret's ARN has seven fields; a JSON key, a staging label and a version's id may follow. What is no ARN is the name of a
    /// parameter (App Runner developer guide, "Managing environment variables").
    fn read(text: &str, caller: &Caller) -> Self {
        if !text.contains(":secretsmanager:") {
            let is_arn = text.starts_with("arn:");
            let named = || parameters::arn(&caller.account, &caller.region, text);
            return Self::Parameter { arn: if is_arn { text.to_owned() } else { named() } };
        }
        let mut fields = text.split(':');
        let arn = fields.by_ref().take(7).collect::<Vec<_>>().join(":");
        let mut further = || fields.next().filter(|field| !field.is_empty()).map(str::to_owned);
        Self::Secret { arn, key: further(), stage: further(), id: further() }
    }
}

fn member(text: &str, key: &str) -> Result<String, String> {
    let document: serde_json::Value = serde_json::from_str(text).map_err(|_| "the secret is no JSON".to_owned())?;
    match document.get(key) {
        None => Err(format!("the secret's JSON has no {key}")),
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
    }
}
