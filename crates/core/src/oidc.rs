//! Where the first identity of a run comes from: credentials that the job has anyway, or the OIDC token that its CI system
//! gives it. Decided from what is set, before anything is asked for.

mod claims;
mod missing;
#[cfg(test)]
mod tests;
pub mod trust;

use std::{path::PathBuf, str::FromStr};

pub use self::{claims::Claims, missing::MissingToken};
use super::{ci::CiSystem, secret::Secret};

/// The audience that AWS's own documentation has for tokens that are shown to STS.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// The variable that a token is in where no other is named: GitLab's `id_tokens` must name one.
pub const TOKEN_VARIABLE: &str = "SHIPGATE_ID_TOKEN";

/// CircleCI's own token, whose audience is the organization's id.
const CIRCLECI_VARIABLE: &str = "CIRCLE_OIDC_TOKEN_V2";

/// What GitHub gives a job that may ask for tokens: where, and by what it is known there.
const GITHUB_VARIABLES: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

/// Variables that are set where somebody has given the job credentials of AWS. An instance's own role sets none: it is the
/// machine's, not the job's, and comes after the job's token.
const GIVEN: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SHARED_CREDENTIALS_FILE",
];

/// When the job's token is used.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum OidcUse {
    /// Where the job has been given no credentials of AWS.
    #[default]
    Auto,
    /// Whatever else there is; that there is none is an error.
    Always,
    /// Never.
    Off,
}

/// Why a text does not say when.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` does not say when the job's token is used (auto, always or off)")]
pub struct InvalidOidcUse(String);

impl FromStr for OidcUse {
    type Err = InvalidOidcUse;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "always" => Ok(Self::Always),
            "off" => Ok(Self::Off),
            other => Err(InvalidOidcUse(other.to_owned())),
        }
    }
}

/// What was said about the job's token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OidcSettings {
    /// When it is used.
    pub when: OidcUse,
    /// The audience it must have; absent: [`AUDIENCE`], and whatever a token that is there already has.
    pub audience: Option<String>,
    /// The variable that it may be in.
    pub variable: String,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self { when: OidcUse::Auto, audience: None, variable: TOKEN_VARIABLE.to_owned() }
    }
}

/// Where a chain of roles begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// At whatever AWS's standard chain of providers finds.
    Standard(WhyStandard),
    /// At the job's token, which the first role is assumed with.
    Token(TokenSource),
    /// Nowhere: the token was to be used, and there is none.
    Refused(MissingToken),
}

impl Default for Start {
    fn default() -> Self {
        Self::Standard(WhyStandard::Unexpected)
    }
}

/// Why the job's token is not used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WhyStandard {
    /// It is turned off.
    TurnedOff,
    /// The job was given credentials: by this variable, or in this file.
    Given(String),
    /// Nothing here gives tokens to jobs.
    Unexpected,
    /// This CI system gives tokens to jobs, and has given this one none.
    Missing(MissingToken),
}

/// Where the job's token is to be had. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenSource {
    /// GitHub's endpoint.
    Endpoint {
        /// Its address.
        url: String,
        /// What the job is known by there.
        bearer: Secret,
        /// The audience to ask for.
        audience: String,
    },
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        token: Secret,
        /// The audience it must have, where one was named.
        audience: Option<String>,
    },
    /// A program that prints one.
    Program {
        /// Where it is.
        path: PathBuf,
        /// Which it is.
        program: TokenProgram,
        /// The audience to ask for.
        audience: String,
    },
}

/// A program that asks a CI system for the token of the job it runs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenProgram {
    /// `circleci run oidc get`.
    CircleCi,
    /// `buildkite-agent oidc request-token`.
    Buildkite,
}

impl TokenProgram {
    /// The file's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CircleCi => "circleci",
            Self::Buildkite => "buildkite-agent",
        }
    }

    /// Its arguments for a token of this audience.
    #[must_use]
    pub fn arguments(self, audience: &str) -> Vec<String> {
        match self {
            // Its own documentation: only `aud` can be chosen.
            Self::CircleCi => {
                let claims = serde_json::json!({ "aud": audience }).to_string();
                ["run", "oidc", "get", "--claims", claims.as_str()].map(str::to_owned).to_vec()
            }
            Self::Buildkite => ["oidc", "request-token", "--audience", audience].map(str::to_owned).to_vec(),
        }
    }
}

