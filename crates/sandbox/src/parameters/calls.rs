//! The operations on parameters by name.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{
    invalid, required,
    store::{Asked, Id, Kind, Parameter, ParameterStore, Value, key},
};
use crate::{answer::ApiError, caller::Caller, keys::MayDecrypt};
use shipgate_core::digest::Digest;

/// The most names of a GetParameters (API reference).
const MOST_NAMES: usize = 10;

/// The most characters of a standard and of an advanced parameter (user guide, "Managing parameter tiers").
const SIZES: [usize; 2] = [4096, 8192];

fn id(caller: &Caller, name: &str) -> Id {
    (caller.account.clone(), caller.region.clone(), key(name).to_owned())
}

/// A name as parameters may have it (API reference, PutParameter: Name).
fn checked_name(name: &str) -> Result<(), ApiError> {
    let first = name.trim_start_matches('/').split('/').next().unwrap_or_default().to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive)."));
    }
    let well_formed = name.chars().all(|c| c.is_ascii_alphanumeric() || "/.-_".contains(c))
        && !name.ends_with('/')
        && (name.starts_with('/') || !name.contains('/'));
    if well_formed {
        return Ok(());
    }
    Err(malformed_name())
}

/// AWS words it so even when all that is missing is the slash of a path.
fn malformed_name() -> ApiError {
    invalid(
        "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
         sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 \
         symbols .-_",
    )
}

fn kind(word: &str) -> Result<Kind, ApiError> {
    match word {
        "String" => Ok(Kind::String),
        "StringList" => Ok(Kind::StringList),
        "SecureString" => Ok(Kind::SecureString),
        other => Err(invalid(format!(
            "1 validation error detected: Value '{other}' at 'type' failed to satisfy constraint: Member must satisfy enum \
             value set: [SecureString, StringList, String]"
        ))),
    }
}

/// PutParameter: a new parameter, or another value for one that is to be overwritten.
pub(super) fn put(parameters: &ParameterStore, caller: &Caller, input: &Json) -> Result<Json, ApiError> {
    let (name, text) = (required(input, "Name")?, required(input, "Value")?);
    checked_name(name)?;
    let given = input["Type"].as_str().map(kind).transpose()?;
    let tier = input["Tier"].as_str().unwrap_or("Standard");
    if text.len() > SIZES[usize::from(tier != "Standard")] {
        return Err(invalid(format!(
            "{tier} tier parameters support a maximum parameter value of {} characters.",
            SIZES[usize::from(tier != "Standard")]
        )));
    }
    let (id, own) = (id(caller, name), (caller.account.clone(), caller.region.clone(), name.to_owned()));
    let version = parameters.change(&id, |place| {
        if place.is_some() && input["Overwrite"] != true {
            let message =
                "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(ApiError::new(400, "ParameterAlreadyExists", message));
        }
        let kind = given.or(place.as_ref().map(|known| known.kind));
        let kind = kind.ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
        let key = input["KeyId"].as_str().map(str::to_owned).filter(|_| kind == Kind::SecureString);
        let data_type = input["DataType"].as_str().unwrap_or("text").to_owned();
        let parameter = place.get_or_insert_with(|| Parameter::new(own.clone(), kind, key.clone(), data_type));
        (parameter.kind, parameter.key) = (kind, key.or(parameter.key.take()));
        parameter.versions.push(Value { text: text.to_owned(), at: Timestamp::now() });
        Ok(parameter.versions.len())
    })?;
    let tier = if tier == "Advanced" { "Advanced" } else { "Standard" };
    Ok(json!({"Version": version, "Tier": tier}))
}

