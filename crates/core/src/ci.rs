//! Which continuous integration system a run is in, from the variables that the system sets. Whoever must know what a
//! system wants told, or how it hands out tokens, knows it by this and reads no such variable for it.

use std::fmt;

/// A continuous integration system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CiSystem {
    /// GitHub Actions, and what is compatible with it.
    GitHub,
    /// GitLab CI.
    GitLab,
    /// CircleCI.
    CircleCi,
    /// Buildkite.
    Buildkite,
    /// AWS CodeBuild.
    CodeBuild,
    /// One that says no more than `CI`.
    Other,
}

impl CiSystem {
    /// The variable that overrides what is found: one of the [`CiSystem::name`]s, or `none`.
    pub const VARIABLE: &str = "SHIPGATE_CI";

    /// Those that are told apart, and the variable that each sets: to `true`, but for CodeBuild, which sets its build's ARN.
    const KNOWN: [(Self, &str); 5] = [
        (Self::GitHub, "GITHUB_ACTIONS"),
        (Self::GitLab, "GITLAB_CI"),
        (Self::CircleCi, "CIRCLECI"),
        (Self::Buildkite, "BUILDKITE"),
        (Self::CodeBuild, "CODEBUILD_BUILD_ARN"),
    ];

    /// The system of a run with these variables; none on a person's machine.
    ///
    /// CodeBuild runs jobs of GitHub Actions and Buildkite too: the one whose job it is counts, not whose machine.
    pub fn of<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let is_set = |name: &str| variable(name).is_some_and(|value| !["", "false", "0"].contains(&value));
        match variable(Self::VARIABLE) {
            Some("none") => return None,
            Some(name) if !name.is_empty() => {
                return Some(
                    Self::KNOWN
                        .into_iter()
                        .map(|(system, _)| system)
                        .find(|system| system.name() == name)
                        .unwrap_or(Self::Other),
                );
            }
            Some(_) | None => (),
        }
        let known = Self::KNOWN.into_iter().find(|(_, name)| is_set(name)).map(|(system, _)| system);
        known.or_else(|| is_set("CI").then_some(Self::Other))
    }

    /// Its name in lower case, for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::CircleCi => "circleci",
            Self::Buildkite => "buildkite",
            Self::CodeBuild => "codebuild",
            Self::Other => "other",
        }
    }
}

/// For people.
impl fmt::Display for CiSystem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::GitHub => "GitHub Actions",
            Self::GitLab => "GitLab CI",
            Self::CircleCi => "CircleCI",
            Self::Buildkite => "Buildkite",
            Self::CodeBuild => "CodeBuild",
            Self::Other => "a CI system",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::CiSystem;

    type Variables = &'static [(&'static str, &'static str)];

    #[test]
    fn a_system_is_known_by_its_variable() {
        let table: [(Variables, Option<CiSystem>); 12] = [
            (&[], None),
            (&[("CI", "true")], Some(CiSystem::Other)),
            (&[("CI", "")], None),
            (&[("CI", "false")], None),
            (&[("CI", "true"), ("GITHUB_ACTIONS", "true")], Some(CiSystem::GitHub)),
            (&[("CI", "true"), ("GITLAB_CI", "true")], Some(CiSystem::GitLab)),
            (&[("CI", "true"), ("CIRCLECI", "true")], Some(CiSystem::CircleCi)),
            (&[("CI", "true"), ("BUILDKITE", "true")], Some(CiSystem::Buildkite)),
            (&[("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:x")], Some(CiSystem::CodeBuild)),
            (&[("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:x"), ("GITHUB_ACTIONS", "true")], Some(CiSystem::GitHub)),
            (&[("GITHUB_ACTIONS", "true"), ("SHIPGATE_CI", "none")], None),
            (&[("GITHUB_ACTIONS", "true"), ("SHIPGATE_CI", "gitlab")], Some(CiSystem::GitLab)),
        ];
        for (variables, expected) in table {
            let find = |name: &str| variables.iter().find(|(set, _)| *set == name).map(|(_, value)| *value);
            assert_eq!(CiSystem::of(find), expected, "{variables:?}");
        }
    }
}