/// What can be seen of where a run is.
pub trait Surroundings {
    /// A variable's value, if it is set and not empty.
    fn variable(&self, name: &str) -> Option<&str>;
    /// Where a program of this name is, if it can be run.
    fn program(&self, name: &str) -> Option<PathBuf>;
    /// The file with AWS credentials that tools have left here, if there is one.
    fn credentials_file(&self) -> Option<String>;
}

/// Decides where a run's role chains begin.
pub fn start(settings: &OidcSettings, around: &impl Surroundings) -> Start {
    if settings.when == OidcUse::Off {
        return Start::Standard(WhyStandard::TurnedOff);
    }
    if settings.when == OidcUse::Auto
        && let Some(given) = given(around)
    {
        return Start::Standard(WhyStandard::Given(given));
    }
    match (source(settings, around), settings.when) {
        (Ok(source), _) => Start::Token(source),
        (Err(missing), OidcUse::Always) => Start::Refused(missing),
        (Err(MissingToken::Nowhere { .. }), _) => Start::Standard(WhyStandard::Unexpected),
        (Err(missing), _) => Start::Standard(WhyStandard::Missing(missing)),
    }
}

/// By what the job was given credentials, if it was.
fn given(around: &impl Surroundings) -> Option<String> {
    let variable = GIVEN.into_iter().find(|name| around.variable(name).is_some()).map(str::to_owned);
    variable.or_else(|| around.credentials_file())
}

/// Where this job's token is to be had. A token in the variable that is meant for it is somebody's own choice, and goes before
/// what the CI system would give.
fn source(settings: &OidcSettings, around: &impl Surroundings) -> Result<TokenSource, MissingToken> {
    let in_variable = |name: &str| {
        let token = Secret::new(around.variable(name)?);
        Some(TokenSource::Variable { name: name.to_owned(), token, audience: settings.audience.clone() })
    };
    if let Some(source) = in_variable(&settings.variable) {
        return Ok(source);
    }
    let program = |program: TokenProgram| {
        let audience = settings.audience.clone().unwrap_or_else(|| AUDIENCE.to_owned());
        Some(TokenSource::Program { path: around.program(program.name())?, program, audience })
    };
    match CiSystem::of(|name| around.variable(name)) {
        Some(CiSystem::GitHub) => endpoint(settings, around).ok_or_else(|| MissingToken::of_github(around)),
        Some(CiSystem::GitLab) => Err(MissingToken::GitLab {
            variable: settings.variable.clone(),
            audience: settings.audience.clone().unwrap_or_else(|| AUDIENCE.to_owned()),
        }),
        Some(CiSystem::CircleCi) if settings.audience.is_some() => {
            program(TokenProgram::CircleCi).ok_or(MissingToken::Program(TokenProgram::CircleCi))
        }
        Some(CiSystem::CircleCi) => in_variable(CIRCLECI_VARIABLE).ok_or(MissingToken::CircleCi),
        Some(CiSystem::Buildkite) => {
            program(TokenProgram::Buildkite).ok_or(MissingToken::Program(TokenProgram::Buildkite))
        }
        // CodeBuild's service role comes by the standard chain.
        Some(CiSystem::CodeBuild | CiSystem::Other) | None => {
            Err(MissingToken::Nowhere { variable: settings.variable.clone() })
        }
    }
}

fn endpoint(settings: &OidcSettings, around: &impl Surroundings) -> Option<TokenSource> {
    let [url, bearer] = GITHUB_VARIABLES.map(|name| around.variable(name));
    Some(TokenSource::Endpoint {
        url: url?.to_owned(),
        bearer: Secret::new(bearer?),
        audience: settings.audience.clone().unwrap_or_else(|| AUDIENCE.to_owned()),
    })
}
