//! Flags about the job's OIDC token, which the first role is assumed with.

use clap::Args;

use crate::config::oidc::OidcWords;

/// The job's OIDC token.
#[derive(Clone, Default, Debug, Args)]
#[command(next_help_heading = "The CI job's identity")]
pub struct OidcArgs {
    /// The job's OIDC token: auto (where the job was given no AWS credentials), always or off [default: auto]
    #[arg(long, value_name = "WHEN")]
    pub oidc: Option<String>,
    /// The audience to ask for [default: sts.amazonaws.com; CircleCI's own token has the organization's id]
    #[arg(long, value_name = "AUDIENCE")]
    pub oidc_audience: Option<String>,
    /// The variable that the token may be in, as GitLab's id_tokens name it [default: SHIPGATE_ID_TOKEN]
    #[arg(long, value_name = "NAME")]
    pub oidc_token_variable: Option<String>,
}

impl From<OidcArgs> for OidcWords {
    fn from(args: OidcArgs) -> Self {
        Self { when: args.oidc, audience: args.oidc_audience, token_variable: args.oidc_token_variable }
    }
}
