//! What `init` is told on the command line: a service that exists, and how to reach it. There is no file yet.

use super::{
    deployment::Target,
    environment::Environment,
    nothing,
    oidc::OidcWords,
    overrides::Overrides,
    problem::{ConfigError, Location, Problem},
    target_in,
};
use shipgate_core::{
    arn::{RoleArn, ServiceArn},
    image::ImageReference,
};

/// The flags of `init`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct InitWords {
    /// `--from-service`: an ARN.
    pub service: String,
    /// `--registry-image`: an image reference, with or without variables.
    pub image: Option<String>,
    /// `--registry-role`: an ARN.
    pub registry_role: Option<String>,
    /// `--role`: an ARN.
    pub role: Option<String>,
    /// `--external-id`.
    pub external_id: Option<String>,
    /// The flags about the job's token.
    pub oidc: OidcWords,
}

/// A service that exists, and how to reach it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Initial {
    /// The service.
    pub service: ServiceArn,
    /// Its account and region, as a target.
    pub target: Target,
}

/// Reads the flags.
///
/// # Errors
/// [`ConfigError`] with every problem.
pub fn read(words: &InitWords, environment: &Environment) -> Result<Initial, ConfigError> {
    let mut problems = Vec::new();
    let mut problem = |flag, message: String| problems.push(Problem::new(&Location::Flag(flag), message));
    if let Some(image) = words.image.as_deref().filter(|image| !is_image(image)) {
        problem("--registry-image", format!("`{image}` is not an image reference"));
    }
    if let Some(Err(error)) = words.registry_role.as_deref().map(str::parse::<RoleArn>) {
        problem("--registry-role", error.to_string());
    }
    let service =
        words.service.parse::<ServiceArn>().map_err(|error| problem("--from-service", error.to_string())).ok();
    if let (Some(service), Some(Ok(role))) = (&service, words.role.as_deref().map(str::parse::<RoleArn>))
        && role.account() != service.account()
    {
        let (of_role, of_service) = (role.account(), service.account());
        problem("--role", format!("the role is of account {of_role}, and the service of account {of_service}"));
    }
    let Some(service) = service else { return Err(ConfigError::new(problems)) };
    let overrides = Overrides {
        role: words.role.clone(),
        external_id: words.external_id.clone(),
        oidc: words.oidc.when.clone(),
        oidc_audience: words.oidc.audience.clone(),
        oidc_token_variable: words.oidc.token_variable.clone(),
        service: Some(service.name().to_owned()),
        region: Some(service.region().to_string()),
        ..Overrides::default()
    };
    let target = target_in(nothing(), problems, &overrides, environment)?;
    Ok(Initial { service, target })
}

/// Whether a text is an image reference once its variables have values.
#[must_use]
pub fn is_image(text: &str) -> bool {
    image_like(text).is_some()
}

/// The image reference that a text is with some value for each of its variables.
#[must_use]
pub fn image_like(text: &str) -> Option<ImageReference> {
    without_variables(text)?.parse().ok()
}

/// The text with a word for each `${…}`; `None` when one is not closed.
fn without_variables(text: &str) -> Option<String> {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("${") {
        let (_, after) = after.split_once('}')?;
        plain.push_str(before);
        plain.push_str("variable");
        rest = after;
    }
    Some(plain + rest)
}

#[cfg(test)]
mod tests {
    use super::{InitWords, is_image, read};
    use crate::config::environment::Environment;

    const IMAGE: &str = "111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api";
    const SERVICE: &str = "arn:aws:apprunner:ap-northeast-1:222222222222:service/shop-api/0123";

    fn problems(words: &InitWords) -> Vec<String> {
        let read = read(words, &Environment::from_pairs([("AWS_REGION", "eu-west-1")]));
        read.err().map(|error| error.problems.iter().map(ToString::to_string).collect()).unwrap_or_default()
    }

    #[test]
    fn a_service_is_enough() {
        let words = InitWords { service: SERVICE.to_owned(), ..InitWords::default() };
        let initial = read(&words, &Environment::from_pairs([("AWS_REGION", "eu-west-1")])).unwrap();
        assert_eq!(initial.target.service.as_str(), "shop-api");
        assert_eq!(initial.target.access.region.as_str(), "ap-northeast-1");
        assert_eq!(initial.target.access.hops, []);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let wrong = InitWords {
            service: "shop-api".to_owned(),
            image: Some("shop api".to_owned()),
            registry_role: Some("pull".to_owned()),
            ..InitWords::default()
        };
        let told = problems(&wrong);
        assert_eq!(told.len(), 3, "{told:?}");
        let other = InitWords {
            service: SERVICE.to_owned(),
            role: Some("arn:aws:iam::111111111111:role/other".to_owned()),
            ..InitWords::default()
        };
        assert_eq!(
            problems(&other),
            ["--role: the role is of account 111111111111, and the service of account 222222222222"]
        );
    }

    #[test]
    fn images_may_have_variables() {
        for (text, is) in [
            (IMAGE.to_owned(), true),
            (format!("{IMAGE}:${{VERSION}}"), true),
            (format!("{IMAGE}:${{VERSION:-v1}}"), true),
            (format!("{IMAGE}:${{VERSION"), false),
            ("shop api".to_owned(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_image(&text), is, "{text}");
        }
    }
}
