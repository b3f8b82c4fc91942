//! What the container is told: the start command in words, and its environment.

use std::collections::BTreeMap;

use super::VerifyError;
use shipgate_core::{
    secret::Secret,
    service::RunSettings,
    service_secret::is_stand_in,
    start_command::{self, Unsplittable},
};

/// The start command in words. A command of nothing but blanks is none.
pub(super) fn words(command: &str) -> Result<Option<Vec<String>>, VerifyError> {
    start_command::words(command).map_err(|Unsplittable(reason)| VerifyError::StartCommand { reason })
}

/// The environment: the service's own, and `PORT` unless the service sets it.
pub(super) fn environment(settings: &RunSettings) -> Result<Vec<(String, Secret)>, VerifyError> {
    let mut environment: BTreeMap<String, Secret> = settings.environment.clone();
    environment.entry("PORT".to_owned()).or_insert_with(|| Secret::variable("PORT", settings.port.to_string()));
    // The engine would quote the whole entry, value and all, in its refusal.
    let impossible =
        |name: &str, value: &Secret| name.is_empty() || name.contains(['=', '\0']) || value.reveal().contains('\0');
    if let Some((name, _)) = environment.iter().find(|(name, value)| impossible(name, value)) {
        return Err(VerifyError::EnvironmentName { name: name.clone() });
    }
    Ok(environment.into_iter().collect())
}

/// The secrets the service is given and the container here is not.
pub(super) fn missing_secrets(settings: &RunSettings) -> Vec<String> {
    settings.secrets.keys().filter(|name| !settings.environment.contains_key(*name)).cloned().collect()
}

/// The secrets the service is given that the container here has stand-ins for.
pub(super) fn stubbed_secrets(settings: &RunSettings) -> Vec<String> {
    let stubbed = |name: &&String| settings.environment.get(*name).is_some_and(|value| is_stand_in(name, value));
    settings.secrets.keys().filter(stubbed).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::{environment, missing_secrets, stubbed_secrets};
    use shipgate_core::{
        secret::Secret,
        service::RunSettings,
        service_secret::{SecretSource, stand_in},
    };

    #[test]
    fn port_is_given_unless_the_service_sets_it() {
        let mut settings = RunSettings { port: 3000, ..RunSettings::default() };
        assert_eq!(environment(&settings).unwrap(), [("PORT".to_owned(), Secret::new("3000"))]);
        settings.environment.insert("PORT".to_owned(), Secret::new("9"));
        assert_eq!(environment(&settings).unwrap(), [("PORT".to_owned(), Secret::new("9"))]);
        settings.environment.insert("A=B".to_owned(), Secret::new("hidden value"));
        let error = environment(&settings).unwrap_err().to_string();
        assert!(error.contains("A=B") && !error.contains("hidden"), "{error}");
        settings.environment = [("KEY".to_owned(), Secret::new("hidden\0value"))].into();
        let error = environment(&settings).unwrap_err().to_string();
        assert!(error.contains("KEY") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn secrets_that_are_given_are_not_missing() {
        let mut settings = RunSettings::default();
        for name in ["DB", "KEY", "TOKEN"] {
            settings.secrets.insert(name.to_owned(), SecretSource::read("/shop/x"));
        }
        settings.environment.insert("KEY".to_owned(), Secret::new("k"));
        settings.environment.insert("TOKEN".to_owned(), stand_in("TOKEN"));
        settings.environment.insert("OTHER".to_owned(), stand_in("OTHER"));
        assert_eq!(
            (missing_secrets(&settings), stubbed_secrets(&settings)),
            (vec!["DB".to_owned()], vec!["TOKEN".to_owned()])
        );
    }
}
