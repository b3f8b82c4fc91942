//! The OIDC token that a CI system gives the job that runs here, asked for where that system has it. It goes to nobody but
//! the caller: not into arguments, messages or files. What it is good for is STS's to say.
//!
//! `endpoint` (GitHub: over HTTP) and `program` (CircleCI, Buildkite: a program prints it) fetch; a variable is only read.

mod endpoint;
mod error;
mod program;

pub use error::TokenError;

use shipgate_core::{
    oidc::{Claims, TokenSource},
    secret::Secret,
};

/// Asks for a token. It is a new one each time, unless it is in a variable.
///
/// # Errors
/// [`TokenError`] when there is none, when what came is none, or when it is for another audience than was named.
pub async fn fetch(source: &TokenSource) -> Result<Secret, TokenError> {
    match source {
        TokenSource::Endpoint { url, bearer, audience } => {
            judged(endpoint::fetch(url, bearer, audience).await?, "GitHub's token endpoint", Some(audience))
        }
        TokenSource::Variable { name, token, audience } => judged(token.clone(), name, audience.as_deref()),
        TokenSource::Program { path, program, audience } => {
            let token = program::run(path, *program, audience, program::PATIENCE).await?;
            judged(token, program.name(), Some(audience))
        }
    }
}

/// STS would refuse it in fewer words.
fn judged(token: Secret, source: &str, wanted: Option<&str>) -> Result<Secret, TokenError> {
    let claims = Claims::read(&token).ok_or_else(|| TokenError::NoToken { from: source.to_owned() })?;
    match wanted {
        Some(wanted) if claims.audience() != Some(wanted) => Err(TokenError::Audience {
            from: source.to_owned(),
            wanted: wanted.to_owned(),
            found: claims.audience().unwrap_or("none").to_owned(),
        }),
        Some(_) | None => Ok(token),
    }
}
