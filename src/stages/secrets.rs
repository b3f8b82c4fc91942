//! What the local check is given for the service's secrets: as `verify.secrets` says, before any container is made. Reads
//! from AWS where the values are to be fetched, and changes nothing.

use std::collections::BTreeMap;

use crate::stages::preflight::{Check, Trouble};
use shipgate_aws::secrets::{Fetched, Secrets};
use shipgate_core::{
    secret::Secret,
    service::RunSettings,
    service_secret::{SecretSource, SecretsWay, stand_in},
};

/// The check's name.
const NAME: &str = "service-secrets";

/// What a container here is given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Given {
    /// The variables.
    pub values: BTreeMap<String, Secret>,
    /// What came of it; nothing when nothing was to be given.
    pub check: Option<Check>,
}

/// Gives the service's secrets as the way says, those that nothing else gives a value.
pub async fn give(way: &SecretsWay, settings: &RunSettings, secrets: &Secrets) -> Given {
    let mut wanted = settings.secrets.clone();
    wanted.retain(|name, _| !settings.environment.contains_key(name));
    match way {
        _ if wanted.is_empty() => Given { values: BTreeMap::new(), check: None },
        SecretsWay::Skip => Given { values: BTreeMap::new(), check: None },
        SecretsWay::Stub => stubs(&wanted),
        SecretsWay::File(values) => of_file(&wanted, values),
        SecretsWay::Fetch => fetched(secrets.fetch(&wanted).await),
    }
}

fn stubs(wanted: &BTreeMap<String, SecretSource>) -> Given {
    let values = wanted.keys().map(|name| (name.clone(), stand_in(name))).collect();
    Given { values, check: Some(Check::passed(NAME, format!("stand-ins for {}", list(wanted.keys())))) }
}

/// What the file has and the service does not want is not given. What it lacks is missing, and told as such.
fn of_file(wanted: &BTreeMap<String, SecretSource>, of_file: &BTreeMap<String, Secret>) -> Given {
    let values: BTreeMap<String, Secret> =
        wanted.keys().filter_map(|name| Some((name.clone(), of_file.get(name)?.clone()))).collect();
    let detail = match (list(values.keys()), list(wanted.keys().filter(|name| !values.contains_key(*name)))) {
        (given, missing) if missing.is_empty() => format!("{given} from the file"),
        (given, missing) if given.is_empty() => format!("the file has none of {missing}"),
        (given, missing) => format!("{given} from the file, which has no {missing}"),
    };
    Given { values, check: Some(Check::passed(NAME, detail)) }
}

/// All that cannot be had is told at once. Whoever may not read it is told the permission.
fn fetched(fetched: Fetched) -> Given {
    let (mut values, mut faults, mut actions) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (name, result) in fetched {
        match result {
            Ok(value) => drop(values.insert(name, value)),
            Err(fault) => {
                actions.extend(fault.missing_action());
                faults.push(format!("{name}: {fault}"));
            }
        }
    }
    if faults.is_empty() {
        let detail = format!("fetched {}", list(values.keys()));
        return Given { values, check: Some(Check::passed(NAME, detail)) };
    }
    actions.sort_unstable();
    actions.dedup();
    let (trouble, mend) = if actions.is_empty() {
        (Trouble::Setup, "correct what the service names".to_owned())
    } else {
        (Trouble::Permission, format!("allow the role that deploys {}", actions.join(", ")))
    };
    let hint = format!("{mend}, or give the local check stand-ins: `verify.secrets: stub`, or --secrets stub");
    Given { values, check: Some(Check::failed(NAME, faults.join("; "), trouble, Some(hint))) }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Fetched, Given, Secret, SecretSource, Trouble, fetched, of_file, stubs};
    use shipgate_aws::{fault::AwsFault, secrets::SecretFault};

    fn wanted(names: &[&str]) -> BTreeMap<String, SecretSource> {
        names.iter().map(|name| ((*name).to_owned(), SecretSource::read("/shop/x"))).collect()
    }

    fn told(given: &Given) -> (Vec<&str>, &str) {
        (given.values.keys().map(String::as_str).collect(), given.check.as_ref().unwrap().detail.as_str())
    }

    #[test]
    fn every_secret_has_a_stand_in_of_its_own() {
        let given = stubs(&wanted(&["A", "B"]));
        assert_eq!(told(&given), (vec!["A", "B"], "stand-ins for A, B"));
        assert_eq!(given.values["B"].reveal(), "shipgate-stub-B");
    }

    #[test]
    fn a_file_gives_what_is_wanted_and_says_what_it_lacks() {
        let file: BTreeMap<String, Secret> = ["A", "X"].map(|name| (name.to_owned(), Secret::new("hunter2"))).into();
        let table = [
            (vec!["A"], vec!["A"], "A from the file"),
            (vec!["A", "B"], vec!["A"], "A from the file, which has no B"),
            (vec!["B", "C"], vec![], "the file has none of B, C"),
        ];
        for (names, values, detail) in table {
            assert_eq!(told(&of_file(&wanted(&names), &file)), (values, detail));
        }
    }

    #[test]
    fn all_that_cannot_be_fetched_is_told_with_the_permissions() {
        let denied = |action| {
            let message = "not authorized".to_owned();
            Err(SecretFault::Call(AwsFault::refused(action, "AccessDeniedException", &message)))
        };
        let all: Fetched = [
            ("A", Ok(Secret::new("hunter2"))),
            ("B", denied("secretsmanager:GetSecretValue")),
            ("C", denied("ssm:GetParameters")),
            ("D", Err(SecretFault::NoParameter)),
        ]
        .map(|(name, result)| (name.to_owned(), result))
        .into();
        let given = fetched(all);
        let check = given.check.unwrap();
        let problem = check.problem.unwrap();
        assert_eq!(problem.trouble, Trouble::Permission);
        for expected in ["B: secretsmanager:GetSecretValue failed", "C: ssm:GetParameters failed", "D: there is no"] {
            assert!(check.detail.contains(expected), "{}", check.detail);
        }
        let hint = problem.hint.unwrap();
        assert!(hint.contains("secretsmanager:GetSecretValue, ssm:GetParameters") && hint.contains("stub"), "{hint}");
        assert!(!format!("{} {hint}", check.detail).contains("hunter2"));

        let missing = fetched([("D".to_owned(), Err(SecretFault::NoParameter))].into()).check.unwrap();
        assert_eq!(missing.problem.unwrap().trouble, Trouble::Setup, "what is not there is no question of permission");
    }
}
