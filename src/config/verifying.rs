//! What `shipgate verify` is asked to do: its words and flags, read and checked, every problem at once. Alone it needs no
//! file; for a target it reads the file as `deploy` does, and the flags go over what the service's settings turn out to be.

mod settings;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, str::FromStr, time::Duration};

pub use self::settings::{SettingsFlags, SettingsWords};
use super::{
    deployment::Target,
    environment::Environment,
    load, load_target,
    overrides::Overrides,
    problem::{ConfigError, Location, Problem},
    read::Scalar,
    scalars::Stay,
};
use shipgate_core::{
    access::Access,
    engine_image::{EngineImage, PullPolicy},
    reach::ReachChoice,
    service::RunSettings,
};

/// The words and flags as they were given.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct VerifyWords {
    /// The image: a name or id that the engine has, or a reference to pull. For a target: none is the configuration's.
    pub image: Option<String>,
    /// The settings it is judged under.
    pub settings: SettingsWords,
    /// `--pull`.
    pub pull: Option<String>,
    /// `--stay`.
    pub stay: Option<String>,
    /// `--reach`.
    pub reach: Option<String>,
    /// `--keep`.
    pub keep: bool,
}

/// A check to make. Well-formed; nothing in it was asked of an engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verifying {
    /// The image.
    pub image: EngineImage,
    /// What its container is run with.
    pub settings: RunSettings,
    /// How it is checked.
    pub manner: Manner,
}

/// How an image is checked, whatever its settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manner {
    /// Whether it is pulled.
    pub pull: PullPolicy,
    /// How long it is watched on once it is healthy.
    pub stay: Duration,
    /// How the container is reached.
    pub reach: ReachChoice,
    /// A Linux executable of shipgate for the sidecar (`SHIPGATE_SIDECAR`); its own where none is named.
    pub sidecar: Option<PathBuf>,
    /// Whether the container is left in the engine.
    pub keep: bool,
}

/// A check under the settings of a target's service. Well-formed; nothing in it was asked of AWS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OfTarget {
    /// The target.
    pub target: Target,
    /// The image.
    pub image: EngineImage,
    /// Whether it is the configuration's, and not one that was named for this run: that one the engine may have been given
    /// under its name.
    pub is_configured: bool,
    /// The identity that reads it, where the configuration has one for it.
    pub registry: Option<Access>,
    /// What goes over the service's settings.
    pub settings: SettingsFlags,
    /// How it is checked.
    pub manner: Manner,
}

/// Reads words and flags; what `--env-file` names is read from there.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn read(words: &VerifyWords, environment: &Environment) -> Result<Verifying, ConfigError> {
    let mut problems = Problems(Vec::new());
    let image = problems.parse::<EngineImage>("IMAGE", Some(words.image.as_deref().unwrap_or_default()));
    let flags = problems.settings(&words.settings, environment);
    let settings = flags.over(RunSettings::default()).map_err(|problem| problems.0.push(problem)).unwrap_or_default();
    let manner = problems.manner(words, None, environment);
    problems.can_be_pulled(image.as_ref(), manner.pull);
    let Some(image) = image.filter(|_| problems.0.is_empty()) else { return Err(ConfigError::new(problems.0)) };
    Ok(Verifying { image, settings, manner })
}

/// Reads words and flags, and the configuration of the target that they go with.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn read_for_target(
    words: &VerifyWords,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<OfTarget, ConfigError> {
    let mut problems = Problems(Vec::new());
    let named = words.image.as_deref();
    let image = problems.parse::<EngineImage>("IMAGE", named);
    let settings = problems.settings(&words.settings, environment);
    let configured = configured(image.as_ref(), named.is_some(), overrides, environment);
    let configured = configured.map_err(|error| problems.0.extend(error.problems)).ok();
    let target = configured.as_ref().map(|(target, ..)| target);
    let manner = problems.manner(words, target, environment);
    let real_values = target.is_some_and(|target| target.verify.secrets.holds_real_values());
    problems.0.extend(refuse_to_keep(manner.keep, real_values));
    let image = image.or_else(|| configured.as_ref().and_then(|(_, image, _)| image.clone()));
    problems.can_be_pulled(image.as_ref(), manner.pull);
    match (configured, image) {
        (Some((target, _, registry)), Some(image)) if problems.0.is_empty() => {
            Ok(OfTarget { target, image, is_configured: named.is_none(), registry, settings, manner })
        }
        _ => Err(ConfigError::new(problems.0)),
    }
}

/// What the configuration says of a target; its image where none is named; and who reads the image. An image of ECR that
/// is named is read as the configuration's own would be. Of any other the configuration knows nothing.
fn configured(
    image: Option<&EngineImage>,
    is_named: bool,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<(Target, Option<EngineImage>, Option<Access>), ConfigError> {
    let in_ecr = image.and_then(EngineImage::reference).filter(|reference| reference.ecr().is_some());
    if is_named && in_ecr.is_none() {
        return load_target(overrides, environment).map(|target| (target, None, None));
    }
    let overrides = Overrides { image: in_ecr.map(ToString::to_string), ..overrides.clone() };
    let deployment = load(&overrides, environment)?;
    Ok((deployment.target, Some(deployment.image.into()), Some(deployment.registry)))
}

/// Why a container may not be kept, if it may not: `docker inspect` shows what it was given for as long as it is there.
/// `real_values`: whether that holds values of the service's secrets that were fetched, or read from a file of secrets.
#[must_use]
pub fn refuse_to_keep(keep: bool, real_values: bool) -> Option<Problem> {
    (keep && real_values).then(|| {
        Problem::new(&Location::Flag("--keep"), "a container that is given the real values of secrets is not kept")
            .with_hint("keep it with stubs for its secrets, or leave --keep out")
    })
}

/// The problems found so far.
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, flag: &'static str, message: impl AsRef<str>) {
        self.0.push(Problem::new(&Location::Flag(flag), message));
    }

    fn parse<T: FromStr<Err: std::error::Error>>(&mut self, flag: &'static str, text: Option<&str>) -> Option<T> {
        text?.parse().map_err(|error: T::Err| self.add(flag, error.to_string())).ok()
    }

    fn scalar<T: Scalar>(&mut self, flag: &'static str, text: Option<&str>) -> Option<T> {
        let text = text?;
        let value = T::parse(text);
        if value.is_none() {
            self.add(flag, T::complaint(text));
        }
        value
    }

    /// The flags count more than the target's `verify` block.
    fn manner(&mut self, words: &VerifyWords, target: Option<&Target>, environment: &Environment) -> Manner {
        let configured = target.map(|target| &target.verify);
        let stay: Option<Stay> = self.scalar("--stay", words.stay.as_deref());
        let reach: Option<ReachChoice> = self.scalar("--reach", words.reach.as_deref());
        Manner {
            pull: self.parse("--pull", words.pull.as_deref()).unwrap_or_default(),
            stay: stay.map(|stay| stay.0).or(configured.map(|verify| verify.stay)).unwrap_or_default(),
            reach: reach.or_else(|| configured.map(|verify| verify.reach.clone())).unwrap_or_default(),
            sidecar: environment.sidecar().map(Into::into),
            keep: words.keep,
        }
    }

    fn can_be_pulled(&mut self, image: Option<&EngineImage>, pull: PullPolicy) {
        if let (Some(image), PullPolicy::Always) = (image, pull)
            && image.reference().is_none()
        {
            let problem =
                Problem::new(&Location::Flag("--pull"), format!("`{image}` is an id, and only a name can be pulled"));
            self.0.push(problem.with_hint("name the image by its registry and tag, or leave --pull out"));
        }
    }
}
