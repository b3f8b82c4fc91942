//! Where role chains begin: the `oidc` keys, or the flags in their place, and what the environment has of a job's token and of
//! credentials.

use std::path::{Path, PathBuf};

use schemars::{Schema, json_schema};

use super::{
    environment::Environment,
    problem::{Location, Problem},
    read::{Given, Scalar},
    scalars::{in_schema, values},
    shape,
};
use shipgate_core::oidc::{OidcSettings, OidcUse, Start, Surroundings, start};

/// The flags, for a command that has no file.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct OidcWords {
    /// `--oidc`.
    pub when: Option<String>,
    /// `--oidc-audience`.
    pub audience: Option<String>,
    /// `--oidc-token-variable`.
    pub token_variable: Option<String>,
}

/// Where chains begin, as a file has it.
pub(super) fn of_file(given: Given<shape::Oidc>, environment: &Environment) -> Start {
    let given = given.value().unwrap_or_default();
    let settings = OidcSettings {
        when: given.when.value().unwrap_or_default(),
        audience: given.audience.value().map(|audience| audience.0),
        variable: given.token_variable.value().map_or_else(|| OidcSettings::default().variable, |name| name.0),
    };
    start(&settings, environment)
}

/// Where chains begin, as flags alone have it.
pub(super) fn of_words(words: &OidcWords, environment: &Environment, problems: &mut Vec<Problem>) -> Start {
    let mut settings = OidcSettings::default();
    if let Some(when) = read::<OidcUse>("--oidc", words.when.as_deref(), problems) {
        settings.when = when;
    }
    settings.audience = read::<Audience>("--oidc-audience", words.audience.as_deref(), problems).map(|given| given.0);
    if let Some(name) = read::<Variable>("--oidc-token-variable", words.token_variable.as_deref(), problems) {
        settings.variable = name.0;
    }
    start(&settings, environment)
}

fn read<T: Scalar>(flag: &'static str, text: Option<&str>, problems: &mut Vec<Problem>) -> Option<T> {
    let text = text?;
    let value = T::parse(text);
    if value.is_none() {
        problems.push(Problem::new(&Location::Flag(flag), T::complaint(text)));
    }
    value
}

impl Scalar for OidcUse {
    const EXPECTED: &'static str = "when the job's token is used (auto, always or off)";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn schema() -> Schema {
        json_schema!({ "enum": ["auto", "always", "off"] })
    }
}

in_schema!(OidcUse);

values! {
    // IAM API reference, CreateOpenIDConnectProvider: ClientIDList.
    /// An audience.
    Audience(String) is "an audience (1 to 255 characters without blanks)",
        |text| ((1..=255).contains(&text.len()) && !text.contains(|c: char| c.is_whitespace() || c.is_control()))
            .then(|| text.to_owned()),
        { "type": "string", "pattern": r"^\S{1,255}$" }

    /// The name of a variable.
    Variable(String) is "the name of a variable (letters, digits and _, not beginning with a digit)",
        |text| (text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')).then(|| text.to_owned()),
        { "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" }
}

impl Surroundings for Environment {
    fn variable(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    fn program(&self, name: &str) -> Option<PathBuf> {
        let directories = self.path().into_iter().flat_map(std::env::split_paths);
        directories.filter(|directory| directory.is_absolute()).map(|d| d.join(name)).find(|file| is_executable(file))
    }

    fn credentials_file(&self) -> Option<String> {
        let file = self.home()?.join(".aws/credentials");
        file.is_file().then(|| file.display().to_string())
    }
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}

#[cfg(test)]
mod tests {
    use super::{OidcWords, of_words};
    use crate::config::{environment::Environment, overrides::Overrides, tests::load_with};
    use shipgate_core::oidc::{Start, Surroundings as _, TokenSource, WhyStandard};

    const FILE: &str = "\
image: 111111111111.dkr.ecr.ap-northeast-1.amazonaws.com/shop/api:v1
oidc: { when: always, audience: shop, token_variable: JOB_TOKEN }
targets: { prod: { service: shop-api } }
";

    fn environment() -> Environment {
        Environment::from_pairs([("JOB_TOKEN", "t"), ("AWS_ACCESS_KEY_ID", "AKIA"), ("OTHER", "u")])
    }

    fn told(start: &Start) -> String {
        match start {
            Start::Token(TokenSource::Variable { name, audience, .. }) => format!("{name} {audience:?}"),
            Start::Standard(WhyStandard::Given(by)) => format!("given {by}"),
            Start::Token(_) | Start::Standard(_) | Start::Refused(_) => format!("{start:?}"),
        }
    }

    #[test]
    fn the_file_and_the_flags_say_where_chains_begin() {
        let flag = |when: &str, variable: &str| Overrides {
            oidc: Some(when.to_owned()),
            oidc_token_variable: Some(variable.to_owned()),
            ..Overrides::default()
        };
        let table = [
            (Overrides::default(), "JOB_TOKEN Some(\"shop\")"),
            (flag("always", "OTHER"), "OTHER Some(\"shop\")"),
            (flag("auto", "JOB_TOKEN"), "given AWS_ACCESS_KEY_ID"),
            (flag("off", "JOB_TOKEN"), "Standard(TurnedOff)"),
        ];
        for (overrides, expected) in table {
            let deployment = load_with(FILE, &overrides, &environment()).unwrap();
            assert_eq!(told(&deployment.target.start), expected);
        }
        let wrong = FILE.replace("always", "on").replace("audience: shop", "audience: a b").replace("JOB_TOKEN", "1A");
        let problems = load_with(&wrong, &Overrides::default(), &environment()).unwrap_err().to_string();
        assert_eq!(problems.lines().count(), 3, "{problems}");
    }

    #[test]
    fn words_are_read_as_the_file_is() {
        let word = |text: &str| Some(text.to_owned());
        let mut problems = Vec::new();
        let words = OidcWords { when: word("always"), audience: None, token_variable: word("JOB_TOKEN") };
        assert_eq!(told(&of_words(&words, &environment(), &mut problems)), "JOB_TOKEN None");
        assert!(problems.is_empty());
        let words = OidcWords { when: word("on"), audience: word(""), token_variable: word("A-B") };
        of_words(&words, &environment(), &mut problems);
        assert_eq!(problems.len(), 3, "{problems:?}");
    }

    #[test]
    fn programs_are_looked_for_on_the_path_and_credentials_at_home() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let here = Environment::from_pairs([("PATH", "relative:/nowhere:/bin"), ("HOME", home)]);
        assert_eq!(here.program("sh"), Some("/bin/sh".into()));
        assert_eq!(here.program("no-such-program"), None);
        std::fs::write(folder.path().join("text"), "").unwrap();
        assert_eq!(Environment::from_pairs([("PATH", home)]).program("text"), None, "it cannot be run");
        assert_eq!(here.credentials_file(), None);
        std::fs::create_dir(folder.path().join(".aws")).unwrap();
        std::fs::write(folder.path().join(".aws/credentials"), "").unwrap();
        assert!(here.credentials_file().unwrap().ends_with(".aws/credentials"));
    }
}
