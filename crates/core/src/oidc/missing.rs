//! What keeps a job from having a token, and how to mend it, in each CI system's own words.

use super::{Surroundings, TokenProgram};

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MissingToken {
    /// GitHub lets this job ask for none.
    GitHub {
        /// Whether the job was started by a pull request, which is given none when it comes from a fork.
        is_pull_request: bool,
    },
    /// The job's `id_tokens` name none.
    GitLab {
        /// The variable that it is looked for in.
        variable: String,
        /// The audience to name there.
        audience: String,
    },
    /// CircleCI has set none.
    CircleCi,
    /// The program that asks for it is not here.
    Program(TokenProgram),
    /// Nothing here gives tokens to jobs.
    Nowhere {
        /// The variable that it is looked for in.
        variable: String,
    },
}

/// As the end of a sentence: what is missing.
impl std::fmt::Display for MissingToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::GitHub { .. } => formatter.write_str("the job has no permission id-token: write"),
            Self::GitLab { variable, .. } => write!(formatter, "the job's id_tokens name no {variable}"),
            Self::CircleCi => formatter.write_str("CIRCLE_OIDC_TOKEN_V2 is not set"),
            Self::Program(program) => write!(formatter, "{} is not on PATH", program.name()),
            Self::Nowhere { variable } => {
                write!(formatter, "no CI system that gives tokens to jobs is known here, and {variable} is not set")
            }
        }
    }
}

impl MissingToken {
    pub(super) fn of_github(around: &impl Surroundings) -> Self {
        let event = around.variable("GITHUB_EVENT_NAME");
        Self::GitHub { is_pull_request: event.is_some_and(|event| event.starts_with("pull_request")) }
    }

    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::GitHub { is_pull_request: false } => {
                "add `permissions: id-token: write` to the job (and `contents: read`, if it checks code out)".to_owned()
            }
            Self::GitHub { is_pull_request: true } => {
                "add `permissions: id-token: write` to the job (and `contents: read`, if it checks code out); a pull \
                 request from a fork is given no token, whatever the job says: let it verify alone, and deploy after \
                 the merge"
                    .to_owned()
            }
            Self::GitLab { variable, audience } => {
                format!("add to the job: `id_tokens: {{ {variable}: {{ aud: {audience} }} }}`")
            }
            Self::CircleCi => {
                "give the job a context (`context:` in the workflow): CircleCI gives its token to jobs that have one, \
                 and to pull requests from forks only where the project lets them have secrets"
                    .to_owned()
            }
            Self::Program(TokenProgram::CircleCi) => {
                "name no audience, so that CIRCLE_OIDC_TOKEN_V2 is used (its audience is the organization's id), or \
                 run in a job of CircleCI, where the program is on PATH"
                    .to_owned()
            }
            Self::Program(TokenProgram::Buildkite) => {
                "a step in a container has not the agent's program: mount it (the docker plugin's \
                 `mount-buildkite-agent: true`), or ask outside and pass the token in a variable"
                    .to_owned()
            }
            Self::Nowhere { variable } => {
                format!("put the job's token into {variable}, or say `oidc: {{ when: auto }}`")
            }
        }
    }
}
