//! Why a job's token could not be had. No message holds a byte of it, nor of what the job is known by.

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// The endpoint's address cannot be used.
    #[error("ACTIONS_ID_TOKEN_REQUEST_URL cannot be used: {reason}")]
    Address {
        /// Why.
        reason: String,
    },
    /// The endpoint gave no answer.
    #[error("GitHub's token endpoint gave no answer ({attempts} attempts): {reason}")]
    Unreachable {
        /// How often it was asked.
        attempts: u32,
        /// Why the last attempt failed.
        reason: String,
    },
    /// The endpoint answered something else.
    #[error("GitHub's token endpoint answered {status}")]
    Refused {
        /// The status, and what it says besides.
        status: String,
        /// Whether it does not know the job, or does not let it.
        is_denial: bool,
    },
    /// What came is no token.
    #[error("what {from} gave is no token")]
    NoToken {
        /// Who gave it.
        from: String,
    },
    /// The token is for somebody else.
    #[error("the token of {from} is for audience {found}, not for {wanted}")]
    Audience {
        /// Who gave it.
        from: String,
        /// Whom it was to be for.
        wanted: String,
        /// Whom it is for.
        found: String,
    },
    /// The program that was to print it failed.
    #[error("{program} {reason}")]
    Program {
        /// The program's name.
        program: &'static str,
        /// What it did instead: `gave no answer within 30 s`.
        reason: String,
    },
}

impl TokenError {
    /// How to mend it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Address { .. } => {
                "leave ACTIONS_ID_TOKEN_REQUEST_URL as the runner sets it, or say `--oidc off`".to_owned()
            }
            Self::Unreachable { .. } => {
                "check the network between the runner and GitHub (a proxy is taken from HTTPS_PROXY), and run the job \
                 again"
                    .to_owned()
            }
            Self::Refused { is_denial: true, .. } => {
                "the job's own token may have expired (it ends with the job), or the job lacks `permissions: id-token: \
                 write`"
                    .to_owned()
            }
            Self::Refused { status, .. } if status.contains("redirect") => {
                "let the runner reach GitHub without what redirects its requests (a proxy, a portal)".to_owned()
            }
            Self::Refused { is_denial: false, .. } => {
                "run the job again; GitHub's status page may tell more".to_owned()
            }
            Self::NoToken { from } => format!("{from} must give one JSON web token and nothing else"),
            Self::Audience { wanted, found, .. } => format!(
                "ask for the same audience on both sides: `aud: {wanted}` where the CI system makes the token, or \
                 `audience: {found}` in `oidc`"
            ),
            Self::Program { program, .. } => {
                format!("run `{program}` in the job by hand to see why, or say `--oidc off`")
            }
        }
    }
}
