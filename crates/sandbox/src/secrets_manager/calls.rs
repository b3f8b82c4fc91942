//! The operations on one secret.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    invalid, refused, required,
    secret::{CURRENT, Content, Secret, Wanted, seconds},
    store::{SecretStore, version_id},
};
use crate::{answer::ApiError, caller::Caller, keys::MayDecrypt};

/// CreateSecret. A secret may be made without a value. The same token with the same value is the same request.
pub(super) fn create(secrets: &SecretStore, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let name = required(input, "Name")?;
    if name.len() > 512 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-/_+=.@!".contains(c)) {
        let message =
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
        return Err(invalid(message));
    }
    let (content, token, tags) = (content(input)?, token(input)?, tags(input)?);
    let version = content.is_some().then_some(token.clone());
    let text = |member: &str| input[member].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let again = |known: &Secret| {
        let version = known.version_of_id(&token)?;
        let is_same = content.as_ref() == Some(&version.value);
        Some(if is_same { Ok(()) } else { Err(token_is_used(&token, known)) })
    };
    let first = content.clone();
    let made = secrets.create((&caller.account, &caller.region), name, again, |secret| {
        (secret.description, secret.key, secret.tags) = (text("Description"), text("KmsKeyId"), tags);
        if let Some(content) = first {
            secret.add_version(&token, content, &[CURRENT.to_owned()], Timestamp::now());
        }
    })?;
    let mut answer = json!({"ARN": made.arn, "Name": made.name});
    if let Some(version) = version {
        answer["VersionId"] = json!(version);
    }
    Ok(answer)
}

/// GetSecretValue.
pub(super) fn get_value(
    secrets: &SecretStore,
    caller: &Caller,
    may_decrypt: &MayDecrypt<'_>,
    input: &Value,
) -> Result<Value, ApiError> {
    let id = required(input, "SecretId")?;
    let wanted = Wanted { id: input["VersionId"].as_str(), stage: input["VersionStage"].as_str() };
    secrets.change((&caller.account, &caller.region), id, |secret| {
        secret.is_readable()?;
        let (id, version) = secret.version(wanted)?;
        if !may_decrypt.with(secret.key.as_deref(), caller) {
            return Err(ApiError::new(400, "AccessDeniedException", "Access to KMS is not allowed"));
        }
        let mut answer = json!({
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": id,
            "VersionStages": version.stages,
            "CreatedDate": seconds(version.created),
        });
        match &version.value {
            Content::Text(text) => answer["SecretString"] = json!(text),
            Content::Bytes(bytes) => answer["SecretBinary"] = json!(bytes),
        }
        Ok(answer)
    })
}

/// PutSecretValue. The same token with the same value is the same version.
pub(super) fn put_value(secrets: &SecretStore, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let id = required(input, "SecretId")?;
    let value = content(input)?.ok_or_else(|| refused("You must provide either SecretString or SecretBinary."))?;
    let token = token(input)?;
    let stages: Vec<String> = match input["VersionStages"].as_array() {
        Some(stages) => stages.iter().filter_map(|stage| stage.as_str().map(str::to_owned)).collect(),
        None => vec![CURRENT.to_owned()],
    };
    secrets.change((&caller.account, &caller.region), id, |secret| {
        secret.is_readable()?;
        match secret.version_of_id(&token) {
            Some(version) if version.value != value => return Err(token_is_used(&token, secret)),
            Some(_) => {}
            None => secret.add_version(&token, value, &stages, Timestamp::now()),
        }
        let stages = secret.version_of_id(&token).map(|version| json!(version.stages)).unwrap_or_default();
        Ok(json!({"ARN": secret.arn, "Name": secret.name, "VersionId": token, "VersionStages": stages}))
    })
}

fn token_is_used(token: &str, secret: &Secret) -> ApiError {
    let message = format!(
        "You can't use ClientRequestToken {token} because that value is already in use for a version of secret {}.",
        secret.arn
    );
    ApiError::new(400, "ResourceExistsException", message)
}

/// DescribeSecret. It answers for secrets that are marked for deletion too.
pub(super) fn describe(secrets: &SecretStore, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let id = required(input, "SecretId")?;
    let shown = |secret: &mut Secret| Ok(Value::Object(secret.shown("VersionIdsToStages")));
    secrets.change((&caller.account, &caller.region), id, shown)
}

/// DeleteSecret: marks it, or takes it away at once.
pub(super) fn delete(secrets: &SecretStore, caller: &Caller, input: &Value) -> Result<Value, ApiError> {
    let id = required(input, "SecretId")?;
    let (days, at_once) = (input["RecoveryWindowInDays"].as_i64(), input["ForceDeleteWithoutRecovery"] == true);
    if at_once && days.is_some() {
        return Err(invalid("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays."));
    }
    if days.is_some_and(|days| !(7..=30).contains(&days)) {
        return Err(invalid("The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."));
    }
    let now = Timestamp::now();
    let deleted = secrets.change((&caller.account, &caller.region), id, |secret| {
        if secret.deletion.is_some() && !at_once {
            let message =
                "You can't perform this operation on the secret because it was already scheduled for deletion.";
            return Err(refused(message));
        }
        let at = if at_once { now } else { secret.delete_after(days.unwrap_or(30), now) };
        Ok((secret.arn.clone(), secret.name.clone(), at))
    });
    let (arn, name, at) = deleted?;
    if at_once {
        secrets.remove(&arn);
    }
    Ok(json!({"ARN": arn, "Name": name, "DeletionDate": seconds(at)}))
}

/// The value a request brings, if it brings one.
fn content(input: &Value) -> Result<Option<Content>, ApiError> {
    let text = input["SecretString"].as_str().map(|text| Content::Text(text.to_owned()));
    let bytes = input["SecretBinary"].as_str().map(|bytes| Content::Bytes(bytes.to_owned()));
    if text.is_some() && bytes.is_some() {
        let message = "You can't specify both a binary secret value and a string secret value in the same secret.";
        return Err(invalid(message));
    }
    Ok(text.or(bytes))
}

/// The id of the version to be: the client's token, as SDKs make one for every request.
fn token(input: &Value) -> Result<String, ApiError> {
    match input["ClientRequestToken"].as_str() {
        None => Ok(version_id()),
        Some(token) if (32..=64).contains(&token.len()) => Ok(token.to_owned()),
        Some(_) => Err(invalid("ClientRequestToken must be 32-64 characters long.")),
    }
}

fn tags(input: &Value) -> Result<Vec<(String, String)>, ApiError> {
    let tags = input["Tags"].as_array().into_iter().flatten();
    let pair =
        |tag: &Value| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str().unwrap_or_default().to_owned()));
    tags.map(|tag| pair(tag).ok_or_else(|| invalid("A tag must have a Key."))).collect()
}
