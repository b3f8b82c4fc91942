//! What the container is told: the start command in words, and its environment.

use std::collections::BTreeMap;

use super::VerifyError;
use crate::domain::{
    secret::Secret,
    service::RunSettings,
    start_command::{self, Unsplittable},
};

/// The start command in words. A command of nothing but blanks is none.
pub(super) fn words(command: &str) -> Result<Option<Vec<String>>, VerifyError> {
    start_command::words(command).map_err(|Unsplittable(reason)| VerifyError::StartCommand { reason })
}

/// The environment: the service's own, and `PORT` unless the service sets it.
pub(super) fn environment(settings: &RunSettings) -> Result<Vec<(String, Secret)>, VerifyError> {
    let mut environment: BTreeMap<String, Secret> = settings.environment.clone();
    environment.entry("PORT".to_owned()).or_insert_with(|| Secret::new(settings.port.to_string()));
    // The engine would quote the whole entry, value and all, in its refusal.
    if let Some(name) = environment.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        return Err(VerifyError::EnvironmentName { name: name.clone() });
    }
    Ok(environment.into_iter().collect())
}

/// The secrets the service is given and the container here is not.
pub(super) fn missing_secrets(settings: &RunSettings) -> Vec<String> {
    settings.secret_names.iter().filter(|name| !settings.environment.contains_key(*name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::{environment, missing_secrets};
    use crate::domain::{secret::Secret, service::RunSettings};

    #[test]
    fn port_is_given_unless_the_service_sets_it() {
        let mut settings = RunSettings { port: 3000, ..RunSettings::default() };
        assert_eq!(environment(&settings).unwrap(), [("PORT".to_owned(), Secret::new("3000"))]);
        settings.environment.insert("PORT".to_owned(), Secret::new("9"));
        assert_eq!(environment(&settings).unwrap(), [("PORT".to_owned(), Secret::new("9"))]);
        settings.environment.insert("A=B".to_owned(), Secret::new("hidden value"));
        let error = environment(&settings).unwrap_err().to_string();
        assert!(error.contains("A=B") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn secrets_that_are_given_are_not_missing() {
        let mut settings =
            RunSettings { secret_names: vec!["DB".to_owned(), "KEY".to_owned()], ..RunSettings::default() };
        settings.environment.insert("KEY".to_owned(), Secret::new("k"));
        assert_eq!(missing_secrets(&settings), ["DB"]);
    }
}
