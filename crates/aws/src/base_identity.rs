//! Why the credentials that a run starts with cannot be loaded, or why AWS does not accept them. Decisions on texts and codes
//! alone: whatever the SDK says, a user reads one line, and the command or edit that fixes it.

mod missing;
mod profiles;
mod refused;
#[cfg(test)]
mod tests;

use aws_config::meta::ProviderChainError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use self::profiles::{Origin, OriginKind};
pub(super) use self::refused::{is_about_the_clock, refused};
use super::{
    fault::{AwsFault, find},
    http::{Unanswered, texts},
};
use shipgate_core::{connection::ConnectionProblem, mask::masked, oidc::Claims, secret::Secret};

/// What is wrong with the base identity, and how to fix it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct BaseProblem {
    /// What is wrong, on one line.
    pub message: String,
    /// The command or edit that fixes it.
    pub hint: String,
}

impl BaseProblem {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        // A program's error output may quote what it was given.
        Self { message: masked(&message.into()), hint: hint.into() }
    }
}

/// What the environment has of credentials: what is set and of what kind, never a secret's value.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct CredentialVariables {
    access_key_id: Variable,
    secret_access_key: Variable,
    session_token: Variable,
    /// Whether the access key is of a temporary session (IAM user guide, "Unique identifiers": `ASIA`).
    is_temporary: bool,
    profile: Option<String>,
    token_file: Option<String>,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` is set to nothing, which the SDK takes for the name of a file.
    has_empty_token_file: bool,
    role_arn: Option<String>,
    container: Option<&'static str>,
    /// The file that holds the token for the container's endpoint.
    container_token_file: Option<String>,
    /// The variable that moves the instance metadata service.
    metadata: Option<&'static str>,
    /// The profile that gives the credentials; read when something has failed.
    origin: Option<Origin>,
    /// What is wrong with the profile files; read when something has failed.
    file_problem: Option<String>,
}

/// A variable with a secret.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
enum Variable {
    #[default]
    Unset,
    Empty,
    /// It has characters that no key has: a blank, a quote, a line break.
    Malformed,
    Set,
}

impl Variable {
    fn of(value: Option<&str>) -> Self {
        let is_foreign = |c: char| c.is_whitespace() || c.is_control() || ['"', '\''].contains(&c);
        match value {
            None => Self::Unset,
            Some(value) if value.trim().is_empty() => Self::Empty,
            Some(value) if value.contains(is_foreign) => Self::Malformed,
            Some(_) => Self::Set,
        }
    }

    fn is_filled(self) -> bool {
        matches!(self, Self::Set | Self::Malformed)
    }
}

/// Where the credentials come from, as far as variables show.
enum Source<'a> {
    Variables,
    Profile,
    TokenFile(&'a str),
    Container,
    Elsewhere,
}

impl CredentialVariables {
    /// Reads the variables.
    pub fn read<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Self {
        let filled = |name: &str| variable(name).filter(|value| !value.is_empty());
        let container = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"];
        Self {
            access_key_id: Variable::of(variable("AWS_ACCESS_KEY_ID")),
            secret_access_key: Variable::of(variable("AWS_SECRET_ACCESS_KEY")),
            session_token: Variable::of(variable("AWS_SESSION_TOKEN")),
            is_temporary: variable("AWS_ACCESS_KEY_ID").is_some_and(|id| id.trim().starts_with("ASIA")),
            profile: filled("AWS_PROFILE").map(str::to_owned),
            token_file: filled("AWS_WEB_IDENTITY_TOKEN_FILE").map(str::to_owned),
            has_empty_token_file: variable("AWS_WEB_IDENTITY_TOKEN_FILE").is_some_and(str::is_empty),
            role_arn: filled("AWS_ROLE_ARN").map(str::to_owned),
            container: container.into_iter().find(|name| filled(name).is_some()),
            container_token_file: filled("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(str::to_owned),
            metadata: ["AWS_EC2_METADATA_SERVICE_ENDPOINT"].into_iter().find(|name| filled(name).is_some()),
            origin: None,
            file_problem: None,
        }
    }

    /// The same, with what the profile files say.
    pub(super) async fn with_profiles(&self) -> Self {
        if let Source::Variables = self.source() {
            return self.clone();
        }
        match profiles::origin().await {
            Ok(origin) => Self { origin, ..self.clone() },
            Err(problem) => Self { file_problem: Some(problem), ..self.clone() },
        }
    }

    fn source(&self) -> Source<'_> {
        match self {
            _ if self.access_key_id.is_filled() && self.secret_access_key.is_filled() => Source::Variables,
            Self { profile: Some(_), .. } => Source::Profile,
            Self { origin: Some(origin), .. } if origin.kind != OriginKind::Nothing => Source::Profile,
            Self { token_file: Some(file), .. } => Source::TokenFile(file),
            Self { container: Some(_), .. } => Source::Container,
            _ => Source::Elsewhere,
        }
    }

    /// The source, for a message.
    fn source_named(&self) -> String {
        match self.source() {
            Source::Variables => "in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
            Source::Profile => format!("of {}", self.profile_named()),
            Source::TokenFile(_) => "that AWS_WEB_IDENTITY_TOKEN_FILE led to".to_owned(),
            Source::Container => "of the container's endpoint".to_owned(),
            Source::Elsewhere => "of the default profile or of this machine".to_owned(),
        }
    }

    /// The profile that is selected.
    fn selected(&self) -> &str {
        self.profile.as_deref().unwrap_or("default")
    }

    /// The profile whose settings give the credentials.
    fn profile_name(&self) -> &str {
        self.origin.as_ref().map_or_else(|| self.selected(), |origin| &origin.profile)
    }

    /// The same, and why it is that one.
    fn profile_named(&self) -> String {
        match (&self.origin, &self.profile) {
            (Some(Origin { profile, referrer: Some(referrer), .. }), _) => {
                format!("profile {profile} (source_profile of {referrer})")
            }
            (_, Some(profile)) => format!("profile {profile} (AWS_PROFILE)"),
            (_, None) => "profile default".to_owned(),
        }
    }

    fn origin_kind(&self) -> Option<&OriginKind> {
        self.origin.as_ref().map(|origin| &origin.kind)
    }

    /// Whether credentials come from the container's endpoint, if anything gives them.
    fn uses_container(&self) -> bool {
        let names_container = |kind: &OriginKind| matches!(kind, OriginKind::Named(source) if source.eq_ignore_ascii_case("EcsContainer"));
        matches!(self.source(), Source::Container) || self.origin_kind().is_some_and(names_container)
    }

    /// What contradicts itself before anything is asked: the SDK would go on to other sources, and use an identity that nobody
    /// meant.
    #[must_use]
    pub(super) fn contradiction(&self) -> Option<BaseProblem> {
        let keys = [("AWS_ACCESS_KEY_ID", self.access_key_id), ("AWS_SECRET_ACCESS_KEY", self.secret_access_key)];
        if let (Source::Variables, Some((name, _))) =
            (self.source(), keys.iter().find(|(_, value)| *value == Variable::Malformed))
        {
            return Some(BaseProblem::new(
                format!("{name} holds a blank, a quote or a line break, which no key has"),
                format!("set {name} again without it; in CI, check how the secret was pasted"),
            ));
        }
        let is_half = self.access_key_id.is_filled() && !self.secret_access_key.is_filled();
        (is_half && self.profile.is_none()).then(|| self.half("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    }

    fn half(&self, set: &str, other: &str) -> BaseProblem {
        let value = if other == "AWS_ACCESS_KEY_ID" { self.access_key_id } else { self.secret_access_key };
        let state = if value == Variable::Empty { "is empty" } else { "is not" };
        let hint = match value {
            Variable::Empty => {
                format!("set {other} too; in CI, check that its secret is defined for this job, or unset both")
            }
            Variable::Unset | Variable::Malformed | Variable::Set => {
                format!("set {other} too (export {other}=…), or unset {set}")
            }
        };
        BaseProblem::new(format!("{set} is set but {other} {state}"), hint)
    }
}

/// What the providers of the standard chain said.
struct Attempts {
    /// Each provider's name, empty where one ended the search, and its texts, the outermost first.
    providers: Vec<(String, Vec<String>)>,
    /// What STS answered to one of them.
    fault: Option<AwsFault>,
    /// What kept one of them from getting an answer.
    connection: Option<ConnectionProblem>,
    /// The token of the file, where that was used.
    claims: Option<Claims>,
    /// Where the role would have been assumed.
    region: String,
}

/// Explains why there are no credentials.
pub(super) fn missing(error: &CredentialsError, variables: &CredentialVariables, region: &str) -> BaseProblem {
    let providers = match find::<ProviderChainError<CredentialsError>>(error) {
        Some(chain) => {
            chain.attempts().iter().map(|attempt| (attempt.name().to_owned(), texts(attempt.error()))).collect()
        }
        None => vec![(String::new(), texts(error))],
    };
    let by_token = || {
        let fault = find::<AssumeRoleWithWebIdentityError>(error)?;
        Some(AwsFault::answered("sts:AssumeRoleWithWebIdentity", None, fault.code(), fault.message()))
    };
    let by_role = || {
        let fault = find::<AssumeRoleError>(error)?;
        Some(AwsFault::answered("sts:AssumeRole", None, fault.code(), fault.message()))
    };
    let fault = by_token().or_else(by_role);
    let connection = find::<Unanswered>(error).map(|unanswered| unanswered.problem.clone());
    let file = match variables.origin_kind() {
        Some(OriginKind::TokenFile { file, .. }) => Some(file.as_str()),
        _ => variables.token_file.as_deref(),
    };
    let token = || Some(Secret::new(std::fs::read_to_string(file?).ok()?.trim()));
    let claims = fault.as_ref().and_then(|_| Claims::read(&token()?));
    missing::explain(&Attempts { providers, fault, connection, claims, region: region.to_owned() }, variables)
}