/// GetParameter.
pub(super) fn get(
    parameters: &ParameterStore,
    caller: &Caller,
    may_decrypt: &MayDecrypt<'_>,
    input: &Json,
) -> Result<Json, ApiError> {
    let name = required(input, "Name")?;
    let asked = Asked::read(name);
    if !name.starts_with("arn:") && name.contains('/') && !name.starts_with('/') {
        return Err(malformed_name());
    }
    let decrypt = input["WithDecryption"] == true;
    parameters.look(&id(caller, &asked.name), |found| {
        // AWS says no word more than the code.
        let parameter = found.filter(|known| asked.names(known));
        let parameter = parameter.ok_or_else(|| ApiError::new(400, "ParameterNotFound", ""))?;
        if parameter.version(asked.version).is_none() || (asked.selector.is_some() && asked.version.is_none()) {
            let which = asked.selector.as_deref().unwrap_or_default().trim_start_matches(':');
            let message = format!(
                "Systems Manager could not find version {which} of {}. Verify the version and try again.",
                asked.name
            );
            return Err(ApiError::new(400, "ParameterVersionNotFound", message));
        }
        Ok(json!({ "Parameter": shown(parameter, &asked, decrypt, may_decrypt, caller)? }))
    })
}

/// GetParameters: those that there are, and the names of those that there are not.
pub(super) fn get_many(
    parameters: &ParameterStore,
    caller: &Caller,
    may_decrypt: &MayDecrypt<'_>,
    input: &Json,
) -> Result<Json, ApiError> {
    let names: Vec<&str> = input["Names"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    if names.is_empty() || names.len() > MOST_NAMES {
        let bound = if names.is_empty() { "greater than or equal to 1" } else { "less than or equal to 10" };
        return Err(invalid(format!(
            "1 validation error detected: Value '[{}]' at 'names' failed to satisfy constraint: Member must have length {bound}.",
            names.join(", ")
        )));
    }
    let decrypt = input["WithDecryption"] == true;
    let (mut found, mut invalid) = (Vec::new(), Vec::new());
    for name in names {
        let asked = Asked::read(name);
        let shown = parameters.look(&id(caller, &asked.name), |parameter| {
            let parameter = parameter.filter(|known| asked.names(known) && known.version(asked.version).is_some());
            parameter.map(|parameter| shown(parameter, &asked, decrypt, may_decrypt, caller)).transpose()
        })?;
        match shown {
            Some(shown) => found.push(shown),
            None => invalid.push(name),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": invalid}))
}

/// DeleteParameter.
pub(super) fn delete(parameters: &ParameterStore, caller: &Caller, input: &Json) -> Result<Json, ApiError> {
    let asked = Asked::read(required(input, "Name")?);
    let deleted = parameters.change(&id(caller, &asked.name), |place| place.take().is_some());
    if deleted { Ok(json!({})) } else { Err(ApiError::new(400, "ParameterNotFound", "")) }
}

/// A parameter as answers have it.
pub(super) fn shown(
    parameter: &Parameter,
    asked: &Asked,
    decrypt: bool,
    may_decrypt: &MayDecrypt<'_>,
    caller: &Caller,
) -> Result<Json, ApiError> {
    let Some((number, value)) = parameter.version(asked.version) else { return Ok(Json::Null) };
    let (kind, text) = match (parameter.kind, decrypt) {
        (Kind::String, _) => ("String", value.text.clone()),
        (Kind::StringList, _) => ("StringList", value.text.clone()),
        (Kind::SecureString, false) => ("SecureString", sealed(&value.text)),
        (Kind::SecureString, true) if may_decrypt.with(parameter.key.as_deref(), caller) => {
            ("SecureString", value.text.clone())
        }
        (Kind::SecureString, true) => {
            let message = "The ciphertext refers to a customer master key that does not exist, does not exist in this region, \
                           or you are not allowed to access.";
            return Err(ApiError::new(400, "AccessDeniedException", message));
        }
    };
    let mut shown = json!({
        "Name": parameter.name(),
        "Type": kind,
        "Value": text,
        "Version": number,
        "LastModifiedDate": seconds(value.at),
        "ARN": parameter.arn(),
        "DataType": parameter.data_type,
    });
    if let Some(selector) = &asked.selector {
        shown["Selector"] = json!(selector);
    }
    Ok(shown)
}

/// What an encrypted value looks like. Nothing of the value can be read from it.
fn sealed(text: &str) -> String {
    let digest = Digest::of(text.as_bytes());
    format!("AQICAHh{}", STANDARD.encode(digest.hex()))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of this millennium are exact in a double")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}
